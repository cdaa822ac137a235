//! Everything together: kernel, NHRP, data plane and journal, one turn at a time.
//!
//! Nothing here waits. A turn takes what the kernel and the workers have to say, lets the NHRP server answer, tells
//! the data plane what follows, and writes the journal.

mod attach;
mod events;
mod ike;
mod kernel;
mod restore;
mod rules;

use crate::fpm::Fpm;
use crate::hostroutes::HostRoutes;
use crate::ike::{Ike, IkeError};
use crate::journal::{self, Journal, Record};
use crate::neighbours::Neighbours;
use crate::netlink::{Command, Netlink};
use crate::outbox::{Given, Outbox, Parcel, Way};
use crate::plane::{EVENTS_KEEP_MS, Plane, PlaneError};
use crate::settings;
use crate::state::{Effect, State};
use crate::throttle::Throttle;
use crate::words::{self};
pub use attach::Ending;
use attach::differs;
use config::Config;
use nhrp::{Action, Kind, Server, TunnelCounters};
use shm::message::{GLOBAL, Inject, PortId, TunnelId};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Between looks at things that change slowly, in milliseconds.
const SECOND: u64 = 1_000;
/// Between signs of life in the segment.
const HEARTBEAT: u64 = 100;
/// Between questions to the kernel whether next hops in use are still there.
const KEEP_ALIVE: u64 = 20_000;
/// Between attempts to have the same neighbour resolved.
const RESOLVE_AGAIN: u64 = 500;
/// Most neighbours asked for within [`RESOLVE_AGAIN`].
const MAX_RESOLVING: usize = 20_000;
/// Between lines about the same refused station.
const REFUSAL_AGAIN: u64 = 30_000;
/// Most stations about which a line was written within [`REFUSAL_AGAIN`].
const MAX_REFUSALS: usize = 1_024;
/// Between attempts at a command that the kernel refused.
const COMMAND_AGAIN: u64 = 10_000;

/// When things were done last, in milliseconds.
#[derive(Debug, Default)]
struct Last {
    second: u64,
    heartbeat: u64,
    keep_alive: u64,
}

/// Events and what they led to, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// NHRP packets from the workers.
    pub nhrp: u64,
    /// Redirect events.
    pub redirects: u64,
    /// Refused GRE packets reported.
    pub refused: u64,
    /// Addresses to be resolved reported.
    pub gleans: u64,
    /// Bindings for which no peer number was left.
    pub peers_full: u64,
}

