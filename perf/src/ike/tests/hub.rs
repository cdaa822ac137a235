//! A peer and the hub's own responder, which knows more than the peer.

use super::*;
use crate::ike::child::Child;
use ::ike::credentials::{Credentials, Keyring, Match};
use ::ike::crypto::{ChildKeys, Role};
use ::ike::{
    Action, ChildInbound, ChildOutbound, Clear, Config, Direction, Encapsulation, Host, Lifetimes, Mode,
    ModePolicy, Path, Protection, Rekey, Responder, SaId, SessionId, Slot, Usage,
};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
struct Process {
    next: u32,
}

impl Host for Process {
    fn random(&mut self, octets: &mut [u8]) {
        random(octets);
    }
    fn wall_seconds(&self) -> u64 {
        0
    }
    fn allocate(&mut self) -> Option<Slot> {
        self.next += 1;
        Some(Slot { sa: self.next, spi: 1 << 24 | self.next })
    }
    fn release(&mut self, _: SaId) {}
    fn adopt(&mut self, _: Slot) -> bool {
        true
    }
    fn usage(&self, _: SaId) -> Usage {
        Usage::default()
    }
}

/// The hub: its responder, and a data plane with the halves of its child SAs.
struct Hub {
    now: u64,
    responder: Responder,
    process: Process,
    crypto: Crypto,
    choice: Choice,
    inbound: BTreeMap<SaId, ChildInbound>,
    outbound: BTreeMap<SaId, ChildOutbound>,
    /// With which slot packets are sent.
    used: Option<SaId>,
    session: Option<(SessionId, Encapsulation)>,
    /// Child SAs whose both halves are there.
    children: BTreeMap<SaId, Child>,
    sent: Vec<Datagram>,
}

impl Hub {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut keyring = Keyring::new();
        let anybody = Match::Address { prefix: Ipv4Addr::UNSPECIFIED, length: 0 };
        keyring.add(anybody, Secret::copy_of(b"secret")).unwrap();
        let keyring = Arc::new(keyring);
        let mut config = Config::new(Credentials { identity: None, own: None, trust: None, keyring });
        config.protections.push(Protection {
            local: HUB,
            name: "DMVPN".into(),
            proposals: Vec::new(),
            mode: ModePolicy::Transport,
            lifetimes: Lifetimes { seconds: 3_600, octets: 0, packets: 0 },
        });
        change(&mut config);
        let choice = Choice::new(Wish::Auto).unwrap();
        Self {
            now: 1_000,
            responder: Responder::new(config).unwrap(),
            process: Process::default(),
            crypto: Crypto::new(&choice, &random_array()).unwrap(),
            choice,
            inbound: BTreeMap::new(),
            outbound: BTreeMap::new(),
            used: None,
            session: None,
            children: BTreeMap::new(),
            sent: Vec::new(),
        }
    }

    fn datagram(&mut self, ends: &Ends, message: &[u8]) {
        let path = Path { local: (ends.local, ends.local_port), remote: (ends.remote, ends.remote_port) };
        let mut actions = Vec::new();
        self.responder.datagram(self.now, &path, message, &mut self.process, &mut actions);
        self.act(actions);
    }

    fn tick(&mut self) {
        let mut actions = Vec::new();
        self.responder.tick(self.now, &mut self.process, &mut actions);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { path, datagram } => {
                    let ends = Ends {
                        local: path.local.0,
                        local_port: path.local.1,
                        remote: path.remote.0,
                        remote_port: path.remote.1,
                    };
                    self.sent.push((ends, datagram));
                }
                Action::Compute(task) => {
                    let mut actions = Vec::new();
                    self.responder.computed(self.now, task.run(), &mut self.process, &mut actions);
                    self.act(actions);
                }
                Action::Inbound(child) => drop(self.inbound.insert(child.sa, child)),
                Action::Outbound(child) => {
                    let inbound = &self.inbound[&child.sa];
                    assert_eq!((inbound.mode, inbound.esn, child.esn), (Mode::Transport, false, false));
                    let keys = ChildKeys {
                        initiator: Secret::copy_of(inbound.keys.encryption()),
                        responder: Secret::copy_of(child.keys.encryption()),
                    };
                    let made =
                        Child::new(&self.choice, &keys, Role::Responder, inbound.spi, child.spi).unwrap();
                    self.children.insert(child.sa, made);
                    self.outbound.insert(child.sa, child);
                }
                Action::Use { sa, .. } => self.used = sa,
                Action::Remove { sa, direction: Direction::Inbound } => drop(self.children.remove(&sa)),
                Action::SessionUp(up) => self.session = Some((up.session, up.encapsulation)),
                Action::SessionMoved { session, encapsulation, .. } => {
                    self.session = Some((session, encapsulation));
                }
                Action::SessionDown { .. } => self.session = None,
                Action::Remove { .. } | Action::Changed(_) | Action::Log(_) => {}
            }
        }
    }
}

/// A spoke and its hub.
struct Both {
    hub: Hub,
    spoke: Side,
    peer: Peer,
}

impl Both {
    fn new(change: impl FnOnce(&mut Config), groups: &[Group], udp: bool) -> Self {
        let mut spoke = Side::new("secret", groups, SPOKE);
        spoke.settings.udp = udp;
        let hub = Hub::new(change);
        let peer = Peer::initiate(&mut spoke.cx(hub.now), ends(SPOKE, HUB));
        let mut both = Self { hub, spoke, peer };
        both.talk();
        both
    }

