//! The event loop: one thread, raw sockets, a heap of deadlines.

mod protected;

use super::client::{Client, Output, Requests};
use super::guard::Guard;
use super::message::Common;
use super::plan::identities;
use super::report::{Report, Totals, print};
use super::responder::echo_reply;
use super::traffic::Traffic;
use super::underlay::{Received, Underlay};
use super::{Args, Error};
use dpdk::tuntap::{Kind, TunTap};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wire::{gre, ip4};

/// Packets taken from one source before the others have their turn.
const BURST: usize = 256;
/// How long after the last packet was sent the rest, and the answers to the last requests, may still arrive.
const DRAIN: Duration = Duration::from_secs(2);
/// Longest sleep, so that a signal is noticed.
const NAP: Duration = Duration::from_millis(50);

/// How often it is looked whether all are registered.
const CENSUS: Duration = Duration::from_millis(20);

/// What the emulator is at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Not all spokes are registered yet.
    Registering,
    /// All were; traffic runs, if there is any.
    Running { since: Instant },
    /// Nothing more is sent; what is under way may still arrive.
    Draining { since: Instant },
    /// The end.
    Done,
}

/// Everything of one emulator.
pub struct Runner {
    args: Args,
    common: Common,
    clients: Vec<Client>,
    underlay: Underlay,
    guard: Option<Guard>,
    measured: protected::Measured,
    tuns: Vec<TunTap>,
    /// Deadline and spoke; an entry that is not the spoke's in `scheduled` is void.
    deadlines: BinaryHeap<Reverse<(u64, u32)>>,
    scheduled: Vec<u64>,
    traffic: Option<Traffic>,
    /// Numbered packets whose time has come, whether the kernel took them or not.
    paced: u64,
    totals: Totals,
    start: Instant,
    next_census: Instant,
    drops_before: u64,
    outputs: Vec<Output>,
    /// A GRE packet that is to be protected.
    gre: Vec<u8>,
}

impl Runner {
    /// Opens sockets and devices.
    pub fn new(args: Args) -> Result<Self, Error> {
        let identities = identities(&args)?;
        let password = match &args.authentication {
            Some(password) if !(1..=8).contains(&password.len()) => {
                return Err(Error::Usage("--authentication takes 1 to 8 octets".into()));
            }
            other => other.as_ref().map(|password| password.clone().into_bytes()),
        };
        if args.rate > 0 && (args.count < 2 || args.tun.is_some()) {
            return Err(Error::Usage("--rate needs at least two spokes and no --tun".into()));
        }
        let underlay = Underlay::open(args.key)?;
        let name = |n: usize, stem: &str| if args.count == 1 { stem.into() } else { format!("{stem}{n}") };
        let tuns = match &args.tun {
            None => Vec::new(),
            Some(stem) => (0..identities.len())
                .map(|n| TunTap::open(Kind::Tun, &name(n, stem)))
                .collect::<Result<_, _>>()?,
        };
        let common = Common {
            hub: args.hub,
            hub_tunnel: args.hub_tunnel,
            password,
            unique: args.unique,
            holdtime: args.holdtime,
            shortcut: !args.no_shortcut,
        };
        let first = |index: u32| u64::from(index) * 1_000 / u64::from(args.register_rate.max(1));
        let guard = Guard::open(&args, &identities, first)?;
        // A protected spoke registers when it has an SA with the hub, and begins with that.
        let start = |index: u32| if guard.is_some() { u64::MAX } else { first(index) };
        let clients: Vec<Client> = identities.iter().map(|me| Client::new(*me, start(me.index))).collect();
        Ok(Self {
            scheduled: clients.iter().map(|client| first(client.me.index)).collect(),
            paced: 0,
            next_census: Instant::now(),
            deadlines: clients
                .iter()
                .map(|client| Reverse((first(client.me.index), client.me.index)))
                .collect(),
            traffic: (args.rate > 0).then(|| Traffic::new(clients.len(), args.size)),
            totals: Totals { spokes: args.count, ..Totals::default() },
            drops_before: Underlay::drops(),
            start: Instant::now(),
            outputs: Vec::new(),
            gre: Vec::with_capacity(2_048),
            measured: protected::Measured::start(args.control_pid),
            guard,
            args,
            common,
            clients,
            underlay,
            tuns,
        })
    }