/// The control process without its sockets.
pub struct Hub {
    /// The configuration.
    pub config: Config,
    /// Where it was read from.
    pub config_path: String,
    /// What is known about forwarding.
    pub state: State,
    /// The NHRP server.
    pub server: Server,
    /// The data plane, when attached.
    pub plane: Option<Plane>,
    /// IKE; `None`: no tunnel is protected.
    pub ike: Option<Ike>,
    /// Packets on their way.
    pub outbox: Outbox,
    /// Counters.
    pub counters: Counters,
    /// The kernel's socket.
    pub netlink: Netlink,
    /// Whether the kernel's table of neighbours is large enough.
    pub neighbours: Neighbours,
    /// The journal.
    pub journal: Journal,
    /// When the process started, of the monotonic clock.
    pub started_ms: u64,
    /// NHRP counters as they stood when an operator cleared them.
    pub cleared: BTreeMap<TunnelId, TunnelCounters>,
    /// The latest resync.
    pub generation: u64,
    /// Set when the process cannot go on as it is.
    pub ending: Option<Ending>,
    /// The kernel has been read once.
    complete: bool,
    ready: bool,
    actions: Vec<Action>,
    resolving: Throttle<(PortId, Ipv4Addr)>,
    refusals: Throttle<(u8, Ipv4Addr)>,
    complaints: Throttle<String>,
    failed: Throttle<Command>,
    last: Last,
    check_twins: bool,
    /// The kernel has no VRF devices, only tables.
    plain_tables: bool,
    /// When the vault is tried again after an error.
    vault_again_ms: u64,
    /// Interfaces on which IPv6 was switched off.
    quiet: BTreeSet<u32>,
    host_routes: HostRoutes,
    /// Routes from zebra directly, where configured.
    pub fpm: Option<Fpm>,
}

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory or file.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// Another control runs, or a data plane that is configured otherwise.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// The configuration cannot be served.
    #[error(transparent)]
    Nhrp(#[from] nhrp::ConfigError),
    /// Neither can its IKE part.
    #[error(transparent)]
    Ike(#[from] IkeError),
}

impl Hub {
    /// Makes directories, attaches, opens the kernel's socket. The rest follows in the first turns.
    pub fn start(config: Config, config_path: String, now_ms: u64) -> Result<Self, StartError> {
        let at = |what: &std::path::Path| {
            let what = what.display().to_string();
            move |error| StartError::Io(what, error)
        };
        for directory in [&config.hub.run_dir, &config.hub.state_dir] {
            journal::make_directory(directory).map_err(at(directory))?;
        }
        let plane = match Plane::attach(&config) {
            Ok(plane) => Some(plane),
            Err(PlaneError::Attach(error))
                if differs(&error) || matches!(error, shm::AttachError::AlreadyRunning { .. }) =>
            {
                return Err(PlaneError::Attach(error).into());
            }
            Err(error) => {
                tracing::error!("not attached: {error}");
                None
            }
        };
        let netlink = Netlink::open().map_err(|error| StartError::Io("netlink".into(), error))?;
        let listen = |at: std::net::SocketAddr| {
            Fpm::listen(at, now_ms).map_err(|error| StartError::Io(format!("FPM on {at}"), error))
        };
        let fpm = config.fpm.as_ref().map(|fpm| listen(fpm.listen)).transpose()?;
        let journal = Journal::new(config.hub.state_dir.join("bindings.journal"));
        Ok(Self {
            state: State::new(&config),
            server: Server::new(settings::server(&config)?)?,
            plane,
            ike: Ike::start(&config)?,
            outbox: Outbox::default(),
            counters: Counters::default(),
            netlink,
            neighbours: Neighbours::default(),
            journal,
            started_ms: now_ms,
            cleared: BTreeMap::new(),
            generation: wall_ms(),
            ending: None,
            complete: false,
            ready: false,
            actions: Vec::new(),
            resolving: Throttle::new(RESOLVE_AGAIN, MAX_RESOLVING),
            refusals: Throttle::new(REFUSAL_AGAIN, MAX_REFUSALS),
            complaints: Throttle::new(COMMAND_AGAIN, 64),
            failed: Throttle::new(COMMAND_AGAIN, 1_024),
            last: Last::default(),
            check_twins: true,
            plain_tables: false,
            vault_again_ms: 0,
            quiet: BTreeSet::new(),
            host_routes: HostRoutes::default(),
            fpm,
            config,
            config_path,
        })
    }

    /// One turn; `true`: something happened, so look again soon.
    pub fn turn(&mut self, now_ms: u64) -> bool {
        self.state.tick(now_ms);
        if now_ms.saturating_sub(self.last.heartbeat) >= HEARTBEAT {
            // Also a control that was stopped (by a debugger, by SIGSTOP) finds what it does not want any more.
            if self.last.heartbeat != 0 && now_ms.saturating_sub(self.last.heartbeat) > EVENTS_KEEP_MS {
                self.plane.iter_mut().for_each(Plane::discard_events);
            }
            self.last.heartbeat = now_ms;
            self.plane.iter().for_each(|plane| plane.segment.heartbeat(now_ms));
        }
        let mut busy = false;
        if self.ready {
            busy = self.take_events(now_ms);
            if self.server.next_deadline().is_some_and(|deadline| deadline <= now_ms) {
                self.server.tick(now_ms, &mut self.actions);
            }
            busy |= self.turn_ike(now_ms);
            self.act(now_ms);
            busy |= self.push(now_ms);
        }
        busy |= self.read_fpm(now_ms);
        if self.check_twins {
            self.set_up_twins(now_ms);
        }
        // Not before the registrations of our former life are known again.
        if self.ready && self.host_routes.wants_turn(now_ms) {
            let netlink = &mut self.netlink;
            self.host_routes.turn(now_ms, &self.state, |command| netlink.send(command));
        }
        // What a spoke is told has to survive us: on file first, then on the wire.
        self.write_vault(now_ms);
        self.write_journal();
        self.send(now_ms);
        self.take_effects(now_ms);
        if now_ms.saturating_sub(self.last.second) >= SECOND {
            self.last.second = now_ms;
            self.every_second(now_ms);
        }
        self.write_journal();
        busy || self.outbox.len() > 0
    }

    /// Carries out what IKE and the NHRP server want done.
    pub fn act(&mut self, now_ms: u64) {
        // A session first: what it registers follows from it, and ends with it.
        self.act_ike(now_ms);
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Send { tunnel, to, packet } => {
                    self.outbox.push(now_ms, Parcel::Nhrp { tunnel, to, packet });
                }
                Action::Bind { binding, .. } | Action::Refresh { binding } => self.bind(now_ms, &binding),
                Action::Unbind { tunnel, protocol, .. } => {
                    self.state.unbind(tunnel, protocol);
                    self.journal.append(&Record::Unbind(tunnel, protocol));
                }
                Action::Log(event) => words::nhrp(&self.config, &event),
            }
        }
        self.take_effects(now_ms);
    }

    /// Forgets bindings; static ones, where they are meant too, are started afresh.
    pub fn clear(&mut self, now_ms: u64, what: nhrp::Clear, static_too: bool) -> usize {
        if let nhrp::Clear::Address { tunnel, protocol, prefix_len: 32 } = what {
            let tunnels = (0..self.config.tunnel.len()).map(|id| id as TunnelId);
            let meant: Vec<TunnelId> =
                tunnels.filter(|id| tunnel.is_none_or(|tunnel| tunnel == *id)).collect();
            meant.into_iter().for_each(|tunnel| self.unpin(tunnel, protocol));
        }
        let mut count = self.server.clear(now_ms, what, &mut self.actions);
        if static_too {
            count += self.server.clear_static(now_ms, what, &mut self.actions);
        }
        self.act(now_ms);
        count
    }

    /// Leaves nothing half done behind.
    pub fn stop(&mut self) {
        self.write_journal();
    }

    fn bind(&mut self, now_ms: u64, binding: &nhrp::Binding) {
        if !self.state.bind(binding.tunnel, binding.protocol, binding.station(), binding.multicast) {
            self.counters.peers_full += 1;
            self.complain(now_ms, "no peer number left: raise max-peers");
        }
        // The peer's number first: a binding without it would get another one after a restart.
        self.take_effects(now_ms);
        self.pin(binding);
        if binding.kind == Kind::Dynamic {
            self.journal.append(&Record::Bind(restore::record(binding, now_ms, wall_ms())));
        }
    }

    /// Who registers an address under IPsec is remembered, where first come is what counts.
    fn pin(&mut self, binding: &nhrp::Binding) {
        let Some(ike) = &mut self.ike else { return };
        let Some(session) = binding.session.and_then(|session| ike.sessions.get(session)) else { return };
        let (identity, tunnel, protocol) = (&session.identity, binding.tunnel, binding.protocol);
        if ike.claims.registered(identity, tunnel, protocol) {
            self.journal.append(&Record::Pin(tunnel, protocol, identity.clone()));
        }
    }

    /// Tells the data plane what changed; `true`: not all of it fitted.
    fn push(&mut self, now_ms: u64) -> bool {
        let Some(plane) = &mut self.plane else { return false };
        if let Some(why) = plane.needs_resync() {
            self.generation = (self.generation + 1).max(wall_ms());
            tracing::info!("resync {}: {why}", self.generation);
            self.state.sync.resync(self.generation);
            self.outbox.restart();
            self.ike.iter_mut().for_each(|ike| ike.slots.restart());
            self.exhaust_unarmed(now_ms);
            self.act(now_ms);
        }
        let Some(plane) = &mut self.plane else { return false };
        if !plane.is_there() {
            return false;
        }
        // Or the data plane would forget zebra's routes until they are told again.
        self.state.sync.hold = self.fpm.as_ref().is_some_and(|fpm| fpm.is_filling(now_ms));
        let before = self.state.sync.resyncs;
        let done = self.state.sync.push(&mut plane.updates);
        if done {
            self.outbox.barrier(plane.updates.position());
        }
        if let Some(ike) = &mut self.ike {
            let sync = &self.state.sync;
            if done {
                let told = |sa| sync.inbound.is_told(&sa) || sync.outbound.is_told(&sa);
                ike.slots.barrier(plane.updates.position(), told);
            }
            ike.slots.acknowledged(plane.updates.acknowledged());
        }
        if self.state.sync.resyncs != before {
            let sync = &self.state.sync;
            tracing::info!(
                "told {} peers, {} links, {} routes",
                sync.peers.len(),
                sync.links.len(),
                sync.routes.len()
            );
        }
        !done
    }

    fn send(&mut self, now_ms: u64) {
        let Some(plane) = &mut self.plane else { return };
        let (state, inject, config) = (&mut self.state, &mut plane.inject, &self.config);
        let way = |parcel: &Parcel| {
            let Some(envelope) = state.envelope(parcel) else { return Way::Unresolved };
            let vrf = match parcel {
                Parcel::Nhrp { tunnel, .. } => state.underlay_of(*tunnel),
                Parcel::Ike { path, .. } => config.vrf_of_source(path.local.0).unwrap_or(GLOBAL),
            };
            match state.way(vrf, envelope.nbma) {
                Some((link, true)) if state.sync.links.is_current(&link) => Way::Ready(link, envelope),
                Some(_) => Way::Unresolved,
                None => Way::None,
            }
        };
        self.outbox.drain(now_ms, plane.updates.acknowledged(), way, |packet| match inject.has_room() {
            true if inject.send(packet) => Given::Taken,
            true => Given::Refused,
            false => Given::NoRoom,
        });
    }

    fn take_effects(&mut self, now_ms: u64) {
        for effect in std::mem::take(&mut self.state.effects) {
            match effect {
                Effect::Resolve(port, address) => self.resolve(now_ms, port, address),
                Effect::PeerNew(id) => {
                    let base = self.plane.as_ref().map(|plane| plane.totals(id)).unwrap_or_default();
                    if let Some(peer) = self.state.peers.get_mut(id) {
                        peer.base = base;
                        self.journal.append(&Record::Peer(id, peer.tunnel, peer.station, base));
                    }
                }
                Effect::PeerMoved(id) => {
                    if let Some(peer) = self.state.peers.get(id) {
                        self.journal.append(&Record::Peer(id, peer.tunnel, peer.station, peer.base));
                    }
                }
                Effect::GroupNew(id) => {
                    let base = self.plane.as_ref().map(|plane| plane.group_totals(id)).unwrap_or_default();
                    self.state.multicast.set_base(id, base);
                    if let Some((group, source)) = self.state.multicast.flow(id) {
                        self.journal.append(&Record::Group(id, group, source, base));
                    }
                }
                Effect::GroupGone(id) => self.journal.append(&Record::GroupGone(id)),
                // Lossy: what is lost is said again by the spoke's next periodic join.
                Effect::ToKernel(tunnel, packet) => {
                    if let Some(plane) = &mut self.plane {
                        plane.inject.send(&Inject::Twin { tunnel, packet: &packet });
                    }
                }
                Effect::PeerGone(id) => self.journal.append(&Record::PeerGone(id)),
                Effect::Overlay(prefix) => {
                    let crate::prefix::Prefix { address, len } = prefix;
                    self.server.routes_changed(now_ms, address, len, &self.state, &mut self.actions);
                }
                Effect::Host(tunnel, address) => self.host_routes.touch(tunnel, address),
                Effect::Recursive(net, found) => words::recursion(&self.config, net, found),
                Effect::Stale => {
                    self.netlink.resync();
                    self.host_routes.compare();
                }
            }
        }
    }

    fn every_second(&mut self, now_ms: u64) {
        self.check_twins = true;
        self.resolving.expire(now_ms);
        self.reattach(now_ms);
        self.blame_silence(now_ms);
        self.state.ask_again();
        self.state.recheck_recursions();
        if let Some(line) = self.neighbours.check(self.state.links.len() as u64) {
            tracing::warn!("{line}");
        }
        if now_ms.saturating_sub(self.last.keep_alive) >= KEEP_ALIVE {
            self.last.keep_alive = now_ms;
            self.state.keep_alive();
        }
        if self.ready && self.journal.wants_compaction() {
            let ike = self.ike.as_ref();
            let live = restore::live(&self.config, &self.server, &self.state, ike, now_ms, wall_ms());
            if let Err(error) = self.journal.compact(live) {
                self.complain(now_ms, &format!("journal: {error}"));
            }
        }
    }

    fn write_journal(&mut self) {
        for (key, joined) in self.state.multicast.joins.changes() {
            self.journal.append(&Record::Join(key, joined));
        }
        if let Err(error) = self.journal.flush() {
            self.complain(shm::clock::now_ms(), &format!("journal: {error}"));
        }
    }

    /// An error that would be repeated: once in a while is enough.
    fn complain(&mut self, now_ms: u64, what: &str) {
        if self.complaints.pass(now_ms, what.to_string()).is_some() {
            tracing::error!("{what}");
        }
    }

    /// The name of a tunnel.
    pub fn tunnel_name(&self, id: TunnelId) -> String {
        self.config.tunnel.get(usize::from(id)).map_or_else(|| format!("tunnel {id}"), |t| t.name.clone())
    }
}

/// Milliseconds since 1970.
pub fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
