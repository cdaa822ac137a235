//! Fragmentation of inner packets before they are encapsulated.
//!
//! In: an IPv4 packet with a checked header, longer than the MTU and without DF; it may be a fragment itself. Out: its
//! fragments in order, each complete with header and checksum. RFC 791 3.2; options follow it to the later fragments
//! by their copied bit (3.1). Each fragment gets its own tunnel header, so what a spoke receives it can deliver without
//! reassembling (RFC 4459 3.3).

use arrayvec::ArrayVec;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::ip4::{self, FLAG_DF, FLAG_MF, MAX_HEADER, MAX_TOTAL, OFFSET_MASK};

/// Fragments that one packet may become: a 9,216-octet packet on a 576-octet MTU makes 18.
pub const MAX_FRAGMENTS: usize = 24;

/// The fragments of one packet, in order.
pub type Fragments<B> = ArrayVec<B, MAX_FRAGMENTS>;

/// Why a packet was not fragmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No IPv4 header; or a fragment that no receiver could put together: one that ends beyond 65,535 octets, or that
    /// is not the last and no multiple of eight.
    Malformed,
    /// DF is set.
    DontFragment,
    /// The MTU holds no eight octets of payload behind the header, or more than [`MAX_FRAGMENTS`] would be needed.
    TooMany,
    /// No buffer for a fragment.
    NoBuffer,
}