    /// Carries messages to and fro until nobody has anything to say.
    fn talk(&mut self) -> Option<Why> {
        let mut down = None;
        loop {
            let (to_hub, why, _) = self.spoke.events();
            down = down.or(why);
            for (ends, message) in &to_hub {
                self.hub.datagram(&mirrored(ends), message);
            }
            let to_spoke = std::mem::take(&mut self.hub.sent);
            for (ends, message) in &to_spoke {
                let message = Message::parse(message).unwrap();
                self.peer.message(&mut self.spoke.cx(self.hub.now), mirrored(ends), &message);
            }
            if to_hub.is_empty() && to_spoke.is_empty() {
                return down;
            }
        }
    }

    /// A packet each way.
    fn packets(&mut self) {
        let now = self.hub.now;
        let mut packet = Vec::new();
        self.peer.seal(&mut self.spoke.crypto, now, b"to the hub", &mut packet).unwrap();
        let spi = wire::esp::parse(&packet).unwrap().spi.get();
        let child = self.hub.children.values_mut().find(|child| child.inbound_spi == spi).unwrap();
        let at = child.open(&mut self.hub.crypto, &mut packet).unwrap();
        assert_eq!(&packet[at], b"to the hub");
        let mut packet = Vec::new();
        let child = self.hub.children.get_mut(&self.hub.used.unwrap()).unwrap();
        child.seal(&mut self.hub.crypto, b"to the spoke", &mut packet).unwrap();
        let ends = self.peer.ends();
        let at = self.peer.open(&mut self.spoke.crypto, now, ends, &mut packet).unwrap().unwrap();
        assert_eq!(&packet[at], b"to the spoke");
    }
}

#[test]
fn set_up_and_packets_both_ways() {
    let mut both = Both::new(|_| (), &[Group::X25519], false);
    assert!(both.peer.is_up());
    assert_eq!(both.hub.session.unwrap().1, Encapsulation::Plain);
    both.packets();
    assert_eq!((both.spoke.counts.requests, both.spoke.counts.refused), (2, 0));
}

#[test]
fn cookie_and_another_group() {
    let change = |config: &mut Config| {
        config.cookie_threshold = 0;
        config.proposals = vec!["aes128gcm16-prfsha256-x25519".into()];
    };
    let mut both = Both::new(change, &[Group::Ecp384, Group::X25519], false);
    assert!(both.peer.is_up());
    assert!(both.spoke.counts.cookies >= 1 && both.spoke.counts.other_group == 1);
    both.packets();
}

#[test]
fn behind_a_nat() {
    let mut both = Both::new(|_| (), &[Group::X25519], true);
    assert!(both.peer.is_up() && both.peer.ends().udp());
    assert_eq!(both.hub.session.unwrap().1, Encapsulation::Udp(PORT_NATT));
    both.packets();
}

#[test]
fn a_wrong_key_is_told_so() {
    let mut spoke = Side::new("other", &[Group::X25519], SPOKE);
    let hub = Hub::new(|_| ());
    let peer = Peer::initiate(&mut spoke.cx(hub.now), ends(SPOKE, HUB));
    let mut both = Both { hub, spoke, peer };
    assert_eq!(both.talk(), Some(Why::Refused(NotifyType::AuthenticationFailed)));
    assert!(both.peer.is_gone() && both.hub.session.is_none());
}

/// With and without a key exchange of the child's own.
#[test]
fn the_hub_replaces_a_child() {
    for proposal in ["aes128gcm16", "aes128gcm16-x25519-none"] {
        let change = |config: &mut Config| config.protections[0].proposals = vec![proposal.into()];
        let mut both = Both::new(change, &[Group::X25519], false);
        let first = both.hub.used;
        for round in 1..=5 {
            let (session, _) = both.hub.session.unwrap();
            let mut actions = Vec::new();
            let (now, process) = (both.hub.now, &mut both.hub.process);
            both.hub.responder.rekey(now, session, Rekey::Children, process, &mut actions);
            both.hub.act(actions);
            assert_eq!(both.talk(), None);
            both.packets();
            // What is left of the old one may wait for late packets.
            both.hub.now += 60_000;
            both.hub.tick();
            assert_eq!(both.talk(), None);
            both.packets();
            assert_eq!(both.spoke.counts.rekeyed, round, "{proposal}");
        }
        assert_ne!(both.hub.used, first);
        assert_eq!(both.hub.children.len(), 1);
    }
}

#[test]
fn signs_of_life_for_a_day() {
    let mut both = Both::new(|config| config.dpd_s = 30, &[Group::X25519], false);
    // Less than an IKE SA lives: that the emulated spoke does not replace.
    let end = both.hub.now + 12 * 3_600_000;
    while both.hub.now < end {
        let due = both.hub.responder.next_deadline().unwrap_or(u64::MAX).min(both.peer.deadline());
        both.hub.now = due.max(both.hub.now + 1);
        both.hub.tick();
        if both.peer.deadline() <= both.hub.now {
            both.peer.tick(&mut both.spoke.cx(both.hub.now));
        }
        assert_eq!(both.talk(), None, "at {}", both.hub.now);
        assert!(both.peer.is_up() && both.hub.session.is_some());
    }
    both.packets();
    assert!(both.spoke.counts.rekeyed >= 11, "{:?}", both.spoke.counts);
    assert_eq!((both.spoke.counts.again, both.spoke.counts.refused), (0, 0));
}

#[test]
fn the_hub_clears_it() {
    let mut both = Both::new(|_| (), &[Group::X25519], false);
    let mut actions = Vec::new();
    both.hub.responder.clear(both.hub.now, Clear::All, &mut both.hub.process, &mut actions);
    both.hub.act(actions);
    assert_eq!(both.talk(), Some(Why::Deleted));
    assert!(both.peer.is_gone());
}
