//! The runner's part in tunnel protection.

use super::super::cost::Sample;
use super::super::guard::{Notice, Sent, Taken};
use super::super::report::{Protection, Report, print};
use super::super::underlay::Received;
use super::{BURST, Runner};
use std::net::Ipv4Addr;
use wire::gre;

/// What is measured besides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    /// Seconds until every spoke had an SA with the hub.
    all_up: f64,
    /// GRE in the clear.
    pub(super) clear: u64,
    /// Of the hub's control, at the start and when every spoke was registered.
    before: Option<Sample>,
    after: Option<Sample>,
}

impl Measured {
    /// From now on.
    pub(super) fn start(control_pid: Option<u32>) -> Self {
        Self { before: control_pid.and_then(Sample::of), ..Self::default() }
    }
}

impl Runner {
    /// When a spoke has something to do.
    pub(super) fn deadline(&self, index: u32) -> u64 {
        let client = self.clients.get(index as usize).map_or(u64::MAX, |client| client.deadline());
        self.guard.as_ref().map_or(client, |guard| guard.deadline(index).min(client))
    }

    /// Sends a GRE packet of a spoke, protected or not; `None`: there is no SA yet.
    pub(super) fn transmit(
        &mut self,
        index: u32,
        to: Ipv4Addr,
        tos: u8,
        protocol: u16,
        payload: &[u8],
        now: u64,
    ) -> Option<bool> {
        let from = self.clients.get(index as usize)?.me.nbma;
        let Some(guard) = &mut self.guard else {
            return Some(self.underlay.send(from, to, tos, protocol, payload));
        };
        self.gre.clear();
        self.gre.resize(gre::emitted_len(self.args.key), 0);
        gre::emit(&mut self.gre, self.args.key, protocol)?;
        self.gre.extend_from_slice(payload);
        let sent = guard.send(index, to, tos, &self.gre, now);
        self.schedule(index);
        match sent {
            Sent::Yes => Some(true),
            Sent::No => Some(false),
            Sent::NotReady => None,
        }
    }

    /// Takes what came in for IKE and ESP.
    pub(super) fn receive_protected(&mut self, buffer: &mut [u8], now: u64) -> usize {
        for taken in 0..BURST {
            let Some((index, what)) = self.guard.as_mut().and_then(|guard| guard.receive(buffer, now)) else {
                return taken;
            };
            self.notices(now);
            self.schedule(index);
            if let Taken::Gre(index, source, at) = what {
                let destination = self.clients.get(index as usize).map(|client| client.me.nbma);
                let packet = buffer.get(at).and_then(|octets| gre::parse(octets).ok());
                match packet.zip(destination).filter(|(packet, _)| packet.key == self.args.key) {
                    Some((gre::Packet { protocol, payload, .. }, destination)) => {
                        self.packet(Received { source, destination, protocol, payload }, now);
                    }
                    None => self.totals.stray += 1,
                }
            }
        }
        BURST
    }

    /// Tells what has changed, and lets clients register or wait accordingly.
    pub(super) fn notices(&mut self, now: u64) {
        let notices = self.guard.as_mut().map(|guard| guard.notices()).unwrap_or_default();
        for notice in notices {
            let (Notice::Up { spoke, peer, .. } | Notice::Down { spoke, peer, .. }) = notice;
            if let Some(client) = self.clients.get_mut(spoke as usize).filter(|_| peer == self.common.hub) {
                match notice {
                    Notice::Up { .. } => client.begin(now),
                    Notice::Down { .. } => client.pause(),
                }
            }
            self.schedule(spoke);
            if !self.args.quiet {
                print(&match notice {
                    Notice::Up { spoke, peer, took_ms } => Report::Protected { spoke, peer, took_ms },
                    Notice::Down { spoke, peer, why } => {
                        Report::Unprotected { spoke, peer, why: why.to_string() }
                    }
                });
            }
        }
    }

    /// Notes the moment when every spoke has an SA with the hub.
    pub(super) fn census(&mut self) {
        if self.measured.all_up == 0.0
            && self.guard.as_ref().is_some_and(|guard| guard.up() == self.totals.spokes)
        {
            self.measured.all_up = self.start.elapsed().as_secs_f64();
        }
    }

    /// Notes what it has cost until every spoke was registered.
    pub(super) fn all_registered(&mut self) {
        self.census();
        self.measured.after = self.args.control_pid.and_then(Sample::of);
    }

    /// For the status line.
    pub(super) fn protection(&self) -> Option<Box<Protection>> {
        let guard = self.guard.as_ref()?;
        let Measured { all_up, clear, before, after } = self.measured;
        let up = guard.up();
        let now = after.or_else(|| self.args.control_pid.and_then(Sample::of));
        let rate = if all_up > 0.0 { f64::from(self.totals.spokes) / all_up } else { 0.0 };
        let control = before.zip(now).map(|(before, now)| before.until(&now, up));
        let (ike, esp) = (guard.counts(), guard.esp);
        Some(Box::new(Protection { up, all_up, rate, ike, esp, clear, control }))
    }
}
