//! A small hub in memory: two ports, two tunnels, three spokes, a LAN; and packets for it.
#![allow(dead_code)]

pub mod sa;
pub mod secured;

use forwarding::memory::{DATAROOM, MemoryBuffer, MemoryPool};
use forwarding::{
    Burst, Forwarder, Now, PortAddress, PortSettings, Role, Settings, Sink, TunnelSettings, Updater,
};
use shm::class::Class;
use shm::counters::{GroupCounters, Traffic, WorkerCounters};
use shm::drops::DropReason;
use shm::message::{Event, PortId, Target, TunnelId, Update, Ways};
use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;
use wire::ip4::{self, Fields};

/// Packet buffers of the hub.
pub const BUFFERS: u32 = 4096;
pub const UNDERLAY: PortId = 0;
pub const LAN: PortId = 1;
pub const HUB_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub const LAN_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub const GATEWAY_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
pub const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 1, 2];
pub const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const HUB_LAN: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 1);
pub const TUNNEL0: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
pub const TUNNEL1: Ipv4Addr = Ipv4Addr::new(10, 254, 0, 1);
pub const KEY0: u32 = 1000;
/// NBMA addresses of the spokes: 1 and 2 on tunnel 0, 3 on tunnel 1.
pub const NBMA: [Ipv4Addr; 4] = [
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(198, 51, 100, 1),
    Ipv4Addr::new(198, 51, 100, 2),
    Ipv4Addr::new(203, 0, 113, 3),
];
/// A host behind each spoke.
pub const HOST: [Ipv4Addr; 4] = [
    Ipv4Addr::new(172, 20, 0, 9), // behind the LAN router
    Ipv4Addr::new(10, 1, 0, 10),
    Ipv4Addr::new(10, 2, 0, 20),
    Ipv4Addr::new(10, 3, 0, 30),
];

/// An event with what it borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Nhrp { tunnel: TunnelId, nbma: Ipv4Addr, session: u32, packet: Vec<u8> },
    Redirect { tunnel: TunnelId, peer: u32, nbma: Ipv4Addr, packet: Vec<u8> },
    Refused { reason: u8, nbma: Ipv4Addr, local: Ipv4Addr, key: Option<u32> },
    Glean { port: PortId, address: Ipv4Addr },
    Ike { nbma: Ipv4Addr, port: u16, local: Ipv4Addr, local_port: u16, packet: Vec<u8> },
    Moved { sa: u32, nbma: Ipv4Addr, port: Option<u16> },
    Membership { tunnel: TunnelId, peer: u32, nbma: Ipv4Addr, packet: Vec<u8> },
}

/// Keeps what leaves.
#[derive(Debug, Default)]
pub struct Recorder {
    pub sent: Vec<(PortId, Vec<u8>)>,
    pub frames: Vec<(PortId, Vec<u8>)>,
    pub packets: Vec<(TunnelId, Vec<u8>)>,
    pub events: Vec<Told>,
    /// The event ring is full.
    pub deaf: bool,
    /// Payloads come from the test's random octets: their checksums are nobody's fault.
    pub wild: bool,
    /// Datagrams for another worker.
    pub handed: Vec<(usize, PortId, Vec<u8>)>,
}

