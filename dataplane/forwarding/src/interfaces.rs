//! Ports and tunnels in the form that packets are compared with.

use crate::fib::place;
use crate::recent::hash;
use crate::settings::{PortSettings, Role, Settings};
use shm::counters::MAX_TUNNELS;
use shm::message::{TunnelId, VrfId};

/// The 48 low bits of a word hold a MAC address.
pub(crate) const MAC_BITS: u64 = 0xffff_ffff_ffff;

/// A port.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) role: Role,
    pub(crate) vrf: VrfId,
    /// Own MAC address, first octet in the lowest bits.
    pub(crate) mac: u64,
    /// VLAN on the wire.
    pub(crate) vlan: Option<u16>,
    /// Whether GRE may end here: every underlay port, and a LAN port that has a tunnel's source address.
    pub(crate) terminates: bool,
    /// Whether its senders are told what cannot be reached.
    pub(crate) unreachables: bool,
    /// Own addresses, host order.
    pub(crate) addresses: Vec<u32>,
    /// Broadcast addresses of the port's subnets, host order.
    pub(crate) broadcasts: Vec<u32>,
}

/// A tunnel.
#[derive(Debug)]
pub(crate) struct Tunnel {
    /// Outer source address in its VRF.
    source: u64,
    /// Key and protection as [`key_code`] has them.
    key: u64,
    /// VRF of what it carries.
    pub(crate) vrf: VrfId,
    /// Own address, host order.
    pub(crate) address: u32,
    /// Broadcast address of the overlay subnet, host order; 0 when it has none.
    pub(crate) broadcast: u32,
    /// One bit for each tunnel to which a redirect may point from this one; 0: no redirects.
    pub(crate) redirects: u64,
    /// Milliseconds between redirects for the same networks.
    pub(crate) redirect_timeout: u32,
    /// TCP MSS clamp, 0: none.
    pub(crate) mss: u16,
    /// Whether its spokes are told what cannot be reached.
    pub(crate) unreachables: bool,
}

/// All ports and tunnels by index.
#[derive(Debug)]
pub(crate) struct Interfaces {
    pub(crate) ports: Vec<Port>,
    pub(crate) tunnels: Vec<Tunnel>,
    /// Of the hash that spreads flows: each hub's own, and the same after a restart.
    pub(crate) seed: u64,
    /// One bit for each tunnel whose packets travel in ESP.
    protected: u64,
    /// Source addresses of those tunnels in their VRFs.
    protected_sources: Vec<u64>,
}

const _: () = assert!(MAX_TUNNELS <= u64::BITS as usize);

/// A key or its absence, and whether packets travel in ESP, in one word.
#[inline(always)]
fn key_code(key: Option<u32>, protected: bool) -> u64 {
    key.map_or(1 << 32, u64::from) | u64::from(protected) << 33
}

/// The broadcast address of a subnet; 0 where there is none (RFC 3021 2.1).
fn broadcast(address: u32, len: u8) -> u32 {
    if len >= 31 { 0 } else { address | u32::MAX >> len }
}

impl Interfaces {
    /// From settings that were checked.
    pub(crate) fn new(settings: &Settings) -> Self {
        let ports = settings.ports.iter().map(|port| Port::new(port, settings)).collect();
        let tunnels = settings.tunnels.iter().map(|tunnel| {
            let network = settings.tunnels.iter().enumerate();
            let same =
                network.filter(|(_, other)| (other.vrf, other.network_id) == (tunnel.vrf, tunnel.network_id));
            Tunnel {
                source: place(tunnel.tunnel_vrf, tunnel.source.to_bits()),
                key: key_code(tunnel.key, tunnel.protected),
                vrf: tunnel.vrf,
                address: tunnel.address.to_bits(),
                broadcast: broadcast(tunnel.address.to_bits(), tunnel.len),
                redirects: if tunnel.redirect {
                    same.fold(0, |mask, (index, _)| mask | 1 << index)
                } else {
                    0
                },
                redirect_timeout: tunnel.redirect_timeout,
                mss: tunnel.adjust_mss.unwrap_or(0),
                unreachables: tunnel.unreachables,
            }
        });
        let mut protected_sources: Vec<u64> = settings
            .tunnels
            .iter()
            .filter(|tunnel| tunnel.protected)
            .map(|tunnel| place(tunnel.tunnel_vrf, tunnel.source.to_bits()))
            .collect();
        protected_sources.sort_unstable();
        protected_sources.dedup();
        let protected = settings
            .tunnels
            .iter()
            .enumerate()
            .fold(0, |mask, (index, tunnel)| mask | u64::from(tunnel.protected) << index);
        let seed = settings.tunnels.iter().fold(0, |seed, tunnel| {
            hash(seed, u64::from(tunnel.source.to_bits()) << 32 | u64::from(tunnel.address.to_bits()))
        });
        Self { ports, tunnels: tunnels.collect(), seed, protected, protected_sources }
    }

    /// The tunnel that a GRE packet to `local`, an address in its VRF, with that key belongs to, if it came out of ESP or
    /// did not as the tunnel demands.
    #[inline(always)]
    pub(crate) fn tunnel(&self, local: u64, key: Option<u32>, opened: bool) -> Option<TunnelId> {
        let key = key_code(key, opened);
        let found = self.tunnels.iter().position(|tunnel| tunnel.source == local && tunnel.key == key);
        found.map(|index| index as TunnelId)
    }

    /// Whether the tunnel's packets travel in ESP.
    #[inline(always)]
    pub(crate) fn is_protected(&self, tunnel: TunnelId) -> bool {
        self.protected >> (tunnel & 63) & 1 != 0
    }

    /// Whether a tunnel with this source, an address in its VRF, has its packets in ESP.
    #[inline(always)]
    pub(crate) fn is_protected_source(&self, source: u64) -> bool {
        self.protected_sources.contains(&source)
    }

    /// Whether a tunnel with this source address, in any VRF, has its packets in ESP.
    pub(crate) fn is_protected_anywhere(&self, address: u32) -> bool {
        self.protected_sources.iter().any(|source| *source as u32 == address)
    }

    /// Whether any tunnel has this source, an address in its VRF.
    pub(crate) fn is_tunnel_source(&self, source: u64) -> bool {
        self.tunnels.iter().any(|tunnel| tunnel.source == source)
    }

    /// Whether a tunnel has this source address in any VRF.
    pub(crate) fn is_source_anywhere(&self, address: u32) -> bool {
        self.tunnels.iter().any(|tunnel| tunnel.source as u32 == address)
    }
}

impl Port {
    fn new(port: &PortSettings, settings: &Settings) -> Self {
        let mut mac = [0; 8];
        mac[..6].copy_from_slice(&port.mac);
        let owns_source = port.addresses.iter().any(|own| {
            settings
                .tunnels
                .iter()
                .any(|tunnel| (tunnel.tunnel_vrf, tunnel.source) == (port.vrf, own.address))
        });
        let broadcasts = port.addresses.iter().map(|own| broadcast(own.address.to_bits(), own.len));
        Self {
            role: port.role,
            vrf: port.vrf,
            mac: u64::from_le_bytes(mac),
            vlan: port.vlan,
            terminates: port.role == Role::Underlay || owns_source,
            unreachables: port.unreachables,
            addresses: port.addresses.iter().map(|own| own.address.to_bits()).collect(),
            broadcasts: broadcasts.filter(|address| *address != 0).collect(),
        }
    }
}
