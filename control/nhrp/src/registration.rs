//! Registration (RFC 2332 5.2.3, 5.2.4): a spoke tells which NBMA address its tunnel address is at.
//!
//! Every entry of the request comes back with its own code. What counts as the spoke's NBMA address is where its
//! packet came from, not what it claims: a claim could point at a victim.

use crate::ingress::{Ingress, is_host, v4};
use crate::reply::{Nat, Reply, nat_cie};
use crate::{Action, Binding, DropReason, Failure, Kind, LogKind, Overlay, Reach, Server, Station, TunnelId};
use std::net::Ipv4Addr;
use wire::nhrp::{Cie, CieCode, ErrorCode, ExtensionType, Flags, PacketType};

/// Why an entry is refused.
pub(crate) struct Refusal {
    pub(crate) code: CieCode,
    pub(crate) why: &'static str,
    /// The station's identity is the cause.
    claim: bool,
}

impl Refusal {
    pub(crate) const fn new(code: CieCode, why: &'static str) -> Self {
        Self { code, why, claim: false }
    }

    pub(crate) const fn prohibited(why: &'static str) -> Self {
        Self::new(CieCode::AdministrativelyProhibited, why)
    }

    /// RFC 2332 5.2.4 has no code for identities: the policy prohibits it.
    const fn of_claim(why: &'static str) -> Self {
        Self { claim: true, ..Self::prohibited(why) }
    }
}

impl Server {
    pub(crate) fn registration(
        &mut self,
        ingress: &Ingress<'_>,
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        if !self.is_local(ingress) {
            // RFC 2332 lets a server pass a registration on; a hub does not: whoever registers here means this hub.
            self.note(ingress, Failure::WrongNhs(ingress.destination));
            let kind = LogKind::WrongNhs { address: ingress.destination };
            self.log(ingress.now_ms, ingress.tunnel, ingress.station, Some(ingress.source), kind, actions);
            self.send_error(ingress, ErrorCode::ProtocolAddressUnreachable, 0, actions);
            return self.count(ingress.tunnel, |counters| counters.drops[DropReason::WrongNhs as usize] += 1);
        }
        if self.refuse_unknown_extension(ingress, actions) {
            return;
        }
        let mut cies: Vec<Cie> = ingress.packet.cies().collect();
        if cies.is_empty() {
            self.send_error(ingress, ErrorCode::ProtocolError, 0, actions);
            return self.drop_packet(ingress, DropReason::Cie, actions);
        }
        let unique = ingress.packet.flags().has(Flags::UNIQUE);
        // With U there is one binding and one only (5.2.3).
        let several = unique && cies.len() > 1;
        for cie in &mut cies {
            let outcome = if several {
                Err(Refusal::prohibited("several entries with the unique flag"))
            } else {
                self.register(ingress, cie, unique, overlay, actions)
            };
            cie.code = CieCode::Ok;
            if let Err(refusal) = outcome {
                cie.code = refusal.code;
                cie.holding_time = 0;
                self.refused_entry(ingress, cie, &refusal, actions);
            }
        }
        self.confirm(ingress, &cies, actions);
    }

    fn confirm(&mut self, ingress: &Ingress<'_>, cies: &[Cie], actions: &mut Vec<Action>) {
        let Some(tunnel) = self.tunnel(ingress.tunnel) else { return };
        let reply = Reply {
            kind: PacketType::RegistrationReply,
            flags: ingress.packet.flags().0 & (Flags::UNIQUE | Flags::NAT),
            // The spoke learns its server's address from here when it registered at its own.
            destination: tunnel.address,
            cies,
            responder_prefix: 32,
            nat: Nat::Copy(seen_address(ingress)),
        };
        self.reply(ingress, &reply, actions);
    }

