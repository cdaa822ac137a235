//! Purge requests of others (RFC 2332 5.2.5, 5.2.6): an owner takes its binding back. What we take back is in
//! `withdraw`.

use crate::answers::overlap;
use crate::ingress::{Ingress, is_host, v4};
use crate::locate::Place;
use crate::reply::{Nat, Reply};
use crate::transit::Record;
use crate::{Action, DropReason, Kind, Overlay, Server, UnbindReason};
use wire::nhrp::{Cie, ErrorCode, Flags, PacketType};

impl Server {
    /// A purge request came in.
    pub(crate) fn purge_request(
        &mut self,
        ingress: &Ingress<'_>,
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        if !self.is_local(ingress) {
            return self.forward_purge(ingress, overlay, actions);
        }
        if self.refuse_unknown_extension(ingress, actions) {
            return;
        }
        let cies: Vec<Cie> = ingress.packet.cies().collect();
        // One entry about somebody else's binding, and nothing of the packet is done.
        if cies.iter().any(|cie| self.is_anothers(ingress, cie)) {
            return self.drop_packet(ingress, DropReason::PurgeDenied, actions);
        }
        for cie in &cies {
            self.purge_entry(ingress, cie, actions);
        }
        if ingress.packet.flags().has(Flags::NO_REPLY) {
            return;
        }
        // The same packet with its type changed, also when nothing matched (5.2.6).
        let reply = Reply {
            kind: PacketType::PurgeReply,
            flags: ingress.packet.flags().0,
            destination: ingress.destination,
            cies: &cies,
            responder_prefix: 32,
            nat: Nat::Copy(None),
        };
        self.reply(ingress, &reply, actions);
    }

    fn is_anothers(&self, ingress: &Ingress<'_>, cie: &Cie) -> bool {
        let protocol = cie.protocol.and_then(v4).unwrap_or(ingress.source);
        let bound = self.cache.binding(ingress.tunnel, protocol).filter(|_| is_host(cie.prefix_len));
        bound.is_some_and(|binding| !binding.station().is(&ingress.station))
    }

    /// Removes what the sender owns under one entry. An entry for a network without bindings comes from a spoke that
    /// tells of what is behind it (OpenNHRP): redirects about it may be sent again at once.
    fn purge_entry(&mut self, ingress: &Ingress<'_>, cie: &Cie, actions: &mut Vec<Action>) {
        let protocol = cie.protocol.and_then(v4).unwrap_or(ingress.source);
        let len = if is_host(cie.prefix_len) { 32 } else { cie.prefix_len };
        let named = cie.nbma.and_then(v4).filter(|nbma| !nbma.is_unspecified());
        let owned = self.cache.of(ingress.tunnel, ingress.station.owner()).to_vec();
        if !owned.is_empty() {
            self.redirects.forget(ingress.now_ms, protocol, len);
        }
        for slot in owned {
            let Some(binding) = self.cache.get(slot).map(|entry| entry.binding) else { continue };
            let matches = binding.kind == Kind::Dynamic
                && overlap(binding.protocol, 32, protocol, len)
                && named.is_none_or(|nbma| nbma == binding.nbma || nbma == binding.claimed);
            if matches {
                self.unbind(ingress.now_ms, slot, UnbindReason::Purged, actions);
            }
        }
    }

    /// A purge for another station is passed on like a request, if it speaks for who sends it.
    fn forward_purge(&mut self, ingress: &Ingress<'_>, overlay: &impl Overlay, actions: &mut Vec<Action>) {
        if !self.admit_peer(ingress, actions) {
            return;
        }
        let bound = self.cache.binding(ingress.tunnel, ingress.source);
        if bound.is_some_and(|binding| !binding.station().is(&ingress.station)) {
            return self.drop_packet(ingress, DropReason::PurgeDenied, actions);
        }
        match self.locate(ingress, ingress.destination, overlay) {
            Place::Spoke { slot, .. } => {
                self.forward(ingress, slot, Record::Forward, None, actions);
            }
            _ => {
                self.send_error(ingress, ErrorCode::ProtocolAddressUnreachable, 0, actions);
                self.drop_packet(ingress, DropReason::NoRoute, actions);
            }
        }
    }
}
