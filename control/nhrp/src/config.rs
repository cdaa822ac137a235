//! What the server is told at start.

use crate::TunnelId;
use crate::answers::{mask, overlap};
use crate::ingress::is_martian;
use std::fmt;
use std::net::Ipv4Addr;

/// Longest password, in octets: what Cisco's `ip nhrp authentication` takes.
pub const MAX_PASSWORD: usize = 8;

/// The whole server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Tunnel interfaces, each with its own [`TunnelConfig::id`].
    pub tunnels: Vec<TunnelConfig>,
    /// Most bindings in the cache, over all tunnels; a registration beyond is answered with code 5.
    pub max_bindings: usize,
    /// Most peers remembered because they failed or went away.
    pub max_failures: usize,
    /// Where hash seeds and the first request id come from; random at every start of the process.
    pub seed: u64,
}

impl ServerConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (n, tunnel) in self.tunnels.iter().enumerate() {
            let others = self.tunnels.get(n + 1..).unwrap_or_default();
            if others.iter().any(|other| other.id == tunnel.id) {
                return Err(ConfigError::DuplicateTunnel(tunnel.id));
            }
            if others.iter().any(|other| (other.vrf, other.address) == (tunnel.vrf, tunnel.address)) {
                return Err(ConfigError::DuplicateAddress(tunnel.address));
            }
            tunnel.check()?;
        }
        Ok(())
    }
}

/// DMVPN phase of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Hub and spoke only: no redirect, and a resolution of another spoke is refused (code 4).
    One,
    /// Resolutions of spokes are answered from the registration cache.
    Two,
    /// Redirects are sent and resolutions forwarded to the spoke that owns the address.
    Three,
}

/// One tunnel interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelConfig {
    /// Its index.
    pub id: TunnelId,
    /// Number of its VRF: addresses of another one are other addresses. Tunnels of one NHRP network have the same.
    pub vrf: u8,
    /// Its name in log events, such as `Tunnel0`.
    pub name: String,
    /// Outer source address: the hub's NBMA address.
    pub nbma: Ipv4Addr,
    /// The hub's tunnel address.
    pub address: Ipv4Addr,
    /// Length of the overlay subnet. With 31 or 32 the spokes' addresses may be anywhere.
    pub prefix_len: u8,
    /// Local number of the NHRP network: redirects and forwarded requests cross only between tunnels that share it.
    pub network_id: u32,
    /// Password of every packet; `None`: none is sent and one received is ignored.
    pub authentication: Option<Authentication>,
    /// Holding time in seconds that the hub gives for itself.
    pub holdtime: u16,
    /// MTU in the entries that the hub makes about itself; 0 says "the default" (RFC 2332 5.2.0.1).
    pub mtu: u16,
    /// DMVPN phase.
    pub phase: Phase,
    /// Registered spokes join the multicast list.
    pub map_multicast_dynamic: bool,
    /// Static mappings.
    pub map: Vec<StaticMap>,
    /// Accept the odd-length checksum of older FRR and OpenNHRP.
    pub legacy_odd_checksum: bool,
    /// Seconds between redirects for the same pair of networks.
    pub redirect_timeout: u16,
    /// Packets sent per 10 s at most.
    pub max_send: u32,
    /// Most protocol addresses that one NBMA address may register; beyond: code 5.
    pub max_bindings_per_peer: u32,
    /// A registration with holding time 0 removes the binding; otherwise it is refused with code 4.
    pub hold_zero_deregisters: bool,
    /// Requests other than registrations are taken from registered and static peers only.
    pub require_registration: bool,
    /// Networks in which addresses may be registered, beside the limits of the subnet; empty: no more limits.
    pub spoke_addresses: Vec<(Ipv4Addr, u8)>,
}

impl TunnelConfig {
    /// A tunnel with the defaults of `hub.toml`.
    pub fn new(id: TunnelId, nbma: Ipv4Addr, address: Ipv4Addr, prefix_len: u8) -> Self {
        Self {
            id,
            vrf: 0,
            name: format!("Tunnel{id}"),
            nbma,
            address,
            prefix_len,
            network_id: 1,
            authentication: None,
            holdtime: 7200,
            mtu: 0,
            phase: Phase::Three,
            map_multicast_dynamic: false,
            map: Vec::new(),
            legacy_odd_checksum: false,
            redirect_timeout: 8,
            max_send: 100_000,
            max_bindings_per_peer: 16,
            hold_zero_deregisters: false,
            require_registration: true,
            spoke_addresses: Vec::new(),
        }
    }
}

