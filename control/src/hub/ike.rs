//! What the IKE responder is told, and what it wants done.

use super::{Hub, SECOND};
use crate::ike::rows::encapsulation;
use crate::ike::silence;
use crate::outbox::Parcel;
use crate::state::Carrier;
use crate::words;
use config::model::Persist;
use ike::{Action, ChildInbound, ChildOutbound, Direction, Encapsulation, Path, SessionId, SessionUp};
use shm::message::SaId;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Results of tasks taken in one turn.
const OUTCOMES_PER_TURN: usize = 256;

impl Hub {
    /// Takes what the threads have computed, and does what is due; `true`: there was something.
    pub(super) fn turn_ike(&mut self, now_ms: u64) -> bool {
        let Some(ike) = &mut self.ike else { return false };
        let segment = self.plane.as_ref().map(|plane| &plane.segment);
        let inbound = &self.state.sync.inbound;
        let mut taken = 0;
        while taken < OUTCOMES_PER_TURN
            && let Some(outcome) = ike.pool.finished()
        {
            taken += 1;
            ike.with(segment, inbound, |responder, process, actions| {
                responder.computed(now_ms, outcome, process, actions);
            });
        }
        if ike.responder.next_deadline().is_some_and(|deadline| deadline <= now_ms) {
            ike.with(segment, inbound, |responder, process, actions| {
                responder.tick(now_ms, process, actions);
            });
        }
        taken > 0
    }

    /// Carries out what the responder wants done.
    pub fn act_ike(&mut self, now_ms: u64) {
        let actions = self.ike.as_mut().map(|ike| std::mem::take(&mut ike.actions)).unwrap_or_default();
        for action in actions {
            match action {
                Action::Send { path, datagram } => self.outbox.push(now_ms, Parcel::Ike { path, datagram }),
                Action::Compute(task) => {
                    if let Some(ike) = &mut self.ike {
                        ike.pool.submit(task);
                    }
                }
                Action::Inbound(child) => self.install_inbound(now_ms, &child),
                Action::Outbound(child) => self.install_outbound(now_ms, &child),
                Action::Use { session, sa } => {
                    if let Some(carrier) = self.state.carrier(session).copied() {
                        self.state.carry(session, Some(Carrier { sa, ..carrier }));
                    }
                }
                Action::Remove { sa, direction } => self.remove_sa(sa, direction),
                Action::SessionUp(up) => self.session_up(now_ms, up),
                Action::SessionMoved { session, path, encapsulation } => {
                    self.session_moved(now_ms, session, path, encapsulation);
                }
                Action::SessionDown { session, why } => {
                    self.state.carry(session, None);
                    let gone = self.ike.as_mut().and_then(|ike| ike.sessions.down(session));
                    gone.iter().for_each(|gone| words::crypto_socket(&self.config, &gone.path, false));
                    self.server.session_gone(now_ms, session, why.text(), &mut self.actions);
                }
                Action::Changed(session) => self.ike.iter_mut().for_each(|ike| ike.vault.changed(session)),
                Action::Log(event) => words::ike(&event),
            }
        }
    }

    fn session_up(&mut self, now_ms: u64, up: SessionUp) {
        let Some(ike) = &mut self.ike else { return };
        let (session, path, encapsulation) = (up.session, up.path, up.encapsulation);
        if up.replaces {
            // What was learnt from its earlier IKE SA stays; where it is now may be elsewhere.
            ike.sessions.up(now_ms, up);
            return self.session_moved(now_ms, session, path, encapsulation);
        }
        if !up.restored {
            words::crypto_socket(&self.config, &path, true);
        }
        ike.sessions.up(now_ms, up);
        let carrier = Carrier { nbma: path.remote.0, udp: udp(encapsulation), sa: None };
        self.state.carry(session, Some(carrier));
    }

