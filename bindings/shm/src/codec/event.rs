//! [`Event`] as a slot: a fixed part and, of some kinds, a packet.

use super::{Malformed, PACKET_WORDS, below, pack, unpack};
use crate::counters::{MAX_PORTS, MAX_TUNNELS};
use crate::drops::DropReason;
use crate::message::{Event, MAX_EXCERPT, MAX_PAYLOAD};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const NHRP: u8 = 1;
const REDIRECT: u8 = 2;
const REFUSED: u8 = 3;
const GLEAN: u8 = 4;

/// `Refused`: the packet had a GRE key.
const KEYED: u8 = 1;

/// All kinds share one form; what a kind does not use is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Slot {
    /// Which message.
    pub kind: u8,
    /// Tunnel or port.
    pub index: u8,
    /// Drop reason.
    pub reason: u8,
    /// `KEYED`.
    pub flags: u8,
    /// Octets of the packet that follows.
    pub packet_len: u16,
    /// Zero.
    pub zero: u16,
    /// Peer it came from.
    pub peer: u32,
    /// Outer source address, or the address to resolve.
    pub address: [u8; 4],
    /// Outer destination address.
    pub local: [u8; 4],
    /// GRE key.
    pub key: u32,
}

const _: () = assert!(size_of::<Slot>() == 24 && size_of::<Slot>() + MAX_PAYLOAD <= (PACKET_WORDS - 1) * 8);

impl Slot {
    /// Writes the message into `out`; gives the words used.
    #[inline]
    pub fn encode(
        event: &Event<'_>,
        max_peers: u32,
        out: &mut [u64; PACKET_WORDS],
    ) -> Result<usize, Malformed> {
        let slot = Self::raw(event)?;
        slot.check(max_peers)?;
        let (packet, longest) = packet(event);
        pack(&slot, packet, longest, out)
    }

    #[inline]
    fn raw(event: &Event<'_>) -> Result<Self, Malformed> {
        let zero = Self::default();
        let length = |packet: &[u8]| u16::try_from(packet.len()).map_err(|_| Malformed::Length(packet.len()));
        Ok(match *event {
            Event::Nhrp { tunnel, nbma, packet } => Self {
                kind: NHRP,
                index: tunnel,
                packet_len: length(packet)?,
                address: nbma.octets(),
                ..zero
            },
            Event::Redirect { tunnel, peer, nbma, packet } => Self {
                kind: REDIRECT,
                index: tunnel,
                packet_len: length(packet)?,
                peer,
                address: nbma.octets(),
                ..zero
            },
            Event::Refused { reason, nbma, local, key } => Self {
                kind: REFUSED,
                reason,
                flags: if key.is_some() { KEYED } else { 0 },
                address: nbma.octets(),
                local: local.octets(),
                key: key.unwrap_or(0),
                ..zero
            },
            Event::Glean { port, address } => {
                Self { kind: GLEAN, index: port, address: address.octets(), ..zero }
            }
        })
    }

    fn check(&self, max_peers: u32) -> Result<(), Malformed> {
        match self.kind {
            NHRP => below("tunnel", self.index, MAX_TUNNELS).map(|_| ()),
            REDIRECT => {
                below("tunnel", self.index, MAX_TUNNELS)?;
                below("peer", self.peer, max_peers as usize).map(|_| ())
            }
            REFUSED => below("drop reason", self.reason, DropReason::COUNT).map(|_| ()),
            GLEAN => below("port", self.index, MAX_PORTS).map(|_| ()),
            kind => Err(Malformed::Kind(kind)),
        }
    }

    /// The message of a slot of the ring.
    pub fn decode(words: &[u64], max_peers: u32) -> Result<Event<'_>, Malformed> {
        let (slot, packet) = unpack(words, |slot: &Self| slot.packet_len, MAX_PAYLOAD)?;
        slot.check(max_peers)?;
        let nbma = slot.address.into();
        let event = match slot.kind {
            NHRP => Event::Nhrp { tunnel: slot.index, nbma, packet },
            REDIRECT => {
                below("packet length", slot.packet_len, MAX_EXCERPT + 1)?;
                Event::Redirect { tunnel: slot.index, peer: slot.peer, nbma, packet }
            }
            REFUSED => Event::Refused {
                reason: slot.reason,
                nbma,
                local: slot.local.into(),
                key: (slot.flags == KEYED).then_some(slot.key),
            },
            GLEAN => Event::Glean { port: slot.index, address: nbma },
            kind => return Err(Malformed::Kind(kind)),
        };
        if Self::raw(&event)? != *slot {
            return Err(Malformed::Value("an unused field"));
        }
        Ok(event)
    }
}

