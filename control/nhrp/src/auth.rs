//! Authentication (RFC 2332 5.3.4): every packet of every type, error indications included, carries the tunnel's
//! password or is dropped. One exemption would let anyone pass by lying about the type.

use crate::ingress::Ingress;
use crate::{Action, DropReason, Failure, LogKind, Server};
use wire::nhrp::{ErrorCode, ExtensionType};

impl Server {
    /// Whether the packet may be looked at. Of a packet refused nothing but a counter, a record of the failure, a log
    /// event and an error indication results, all limited.
    pub(crate) fn authenticate(&mut self, ingress: &Ingress<'_>, actions: &mut Vec<Action>) -> bool {
        // None configured: one received is ignored, as Cisco does.
        let ours = self.tunnel(ingress.tunnel).and_then(|tunnel| tunnel.authentication.as_ref());
        let Some(ours) = ours else { return true };
        let theirs = ingress.packet.authentication();
        if theirs.is_some_and(|theirs| theirs.matches(ours.password())) {
            return true;
        }
        let missing = theirs.is_none();
        let failure = if missing { Failure::AuthenticationMissing } else { Failure::AuthenticationWrong };
        let kind = LogKind::AuthenticationFailed { packet_type: ingress.kind() as u8, missing };
        self.note(ingress, failure);
        self.log(ingress.now_ms, ingress.tunnel, ingress.station, Some(ingress.source), kind, actions);
        self.count(ingress.tunnel, |counters| counters.drops[DropReason::Authentication as usize] += 1);
        let offset = ingress.offset_of(ExtensionType::Authentication);
        self.send_error(ingress, ErrorCode::AuthenticationFailure, offset, actions);
        false
    }
}
