//! A hub with one underlay port, one tunnel and any number of spokes, and the frames that spokes send to each other
//! through it.

use forwarding::{
    ApplyError, PortAddress, PortSettings, Reader, Role, Security, Settings, SettingsError, TunnelSettings,
    Updater, secured_tables,
};
use shm::message::{Protection, Target, Transform, Update};
use std::net::Ipv4Addr;
use wire::eth::{self, Mac};
use wire::{esp, gre, ip4, udp};

/// NBMA and tunnel source address of the hub.
pub const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Tunnel address of the hub.
pub const HUB_TUNNEL: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// MAC address of the hub's port.
pub const HUB_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
/// MAC address of the underlay's next hop, behind which all spokes are.
pub const ROUTER_MAC: Mac = Mac([2, 0, 0, 0, 0, 2]);
/// NBMA address of spoke 0.
const NBMA: u32 = 0xc612_0000;
/// The networks behind spokes are /24s scattered over 32.0.0.0/3, so that no two share a cache line of the FIB.
const LANS: u32 = 0x0020_0000;
/// Networks in [`LANS`], a power of two; times an odd number they are all met once.
const LAN_COUNT: u32 = 1 << 21;
/// Packet buffers of the hub being measured: more than the bursts in flight, fewer than a cache holds.
pub const BUFFERS: u32 = 1_024;
const SCATTER: u32 = 0x9e37_79b1;
/// Most spokes: their NBMA addresses end within 198.18.0.0/15.
pub const MAX_SPOKES: u32 = 1 << 17;
/// The simple IMIX: 7 packets of 64 octets, 4 of 570, 1 of 1418, well mixed.
const IMIX: [u16; 12] = [64, 570, 64, 64, 570, 64, 1418, 64, 570, 64, 64, 570];

/// Size of inner IP packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// All the same, in octets.
    Fixed(u16),
    /// 7 of 64, 4 of 570, 1 of 1418 octets.
    Imix,
}

impl Size {
    /// Size of the `n`th packet.
    pub fn of(self, n: usize) -> u16 {
        match self {
            Size::Fixed(size) => size,
            Size::Imix => IMIX.get(n % IMIX.len()).copied().unwrap_or(64),
        }
    }

    /// Mean octets.
    pub fn mean(self) -> f64 {
        match self {
            Size::Fixed(size) => size.into(),
            Size::Imix => IMIX.iter().map(|size| f64::from(*size)).sum::<f64>() / IMIX.len() as f64,
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Size::Fixed(size) => size.fmt(f),
            Size::Imix => f.write_str("imix"),
        }
    }
}

impl std::str::FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text.eq_ignore_ascii_case("imix") => Ok(Size::Imix),
            Ok(size @ 48..=1_476) => Ok(Size::Fixed(size)),
            _ => Err(format!("`{text}` is neither `imix` nor a size from 48 to 1476 octets")),
        }
    }
}

/// What the hub is like.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Registered spokes.
    pub spokes: u32,
    /// GRE key.
    pub key: Option<u32>,
    /// Phase 3: the hub looks whether to redirect.
    pub redirect: bool,
    /// Copies per second of a multicast packet to the spokes, which all take multicast then.
    pub multicast_rate: Option<u32>,
}

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Bounds.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An update was refused.
    #[error("tables: {0}")]
    Apply(#[from] ApplyError),
    /// No worker's end.
    #[error("tables without a reader")]
    NoReader,
}

/// NBMA address of a spoke.
pub fn nbma(spoke: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(NBMA.wrapping_add(spoke))
}

/// A host behind a spoke.
pub fn host(spoke: u32) -> Ipv4Addr {
    let network = LANS + (spoke.wrapping_mul(SCATTER) & (LAN_COUNT - 1));
    Ipv4Addr::from_bits(network << 8 | 10)
}

impl Scenario {
    /// Full tables and one worker's end of them, without protection.
    pub fn build(&self) -> Result<(Updater, Reader), ScenarioError> {
        self.build_for(self.spokes)
    }

    /// The same, with room for that many peers.
    pub fn build_for(&self, max_peers: u32) -> Result<(Updater, Reader), ScenarioError> {
        let (mut updater, reader) = self.empty_for(max_peers, None)?;
        for id in 0..self.spokes {
            for update in self.spoke(id, None) {
                updater.apply(&update)?;
            }
        }
        Ok((updater, reader))
    }

