//! `show dmvpn failures`.

use super::ago;
use crate::hub::Hub;
use crate::ike::sessions::{Esp, Session};
use crate::ike::silence;
use crate::words::is_esp;
use api::{Cause, Failure};
use nhrp::{DropReason, PeerRecord, UnbindReason};
use shm::drops::DropReason as Gre;
use std::cmp::Reverse;
use std::net::Ipv4Addr;

/// All that went wrong, latest first.
pub fn all(hub: &Hub, now_ms: u64) -> Vec<Failure> {
    let records = hub.server.failures().map(|record| (record.last_ms, one(hub, record, now_ms)));
    let mut all: Vec<(u64, Failure)> = records.collect();
    all.extend(ike_failures(hub).iter().map(|failure| (failure.last_ms, of_ike(hub, failure, now_ms))));
    all.extend(blocked(hub).map(|session| (session.since_ms, esp_blocked(hub, session, now_ms))));
    all.sort_by_key(|(last_ms, _)| Reverse(*last_ms));
    all.into_iter().map(|(_, failure)| failure).collect()
}

/// What the IKE responder remembers.
pub fn ike_failures(hub: &Hub) -> Vec<ike::Failure> {
    hub.ike.as_ref().map(|ike| ike.responder.failures()).unwrap_or_default()
}

/// Peers with which IKE works and whose ESP does not arrive.
pub fn blocked(hub: &Hub) -> impl Iterator<Item = &Session> {
    let sessions = hub.ike.iter().flat_map(|ike| ike.sessions.iter());
    sessions.map(|(_, session)| session).filter(|session| session.esp == Esp::Blocked)
}

/// One failure of IKE in the API's words.
pub fn of_ike(hub: &Hub, failure: &ike::Failure, now_ms: u64) -> Failure {
    Failure {
        cause: ike_cause(failure.cause),
        interface: protected_on(hub, failure.local),
        nbma: Some(failure.remote),
        tunnel: None,
        identity: failure.identity.clone(),
        age: ago(now_ms, failure.last_ms),
        count: failure.count,
        detail: Some(failure.text.clone()).filter(|text| !text.is_empty()),
    }
}

/// A silent peer in the API's words.
pub fn esp_blocked(hub: &Hub, session: &Session, now_ms: u64) -> Failure {
    Failure {
        cause: Cause::EspBlocked,
        interface: protected_on(hub, session.path.local.0),
        nbma: Some(session.path.remote.0),
        tunnel: None,
        identity: Some(session.identity.clone()),
        age: ago(now_ms, session.since_ms + silence::PATIENCE_MS),
        count: 1,
        detail: Some("ESP blocked on the path".into()),
    }
}

/// The protected tunnel of an address; of several the first.
pub fn protected_on(hub: &Hub, local: Ipv4Addr) -> Option<String> {
    let tunnels = hub.config.tunnel.iter();
    let mut ours = tunnels.filter(|tunnel| tunnel.source == local && tunnel.protection.is_some());
    ours.next().map(|tunnel| tunnel.name.clone())
}

/// Why IKE failed, in the API's words.
pub fn ike_cause(cause: ike::Cause) -> Cause {
    use ike::Cause as Ike;
    match cause {
        Ike::IkeProposal => Cause::IkeProposal,
        Ike::IkeGroup => Cause::IkeGroup,
        Ike::Authentication => Cause::IkeAuthentication,
        Ike::UnknownIdentity => Cause::UnknownIdentity,
        Ike::Certificate => Cause::Certificate,
        Ike::EspProposal => Cause::EspProposal,
        Ike::Pfs => Cause::PfsMismatch,
        Ike::Selectors => Cause::Selectors,
        Ike::Mode => Cause::ModeMismatch,
        Ike::Syntax => Cause::IkeMalformed,
        Ike::Unanswered => Cause::IkeUnanswered,
        Ike::Incomplete => Cause::IkeIncomplete,
        Ike::Duplicate => Cause::IkeDuplicate,
        Ike::Full => Cause::IkeFull,
        Ike::Rejected => Cause::IkeRejected,
    }
}

