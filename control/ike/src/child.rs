//! One child SA, and how it is made and removed.

use crate::crypto::{ChildKeys, Encryption, Group, Integrity, Role, Secret};
use crate::cx::Cx;
use crate::esp_keys::{EspIntegrity, EspTransform};
use crate::ike_sa::IkeSa;
use crate::offer::kind;
use crate::selectors::Ends;
use crate::{
    Action, ChildInbound, ChildOutbound, ChildView, Direction, EspKeys, Lifetimes, LogKind, Mode, SaId, Slot,
    Usage,
};
use std::num::NonZeroU64;

/// The inbound half of a child SA that was replaced or deleted stays so long, for packets under way.
pub(crate) const LINGER_MS: u64 = 5000;
/// A new child SA that the peer made is sent with after this time, if it was not heard on before.
pub(crate) const SWITCH_MS: u64 = 5000;

/// A child SA: both halves.
pub(crate) struct Child {
    pub(crate) slot: Slot,
    /// SPI that we send with.
    pub(crate) spi_out: u32,
    pub(crate) tag: NonZeroU64,
    pub(crate) terms: Terms,
    pub(crate) keys_in: EspKeys,
    pub(crate) keys_out: EspKeys,
    pub(crate) state: ChildState,
    pub(crate) made_ms: u64,
    /// We rekey it.
    pub(crate) rekey_ms: Option<u64>,
    /// It is deleted, if it could not be rekeyed.
    pub(crate) end_ms: Option<u64>,
    /// We rekey it after so much in either direction.
    pub(crate) soft: Volume,
    /// It ends after so much, if it could not be rekeyed (RFC 4301 4.4.2.1).
    pub(crate) hard: Volume,
    /// It was made by the peer and is to be sent with when something was heard on it, and at the latest then.
    pub(crate) switch_ms: Option<u64>,
}

/// What a child SA may carry in either direction; 0: unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) octets: u64,
    pub(crate) packets: u64,
}

impl Volume {
    pub(crate) fn is_limited(self) -> bool {
        self.octets > 0 || self.packets > 0
    }

    /// Whether it is used up.
    pub(crate) fn is_reached(self, used: &Usage) -> bool {
        let over = |limit: u64, used: [u64; 2]| limit > 0 && used.into_iter().any(|used| used >= limit);
        over(self.octets, [used.octets_in, used.octets_out])
            || over(self.packets, [used.packets_in, used.packets_out])
    }

    pub(crate) fn times(self, factor: u64) -> Self {
        Self { octets: self.octets.saturating_mul(factor), packets: self.packets.saturating_mul(factor) }
    }

    /// One part of so many.
    pub(crate) fn part(self, of: u64) -> Self {
        Self { octets: self.octets / of.max(1), packets: self.packets / of.max(1) }
    }
}

/// How far a child SA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildState {
    /// In use, or ready to be.
    Live,
    /// Another took its place; whoever made that deletes this.
    Replaced,
    /// We asked the peer to delete it.
    Deleting,
    /// Deleted; its inbound half stays for a while.
    Lingering { until_ms: u64 },
}

/// What both sides agree on, but for keys and SPIs.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) ends: Ends,
    pub(crate) transport: bool,
    pub(crate) esn: bool,
    pub(crate) encryption: Encryption,
    pub(crate) integrity: Option<Integrity>,
    /// Key exchange that it is made with.
    pub(crate) group: Option<Group>,
    /// Additional ones, with their transform types.
    pub(crate) additional: Vec<(u8, Group)>,
}

