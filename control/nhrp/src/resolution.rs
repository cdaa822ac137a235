//! Resolution (RFC 2332 5.2.1, 5.2.2): a spoke asks where an overlay address is.

use crate::answers::network;
use crate::cache::Slot;
use crate::ingress::{Ingress, self_cie};
use crate::locate::Place;
use crate::reply::{Nat, Reply, nat_cie};
use crate::transit::Record;
use crate::{Action, DropReason, Kind, Overlay, Phase, Requester, Server, TunnelId};
use wire::nhrp::{Cie, CieCode, ExtensionType, Flags, PacketType};

/// A positive answer.
struct Answer {
    cie: Cie,
    /// Flags beyond A and D.
    flags: u16,
    /// What the NAT extension holds.
    nat: Option<Cie>,
    /// What it is about, for the purge.
    prefix_len: u8,
    told: Told,
}

/// Where it is remembered who got an answer.
enum Told {
    /// Nowhere: it stays true.
    Nobody,
    Local,
    Binding(Slot),
}

impl Server {
    pub(crate) fn resolution(
        &mut self,
        ingress: &Ingress<'_>,
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        if !self.admit_peer(ingress, actions) {
            return;
        }
        let Some(phase) = self.tunnel(ingress.tunnel).map(|tunnel| tunnel.phase) else { return };
        let place = self.locate(ingress, ingress.destination, overlay);
        let mut behind_one_nat = false;
        if let Place::Spoke { slot, prefix_len } = place {
            let Some(target) = self.cache.get(slot).map(|entry| entry.binding) else { return };
            if self.is_at(slot, ingress.tunnel, &ingress.station) {
                return self.drop_packet(ingress, DropReason::BackToSender, actions);
            }
            behind_one_nat = target.station().is_neighbour(&ingress.station);
            // 5.2.1: who asks with U gets unique bindings or nothing.
            let is_itself = target.protocol == ingress.destination;
            if ingress.packet.flags().has(Flags::UNIQUE_ANSWER) && is_itself && !target.unique {
                return self.refuse_resolution(ingress, CieCode::NotUnique, actions);
            }
            if phase == Phase::Three && !behind_one_nat {
                if self.forward(ingress, slot, Record::Forward, None, actions) {
                    self.remember_passed_on(ingress, slot, prefix_len);
                }
                return;
            }
        }
        if self.refuse_unknown_extension(ingress, actions) {
            return;
        }
        match place {
            Place::Nowhere => self.refuse_resolution(ingress, CieCode::NoBinding, actions),
            Place::Spoke { .. } if phase == Phase::One => {
                // No spoke-to-spoke tunnels here: 5.2.2 lets a server refuse for reasons of policy.
                self.refuse_resolution(ingress, CieCode::AdministrativelyProhibited, actions);
            }
            Place::Own => self.answer_about_hub(ingress, 32, Told::Nobody, actions),
            Place::Behind { prefix_len } => {
                self.answer_about_hub(ingress, prefix_len, Told::Local, actions);
            }
            // Their NAT would have to turn packets around: the way between them is through the hub, and the answer
            // says so instead of letting them try.
            Place::Spoke { slot, prefix_len } if behind_one_nat => {
                self.answer_about_hub(ingress, prefix_len, Told::Binding(slot), actions);
            }
            Place::Spoke { slot, prefix_len } => self.answer_about_spoke(ingress, slot, prefix_len, actions),
        }
    }

    fn answer_about_hub(
        &mut self,
        ingress: &Ingress<'_>,
        prefix_len: u8,
        told: Told,
        actions: &mut Vec<Action>,
    ) {
        let Some(tunnel) = self.tunnel(ingress.tunnel) else { return };
        let flags = if matches!(told, Told::Nobody) { Flags::UNIQUE_ANSWER } else { 0 };
        let answer = Answer { cie: self_cie(tunnel, prefix_len), flags, nat: None, prefix_len, told };
        self.answer(ingress, answer, actions);
    }

    fn answer_about_spoke(
        &mut self,
        ingress: &Ingress<'_>,
        slot: Slot,
        prefix_len: u8,
        actions: &mut Vec<Action>,
    ) {
        let Some(default_hold) = self.tunnel(ingress.tunnel).map(|tunnel| tunnel.holdtime) else { return };
        let Some(entry) = self.cache.get_mut(slot) else { return };
        entry.hits += 1;
        entry.used_ms = Some(ingress.now_ms);
        let binding = entry.binding;
        // Who knows the NAT extension is told the claimed address with the real one beside it, as the spoke itself
        // would answer; others get the address that works.
        let knows_nat =
            ingress.packet.extension(ExtensionType::Nat).is_some_and(|extension| extension.is_list());
        let nat = (binding.is_natted() && knows_nat).then(|| nat_cie(binding.nbma, binding.protocol));
        let left = binding.expires_ms.map(|expires_ms| expires_ms.saturating_sub(ingress.now_ms) / 1000);
        let holding_time = left.map_or(default_hold, |left| left.clamp(1, u16::MAX.into()) as u16);
        let cie = Cie {
            prefix_len,
            mtu: binding.mtu,
            holding_time,
            nbma: Some(if nat.is_some() { binding.claimed } else { binding.nbma }.into()),
            protocol: Some(binding.protocol.into()),
            ..Cie::EMPTY
        };
        let flags =
            if binding.unique && binding.protocol == ingress.destination { Flags::UNIQUE_ANSWER } else { 0 };
        let told = if binding.kind == Kind::Static { Told::Nobody } else { Told::Binding(slot) };
        self.answer(ingress, Answer { cie, flags, nat, prefix_len, told }, actions);
    }

