//! What the forwarder knows from `hub.toml`: fixed while the process lives.

use crate::police::ControlPlane;
use shm::counters::{MAX_PORTS, MAX_TUNNELS};
use shm::message::{MAX_VRFS, VrfId};
use std::net::Ipv4Addr;

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Carries GRE to and from spokes; nothing else is forwarded.
    Underlay,
    /// Carries plain IP of the data centre, in the table of its VRF, as the tunnels of that VRF.
    Lan,
}

/// An address of a port with the length of its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// Prefix length of the subnet, 0 to 32.
    pub len: u8,
}

/// One port, in the order that gives it its index.
#[derive(Clone, Debug)]
pub struct PortSettings {
    /// What it is for.
    pub role: Role,
    /// VRF that it is in.
    pub vrf: VrfId,
    /// Its own MAC address: source of what it sends, destination of what it takes.
    pub mac: [u8; 6],
    /// 802.1Q VLAN on the wire, 1 to 4094; `None`: untagged.
    pub vlan: Option<u16>,
    /// IP MTU in octets.
    pub mtu: u16,
    /// Whether who sends by it is told, by ICMP, that there is no way to a destination.
    pub unreachables: bool,
    /// Addresses of the port that are known from the start.
    pub addresses: Vec<PortAddress>,
}

/// One tunnel interface, in the order that gives it its index.
#[derive(Clone, Debug)]
pub struct TunnelSettings {
    /// VRF of what it carries.
    pub vrf: VrfId,
    /// VRF of the underlay: where its GRE comes from and goes to.
    pub tunnel_vrf: VrfId,
    /// Outer source address.
    pub source: Ipv4Addr,
    /// GRE key; `None`: none on the wire, and a packet with one is refused.
    pub key: Option<u32>,
    /// Tunnel address of the hub.
    pub address: Ipv4Addr,
    /// Prefix length of the overlay subnet, 0 to 32.
    pub len: u8,
    /// IP MTU inside the tunnel in octets.
    pub ip_mtu: u16,
    /// Clamp of TCP MSS in octets; `None`: off.
    pub adjust_mss: Option<u16>,
    /// Outer TTL.
    pub ttl: u8,
    /// Number of the NHRP network: tunnels with the same one redirect between each other.
    pub network_id: u32,
    /// Whether redirects are sent (Phase 3).
    pub redirect: bool,
    /// Whether its spokes are told, by ICMP, that there is no way to a destination.
    pub unreachables: bool,
    /// Milliseconds between redirects for the same peer and pair of networks.
    pub redirect_timeout: u32,
    /// Multicast copies per second that a worker sends to its spokes.
    pub multicast_rate: u32,
    /// Whether all its packets travel in ESP: none is sent or taken in the clear.
    pub protected: bool,
}

impl TunnelSettings {
    /// Octets that encapsulation puts before the inner packet in the clear: IPv4 and GRE.
    pub fn overhead(&self) -> u16 {
        wire::ip4::LEN as u16 + self.gre_len()
    }
    /// Octets of the GRE header.
    pub fn gre_len(&self) -> u16 {
        wire::gre::emitted_len(self.key) as u16
    }
}

/// Everything the tables and workers are built from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Ports by index.
    pub ports: Vec<PortSettings>,
    /// Tunnels by index.
    pub tunnels: Vec<TunnelSettings>,
    /// How many VRFs there are, the global one among them.
    pub vrfs: usize,
    /// Most peers.
    pub max_peers: u32,
    /// Workers that will read the tables.
    pub workers: usize,
    /// Packet buffers that the workers share: bounds what fragments may hold.
    pub buffers: u32,
    /// What the hub itself takes of each class.
    pub control_plane: ControlPlane,
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Too many ports.
    #[error("{0} ports configured, at most {MAX_PORTS} are possible")]
    Ports(usize),
    /// Too many tunnels.
    #[error("{0} tunnels configured, at most {MAX_TUNNELS} are possible")]
    Tunnels(usize),
    /// None, too many, or one of them named that is not there.
    #[error("{0} VRFs configured, at most {MAX_VRFS} are possible, and ports and tunnels are in one of them")]
    Vrfs(usize),
    /// `max_peers` is zero or does not fit a table entry.
    #[error("max-peers is {0}, it must lie between 1 and 16,777,215")]
    Peers(u32),
    /// Two tunnels cannot be told apart on the wire.
    #[error("tunnels {0} and {1} have the same source address and the same key")]
    Ambiguous(usize, usize),
    /// No worker.
    #[error("at least one worker is needed")]
    Workers,
    /// A worker without random octets.
    #[error("random octets are needed for each worker")]
    Seeds,
    /// A crypto engine.
    #[error(transparent)]
    Engine(#[from] crate::crypto::EngineError),
    /// Not enough memory for the tables.
    #[error("no memory for tables of {0} peers")]
    Memory(u32),
}

/// Most peers a table entry can name (24 bits).
pub(crate) const PEER_LIMIT: u32 = 1 << 24;

impl Settings {
    /// Checks bounds and that every two tunnels can be told apart by VRF, source address and key.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.ports.len() > MAX_PORTS {
            return Err(SettingsError::Ports(self.ports.len()));
        }
        if self.tunnels.len() > MAX_TUNNELS {
            return Err(SettingsError::Tunnels(self.tunnels.len()));
        }
        let ports = self.ports.iter().map(|port| port.vrf);
        let mut named = ports.chain(self.tunnels.iter().flat_map(|tunnel| [tunnel.vrf, tunnel.tunnel_vrf]));
        if !(1..=MAX_VRFS).contains(&self.vrfs) || named.any(|vrf| usize::from(vrf) >= self.vrfs) {
            return Err(SettingsError::Vrfs(self.vrfs));
        }
        if self.max_peers == 0 || self.max_peers >= PEER_LIMIT {
            return Err(SettingsError::Peers(self.max_peers));
        }
        if self.workers == 0 {
            return Err(SettingsError::Workers);
        }
        for (i, a) in self.tunnels.iter().enumerate() {
            for (j, b) in self.tunnels.iter().enumerate().skip(i + 1) {
                if (a.tunnel_vrf, a.source, a.key) == (b.tunnel_vrf, b.source, b.key) {
                    return Err(SettingsError::Ambiguous(i, j));
                }
            }
        }
        Ok(())
    }
}
