//! What a child SA that the peer asks for is going to be (RFC 7296 1.3.1, 2.9, 2.17).

use crate::child::{Child, Terms};
use crate::counters::Count;
use crate::crypto::{Nonces, Role, Secret};
use crate::cx::Cx;
use crate::followup::Coming;
use crate::ike_sa::IkeSa;
use crate::offer::{self, Offer};
use crate::report::Trouble;
use crate::selection::{EspChoice, NoChoice, Pfs, choose_esp};
use crate::selectors::{self, Ends};
use crate::{Cause, ModePolicy, Responder, Slot};
use wire::ike::{
    Chain, KeyExchangeId, NotifyType, ParseError, PayloadType, Payloads, ProposalSpec, Protocol,
};

/// Child SAs of one IKE SA: two that take turns, and what a peer that goes mad adds.
pub(crate) const MAX_CHILDREN: usize = 8;

/// A child SA that can be made.
pub(crate) struct Wish {
    pub(crate) choice: EspChoice,
    pub(crate) ends: Ends,
    pub(crate) transport: bool,
}

/// Why one cannot: what the peer hears, and what the operator does.
pub(crate) struct Refusal {
    pub(crate) notify: NotifyType,
    pub(crate) data: Vec<u8>,
    pub(crate) trouble: Trouble,
}

impl Refusal {
    pub(crate) fn new(notify: NotifyType, cause: Cause, text: impl Into<String>) -> Self {
        Self { notify, data: Vec::new(), trouble: Trouble::new(cause, text) }
    }

    pub(crate) fn emit(&self, chain: &mut Chain) {
        chain.status(self.notify, &self.data);
    }
}

impl Wish {
    /// What the answer says: mode, proposal, nonce and KE of CREATE_CHILD_SA, selectors.
    pub(crate) fn emit(&self, chain: &mut Chain, slot: Slot, created: Option<(&[u8], Option<&[u8]>)>) {
        if self.transport {
            chain.status(NotifyType::UseTransportMode, &[]);
        }
        let transforms = self.choice.transforms();
        let spec = ProposalSpec {
            number: self.choice.number,
            protocol: Protocol::Esp,
            spi: &slot.spi.to_be_bytes(),
            transforms: &transforms,
        };
        chain.security_association(&[spec]);
        if let Some((nonce, public)) = created {
            chain.nonce(nonce);
            if let Some((public, group)) = public.zip(self.choice.group) {
                chain.key_exchange(KeyExchangeId(group.id()), public);
            }
        }
        chain.selectors(PayloadType::SelectorsInitiator, &[self.ends.remote_selector()]);
        chain.selectors(PayloadType::SelectorsResponder, &[self.ends.local_selector()]);
    }
}

impl Responder {
    /// Looks at what the peer asks for. `Err`: malformed.
    pub(crate) fn examine(
        &self,
        sa: &IkeSa,
        payloads: &Payloads<'_>,
        pfs: Pfs,
    ) -> Result<Result<Wish, Refusal>, ParseError> {
        let theirs = payloads.selectors(PayloadType::SelectorsInitiator)?;
        let ours = payloads.selectors(PayloadType::SelectorsResponder)?;
        let (Some(offered), Some(theirs), Some(ours)) = (payloads.security_association()?, theirs, ours)
        else {
            let kind = PayloadType::SelectorsInitiator;
            return Err(ParseError::BodyTruncated { kind, have: 0, need: 1 });
        };
        let offers = Offer::all(&offered);
        let Some((index, protection)) = self.protection(sa.path.local.0) else {
            return Ok(Err(Refusal::new(NotifyType::NoProposalChosen, Cause::EspProposal, "no protection")));
        };
        let Some((wanted, words)) = self.settings.esp.get(index) else {
            return Ok(Err(Refusal::new(NotifyType::NoProposalChosen, Cause::EspProposal, "no protection")));
        };
        let choice = match choose_esp(wanted, &offers, pfs) {
            Ok(choice) => choice,
            Err(miss) => {
                let offered = offer::describe(&offers);
                let (cause, what) = match miss {
                    NoChoice::Algorithms => (Cause::EspProposal, "no common ESP proposal"),
                    NoChoice::Group => (Cause::Pfs, "no common key exchange for perfect forward secrecy"),
                };
                let text = format!("{what}: offered {offered}; wanted {words}");
                return Ok(Err(Refusal::new(NotifyType::NoProposalChosen, cause, text)));
            }
        };
        if let Pfs::Sent(sent) = pfs
            && choice.group.map(crate::crypto::Group::id) != sent
        {
            return Ok(Err(wrong_group(&choice)));
        }
        let transport =
            payloads.notifies().flatten().any(|notify| notify.kind == NotifyType::UseTransportMode);
        if let Some(refusal) = wrong_mode(protection.mode, transport) {
            return Ok(Err(refusal));
        }
        let Some(ends) = Ends::narrow(&theirs, &ours, transport, sa.nat, &sa.path) else {
            let (theirs, ours) = (selectors::describe(&theirs), selectors::describe(&ours));
            let (remote, local) = (sa.path.remote.0, sa.path.local.0);
            let text = format!(
                "traffic selectors are not GRE between two hosts: offered {theirs} to {ours}; wanted 47 {remote} to 47 \
                 {local}"
            );
            return Ok(Err(Refusal::new(NotifyType::TsUnacceptable, Cause::Selectors, text)));
        };
        Ok(Ok(Wish { choice, ends, transport }))
    }

