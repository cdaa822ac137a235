//! The [`Update`]s about SAs as a slot: longer than the others', since they carry keys.

use super::update::{SA_DELETE, SA_INBOUND, SA_OUTBOUND};
use super::{Malformed, UPDATE_WORDS, below, udp, udp_of};
use crate::message::{
    Direction, Encap, Keys, MAX_KEYS, MAX_WINDOW, MIN_WINDOW, Mode, RESERVED_SPIS, SaId, SaInbound,
    SaOutbound, SessionId, Transform, Update, max_sas, sa_of,
};
use std::num::NonZeroU64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Extended sequence numbers.
const ESN: u8 = 1;
/// Tunnel mode.
const TUNNEL: u8 = 2;
/// Only ESP in UDP is accepted.
const ONLY_UDP: u8 = 4;
/// `SaDelete`: the outbound half.
const OUTBOUND: u8 = 8;

/// All kinds share one form; what a kind does not use is zero.
#[derive(Clone, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Zeroize, ZeroizeOnDrop)]
#[repr(C)]
pub struct Slot {
    /// Which message.
    pub kind: u8,
    /// `ESN`, `TUNNEL`, `ONLY_UDP`, `OUTBOUND`.
    pub flags: u8,
    /// Algorithms, as [`Transform`]'s discriminant.
    pub transform: u8,
    /// Zero.
    pub zero: u8,
    /// Slot of the SA.
    pub id: u32,
    /// Ours inbound, the peer's outbound.
    pub spi: u32,
    /// Session.
    pub session: u32,
    /// Tag of the cells.
    pub tag: u64,
    /// Greatest sequence number to send.
    pub hard_packets: u64,
    /// The hub's address.
    pub local: [u8; 4],
    /// The peer's address.
    pub nbma: [u8; 4],
    /// Tunnel mode: the hub's inner address.
    pub inner_local: [u8; 4],
    /// Tunnel mode: the peer's inner address.
    pub inner_remote: [u8; 4],
    /// Replay window.
    pub window: u16,
    /// The peer's port; 0: plain ESP.
    pub port: u16,
    /// Zero.
    pub zero2: [u8; 4],
    /// Key material; what the algorithms do not use is zero.
    pub keys: [u8; MAX_KEYS],
}