    fn session_moved(&mut self, now_ms: u64, session: SessionId, path: Path, travels: Encapsulation) {
        let Some(ike) = &mut self.ike else { return };
        let Some(known) = ike.sessions.get_mut(session) else { return };
        (known.path, known.encapsulation) = (path, travels);
        let (nbma, (udp, encap)) = (path.remote.0, encapsulation(travels));
        for sa in &known.sas {
            self.state.sync.inbound.change(*sa, |row| (row.nbma, row.udp, row.encap) = (nbma, udp, encap));
        }
        let sa = self.state.carrier(session).and_then(|carrier| carrier.sa);
        self.state.carry(session, Some(Carrier { nbma, udp, sa }));
        self.server.session_moved(now_ms, session, nbma, &mut self.actions);
    }

    fn install_inbound(&mut self, now_ms: u64, child: &ChildInbound) {
        let Some(ike) = &mut self.ike else { return };
        // Before the outbound half is offered: a key is used with the counter that was armed for it, or not at all.
        if !child.restored
            && let Some(plane) = &self.plane
        {
            plane.segment.arm(child.sa, child.tag);
        }
        let Some(row) = ike.profiles.inbound(child) else {
            return self.complain(now_ms, "a child SA was negotiated that the dataplane does not know");
        };
        if let Some(session) = ike.sessions.get_mut(child.session) {
            session.sas.insert(child.sa);
        }
        self.state.sync.inbound.set(child.sa, Some(row));
    }

    fn install_outbound(&mut self, now_ms: u64, child: &ChildOutbound) {
        let Some(ike) = &mut self.ike else { return };
        let local = self.state.sync.inbound.get(&child.sa).map(|inbound| inbound.local);
        let Some(row) = ike.profiles.outbound(child, local) else {
            return self.complain(now_ms, "a child SA was negotiated that the dataplane does not know");
        };
        self.state.sync.outbound.set(child.sa, Some(row));
    }

    fn remove_sa(&mut self, sa: SaId, direction: Direction) {
        let Some(ike) = &mut self.ike else { return };
        match direction {
            Direction::Outbound => self.state.sync.outbound.set(sa, None),
            Direction::Inbound => {
                let session = self.state.sync.inbound.get(&sa).map(|inbound| inbound.session);
                let session = session.and_then(|session| ike.sessions.get_mut(session));
                if let Some(session) = session {
                    session.sas.remove(&sa);
                }
                self.state.sync.inbound.set(sa, None);
                self.state.sync.outbound.set(sa, None);
                ike.slots.retire(sa);
            }
        }
    }

    /// The data plane refuses to send with SAs whose counters are not there (the segment is another one): has them made
    /// anew.
    pub(super) fn exhaust_unarmed(&mut self, now_ms: u64) {
        let (Some(ike), Some(plane)) = (&mut self.ike, &self.plane) else { return };
        let sync = &self.state.sync;
        let unarmed = |(sa, tag)| plane.segment.sa(sa).is_none_or(|cells| !cells.outbound.is_armed(tag));
        let rows = sync.outbound.iter().map(|(sa, row)| (*sa, row.tag));
        let lost: Vec<SaId> = rows.filter(|row| unarmed(*row)).map(|(sa, _)| sa).collect();
        if lost.is_empty() {
            return;
        }
        tracing::warn!(
            "{} child SAs have lost their counters with the segment: negotiating new ones",
            lost.len()
        );
        for sa in lost {
            ike.with(Some(&plane.segment), &sync.inbound, |responder, process, actions| {
                responder.exhausted(now_ms, sa, process, actions);
            });
        }
    }

