//! What the tests share: a hub, packets of spokes, and the packets of real routers.

use crate::*;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use wire::nhrp::{
    Builder, ChecksumRule, Cie, ErrorCode, ErrorHead, ExtensionType, Flags, Head, IndicationHead, Packet,
    PacketType,
};

/// The hub's NBMA address.
pub const HUB_NBMA: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The hub's tunnel address.
pub const HUB: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);

/// NBMA address of a spoke.
pub fn nbma(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, n)
}

/// Tunnel address of a spoke.
pub fn spoke(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 255, 0, n)
}

/// A peer with a session.
pub fn peer(session: u32, nbma: Ipv4Addr) -> Station {
    Station { nbma, session: Session::new(session) }
}

/// A hub with one tunnel, 10.255.0.1/24 at 203.0.113.1.
pub fn tunnel() -> TunnelConfig {
    TunnelConfig::new(0, HUB_NBMA, HUB, 24)
}

/// A configuration with these tunnels.
pub fn config(tunnels: Vec<TunnelConfig>) -> ServerConfig {
    ServerConfig { tunnels, max_bindings: 1000, max_failures: 100, seed: 0x1234_5678_9abc_def0 }
}

/// Whether a server, and what it did last.
pub struct Hub {
    /// The server.
    pub server: Server,
    /// Now.
    pub now_ms: u64,
    /// Routes beyond what the cache knows.
    pub routes: Vec<(Ipv4Addr, u8, Reach)>,
    /// Session and the one address that it may have; others may have any.
    pub claims: Vec<(Session, Ipv4Addr)>,
}

/// What the server may ask.
struct World {
    routes: Vec<(Ipv4Addr, u8, Reach)>,
    claims: Vec<(Session, Ipv4Addr)>,
}

impl Overlay for World {
    fn lookup(&self, from: TunnelId, destination: Ipv4Addr) -> Reach {
        self.ways(from, destination).first().copied().unwrap()
    }

    fn ways(&self, _: TunnelId, destination: Ipv4Addr) -> Vec<Reach> {
        best(&self.routes, destination)
    }

    fn undivided(&self, _: TunnelId, destination: Ipv4Addr, route_len: u8) -> u8 {
        let others = self.routes.iter().filter(|(_, len, _)| *len > route_len);
        let common = others
            .map(|(at, len, _)| ((at.to_bits() ^ destination.to_bits()).leading_zeros() as u8 + 1).min(*len));
        common.fold(route_len, u8::max).min(32)
    }

    fn may_claim(
        &self,
        station: &Station,
        _: TunnelId,
        protocol: Ipv4Addr,
        _: Option<&Station>,
    ) -> Result<(), &'static str> {
        let only = self.claims.iter().find(|(session, _)| Some(*session) == station.session);
        match only {
            Some((_, address)) if *address != protocol => Err("the identity may not have this address"),
            _ => Ok(()),
        }
    }
}

impl Hub {
    /// A hub with one tunnel.
    pub fn new(tunnel: TunnelConfig) -> Self {
        Self::with(config(vec![tunnel]))
    }

    /// A hub with a configuration.
    pub fn with(config: ServerConfig) -> Self {
        let mut server = Server::new(config).unwrap();
        server.start(0, &mut Vec::new());
        Self { server, now_ms: 1_000_000, routes: Vec::new(), claims: Vec::new() }
    }

    /// Hands in a packet by tunnel 0.
    pub fn packet(&mut self, from: impl Into<Station>, octets: &[u8]) -> Vec<Action> {
        self.packet_on(0, from, octets)
    }

    /// Hands in a packet; everything that is sent in answer is checked to parse.
    pub fn packet_on(&mut self, tunnel: u8, from: impl Into<Station>, octets: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        let world = World { routes: self.routes.clone(), claims: self.claims.clone() };
        self.server.packet(self.now_ms, tunnel, from, octets, &world, &mut actions);
        assert_sendable(&actions);
        actions
    }

    /// Hands in a redirect event.
    pub fn redirect(&mut self, from: impl Into<Station>, packet: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        let world = World { routes: self.routes.clone(), claims: self.claims.clone() };
        self.server.redirect(self.now_ms, 0, from, packet, &world, &mut actions);
        assert_sendable(&actions);
        actions
    }

    /// A prefix leads there now, if anywhere; hands in that it changed.
    pub fn route(&mut self, prefix: Ipv4Addr, len: u8, reaches: &[Reach]) -> Vec<Action> {
        self.routes.retain(|(at, its, _)| (*at, *its) != (prefix, len));
        self.routes.extend(reaches.iter().map(|reach| (prefix, len, *reach)));
        let world = World { routes: self.routes.clone(), claims: self.claims.clone() };
        let mut actions = Vec::new();
        self.server.routes_changed(self.now_ms, prefix, len, &world, &mut actions);
        assert_sendable(&actions);
        actions
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: u64) -> Vec<Action> {
        self.now_ms += ms;
        let mut actions = Vec::new();
        self.server.tick(self.now_ms, &mut actions);
        assert_sendable(&actions);
        actions
    }