const _: () = assert!(size_of::<Slot>() == 152 && size_of::<Slot>() / 8 < UPDATE_WORDS);

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("kind", &self.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Slot {
    const ZERO: Self = Self {
        kind: 0,
        flags: 0,
        transform: 0,
        zero: 0,
        id: 0,
        spi: 0,
        session: 0,
        tag: 0,
        hard_packets: 0,
        local: [0; 4],
        nbma: [0; 4],
        inner_local: [0; 4],
        inner_remote: [0; 4],
        window: 0,
        port: 0,
        zero2: [0; 4],
        keys: [0; MAX_KEYS],
    };

    /// `None`: the message is about no SA.
    pub(super) fn raw(update: &Update) -> Option<Result<Self, Malformed>> {
        Some(match update {
            Update::SaInbound(sa) => Self::inbound(sa),
            Update::SaOutbound(sa) => Ok(Self::outbound(sa)),
            Update::SaDelete { id, direction } => {
                let mut slot = Self::ZERO;
                (slot.kind, slot.id) = (SA_DELETE, *id);
                slot.set(OUTBOUND, *direction == Direction::Outbound);
                Ok(slot)
            }
            _ => return None,
        })
    }

    fn inbound(sa: &SaInbound) -> Result<Self, Malformed> {
        let mut slot = Self::half(SA_INBOUND, sa.id, sa.spi, sa.tag, sa.mode, &sa.keys);
        slot.set(ESN, sa.esn);
        slot.set(ONLY_UDP, sa.encap == Encap::Udp);
        (slot.session, slot.window, slot.port) = (sa.session.get(), sa.window, udp(sa.udp)?);
        (slot.local, slot.nbma) = (sa.local.octets(), sa.nbma.octets());
        Ok(slot)
    }

    fn outbound(sa: &SaOutbound) -> Self {
        let mut slot = Self::half(SA_OUTBOUND, sa.id, sa.spi, sa.tag, sa.mode, &sa.keys);
        slot.set(ESN, sa.esn);
        slot.hard_packets = sa.hard_packets;
        slot
    }

    fn half(kind: u8, id: SaId, spi: u32, tag: NonZeroU64, mode: Mode, keys: &Keys) -> Self {
        let mut slot = Self::ZERO;
        (slot.kind, slot.id, slot.spi, slot.tag) = (kind, id, spi, tag.get());
        if let Mode::Tunnel { local, remote } = mode {
            slot.flags |= TUNNEL;
            (slot.inner_local, slot.inner_remote) = (local.octets(), remote.octets());
        }
        slot.transform = keys.transform() as u8;
        slot.keys = *keys.padded();
        slot
    }

    fn set(&mut self, flag: u8, on: bool) {
        if on {
            self.flags |= flag;
        }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn decode(&self, max_peers: u32) -> Result<Update, Malformed> {
        let id = below("SA", self.id, max_sas(max_peers) as usize)?;
        let update = match self.kind {
            SA_INBOUND => Update::SaInbound(SaInbound {
                id,
                spi: self.own_spi()?,
                tag: self.tag()?,
                session: SessionId::new(self.session).ok_or(Malformed::Value("session"))?,
                local: self.local.into(),
                nbma: self.nbma.into(),
                udp: udp_of(self.port),
                encap: self.encap()?,
                mode: self.mode(),
                esn: self.has(ESN),
                window: self.window()?,
                keys: self.keys()?,
            }),
            SA_OUTBOUND => Update::SaOutbound(SaOutbound {
                id,
                spi: Some(self.spi).filter(|spi| *spi > RESERVED_SPIS).ok_or(Malformed::Value("SPI"))?,
                tag: self.tag()?,
                mode: self.mode(),
                esn: self.has(ESN),
                hard_packets: match self.hard_packets {
                    0 => return Err(Malformed::Value("hard lifetime")),
                    packets => packets,
                },
                keys: self.keys()?,
            }),
            SA_DELETE => Update::SaDelete {
                id,
                direction: if self.has(OUTBOUND) { Direction::Outbound } else { Direction::Inbound },
            },
            kind => return Err(Malformed::Kind(kind)),
        };
        // Whatever the kind does not use must be as the sender leaves it.
        let unused = Malformed::Value("an unused field");
        let raw = Self::raw(&update).unwrap_or(Err(unused))?;
        if raw == *self { Ok(update) } else { Err(unused) }
    }

    /// One that names its own slot, and a generation.
    fn own_spi(&self) -> Result<u32, Malformed> {
        let own = self.spi > RESERVED_SPIS && sa_of(self.spi) == self.id && self.spi != self.id;
        if own { Ok(self.spi) } else { Err(Malformed::Value("SPI")) }
    }

    fn tag(&self) -> Result<NonZeroU64, Malformed> {
        NonZeroU64::new(self.tag).ok_or(Malformed::Value("tag"))
    }

    fn encap(&self) -> Result<Encap, Malformed> {
        match (self.has(ONLY_UDP), udp_of(self.port)) {
            (true, None) => Err(Malformed::Value("encapsulation")),
            (true, Some(_)) => Ok(Encap::Udp),
            (false, _) => Ok(Encap::Plain),
        }
    }

    fn mode(&self) -> Mode {
        if self.has(TUNNEL) {
            Mode::Tunnel { local: self.inner_local.into(), remote: self.inner_remote.into() }
        } else {
            Mode::Transport
        }
    }

    fn window(&self) -> Result<u16, Malformed> {
        let fits = self.window.is_power_of_two() && (MIN_WINDOW..=MAX_WINDOW).contains(&self.window);
        if fits { Ok(self.window) } else { Err(Malformed::Value("replay window")) }
    }

    fn keys(&self) -> Result<Keys, Malformed> {
        let transform = Transform::from_number(self.transform).ok_or(Malformed::Value("transform"))?;
        let material = self.keys.get(..transform.material_len()).unwrap_or_default();
        Keys::new(transform, material).ok_or(Malformed::Value("keys"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::codec::update::{decode, encode};
    use crate::message::{Protection, spi};
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

    const MAX_PEERS: u32 = 1_000;

    pub(crate) fn protection(max_peers: u32) -> impl Strategy<Value = Protection> {
        (any::<NonZeroU32>(), prop::option::of(0..max_sas(max_peers)), any::<Option<NonZeroU16>>())
            .prop_map(|(session, sa, udp)| Protection { session, sa, udp: udp.map(Into::into) })
    }

    fn keys() -> impl Strategy<Value = Keys> {
        (prop::sample::select(Transform::ALL), prop::collection::vec(any::<u8>(), MAX_KEYS)).prop_map(
            |(transform, octets)| Keys::new(transform, &octets[..transform.material_len()]).unwrap(),
        )
    }

    fn mode() -> impl Strategy<Value = Mode> {
        any::<Option<(Ipv4Addr, Ipv4Addr)>>().prop_map(|inner| match inner {
            Some((local, remote)) => Mode::Tunnel { local, remote },
            None => Mode::Transport,
        })
    }

    fn inbound(max_peers: u32) -> impl Strategy<Value = SaInbound> {
        let who = (0..max_sas(max_peers), any::<NonZeroU8>(), any::<NonZeroU64>(), any::<NonZeroU32>());
        let wher = (any::<Ipv4Addr>(), any::<Ipv4Addr>(), any::<Option<NonZeroU16>>(), any::<bool>());
        (who, wher, mode(), any::<bool>(), 6..=12u32, keys()).prop_map(
            |((id, generation, tag, session), (local, nbma, udp, nat), mode, esn, window, keys)| SaInbound {
                id,
                spi: spi(generation, id),
                tag,
                session,
                local,
                nbma,
                udp: udp.map(Into::into),
                encap: if nat && udp.is_some() { Encap::Udp } else { Encap::Plain },
                mode,
                esn,
                window: 1 << window,
                keys,
            },
        )
    }

    /// One of the three kinds.
    pub(crate) fn update(max_peers: u32) -> impl Strategy<Value = Update> {
        let outbound = (
            (0..max_sas(max_peers), RESERVED_SPIS + 1..=u32::MAX, any::<NonZeroU64>()),
            (mode(), any::<bool>(), 1..=u64::MAX, keys()),
        );
        prop_oneof![
            inbound(max_peers).prop_map(Update::SaInbound),
            outbound.prop_map(|((id, spi, tag), (mode, esn, hard_packets, keys))| {
                Update::SaOutbound(SaOutbound { id, spi, tag, mode, esn, hard_packets, keys })
            }),
            (0..max_sas(max_peers), any::<bool>()).prop_map(|(id, inbound)| Update::SaDelete {
                id,
                direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            }),
        ]
    }

    fn good() -> SaInbound {
        SaInbound {
            id: 7,
            spi: spi(NonZeroU8::MIN, 7),
            tag: NonZeroU64::MIN,
            session: SessionId::MIN,
            local: Ipv4Addr::LOCALHOST,
            nbma: Ipv4Addr::LOCALHOST,
            udp: Some(4_500),
            encap: Encap::Udp,
            mode: Mode::Transport,
            esn: false,
            window: 64,
            keys: Keys::new(Transform::Gcm128, &[9; 20]).unwrap(),
        }
    }

    fn refusal(update: Update) -> &'static str {
        match encode(&update, MAX_PEERS, &mut [0; UPDATE_WORDS]) {
            Err(Malformed::Bound { field, .. } | Malformed::Value(field)) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_field_is_refused_by_name() {
        let inbound = |change: &dyn Fn(&mut SaInbound)| {
            let mut sa = good();
            change(&mut sa);
            refusal(Update::SaInbound(sa))
        };
        assert_eq!(inbound(&|sa| sa.id = max_sas(MAX_PEERS)), "SA");
        for spi in [0, 7, 8 | 1 << 24, 255] {
            assert_eq!(inbound(&|sa| sa.spi = spi), "SPI", "{spi}");
        }
        for window in [0, 1, 32, 65, 96, 4_095, 8_192] {
            assert_eq!(inbound(&|sa| sa.window = window), "replay window", "{window}");
        }
        assert_eq!(inbound(&|sa| sa.udp = Some(0)), "UDP port");
        assert_eq!(inbound(&|sa| sa.udp = None), "encapsulation");
        let outbound = |spi, hard_packets| {
            let SaInbound { id, tag, mode, keys, .. } = good();
            refusal(Update::SaOutbound(SaOutbound { id, spi, tag, mode, esn: false, hard_packets, keys }))
        };
        assert_eq!((outbound(RESERVED_SPIS, 1), outbound(256, 0)), ("SPI", "hard lifetime"));
        let direction = Direction::Outbound;
        assert_eq!(refusal(Update::SaDelete { id: max_sas(MAX_PEERS), direction }), "SA");
    }

    /// What the types cannot say wrongly, a stranger can.
    #[test]
    fn a_strangers_slot_is_refused() {
        let slot = Slot::inbound(&good()).unwrap();
        assert!(slot.decode(MAX_PEERS).is_ok());
        let refused = |change: &dyn Fn(&mut Slot)| {
            let mut slot = slot.clone();
            change(&mut slot);
            slot.decode(MAX_PEERS).unwrap_err()
        };
        assert_eq!(refused(&|slot| slot.tag = 0), Malformed::Value("tag"));
        assert_eq!(refused(&|slot| slot.session = 0), Malformed::Value("session"));
        assert_eq!(refused(&|slot| slot.transform = 0), Malformed::Value("transform"));
        assert_eq!(refused(&|slot| slot.transform = 11), Malformed::Value("transform"));
        let unused = Malformed::Value("an unused field");
        assert_eq!(refused(&|slot| slot.keys[20] = 1), unused, "beyond the keys");
        assert_eq!(refused(&|slot| slot.inner_local[0] = 1), unused, "of tunnel mode");
        assert_eq!(refused(&|slot| slot.flags |= OUTBOUND), unused);
        assert_eq!(refused(&|slot| slot.flags |= 16), unused);
        assert_eq!(refused(&|slot| slot.hard_packets = 1), unused);
        assert_eq!(refused(&|slot| slot.zero2[3] = 1), unused);
        assert_eq!(refused(&|slot| slot.kind = SA_OUTBOUND), Malformed::Value("hard lifetime"));
        assert_eq!(refused(&|slot| slot.kind = SA_DELETE), unused);
    }

    #[test]
    fn the_words_of_another_kind_are_no_sa() {
        let mut words = [0; UPDATE_WORDS];
        let used = encode(&Update::SaInbound(good()), MAX_PEERS, &mut words).unwrap();
        assert_eq!(decode(&words[..used], MAX_PEERS), Ok(Update::SaInbound(good())));
        for short in 0..used {
            assert!(decode(&words[..short], MAX_PEERS).is_err());
        }
        assert!(decode(&words[..used + 1], MAX_PEERS).is_err());
        words.as_mut_bytes()[0] = 1;
        assert_eq!(decode(&words[..used], MAX_PEERS), Err(Malformed::Length(152)));
    }

    #[test]
    fn keys_are_not_shown() {
        let mut sa = good();
        sa.keys = Keys::new(Transform::Gcm128, &[0xe7; 20]).unwrap();
        let shown = format!("{:?} {:?}", Slot::inbound(&sa), Update::SaInbound(sa));
        assert!(!shown.contains("231") && !shown.to_lowercase().contains("e7, "), "{shown}");
    }
}