    /// Runs to the end; whether all went well.
    pub fn run(mut self) -> Result<bool, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, stop.clone())
                .map_err(|error| Error::System { doing: "signal handler", error })?;
        }
        let mut buffer = vec![0; 65_536];
        let mut phase = Phase::Registering;
        let mut next_status = self.start + Duration::from_secs(self.args.status.max(1));
        loop {
            let now = self.now();
            if !matches!(phase, Phase::Draining { .. }) {
                self.tick(now);
            }
            let received = self.receive(&mut buffer, now) + self.receive_protected(&mut buffer, now);
            let read = self.read_tuns(&mut buffer, now);
            phase = self.advance(phase, stop.load(Ordering::Relaxed));
            let sent = self.generate(phase, now);
            if Instant::now() >= next_status {
                next_status += Duration::from_secs(self.args.status.max(1));
                print(&Report::Status(self.totals()));
            }
            if matches!(phase, Phase::Done) {
                break;
            }
            if received + read < BURST && sent < BURST {
                self.sleep(phase);
            }
        }
        let totals = self.totals();
        let traffic = totals.traffic;
        let good = match self.traffic {
            Some(_) => traffic.sent > 0 && traffic.lost == 0 && traffic.duplicated + traffic.foreign == 0,
            None => totals.registered == totals.spokes,
        };
        print(&Report::End(totals));
        Ok(good)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Runs the clients whose deadline has come.
    fn tick(&mut self, now: u64) {
        while let Some(Reverse((deadline, index))) = self.deadlines.peek().copied()
            && deadline <= now
        {
            self.deadlines.pop();
            if self.scheduled.get(index as usize) != Some(&deadline) {
                continue;
            }
            if let Some(guard) = &mut self.guard {
                guard.tick(index, now);
                self.notices(now);
            }
            if let Some(client) = self.clients.get_mut(index as usize) {
                client.tick(&self.common, now, &mut self.outputs);
            }
            self.perform(index, now);
            let deadline = self.deadline(index);
            if let Some(scheduled) = self.scheduled.get_mut(index as usize) {
                *scheduled = deadline;
                self.deadlines.push(Reverse((deadline, index)));
            }
        }
    }

    /// Makes sure that a client runs at its deadline, which may have become an earlier one.
    fn schedule(&mut self, index: u32) {
        let deadline = self.deadline(index);
        if let Some(scheduled) = self.scheduled.get_mut(index as usize)
            && deadline < *scheduled
        {
            *scheduled = deadline;
            self.deadlines.push(Reverse((deadline, index)));
        }
    }

    /// Does what a client asked for.
    fn perform(&mut self, index: u32, now: u64) {
        for output in std::mem::take(&mut self.outputs) {
            if let Output::Tell(Report::Registered { took_ms, .. }) = &output {
                self.totals.registrations += 1;
                self.totals.slowest_ms = self.totals.slowest_ms.max(*took_ms);
            }
            match output {
                Output::Tell(report) if self.args.quiet => drop(report),
                Output::Tell(report) => print(&report),
                Output::Send(to, packet) => {
                    match self.transmit(index, to, ip4::TOS_CS6, gre::PROTO_NHRP, &packet, now) {
                        Some(true) => self.totals.nhrp_sent += 1,
                        Some(false) => self.totals.send_errors += 1,
                        // Counted by the guard; the client sends again what is not answered.
                        None => {}
                    }
                }
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8], now: u64) -> usize {
        for taken in 0..BURST {
            match self.underlay.receive(buffer) {
                None => return taken,
                // What is to be protected is not to be believed in the clear.
                Some(_) if self.guard.is_some() => self.measured.clear += 1,
                Some(None) => self.totals.stray += 1,
                Some(Some(packet)) => self.packet(packet, now),
            }
        }
        BURST
    }

    fn packet(&mut self, packet: Received<'_>, now: u64) {
        let index = packet.destination.to_bits().wrapping_sub(self.args.nbma.to_bits());
        let Some(client) = self.clients.get_mut(index as usize) else {
            self.totals.stray += 1;
            return;
        };
        match packet.protocol {
            gre::PROTO_NHRP => {
                self.totals.nhrp_received += 1;
                client.packet(&self.common, packet.source, packet.payload, now, &mut self.outputs);
                self.schedule(index);
                self.perform(index, now);
            }
            gre::PROTO_IPV4 => {
                if packet.source == self.common.hub {
                    self.totals.from_hub += 1;
                } else {
                    self.totals.direct += 1;
                }
                self.inner(index as usize, packet.payload, now);
            }
            _ => self.totals.stray += 1,
        }
    }

    /// A packet out of the tunnel of one spoke.
    fn inner(&mut self, index: usize, octets: &[u8], now: u64) {
        if let Some(tun) = self.tuns.get(index) {
            if !matches!(tun.write(octets), Ok(Some(_))) {
                self.totals.send_errors += 1;
            }
            return;
        }
        let mine = |packet: &ip4::Packet<'_>| {
            self.clients.get(index).is_some_and(|client| client.me.owns(packet.destination()))
        };
        let Some(packet) = ip4::parse(octets).ok().filter(mine) else {
            self.totals.stray += 1;
            return;
        };
        if self.traffic.as_mut().is_some_and(|traffic| traffic.receive(&packet, index)) {
            return;
        }
        match echo_reply(&packet) {
            Some(reply) => {
                self.totals.echoed += 1;
                self.outer(index, packet.source(), packet.tos(), &reply, now);
            }
            None => self.totals.stray += 1,
        }
    }

    /// Sends an inner packet by the way the spoke knows; `false`: the kernel did not take it.
    fn outer(&mut self, index: usize, destination: Ipv4Addr, tos: u8, octets: &[u8], now: u64) -> bool {
        let Some(client) = self.clients.get_mut(index) else { return false };
        if self.args.resolve && !destination.is_multicast() && destination != self.common.hub_tunnel {
            client.resolve(destination, now);
            self.schedule(index as u32);
        }
        let Some(client) = self.clients.get(index) else { return false };
        let to = client.next_hop(&self.common, destination, now);
        let index = index as u32;
        let direct = self.transmit(index, to, tos, gre::PROTO_IPV4, octets, now);
        // Until the direct way is protected, packets take the one through the hub.
        let sent = match direct {
            None if to != self.common.hub => {
                self.transmit(index, self.common.hub, tos, gre::PROTO_IPV4, octets, now)
            }
            other => other,
        };
        self.totals.send_errors += u64::from(sent == Some(false));
        sent == Some(true)
    }

    fn read_tuns(&mut self, buffer: &mut [u8], now: u64) -> usize {
        let mut taken = 0;
        for index in 0..self.tuns.len() {
            for _ in 0..BURST {
                let Some(Ok(Some(length))) = self.tuns.get(index).map(|tun| tun.read(buffer)) else { break };
                taken += 1;
                let octets = buffer.get(..length).unwrap_or_default();
                // The kernel also sends IPv6 neighbour discovery into the device: not for this tunnel.
                if let Ok(packet) = ip4::parse(octets) {
                    self.outer(index, packet.destination(), packet.tos(), octets, now);
                }
            }
        }
        taken
    }

    /// What comes after `phase`, at this moment.
    fn advance(&mut self, phase: Phase, stopped: bool) -> Phase {
        let now = Instant::now();
        let limit = Duration::from_secs(self.args.duration);
        let over = |since: Instant| stopped || (!limit.is_zero() && now >= since + limit);
        let draining = Phase::Draining { since: now };
        match phase {
            Phase::Registering if stopped || (self.traffic.is_none() && over(self.start)) => draining,
            Phase::Registering if now >= self.next_census => {
                self.next_census = now + CENSUS;
                self.census();
                if self.registered() < self.totals.spokes {
                    return phase;
                }
                self.totals.all_registered = self.start.elapsed().as_secs_f64();
                self.all_registered();
                if self.args.until_registered { draining } else { Phase::Running { since: now } }
            }
            // Without traffic the time counts from the start.
            Phase::Running { .. } if self.traffic.is_none() && over(self.start) => draining,
            Phase::Running { since } if self.traffic.is_some() && over(since) => draining,
            Phase::Draining { since } if now < since + DRAIN && self.under_way() => phase,
            Phase::Draining { .. } => Phase::Done,
            other => other,
        }
    }

    /// Whether something that was sent may still come in: a numbered packet, or the answer to a request.
    fn under_way(&self) -> bool {
        let packets = self.traffic.as_ref().is_some_and(|traffic| traffic.counts().lost > 0);
        packets || self.clients.iter().any(Client::waiting)
    }

    /// Sends the numbered packets that are due.
    fn generate(&mut self, phase: Phase, now: u64) -> usize {
        let Phase::Running { since, .. } = phase else { return 0 };
        let Some(mut traffic) = self.traffic.take() else { return 0 };
        let due = u128::from(self.args.rate) * since.elapsed().as_micros() / 1_000_000;
        let mut packet = Vec::new();
        let mut sent = 0;
        while u128::from(self.paced) < due && sent < BURST {
            let from = traffic.turn();
            let to = traffic.partner(from);
            let identity = |n: usize| self.clients.get(n).map(|client| client.me);
            if let (Some(from_identity), Some(to_identity)) = (identity(from), identity(to))
                && traffic.write(&from_identity, &to_identity, &mut packet).is_some()
            {
                let taken = self.outer(from, to_identity.tunnel, 0, &packet, now);
                traffic.written(taken);
            }
            self.paced += 1;
            sent += 1;
        }
        self.traffic = Some(traffic);
        sent
    }

    fn sleep(&self, phase: Phase) {
        let now = self.now();
        let next = self
            .deadlines
            .peek()
            .map_or(NAP, |Reverse((at, _))| Duration::from_millis(at.saturating_sub(now)));
        let mut nap = next.min(NAP);
        if let (Phase::Running { .. }, Some(_)) = (phase, &self.traffic) {
            nap = nap.min(Duration::from_micros(1_000_000 / self.args.rate.clamp(1, 5_000)));
        }
        let mut wanted = vec![PollFd::new(&self.underlay, PollFlags::IN)];
        wanted.extend(self.tuns.iter().map(|tun| PollFd::from_borrowed_fd(tun.as_fd(), PollFlags::IN)));
        let protected = self.guard.iter().flat_map(Guard::fds);
        wanted.extend(protected.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let timeout = Timespec { tv_sec: 0, tv_nsec: nap.subsec_nanos().into() };
        // An interrupted sleep is a short one.
        let _ = poll(&mut wanted, Some(&timeout));
    }

    fn registered(&self) -> u32 {
        let now = self.now();
        self.clients.iter().filter(|client| client.registered(now)).count() as u32
    }

    fn sum(&self, of: impl Fn(&Requests) -> u64) -> u64 {
        self.clients.iter().map(|client| of(&client.requests)).sum()
    }

    fn totals(&mut self) -> Totals {
        let now = self.now();
        let mut shortcuts = 0;
        for client in &mut self.clients {
            client.shortcuts.expire(now);
            shortcuts += client.shortcuts.len() as u64;
        }
        Totals {
            seconds: self.start.elapsed().as_secs_f64(),
            registered: self.registered(),
            requests: self.sum(|requests| requests.sent),
            retries: self.sum(|requests| requests.again),
            answers: self.sum(|requests| requests.answers),
            shortcuts,
            receive_drops: Underlay::drops().saturating_sub(self.drops_before),
            traffic: self.traffic.as_ref().map(Traffic::counts).unwrap_or_default(),
            protection: self.protection(),
            ..self.totals.clone()
        }
    }
}