    /// Tables without a spoke, and one worker's end of them. Tunnels are protected when there is what that takes.
    pub fn empty(&self, security: Option<Security>) -> Result<(Updater, Reader), ScenarioError> {
        self.empty_for(self.spokes, security)
    }

    fn empty_for(
        &self,
        max_peers: u32,
        security: Option<Security>,
    ) -> Result<(Updater, Reader), ScenarioError> {
        let settings = Settings { max_peers: max_peers.max(1), ..self.settings(security.is_some()) };
        let (updater, readers) = self.tables(settings, security)?;
        Ok((updater, readers.into_iter().next().ok_or(ScenarioError::NoReader)?))
    }

    /// Tables without a spoke, and each worker's end of them.
    pub fn empty_for_workers(
        &self,
        workers: usize,
        security: Option<Security>,
    ) -> Result<(Updater, Vec<Reader>), ScenarioError> {
        self.tables(Settings { workers, ..self.settings(security.is_some()) }, security)
    }

    fn tables(
        &self,
        settings: Settings,
        security: Option<Security>,
    ) -> Result<(Updater, Vec<Reader>), ScenarioError> {
        let (mut updater, readers) = secured_tables(settings, security)?;
        updater.apply(&Update::Link { id: 0, port: 0, mac: Some(ROUTER_MAC.0) })?;
        Ok((updater, readers))
    }

    /// What makes a spoke a peer with a network behind it.
    pub fn spoke(&self, id: u32, protection: Option<Protection>) -> [Update; 2] {
        let prefix = Ipv4Addr::from_bits(host(id).to_bits() & 0xffff_ff00);
        [
            Update::Peer {
                id,
                tunnel: 0,
                nbma: nbma(id),
                link: 0,
                multicast: self.multicast_rate.is_some(),
                protection,
            },
            Update::Route { vrf: 0, prefix, len: 24, target: Target::Peer(id) },
        ]
    }

    fn settings(&self, protected: bool) -> Settings {
        let port = PortSettings {
            role: Role::Underlay,
            vrf: 0,
            mac: HUB_MAC.0,
            vlan: None,
            mtu: 1_600,
            unreachables: true,
            addresses: vec![PortAddress { address: HUB, len: 24 }],
        };
        let tunnel = TunnelSettings {
            vrf: 0,
            tunnel_vrf: 0,
            source: HUB,
            key: self.key,
            address: HUB_TUNNEL,
            len: 16,
            ip_mtu: 1_476,
            adjust_mss: None,
            ttl: 255,
            network_id: 1,
            redirect: self.redirect,
            unreachables: true,
            redirect_timeout: 8_000,
            multicast_rate: self.multicast_rate.unwrap_or(100_000),
            protected,
        };
        Settings {
            ports: vec![port],
            tunnels: vec![tunnel],
            vrfs: 1,
            max_peers: self.spokes.max(1),
            workers: 1,
            buffers: BUFFERS,
            control_plane: Default::default(),
        }
    }

    /// Octets in front of the inner packet on the wire.
    pub fn overhead(&self) -> usize {
        eth::LEN + ip4::LEN + gre::emitted_len(self.key)
    }

    /// Writes the frame of an inner packet of `size` octets from one spoke to another; gives its octets.
    pub fn frame(&self, from: u32, to: u32, size: u16, out: &mut [u8]) -> Option<usize> {
        self.frame_to(from, host(to), size, out)
    }

    /// The same to any address.
    pub fn frame_to(&self, from: u32, to: Ipv4Addr, size: u16, out: &mut [u8]) -> Option<usize> {
        let overhead = self.overhead();
        let total = overhead + usize::from(size);
        let out = out.get_mut(..total)?;
        eth::emit(out, HUB_MAC, ROUTER_MAC, None, eth::TYPE_IPV4)?;
        let outer = ip4::Fields {
            tos: 0,
            total_len: u16::try_from(total - eth::LEN).ok()?,
            id: from as u16,
            flags_offset: 0,
            ttl: 255,
            protocol: ip4::protocol::GRE,
            source: nbma(from),
            destination: HUB,
        };
        let at = eth::LEN + outer.emit(out.get_mut(eth::LEN..)?)?;
        gre::emit(out.get_mut(at..)?, self.key, gre::PROTO_IPV4)?;
        let inner = ip4::Fields {
            total_len: size,
            flags_offset: ip4::FLAG_DF,
            ttl: 64,
            protocol: ip4::protocol::UDP,
            source: host(from),
            destination: to,
            ..outer
        };
        inner.emit(out.get_mut(overhead..)?)?;
        udp::emit(out.get_mut(overhead + ip4::LEN..)?, 4_789, 4_789, inner.source, inner.destination)?;
        Some(total)
    }
}