    /// Takes back the sessions of an earlier life of this process.
    pub(super) fn restore_sessions(&mut self, now_ms: u64) {
        let Some(ike) = &mut self.ike else { return crate::ike::forget(&self.config) };
        let run_dir = self.config.hub.run_dir.display();
        match (ike.vault.is_in_memory(), self.config.ike.persist_sessions) {
            (true, _) => {}
            (false, Persist::Always) => {
                tracing::warn!("{run_dir} is on a disk, and so are the keys of all sessions, as configured");
            }
            (false, Persist::Tmpfs) => {
                tracing::warn!(
                    "{run_dir} is on a disk, where keys do not belong: IKE sessions end with this process. Put run-dir \
                     on a tmpfs, or set persist-sessions = \"always\" in [ike]"
                );
                return ike.vault.close().unwrap_or_else(|error| tracing::error!("sessions: {error}"));
            }
        }
        let contents = match ike.vault.read() {
            Ok(contents) => contents,
            Err(error) => {
                return tracing::error!("sessions: {error}: spokes will negotiate anew");
            }
        };
        if contents.lost > 0 {
            tracing::warn!("sessions: the last {} octets are torn and were left out", contents.lost);
        }
        let segment = self.plane.as_ref().map(|plane| &plane.segment);
        let (mut back, mut lost) = (0, 0);
        for exported in contents.sessions() {
            let restored = ike.with(segment, &self.state.sync.inbound, |responder, process, actions| {
                responder.restore(now_ms, exported, process, actions)
            });
            match restored {
                Some(_) => back += 1,
                None => lost += 1,
            }
        }
        if back + lost > 0 {
            tracing::info!("{back} IKE sessions taken over, {lost} not");
        }
        self.act_ike(now_ms);
    }

    /// Writes what changed about sessions: before the messages that follow from it leave.
    pub(super) fn write_vault(&mut self, now_ms: u64) {
        let Some(ike) = &mut self.ike else { return };
        if now_ms < self.vault_again_ms {
            return;
        }
        let (sessions, responder) = (&ike.sessions, &ike.responder);
        let live = || sessions.iter().map(|(session, _)| session).collect();
        if let Err(error) = ike.vault.flush(live, |session| responder.export(session)) {
            self.vault_again_ms = now_ms + SECOND;
            self.complain(now_ms, &format!("sessions: {error}"));
        }
    }

    /// Names peers whose ESP does not arrive.
    pub(super) fn blame_silence(&mut self, now_ms: u64) {
        let Some(ike) = &mut self.ike else { return };
        let segment = self.plane.as_ref().map(|plane| &plane.segment);
        for session in silence::look(now_ms, &mut ike.sessions, segment, &self.state.sync.inbound) {
            let Some(session) = ike.sessions.get(session) else { continue };
            // A path that breaks for many is one trouble: the others are in `show dmvpn why`.
            if let Some(held) = self.refusals.pass(now_ms, (u8::MAX, session.path.remote.0)) {
                words::esp_blocked(session, held);
            }
        }
    }

    /// Deletes IKE sessions, and tells the peers; gives how many.
    pub fn clear_sessions(&mut self, now_ms: u64, which: ike::Clear) -> usize {
        let Some(ike) = &mut self.ike else { return 0 };
        let segment = self.plane.as_ref().map(|plane| &plane.segment);
        let count = ike.with(segment, &self.state.sync.inbound, |responder, process, actions| {
            responder.clear(now_ms, which, process, actions)
        });
        self.act_ike(now_ms);
        self.act(now_ms);
        count
    }

    /// The sessions whose bindings an operator means: with `clear dmvpn` they begin anew too.
    pub fn sessions_of(&self, what: nhrp::Clear) -> BTreeSet<SessionId> {
        let bindings = self.server.bindings().filter(|binding| what.means(binding));
        bindings.filter_map(|binding| binding.session).collect()
    }

    /// Whether a binding of before the restart still has its session.
    pub(super) fn admits(&self, tunnel: usize, session: Option<SessionId>) -> bool {
        let protected =
            self.config.tunnel.get(tunnel).is_some_and(|t| self.config.protection_of(t).is_some());
        match session {
            Some(session) => protected && self.state.carrier(session).is_some(),
            None => !protected,
        }
    }

    /// An address is given up by the operator's wish: whoever comes next may have it.
    pub(super) fn unpin(&mut self, tunnel: u8, protocol: Ipv4Addr) {
        let Some(ike) = &mut self.ike else { return };
        if ike.claims.unpin(tunnel, protocol) {
            self.journal.append(&crate::journal::Record::Unpin(tunnel, protocol));
        }
    }
}

fn udp(travels: Encapsulation) -> Option<u16> {
    encapsulation(travels).0
}
