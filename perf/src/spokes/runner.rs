//! The event loop: one thread, raw sockets, a heap of deadlines.

mod deadlines;
mod packets;
mod phase;
mod protected;
mod totals;

use super::bfd;
use super::client::{Client, Output};
use super::guard::Guard;
use super::message::Common;
use super::plan::identities;
use super::report::{Report, Totals, print};
use super::traffic::Traffic;
use super::underlay::Underlay;
use super::{Args, Error};
use deadlines::Deadlines;
use dpdk::tuntap::{Kind, TunTap};
use phase::Phase;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wire::{gre, ip4};

/// Packets taken from one source before the others have their turn.
const BURST: usize = 256;
/// Longest sleep, so that a signal is noticed.
const NAP: Duration = Duration::from_millis(50);

/// Everything of one emulator.
pub struct Runner {
    args: Args,
    common: Common,
    clients: Vec<Client>,
    underlay: Underlay,
    guard: Option<Guard>,
    measured: protected::Measured,
    tuns: Vec<TunTap>,
    deadlines: Deadlines,
    traffic: Option<Traffic>,
    bfd: Option<bfd::Sessions>,
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
            paced: 0,
            next_census: Instant::now(),
            deadlines: Deadlines::new(clients.iter().map(|client| first(client.me.index)).collect()),
            traffic: (args.rate > 0).then(|| Traffic::new(clients.len(), args.size)),
            bfd: args.bfd.then(|| bfd::Sessions::new(clients.len())),
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
                print(&Report::Status(Box::new(self.totals())));
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
        print(&Report::End(Box::new(totals)));
        Ok(good)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Runs the clients whose deadline has come.
    fn tick(&mut self, now: u64) {
        while let Some(index) = self.deadlines.due(now) {
            if let Some(guard) = &mut self.guard {
                guard.tick(index, now);
                self.notices(now);
            }
            if let Some(client) = self.clients.get_mut(index as usize) {
                client.tick(&self.common, now, &mut self.outputs);
            }
            self.perform(index, now);
            self.deadlines.set(index, self.deadline(index));
        }
    }

    /// Makes sure that a client runs at its deadline, which may have become an earlier one.
    fn schedule(&mut self, index: u32) {
        self.deadlines.hasten(index, self.deadline(index));
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
        let next = self.deadlines.next().map_or(NAP, |at| Duration::from_millis(at.saturating_sub(now)));
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
}