impl Child {
    /// Keys are cut from the IKE SA's; `role` is ours in the exchange that makes the child SA.
    pub(crate) fn new(
        cx: &mut Cx<'_>,
        (slot, spi_out): (Slot, u32),
        terms: Terms,
        keys: &ChildKeys,
        role: Role,
        lifetimes: Lifetimes,
    ) -> Option<Self> {
        let transform = esp_transform(terms.encryption, terms.integrity)?;
        let initiator = EspKeys::new(transform, keys.initiator.expose())?;
        let responder = EspKeys::new(transform, keys.responder.expose())?;
        let (keys_out, keys_in) = match role {
            Role::Initiator => (initiator, responder),
            Role::Responder => (responder, initiator),
        };
        let second = |seconds: u64| seconds.saturating_mul(1000);
        let rekey_ms = (lifetimes.seconds > 0).then(|| cx.now + cx.lowered(second(lifetimes.seconds)));
        let grace = (lifetimes.seconds / 10).clamp(5, 60);
        let end_ms = (lifetimes.seconds > 0).then(|| cx.now + second(lifetimes.seconds + grace));
        Some(Self {
            slot,
            spi_out,
            tag: cx.tag(),
            terms,
            keys_in,
            keys_out,
            state: ChildState::Live,
            made_ms: cx.now,
            rekey_ms,
            end_ms,
            soft: Volume { octets: cx.lowered(lifetimes.octets), packets: cx.lowered(lifetimes.packets) },
            hard: lifetimes.hard(),
            switch_ms: None,
        })
    }

    pub(crate) fn is_live(&self) -> bool {
        self.state == ChildState::Live
    }

    /// It has an outbound half.
    pub(crate) fn has_outbound(&self) -> bool {
        !matches!(self.state, ChildState::Lingering { .. })
    }

    /// In Cisco's words.
    pub(crate) fn words(&self) -> String {
        let mode = if self.terms.transport { "transport" } else { "tunnel" };
        let pfs = self.terms.pfs().map_or_else(String::new, |pfs| format!(", PFS {pfs}"));
        format!("{}, {mode} mode{pfs}", self.keys_in.transform())
    }

    pub(crate) fn view(&self, current: Option<SaId>) -> ChildView {
        ChildView {
            sa: self.slot.sa,
            spi_in: self.slot.spi,
            spi_out: self.spi_out,
            in_use: current == Some(self.slot.sa),
            lingering: !self.has_outbound(),
            transform: self.keys_in.transform(),
            pfs: self.terms.pfs(),
            esn: self.terms.esn,
            mode: self.terms.mode(),
            made_ms: self.made_ms,
            rekey_ms: self.rekey_ms,
        }
    }
}

impl Terms {
    /// How packets are wrapped.
    pub(crate) fn mode(&self) -> Mode {
        self.ends.mode(self.transport)
    }

    /// The key exchanges in strongSwan's words; `None`: no perfect forward secrecy.
    pub(crate) fn pfs(&self) -> Option<String> {
        let mut words = self.group?.name().to_string();
        words.push_str(&additional_words(&self.additional));
        Some(words)
    }
}

/// Additional key exchanges in strongSwan's words: `-ke1_mlkem768`.
pub(crate) fn additional_words(additional: &[(u8, Group)]) -> String {
    let word = |(kind, group): &(u8, Group)| {
        format!("-ke{}_{}", kind.saturating_sub(kind::ADDITIONAL_FIRST) + 1, group.name())
    };
    additional.iter().map(word).collect()
}

/// For the data plane; `None`: AES with 192 bits, which no proposal for child SAs has.
pub(crate) fn esp_transform(encryption: Encryption, integrity: Option<Integrity>) -> Option<EspTransform> {
    let key = u8::try_from(encryption.key_len()).ok().filter(|key| matches!(key, 16 | 32))?;
    let Some(integrity) = integrity else { return Some(EspTransform::Gcm { key }) };
    let integrity = match integrity {
        Integrity::HmacSha1_96 => EspIntegrity::Sha1_96,
        Integrity::HmacSha256_128 => EspIntegrity::Sha256_128,
        Integrity::HmacSha384_192 => EspIntegrity::Sha384_192,
        Integrity::HmacSha512_256 => EspIntegrity::Sha512_256,
    };
    Some(EspTransform::Cbc { key, integrity })
}

impl IkeSa {
    /// Keys of a child SA made under this IKE SA.
    pub(crate) fn child_keys(
        &self,
        terms: &Terms,
        shared: &[Secret],
        nonces: crate::crypto::Nonces<'_>,
    ) -> Option<ChildKeys> {
        let secured = self.secured.as_ref()?;
        Some(secured.keys.child(terms.encryption, terms.integrity, shared, nonces))
    }

