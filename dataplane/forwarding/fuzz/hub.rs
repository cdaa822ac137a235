//! A small hub for tests: one underlay port, one LAN port, one tunnel, two spokes and static tables, without control.

use forwarding::memory::{MemoryBuffer, MemoryPool};
use forwarding::{
    Burst, Forwarder, Now, PortAddress, PortSettings, Role, Settings, Sink, TunnelSettings, tables,
};
use shm::class::Class;
use shm::counters::{Traffic, WorkerCounters};
use shm::message::{Event, PortId, Target, TunnelId, Update, Ways};
use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;
use wire::eth::{self, Mac};
use wire::{gre, ip4};

/// Underlay port.
pub const UNDERLAY: PortId = 0;
/// Data-centre port.
pub const LAN: PortId = 1;
/// MAC address of each port.
pub const PORT_MAC: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])];
/// MAC address of every next hop.
pub const HOP_MAC: Mac = Mac([2, 0, 0, 0, 1, 1]);
/// Outer address of the hub.
pub const NBMA: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// Outer address of spokes 1 and 2.
pub const SPOKE_NBMA: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 11), Ipv4Addr::new(203, 0, 113, 12)];
/// Tunnel address of the hub.
pub const TUNNEL: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
/// Tunnel address of spokes 1 and 2.
pub const SPOKE: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 255, 0, 11), Ipv4Addr::new(10, 255, 0, 12)];
/// A host behind spokes 1 and 2.
pub const HOST: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 100, 1, 10), Ipv4Addr::new(10, 100, 2, 10)];
/// A host in the data centre.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 100, 254, 10);
/// Largest inner packet.
pub const TUNNEL_MTU: u16 = 1400;
/// Key of the tunnel, unless a test has none.
pub const KEY: Option<u32> = Some(42);

/// More than reassembly may hold.
const BUFFERS: usize = 2048;
const MAX_PEERS: u32 = 16;

/// What left the forwarder.
#[derive(Clone, Debug, Default)]
pub struct Out {
    /// Frames by port.
    pub frames: Vec<(PortId, Vec<u8>)>,
    /// Frames for port twins.
    pub port_twin: Vec<Vec<u8>>,
    /// Packets for tunnel twins.
    pub tunnel_twin: Vec<Vec<u8>>,
    /// NHRP packets for control.
    pub nhrp: Vec<Vec<u8>>,
    /// Refusals reported to control.
    pub refused: Vec<(u8, Ipv4Addr)>,
    /// Redirects and requests to resolve.
    pub other_events: usize,
}

impl Sink<MemoryBuffer> for Out {
    fn transmit(&mut self, port: PortId, frame: MemoryBuffer) {
        self.frames.push((port, frame.data().to_vec()));
    }
    fn to_port_twin(&mut self, _: PortId, _: Class, frame: MemoryBuffer) {
        self.port_twin.push(frame.data().to_vec());
    }
    fn to_tunnel_twin(&mut self, _: TunnelId, _: Class, packet: MemoryBuffer) {
        self.tunnel_twin.push(packet.data().to_vec());
    }
    fn event(&mut self, event: Event<'_>) -> bool {
        match event {
            Event::Nhrp { packet, .. } => self.nhrp.push(packet.to_vec()),
            Event::Refused { reason, nbma, .. } => self.refused.push((reason, nbma)),
            _ => self.other_events += 1,
        }
        true
    }
}

/// The hub's worker.
pub struct Hub<'s> {
    forwarder: Forwarder<'s, MemoryPool>,
    pool: MemoryPool,
    /// What the worker counts.
    pub counters: &'s WorkerCounters,
    /// Milliseconds.
    pub now: u64,
}

/// Where a worker's counters live.
pub fn counters() -> (WorkerCounters, Vec<Traffic>) {
    (WorkerCounters::default(), (0..MAX_PEERS).map(|_| Traffic::default()).collect())
}

/// What the hub knows from its configuration.
pub fn settings(key: Option<u32>) -> Settings {
    let port = |role, mac: Mac, address: [u8; 4]| PortSettings {
        role,
        vrf: 0,
        mac: mac.0,
        vlan: None,
        mtu: 1500,
        unreachables: true,
        addresses: vec![PortAddress { address: address.into(), len: 24 }],
    };
    Settings {
        ports: vec![
            port(Role::Underlay, PORT_MAC[0], NBMA.octets()),
            port(Role::Lan, PORT_MAC[1], [10, 100, 254, 1]),
        ],
        tunnels: vec![TunnelSettings {
            vrf: 0,
            tunnel_vrf: 0,
            source: NBMA,
            key,
            address: TUNNEL,
            len: 24,
            ip_mtu: TUNNEL_MTU,
            adjust_mss: Some(1360),
            ttl: 255,
            network_id: 1,
            redirect: true,
            unreachables: true,
            redirect_timeout: 8000,
            multicast_rate: 100_000,
            protected: false,
        }],
        vrfs: 1,
        max_peers: MAX_PEERS,
        workers: 1,
        buffers: BUFFERS as u32,
        control_plane: Default::default(),
    }
}