    /// One entry.
    fn register(
        &mut self,
        ingress: &Ingress<'_>,
        cie: &Cie,
        unique: bool,
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let protocol = cie.protocol.and_then(v4).unwrap_or(ingress.source);
        let Some(tunnel) = self.tunnel(ingress.tunnel) else {
            return Err(Refusal::prohibited("no such tunnel"));
        };
        if !is_host(cie.prefix_len) {
            return Err(Refusal::prohibited("subnets cannot be registered"));
        }
        if let Some(why) = tunnel.forbids(protocol) {
            return Err(Refusal::prohibited(why));
        }
        // Where the subnet does not tell (a /32 tunnel address), the hub's own routes must not be taken over either.
        if self.is_own(ingress.tunnel, protocol)
            || matches!(
                overlay.lookup(ingress.tunnel, protocol),
                Reach::Local | Reach::Hub { prefix_len: 32 }
            )
        {
            return Err(Refusal::prohibited("the address is the hub's own"));
        }
        if tunnel.is_open() && leads_elsewhere(overlay, ingress.tunnel, protocol) {
            return Err(Refusal::prohibited("the address is routed elsewhere (see `spoke-addresses`)"));
        }
        let (multicast, deregisters) = (tunnel.map_multicast_dynamic, tunnel.hold_zero_deregisters);
        let found = self.cache.binding(ingress.tunnel, protocol).copied();
        let holder = found.map(|old| old.station()).filter(|holder| !holder.is(&ingress.station));
        overlay
            .may_claim(&ingress.station, ingress.tunnel, protocol, holder.as_ref())
            .map_err(Refusal::of_claim)?;
        if let Some(old) = found {
            check_owner(&old, &ingress.station, unique)?;
        }
        if cie.holding_time == 0 {
            return self.deregister(ingress, protocol, deregisters, actions);
        }
        let (now_ms, holding_time) = (ingress.now_ms, cie.holding_time);
        let stays = found.filter(|old| old.nbma == ingress.nbma() && old.station().is(&ingress.station));
        let binding = Binding {
            tunnel: ingress.tunnel,
            protocol,
            nbma: ingress.nbma(),
            session: ingress.station.session,
            claimed: cie.nbma.and_then(v4).unwrap_or(ingress.claimed),
            kind: Kind::Dynamic,
            unique,
            nat_capable: ingress.packet.flags().has(Flags::NAT),
            multicast,
            mtu: cie.mtu,
            holding_time,
            request_id: ingress.packet.request_id(),
            created_ms: stays.map_or(now_ms, |old| old.created_ms),
            refreshed_ms: now_ms,
            expires_ms: Some(now_ms.saturating_add(u64::from(holding_time) * 1000)),
        };
        match (stays, found) {
            (Some(old), _) if old.kind == Kind::Static => self.count_refresh(ingress),
            (Some(old), _) => self.refresh(ingress, &old, binding, actions),
            (None, Some(old)) if old.kind == Kind::Static => {
                // A map's peer showed itself: until it goes, the map leads to its session.
                let binding = Binding { session: ingress.station.session, ..old };
                self.refresh(ingress, &old, binding, actions);
            }
            (None, Some(old)) => self.moved(ingress, &old, binding, actions)?,
            (None, None) => {
                self.bind_new(ingress, binding, actions)?;
                // Who was told that it is behind the hub.
                self.routes_changed(now_ms, protocol, 32, overlay, actions);
            }
        }
        Ok(())
    }

    fn refused_entry(
        &mut self,
        ingress: &Ingress<'_>,
        cie: &Cie,
        refusal: &Refusal,
        actions: &mut Vec<Action>,
    ) {
        let (code, why) = (refusal.code.0, refusal.why);
        let protocol = cie.protocol.and_then(v4).unwrap_or(ingress.source);
        self.count(ingress.tunnel, |counters| {
            if let Some(count) = counters.registrations_refused.get_mut(usize::from(code)) {
                *count += 1;
            }
            counters.claims_refused += u64::from(refusal.claim);
        });
        let (failure, kind) = match refusal.claim {
            true => (Failure::ClaimRefused(why), LogKind::ClaimRefused { why }),
            false => (Failure::Refused(code), LogKind::RegistrationRefused { code, why }),
        };
        self.note_peer(ingress.now_ms, Some(ingress.tunnel), ingress.station, Some(protocol), failure);
        self.log(ingress.now_ms, ingress.tunnel, ingress.station, Some(protocol), kind, actions);
    }
}

/// Whether an address that is bound may be registered from here.
fn check_owner(old: &Binding, station: &Station, unique: bool) -> Result<(), Refusal> {
    // Also of a static map: who registers what the map says is told that all is well.
    let mapped = old.kind == Kind::Static && old.session.is_none() && old.nbma == station.nbma;
    if mapped || old.station().is(station) {
        return Ok(());
    }
    if old.kind == Kind::Static {
        return Err(Refusal::prohibited("the address is mapped to another NBMA address"));
    }
    if old.unique {
        // 5.2.3 asks for this when the newcomer has U as well. Without, it is the same theft: Cisco's unique entry
        // "cannot be overwritten" either, and ends with its holding time.
        let why = if unique {
            "another station registered it as unique"
        } else {
            "another station registered it as unique (use `registration no-unique` on spokes that move)"
        };
        return Err(Refusal::new(CieCode::AlreadyRegistered, why));
    }
    Ok(())
}

/// Whether a route leads to an address and not by this tunnel to the address itself. A default route leads everywhere,
/// and says nothing about it.
fn leads_elsewhere(overlay: &impl Overlay, tunnel: TunnelId, address: Ipv4Addr) -> bool {
    match overlay.lookup(tunnel, address) {
        Reach::Local => true,
        Reach::Hub { prefix_len } => prefix_len > 0,
        Reach::Spoke { tunnel: by, protocol, prefix_len } => {
            prefix_len > 0 && (by, protocol) != (tunnel, address)
        }
        Reach::None => false,
    }
}

/// The entry that tells a spoke behind NAT how the hub sees it. The first server on the way adds it.
fn seen_address(ingress: &Ingress<'_>) -> Option<Cie> {
    if ingress.claimed == ingress.nbma() || !ingress.is_first_hop() {
        return None;
    }
    let extension = ingress.packet.extension(ExtensionType::Nat)?;
    let known = ingress.packet.list(&extension).any(|cie| cie.nbma == Some(ingress.nbma().into()));
    (!known).then(|| nat_cie(ingress.nbma(), ingress.source))
}
