//! What follows when overlay routes change: whoever was told otherwise hears a purge (RFC 2332 5.2.5).

use crate::cache::Slot;
use crate::locate::Place;
use crate::{Action, Overlay, Server, TunnelId};
use std::net::Ipv4Addr;

impl Server {
    /// Overlay routes of this prefix changed.
    pub fn routes_changed(
        &mut self,
        now_ms: u64,
        prefix: Ipv4Addr,
        len: u8,
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        for key in self.answers.overlapping(prefix, len) {
            self.recheck_answer(now_ms, key, overlay, actions);
        }
        for (about, len, slot) in self.cache.told_about(prefix, len) {
            self.recheck_binding(now_ms, slot, (about, len), overlay, actions);
        }
    }

    /// An answer given for the hub itself.
    fn recheck_answer(
        &mut self,
        now_ms: u64,
        key: (Ipv4Addr, u8, TunnelId),
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        let (prefix, len, tunnel) = key;
        let holds = |place: Place| matches!(place, Place::Behind { prefix_len } if prefix_len <= len);
        if self.places(tunnel, prefix, overlay).into_iter().any(holds) {
            return;
        }
        let Some(answer) = self.answers.take(key) else { return };
        let hub = self.tunnel(tunnel).map(|tunnel| tunnel.nbma);
        for requester in &answer.requesters {
            self.purge_requester(now_ms, requester, hub, actions);
        }
    }

    /// Answers about what is behind a spoke: of the hub, which purges them when they are no longer true; and of the
    /// spoke, which are left alone until the address is somewhere else. A route that is merely gone says little: the
    /// hub's routing daemon may have been started again, and a shortcut outlives that.
    fn recheck_binding(
        &mut self,
        now_ms: u64,
        slot: Slot,
        (prefix, len): (Ipv4Addr, u8),
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        let Some(binding) = self.cache.get(slot).map(|entry| entry.binding) else { return };
        let places = self.places(binding.tunnel, prefix, overlay);
        let holds = |place: &Place| matches!(place, Place::Spoke { slot: at, prefix_len } if *at == slot && *prefix_len <= len);
        if places.iter().any(holds) {
            return;
        }
        let elsewhere = places.iter().any(|place| *place != Place::Nowhere);
        let told = self.cache.take_told(slot, prefix, len, |requester| elsewhere || !requester.passed_on);
        self.purge_requesters(now_ms, &binding, told, actions);
    }
}
