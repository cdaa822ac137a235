//! A responder with its host, a data plane that only keeps books, and virtual time. The books are what must hold whatever
//! a peer sends.

use ike::certificate::{Own, PrivateKey, Trust, Verified};
use ike::credentials::{Credentials, Keyring, Match};
use ike::crypto::Secret;
use ike::job::Outcome;
use ike::{
    Action, Clear, Config, Direction, Host, Lifetimes, ModePolicy, Path, Protection, Responder, SaId,
    SessionId, Slot, Unique, Usage,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use wire::ike::Message;

/// The tunnels' source address.
pub const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// What every peer's key is.
pub const PSK: &[u8] = b"a key that two know";
/// What every key exchange comes to where the fuzzer is to have the keys.
pub const SHARED: [u8; 32] = [9; 32];
/// Seconds since 1970.
pub const NOW: u64 = 1_900_000_000;

/// The authority of `testdata/pki`, and a spoke's certificate of it with its key.
pub const AUTHORITY: &[u8] = include_bytes!("../testdata/pki/ca.der");
/// A spoke's certificate.
pub const SPOKE: &[u8] = include_bytes!("../testdata/pki/spoke.der");
/// Its key.
pub const SPOKE_KEY: &[u8] = include_bytes!("../testdata/pki/spoke.key.der");

/// Child SAs that there is room for.
const SLOTS: SaId = 8;
const SESSIONS: usize = 4;
const HALF_OPEN: usize = 6;
const TASKS: usize = 8;
/// So often something may be due before a minute has passed.
const MOST_TICKS: usize = 10_000;

/// The process around the core.
pub struct Books {
    random: u64,
    used: BTreeSet<SaId>,
    generations: BTreeMap<SaId, u32>,
    /// What the data plane says of every child SA.
    pub usage: Usage,
}

impl Host for Books {
    fn random(&mut self, octets: &mut [u8]) {
        for octet in octets {
            // An LCG: what is random need only differ.
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *octet = (self.random >> 56) as u8;
        }
    }

    fn wall_seconds(&self) -> u64 {
        NOW
    }

    fn allocate(&mut self) -> Option<Slot> {
        let sa = (0..SLOTS).find(|sa| !self.used.contains(sa))?;
        self.used.insert(sa);
        let generation = self.generations.entry(sa).or_insert(0);
        *generation = *generation % 255 + 1;
        Some(Slot { sa, spi: *generation << 24 | sa })
    }

    fn release(&mut self, sa: SaId) {
        assert!(self.used.remove(&sa), "slot {sa} released twice");
    }

    fn adopt(&mut self, slot: Slot) -> bool {
        slot.sa < SLOTS && self.used.insert(slot.sa)
    }

    fn usage(&self, _: SaId) -> Usage {
        self.usage
    }
}

/// All of it.
pub struct World {
    /// Milliseconds.
    pub now: u64,
    /// What is under test.
    pub responder: Responder,
    /// Its surroundings.
    pub host: Books,
    inbound: BTreeSet<SaId>,
    outbound: BTreeSet<SaId>,
    uses: BTreeMap<SessionId, Option<SaId>>,
    /// Sessions that are up.
    pub sessions: BTreeSet<SessionId>,
    /// What the responder sent.
    pub sent: Vec<(Path, Vec<u8>)>,
    /// Key exchanges come to [`SHARED`].
    pub forge: bool,
    /// Every certificate and signature is good.
    pub believe: bool,
}

/// What an octet of the input makes of the configuration.
pub fn config(choice: u8) -> Config {
    let mut keyring = Keyring::new();
    keyring.add(Match::Address { prefix: Ipv4Addr::UNSPECIFIED, length: 0 }, Secret::copy_of(PSK)).unwrap();
    let mut credentials = Credentials { identity: None, own: None, trust: None, keyring: Arc::new(keyring) };
    if choice & 1 != 0 {
        let mut trust = Trust::new();
        trust.add_authority(AUTHORITY).unwrap();
        credentials.trust = Some(Arc::new(trust));
        let key = PrivateKey::from_der(SPOKE_KEY).unwrap();
        credentials.own = Some(Own::new(vec![SPOKE.to_vec()], key).unwrap());
    }
    let mut config = Config::new(credentials);
    config.proposals = ["aes256gcm16-prfsha384-x25519", "aes128-sha256-ecp256"].map(String::from).into();
    config.unique = if choice & 2 != 0 { Unique::Keep } else { Unique::Replace };
    config.cookie_threshold = if choice & 4 != 0 { 0 } else { 3 };
    config.fragment_size = if choice & 8 != 0 { 500 } else { 1280 };
    (config.half_open, config.max_sessions, config.max_tasks) = (HALF_OPEN, SESSIONS, TASKS);
    (config.lifetime_s, config.dpd_s, config.seed) = (1000, 30, 7);
    let esp = ["aes128gcm16", "aes256-sha256", "aes256gcm16-x25519"];
    config.protections.push(Protection {
        local: HUB,
        name: "DMVPN".into(),
        proposals: if choice & 16 != 0 { esp.map(String::from).into() } else { Vec::new() },
        mode: [ModePolicy::Any, ModePolicy::Transport, ModePolicy::Tunnel, ModePolicy::Any]
            [usize::from(choice >> 5 & 3)],
        lifetimes: Lifetimes { seconds: 200, octets: 1 << 30, packets: 1 << 20 },
    });
    config
}

impl World {
    /// Without a peer.
    pub fn new(choice: u8) -> Self {
        Self {
            now: 1_000_000,
            responder: Responder::new(config(choice)).unwrap(),
            host: Books {
                random: 42,
                used: BTreeSet::new(),
                generations: BTreeMap::new(),
                usage: Usage::default(),
            },
            inbound: BTreeSet::new(),
            outbound: BTreeSet::new(),
            uses: BTreeMap::new(),
            sessions: BTreeSet::new(),
            sent: Vec::new(),
            forge: false,
            believe: choice & 128 != 0,
        }
    }

    /// A datagram comes in.
    pub fn datagram(&mut self, path: Path, datagram: &[u8]) {
        let mut actions = Vec::new();
        self.responder.datagram(self.now, &path, datagram, &mut self.host, &mut actions);
        self.act(actions);
    }

    /// Does what the responder wants, as [`Action`] says it may be done.
    pub fn act(&mut self, actions: Vec<Action>) {
        let mut todo: VecDeque<Action> = actions.into();
        while let Some(action) = todo.pop_front() {
            let _ = format!("{action:?}");
            match action {
                Action::Send { path, datagram } => {
                    assert_eq!(path.local.0, HUB);
                    assert_eq!(Message::parse(&datagram).unwrap().octets(), datagram);
                    self.sent.push((path, datagram));
                }
                Action::Compute(task) => {
                    let mut done = task.run();
                    match &mut done.outcome {
                        Outcome::KeyExchange(Ok(exchanged)) if self.forge => {
                            exchanged.shared = Secret::copy_of(&SHARED);
                        }
                        Outcome::Agreed(agreed) if self.forge => *agreed = Ok(Secret::copy_of(&SHARED)),
                        Outcome::Verified(verified) if self.believe => {
                            let text = || String::from("CN=believed");
                            let algorithm = "RSA";
                            *verified =
                                Ok(Verified { subject: text(), issuer: text(), not_after: NOW, algorithm });
                        }
                        _ => {}
                    }
                    let mut more = Vec::new();
                    self.responder.computed(self.now, done, &mut self.host, &mut more);
                    todo.extend(more);
                }
                Action::Inbound(child) => {
                    assert!(self.host.used.contains(&child.sa), "an SA in a slot that is nobody's");
                    assert!(self.sessions.contains(&child.session));
                    assert_eq!(child.local, HUB);
                    assert!(self.inbound.insert(child.sa), "two SAs in one slot");
                }
                Action::Outbound(child) => {
                    assert!(self.inbound.contains(&child.sa), "outbound before inbound");
                    assert!(child.spi > 255, "a reserved SPI");
                    assert!(self.outbound.insert(child.sa));
                }
                Action::Use { session, sa } => {
                    assert!(self.sessions.contains(&session));
                    assert!(
                        sa.is_none_or(|sa| self.outbound.contains(&sa)),
                        "an SA in use that is not there"
                    );
                    self.uses.insert(session, sa);
                }
                Action::Remove { sa, direction: Direction::Outbound } => {
                    assert!(self.outbound.remove(&sa));
                    assert!(!self.uses.values().any(|used| *used == Some(sa)), "removed while in use");
                }
                Action::Remove { sa, direction: Direction::Inbound } => {
                    assert!(self.inbound.remove(&sa));
                    assert!(!self.outbound.contains(&sa), "inbound removed before outbound");
                    assert!(self.host.used.remove(&sa));
                }
                Action::SessionUp(up) => {
                    assert!(self.sessions.insert(up.session) || up.replaces || up.restored);
                    assert!(!up.identity.chars().any(char::is_control));
                }
                Action::SessionMoved { session, .. } => assert!(self.sessions.contains(&session)),
                Action::SessionDown { session, .. } => {
                    assert!(self.sessions.remove(&session), "down twice");
                    self.uses.remove(&session);
                }
                Action::Changed(session) => {
                    let _ = self.responder.export(session);
                }
                Action::Log(event) => {
                    let line = event.to_string();
                    assert!(line.len() < 4096 && !line.chars().any(char::is_control), "{line:?}");
                }
            }
        }
        let load = self.responder.load();
        assert!(load.sessions <= SESSIONS && load.half_open <= HALF_OPEN && load.tasks <= TASKS, "{load:?}");
        assert_eq!(load.sessions, self.sessions.len());
        for failure in self.responder.failures() {
            assert!(!failure.text.chars().any(char::is_control), "{:?}", failure.text);
        }
    }

    /// Time passes.
    pub fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        let mut ticks = 0;
        while let Some(at) = self.responder.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tick();
            ticks += 1;
            assert!(ticks < MOST_TICKS, "something is due for ever");
        }
        self.now = end;
        self.tick();
    }

    fn tick(&mut self) {
        let mut actions = Vec::new();
        self.responder.tick(self.now, &mut self.host, &mut actions);
        self.act(actions);
    }

    /// The operator clears sessions.
    pub fn clear(&mut self, which: Clear) {
        let mut actions = Vec::new();
        self.responder.clear(self.now, which, &mut self.host, &mut actions);
        self.act(actions);
    }

    /// The process dies and another one takes its sessions over.
    pub fn restart(&mut self, choice: u8) {
        let exports: Vec<_> =
            self.sessions.iter().filter_map(|session| self.responder.export(*session)).collect();
        let mut next = World::new(choice);
        (next.now, next.forge, next.host.random) = (self.now, self.forge, self.host.random ^ 1);
        next.host.generations = std::mem::take(&mut self.host.generations);
        *self = next;
        for exported in exports {
            let mut actions = Vec::new();
            let now = self.now;
            let _ = self.responder.restore(now, &exported, &mut self.host, &mut actions);
            self.act(actions);
        }
    }

    /// Nobody answers any more: in the end nothing is left.
    pub fn end(mut self) {
        for view in self.responder.sessions() {
            let _ = format!("{view:?}");
        }
        self.clear(Clear::All);
        self.pass(20 * 60 * 1000);
        let load = self.responder.load();
        assert_eq!((load.sessions, load.half_open, load.tasks), (0, 0, 0));
        assert!(self.responder.sessions().is_empty() && self.sessions.is_empty());
        assert!(self.host.used.is_empty(), "slots {:?} are lost", self.host.used);
        assert!(self.inbound.is_empty() && self.outbound.is_empty() && self.uses.is_empty());
        assert_eq!(self.responder.next_deadline(), None);
    }
}
