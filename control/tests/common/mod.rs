//! A private network namespace, a running `hub-control`, and a data plane made of a segment and maps.

// Each test file uses another part.
#![allow(dead_code)]

pub mod initiator;

use shm::message::{
    Direction, Event, GLOBAL, Inject, LinkId, PathsId, PeerId, PortId, Protection, SaId, SaInbound,
    SaOutbound, SessionId, Target, TunnelId, Update, VrfId, Ways,
};
use shm::{EventSender, Geometry, InjectReceiver, Segment, Side, UpdateReceiver};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a condition may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Peers the segment has room for.
pub const MAX_PEERS: u32 = 1_024;
/// The hub's NBMA address.
pub const HUB: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// A namespace with stand-ins for the kernel twins, and directories for the hub. Gone with the test.
pub struct World {
    name: String,
    directory: PathBuf,
}

impl World {
    /// Makes the namespace; `None` without the right to (the test then has nothing to run in).
    pub fn new(test: &str) -> Option<Self> {
        let name = format!("hubctl-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&directory).unwrap();
        let world = Self { name, directory };
        let made = Command::new("ip").args(["netns", "add", &world.name]).stderr(Stdio::null()).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: this test makes a network namespace, and may not");
            return None;
        }
        world.configure(MAX_PEERS);
        world.twins();
        Some(world)
    }

    /// Makes the twins, as a starting data plane does.
    pub fn twins(&self) {
        self.ip("link set lo up");
        self.ip("tuntap add wan0 mode tap");
        self.ip("tuntap add gre0 mode tun");
        self.ip("link set wan0 up");
    }

    /// Removes them, as the end of a data plane does.
    pub fn no_twins(&self) {
        self.ip("link del wan0");
        self.ip("link del gre0");
    }

    /// Whether the kernel has VRF devices.
    pub fn has_vrf_devices(&self) -> bool {
        let ip = |arguments: &str| {
            let mut ip = Command::new("ip");
            ip.args(["-n", &self.name]).args(arguments.split(' ')).stderr(Stdio::null()).status()
        };
        let made = ip("link add probe type vrf table 4000").is_ok_and(|status| status.success());
        made && ip("link del probe").is_ok()
    }

