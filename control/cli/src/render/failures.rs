//! `show dmvpn why` and `show dmvpn failures`: why a spoke is not up, and what to look at.

use super::uptime::{since, uptime};
use super::{cache, dmvpn, foreign, lines, plural};
use api::{Failure, Peer, PeerState, Why};

/// Age, meaning and particulars.
pub(super) fn one_line(failure: &Failure) -> String {
    let detail = failure.detail.as_deref().map_or(String::new(), |detail| format!(" ({})", foreign(detail)));
    let meaning = failure.cause.meaning().trim_end_matches('.');
    let times = if failure.count > 1 { format!(", {} times", failure.count) } else { String::new() };
    format!("{meaning}{detail}, {} ago{times}", uptime(failure.age))
}

/// All failures, latest first.
pub fn list(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return "No spoke has failed.\n".into();
    }
    lines(failures.iter().flat_map(block).collect())
}

fn block(failure: &Failure) -> Vec<String> {
    let nbma = failure.nbma.map_or("UNKNOWN".into(), |nbma| nbma.to_string());
    let tunnel = failure.tunnel.map_or(String::new(), |tunnel| format!(", tunnel address {tunnel}"));
    let interface = failure.interface.as_deref().map_or(String::new(), |name| format!(", {name}"));
    let identity =
        failure.identity.as_deref().map_or(String::new(), |name| format!(", identity {}", foreign(name)));
    vec![
        format!("NBMA {nbma}{tunnel}{identity}{interface}"),
        format!("  {}", one_line(failure)),
        format!("  {}", failure.cause.remedy()),
    ]
}

/// What a peer that has not failed waits for.
fn waiting(peer: &Peer) -> &'static str {
    match (peer.state, peer.session) {
        (PeerState::Ipsec, _) => "it is authenticated by IKE and has no IPsec SA yet",
        (PeerState::Nhrp, Some(_)) => {
            "IKE and IPsec are, but it has not registered: check `ip nhrp nhs` on the spoke, and whether ESP passes"
        }
        _ => "nothing has been heard from it",
    }
}

/// Everything about one address, and the verdict first.
pub fn why(why: &Why) -> String {
    let all = || why.interfaces.iter().flat_map(|of| of.peers.iter().map(move |peer| (of, peer)));
    let first = |state| all().find(|(_, peer)| peer.state == state);
    let verdict = match (first(PeerState::Up), first(PeerState::Intf), why.failures.first(), all().next()) {
        (Some((_, peer)), ..) => format!("{} is up, since {}.", why.address, since(peer.since)),
        (None, Some((interface, _)), ..) => format!(
            "{} is registered, but {} does not work. See `hubctl show status` for whether hub-dataplane is attached, \
             and `hubctl show interfaces` for whether the port with {} has a link.",
            why.address, interface.interface, interface.source
        ),
        (None, None, Some(failure), _) => format!("{} is not up: {}.", why.address, one_line(failure)),
        (None, None, None, Some((_, peer))) => format!("{} is not up; {}.", why.address, waiting(peer)),
        (None, None, None, None) => format!(
            "Nothing has been heard from {}: neither GRE nor NHRP of this address has reached the hub. Check the \
             underlay path, and that `ip nhrp map` and `ip nhrp nhs` on the spoke name this hub.",
            why.address
        ),
    };
    let mut out = verdict + "\n";
    if !why.failures.is_empty() {
        out += &format!("\n{}:\n", plural(why.failures.len() as u64, "failure", "failures"));
        out += &list(&why.failures);
    }
    out += &dmvpn::tables(&why.interfaces);
    if !why.entries.is_empty() {
        out += "\n";
        out += &cache::detail(&why.entries);
    }
    out
}
