//! Answers to `hubctl`, out of live state.

mod cache;
mod control_plane;
mod counters;
mod crypto;
mod failures;
mod interfaces;
mod mroutes;
mod peers;
mod routes;
mod status;
mod unregistered;

use crate::hub::Hub;
use api::{ErrorCode, PeerFilter, Prefix, Request, Response, Why};
use nhrp::Clear;
use shm::message::{GLOBAL, TunnelId, VrfId};
use std::collections::BTreeSet;

pub use cache::kind;
pub use control_plane::classes;
pub use counters::{drops, traffic, workers};
pub use failures::{blocked, cause, ike_cause, ike_failures};
pub use interfaces::{interfaces, tunnel_line};
pub use mroutes::mroutes;
pub use peers::{absent_state, dmvpn, state};
pub use routes::Listing;
pub use status::status;
pub use unregistered::count as unregistered;

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// All of it.
    Whole(Box<Response>),
    /// What comes piece by piece.
    Listing(Listing),
}

/// Answers one request.
pub fn answer(hub: &mut Hub, request: &Request, now_ms: u64) -> Answer {
    if let Request::Routes { vrf, address: None } = request
        && let Ok(vrf) = vrf_id(hub, vrf.as_deref())
    {
        return Answer::Listing(Listing::new(vrf));
    }
    Answer::Whole(Box::new(whole(hub, request, now_ms)))
}

fn whole(hub: &mut Hub, request: &Request, now_ms: u64) -> Response {
    if let Some(name) = named(request)
        && !hub.config.tunnel.iter().any(|tunnel| tunnel.name == name)
        && !(matches!(request, Request::Interfaces { .. })
            && hub.config.port.iter().any(|port| port.name == name))
    {
        return error(ErrorCode::NoSuchInterface, &format!("there is no interface `{name}`"));
    }
    match request {
        Request::Status => Response::Status(Box::new(status(hub, now_ms))),
        Request::Dmvpn { filter, crypto } => {
            let mut interfaces = dmvpn(hub, filter, now_ms);
            if *crypto {
                peers::add_sessions(hub, filter, &mut interfaces, now_ms);
            }
            Response::Dmvpn(interfaces)
        }
        Request::NhrpCache { filter } => Response::NhrpCache(cache::entries(hub, filter, now_ms)),
        Request::NhrpSummary => Response::NhrpSummary(cache::summary(hub, now_ms)),
        Request::NhrpTraffic { interface } => {
            Response::NhrpTraffic(traffic(hub, interface.as_deref(), true, now_ms))
        }
        Request::Interfaces { interface } => {
            Response::Interfaces(interfaces(hub, interface.as_deref(), now_ms))
        }
        Request::Routes { vrf, address } => match vrf_id(hub, vrf.as_deref()) {
            Ok(vrf) => {
                let route = address.and_then(|address| routes::route_to(hub, vrf, address));
                Response::Routes(route.into_iter().collect())
            }
            Err(why) => error(ErrorCode::NoSuchVrf, &why),
        },
        Request::Mroutes { group } => Response::Mroutes(mroutes(hub, *group, now_ms)),
        Request::Drops => drops(hub).map_or_else(no_dataplane, Response::Drops),
        Request::ControlPlane => classes(hub).map_or_else(no_dataplane, Response::ControlPlane),
        Request::Workers => workers(hub, now_ms).map_or_else(no_dataplane, Response::Workers),
        Request::Why { address } => {
            let mut interfaces = dmvpn(hub, &PeerFilter::default(), now_ms);
            for interface in &mut interfaces {
                interface.peers.retain(|peer| peer.nbma == Some(*address) || peer.tunnel == *address);
            }
            interfaces.retain(|interface| !interface.peers.is_empty());
            let mut entries = cache::entries(hub, &Default::default(), now_ms);
            entries.retain(|entry| entry.nbma == Some(*address) || entry.network == Prefix::host(*address));
            let mut failures = failures::all(hub, now_ms);
            // IKE knows no tunnel address: who has it, or had it last, is known by the identity.
            let peers = || interfaces.iter().flat_map(|interface| &interface.peers);
            let pinned = hub.ike.iter().flat_map(|ike| ike.claims.pins());
            let pinned =
                pinned.filter(|((_, protocol), _)| protocol == address).map(|(_, identity)| identity);
            let identities: BTreeSet<&str> =
                peers().filter_map(|peer| peer.identity.as_deref()).chain(pinned).collect();
            failures.retain(|failure| {
                let named = failure.identity.as_deref().is_some_and(|identity| identities.contains(identity));
                named || failure.nbma == Some(*address) || failure.tunnel == Some(*address)
            });
            Response::Why(Why { address: *address, interfaces, entries, failures })
        }
        Request::Failures => Response::Failures(failures::all(hub, now_ms)),
        Request::ClearDmvpn { filter, include_static } => match peer_clear(hub, filter) {
            Some(what) => {
                let sessions = hub.sessions_of(what);
                let count = hub.clear(now_ms, what, *include_static);
                sessions.into_iter().for_each(|session| {
                    hub.clear_sessions(now_ms, ike::Clear::Session(session));
                });
                Response::Cleared { count: count as u64 }
            }
            None => Response::Cleared { count: 0 },
        },
        Request::CryptoSessions { filter } => Response::CryptoSessions(crypto::sessions(hub, filter, now_ms)),
        Request::IkeStats => match crypto::stats(hub) {
            Some(stats) => Response::IkeStats(stats),
            None => error(ErrorCode::Internal, "no tunnel is protected"),
        },
        Request::ClearCrypto { filter } => Response::Cleared { count: crypto::clear(hub, filter, now_ms) },
        Request::ClearNhrp { prefix } => {
            let what = prefix.map_or(Clear::All, |prefix| Clear::Address {
                tunnel: None,
                protocol: prefix.address,
                prefix_len: prefix.len,
            });
            Response::Cleared { count: hub.clear(now_ms, what, false) as u64 }
        }
        Request::ClearNhrpCounters { interface } => {
            Response::Cleared { count: counters::clear(hub, interface.as_deref()) }
        }
    }
}

