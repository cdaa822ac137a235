//! `show crypto session [detail]`.
//!
//! The layout is Cisco's to the letter: the template of ntc-templates refuses a line it does not know. What the hub
//! knows beyond it has its place in `show crypto ikev2 sa detail` and `show dmvpn detail`.

use super::{discarded, flows};
use crate::render::uptime::uptime;
use crate::render::{foreign, lines};
use api::{CryptoSession, IkeState};

/// What the letters of Capabilities mean.
const CODES: &str = "\
Code: C - IKE Configuration mode, D - Dead Peer Detection
K - Keepalives, N - NAT-traversal, T - cTCP encapsulation
X - IKE Extended Authentication, F - IKE Fragmentation
R - IKE Auto Reconnect, U - IKE Dynamic Route Update
S - SIP VPN

";

/// A block for each session.
pub fn plain(sessions: &[CryptoSession]) -> String {
    let blocks: String = sessions.iter().map(|session| block(session, false)).collect();
    format!("Crypto session current status\n\n{blocks}")
}

/// The same with counters.
pub fn detail(sessions: &[CryptoSession]) -> String {
    let blocks: String = sessions.iter().map(|session| block(session, true)).collect();
    format!("Crypto session current status\n\n{CODES}{blocks}")
}

/// The VRF that its packets travel in.
pub fn fvrf<'a>(session: &'a CryptoSession, none: &'a str) -> &'a str {
    session.fvrf.as_deref().unwrap_or(none)
}

/// The VRFs of what it carries.
pub fn ivrf(session: &CryptoSession, none: &str) -> String {
    if session.ivrf.is_empty() { none.into() } else { session.ivrf.join(" ") }
}

fn block(session: &CryptoSession, detail: bool) -> String {
    let ike = &session.ike;
    let mut out = vec![
        format!("Interface: {}", session.interfaces.join(" ")),
        format!("Profile: {}", session.protection),
    ];
    if let Some(seconds) = session.uptime.filter(|_| detail) {
        out.push(format!("Uptime: {}", uptime(seconds)));
    }
    out.push(format!("Session status: {}", session.status.word()));
    let peer = format!("Peer: {} port {}", ike.remote, ike.remote_port);
    if detail {
        out.push(format!("{peer} fvrf: {} ivrf: {}", fvrf(session, "(none)"), ivrf(session, "(none)")));
        out.push(format!("      Phase1_id: {}", identity(session)));
        out.push(format!("      Desc: {}", description(session)));
    } else {
        out.push(peer);
    }
    out.push(format!("  Session ID: {}", session.id.unwrap_or(0)));
    out.push(ike_sa(session));
    if detail {
        out.push(format!("          {}", capabilities(session)));
    }
    out.extend(flow_lines(session, detail));
    out.push(String::new());
    lines(out)
}

/// Who the peer is.
pub(in crate::render) fn identity(session: &CryptoSession) -> String {
    session.identity.as_deref().map_or("(none)".into(), foreign)
}

/// The spoke's tunnel addresses: what an operator knows it by.
fn description(session: &CryptoSession) -> String {
    if session.tunnels.is_empty() {
        return "(none)".into();
    }
    let tunnels: Vec<String> = session.tunnels.iter().map(ToString::to_string).collect();
    tunnels.join(",")
}

pub(in crate::render) fn ike_sa(session: &CryptoSession) -> String {
    let ike = &session.ike;
    let state = if ike.state == IkeState::Ready { "Active" } else { "Inactive" };
    format!(
        "  IKEv2 SA: local {}/{} remote {}/{} {state}",
        ike.local, ike.local_port, ike.remote, ike.remote_port
    )
}

pub(in crate::render) fn capabilities(session: &CryptoSession) -> String {
    let ike = &session.ike;
    let have = [(ike.dpd > 0, "D"), (ike.nat_local || ike.nat_remote, "N"), (ike.fragmentation, "F")];
    let letters: String = have.into_iter().filter(|(have, _)| *have).map(|(_, letter)| letter).collect();
    let letters = if letters.is_empty() { "(none)" } else { &letters };
    // Cisco counts in hours, however many.
    let left = ike.lifetime.map_or("never".into(), |lifetime| {
        let left = lifetime.saturating_sub(ike.age);
        format!("{:02}:{:02}:{:02}", left / 3600, left / 60 % 60, left % 60)
    });
    format!("Capabilities:{letters} connid:{} lifetime:{left}", session.id.unwrap_or(0))
}

/// The lines of each flow.
pub(in crate::render) fn flow_lines(session: &CryptoSession, detail: bool) -> Vec<String> {
    let mut out = Vec::new();
    for flow in flows(session) {
        out.push(format!("  IPSEC FLOW: permit 47 host {} host {}", flow.local, flow.remote));
        out.push(format!("        Active SAs: {}, origin: crypto map", flow.active()));
        if !detail {
            continue;
        }
        let (received, sent, (kilobytes, seconds)) = (flow.received(), flow.sent(), flow.life());
        out.push(format!(
            "        Inbound:  #pkts dec'ed {} drop {} life (KB/Sec) {kilobytes}/{seconds}",
            received.packets,
            discarded(&received)
        ));
        out.push(format!(
            "        Outbound: #pkts enc'ed {} drop 0 life (KB/Sec) {kilobytes}/{seconds}",
            sent.packets
        ));
    }
    out
}
