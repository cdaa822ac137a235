//! [`Inject`] as a slot.

use super::{Malformed, PACKET_WORDS, below, pack, unpack};
use crate::counters::MAX_TUNNELS;
use crate::message::{Inject, MAX_LINKS, MAX_PAYLOAD};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The fixed part; the packet follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Slot {
    /// Tunnel it leaves by.
    pub tunnel: u8,
    /// Zero.
    pub zero: u8,
    /// Octets of the packet that follows.
    pub packet_len: u16,
    /// Underlay next hop.
    pub link: u16,
    /// Zero.
    pub zero2: u16,
    /// Outer destination address.
    pub nbma: [u8; 4],
    /// Zero.
    pub zero3: [u8; 4],
}

const _: () = assert!(size_of::<Slot>() == 16 && size_of::<Slot>() + MAX_PAYLOAD <= (PACKET_WORDS - 1) * 8);

impl Slot {
    /// Writes the message into `out`; gives the words used.
    pub fn encode(inject: &Inject<'_>, out: &mut [u64; PACKET_WORDS]) -> Result<usize, Malformed> {
        let slot = Self::raw(inject)?;
        slot.check()?;
        pack(&slot, inject.packet, MAX_PAYLOAD, out)
    }

    fn raw(inject: &Inject<'_>) -> Result<Self, Malformed> {
        let len = inject.packet.len();
        Ok(Self {
            tunnel: inject.tunnel,
            packet_len: u16::try_from(len).map_err(|_| Malformed::Length(len))?,
            link: inject.link,
            nbma: inject.nbma.octets(),
            ..Self::default()
        })
    }

    fn check(&self) -> Result<(), Malformed> {
        below("tunnel", self.tunnel, MAX_TUNNELS)?;
        below("link", self.link, MAX_LINKS).map(|_| ())
    }

    /// The message of a slot of the ring.
    pub fn decode(words: &[u64]) -> Result<Inject<'_>, Malformed> {
        let (slot, packet) = unpack(words, |slot: &Self| slot.packet_len, MAX_PAYLOAD)?;
        slot.check()?;
        let inject = Inject { tunnel: slot.tunnel, nbma: slot.nbma.into(), link: slot.link, packet };
        if Self::raw(&inject)? != *slot {
            return Err(Malformed::Value("an unused field"));
        }
        Ok(inject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use zerocopy::IntoBytes;

    proptest! {
        #[test]
        fn round_trip(
            tunnel in 0..MAX_TUNNELS as u8,
            nbma in any::<Ipv4Addr>(),
            link in 0..MAX_LINKS as u16,
            packet in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD),
        ) {
            let inject = Inject { tunnel, nbma, link, packet: &packet };
            let mut words = [u64::MAX; PACKET_WORDS];
            let used = Slot::encode(&inject, &mut words).unwrap();
            prop_assert_eq!(Slot::decode(&words[..used]), Ok(inject));
        }

        #[test]
        fn arbitrary_words_never_panic(
            mut words in prop::collection::vec(any::<u64>(), 0..PACKET_WORDS),
            length in 0..2_100u16,
        ) {
            if let Some(octets) = words.as_mut_bytes().get_mut(..8) {
                octets[1] = 0;
                octets[2..4].copy_from_slice(&length.to_ne_bytes());
                octets[6..8].fill(0);
            }
            if let Ok(inject) = Slot::decode(&words) {
                prop_assert!(Slot::encode(&inject, &mut [0; PACKET_WORDS]).is_ok());
            }
        }
    }

    #[test]
    fn bounds() {
        let mut words = [0; PACKET_WORDS];
        let good = Inject { tunnel: 0, nbma: Ipv4Addr::LOCALHOST, link: 0, packet: &[1, 2, 3] };
        assert!(Slot::encode(&good, &mut words).is_ok());
        assert!(Slot::encode(&Inject { tunnel: MAX_TUNNELS as u8, ..good }, &mut words).is_err());
        assert!(Slot::encode(&Inject { link: MAX_LINKS as u16, ..good }, &mut words).is_err());
        assert!(Slot::encode(&Inject { packet: &[0; MAX_PAYLOAD + 1], ..good }, &mut words).is_err());
    }
}