impl Sink<MemoryBuffer> for Recorder {
    fn transmit(&mut self, port: PortId, frame: MemoryBuffer) {
        check_frame(frame.data(), self.wild);
        self.sent.push((port, frame.data().to_vec()));
    }
    fn to_port_twin(&mut self, port: PortId, _: Class, frame: MemoryBuffer) {
        self.frames.push((port, frame.data().to_vec()));
    }
    fn to_tunnel_twin(&mut self, tunnel: TunnelId, _: Class, packet: MemoryBuffer) {
        check_ip(packet.data(), self.wild);
        self.packets.push((tunnel, packet.data().to_vec()));
    }
    fn handoff(&mut self, worker: usize, port: PortId, datagram: MemoryBuffer) -> bool {
        if !self.deaf {
            self.handed.push((worker, port, datagram.data().to_vec()));
        }
        !self.deaf
    }
    fn event(&mut self, event: Event<'_>) -> bool {
        if self.deaf {
            return false;
        }
        self.events.push(match event {
            Event::Nhrp { tunnel, nbma, session, packet } => {
                let session = session.map_or(0, |session| session.get());
                Told::Nhrp { tunnel, nbma, session, packet: packet.to_vec() }
            }
            Event::Redirect { tunnel, peer, nbma, session: _, packet } => {
                Told::Redirect { tunnel, peer, nbma, packet: packet.to_vec() }
            }
            Event::Refused { reason, nbma, local, key } => Told::Refused { reason, nbma, local, key },
            Event::Glean { port, address } => Told::Glean { port, address },
            Event::Ike { nbma, port, local, local_port, packet } => {
                Told::Ike { nbma, port, local, local_port, packet: packet.to_vec() }
            }
            Event::Moved { sa, nbma, port } => Told::Moved { sa, nbma, port },
            Event::Membership { tunnel, peer, nbma, session: _, packet } => {
                Told::Membership { tunnel, peer, nbma, packet: packet.to_vec() }
            }
        });
        true
    }
}

/// Everything the hub sends must be accepted by somebody else's parser, with right lengths and checksums.
pub fn check_frame(frame: &[u8], wild: bool) {
    let sliced = etherparse::LaxSlicedPacket::from_ethernet(frame).expect("frame that parses");
    let Some(etherparse::LaxNetSlice::Ipv4(outer)) = sliced.net else { panic!("no IPv4: {frame:02x?}") };
    let header = outer.header().to_header();
    assert!(sums_up(outer.header().slice()), "outer checksum");
    let payload = outer.payload();
    let tag = if frame[12..14] == [0x81, 0] { 4 } else { 0 };
    assert_eq!(frame.len(), 14 + tag + usize::from(header.total_len), "nothing behind the packet");
    // Wild packets of the kernel's may look like the hub's own.
    let own = header.source == HUB.octets() && (!wild || payload.payload[..4] == [0x20, 0, 8, 0]);
    if header.protocol == etherparse::IpNumber::GRE && own && !payload.fragmented {
        let gre = payload.payload;
        assert_eq!(gre[0] & !0x20, 0, "only the key flag: {gre:02x?}");
        assert_eq!(gre[1], 0);
        assert!(!header.dont_fragment, "outer DF is clear");
        let inner = if gre[0] & 0x20 != 0 { &gre[8..] } else { &gre[4..] };
        match gre[2..4] {
            [0x08, 0x00] => check_ip(inner, wild),
            [0x20, 0x01] => {}
            _ => panic!("GRE carries {:02x?}", &gre[2..4]),
        }
    } else {
        check_ip(&frame[14 + tag..], wild);
    }
}

/// An IPv4 packet is whole, and so is the transport in it if it is one we make.
pub fn check_ip(packet: &[u8], wild: bool) {
    let sliced = etherparse::LaxSlicedPacket::from_ip(packet).expect("packet that parses");
    let Some(etherparse::LaxNetSlice::Ipv4(ip)) = sliced.net else { panic!("no IPv4: {packet:02x?}") };
    let header = ip.header().to_header();
    assert_eq!(usize::from(header.total_len), packet.len());
    assert!(sums_up(ip.header().slice()), "inner checksum");
    match sliced.transport {
        _ if wild => {}
        Some(etherparse::TransportSlice::Tcp(tcp)) => {
            let sum = tcp.to_header().calc_checksum_ipv4(&header, tcp.payload()).expect("length");
            assert_eq!(sum, tcp.checksum(), "TCP checksum");
        }
        Some(etherparse::TransportSlice::Icmpv4(icmp)) => {
            assert!(sums_up(icmp.slice()), "ICMP checksum");
        }
        _ => {}
    }
}

