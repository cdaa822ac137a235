//! What the workers report.

use super::Hub;
use crate::state::Effect;
use crate::words::Refusal;
use shm::drops::DropReason;
use shm::message::Event;

/// Events taken from one worker in one turn.
const EVENTS_PER_TURN: usize = 256;

impl Hub {
    pub(super) fn take_events(&mut self, now_ms: u64) -> bool {
        let Some(plane) = &mut self.plane else { return false };
        let mut taken = 0;
        let (server, state, actions) = (&mut self.server, &self.state, &mut self.actions);
        let counters = &mut self.counters;
        let (mut gleaned, mut refused) = (Vec::new(), Vec::new());
        for events in &mut plane.events {
            taken += events.receive(EVENTS_PER_TURN, |event| match event {
                Event::Nhrp { tunnel, nbma, packet, .. } => {
                    counters.nhrp += 1;
                    server.packet(now_ms, tunnel, nbma, packet, state, actions);
                }
                Event::Redirect { tunnel, nbma, packet, .. } => {
                    counters.redirects += 1;
                    server.redirect(now_ms, tunnel, nbma, packet, state, actions);
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
                Event::Ike { .. } | Event::Moved { .. } => {}
            });
        }
        self.state.effects.append(&mut gleaned);
        refused.iter().for_each(|refusal| self.refused(now_ms, refusal));
        taken > 0
    }

    pub(super) fn refused(&mut self, now_ms: u64, refusal: &Refusal) {
        let tunnel = refusal.tunnel(&self.config);
        // A data plane that starts has not been told the peers when the first packets come, or tells of a packet from
        // before the registration: who is registered now is not to be blamed.
        let registered = || tunnel.is_some_and(|tunnel| self.state.peers.id(tunnel, refusal.nbma).is_some());
        if refusal.reason == DropReason::UnknownPeer && registered() {
            return;
        }
        let refused = nhrp::Refused { reason: refusal.reason.name(), local: refusal.local, key: refusal.key };
        self.server.refused(now_ms, tunnel, refusal.nbma, refused);
        if let Some(held) = self.refusals.pass(now_ms, (refusal.reason as u8, refusal.nbma)) {
            let more = if held > 0 { format!(" ({held} more reports left out)") } else { String::new() };
            tracing::warn!("%TUN-4-REFUSED: {}{more}", refusal.text(&self.config));
        }
    }
}