fn updates() -> Vec<Update> {
    let route = |prefix: Ipv4Addr, len, target| Update::Route { vrf: 0, prefix, len, target };
    let link = |id, port| Update::Link { id, port, mac: Some(HOP_MAC.0) };
    let mut updates = vec![
        Update::Begin { generation: 1 },
        link(0, UNDERLAY),
        link(1, LAN),
        route(Ipv4Addr::new(10, 255, 0, 0), 24, Target::Unresolved),
        route(TUNNEL, 32, Target::Tunnel(0)),
        route(Ipv4Addr::new(10, 100, 254, 0), 24, Target::Glean(LAN)),
        route(Ipv4Addr::new(10, 100, 254, 1), 32, Target::Port(LAN)),
        route(SERVER, 32, Target::Link(1)),
    ];
    let ways = [Target::Peer(1), Target::Link(1), Target::Peer(2), Target::Peer(3), Target::Unresolved];
    updates.push(Update::Paths { id: 0, ways: Ways::new(ways).unwrap() });
    updates.push(route(Ipv4Addr::new(10, 77, 0, 0), 16, Target::Paths(0)));
    for (n, id) in [(0, 1), (1, 2)] {
        let peer =
            Update::Peer { id, tunnel: 0, nbma: SPOKE_NBMA[n], link: 0, multicast: true, protection: None };
        let [a, b, c, _] = HOST[n].octets();
        updates.extend([
            peer,
            route(SPOKE[n], 32, Target::Peer(id)),
            route(Ipv4Addr::new(a, b, c, 0), 24, Target::Peer(id)),
        ]);
    }
    updates.push(Update::End { generation: 1 });
    updates
}

impl<'s> Hub<'s> {
    /// A hub whose tunnel has this key.
    pub fn new(key: Option<u32>, (counters, peers): &'s (WorkerCounters, Vec<Traffic>)) -> Self {
        let (mut updater, mut readers) = tables(settings(key)).unwrap();
        for update in updates() {
            updater.apply(&update).unwrap();
        }
        let pool = MemoryPool::new(BUFFERS, 2048);
        let forwarder = Forwarder::new(readers.pop().unwrap(), pool.clone(), counters, peers);
        Self { forwarder, pool, counters, now: 1000 }
    }

    /// Frames that arrive together on a port. Those longer than a buffer are left out.
    pub fn receive(&mut self, port: PortId, frames: &[Vec<u8>]) -> Out {
        let mut out = Out::default();
        let mut burst = Burst::new();
        burst.extend(frames.iter().filter_map(|frame| self.pool.with(frame)));
        self.forwarder.process(port, &mut burst, Now::from_millis(self.now), &mut out);
        assert!(burst.is_empty());
        out
    }

    /// Packets that the kernel sends into the tunnel's twin.
    pub fn twin(&mut self, packets: &[Vec<u8>]) -> Out {
        let mut out = Out::default();
        let mut burst = Burst::new();
        burst.extend(packets.iter().filter_map(|packet| self.pool.with(packet)));
        self.forwarder.process_tunnel(0, &mut burst, Now::from_millis(self.now), &mut out);
        assert!(burst.is_empty());
        out
    }

    /// A turn of the poll loop without packets.
    pub fn tick(&mut self) -> Out {
        let mut out = Out::default();
        self.forwarder.tick(Now::from_millis(self.now), &mut out);
        out
    }

    /// Packets dropped for any reason.
    pub fn drops(&self) -> u64 {
        self.counters.drops.iter().map(|counter| counter.get()).sum()
    }

    /// Whether every buffer is back in the pool.
    pub fn is_empty(&self) -> bool {
        self.pool.available() == BUFFERS
    }
}

/// An IPv4 packet.
pub fn ip(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let fields = ip4::Fields {
        tos: 0,
        total_len: (ip4::LEN + payload.len()) as u16,
        id: 7,
        flags_offset: 0,
        ttl,
        protocol,
        source,
        destination,
    };
    [&fields.header().octets(), payload].concat()
}

/// A GRE packet.
pub fn gre(key: Option<u32>, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = [0; gre::LEN_KEYED];
    let len = gre::emit(&mut out, key, protocol).unwrap();
    [&out[..len], payload].concat()
}

/// A frame to a port's own MAC address.
pub fn frame(port: PortId, packet: &[u8]) -> Vec<u8> {
    let mut out = [0; eth::LEN];
    eth::emit(&mut out, PORT_MAC[usize::from(port)], HOP_MAC, None, eth::TYPE_IPV4).unwrap();
    [&out[..], packet].concat()
}