/// The VRF with a name; without one the global VRF.
fn vrf_id(hub: &Hub, name: Option<&str>) -> Result<VrfId, String> {
    let Some(name) = name else { return Ok(GLOBAL) };
    hub.config.vrf_named(name).ok_or_else(|| {
        let have: Vec<&str> = hub.config.vrf.iter().map(|vrf| vrf.name.as_str()).collect();
        let have = if have.is_empty() { "none".into() } else { have.join(", ") };
        format!("there is no VRF `{name}`; configured: {have}")
    })
}

/// The interface that a request names.
fn named(request: &Request) -> Option<&str> {
    match request {
        Request::NhrpTraffic { interface }
        | Request::Interfaces { interface }
        | Request::ClearNhrpCounters { interface } => interface.as_deref(),
        Request::Dmvpn { filter, .. } | Request::ClearDmvpn { filter, .. } => filter.interface.as_deref(),
        Request::CryptoSessions { filter } | Request::ClearCrypto { filter } => filter.interface.as_deref(),
        Request::NhrpCache { filter } => filter.interface.as_deref(),
        _ => None,
    }
}

fn tunnel_id(hub: &Hub, name: &str) -> Option<TunnelId> {
    hub.config.tunnel.iter().position(|tunnel| tunnel.name == name).map(|id| id as TunnelId)
}

/// What a filter means; `None`: it can match nothing.
fn peer_clear(hub: &Hub, filter: &PeerFilter) -> Option<Clear> {
    let tunnel = match &filter.interface {
        Some(name) => Some(tunnel_id(hub, name)?),
        None => None,
    };
    match (filter.nbma, filter.tunnel) {
        (None, None) => Some(tunnel.map_or(Clear::All, Clear::Tunnel)),
        (Some(nbma), None) => Some(Clear::Peer { tunnel, nbma }),
        (nbma, Some(protocol)) => {
            let fits = |binding: &&nhrp::Binding| {
                binding.protocol == protocol
                    && tunnel.is_none_or(|tunnel| tunnel == binding.tunnel)
                    && nbma.is_none_or(|nbma| nbma == binding.nbma)
            };
            let found = hub.server.bindings().find(fits)?;
            let tunnel = if nbma.is_some() { Some(found.tunnel) } else { tunnel };
            Some(Clear::Address { tunnel, protocol, prefix_len: 32 })
        }
    }
}

fn no_dataplane() -> Response {
    error(ErrorCode::NoDataplane, "the dataplane is not attached")
}

fn error(code: ErrorCode, message: &str) -> Response {
    Response::Error { code, message: message.to_string() }
}

/// Whole seconds from then to now.
fn ago(now_ms: u64, then_ms: u64) -> u64 {
    now_ms.saturating_sub(then_ms) / 1_000
}