    /// Registers a spoke with U; panics when it is refused.
    pub fn register(&mut self, n: u8) -> Vec<Action> {
        let actions = self.packet(nbma(n), &registration(nbma(n), spoke(n)).build());
        assert_eq!(codes(&actions), [0], "spoke {n}");
        actions
    }

    /// Registers a spoke without U through a session; gives the codes of the answer.
    pub fn register_session(&mut self, station: Station, n: u8) -> Vec<u8> {
        let private = Ipv4Addr::new(192, 168, 1, n);
        let request = registration(private, spoke(n)).with(|m| m.head.flags.0 = 2);
        codes(&self.packet(station, &request.build()))
    }

    /// The count of a drop reason on tunnel 0.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.server.counters(0).unwrap().dropped(reason)
    }
}

fn best(routes: &[(Ipv4Addr, u8, Reach)], address: Ipv4Addr) -> Vec<Reach> {
    let holds =
        |prefix: &Ipv4Addr, len: u8| len == 0 || (prefix.to_bits() ^ address.to_bits()) >> (32 - len) == 0;
    let matching = || routes.iter().filter(|(prefix, len, _)| holds(prefix, *len));
    let longest = matching().map(|(_, len, _)| *len).max();
    let ways: Vec<Reach> =
        matching().filter(|(_, len, _)| Some(*len) == longest).map(|(.., reach)| *reach).collect();
    if ways.is_empty() { vec![Reach::None] } else { ways }
}

fn assert_sendable(actions: &[Action]) {
    for packet in sent(actions) {
        if let Err(error) = Packet::parse(packet.1, ChecksumRule::Strict) {
            panic!("the server sent what cannot be parsed: {error}");
        }
    }
}

/// Packets sent: to whom, and what.
pub fn sent(actions: &[Action]) -> Vec<(Ipv4Addr, &[u8])> {
    let send = |action| match action {
        &Action::Send { to, ref packet, .. } => Some((to.nbma, &packet[..])),
        _ => None,
    };
    actions.iter().filter_map(send).collect()
}

/// The only packet sent.
pub fn only(actions: &[Action]) -> (Ipv4Addr, Packet<'_>) {
    let [(to, octets)] = sent(actions)[..] else { panic!("not one packet: {actions:?}") };
    (to, parse(octets))
}

/// A packet that must be well-formed.
pub fn parse(octets: &[u8]) -> Packet<'_> {
    Packet::parse(octets, ChecksumRule::Strict).unwrap()
}

/// Codes of the entries in the only packet sent.
pub fn codes(actions: &[Action]) -> Vec<u8> {
    only(actions).1.cies().map(|cie| cie.code.0).collect()
}

/// Log events.
pub fn logs(actions: &[Action]) -> Vec<LogKind> {
    let log = |action: &Action| match action {
        Action::Log(event) => Some(event.kind),
        _ => None,
    };
    actions.iter().filter_map(log).collect()
}

/// The error code of the only packet sent.
pub fn error(actions: &[Action]) -> ErrorCode {
    let (_, packet) = only(actions);
    assert_eq!(packet.kind(), PacketType::ErrorIndication);
    packet.error_code()
}

/// A message to be changed and built.
#[derive(Clone)]
pub struct Message {
    /// Head.
    pub head: Head,
    /// Entries.
    pub cies: Vec<Cie>,
    /// Extensions: type, compulsory, value.
    pub extensions: Vec<(u16, bool, Vec<u8>)>,
}

impl Message {
    /// Puts it together.
    pub fn build(&self) -> Vec<u8> {
        let mut builder = Builder::message(&self.head);
        self.cies.iter().for_each(|cie| {
            builder.cie(cie);
        });
        for (kind, compulsory, value) in &self.extensions {
            builder.extension(ExtensionType(*kind), *compulsory, value);
        }
        if !self.extensions.is_empty() {
            builder.end();
        }
        builder.finish().unwrap()
    }

    /// Changes it.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// With a password.
    pub fn auth(self, password: &str) -> Self {
        self.with(|m| m.extensions.push((7, true, [b"\0\0\0\x01", password.as_bytes()].concat())))
    }
}

fn message(kind: PacketType, flags: u16, nbma: Ipv4Addr, source: Ipv4Addr, destination: Ipv4Addr) -> Message {
    Message {
        head: Head {
            kind,
            hop_count: 255,
            flags: Flags(flags),
            request_id: 77,
            source_nbma: nbma.into(),
            source_protocol: source.into(),
            destination_protocol: destination.into(),
        },
        cies: Vec::new(),
        extensions: vec![(3, true, vec![]), (4, true, vec![]), (5, true, vec![])],
    }
}