    /// Name of the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` inside.
    pub fn ip(&self, arguments: &str) -> String {
        let output = Command::new("ip").args(["-n", &self.name]).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a program inside.
    pub fn run(&self, command: &str) {
        let status =
            Command::new("ip").args(["netns", "exec", &self.name]).args(command.split(' ')).status().unwrap();
        assert!(status.success(), "{command}");
    }

    /// Starts `ip` inside.
    pub fn spawn_ip(&self, arguments: &str) -> Child {
        Command::new("ip").args(["-n", &self.name]).args(arguments.split(' ')).spawn().unwrap()
    }

    /// Watches what the kernel tells about something from now on.
    pub fn monitor(&self, what: &str) -> Monitor {
        let output = self.directory.join("monitor");
        let file = std::fs::File::create(&output).unwrap();
        let mut ip = Command::new("ip");
        let child = ip.args(["-n", &self.name, "monitor", what]).stdout(file).spawn().unwrap();
        let monitor = Monitor { child, output, namespace: self.name.clone() };
        monitor.seen("192.0.2.1");
        monitor
    }

    /// Starts FRR's zebra, which tells its routes by FPM, and staticd with these routes.
    pub fn frr(&self, routes: &str) -> Vec<Daemon> {
        let directory = self.directory.join("frr");
        std::fs::create_dir_all(&directory).unwrap();
        // They give up being root.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&directory, open).unwrap();
        let at = |name: &str| directory.join(name).display().to_string();
        std::fs::write(at("zebra.conf"), "fpm address 127.0.0.1 port 2620\n").unwrap();
        std::fs::write(at("staticd.conf"), routes).unwrap();
        let start = |name: &str, more: &[&str]| {
            let child = Command::new("ip")
                .args(["netns", "exec", &self.name, &format!("/usr/lib/frr/{name}")])
                .args(["-f", &at(&format!("{name}.conf")), "-i", &at(&format!("{name}.pid"))])
                .args(["-z", &at("zserv.api"), "--vty_socket", &at(""), "-P", "0"])
                .args(more)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            Daemon(child)
        };
        let zebra = start("zebra", &["-M", "dplane_fpm_nl"]);
        wait("zebra", || directory.join("zserv.api").exists().then_some(()));
        vec![start("staticd", &[]), zebra]
    }

    /// Changes the configuration.
    pub fn reconfigure(&self, change: impl FnOnce(String) -> String) {
        let path = self.directory.join("hub.toml");
        let text = change(std::fs::read_to_string(&path).unwrap());
        std::fs::write(path, text).unwrap();
    }

    /// Starts control inside.
    pub fn control(&self) -> Control {
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name, env!("CARGO_BIN_EXE_hub-control"), "--config"])
            .arg(self.directory.join("hub.toml"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Control { child }
    }

    /// Attaches a data plane.
    pub fn plane(&self) -> Plane {
        self.plane_for(MAX_PEERS)
    }

    /// Attaches a data plane that was configured for so many peers.
    pub fn plane_for(&self, max_peers: u32) -> Plane {
        let geometry = Geometry { workers: 1, max_peers };
        let path = self.directory.join("run/segment");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let segment = Segment::open_or_create(&path, &geometry, Side::Dataplane).unwrap();
        Plane {
            updates: segment.update_receiver().unwrap(),
            inject: segment.inject_receiver().unwrap(),
            events: segment.event_sender(0).unwrap(),
            segment,
            tables: Tables::default(),
            injected: Vec::new(),
        }
    }

    /// Asks over the socket, as `hubctl` does.
    pub fn ask(&self, request: &api::Request) -> api::Response {
        let mut line = String::new();
        self.begin_to_ask(request).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Asks, and leaves the answer to be read.
    pub fn begin_to_ask(&self, request: &api::Request) -> BufReader<UnixStream> {
        let path = self.directory.join("run").join(api::SOCKET_NAME);
        let mut stream = wait("the socket", || UnixStream::connect(&path).ok());
        serde_json::to_writer(&mut stream, request).unwrap();
        stream.write_all(b"\n").unwrap();
        BufReader::new(stream)
    }

    /// Makes control, which must not run, look as if it had died a minute ago: its last heartbeat lies in the
    /// segment's first page, which keeps its form.
    pub fn last_seen_long_ago(&self) {
        use std::os::unix::fs::FileExt;
        const HEARTBEAT: u64 = 256 + 16;
        let path = self.directory.join("run/segment");
        let segment = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let then = shm::clock::now_ms().saturating_sub(60_000);
        segment.write_all_at(&then.to_ne_bytes(), HEARTBEAT).unwrap();
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.directory.join("state/bindings.journal")
    }

    /// Writes a configuration with protection, for spokes that know the key of the tests.
    pub fn protect(&self) {
        let protected = "key = 42\nprotection = \"DMVPN\"";
        let config = self.config(MAX_PEERS).replace("key = 42", protected);
        let more = format!(
            "[[protection]]\nname = \"DMVPN\"\n[ike]\npersist-sessions = \"always\"\n[[ike.key]]\nidentity = \"*.example.net\"\npre-shared-key = \"{}\"\n",
            initiator::PSK
        );
        std::fs::write(self.directory.join("hub.toml"), config + &more).unwrap();
    }

    /// Writes a configuration for so many peers.
    pub fn configure(&self, max_peers: u32) {
        std::fs::write(self.directory.join("hub.toml"), self.config(max_peers)).unwrap();
    }

    fn config(&self, max_peers: u32) -> String {
        let directory = self.directory.display();
        format!(
            r#"
[hub]
name = "test"
run-dir = "{directory}/run"
state-dir = "{directory}/state"
max-peers = {max_peers}
[dataplane]
cores = [0]
[[port]]
name = "wan0"
device = "net_null0"
role = "underlay"
address = ["{HUB}/24"]
gateway = "203.0.113.254"
[[tunnel]]
name = "Tunnel0"
interface = "gre0"
source = "{HUB}"
key = 42
address = "10.255.0.1/16"
[tunnel.nhrp]
network-id = 1
map-multicast-dynamic = true
[[route]]
prefix = "10.100.1.0/24"
via = "10.255.1.1"
"#
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A running `hub-control`.
pub struct Control {
    child: Child,
}

impl Control {
    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself; whether it ended well.
    pub fn ended(mut self) -> bool {
        wait("control to end", || self.child.try_wait().unwrap()).success()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// How much memory it has, in the kernel's words.
    pub fn memory(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS: ?").to_string()
    }

    /// SIGTERM; whether it ended well.
    pub fn terminate(mut self) -> bool {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A daemon that is killed when it is not wanted any more.
pub struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running `ip monitor`.
pub struct Monitor {
    child: Child,
    output: PathBuf,
    namespace: String,
}

impl Monitor {
    /// Has routes come until one is seen: all before it has been written, then.
    fn seen(&self, mark: &str) -> String {
        let mut metric = 0;
        wait("the monitor", || {
            metric += 1;
            let arguments = format!("route add blackhole {mark} metric {metric}");
            let mut ip = Command::new("ip");
            let added = ip.args(["-n", &self.namespace]).args(arguments.split(' ')).status().unwrap();
            assert!(added.success(), "{arguments}");
            std::thread::sleep(Duration::from_millis(20));
            let text = std::fs::read_to_string(&self.output).unwrap();
            text.contains(mark).then_some(text)
        })
    }

    /// What was seen since the start.
    pub fn end(&mut self) -> String {
        self.seen("192.0.2.2")
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a data plane holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Links.
    pub links: BTreeMap<LinkId, (PortId, Option<[u8; 6]>)>,
    /// Peers.
    pub peers: BTreeMap<PeerId, (TunnelId, Ipv4Addr, LinkId, bool, Option<Protection>)>,
    /// Inbound halves of SAs.
    pub inbound: BTreeMap<SaId, SaInbound>,
    /// Outbound halves.
    pub outbound: BTreeMap<SaId, SaOutbound>,
    /// Entries with several ways.
    pub paths: BTreeMap<PathsId, Ways>,
    /// Routes of the global VRF.
    pub routes: BTreeMap<(Ipv4Addr, u8), Target>,
    /// Routes of the others, which a resync does not sweep here.
    pub vrf_routes: BTreeMap<(VrfId, Ipv4Addr, u8), Target>,
}

impl State {
    /// The peer with an NBMA address.
    pub fn peer(&self, nbma: Ipv4Addr) -> Option<PeerId> {
        self.peers.iter().find(|(_, peer)| peer.1 == nbma).map(|(id, _)| *id)
    }
}

/// What a resync has named so far.
type Named =
    (BTreeSet<LinkId>, BTreeSet<PeerId>, BTreeSet<(Ipv4Addr, u8)>, BTreeSet<(SaId, bool)>, BTreeSet<PathsId>);

/// [`State`] and how it came about.
#[derive(Debug, Default)]
pub struct Tables {
    /// What is held.
    pub state: State,
    /// Resyncs completed.
    pub resyncs: u64,
    /// Peers deleted or swept, ever.
    pub peers_lost: u64,
    /// Rows that changed what was held already under their key.
    pub changes: u64,
    named: Option<Named>,
}

impl Tables {
    fn apply(&mut self, update: &Update) {
        let state = &mut self.state;
        match *update {
            Update::Begin { .. } => self.named = Some(Default::default()),
            Update::End { .. } => {
                let (links, peers, routes, sas, paths) = self.named.take().expect("End without Begin");
                let before = state.peers.len();
                state.routes.retain(|key, _| routes.contains(key));
                state.paths.retain(|id, _| paths.contains(id));
                state.peers.retain(|id, _| peers.contains(id));
                state.links.retain(|id, _| links.contains(id));
                state.inbound.retain(|id, _| sas.contains(&(*id, false)));
                state.outbound.retain(|id, _| sas.contains(&(*id, true)));
                self.peers_lost += (before - state.peers.len()) as u64;
                self.resyncs += 1;
            }
            Update::Link { id, port, mac } => {
                let old = state.links.insert(id, (port, mac));
                self.changes += u64::from(old.is_some_and(|old| old != (port, mac)));
                self.named.iter_mut().for_each(|named| named.0.extend([id]));
            }
            Update::Peer { id, tunnel, nbma, link, multicast, protection } => {
                let row = (tunnel, nbma, link, multicast, protection);
                let old = state.peers.insert(id, row);
                self.changes += u64::from(old.is_some_and(|old| old != row));
                self.named.iter_mut().for_each(|named| named.1.extend([id]));
            }
            Update::Paths { id, ways } => {
                let old = state.paths.insert(id, ways);
                self.changes += u64::from(old.is_some_and(|old| old != ways));
                self.named.iter_mut().for_each(|named| named.4.extend([id]));
            }
            Update::PathsDelete { id } => drop(state.paths.remove(&id)),
            Update::Route { vrf, prefix, len, target } if vrf != GLOBAL => {
                state.vrf_routes.insert((vrf, prefix, len), target);
            }
            Update::RouteDelete { vrf, prefix, len } if vrf != GLOBAL => {
                state.vrf_routes.remove(&(vrf, prefix, len));
            }
            Update::Route { vrf: _, prefix, len, target } => {
                let old = state.routes.insert((prefix, len), target);
                self.changes += u64::from(old.is_some_and(|old| old != target));
                self.named.iter_mut().for_each(|named| named.2.extend([(prefix, len)]));
            }
            Update::RouteDelete { vrf: _, prefix, len } => drop(state.routes.remove(&(prefix, len))),
            Update::PeerDelete { id } => {
                state.peers.remove(&id);
                self.peers_lost += 1;
            }
            Update::LinkDelete { id } => drop(state.links.remove(&id)),
            Update::SaInbound(ref row) => {
                let old = state.inbound.insert(row.id, row.clone());
                self.changes += u64::from(old.is_some_and(|old| old != *row));
                self.named.iter_mut().for_each(|named| named.3.extend([(row.id, false)]));
            }
            Update::SaOutbound(ref row) => {
                let old = state.outbound.insert(row.id, row.clone());
                self.changes += u64::from(old.is_some_and(|old| old != *row));
                self.named.iter_mut().for_each(|named| named.3.extend([(row.id, true)]));
            }
            Update::Group { .. }
            | Update::GroupDelete { .. }
            | Update::GroupMember { .. }
            | Update::GroupMemberDelete { .. } => {}
            Update::SaDelete { id, direction: Direction::Inbound } => drop(state.inbound.remove(&id)),
            Update::SaDelete { id, direction: Direction::Outbound } => drop(state.outbound.remove(&id)),
        }
    }
}

/// A packet that control had sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Outer destination.
    pub nbma: Ipv4Addr,
    /// Link.
    pub link: LinkId,
    /// Of an IKE message, the port that it goes to.
    pub port: Option<u16>,
    /// On a protected tunnel.
    pub protection: Option<Protection>,
    /// NHRP packet, or IKE message.
    pub packet: Vec<u8>,
}

/// A data plane.
pub struct Plane {
    segment: Segment,
    updates: UpdateReceiver,
    inject: InjectReceiver,
    events: EventSender,
    /// What it holds.
    pub tables: Tables,
    /// Packets to be sent, in order.
    pub injected: Vec<Sent>,
}

impl Plane {
    /// Does what a data plane's service thread does in one turn.
    pub fn turn(&mut self) {
        self.segment.heartbeat(shm::clock::now_ms());
        let tables = &mut self.tables;
        self.updates.receive(4_096, |update| tables.apply(&update));
        let injected = &mut self.injected;
        self.inject.receive(256, |inject| {
            injected.push(Sent {
                nbma: inject.nbma(),
                link: inject.link(),
                port: match inject {
                    Inject::Ike { port, .. } => Some(port),
                    Inject::Nhrp { .. } | Inject::Twin { .. } => None,
                },
                protection: match inject {
                    Inject::Nhrp { protection, .. } => protection,
                    Inject::Ike { .. } | Inject::Twin { .. } => None,
                },
                packet: inject.packet().to_vec(),
            });
        });
    }

    /// Takes turns until a condition holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        wait(what, || {
            self.turn();
            holds(self).then_some(())
        });
    }

    /// An NHRP packet came in.
    pub fn nhrp(&mut self, nbma: Ipv4Addr, packet: &[u8]) {
        wait("room in the event ring", || {
            self.events.send(&Event::Nhrp { tunnel: 0, nbma, session: None, packet }).then_some(())
        });
    }

    /// An NHRP packet came in by an SA.
    pub fn nhrp_of(&mut self, session: SessionId, nbma: Ipv4Addr, packet: &[u8]) {
        self.event(&Event::Nhrp { tunnel: 0, nbma, session: Some(session), packet });
    }

    /// Whether the counters of an SA are armed for it.
    pub fn is_armed(&self, sa: &SaOutbound) -> bool {
        self.segment.sa(sa.id).is_some_and(|cells| cells.outbound.is_armed(sa.tag))
    }

    /// A worker has something to say.
    pub fn event(&mut self, event: &Event<'_>) {
        assert!(self.events.send(event));
    }
}

/// Waits for something.
pub fn wait<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// NBMA address of spoke `n`, behind the gateway.
pub fn nbma(n: u16) -> Ipv4Addr {
    let [a, b] = n.to_be_bytes();
    Ipv4Addr::new(198, 18, a, b)
}

/// Tunnel address of spoke `n`.
pub fn protocol(n: u16) -> Ipv4Addr {
    let [a, b] = (n + 0x100).to_be_bytes();
    Ipv4Addr::new(10, 255, a, b)
}

/// A registration request as FRR sends it, from `ar$afn` on.
pub fn registration(request_id: u32, nbma: Ipv4Addr, protocol: Ipv4Addr, hold: u16) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 0, 0, 0, 0, 0, 1, 0, 56, 0, 0, 0, 52, 1, 3, 4, 0, 4, 4, 0, 2];
    packet.extend(request_id.to_be_bytes());
    packet.extend(nbma.octets());
    packet.extend(protocol.octets());
    packet.extend([10, 255, 0, 1]);
    let [a, b] = hold.to_be_bytes();
    packet.extend([0, 32, 0, 0, 0, 0, a, b, 0, 0, 0, 0]);
    packet.extend([0x80, 0, 0, 0]);
    let sum: u32 = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[12..14].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// Type and code of the first entry of a registration reply.
pub fn reply(packet: &[u8]) -> (u8, u8) {
    (packet[17], packet[40])
}