/// RFC 1071 as written there.
fn sums_up(octets: &[u8]) -> bool {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16) == 0xffff
}

pub fn tunnel(key: Option<u32>, address: Ipv4Addr, network_id: u32) -> TunnelSettings {
    TunnelSettings {
        vrf: 0,
        tunnel_vrf: 0,
        source: HUB,
        key,
        address,
        len: 24,
        ip_mtu: 1400,
        adjust_mss: Some(1360),
        ttl: 255,
        network_id,
        redirect: true,
        // What is asked of a packet is mostly what becomes of it, not who hears of it.
        unreachables: false,
        redirect_timeout: 8000,
        multicast_rate: 100_000,
        protected: false,
    }
}

pub fn settings() -> Settings {
    Settings {
        ports: vec![
            PortSettings {
                role: Role::Underlay,
                vrf: 0,
                mac: HUB_MAC,
                vlan: None,
                mtu: 1500,
                unreachables: false,
                addresses: vec![PortAddress { address: HUB, len: 24 }],
            },
            PortSettings {
                role: Role::Lan,
                vrf: 0,
                mac: LAN_MAC,
                vlan: None,
                mtu: 1500,
                unreachables: false,
                addresses: vec![PortAddress { address: HUB_LAN, len: 16 }],
            },
        ],
        tunnels: vec![tunnel(Some(KEY0), TUNNEL0, 1), tunnel(None, TUNNEL1, 1)],
        vrfs: 1,
        max_peers: 64,
        workers: 1,
        buffers: BUFFERS,
        control_plane: Default::default(),
    }
}

/// Counters of one worker, and of its peers.
pub struct Counters {
    pub worker: WorkerCounters,
    pub peers: Vec<Traffic>,
    pub groups: Vec<GroupCounters>,
}

impl Counters {
    /// Kept for the rest of the test.
    pub fn leak() -> &'static Self {
        let peers = (0..64).map(|_| Traffic::default()).collect();
        let groups = (0..shm::message::MAX_GROUPS).map(|_| GroupCounters::default()).collect();
        Box::leak(Box::new(Self { worker: WorkerCounters::default(), peers, groups }))
    }
}

/// A hub.
pub struct World {
    pub updater: Updater,
    pub forwarder: Forwarder<'static, MemoryPool>,
    pub pool: MemoryPool,
    pub counters: &'static Counters,
    pub out: Recorder,
    pub now: Now,
}

/// What control would say about the hub of [`settings`].
pub fn updates() -> Vec<Update> {
    let route = |prefix: [u8; 4], len, target| Update::Route { vrf: 0, prefix: prefix.into(), len, target };
    let peer = |id: u32, tunnel| Update::Peer {
        id,
        tunnel,
        nbma: NBMA[id as usize],
        link: 0,
        multicast: id != 2,
        protection: None,
    };
    let ways = [Target::Peer(2), Target::Peer(3), Target::Link(1), Target::Link(2), Target::Unresolved];
    let ways = Ways::new(ways).expect("some");
    vec![
        Update::Begin { generation: 1 },
        Update::Link { id: 0, port: UNDERLAY, mac: Some(GATEWAY_MAC) },
        Update::Link { id: 1, port: LAN, mac: Some(ROUTER_MAC) },
        Update::Link { id: 2, port: LAN, mac: None },
        peer(1, 0),
        peer(2, 0),
        peer(3, 1),
        route([10, 1, 0, 0], 24, Target::Peer(1)),
        route([10, 255, 0, 11], 32, Target::Peer(1)),
        route([10, 2, 0, 0], 24, Target::Peer(2)),
        route([10, 3, 0, 0], 24, Target::Peer(3)),
        route([10, 255, 0, 1], 32, Target::Tunnel(0)),
        route([10, 254, 0, 1], 32, Target::Tunnel(1)),
        route([172, 16, 0, 0], 16, Target::Glean(LAN)),
        route([172, 16, 0, 1], 32, Target::Port(LAN)),
        route([172, 16, 0, 9], 32, Target::Link(2)),
        route([172, 20, 0, 0], 16, Target::Link(1)),
        route([10, 9, 0, 0], 24, Target::Unresolved),
        route([10, 10, 0, 0], 24, Target::Drop),
        route([10, 11, 0, 0], 24, Target::Peer(63)),
        Update::Paths { id: 65_535, ways },
        route([10, 12, 0, 0], 16, Target::Paths(65_535)),
        Update::End { generation: 1 },
    ]
}

