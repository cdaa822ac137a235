//! `show dmvpn failures`.

use super::ago;
use crate::hub::Hub;
use api::{Cause, Failure};
use nhrp::{DropReason, PeerRecord, UnbindReason};
use shm::drops::DropReason as Gre;

/// All that went wrong, latest first.
pub fn all(hub: &Hub, now_ms: u64) -> Vec<Failure> {
    let mut records: Vec<&PeerRecord> = hub.server.failures().collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.last_ms));
    records.into_iter().map(|record| one(hub, record, now_ms)).collect()
}

/// One record in the API's words.
pub fn one(hub: &Hub, record: &PeerRecord, now_ms: u64) -> Failure {
    Failure {
        cause: cause(&record.failure),
        interface: record.tunnel.map(|tunnel| hub.tunnel_name(tunnel)),
        nbma: Some(record.station.nbma),
        tunnel: record.protocol,
        identity: None,
        age: ago(now_ms, record.last_ms),
        count: record.count,
        detail: detail(&record.failure),
    }
}

/// What the cause does not say already.
fn detail(failure: &nhrp::Failure) -> Option<String> {
    match failure {
        nhrp::Failure::AuthenticationMissing
        | nhrp::Failure::AuthenticationWrong
        | nhrp::Failure::Gone(_) => None,
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
        nhrp::Failure::Refused(_) | nhrp::Failure::ClaimRefused(_) => Cause::AddressRefused,
        nhrp::Failure::WrongNhs(_) => Cause::WrongNhs,
        nhrp::Failure::ErrorReceived(_) => Cause::ErrorReported,
        nhrp::Failure::Gone(UnbindReason::Expired) => Cause::Expired,
        nhrp::Failure::Gone(UnbindReason::Purged) => Cause::Purged,
        nhrp::Failure::Gone(UnbindReason::Cleared) => Cause::Cleared,
        nhrp::Failure::Gone(UnbindReason::Session(_)) => Cause::Expired,
        nhrp::Failure::Encapsulation(refused) => match refused.reason {
            name if name == Gre::GreKeyMismatch.name() => Cause::KeyMismatch,
            name if name == Gre::GreNoTunnel.name() => Cause::NoTunnel,
            name if name == Gre::UnknownPeer.name() => Cause::UnknownPeer,
            _ => Cause::Dropped,
        },
    }
}
