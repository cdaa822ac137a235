//! The typed form of `hub.toml`. What is here has passed every check.

mod control_plane;
pub(crate) mod ike;
mod prefix;
mod protection;
mod vrf;

pub use control_plane::{ControlPlane, Police};
pub use ike::{Claim, Ike, IkeKey, KeyPeer, KeySource, OwnCertificate, Persist, Unique};
pub use prefix::Prefix;
pub use protection::{ClaimPolicy, CryptoEngine, ModePolicy, Protection};
pub use vrf::{GLOBAL_NAME, Vrf, VrfId};

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The whole file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The hub as a whole.
    pub hub: Hub,
    /// Workers and memory of `hub-dataplane`.
    pub dataplane: Dataplane,
    /// Policing of what goes to the hub itself; all defaults when the file has no `[control-plane]`.
    pub control_plane: ControlPlane,
    /// VRFs, in the order that gives them their index, from 1 on; the global one is not among them.
    pub vrf: Vec<Vrf>,
    /// Ports, in the order that gives them their index.
    pub port: Vec<Port>,
    /// Tunnel interfaces, in the order that gives them their index.
    pub tunnel: Vec<Tunnel>,
    /// Static overlay routes.
    pub route: Vec<Route>,
    /// Authentication and key exchange; all defaults when the file has no `[ike]`.
    pub ike: Ike,
    /// What tunnels are protected with.
    pub protection: Vec<Protection>,
    /// Routes from FRR's zebra directly; absent: from the kernel only.
    pub fpm: Option<Fpm>,
    /// Prometheus endpoint; absent: none.
    pub metrics: Option<Metrics>,
}

impl Config {
    /// What a tunnel is protected with; `None`: it travels in the clear.
    pub fn protection_of(&self, tunnel: &Tunnel) -> Option<&Protection> {
        let name = tunnel.protection.as_ref()?;
        self.protection.iter().find(|protection| protection.name == *name)
    }

    /// Index of the port whose device a port uses: its parent's, or its own.
    pub fn owner(&self, port: usize) -> usize {
        let parent = self.port.get(port).and_then(|port| port.parent.as_ref());
        let found = parent.and_then(|parent| self.port.iter().position(|port| port.name == *parent));
        found.unwrap_or(port)
    }

    /// The ports that have a device of their own, with their indices.
    pub fn devices(&self) -> impl Iterator<Item = (usize, &Port)> {
        self.port.iter().enumerate().filter(|(_, port)| port.parent.is_none())
    }
}

/// `[hub]`
#[derive(Clone, Debug)]
pub struct Hub {
    /// Name in logs and metrics.
    pub name: String,
    /// Shared segment and sockets; a tmpfs. Default: `/run/dmvpn-hub`.
    pub run_dir: PathBuf,
    /// What outlives a restart: the registration journal. Default: `/var/lib/dmvpn-hub`.
    pub state_dir: PathBuf,
    /// Most peers (adjacencies), which sizes the segment and tables; 1 to 1,000,000. Default: 16384.
    pub max_peers: u32,
}

/// `[dataplane]`
#[derive(Clone, Debug)]
pub struct Dataplane {
    /// CPU cores, one worker each; worker n polls queue n of every port. Default: core 1.
    pub cores: Vec<usize>,
    /// Core of the service thread (tables and kernel twins); absent: not pinned.
    pub service_core: Option<usize>,
    /// Use hugepages; `false` runs anywhere at about half the I/O rate. Default: on.
    pub hugepages: bool,
    /// Memory for DPDK in MiB. Default: 1024.
    pub memory: u32,
    /// Buffers in the packet pool of each socket. Default: 65536.
    pub buffers: u32,
    /// Descriptors in each RX and TX queue, a power of two. Default: 1024.
    pub ring_size: u16,
    /// More EAL arguments, as on a DPDK command line. Default: none.
    pub eal_args: Vec<String>,
    /// Sleep this long, in microseconds, after many empty polls; 0 polls without pause. For machines that share
    /// cores. Default: 0.
    pub idle_sleep: u32,
    /// Count the cycles of each pass over a burst, for `show workers`; costs some cycles itself. Default: off.
    pub stage_timing: bool,
    /// Who computes ESP. Default: the fastest that the CPU has.
    pub crypto_engine: CryptoEngine,
}

impl Default for Dataplane {
    fn default() -> Self {
        Self {
            cores: vec![1],
            service_core: None,
            hugepages: true,
            memory: 1024,
            buffers: 65_536,
            ring_size: 1024,
            eal_args: Vec::new(),
            idle_sleep: 0,
            stage_timing: false,
            crypto_engine: CryptoEngine::Auto,
        }
    }
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Carries GRE to and from spokes; nothing else is forwarded.
    Underlay,
    /// Carries plain IP of the data centre; in the table of its VRF, as the tunnels of that VRF.
    Lan,
}

/// `[[port]]`
#[derive(Clone, Debug)]
pub struct Port {
    /// Name, also of the TAP twin.
    pub name: String,
    /// PCI address (`0000:03:00.0`) or DPDK virtual device (`net_af_packet0,iface=veth0`); of a VLAN sub-interface its
    /// parent's.
    pub device: String,
    /// Name of the port whose device it shares, told from it by `vlan`: it is a VLAN sub-interface; absent: it has a
    /// device of its own.
    pub parent: Option<String>,
    /// What it is for.
    pub role: Role,
    /// `vrf forwarding`: the VRF that it is in. Default: the global one.
    pub vrf: VrfId,
    /// Addresses that control puts on the TAP twin; others may be added with `ip address`.
    pub address: Vec<Prefix>,
    /// Default gateway through this port, put into the table of its VRF.
    pub gateway: Option<Ipv4Addr>,
    /// IP MTU in octets, 576 to 9216. Default: 1500; of a VLAN sub-interface its parent's, which is also the most.
    pub mtu: u16,
    /// 802.1Q VLAN, 1 to 4094; absent: untagged.
    pub vlan: Option<u16>,
    /// MAC address; absent: the device's.
    pub mac: Option<String>,
    /// Tell who sends by it, by ICMP, that there is no way to a destination. Default: on.
    pub ip_unreachables: bool,
}