impl World {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        Self::told(settings, &updates())
    }

    pub fn told(settings: Settings, updates: &[Update]) -> Self {
        Self::with_room(settings, updates, DATAROOM)
    }

    /// With buffers of another size.
    pub fn with_room(settings: Settings, updates: &[Update], dataroom: usize) -> Self {
        let (mut updater, readers) = forwarding::tables(settings).expect("good settings");
        for update in updates {
            updater.apply(update).unwrap_or_else(|error| panic!("{update:?}: {error}"));
        }
        let pool = MemoryPool::new(BUFFERS as usize, dataroom);
        let counters = Counters::leak();
        let reader = readers.into_iter().next().expect("one worker");
        let forwarder = Forwarder::new(reader, pool.clone(), &counters.worker, &counters.peers)
            .with_groups(&counters.groups);
        let now = Now::from_millis(1_000_000);
        let mut world = Self { updater, forwarder, pool, counters, out: Recorder::default(), now };
        world.tick();
        world
    }

    pub fn tick(&mut self) {
        self.forwarder.tick(self.now, &mut self.out);
    }

    pub fn pass(&mut self, millis: u64) {
        self.now = Now::from_millis(self.now.millis() + millis);
        self.tick();
    }

    fn burst(&mut self, packets: &[Vec<u8>]) -> Burst<MemoryBuffer> {
        packets.iter().map(|octets| self.pool.with(octets).expect("room")).collect()
    }

    /// Frames in by a port.
    pub fn port(&mut self, port: PortId, frames: &[Vec<u8>]) {
        let mut burst = self.burst(frames);
        self.forwarder.process(port, &mut burst, self.now, &mut self.out);
        assert!(burst.is_empty());
    }

    /// Packets in by a TUN twin.
    pub fn twin(&mut self, tunnel: TunnelId, packets: &[Vec<u8>]) {
        let mut burst = self.burst(packets);
        self.forwarder.process_tunnel(tunnel, &mut burst, self.now, &mut self.out);
        assert!(burst.is_empty());
    }

    /// Frames sent since the last call.
    pub fn sent(&mut self) -> Vec<(PortId, Vec<u8>)> {
        std::mem::take(&mut self.out.sent)
    }

    /// The one frame sent since the last call, and nothing else left.
    pub fn one(&mut self) -> (PortId, Vec<u8>) {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:02x?}, drops {:?}", self.drops());
        sent.remove(0)
    }

    pub fn drop_count(&self, reason: DropReason) -> u64 {
        self.counters.worker.drops[reason as usize].get()
    }

    pub fn drops(&self) -> Vec<(&'static str, u64)> {
        let all = DropReason::ALL.iter().map(|reason| (reason.name(), self.drop_count(*reason)));
        all.filter(|(_, count)| *count != 0).collect()
    }

    /// Nothing left, and exactly one drop was counted: for `reason`.
    #[track_caller]
    pub fn only_dropped(&self, reason: DropReason) {
        assert_eq!(self.drops(), [(reason.name(), 1)]);
        assert!(self.out.sent.is_empty() && self.out.frames.is_empty() && self.out.packets.is_empty());
    }
}

/// An Ethernet frame.
pub fn ethernet(to: [u8; 6], from: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &ethertype.to_be_bytes(), payload].concat()
}

