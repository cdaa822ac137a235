//! INFORMATIONAL: liveness, deletes (RFC 7296 1.4, 2.4).

use crate::ask::{Purpose, Want};
use crate::auth::KEEP_MS;
use crate::child::ChildState;
use crate::cx::Cx;
use crate::ike_sa::{IkeSa, Phase};
use crate::initiator::RETRY_MS;
use crate::report::Trouble;
use crate::serve::Request;
use crate::{Cause, Responder, WhyDown};
use wire::ike::{Chain, Delete, Exchange, NotifyType, ParseError, PayloadType, Payloads, Protocol};

impl Responder {
    /// The peer's. An empty one asks whether we live, and gets an empty answer.
    pub(crate) fn informational(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
    ) -> Result<(), ParseError> {
        let mut deletes = Vec::new();
        for payload in payloads.all(PayloadType::Delete) {
            deletes.push(check_delete(Delete::parse(payload.body)?)?);
        }
        for notify in payloads.notifies() {
            let notify = notify?;
            if notify.kind.is_error() {
                // What it complains of is in the past; INITIATE notices and Cisco's private ones are no errors.
                let text = format!("the peer reports {}", notify.kind);
                self.failed_sa(cx, sa, Trouble::new(Cause::Rejected, text));
            }
        }
        if deletes.iter().any(|delete| delete.protocol == Protocol::Ike) {
            self.respond(sa, cx, request, &Chain::new());
            self.adopt_rival(sa, cx);
            self.end_session(sa, cx, WhyDown::Deleted);
            self.close(sa, cx, KEEP_MS);
            return Ok(());
        }
        let mut ours = Vec::new();
        for spi in deletes.iter().filter(|delete| delete.protocol == Protocol::Esp).flat_map(Delete::spis) {
            ours.extend(self.delete_child(sa, cx, spi));
        }
        let mut chain = Chain::new();
        if !ours.is_empty() {
            chain.delete_esp(&ours);
        }
        self.respond(sa, cx, request, &chain);
        Ok(())
    }

    /// The peer no longer receives with this SPI. Our SPI of the pair goes into the answer, unless we have asked for the
    /// same at the same time (RFC 7296 1.4.1).
    fn delete_child(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, spi_out: u32) -> Option<u32> {
        let child = sa.child_by_peer(spi_out)?;
        let (id, spi, state) = (child.slot.sa, child.slot.spi, child.state);
        sa.retire(cx, id, true);
        (state != ChildState::Deleting).then_some(spi)
    }

    /// An answer to a request of ours.
    pub(crate) fn answered(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        exchange: Exchange,
        first: PayloadType,
        inner: &[u8],
    ) {
        let Some(pending) = sa.ask.pending.take() else { return };
        sa.dirty = true;
        let payloads = match Payloads::parse(first, inner) {
            Ok(payloads) if payloads.unknown_critical().is_none() => payloads,
            Ok(_) => return self.nonsense(sa, cx, exchange, "unknown critical payload".into()),
            Err(error) => return self.nonsense(sa, cx, exchange, error.to_string()),
        };
        self.count_notifies(&payloads);
        match pending.purpose {
            Purpose::Alive => {}
            Purpose::DeleteIke => self.drop_sa(sa, cx, WhyDown::Deleted),
            Purpose::DeleteChild(spi) => {
                let deleted = sa.child_by_spi(spi).filter(|child| child.state == ChildState::Deleting);
                if let Some(id) = deleted.map(|child| child.slot.sa) {
                    sa.retire(cx, id, true);
                }
            }
            Purpose::LostChild(spi) => {
                // If the peer has made it, it has to go again.
                if has_made(&payloads) {
                    sa.ask.want(Want::DeleteChild(spi));
                }
            }
            Purpose::LostIke => {
                if has_made(&payloads) {
                    self.delete_sa(sa, cx, WhyDown::NotRestored);
                }
            }
            Purpose::Venture => {
                if let Err(error) = self.venture_answered(sa, cx, &payloads) {
                    self.nonsense(sa, cx, exchange, error.to_string());
                }
            }
        }
    }

    /// An authentic answer that makes no sense: there is nobody to tell, so the IKE SA is deleted.
    fn nonsense(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, exchange: Exchange, error: String) {
        let text = format!("malformed answer to {exchange}: {error}");
        self.failed_sa(cx, sa, Trouble::new(Cause::Syntax, text));
        self.delete_sa(sa, cx, WhyDown::Syntax);
    }

    /// Makes the next request, if none is outstanding and there is one to make.
    pub(crate) fn pump(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        while sa.ask.is_idle() && !matches!(sa.phase, Phase::HalfOpen(_) | Phase::Closed { .. }) {
            let Some(want) = sa.ask.wants.pop_front() else { return };
            let mut chain = Chain::new();
            match want {
                Want::Alive => self.ask(sa, cx, Exchange::Informational, &chain, Purpose::Alive),
                Want::DeleteChild(spi) => {
                    chain.delete_esp(&[spi]);
                    self.ask(sa, cx, Exchange::Informational, &chain, Purpose::DeleteChild(spi));
                }
                Want::DeleteIke => {
                    chain.delete_ike();
                    self.ask(sa, cx, Exchange::Informational, &chain, Purpose::DeleteIke);
                }
                Want::RekeyChild(spi) if sa.is_established() => self.begin_child(sa, cx, spi, None),
                Want::RekeyIke if sa.is_established() && self.has_session(sa) => self.begin_ike(sa, cx, None),
                Want::RekeyIke if sa.is_established() => sa.clocks.rekey = Some(cx.now + RETRY_MS),
                Want::RekeyChild(_) | Want::RekeyIke => {}
            }
        }
    }
}

/// Whether an answer to CREATE_CHILD_SA or IKE_FOLLOWUP_KE says that the new SA is there: it grants something, and no
/// additional key exchange is to follow.
fn has_made(payloads: &Payloads<'_>) -> bool {
    let has = |kind| payloads.all(kind).next().is_some();
    let more = payloads.notifies().flatten().any(|notify| notify.kind == NotifyType::AdditionalKeyExchange);
    (has(PayloadType::Sa) || has(PayloadType::KeyExchange)) && !more
}

/// A delete names IKE without SPI, or AH or ESP with SPIs of four octets (RFC 7296 3.11).
fn check_delete(delete: Delete<'_>) -> Result<Delete<'_>, ParseError> {
    let sound = match delete.protocol {
        Protocol::Ike => delete.spi_size == 0 && delete.count == 0,
        Protocol::Ah | Protocol::Esp => delete.spi_size == 4,
        _ => false,
    };
    if sound {
        return Ok(delete);
    }
    Err(ParseError::DeleteLength { count: delete.count, size: delete.spi_size, have: 0 })
}