    /// Installs both halves of a child SA. Nothing is sent with it yet.
    pub(crate) fn install(&mut self, cx: &mut Cx<'_>, child: Child, rekeys: Option<u32>) {
        let Some(session) = self.session() else { return };
        self.emit_child(cx, session, &child, false);
        let (spi_in, spi_out) = (child.slot.spi, child.spi_out);
        self.log(cx, LogKind::ChildUp { spi_in, spi_out, suite: child.words(), rekeys });
        self.children.push(child);
        self.dirty = true;
    }

    pub(crate) fn emit_child(
        &self,
        cx: &mut Cx<'_>,
        session: crate::SessionId,
        child: &Child,
        restored: bool,
    ) {
        let (sa, tag, esn) = (child.slot.sa, child.tag, child.terms.esn);
        let mode = child.terms.mode();
        cx.actions.push(Action::Inbound(ChildInbound {
            session,
            sa,
            spi: child.slot.spi,
            tag,
            local: self.path.local.0,
            remote: self.path.remote.0,
            encapsulation: self.encapsulation(),
            mode,
            esn,
            keys: child.keys_in.clone(),
            restored,
        }));
        if child.has_outbound() {
            let (spi, keys) = (child.spi_out, child.keys_out.clone());
            cx.actions.push(Action::Outbound(ChildOutbound { session, sa, spi, tag, mode, esn, keys }));
        }
    }

    /// Sends with this child SA from now on; the others wait for their end.
    pub(crate) fn switch(&mut self, cx: &mut Cx<'_>, sa: Option<SaId>) {
        if let Some(child) = sa.and_then(|sa| self.child(sa)) {
            child.switch_ms = None;
        }
        if self.current == sa {
            return;
        }
        self.current = sa;
        self.dirty = true;
        if let Some(session) = self.session() {
            cx.actions.push(Action::Use { session, sa });
        }
    }

    /// Sends with the newest child SA that is fit for it, when the one in use no longer is.
    pub(crate) fn switch_to_newest(&mut self, cx: &mut Cx<'_>) {
        let newest = self.children.iter().rev().find(|child| child.is_live());
        let newest =
            newest.or_else(|| self.children.iter().rev().find(|child| child.state == ChildState::Replaced));
        let newest = newest.map(|child| child.slot.sa);
        self.switch(cx, newest);
    }

    /// The outbound half goes, the inbound half stays a while for packets under way (`linger`) or goes too.
    pub(crate) fn retire(&mut self, cx: &mut Cx<'_>, sa: SaId, linger: bool) {
        let Some(child) = self.child(sa) else { return };
        if child.has_outbound() {
            let spi_in = child.slot.spi;
            child.state = ChildState::Lingering { until_ms: cx.now + LINGER_MS };
            if self.current == Some(sa) {
                self.switch_to_newest(cx);
            }
            cx.actions.push(Action::Remove { sa, direction: Direction::Outbound });
            self.log(cx, LogKind::ChildDown { spi_in });
        }
        if !linger {
            self.children.retain(|child| child.slot.sa != sa);
            cx.actions.push(Action::Remove { sa, direction: Direction::Inbound });
        }
        self.dirty = true;
    }

    /// Both halves of all of them go, now.
    pub(crate) fn retire_all(&mut self, cx: &mut Cx<'_>) {
        self.switch(cx, None);
        for child in std::mem::take(&mut self.children) {
            let sa = child.slot.sa;
            if child.has_outbound() {
                cx.actions.push(Action::Remove { sa, direction: Direction::Outbound });
            }
            cx.actions.push(Action::Remove { sa, direction: Direction::Inbound });
        }
    }

    /// The child SA that the peer calls by the SPI it receives on.
    pub(crate) fn child_by_peer(&self, spi_out: u32) -> Option<&Child> {
        self.children.iter().find(|child| child.spi_out == spi_out && child.has_outbound())
    }

    /// The child SA that we receive on with this SPI.
    pub(crate) fn child_by_spi(&mut self, spi_in: u32) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.slot.spi == spi_in)
    }
}
