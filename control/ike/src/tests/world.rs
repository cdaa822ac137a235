//! A responder with its host, a data plane that only keeps books, and virtual time.

use super::spoke::Spoke;
use crate::credentials::{Credentials, Keyring, Match};
use crate::crypto::Secret;
use crate::{
    Action, ChildInbound, ChildOutbound, Config, Direction, Host, Lifetimes, LogEvent, ModePolicy, Path,
    Protection, Responder, SaId, SessionId, SessionUp, Slot, Task, Usage, WhyDown,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

pub(super) const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(super) const SPOKE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
pub(super) const PSK: &[u8] = b"a key that two know";

/// SplitMix64.
#[derive(Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        seeded::mix(self.0)
    }

    pub(super) fn fill(&mut self, octets: &mut [u8]) {
        octets.chunks_mut(8).for_each(|chunk| {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        });
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The process around the core.
pub(super) struct TestHost {
    pub(super) random: Random,
    pub(super) wall: u64,
    pub(super) slots: usize,
    /// Slots in use.
    pub(super) used: BTreeSet<SaId>,
    generations: BTreeMap<SaId, u32>,
    pub(super) usage: BTreeMap<SaId, Usage>,
}

impl TestHost {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            wall: 1_790_000_000,
            slots: 1 << 16,
            used: BTreeSet::new(),
            generations: BTreeMap::new(),
            usage: BTreeMap::new(),
        }
    }
}

impl Host for TestHost {
    fn random(&mut self, octets: &mut [u8]) {
        self.random.fill(octets);
    }

    fn wall_seconds(&self) -> u64 {
        self.wall
    }

    fn allocate(&mut self) -> Option<Slot> {
        let sa = (0..self.slots as SaId).find(|sa| !self.used.contains(sa))?;
        self.used.insert(sa);
        self.usage.remove(&sa);
        let generation = self.generations.entry(sa).or_insert(0);
        *generation = *generation % 255 + 1;
        Some(Slot { sa, spi: *generation << 24 | sa })
    }

    fn release(&mut self, sa: SaId) {
        assert!(self.used.remove(&sa), "slot {sa} released twice");
    }

    fn adopt(&mut self, slot: Slot) -> bool {
        self.generations.insert(slot.sa, slot.spi >> 24);
        self.used.insert(slot.sa)
    }

    fn usage(&self, sa: SaId) -> Usage {
        self.usage.get(&sa).copied().unwrap_or_default()
    }
}

/// What the data plane has been told.
#[derive(Default)]
pub(super) struct Plane {
    pub(super) inbound: BTreeMap<SaId, ChildInbound>,
    pub(super) outbound: BTreeMap<SaId, ChildOutbound>,
    pub(super) uses: BTreeMap<SessionId, Option<SaId>>,
}

/// All of it.
pub(super) struct World {
    pub(super) now: u64,
    pub(super) responder: Responder,
    pub(super) host: TestHost,
    pub(super) plane: Plane,
    pub(super) sent: VecDeque<(Path, Vec<u8>)>,
    pub(super) ups: Vec<SessionUp>,
    pub(super) downs: Vec<(SessionId, WhyDown)>,
    pub(super) logs: Vec<LogEvent>,
    pub(super) changed: BTreeSet<SessionId>,
    pub(super) moved: Vec<(SessionId, Path)>,
    /// Tasks are kept here instead of being run at once.
    pub(super) hold_tasks: bool,
    pub(super) tasks: VecDeque<Task>,
}

pub(super) fn keyring(entries: Vec<(Match, &[u8])>) -> Credentials {
    let mut keyring = Keyring::new();
    for (whom, key) in entries {
        keyring.add(whom, Secret::copy_of(key)).unwrap();
    }
    Credentials { identity: None, own: None, trust: None, keyring: Arc::new(keyring) }
}

pub(super) fn wildcard() -> Match {
    Match::Address { prefix: Ipv4Addr::UNSPECIFIED, length: 0 }
}