impl TunnelConfig {
    fn check(&self) -> Result<(), ConfigError> {
        if self.prefix_len > 32 {
            return Err(ConfigError::PrefixLength(self.prefix_len));
        }
        for (n, map) in self.map.iter().enumerate() {
            let others = self.map.get(n + 1..).unwrap_or_default();
            let why = if others.iter().any(|other| other.protocol == map.protocol) {
                "another map has the same tunnel address"
            } else if map.protocol == self.address {
                "the tunnel address is the hub's own"
            } else if is_martian(map.protocol) {
                "the tunnel address can be no station's"
            } else if is_martian(map.nbma) || map.nbma == self.nbma {
                "the NBMA address can be no spoke's"
            } else {
                continue;
            };
            return Err(ConfigError::Map { protocol: map.protocol, nbma: map.nbma, why });
        }
        Ok(())
    }

    /// Broadcast address of the overlay subnet, if it has one.
    pub(crate) fn broadcast(&self) -> Option<Ipv4Addr> {
        (self.prefix_len <= 30).then(|| Ipv4Addr::from_bits(self.address.to_bits() | !mask(self.prefix_len)))
    }

    /// Whether an address is in the overlay subnet.
    pub(crate) fn connects(&self, address: Ipv4Addr) -> bool {
        self.prefix_len <= 30 && (address.to_bits() ^ self.address.to_bits()) & mask(self.prefix_len) == 0
    }

    /// Whether nothing in the configuration says which addresses spokes have.
    pub(crate) fn is_open(&self) -> bool {
        self.prefix_len > 30 && self.spoke_addresses.is_empty()
    }

    /// Why a station may not have a protocol address on this tunnel, whoever it is.
    pub(crate) fn forbids(&self, protocol: Ipv4Addr) -> Option<&'static str> {
        let host = protocol.to_bits() & !mask(self.prefix_len);
        let listed = |(network, len): &(Ipv4Addr, u8)| overlap(*network, *len, protocol, 32);
        if is_martian(protocol) {
            Some("the address can be no station's")
        } else if !self.spoke_addresses.is_empty() && !self.spoke_addresses.iter().any(listed) {
            Some("the address is outside of the tunnel's spoke-addresses")
        } else if self.prefix_len > 30 {
            None
        } else if !self.connects(protocol) {
            // Without authenticated identities anyone can claim any address: not one outside of the overlay.
            Some("the address is outside of the tunnel's subnet")
        } else if host == 0 || host == !mask(self.prefix_len) {
            Some("the address is the subnet's network or broadcast address")
        } else {
            None
        }
    }
}

/// `ip nhrp map PROTOCOL NBMA`: a peer that need not register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticMap {
    /// Tunnel address.
    pub protocol: Ipv4Addr,
    /// NBMA address.
    pub nbma: Ipv4Addr,
    /// On the multicast list.
    pub multicast: bool,
}

/// The password of `ip nhrp authentication`, 1 to 8 octets. Neither printed nor logged.
#[derive(Clone)]
pub struct Authentication(Vec<u8>);

impl Authentication {
    /// Takes a password of 1 to [`MAX_PASSWORD`] octets.
    pub fn new(password: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let password = password.as_ref();
        if password.is_empty() || password.len() > MAX_PASSWORD {
            return Err(ConfigError::PasswordLength(password.len()));
        }
        Ok(Self(password.to_vec()))
    }
}

impl Authentication {
    pub(crate) fn password(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authentication(hidden)")
    }
}

impl PartialEq for Authentication {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Authentication {}

/// Why a configuration cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Password empty or too long.
    #[error("authentication must have 1 to 8 octets, this one has {0}")]
    PasswordLength(usize),
    /// Two tunnels with one id.
    #[error("two tunnels have the index {0}")]
    DuplicateTunnel(TunnelId),
    /// A tunnel address that two tunnels share.
    #[error("two tunnels of one VRF have the address {0}")]
    DuplicateAddress(Ipv4Addr),
    /// A prefix length over 32.
    #[error("prefix length {0} of an IPv4 tunnel address is over 32")]
    PrefixLength(u8),
    /// A static map that cannot work.
    #[error("static map of {protocol} to {nbma} cannot be used: {why}")]
    Map {
        /// Its protocol address.
        protocol: Ipv4Addr,
        /// Its NBMA address.
        nbma: Ipv4Addr,
        /// What is wrong.
        why: &'static str,
    },
}