    fn answer(&mut self, ingress: &Ingress<'_>, answer: Answer, actions: &mut Vec<Action>) {
        let requester = Requester {
            tunnel: ingress.tunnel,
            protocol: ingress.source,
            station: ingress.station,
            request_id: ingress.packet.request_id(),
            until_ms: ingress.now_ms.saturating_add(u64::from(answer.cie.holding_time) * 1000),
            prefix: network(ingress.destination, answer.prefix_len),
            prefix_len: answer.prefix_len,
            passed_on: false,
        };
        self.remember_told(ingress.tunnel, &answer.told, requester, ingress.now_ms);
        let copied = ingress.packet.flags().0 & (Flags::ROUTER | Flags::SOURCE_STABLE | Flags::NAT);
        let reply = Reply {
            kind: PacketType::ResolutionReply,
            flags: copied | Flags::AUTHORITATIVE | Flags::DESTINATION_STABLE | answer.flags,
            destination: ingress.destination,
            cies: &[answer.cie],
            responder_prefix: 0,
            nat: Nat::Only(answer.nat),
        };
        self.reply(ingress, &reply, actions);
    }

    fn remember_told(&mut self, tunnel: TunnelId, told: &Told, requester: Requester, now_ms: u64) {
        let remembered = match told {
            Told::Nobody => true,
            Told::Local => self.answers.told(tunnel, requester, now_ms),
            Told::Binding(slot) => self.cache.told(*slot, requester, now_ms),
        };
        if !remembered {
            self.count(tunnel, |counters| counters.requesters_full += 1);
        }
    }

    /// The spoke that has the address answers itself, and is to purge what it said (5.2.5); FRR never does. So the hub
    /// remembers who asked, to tell them when the address is elsewhere. What the spoke says of its holding time may not
    /// come by here: the longer of what it and the hub use is assumed.
    fn remember_passed_on(&mut self, ingress: &Ingress<'_>, slot: Slot, prefix_len: u8) {
        let Some(default_hold) = self.tunnel(ingress.tunnel).map(|tunnel| tunnel.holdtime) else { return };
        let Some(holding_time) = self.cache.get(slot).map(|entry| entry.binding.holding_time) else { return };
        let requester = Requester {
            tunnel: ingress.tunnel,
            protocol: ingress.source,
            station: ingress.station,
            request_id: ingress.packet.request_id(),
            until_ms: ingress.now_ms + u64::from(holding_time.max(default_hold)) * 1000,
            prefix: network(ingress.destination, prefix_len),
            prefix_len,
            passed_on: true,
        };
        self.remember_told(ingress.tunnel, &Told::Binding(slot), requester, ingress.now_ms);
    }

    fn refuse_resolution(&mut self, ingress: &Ingress<'_>, code: CieCode, actions: &mut Vec<Action>) {
        self.count(ingress.tunnel, |counters| {
            if let Some(count) = counters.resolutions_refused.get_mut(usize::from(code.0)) {
                *count += 1;
            }
        });
        // The entry names no binding, it only bears the code.
        let asked = ingress.packet.cies().next().unwrap_or(Cie::EMPTY);
        let cie = Cie { code, holding_time: 0, nbma: None, protocol: None, ..asked };
        let reply = Reply {
            kind: PacketType::ResolutionReply,
            flags: ingress.packet.flags().0
                & (Flags::ROUTER | Flags::SOURCE_STABLE | Flags::UNIQUE_ANSWER | Flags::NAT),
            destination: ingress.destination,
            cies: &[cie],
            responder_prefix: 0,
            nat: Nat::Only(None),
        };
        self.reply(ingress, &reply, actions);
    }

    /// A reply came in: to us (only purge replies can be), or to a spoke that asked through us.
    pub(crate) fn reply_received(
        &mut self,
        ingress: &Ingress<'_>,
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        if self.is_own(ingress.tunnel, ingress.source) {
            if ingress.kind() == PacketType::PurgeReply && self.purge_confirmed(ingress) {
                return;
            }
            return self.drop_packet(ingress, DropReason::Unsolicited, actions);
        }
        if !self.admit_peer(ingress, actions) {
            return;
        }
        // Replies travel to the source protocol address (5.1).
        match self.locate(ingress, ingress.source, overlay) {
            Place::Spoke { slot, .. } => match self.vouch(ingress, overlay) {
                Ok(narrow) => {
                    self.forward(ingress, slot, Record::Reverse, narrow, actions);
                }
                Err(reason) => self.drop_packet(ingress, reason, actions),
            },
            _ => self.drop_packet(ingress, DropReason::NoRoute, actions),
        }
    }
}
