//! What the workers report.

use super::Hub;
use super::rules::Rules;
use crate::ike::Ike;
use crate::plane::Plane;
use crate::state::Effect;
use crate::words::Refusal;
use config::Config;
use ike::Path;
use nhrp::{Session, Station};
use shm::drops::DropReason;
use shm::message::{Event, TunnelId, sa_of};
use std::net::Ipv4Addr;

/// Events taken from one worker in one turn.
const EVENTS_PER_TURN: usize = 256;

/// Keeps apart what must not meet: stations in the clear and those with a session.
struct Guard<'a> {
    config: &'a Config,
    ike: Option<&'a mut Ike>,
}

impl Guard<'_> {
    /// Who sent a packet. `None`: of a session that is gone by now, or in another form than its tunnel has.
    fn station(&mut self, tunnel: TunnelId, nbma: Ipv4Addr, session: Option<Session>) -> Option<Station> {
        let protected = self
            .config
            .tunnel
            .get(usize::from(tunnel))
            .is_some_and(|t| self.config.protection_of(t).is_some());
        let ike = self.ike.as_mut().filter(|_| protected || session.is_some());
        let Some(ike) = ike else { return (!protected).then_some(Station { nbma, session }) };
        let known = protected && session.is_some_and(|session| ike.sessions.get(session).is_some());
        ike.strays += u64::from(!known);
        known.then_some(Station { nbma, session })
    }

    fn rules<'a>(&'a self, state: &'a crate::state::State) -> Rules<'a> {
        Rules { state, ike: self.ike.as_ref().map(|ike| (&ike.sessions, &ike.claims)) }
    }
}

impl Hub {
    pub(super) fn take_events(&mut self, now_ms: u64) -> bool {
        let Some(plane) = &mut self.plane else { return false };
        let mut taken = 0;
        let (server, state, actions) = (&mut self.server, &self.state, &mut self.actions);
        let counters = &mut self.counters;
        let mut guard = Guard { config: &self.config, ike: self.ike.as_mut() };
        let (mut gleaned, mut refused, mut memberships) = (Vec::new(), Vec::new(), Vec::new());
        let Plane { events, segment, .. } = plane;
        for events in events {
            taken += events.receive(EVENTS_PER_TURN, |event| match event {
                Event::Nhrp { tunnel, nbma, session, packet } => {
                    counters.nhrp += 1;
                    if let Some(station) = guard.station(tunnel, nbma, session) {
                        server.packet(now_ms, tunnel, station, packet, &guard.rules(state), actions);
                    }
                }
                Event::Redirect { tunnel, nbma, session, packet, .. } => {
                    counters.redirects += 1;
                    if let Some(station) = guard.station(tunnel, nbma, session) {
                        server.redirect(now_ms, tunnel, station, packet, &guard.rules(state), actions);
                    }
                }
                Event::Ike { nbma, port, local, local_port, packet } => {
                    let path = Path { local: (local, local_port), remote: (nbma, port) };
                    if let Some(ike) = &mut guard.ike {
                        ike.received += 1;
                        ike.with(Some(segment), &state.sync.inbound, |responder, process, actions| {
                            responder.datagram(now_ms, &path, packet, process, actions);
                        });
                    }
                }
                Event::Moved { sa, nbma, port } => {
                    if let Some(ike) = &mut guard.ike {
                        ike.with(Some(segment), &state.sync.inbound, |responder, process, actions| {
                            responder.moved(now_ms, sa, nbma, port, process, actions);
                        });
                    }
                }
                Event::Membership { tunnel, peer, nbma, session, packet } => {
                    if let Some(station) = guard.station(tunnel, nbma, session) {
                        memberships.push((tunnel, peer, station, packet.to_vec()));
                    }
                }
                Event::Refused { reason, nbma, local, key } => {
                    counters.refused += 1;
                    if let Some(reason) = DropReason::ALL.get(usize::from(reason)) {
                        refused.push(Refusal { reason: *reason, nbma, local, key });
                    }
                }
                Event::Glean { port, address } => {
                    counters.gleans += 1;
                    gleaned.push(Effect::Resolve(port, address));
                }
            });
        }
        self.state.effects.append(&mut gleaned);
        for (tunnel, peer, station, packet) in memberships {
            self.state.membership(now_ms, (tunnel, peer), &station, &packet);
        }
        refused.iter().for_each(|refusal| self.refused(now_ms, refusal));
        taken > 0
    }

    pub(super) fn refused(&mut self, now_ms: u64, refusal: &Refusal) {
        let tunnel = refusal.tunnel(&self.config);
        // A data plane that starts has not been told the peers when the first packets come, or tells of a packet from
        // before the registration: who is registered now is not to be blamed.
        let registered = || tunnel.is_some_and(|tunnel| self.state.peers.is_at(tunnel, refusal.nbma));
        let told_late = || {
            let row = refusal.key.and_then(|spi| Some((spi, self.state.sync.inbound.get(&sa_of(spi))?)));
            row.is_some_and(|(spi, row)| row.spi == spi)
        };
        match refusal.reason {
            DropReason::UnknownPeer if registered() => return,
            DropReason::EspUnknownSpi if told_late() => return,
            _ => {}
        }
        let refused = nhrp::Refused { reason: refusal.reason.name(), local: refusal.local, key: refusal.key };
        self.server.refused(now_ms, tunnel, refusal.nbma, refused);
        if let Some(held) = self.refusals.pass(now_ms, (refusal.reason as u8, refusal.nbma)) {
            let more = if held > 0 { format!(" ({held} more reports left out)") } else { String::new() };
            tracing::warn!("%TUN-4-REFUSED: {}{more}", refusal.text(&self.config));
        }
    }
}