pub(super) fn config() -> Config {
    let mut config = Config::new(keyring(vec![(wildcard(), PSK)]));
    config.seed = 7;
    config.protections.push(Protection {
        local: HUB,
        name: "DMVPN".into(),
        proposals: Vec::new(),
        mode: ModePolicy::Any,
        lifetimes: Lifetimes { seconds: 3600, octets: 4_608_000_000, packets: 0 },
    });
    config
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: Config) -> Self {
        Self {
            now: 1_000_000,
            responder: Responder::new(config).unwrap(),
            host: TestHost::new(42),
            plane: Plane::default(),
            sent: VecDeque::new(),
            ups: Vec::new(),
            downs: Vec::new(),
            logs: Vec::new(),
            changed: BTreeSet::new(),
            moved: Vec::new(),
            hold_tasks: false,
            tasks: VecDeque::new(),
        }
    }

    /// A datagram comes in.
    pub(super) fn datagram(&mut self, path: Path, datagram: &[u8]) {
        let mut actions = Vec::new();
        self.responder.datagram(self.now, &path, datagram, &mut self.host, &mut actions);
        self.act(actions);
    }

    /// Does what the responder wants.
    pub(super) fn act(&mut self, actions: Vec<Action>) {
        let mut todo: VecDeque<Action> = actions.into();
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Send { path, datagram } => self.sent.push_back((path, datagram)),
                Action::Compute(task) if self.hold_tasks => self.tasks.push_back(task),
                Action::Compute(task) => {
                    let mut more = Vec::new();
                    self.responder.computed(self.now, task.run(), &mut self.host, &mut more);
                    todo.extend(more);
                }
                Action::Inbound(child) => {
                    assert!(self.host.used.contains(&child.sa), "an SA in a slot that is nobody's");
                    let old = self.plane.inbound.insert(child.sa, child);
                    assert!(old.is_none(), "two SAs in one slot");
                }
                Action::Outbound(child) => {
                    assert!(self.plane.inbound.contains_key(&child.sa), "outbound before inbound");
                    assert!(self.plane.outbound.insert(child.sa, child).is_none());
                }
                Action::Use { session, sa } => {
                    if let Some(sa) = sa {
                        assert!(self.plane.outbound.contains_key(&sa), "an SA in use that is not there");
                    }
                    self.plane.uses.insert(session, sa);
                }
                Action::Remove { sa, direction: Direction::Outbound } => {
                    assert!(self.plane.outbound.remove(&sa).is_some());
                    assert!(!self.plane.uses.values().any(|used| *used == Some(sa)), "removed while in use");
                }
                Action::Remove { sa, direction: Direction::Inbound } => {
                    assert!(self.plane.inbound.remove(&sa).is_some());
                    assert!(!self.plane.outbound.contains_key(&sa), "inbound removed before outbound");
                    assert!(self.host.used.remove(&sa));
                }
                Action::SessionUp(up) => self.ups.push(up),
                Action::SessionMoved { session, path, .. } => self.moved.push((session, path)),
                Action::SessionDown { session, why } => {
                    self.downs.push((session, why));
                    self.plane.uses.remove(&session);
                }
                Action::Changed(session) => {
                    self.changed.insert(session);
                }
                Action::Log(event) => self.logs.push(event),
            }
        }
    }

    /// Runs what was kept.
    pub(super) fn run_tasks(&mut self) {
        while let Some(task) = self.tasks.pop_front() {
            let mut actions = Vec::new();
            self.responder.computed(self.now, task.run(), &mut self.host, &mut actions);
            self.act(actions);
        }
    }

    /// Time passes; messages that are sent meanwhile stay in [`Self::sent`].
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.responder.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tick();
        }
        self.now = end;
        self.tick();
    }

    pub(super) fn tick(&mut self) {
        let mut actions = Vec::new();
        self.responder.tick(self.now, &mut self.host, &mut actions);
        self.act(actions);
    }

    /// Carries messages between the hub and one spoke until there are none.
    pub(super) fn exchange(&mut self, spoke: &mut Spoke) {
        for _ in 0..200 {
            let out = spoke.take();
            if out.is_empty() && self.sent.is_empty() {
                return;
            }
            for (path, datagram) in out {
                self.datagram(path, &datagram);
            }
            while let Some((path, datagram)) = self.sent.pop_front() {
                if path.remote.0 == spoke.seen_as().0 {
                    spoke.receive(path, &datagram);
                }
            }
        }
        panic!("they never stop talking");
    }

    /// Time passes, and messages are carried.
    pub(super) fn live(&mut self, spoke: &mut Spoke, ms: u64) {
        let end = self.now + ms;
        self.exchange(spoke);
        while let Some(at) = self.responder.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tick();
            self.exchange(spoke);
        }
        self.now = end;
        self.tick();
        self.exchange(spoke);
    }

    /// What the hub sends with, and what it receives with, for the spoke's session.
    pub(super) fn used(&self, session: SessionId) -> Option<SaId> {
        self.plane.uses.get(&session).copied().flatten()
    }

    pub(super) fn count(&self, count: crate::Count) -> u64 {
        self.responder.counters().of(count)
    }

    /// Causes of all failures on record.
    pub(super) fn causes(&self) -> Vec<crate::Cause> {
        self.responder.failures().into_iter().map(|failure| failure.cause).collect()
    }
}