/// `[[tunnel]]`
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// Name shown to operators, `Tunnel0` as on Cisco.
    pub name: String,
    /// Name of the TUN twin in the kernel.
    pub interface: String,
    /// `vrf forwarding`: the VRF of what it carries. Default: the global one.
    pub vrf: VrfId,
    /// `tunnel vrf`: the front-door VRF, in which spokes' NBMA addresses are reached. Default: that of the port which has
    /// the source address.
    pub tunnel_vrf: VrfId,
    /// Outer source address: one of a port's addresses.
    pub source: Ipv4Addr,
    /// GRE key; absent: no key on the wire, and a key received is refused.
    pub key: Option<u32>,
    /// Tunnel address with the length of the overlay subnet.
    pub address: Prefix,
    /// The kernel's twin has the address with a length of 32, and the subnet is a route through it. Default: off.
    pub host_prefix: bool,
    /// IP MTU inside the tunnel in octets: at most the port's less 24 for IPv4 and GRE and 4 for a key. Default: 1400.
    pub ip_mtu: u16,
    /// Clamp of TCP MSS in octets; absent: off.
    pub tcp_adjust_mss: Option<u16>,
    /// Outer TTL. Default: 255.
    pub ttl: u8,
    /// Tell its spokes, by ICMP, that there is no way to a destination. Default: on.
    pub ip_unreachables: bool,
    /// Multicast copies per second to the tunnel's spokes, by each worker: a hello to 10,000 spokes takes 100 ms.
    /// Default: 100000.
    pub multicast_rate: u32,
    /// Name of the [`Protection`] that all its packets have; absent: they travel in the clear.
    pub protection: Option<String>,
    /// NHRP on this interface.
    pub nhrp: Nhrp,
}

/// `[tunnel.nhrp]`
#[derive(Clone, Debug)]
pub struct Nhrp {
    /// Local number of the NHRP network; tunnels with the same one redirect between each other.
    pub network_id: u32,
    /// Cleartext password of at most 8 octets; absent: none is sent or required.
    pub authentication: Option<String>,
    /// Holding time in seconds that the hub gives for itself. Default: 7200.
    pub holdtime: u16,
    /// DMVPN phase: 1 no redirect, 2 answers resolutions from its cache, 3 redirects. Default: 3.
    pub phase: u8,
    /// Replicate multicast to every registered spoke. Default: off.
    pub map_multicast_dynamic: bool,
    /// `ip nhrp map multicast NBMA`: multicast also goes to these NBMA addresses, whoever is registered there. For tunnels
    /// in the clear. Default: none.
    pub map_multicast: Vec<Ipv4Addr>,
    /// Static mappings of spokes that never register.
    pub map: Vec<Map>,
    /// Accept the odd-length checksum of older FRR and OpenNHRP. Default: off.
    pub legacy_odd_checksum: bool,
    /// Seconds between redirects for the same pair of networks. Default: 8.
    pub redirect_timeout: u16,
    /// NHRP packets per 10 s that the hub sends on this interface at most. Default: 100000.
    pub max_send: u32,
    /// Most protocol addresses that one NBMA address may register. Default: 16.
    pub max_bindings_per_peer: u32,
    /// A registration with holding time 0 removes the spoke's entry, which RFC 2332 does not say; otherwise it is
    /// refused. Default: off.
    pub hold_zero_deregisters: bool,
    /// Put a host route for each registered spoke into the kernel's table. Default: off.
    pub host_routes: bool,
    /// Take requests other than registrations from registered and mapped spokes only. Default: on.
    pub require_registration: bool,
    /// Networks in the tunnel's subnet whose addresses spokes may register; empty: all of it. Default: empty.
    pub spoke_addresses: Vec<Prefix>,
}

/// `[[tunnel.nhrp.map]]`: `ip nhrp map PROTOCOL NBMA`
#[derive(Clone, Debug)]
pub struct Map {
    /// Tunnel address of the spoke.
    pub protocol: Ipv4Addr,
    /// Its NBMA address.
    pub nbma: Ipv4Addr,
    /// `ip nhrp map multicast`: replicate multicast to it. Default: off.
    pub multicast: bool,
}

/// `[[route]]`
#[derive(Clone, Debug)]
pub struct Route {
    /// Whose table. Default: the global VRF's.
    pub vrf: VrfId,
    /// Destination.
    pub prefix: Prefix,
    /// Next hop: a spoke's tunnel address or a data-centre router.
    pub via: Ipv4Addr,
}

/// `[fpm]`
#[derive(Clone, Debug)]
pub struct Fpm {
    /// Address and port where zebra's `dplane_fpm_nl` connects to.
    pub listen: SocketAddr,
}

/// `[metrics]`
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Address and port of the HTTP endpoint.
    pub listen: SocketAddr,
    /// Export series per peer as well (10,000 peers are 10,000 series a metric). Default: off.
    pub per_peer: bool,
}
