//! [`Inject`] as a slot.

use super::{Malformed, PACKET_WORDS, below, ike_port, pack, udp, udp_of, unpack};
use crate::counters::MAX_TUNNELS;
use crate::message::{Inject, MAX_LINKS, MAX_PAYLOAD, Protection, SessionId, max_sas};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const NHRP: u8 = 1;
const IKE: u8 = 2;
const TWIN: u8 = 3;

/// `Nhrp`, protected: there is an SA to send with.
const SENDS: u8 = 1;

/// The fixed part; the packet follows. What a kind does not use is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Slot {
    /// Which message.
    pub kind: u8,
    /// Tunnel it leaves by, or whose twin gets it.
    pub tunnel: u8,
    /// Octets of the packet that follows.
    pub packet_len: u16,
    /// Underlay next hop.
    pub link: u16,
    /// Destination port, of IKE or of ESP in UDP; 0: plain ESP.
    pub port: u16,
    /// Outer destination address.
    pub nbma: [u8; 4],
    /// Source address of IKE.
    pub local: [u8; 4],
    /// Session of a protected peer; 0: not protected.
    pub session: u32,
    /// SA it leaves by.
    pub sa: u32,
    /// Source port of IKE.
    pub local_port: u16,
    /// `SENDS`.
    pub flags: u8,
    /// Zero.
    pub zero: [u8; 5],
}

const _: () = assert!(size_of::<Slot>() == 32 && size_of::<Slot>() + MAX_PAYLOAD <= (PACKET_WORDS - 1) * 8);

impl Slot {
    /// Writes the message into `out`; gives the words used.
    pub fn encode(
        inject: &Inject<'_>,
        max_peers: u32,
        out: &mut [u64; PACKET_WORDS],
    ) -> Result<usize, Malformed> {
        let slot = Self::raw(inject)?;
        slot.check(max_peers)?;
        pack(&slot, inject.packet(), MAX_PAYLOAD, out)
    }

    fn raw(inject: &Inject<'_>) -> Result<Self, Malformed> {
        let len = inject.packet().len();
        let slot = Self {
            packet_len: u16::try_from(len).map_err(|_| Malformed::Length(len))?,
            link: inject.link(),
            nbma: inject.nbma().octets(),
            ..Self::default()
        };
        Ok(match *inject {
            Inject::Nhrp { tunnel, protection: None, .. } => Self { kind: NHRP, tunnel, ..slot },
            Inject::Nhrp { tunnel, protection: Some(protection), .. } => Self {
                kind: NHRP,
                tunnel,
                session: protection.session.get(),
                sa: protection.sa.unwrap_or(0),
                flags: if protection.sa.is_some() { SENDS } else { 0 },
                port: udp(protection.udp)?,
                ..slot
            },
            Inject::Ike { local, local_port, port, .. } => {
                Self { kind: IKE, port: udp(Some(port))?, local: local.octets(), local_port, ..slot }
            }
            Inject::Twin { tunnel, .. } => Self { kind: TWIN, tunnel, ..slot },
        })
    }

    fn check(&self, max_peers: u32) -> Result<(), Malformed> {
        below("link", self.link, MAX_LINKS)?;
        match self.kind {
            NHRP => {
                below("SA", self.sa, max_sas(max_peers) as usize)?;
                below("tunnel", self.tunnel, MAX_TUNNELS).map(|_| ())
            }
            IKE => ike_port(self.local_port).map(|_| ()),
            TWIN => below("tunnel", self.tunnel, MAX_TUNNELS).map(|_| ()),
            kind => Err(Malformed::Kind(kind)),
        }
    }

