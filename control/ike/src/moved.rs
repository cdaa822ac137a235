//! Where a peer is (RFC 7296 2.23).

use crate::counters::Count;
use crate::cx::Cx;
use crate::ike_sa::{IkeSa, Phase};
use crate::{Action, Encapsulation, Host, LogKind, Path, Responder, SaId};
use std::net::Ipv4Addr;

impl Responder {
    /// An authentic and fresh IKE message came by `path`: the peer is there now.
    pub(crate) fn follow(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, path: &Path) {
        if *path == sa.path {
            return;
        }
        let from = std::mem::replace(&mut sa.path, *path);
        if matches!(sa.phase, Phase::HalfOpen(_)) {
            // The peer floats to port 4500 with IKE_AUTH.
            return;
        }
        self.tell_moved(sa, cx, from);
    }

    fn tell_moved(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, from: Path) {
        let Some(session) = sa.session().filter(|session| self.sessions.spi(*session) == Some(sa.ours()))
        else {
            return;
        };
        self.counters.add(Count::Moved);
        sa.dirty = true;
        sa.log(cx, LogKind::Moved { from });
        let (path, encapsulation) = (sa.path, sa.encapsulation());
        cx.actions.push(Action::SessionMoved { session, path, encapsulation });
    }

    /// The data plane saw an authentic and fresh packet of a child SA come from elsewhere. `port`: in UDP, from this
    /// port.
    pub fn moved(
        &mut self,
        now_ms: u64,
        sa: SaId,
        remote: Ipv4Addr,
        port: Option<u16>,
        host: &mut impl Host,
        actions: &mut Vec<Action>,
    ) {
        let cx = &mut Cx { now: now_ms, host, actions };
        let Some(mut ike) = self.slots.get(&sa).copied().and_then(|spi| self.sas.remove(&spi)) else {
            return;
        };
        if ike.is_established() && ike.child(sa).is_some() {
            let from = ike.path;
            ike.path.remote.0 = remote;
            // IKE and ESP in UDP have one mapping in a NAT. Who sends in UDP though nothing stands between is free to.
            if let (Encapsulation::Udp(_), Some(port)) = (ike.encapsulation(), port) {
                ike.path.remote.1 = port;
            }
            if ike.path != from {
                self.tell_moved(&mut ike, cx, from);
            }
        }
        self.put(ike, cx);
    }

    /// The data plane cannot send with this child SA (its counter is not armed, or is used up): it is rekeyed.
    pub fn exhausted(&mut self, now_ms: u64, sa: SaId, host: &mut impl Host, actions: &mut Vec<Action>) {
        let cx = &mut Cx { now: now_ms, host, actions };
        let Some(mut ike) = self.slots.get(&sa).copied().and_then(|spi| self.sas.remove(&spi)) else {
            return;
        };
        if let Some(spi) = ike.child(sa).filter(|child| child.is_live()).map(|child| child.slot.spi)
            && !ike.ask.is_rekeying(spi)
        {
            ike.ask.want(crate::ask::Want::RekeyChild(spi));
        }
        self.put(ike, cx);
    }
}
