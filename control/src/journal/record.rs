//! One line of the journal.

use crate::joins::{Joined, Key};
use crate::peers::Totals;
use crate::state::GroupTotals;
use nhrp::{Session, Station};
use shm::message::{GroupId, PeerId, TunnelId};
use std::net::Ipv4Addr;

/// Longest body that is read, in octets.
pub(super) const MAX_BODY: usize = 4_096;
/// Longest identity that a record holds, in octets.
pub const MAX_IDENTITY: usize = MAX_BODY - 6;
/// Octets before the body.
const HEAD: usize = 6;

/// A registration. Times are of the wall clock, in milliseconds since 1970, since the monotonic one starts anew with
/// the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Tunnel.
    pub tunnel: TunnelId,
    /// Protocol address.
    pub protocol: Ipv4Addr,
    /// NBMA address.
    pub nbma: Ipv4Addr,
    /// Session of who registered it, under IPsec.
    pub session: Option<Session>,
    /// NBMA address that the spoke believes to have.
    pub claimed: Ipv4Addr,
    /// Registered as unique.
    pub unique: bool,
    /// Supports the NAT extension.
    pub nat_capable: bool,
    /// On the multicast list.
    pub multicast: bool,
    /// MTU.
    pub mtu: u16,
    /// Holding time in seconds.
    pub holding_time: u16,
    /// Request id of the latest registration.
    pub request_id: u32,
    /// Made.
    pub created: u64,
    /// Ends.
    pub expires: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The tunnel that records mean by an index: the configuration may have another order next time.
    Tunnel(TunnelId, String),
    /// A registration, new or refreshed.
    Bind(Binding),
    /// A registration ended.
    Unbind(TunnelId, Ipv4Addr),
    /// A peer has this number.
    Peer(PeerId, TunnelId, Station, Totals),
    /// A number is free.
    PeerGone(PeerId),
    /// This identity registered the address first: no other may have it.
    Pin(TunnelId, Ipv4Addr, String),
    /// Whoever comes first may have the address.
    Unpin(TunnelId, Ipv4Addr),
    /// A spoke joined multicast; what it does not want any more is empty.
    Join(Key, Joined),
    /// A multicast route has this number.
    Group(GroupId, Ipv4Addr, Option<Ipv4Addr>, GroupTotals),
    /// A multicast route's number is free.
    GroupGone(GroupId),
}

/// Bits of a join.
const BY_IGMP: u8 = 1;
const BLOCKED: u8 = 2;
const BY_PIM: u8 = 4;
const PRUNED: u8 = 8;

/// Appends a record with its length and checksum.
pub fn encode(record: &Record, to: &mut Vec<u8>) {
    let start = to.len();
    to.extend([0; HEAD]);
    match record {
        Record::Tunnel(tunnel, name) => {
            to.extend([1, *tunnel]);
            to.extend(name.bytes().take(MAX_BODY - 2));
        }
        Record::Bind(b) => {
            to.extend([2, b.tunnel]);
            [b.protocol, b.nbma, b.claimed].iter().for_each(|address| to.extend(address.octets()));
            to.push(u8::from(b.unique) | u8::from(b.nat_capable) << 1 | u8::from(b.multicast) << 2);
            to.extend(b.mtu.to_le_bytes());
            to.extend(b.holding_time.to_le_bytes());
            to.extend(b.request_id.to_le_bytes());
            to.extend(b.created.to_le_bytes());
            to.extend(b.expires.to_le_bytes());
            session(b.session, to);
        }
        Record::Unbind(tunnel, protocol) => {
            to.extend([3, *tunnel]);
            to.extend(protocol.octets());
        }
        Record::Peer(id, tunnel, station, base) => {
            to.extend([4, *tunnel]);
            to.extend(id.to_le_bytes());
            to.extend(station.nbma.octets());
            for count in [base.rx_packets, base.rx_bytes, base.tx_packets, base.tx_bytes] {
                to.extend(count.to_le_bytes());
            }
            session(station.session, to);
        }
        Record::PeerGone(id) => {
            to.push(5);
            to.extend(id.to_le_bytes());
        }
        Record::Pin(tunnel, protocol, identity) => {
            to.extend([6, *tunnel]);
            to.extend(protocol.octets());
            to.extend(identity.bytes().take(MAX_IDENTITY));
        }
        Record::Unpin(tunnel, protocol) => {
            to.extend([7, *tunnel]);
            to.extend(protocol.octets());
        }
        Record::Join((peer, group, source), joined) => {
            to.push(8);
            to.extend(peer.to_le_bytes());
            flow(*group, *source, to);
            join(joined, to);
        }
        Record::Group(id, group, source, base) => {
            to.push(9);
            to.extend(id.to_le_bytes());
            flow(*group, *source, to);
            for count in [base.packets, base.bytes, base.copies, base.wrong_interface, base.dropped] {
                to.extend(count.to_le_bytes());
            }
        }
        Record::GroupGone(id) => {
            to.push(10);
            to.extend(id.to_le_bytes());
        }
    }
    let body = to.get(start + HEAD..).unwrap_or_default();
    let (length, sum) = (body.len() as u16, crc32(body));
    if let Some(head) = to.get_mut(start..start + HEAD) {
        let [a, b] = length.to_le_bytes();
        let [c, d, e, f] = sum.to_le_bytes();
        head.copy_from_slice(&[a, b, c, d, e, f]);
    }
}