/// A registration as Cisco makes it: unique, NAT extension with the hub.
pub fn registration(nbma: Ipv4Addr, source: Ipv4Addr) -> Message {
    let mut message = message(PacketType::RegistrationRequest, 0x8002, nbma, source, HUB);
    message.cies.push(Cie { prefix_len: 32, mtu: 1514, holding_time: 600, ..Cie::EMPTY });
    let mut nat = Vec::new();
    let hub = Cie { prefix_len: 32, nbma: Some(HUB_NBMA.into()), protocol: Some(HUB.into()), ..Cie::EMPTY };
    hub.emit(&mut nat);
    message.extensions.push((9, false, nat));
    message
}

/// A resolution request as Cisco makes it.
pub fn resolution(n: u8, destination: Ipv4Addr) -> Message {
    let mut message = message(PacketType::ResolutionRequest, 0xc802, nbma(n), spoke(n), destination);
    message.cies.push(Cie { mtu: 1514, holding_time: 7200, ..Cie::EMPTY });
    message.extensions.push((9, false, vec![]));
    message
}

/// A purge request.
pub fn purge(n: u8, protocol: Ipv4Addr) -> Message {
    let mut message = message(PacketType::PurgeRequest, 0, nbma(n), spoke(n), HUB);
    message.cies.push(Cie { prefix_len: 32, protocol: Some(protocol.into()), ..Cie::EMPTY });
    message
}

/// A reply of some type about some request.
pub fn reply(kind: PacketType, nbma: Ipv4Addr, source: Ipv4Addr, destination: Ipv4Addr) -> Message {
    message(kind, 0, nbma, source, destination)
}

/// An error indication.
pub fn error_indication(nbma: Ipv4Addr, source: Ipv4Addr, destination: Ipv4Addr, body: &[u8]) -> Vec<u8> {
    let mut builder = Builder::error(&ErrorHead {
        hop_count: 255,
        code: ErrorCode::ProtocolError,
        offset: 0,
        source_nbma: nbma.into(),
        source_protocol: source.into(),
        destination_protocol: destination.into(),
    });
    builder.body(body);
    builder.finish().unwrap()
}

/// A traffic indication.
pub fn indication(nbma: Ipv4Addr, source: Ipv4Addr, destination: Ipv4Addr, body: &[u8]) -> Vec<u8> {
    let mut builder = Builder::indication(&IndicationHead {
        hop_count: 255,
        code: 0,
        source_nbma: nbma.into(),
        source_protocol: source.into(),
        destination_protocol: destination.into(),
    });
    builder.body(body);
    builder.finish().unwrap()
}

/// An ICMP echo request between two hosts.
pub fn ping(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 84, 0, 1, 0, 0, 63, 1, 0, 0];
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
    packet.extend_from_slice(&[8, 0, 0, 0, 0, 1, 0, 1]);
    packet.resize(84, 0);
    packet
}

/// An entry with addresses.
pub fn cie(nbma: Ipv4Addr, protocol: Ipv4Addr) -> Cie {
    Cie { prefix_len: 32, nbma: Some(nbma.into()), protocol: Some(protocol.into()), ..Cie::EMPTY }
}

/// A packet of a real router.
pub struct Real {
    /// Capture.
    pub file: String,
    /// Frame.
    pub frame: u64,
    /// Outer addresses.
    pub from: Ipv4Addr,
    /// Outer addresses.
    pub to: Ipv4Addr,
    /// From ar$afn on.
    pub octets: Vec<u8>,
}

/// The packets of Cisco routers.
pub fn cisco() -> Vec<Real> {
    real(include_str!("../../../../bindings/wire/testdata/nhrp/cisco.json"))
}

/// The packets of FRR.
pub fn frr() -> Vec<Real> {
    real(include_str!("../../../../bindings/wire/testdata/nhrp/frr.json"))
}

fn real(file: &str) -> Vec<Real> {
    let file: Value = serde_json::from_str(file).unwrap();
    let packets = file["packets"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let address = |value: &Value| text(value).parse().unwrap();
    let packet = |packet: &Value| Real {
        file: text(&packet["file"]),
        frame: packet["frame"].as_u64().unwrap(),
        from: address(&packet["outer"]["src"]),
        to: address(&packet["outer"]["dst"]),
        octets: hex(&text(&packet["nhrp_hex"])),
    };
    packets.map(packet).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// An address as IPv4.
pub fn v4(address: Option<IpAddr>) -> Option<Ipv4Addr> {
    match address? {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}
