//! [`Event`] as a slot: a fixed part and, of some kinds, a packet.

use super::{Malformed, PACKET_WORDS, below, ike_port, pack, udp, udp_of, unpack};
use crate::counters::{MAX_PORTS, MAX_TUNNELS};
use crate::drops::DropReason;
use crate::message::{Event, MAX_EXCERPT, MAX_PAYLOAD, SessionId, max_sas};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const NHRP: u8 = 1;
const REDIRECT: u8 = 2;
const REFUSED: u8 = 3;
const GLEAN: u8 = 4;
const IKE: u8 = 5;
const MOVED: u8 = 6;
const MEMBERSHIP: u8 = 7;

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
    /// Source port, of IKE or of ESP in UDP.
    pub port: u16,
    /// Peer or SA it came from.
    pub peer: u32,
    /// Outer source address, or the address to resolve.
    pub address: [u8; 4],
    /// Outer destination address.
    pub local: [u8; 4],
    /// GRE key or SPI.
    pub key: u32,
    /// Session; 0: none.
    pub session: u32,
    /// Destination port.
    pub local_port: u16,
    /// Zero.
    pub zero: u16,
}

const _: () = assert!(size_of::<Slot>() == 32 && size_of::<Slot>() + MAX_PAYLOAD <= (PACKET_WORDS - 1) * 8);

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
        let number = |session: Option<SessionId>| session.map_or(0, SessionId::get);
        let length = |packet: &[u8]| u16::try_from(packet.len()).map_err(|_| Malformed::Length(packet.len()));
        Ok(match *event {
            Event::Nhrp { tunnel, nbma, session, packet } => Self {
                kind: NHRP,
                index: tunnel,
                packet_len: length(packet)?,
                address: nbma.octets(),
                session: number(session),
                ..zero
            },
            Event::Redirect { tunnel, peer, nbma, session, packet } => Self {
                kind: REDIRECT,
                index: tunnel,
                packet_len: length(packet)?,
                peer,
                address: nbma.octets(),
                session: number(session),
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
            Event::Ike { nbma, port, local, local_port, packet } => Self {
                kind: IKE,
                packet_len: length(packet)?,
                port,
                address: nbma.octets(),
                local: local.octets(),
                local_port,
                ..zero
            },
            Event::Membership { tunnel, peer, nbma, session, packet } => Self {
                kind: MEMBERSHIP,
                index: tunnel,
                packet_len: length(packet)?,
                peer,
                address: nbma.octets(),
                session: number(session),
                ..zero
            },
            Event::Moved { sa, nbma, port } => {
                Self { kind: MOVED, port: udp(port)?, peer: sa, address: nbma.octets(), ..zero }
            }
        })
    }

    fn check(&self, max_peers: u32) -> Result<(), Malformed> {
        match self.kind {
            NHRP => below("tunnel", self.index, MAX_TUNNELS).map(|_| ()),
            REDIRECT | MEMBERSHIP => {
                below("tunnel", self.index, MAX_TUNNELS)?;
                below("peer", self.peer, max_peers as usize).map(|_| ())
            }
            REFUSED => below("drop reason", self.reason, DropReason::COUNT).map(|_| ()),
            GLEAN => below("port", self.index, MAX_PORTS).map(|_| ()),
            IKE => ike_port(self.local_port).map(|_| ()),
            MOVED => below("SA", self.peer, max_sas(max_peers) as usize).map(|_| ()),
            kind => Err(Malformed::Kind(kind)),
        }
    }

    /// The message of a slot of the ring.
    pub fn decode(words: &[u64], max_peers: u32) -> Result<Event<'_>, Malformed> {
        let (slot, packet) = unpack(words, |slot: &Self| slot.packet_len, MAX_PAYLOAD)?;
        slot.check(max_peers)?;
        let (nbma, session) = (slot.address.into(), SessionId::new(slot.session));
        let event = match slot.kind {
            NHRP => Event::Nhrp { tunnel: slot.index, nbma, session, packet },
            REDIRECT => {
                below("packet length", slot.packet_len, MAX_EXCERPT + 1)?;
                Event::Redirect { tunnel: slot.index, peer: slot.peer, nbma, session, packet }
            }
            REFUSED => Event::Refused {
                reason: slot.reason,
                nbma,
                local: slot.local.into(),
                key: (slot.flags == KEYED).then_some(slot.key),
            },
            GLEAN => Event::Glean { port: slot.index, address: nbma },
            IKE => Event::Ike {
                nbma,
                port: slot.port,
                local: slot.local.into(),
                local_port: slot.local_port,
                packet,
            },
            MEMBERSHIP => Event::Membership { tunnel: slot.index, peer: slot.peer, nbma, session, packet },
            MOVED => Event::Moved { sa: slot.peer, nbma, port: udp_of(slot.port) },
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
        Event::Nhrp { packet, .. } | Event::Ike { packet, .. } | Event::Membership { packet, .. } => {
            (packet, MAX_PAYLOAD)
        }
        Event::Redirect { packet, .. } => (packet, MAX_EXCERPT),
        Event::Refused { .. } | Event::Glean { .. } | Event::Moved { .. } => (&[], 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{IKE_PORT, NAT_T_PORT};
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
        fn long_round_trip(
            tunnel in 0..MAX_TUNNELS as u8,
            nbma in any::<Ipv4Addr>(),
            session in any::<Option<SessionId>>(),
            packet in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD),
            port in any::<u16>(),
            local in any::<Ipv4Addr>(),
            local_port in prop::sample::select(vec![IKE_PORT, NAT_T_PORT]),
        ) {
            round_trip(&Event::Nhrp { tunnel, nbma, session, packet: &packet });
            round_trip(&Event::Ike { nbma, port, local, local_port, packet: &packet });
            let peer = u32::from(port) % MAX_PEERS;
            round_trip(&Event::Membership { tunnel, peer, nbma, session, packet: &packet });
        }

        #[test]
        fn redirect_round_trip(
            tunnel in 0..MAX_TUNNELS as u8,
            peer in 0..MAX_PEERS,
            nbma in any::<Ipv4Addr>(),
            session in any::<Option<SessionId>>(),
            packet in prop::collection::vec(any::<u8>(), 0..=MAX_EXCERPT),
        ) {
            round_trip(&Event::Redirect { tunnel, peer, nbma, session, packet: &packet });
        }

        #[test]
        fn small_round_trip(
            reason in 0..DropReason::COUNT as u8,
            nbma in any::<Ipv4Addr>(),
            local in any::<Ipv4Addr>(),
            key in any::<Option<u32>>(),
            port in 0..MAX_PORTS as u8,
            sa in 0..max_sas(MAX_PEERS),
            udp in any::<Option<std::num::NonZeroU16>>(),
        ) {
            round_trip(&Event::Refused { reason, nbma, local, key });
            round_trip(&Event::Glean { port, address: nbma });
            round_trip(&Event::Moved { sa, nbma, port: udp.map(Into::into) });
        }

        #[test]
        fn arbitrary_words_never_panic(
            mut words in prop::collection::vec(any::<u64>(), 0..PACKET_WORDS),
            kind in 0..9u8,
            length in 0..4_200u16,
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
            let event = Event::Nhrp { tunnel: 0, nbma, session: None, packet: &long[..len] };
            assert!(Slot::encode(&event, MAX_PEERS, &mut words).is_err(), "{len}");
        }
        let event =
            Event::Redirect { tunnel: 0, peer: 0, nbma, session: None, packet: &long[..MAX_EXCERPT + 1] };
        assert!(Slot::encode(&event, MAX_PEERS, &mut words).is_err());
    }

    #[test]
    fn bounds_are_refused_by_name() {
        let mut words = [0; PACKET_WORDS];
        let nbma = Ipv4Addr::LOCALHOST;
        let mut refused = |event| match Slot::encode(&event, MAX_PEERS, &mut words) {
            Err(Malformed::Bound { field, .. } | Malformed::Value(field)) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(Event::Moved { sa: max_sas(MAX_PEERS), nbma, port: None }), "SA");
        assert_eq!(refused(Event::Moved { sa: 1, nbma, port: Some(0) }), "UDP port");
        let ike = |local_port| Event::Ike { nbma, port: 9, local: nbma, local_port, packet: &[] };
        assert_eq!([0, 501, 4_499].map(|port| refused(ike(port))), ["IKE port"; 3]);
    }

    #[test]
    fn no_octet_of_an_earlier_message_leaves_with_a_later_one() {
        let mut words = [u64::MAX; PACKET_WORDS];
        let event = Event::Nhrp { tunnel: 1, nbma: Ipv4Addr::LOCALHOST, session: None, packet: &[7] };
        let used = Slot::encode(&event, MAX_PEERS, &mut words).unwrap();
        assert_eq!(words[used - 1].to_ne_bytes(), [7, 0, 0, 0, 0, 0, 0, 0]);
    }
}