    /// The message of a slot of the ring.
    pub fn decode(words: &[u64], max_peers: u32) -> Result<Inject<'_>, Malformed> {
        let (slot, packet) = unpack(words, |slot: &Self| slot.packet_len, MAX_PAYLOAD)?;
        slot.check(max_peers)?;
        let (nbma, link) = (slot.nbma.into(), slot.link);
        let inject = match slot.kind {
            NHRP => Inject::Nhrp { tunnel: slot.tunnel, nbma, link, protection: slot.protection(), packet },
            IKE => Inject::Ike {
                local: slot.local.into(),
                local_port: slot.local_port,
                nbma,
                port: slot.port,
                link,
                packet,
            },
            TWIN => Inject::Twin { tunnel: slot.tunnel, packet },
            kind => return Err(Malformed::Kind(kind)),
        };
        if Self::raw(&inject)? != *slot {
            return Err(Malformed::Value("an unused field"));
        }
        Ok(inject)
    }

    fn protection(&self) -> Option<Protection> {
        Some(Protection {
            session: SessionId::new(self.session)?,
            sa: (self.flags == SENDS).then_some(self.sa),
            udp: udp_of(self.port),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sa::tests::protection;
    use crate::message::{IKE_PORT, NAT_T_PORT};
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use std::num::NonZeroU16;
    use zerocopy::IntoBytes;

    const MAX_PEERS: u32 = 1_000;

    fn round_trip(inject: &Inject<'_>) {
        let mut words = [u64::MAX; PACKET_WORDS];
        let used = Slot::encode(inject, MAX_PEERS, &mut words).unwrap();
        assert_eq!(Slot::decode(&words[..used], MAX_PEERS), Ok(*inject));
    }

    proptest! {
        #[test]
        fn both_round_trip(
            tunnel in 0..MAX_TUNNELS as u8,
            nbma in any::<Ipv4Addr>(),
            link in 0..MAX_LINKS as u16,
            protection in prop::option::of(protection(MAX_PEERS)),
            local in any::<Ipv4Addr>(),
            local_port in prop::sample::select(vec![IKE_PORT, NAT_T_PORT]),
            port in any::<NonZeroU16>(),
            packet in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD),
        ) {
            round_trip(&Inject::Nhrp { tunnel, nbma, link, protection, packet: &packet });
            round_trip(&Inject::Twin { tunnel, packet: &packet });
            round_trip(&Inject::Ike { local, local_port, nbma, port: port.get(), link, packet: &packet });
        }

        #[test]
        fn arbitrary_words_never_panic(
            mut words in prop::collection::vec(any::<u64>(), 0..PACKET_WORDS),
            kind in 0..5u8,
            length in 0..4_200u16,
        ) {
            if let Some(octets) = words.as_mut_bytes().get_mut(..32) {
                octets[0] = kind;
                octets[2..4].copy_from_slice(&length.to_ne_bytes());
                octets[26..32].fill(0);
            }
            if let Ok(inject) = Slot::decode(&words, MAX_PEERS) {
                prop_assert!(Slot::encode(&inject, MAX_PEERS, &mut [0; PACKET_WORDS]).is_ok());
            }
        }
    }

    #[test]
    fn bounds() {
        let mut words = [0; PACKET_WORDS];
        let mut fits = |inject| Slot::encode(&inject, MAX_PEERS, &mut words).is_ok();
        let nbma = Ipv4Addr::LOCALHOST;
        let nhrp = |tunnel, link, packet| Inject::Nhrp { tunnel, nbma, link, protection: None, packet };
        assert!(fits(nhrp(0, 0, &[1, 2, 3])));
        assert!(!fits(nhrp(MAX_TUNNELS as u8, 0, &[1, 2, 3])));
        assert!(!fits(nhrp(0, MAX_LINKS as u16, &[1, 2, 3])));
        assert!(!fits(nhrp(0, 0, &[0; MAX_PAYLOAD + 1])));
        let protected = |sa, udp| {
            let protection = Some(Protection { session: SessionId::MIN, sa, udp });
            Inject::Nhrp { tunnel: 0, nbma, link: 0, protection, packet: &[] }
        };
        assert!(fits(protected(Some(0), Some(1))) && fits(protected(None, None)));
        assert!(!fits(protected(Some(max_sas(MAX_PEERS)), None)) && !fits(protected(None, Some(0))));
        let ike =
            |local_port, port| Inject::Ike { local: nbma, local_port, nbma, port, link: 0, packet: &[] };
        assert!(fits(ike(500, 1)) && fits(ike(4_500, 1)));
        assert!(!fits(ike(501, 1)) && !fits(ike(500, 0)));
    }
}