/// The packet of a message and how long its kind lets it be.
#[inline]
fn packet<'a>(event: &Event<'a>) -> (&'a [u8], usize) {
    match *event {
        Event::Nhrp { packet, .. } => (packet, MAX_PAYLOAD),
        Event::Redirect { packet, .. } => (packet, MAX_EXCERPT),
        Event::Refused { .. } | Event::Glean { .. } => (&[], 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use zerocopy::IntoBytes;

    const MAX_PEERS: u32 = 1_000;

    fn round_trip(event: &Event<'_>) {
        let mut words = [u64::MAX; PACKET_WORDS];
        let used = Slot::encode(event, MAX_PEERS, &mut words).unwrap();
        assert_eq!(Slot::decode(&words[..used], MAX_PEERS), Ok(*event));
    }

    proptest! {
        #[test]
        fn nhrp_round_trip(
            tunnel in 0..MAX_TUNNELS as u8,
            nbma in any::<Ipv4Addr>(),
            packet in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD),
        ) {
            round_trip(&Event::Nhrp { tunnel, nbma, packet: &packet });
        }

        #[test]
        fn redirect_round_trip(
            tunnel in 0..MAX_TUNNELS as u8,
            peer in 0..MAX_PEERS,
            nbma in any::<Ipv4Addr>(),
            packet in prop::collection::vec(any::<u8>(), 0..=MAX_EXCERPT),
        ) {
            round_trip(&Event::Redirect { tunnel, peer, nbma, packet: &packet });
        }

        #[test]
        fn small_round_trip(
            reason in 0..DropReason::COUNT as u8,
            nbma in any::<Ipv4Addr>(),
            local in any::<Ipv4Addr>(),
            key in any::<Option<u32>>(),
            port in 0..MAX_PORTS as u8,
        ) {
            round_trip(&Event::Refused { reason, nbma, local, key });
            round_trip(&Event::Glean { port, address: nbma });
        }

        #[test]
        fn arbitrary_words_never_panic(
            mut words in prop::collection::vec(any::<u64>(), 0..PACKET_WORDS),
            kind in 0..6u8,
            length in 0..2_100u16,
        ) {
            if let Some(octets) = words.as_mut_bytes().get_mut(..6) {
                octets[0] = kind;
                octets[4..6].copy_from_slice(&length.to_ne_bytes());
            }
            if let Ok(event) = Slot::decode(&words, MAX_PEERS) {
                let mut again = [0; PACKET_WORDS];
                let used = Slot::encode(&event, MAX_PEERS, &mut again).unwrap();
                prop_assert_eq!(used, words.len());
            }
        }
    }

    #[test]
    fn too_long_a_packet_is_refused() {
        let mut words = [0; PACKET_WORDS];
        let nbma = Ipv4Addr::LOCALHOST;
        let long = vec![0; 70_000];
        for len in [MAX_PAYLOAD + 1, 65_535, 65_536, 70_000] {
            let event = Event::Nhrp { tunnel: 0, nbma, packet: &long[..len] };
            assert!(Slot::encode(&event, MAX_PEERS, &mut words).is_err(), "{len}");
        }
        let event = Event::Redirect { tunnel: 0, peer: 0, nbma, packet: &long[..MAX_EXCERPT + 1] };
        assert!(Slot::encode(&event, MAX_PEERS, &mut words).is_err());
    }

    #[test]
    fn no_octet_of_an_earlier_message_leaves_with_a_later_one() {
        let mut words = [u64::MAX; PACKET_WORDS];
        let event = Event::Nhrp { tunnel: 1, nbma: Ipv4Addr::LOCALHOST, packet: &[7] };
        let used = Slot::encode(&event, MAX_PEERS, &mut words).unwrap();
        assert_eq!(words[used - 1].to_ne_bytes(), [7, 0, 0, 0, 0, 0, 0, 0]);
    }
}
