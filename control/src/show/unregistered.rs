//! Stations of protected tunnels that NHRP knows nothing of: those with an IKE session that have not registered, those
//! that are half-way into one, and those with which IKE failed.

use super::failures::{esp_blocked, ike_failures, of_ike, protected_on};
use super::{ago, peers};
use crate::hub::Hub;
use crate::ike::sessions::{Esp, Session};
use api::{Kind, Peer, PeerState, Prefix};
use ike::SessionId;
use nhrp::Station;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::Ipv4Addr;

/// Half-open ones that are listed: in a flood the others are a number in `show crypto ikev2 stats`.
const MAX_HALF_OPEN: usize = 1024;

/// They, by the name of the interface that they are listed under: of several with the same source the first.
pub fn all(hub: &Hub, now_ms: u64) -> Vec<(String, Peer)> {
    let mut rows = Vec::new();
    for (id, session) in without_registration(hub) {
        rows.extend(
            protected_on(hub, session.path.local.0).map(|name| (name, silent(hub, id, session, now_ms))),
        );
    }
    // Who is up, or was named already, is not listed for a failure too.
    let sessions = hub.ike.iter().flat_map(|ike| ike.sessions.iter());
    let known: HashSet<&str> = sessions.map(|(_, session)| session.identity.as_str()).collect();
    let bound: HashSet<Ipv4Addr> = hub.server.bindings().map(|binding| binding.nbma).collect();
    for failure in ike_failures(hub) {
        let is_known = match &failure.identity {
            Some(identity) => known.contains(identity.as_str()),
            None => bound.contains(&failure.remote),
        };
        if let Some(name) = protected_on(hub, failure.local).filter(|_| !is_known) {
            rows.push((name, failed(hub, &failure, now_ms)));
        }
    }
    let named: HashSet<Ipv4Addr> = rows.iter().filter_map(|(_, peer)| peer.nbma).chain(bound).collect();
    rows.extend(half_open(hub, named, now_ms));
    rows
}

/// Addresses with half-open IKE SAs that are not named otherwise, once each: of many behind one NAT nothing tells them
/// apart yet.
fn half_open(hub: &Hub, mut named: HashSet<Ipv4Addr>, now_ms: u64) -> Vec<(String, Peer)> {
    let half_open = hub.ike.iter().flat_map(|ike| ike.responder.half_open());
    let fresh = half_open.filter(|(path, _)| named.insert(path.remote.0)).take(MAX_HALF_OPEN);
    let row = |(path, heard_ms): (ike::Path, u64)| {
        let peer = empty(path.remote.0, PeerState::Ike, Some(ago(now_ms, heard_ms)));
        protected_on(hub, path.local.0).map(|name| (name, peer))
    };
    fresh.filter_map(row).collect()
}

/// How many there are by interface and state.
pub fn count(hub: &Hub, now_ms: u64) -> BTreeMap<(String, PeerState), u64> {
    let mut counts = BTreeMap::new();
    for (name, peer) in all(hub, now_ms) {
        *counts.entry((name, peer.state)).or_default() += 1;
    }
    counts
}

fn without_registration(hub: &Hub) -> impl Iterator<Item = (SessionId, &Session)> {
    let mut named: BTreeSet<SessionId> = hub.server.bindings().filter_map(|b| b.session).collect();
    // Those refused by NHRP are in its own list.
    named.extend(hub.server.absent().filter_map(|record| record.station.session));
    let sessions = hub.ike.iter().flat_map(|ike| ike.sessions.iter());
    sessions.filter(move |(id, _)| !named.contains(id))
}

fn silent(hub: &Hub, id: SessionId, session: &Session, now_ms: u64) -> Peer {
    let station = Station { nbma: session.path.remote.0, session: Some(id) };
    let state = match peers::crypto_state(hub, &station) {
        PeerState::Up => PeerState::Nhrp,
        state => state,
    };
    Peer {
        session: Some(id.get()),
        identity: Some(session.identity.clone()),
        last_failure: (session.esp == Esp::Blocked).then(|| esp_blocked(hub, session, now_ms)),
        ..empty(station.nbma, state, Some(ago(now_ms, session.since_ms)))
    }
}

fn failed(hub: &Hub, failure: &ike::Failure, now_ms: u64) -> Peer {
    Peer {
        identity: failure.identity.clone(),
        last_failure: Some(of_ike(hub, failure, now_ms)),
        ..empty(failure.remote, PeerState::Ike, None)
    }
}

fn empty(nbma: Ipv4Addr, state: PeerState, since: Option<u64>) -> Peer {
    Peer {
        nbma: Some(nbma),
        claimed_nbma: None,
        tunnel: Ipv4Addr::UNSPECIFIED,
        network: Prefix::host(Ipv4Addr::UNSPECIFIED),
        session: None,
        identity: None,
        state,
        since,
        kind: Kind::Incomplete,
        multicast: false,
        group: None,
        traffic: None,
        last_failure: None,
    }
}
