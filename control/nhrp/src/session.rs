//! An authenticated peer that moved, or is gone (IPsec tells; in the clear nobody does).

use crate::{Action, Binding, Change, Kind, LogKind, Owner, Server, Session, TunnelId, UnbindReason};
use std::net::Ipv4Addr;

impl Server {
    /// A peer has another NBMA address now (its NAT gave it one, or it roams). What it registered goes with it, and
    /// who was told the old address hears a purge.
    pub fn session_moved(
        &mut self,
        now_ms: u64,
        session: Session,
        nbma: Ipv4Addr,
        actions: &mut Vec<Action>,
    ) {
        for slot in self.slots_of(session) {
            let Some(old) = self.cache.get(slot).map(|entry| entry.binding) else { continue };
            if old.nbma == nbma || old.kind == Kind::Static {
                continue;
            }
            let binding = Binding { nbma, created_ms: now_ms, ..old };
            self.cache.put(binding);
            actions.push(Action::Bind { binding, change: Change::Moved { from: old.nbma } });
            let kind = LogKind::Moved { from: old.nbma };
            self.log(now_ms, binding.tunnel, binding.station(), Some(binding.protocol), kind, actions);
            let told = self.cache.take_requesters(slot);
            self.purge_requesters(now_ms, &old, told, actions);
        }
    }

    /// A peer is gone: what it registered ends. Static maps wait for their peer again.
    pub fn session_gone(
        &mut self,
        now_ms: u64,
        session: Session,
        why: &'static str,
        actions: &mut Vec<Action>,
    ) {
        for slot in self.slots_of(session) {
            let Some(old) = self.cache.get(slot).map(|entry| entry.binding) else { continue };
            if old.kind == Kind::Static {
                let binding = Binding { session: None, ..old };
                self.cache.put(binding);
                actions.push(Action::Bind { binding, change: Change::Updated });
            } else {
                self.unbind(now_ms, slot, UnbindReason::Session(why), actions);
            }
        }
    }

    /// Entries of a peer on all tunnels.
    fn slots_of(&self, session: Session) -> Vec<u32> {
        let tunnels: Vec<TunnelId> = self.config.tunnels.iter().map(|tunnel| tunnel.id).collect();
        let slots = tunnels.iter().flat_map(|tunnel| self.cache.of(*tunnel, Owner::Session(session)));
        slots.copied().collect()
    }
}