/// Octets of ESP's text for an inner packet in GRE and transport mode: GRE, packet, padding, pad length, next header
/// (RFC 4303 2.4).
pub fn esp_text_len(transform: Transform, key: Option<u32>, size: u16) -> usize {
    (gre::emitted_len(key) + usize::from(size) + esp::TRAILER).next_multiple_of(transform.block_len())
}

/// Random numbers, good enough to choose by (xorshift64*): the same in every run.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    /// Any number.
    pub fn draw(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        // The upper half is the better one.
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.draw()) * u64::from(limit)) >> 32) as u32
    }
}

/// Random pairs of spokes: the same in every run.
#[derive(Clone, Debug)]
pub struct Pairs {
    spokes: u32,
    /// Senders are every so manieth spoke, from the first of them on.
    step: u32,
    first: u32,
    random: Random,
}

impl Pairs {
    /// Among so many spokes. With one, it sends to itself.
    pub fn new(spokes: u32) -> Self {
        Self { spokes, step: 1, first: 0, random: Random::default() }
    }

    /// With senders that no other of so many workers has: a NIC gives what comes from one address to one of them.
    pub fn of_worker(spokes: u32, worker: u32, workers: u32) -> Self {
        Self { step: workers.max(1), first: worker, ..Self::new(spokes) }
    }

    /// Sender and receiver.
    pub fn pair(&mut self) -> (u32, u32) {
        let from = self.random.below(self.spokes / self.step) * self.step + self.first;
        (from, self.random.below(self.spokes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_well_formed() {
        for key in [None, Some(42)] {
            let scenario = Scenario { spokes: MAX_SPOKES, key, redirect: false, multicast_rate: None };
            let mut frame = [0xee; 1_600];
            for (from, to, size) in [(0, MAX_SPOKES - 1, 48), (77, 78, 1_476)] {
                let len = scenario.frame(from, to, size, &mut frame).unwrap();
                let outer = ip4::parse(&frame[eth::LEN..len]).unwrap();
                assert_eq!((outer.source(), outer.destination()), (nbma(from), HUB));
                let gre = gre::parse(outer.payload()).unwrap();
                assert_eq!((gre.key, gre.protocol), (key, gre::PROTO_IPV4));
                let inner = ip4::parse(gre.payload).unwrap();
                assert_eq!((inner.source(), inner.destination()), (host(from), host(to)));
                assert_eq!(inner.total_len(), usize::from(size));
                assert!(udp::parse(inner.payload(), host(from), host(to)).is_ok());
            }
        }
    }

    #[test]
    fn pairs_reach_every_spoke() {
        let mut pairs = Pairs::new(100);
        let mut seen = [0; 100];
        for _ in 0..10_000 {
            let (from, to) = pairs.pair();
            seen[from as usize] += 1;
            seen[to as usize] += 1;
        }
        assert!(seen.iter().all(|n| (100..300).contains(n)), "{seen:?}");
        assert_eq!(Pairs::new(1).pair(), (0, 0));
    }

    #[test]
    fn every_spoke_has_addresses_of_its_own() {
        let hosts: std::collections::HashSet<_> = (0..MAX_SPOKES).map(host).collect();
        assert_eq!(hosts.len(), MAX_SPOKES as usize);
        assert!(hosts.iter().all(|host| host.to_bits() >> 29 == 1));
    }

    #[test]
    fn sizes() {
        assert_eq!("IMIX".parse(), Ok(Size::Imix));
        assert_eq!("64".parse(), Ok(Size::Fixed(64)));
        assert!(
            "47".parse::<Size>().is_err() && "1477".parse::<Size>().is_err() && "x".parse::<Size>().is_err()
        );
        assert!((Size::Imix.mean() - 4_146.0 / 12.0).abs() < 1e-9);
    }
}