/// Cuts `packet` to pieces of at most `mtu` octets and appends them to `out`; a packet that fits is appended as it is.
/// The packet's own buffer becomes the first fragment. On refusal the packet and all pieces are given back to the pool
/// and `out` is as before.
pub fn fragment<P: BufferPool>(
    packet: P::Buffer,
    mtu: usize,
    pool: &mut P,
    out: &mut Fragments<P::Buffer>,
) -> Result<(), Refusal> {
    let before = out.len();
    let result = cut(packet, mtu, pool, out);
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// What every fragment of one packet needs to know.
struct Plan {
    /// Octets of the packet's header.
    header_len: usize,
    /// Octets of payload in every first fragment but the last, a multiple of eight.
    first: usize,
    /// The same for later ones, whose header may be shorter.
    later: usize,
    /// Octets of payload.
    payload: usize,
    /// The packet's own flags and offset.
    flags_offset: u16,
}

fn cut<P: BufferPool>(
    mut packet: P::Buffer,
    mtu: usize,
    pool: &mut P,
    out: &mut Fragments<P::Buffer>,
) -> Result<(), Refusal> {
    let ip = ip4::parse_unsummed(packet.data()).map_err(|_| Refusal::Malformed)?;
    let total = ip.total_len();
    if total <= mtu {
        packet.truncate(total);
        return out.try_push(packet).map_err(|_| Refusal::TooMany);
    }
    if ip.dont_fragment() {
        return Err(Refusal::DontFragment);
    }
    let payload = ip.payload().len();
    if ip.header_len() + ip.fragment_offset() + payload > MAX_TOTAL
        || ip.more_fragments() && !payload.is_multiple_of(8)
    {
        return Err(Refusal::Malformed);
    }
    let mut header = [0; MAX_HEADER];
    let later_len = later_header(&ip, &mut header);
    let header = header.get_mut(..later_len).ok_or(Refusal::Malformed)?;
    let room = |header_len: usize| mtu.saturating_sub(header_len) & !7;
    let plan = Plan {
        header_len: ip.header_len(),
        first: room(ip.header_len()),
        later: room(later_len),
        payload,
        flags_offset: ip.flags_offset(),
    };
    if plan.first == 0 || 1 + (payload - plan.first).div_ceil(plan.later) > out.remaining_capacity() {
        return Err(Refusal::TooMany);
    }
    packet.truncate(total);
    // The later ones first, since they copy out of the packet that becomes the first.
    let first_at = out.len();
    let mut at = plan.first;
    while at < payload {
        let piece = later_fragment(&packet, &plan, at, header, pool)?;
        out.try_push(piece).map_err(|_| Refusal::TooMany)?;
        at += plan.later;
    }
    packet.truncate(plan.header_len + plan.first);
    finish(&mut packet, plan.flags_offset | FLAG_MF)?;
    out.try_insert(first_at, packet).map_err(|_| Refusal::TooMany)
}

/// A fragment of the payload's octets from `at` on.
fn later_fragment<P: BufferPool>(
    packet: &P::Buffer,
    plan: &Plan,
    at: usize,
    header: &[u8],
    pool: &mut P,
) -> Result<P::Buffer, Refusal> {
    let len = plan.later.min(plan.payload - at);
    let last = at + len == plan.payload;
    let start = plan.header_len + at;
    let octets = packet.data().get(start..start + len).ok_or(Refusal::Malformed)?;
    let mut piece = pool.allocate().ok_or(Refusal::NoBuffer)?;
    let room = piece.append(header.len() + len).ok_or(Refusal::NoBuffer)?;
    let (head, body) = room.split_at_mut_checked(header.len()).ok_or(Refusal::NoBuffer)?;
    head.copy_from_slice(header);
    body.copy_from_slice(octets);
    // A fragment that is cut further keeps its place, and only its last piece may be the datagram's last.
    let offset = (plan.flags_offset & OFFSET_MASK) + (at / 8) as u16;
    let more = if last { plan.flags_offset & FLAG_MF } else { FLAG_MF };
    finish(&mut piece, plan.flags_offset & !(FLAG_MF | FLAG_DF | OFFSET_MASK) | more | offset)?;
    Ok(piece)
}

/// Sets what differs between fragments: length, flags and offset, checksum.
fn finish<B: PacketBuffer>(piece: &mut B, flags_offset: u16) -> Result<(), Refusal> {
    let total = u16::try_from(piece.len()).map_err(|_| Refusal::Malformed)?;
    let header = ip4::Header::of_mut(piece.data_mut()).ok_or(Refusal::Malformed)?;
    header.set_total_len(total);
    header.set_flags_offset(flags_offset);
    ip4::fill_checksum(piece.data_mut()).ok_or(Refusal::Malformed)
}

/// Writes the header of all fragments but the first to `out` and says how long it is: the packet's, with only those
/// options whose copied bit is set, padded to whole words. Behind a malformed option nothing can be read, so nothing
/// is copied.
fn later_header(ip: &ip4::Packet<'_>, out: &mut [u8; MAX_HEADER]) -> usize {
    const COPIED: u8 = 0x80;
    const END: u8 = 0;
    const NOP: u8 = 1;
    out[..ip4::LEN].copy_from_slice(&ip.header().octets());
    let mut len = ip4::LEN;
    let mut rest = ip.options();
    while let [kind, ref after @ ..] = *rest {
        if kind == END {
            break;
        }
        if kind == NOP {
            rest = after;
            continue;
        }
        let size = after.first().map_or(0, |size| usize::from(*size));
        let Some((option, after)) = rest.split_at_checked(size).filter(|_| size >= 2) else { break };
        if kind & COPIED != 0 {
            out[len..len + size].copy_from_slice(option);
            len += size;
        }
        rest = after;
    }
    // `out` was zero, and zero is the end of the options.
    len = len.next_multiple_of(4);
    out[0] = 0x40 | (len / 4) as u8;
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryBuffer, MemoryPool};
    use proptest::prelude::*;
    use wire::buffer::HEADROOM;

    /// A packet with options (a multiple of four octets) and any payload.
    fn packet(options: &[u8], flags_offset: u16, payload: &[u8]) -> Vec<u8> {
        let mut header = etherparse::Ipv4Header::new(
            payload.len() as u16,
            7,
            etherparse::IpNumber(200),
            [10, 1, 0, 1],
            [10, 2, 0, 2],
        )
        .unwrap();
        header.identification = 0xbeef;
        header.options = options.try_into().unwrap();
        header.set_payload_len(payload.len()).unwrap();
        header.dont_fragment = flags_offset & FLAG_DF != 0;
        header.more_fragments = flags_offset & FLAG_MF != 0;
        header.fragment_offset = (flags_offset & OFFSET_MASK).try_into().unwrap();
        header.header_checksum = header.calc_header_checksum();
        let mut out = Vec::new();
        header.write(&mut out).unwrap();
        out.extend(payload);
        out
    }

    fn octets(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n * 7 % 251) as u8).collect()
    }

    fn run(packet: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut pool = MemoryPool::new(30, 10_000);
        let mut out = Fragments::<MemoryBuffer>::new();
        let buffer = pool.with(packet).unwrap();
        fragment(buffer, mtu, &mut pool, &mut out)?;
        assert!(out.iter().all(|piece| piece.headroom() >= HEADROOM));
        let pieces = out.iter().map(|piece| piece.data().to_vec()).collect();
        drop(out);
        assert_eq!(pool.available(), 30, "a buffer was lost");
        Ok(pieces)
    }

    /// Puts the pieces' payloads where another implementation says they belong.
    fn together(pieces: &[Vec<u8>]) -> (Vec<u8>, bool) {
        let mut whole = Vec::new();
        let mut last = false;
        for piece in pieces {
            let (header, payload) = etherparse::Ipv4Header::from_slice(piece).unwrap();
            assert_eq!(header.calc_header_checksum(), header.header_checksum);
            assert_eq!(usize::from(header.total_len), piece.len());
            let at = usize::from(header.fragment_offset.value()) * 8;
            whole.resize(whole.len().max(at + payload.len()), 0);
            whole[at..at + payload.len()].copy_from_slice(payload);
            last |= !header.more_fragments;
        }
        (whole, last)
    }

    #[test]
    fn a_full_packet_makes_two() {
        let payload = octets(1480);
        let pieces = run(&packet(&[], 0, &payload), 1400).unwrap();
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [20 + 1376, 20 + 104]);
        assert_eq!(together(&pieces), (payload, true));
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut whole = packet(&[], FLAG_DF, &octets(1380));
        assert_eq!(run(&whole, 1400).unwrap(), [whole.clone()]);
        let len = whole.len();
        whole.extend([0xee; 9]);
        assert_eq!(run(&whole, 1400).unwrap(), [whole[..len].to_vec()]);
    }

    #[test]
    fn a_fragment_is_cut_further() {
        let payload = octets(800);
        let middle = run(&packet(&[], FLAG_MF | 10, &payload), 420).unwrap();
        let (whole, last) = together(&middle);
        assert_eq!((&whole[80..], last), (&payload[..], false), "MF is kept on the last piece");
        let (whole, last) = together(&run(&packet(&[], 10, &payload[..799]), 420).unwrap());
        assert_eq!((&whole[80..], last), (&payload[..799], true));
    }

    #[test]
    fn options_follow_their_copied_bit() {
        // Record route (7, not copied), router alert (148, copied), a no-op, end.
        let options = [7, 3, 4, 148, 4, 0, 0, 1, 7, 3, 4, 0];
        let payload = octets(200);
        let pieces = run(&packet(&options, 0, &payload), 100).unwrap();
        assert_eq!(pieces[0][20..32], options);
        for piece in &pieces[1..] {
            assert_eq!(piece[0], 0x46);
            assert_eq!(piece[20..24], [148, 4, 0, 0]);
        }
        assert_eq!(together(&pieces), (payload, true));
    }

    #[test]
    fn refusals() {
        assert_eq!(run(&packet(&[], FLAG_DF, &octets(1480)), 1400), Err(Refusal::DontFragment));
        assert_eq!(run(&packet(&[], 0, &octets(1480)), 27), Err(Refusal::TooMany));
        assert_eq!(run(&packet(&[], 0, &octets(1480)), 0), Err(Refusal::TooMany));
        assert_eq!(run(&packet(&[], 0, &octets(1480)), 68), Err(Refusal::TooMany));
        assert_eq!(run(&packet(&[], FLAG_MF, &octets(1479)), 1400), Err(Refusal::Malformed));
        assert_eq!(run(&packet(&[], 8100, &octets(1480)), 1400), Err(Refusal::Malformed), "beyond 65,535");
        assert_eq!(run(&[0x45; 19], 1400), Err(Refusal::Malformed));
    }

    #[test]
    fn an_empty_pool_gives_everything_back() {
        let mut pool = MemoryPool::new(3, 4096);
        let mut out = Fragments::<MemoryBuffer>::new();
        let big = pool.with(&packet(&[], 0, &octets(4000))).unwrap();
        assert_eq!(fragment(big, 600, &mut pool, &mut out), Err(Refusal::NoBuffer));
        assert_eq!((pool.available(), out.len()), (3, 0));
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole(
            len in 0usize..4000, mtu in 68usize..1500, offset in 0u16..1000, more: bool, words in 0usize..11,
            options in proptest::collection::vec(any::<u8>(), 40),
        ) {
            let len = if more { len & !7 } else { len };
            let payload = octets(len);
            let word = offset | if more { FLAG_MF } else { 0 };
            let whole = packet(&options[..words * 4], word, &payload);
            match run(&whole, mtu) {
                Err(refusal) => {
                    prop_assert_eq!(refusal, Refusal::TooMany);
                    prop_assert!(whole.len() / (mtu - 60).max(1) >= MAX_FRAGMENTS / 2);
                }
                Ok(pieces) => {
                    prop_assert!(pieces.iter().all(|piece| piece.len() <= mtu));
                    let (joined, last) = together(&pieces);
                    prop_assert_eq!(joined.get(usize::from(offset) * 8..).unwrap_or_default(), &payload[..]);
                    prop_assert_eq!(last, !more);
                    for piece in &pieces {
                        prop_assert_eq!(&piece[4..6], &whole[4..6]);
                        prop_assert_eq!(&piece[8..10], &whole[8..10]);
                        prop_assert_eq!(&piece[12..20], &whole[12..20]);
                    }
                }
            }
        }
    }
}