/// An IPv4 packet.
pub fn ip(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let fields = Fields {
        tos: 0,
        total_len: (20 + payload.len()) as u16,
        id: 0x1234,
        flags_offset: 0,
        ttl: 64,
        protocol,
        source,
        destination,
    };
    emit(&fields, payload)
}

pub fn emit(fields: &Fields, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 20];
    fields.emit(&mut packet).expect("room");
    packet.extend_from_slice(payload);
    packet
}

/// Changes the header of an IPv4 packet and makes its checksum right again.
pub fn with_header(mut packet: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut packet);
    ip4::fill_checksum(&mut packet).expect("header");
    packet
}

/// A UDP datagram, without checksum, in an IPv4 packet of `len` octets.
pub fn udp(source: Ipv4Addr, destination: Ipv4Addr, len: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..len - 20).map(|i| i as u8).collect();
    payload[..8].copy_from_slice(&[0x30, 0x39, 0x00, 0x09, 0, 0, 0, 0]);
    payload[4..6].copy_from_slice(&((len - 20) as u16).to_be_bytes());
    ip(source, destination, 17, &payload)
}

/// A GRE packet from a spoke to the hub, as it comes in by the underlay port.
pub fn gre(nbma: Ipv4Addr, key: Option<u32>, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![if key.is_some() { 0x20 } else { 0 }, 0];
    packet.extend_from_slice(&protocol.to_be_bytes());
    packet.extend(key.iter().flat_map(|key| key.to_be_bytes()));
    packet.extend_from_slice(payload);
    underlay(&ip(nbma, HUB, 47, &packet))
}

/// A frame from the underlay gateway.
pub fn underlay(packet: &[u8]) -> Vec<u8> {
    ethernet(HUB_MAC, GATEWAY_MAC, 0x0800, packet)
}

/// A frame from the LAN router.
pub fn lan(packet: &[u8]) -> Vec<u8> {
    ethernet(LAN_MAC, ROUTER_MAC, 0x0800, packet)
}

/// From spoke 1, 2 (tunnel 0) or 3 (tunnel 1).
pub fn from_spoke(spoke: usize, inner: &[u8]) -> Vec<u8> {
    gre(NBMA[spoke], (spoke != 3).then_some(KEY0), 0x0800, inner)
}

/// What a frame sent to a spoke carries: outer header fields and the inner packet.
pub struct Sent {
    pub destination: Ipv4Addr,
    pub tos: u8,
    pub ttl: u8,
    pub id: u16,
    pub key: Option<u32>,
    pub gre_protocol: u16,
    pub inner: Vec<u8>,
}

pub fn open(frame: &[u8]) -> Sent {
    let tag = if frame[12..14] == [0x81, 0] { 4 } else { 0 };
    let packet = ip4::parse(&frame[14 + tag..]).expect("outer");
    assert_eq!((packet.source(), packet.protocol()), (HUB, 47));
    let gre = wire::gre::parse(packet.payload()).expect("GRE");
    Sent {
        destination: packet.destination(),
        tos: packet.tos(),
        ttl: packet.ttl(),
        id: packet.id(),
        key: gre.key,
        gre_protocol: gre.protocol,
        inner: gre.payload.to_vec(),
    }
}

/// An IPv4 packet in fragments of at most `len` octets of payload, as frames.
pub fn pieces(whole: &[u8], len: usize) -> Vec<Vec<u8>> {
    let payload = &whole[20..];
    let parts = payload.chunks(len).enumerate();
    let piece = |(index, part): (usize, &[u8])| {
        let more = (index + 1) * len < payload.len();
        let packet = [&whole[..20], part].concat();
        underlay(&with_header(packet, |packet| {
            let total = (20 + part.len()) as u16;
            packet[2..4].copy_from_slice(&total.to_be_bytes());
            let offset = (index * len / 8) as u16 | u16::from(more) << 13;
            packet[6..8].copy_from_slice(&offset.to_be_bytes());
        }))
    };
    parts.map(piece).collect()
}