    /// A slot for it.
    pub(crate) fn room(&mut self, sa: &IkeSa, cx: &mut Cx<'_>) -> Result<Slot, Refusal> {
        let coming = sa.serve.followup.as_ref();
        let coming = coming.is_some_and(|followup| matches!(followup.what, Coming::Child { .. }));
        if sa.children.len() + usize::from(coming) >= MAX_CHILDREN {
            self.counters.add(Count::ChildrenFull);
            return Err(full("too many child SAs of this peer"));
        }
        cx.host.allocate().ok_or_else(|| {
            self.counters.add(Count::ChildrenFull);
            full("no slot left for a child SA")
        })
    }

    /// Makes it, in a slot that is released if that cannot be. Nothing is installed yet.
    pub(crate) fn grant(
        &mut self,
        sa: &IkeSa,
        cx: &mut Cx<'_>,
        wish: &Wish,
        slot: Slot,
        nonces: Nonces<'_>,
        shared: &[Secret],
    ) -> Result<Child, Refusal> {
        let lifetimes = self.protection(sa.path.local.0).map(|(_, protection)| protection.lifetimes);
        let choice = &wish.choice;
        let terms = Terms {
            ends: wish.ends,
            transport: wish.transport,
            esn: choice.esn == Some(true),
            encryption: choice.encryption,
            integrity: choice.integrity,
            group: choice.group,
            additional: choice.additional(),
        };
        let made = sa.child_keys(&terms, shared, nonces).zip(lifetimes).and_then(|(keys, lifetimes)| {
            Child::new(cx, (slot, choice.spi), terms, &keys, Role::Responder, lifetimes)
        });
        made.ok_or_else(|| {
            cx.host.release(slot.sa);
            full("no key material")
        })
    }
}

impl IkeSa {
    /// Whether a child SA has a limit that only looking tells of.
    pub(crate) fn needs_sampling(&self) -> bool {
        self.children.iter().any(|child| child.has_outbound() && child.hard.is_limited())
    }
}

fn full(text: &str) -> Refusal {
    Refusal::new(NotifyType::NoAdditionalSas, Cause::Full, text)
}

/// INVALID_KE_PAYLOAD with the group that would do; nothing to name if the peer should have sent none.
fn wrong_group(choice: &EspChoice) -> Refusal {
    match choice.group {
        Some(group) => {
            let text =
                format!("the peer sent another key exchange than {}, which it offered too", group.name());
            let mut refusal = Refusal::new(NotifyType::InvalidKePayload, Cause::Pfs, text);
            refusal.data = group.id().to_be_bytes().to_vec();
            refusal
        }
        None => Refusal::new(
            NotifyType::NoProposalChosen,
            Cause::Pfs,
            "the peer wants perfect forward secrecy, which is not configured",
        ),
    }
}

fn wrong_mode(policy: ModePolicy, transport: bool) -> Option<Refusal> {
    let text = match (policy, transport) {
        (ModePolicy::Transport, false) => "the peer wants tunnel mode; wanted is transport mode",
        (ModePolicy::Tunnel, true) => "the peer wants transport mode; wanted is tunnel mode",
        _ => return None,
    };
    Some(Refusal::new(NotifyType::NoProposalChosen, Cause::Mode, text))
}
