//! Series of single peers: only on request, since ten thousand peers are ten thousand series of each.

use super::exposition::Family;
use super::hub::snake;
use api::{Dmvpn, Peer, PeerState, Traffic};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// All of them. A peer that is down stays with `dmvpn_peer_up` at 0, as long as the hub remembers it.
pub fn families(interfaces: &[Dmvpn]) -> Vec<Family> {
    let peers = distinct(interfaces);
    let traffic = |name: &str, help: &str, value: fn(&Traffic) -> u64| {
        Family::counter(name, help).each(&peers, |family, ((interface, ..), peer)| {
            if let Some(traffic) = &peer.traffic {
                add(family, interface, peer, value(traffic) as f64);
            }
        })
    };
    vec![
        Family::gauge("peer_up", "Whether the peer is registered or mapped and its tunnel interface works.")
            .each(&peers, |family, ((interface, ..), peer)| {
                add(family, interface, peer, u64::from(peer.state == PeerState::Up) as f64);
            }),
        Family::gauge(
            "peer_state_age_seconds",
            "Time since the peer came up or went down; absent if it was never up.",
        )
        .each(&peers, |family, ((interface, ..), peer)| {
            if let Some(since) = peer.since {
                add(family, interface, peer, since as f64);
            }
        }),
        Family::gauge("peer_failures", "How often the peer's last failure happened, with its cause.").each(
            &peers,
            |family, ((interface, ..), peer)| {
                if let Some(failure) = &peer.last_failure {
                    let (tunnel, nbma) = addresses(peer);
                    let cause = snake(failure.cause);
                    let labels = [
                        ("interface", *interface),
                        ("tunnel_address", &tunnel),
                        ("nbma_address", &nbma),
                        ("cause", &cause),
                    ];
                    family.add(&labels, failure.count as f64);
                }
            },
        ),
        traffic("peer_receive_packets_total", "Inner packets received from the peer.", |t| t.rx_packets),
        traffic("peer_receive_bytes_total", "Octets of inner packets received from the peer.", |t| {
            t.rx_bytes
        }),
        traffic("peer_transmit_packets_total", "Inner packets sent to the peer.", |t| t.tx_packets),
        traffic("peer_transmit_bytes_total", "Octets of inner packets sent to the peer.", |t| t.tx_bytes),
    ]
}

type Key<'a> = (&'a str, Ipv4Addr, Option<Ipv4Addr>);

/// Each series once, whatever the hub remembers: Prometheus discards a scrape in which one occurs twice.
fn distinct(interfaces: &[Dmvpn]) -> BTreeMap<Key<'_>, &Peer> {
    let mut peers = BTreeMap::new();
    for interface in interfaces {
        for peer in &interface.peers {
            let known: &mut &Peer =
                peers.entry((interface.interface.as_str(), peer.tunnel, peer.nbma)).or_insert(peer);
            if peer.state == PeerState::Up {
                *known = peer;
            }
        }
    }
    peers
}

fn addresses(peer: &Peer) -> (String, String) {
    (peer.tunnel.to_string(), peer.nbma.map_or(String::new(), |nbma| nbma.to_string()))
}

fn add(family: &mut Family, interface: &str, peer: &Peer, value: f64) {
    let (tunnel, nbma) = addresses(peer);
    family.add(&[("interface", interface), ("tunnel_address", &tunnel), ("nbma_address", &nbma)], value);
}