/// Ends a record: left out in the clear, as earlier versions did.
fn session(session: Option<Session>, to: &mut Vec<u8>) {
    if let Some(session) = session {
        to.extend(session.get().to_le_bytes());
    }
}

/// A source of 0.0.0.0 is any.
fn flow(group: Ipv4Addr, source: Option<Ipv4Addr>, to: &mut Vec<u8>) {
    to.extend(group.octets());
    to.extend(source.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
}

/// Its bits, then the seconds of both PIM states and who joined.
fn join(joined: &Joined, to: &mut Vec<u8>) {
    let bits = [
        (joined.igmp, BY_IGMP),
        (joined.blocked, BLOCKED),
        (joined.pim.is_some(), BY_PIM),
        (joined.pruned.is_some(), PRUNED),
    ];
    to.push(bits.into_iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum());
    let (seconds, from) = joined.pim.unwrap_or((0, Ipv4Addr::UNSPECIFIED));
    to.extend(seconds.to_le_bytes());
    to.extend(from.octets());
    to.extend(joined.pruned.unwrap_or(0).to_le_bytes());
}

/// Reads one record (`None` within: of a kind this version does not know) and how long it is. `None`: cut off or
/// damaged.
pub fn decode(octets: &[u8]) -> Option<(Option<Record>, usize)> {
    let mut head = Reader(octets);
    let length = usize::from(u16::from_le_bytes(head.take()?));
    let sum = u32::from_le_bytes(head.take()?);
    let body = head.0.get(..length).filter(|_| (1..=MAX_BODY).contains(&length))?;
    if crc32(body) != sum {
        return None;
    }
    Some((decode_body(body), HEAD + length))
}

fn decode_body(body: &[u8]) -> Option<Record> {
    let mut r = Reader(body);
    Some(match r.u8()? {
        1 => Record::Tunnel(r.u8()?, String::from_utf8(r.0.to_vec()).ok()?),
        2 => {
            let (tunnel, protocol, nbma, claimed, flags) =
                (r.u8()?, r.address()?, r.address()?, r.address()?, r.u8()?);
            let binding = Binding {
                tunnel,
                protocol,
                nbma,
                session: None,
                claimed,
                unique: flags & 1 != 0,
                nat_capable: flags & 2 != 0,
                multicast: flags & 4 != 0,
                mtu: u16::from_le_bytes(r.take()?),
                holding_time: u16::from_le_bytes(r.take()?),
                request_id: u32::from_le_bytes(r.take()?),
                created: r.u64()?,
                expires: r.u64()?,
            };
            Record::Bind(Binding { session: r.session(), ..binding })
        }
        3 => Record::Unbind(r.u8()?, r.address()?),
        4 => {
            let (tunnel, id, nbma) = (r.u8()?, u32::from_le_bytes(r.take()?), r.address()?);
            let base =
                Totals { rx_packets: r.u64()?, rx_bytes: r.u64()?, tx_packets: r.u64()?, tx_bytes: r.u64()? };
            Record::Peer(id, tunnel, Station { nbma, session: r.session() }, base)
        }
        5 => Record::PeerGone(u32::from_le_bytes(r.take()?)),
        6 => Record::Pin(r.u8()?, r.address()?, String::from_utf8(r.0.to_vec()).ok()?),
        7 => Record::Unpin(r.u8()?, r.address()?),
        8 => {
            let (peer, (group, source)) = (u32::from_le_bytes(r.take()?), r.flow()?);
            Record::Join((peer, group, source), r.join()?)
        }
        9 => {
            let (id, (group, source)) = (u16::from_le_bytes(r.take()?), r.flow()?);
            let (packets, bytes, copies) = (r.u64()?, r.u64()?, r.u64()?);
            let base = GroupTotals { packets, bytes, copies, wrong_interface: r.u64()?, dropped: r.u64()? };
            Record::Group(id, group, source, base)
        }
        10 => Record::GroupGone(u16::from_le_bytes(r.take()?)),
        _ => return None,
    })
}

/// Takes from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*front)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[octet]| octet)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
    fn session(&mut self) -> Option<Session> {
        self.take().map(u32::from_le_bytes).and_then(Session::new)
    }
    fn address(&mut self) -> Option<Ipv4Addr> {
        self.take::<4>().map(Ipv4Addr::from)
    }
    fn flow(&mut self) -> Option<(Ipv4Addr, Option<Ipv4Addr>)> {
        let (group, source) = (self.address()?, self.address()?);
        Some((group, Some(source).filter(|source| !source.is_unspecified())))
    }
    fn join(&mut self) -> Option<Joined> {
        let bits = self.u8()?;
        let pim = (u16::from_le_bytes(self.take()?), self.address()?);
        let pruned = u16::from_le_bytes(self.take()?);
        Some(Joined {
            igmp: bits & BY_IGMP != 0,
            blocked: bits & BLOCKED != 0,
            pim: (bits & BY_PIM != 0).then_some(pim),
            pruned: (bits & PRUNED != 0).then_some(pruned),
        })
    }
}

/// CRC-32 as in Ethernet and zlib.
pub fn crc32(octets: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut value = n as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 0 { value >> 1 } else { 0xedb8_8320 ^ (value >> 1) };
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    !octets.iter().fold(!0, |sum, octet| TABLE[usize::from(sum as u8 ^ octet)] ^ (sum >> 8))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_known_checksum() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