/// One record in the API's words.
pub fn one(hub: &Hub, record: &PeerRecord, now_ms: u64) -> Failure {
    Failure {
        cause: cause(&record.failure),
        interface: record.tunnel.map(|tunnel| hub.tunnel_name(tunnel)),
        nbma: Some(record.station.nbma),
        tunnel: record.protocol,
        identity: super::peers::identity(hub, record),
        age: ago(now_ms, record.last_ms),
        count: record.count,
        detail: detail(&record.failure),
    }
}

/// What the cause does not say already.
fn detail(failure: &nhrp::Failure) -> Option<String> {
    match failure {
        nhrp::Failure::AuthenticationMissing | nhrp::Failure::AuthenticationWrong => None,
        nhrp::Failure::Gone(UnbindReason::Session(why)) => Some((*why).into()),
        nhrp::Failure::Gone(_) => None,
        nhrp::Failure::Dropped(reason) => Some(reason.name().into()),
        nhrp::Failure::Refused(code) => Some(format!("code {code}")),
        nhrp::Failure::ClaimRefused(why) => Some((*why).into()),
        nhrp::Failure::WrongNhs(address) => Some(format!("it registers at {address}")),
        nhrp::Failure::ErrorReceived(code) => Some(format!("error {code}")),
        nhrp::Failure::Encapsulation(refused) => Some(encapsulation(refused)),
    }
}

/// What the refused packets looked like.
fn encapsulation(refused: &nhrp::Refused) -> String {
    let nhrp::Refused { reason, local, key } = *refused;
    if Gre::ALL.iter().any(|known| known.name() == reason && is_esp(*known)) {
        let spi = key.map_or(String::new(), |spi| format!(" with SPI {spi:08x}"));
        return format!("{reason}: ESP to {local}{spi}");
    }
    let seen = key.map_or("GRE without a key".to_string(), |key| format!("GRE key {key}"));
    match reason {
        reason if reason == Gre::GreKeyMismatch.name() => format!("{seen} to {local}"),
        reason if reason == Gre::GreNoTunnel.name() || reason == Gre::UnknownPeer.name() => {
            format!("GRE to {local}")
        }
        other => format!("{other}: {seen} to {local}"),
    }
}

/// What went wrong, in the API's words.
pub fn cause(failure: &nhrp::Failure) -> Cause {
    match failure {
        nhrp::Failure::AuthenticationMissing => Cause::AuthenticationMissing,
        nhrp::Failure::AuthenticationWrong => Cause::AuthenticationMismatch,
        nhrp::Failure::Dropped(reason) => match reason {
            DropReason::Checksum => Cause::Checksum,
            DropReason::UnknownExtension => Cause::UnknownExtension,
            DropReason::Loop => Cause::Loop,
            DropReason::HopCount => Cause::HopCount,
            DropReason::WrongNhs => Cause::WrongNhs,
            DropReason::UnknownPeer => Cause::UnknownPeer,
            DropReason::Truncated
            | DropReason::Header
            | DropReason::ExtensionOffset
            | DropReason::Cie
            | DropReason::Extension => Cause::Malformed,
            _ => Cause::Dropped,
        },
        nhrp::Failure::Refused(5) => Cause::LimitReached,
        nhrp::Failure::Refused(14) => Cause::UniqueConflict,
        nhrp::Failure::Refused(_) => Cause::AddressRefused,
        nhrp::Failure::ClaimRefused(_) => Cause::ClaimRefused,
        nhrp::Failure::WrongNhs(_) => Cause::WrongNhs,
        nhrp::Failure::ErrorReceived(_) => Cause::ErrorReported,
        nhrp::Failure::Gone(UnbindReason::Expired) => Cause::Expired,
        nhrp::Failure::Gone(UnbindReason::Purged) => Cause::Purged,
        nhrp::Failure::Gone(UnbindReason::Cleared) => Cause::Cleared,
        nhrp::Failure::Gone(UnbindReason::Session(why)) => match *why {
            why if why == ike::WhyDown::Dead.text() => Cause::IkeUnanswered,
            _ => Cause::SessionEnded,
        },
        nhrp::Failure::Encapsulation(refused) => match refused.reason {
            name if name == Gre::GreKeyMismatch.name() => Cause::KeyMismatch,
            name if name == Gre::GreNoTunnel.name() => Cause::NoTunnel,
            name if name == Gre::UnknownPeer.name() => Cause::UnknownPeer,
            name if name == Gre::GreUnprotected.name() => Cause::Unprotected,
            _ => Cause::Dropped,
        },
    }
}
