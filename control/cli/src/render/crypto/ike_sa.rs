//! `show crypto ikev2 sa [detail]`.

use super::session::{self, identity};
use super::suite::Suite;
use crate::render::uptime::uptime;
use crate::render::{foreign, lines, plural};
use api::{CryptoSession, IkeState};

/// One entry for each IKE SA.
pub fn plain(sessions: &[CryptoSession]) -> String {
    table(sessions, false)
}

/// The same with all that is known.
pub fn detail(sessions: &[CryptoSession]) -> String {
    table(sessions, true)
}

fn table(sessions: &[CryptoSession], detail: bool) -> String {
    let mut out = vec![" IPv4 Crypto IKEv2  SA ".to_string(), String::new()];
    // Half-open ones have no number yet: they are counted on from the others, since parsers know an SA by it.
    let mut next = sessions.iter().filter_map(|session| session.id).max().unwrap_or(0);
    for session in sessions {
        let number = session.id.unwrap_or_else(|| {
            next = next.saturating_add(1);
            next
        });
        out.extend(entry(session, number, detail));
        out.push(String::new());
    }
    // Genie wants the heading, and IOS prints it.
    out.push(" IPv6 Crypto IKEv2  SA ".into());
    out.push(String::new());
    lines(out)
}

fn entry(session: &CryptoSession, number: u32, detail: bool) -> Vec<String> {
    let (ike, suite) = (&session.ike, Suite::new(&session.ike.suite));
    let end = |address: std::net::Ipv4Addr, port: u16| format!("{address}/{port}");
    let auth = |method: &Option<String>| method.clone().unwrap_or("Unknown".into());
    let mut out = vec![
        "Tunnel-id Local                 Remote                fvrf/ivrf            Status ".into(),
        format!(
            "{number:<9} {:<21} {:<21} {:<20} {}  ",
            end(ike.local, ike.local_port),
            end(ike.remote, ike.remote_port),
            format!("{}/{}", session::fvrf(session, "none"), session::ivrf(session, "none")),
            ike.state.word()
        ),
        format!(
            "      Encr: {}, keysize: {}, PRF: {}, Hash: {}, DH Grp:{}, Auth sign: {}, Auth verify: {}",
            suite.encryption,
            suite.key,
            suite.prf,
            suite.hash,
            suite.group,
            auth(&ike.local_auth),
            auth(&ike.remote_auth)
        ),
    ];
    if !suite.additional.is_empty() {
        out.push(format!("      PQC Key Exchange: {}", suite.additional));
    }
    out.push(format!("      Life/Active Time: {}/{} sec", ike.lifetime.unwrap_or(0), ike.age));
    out.push(format!("      CE id: 0, Session-id: {}", session.id.unwrap_or(0)));
    if detail {
        let status = match ike.state {
            IkeState::Negotiating => "Negotiation in progress",
            IkeState::Ready => "Negotiation done",
            IkeState::Deleting => "Deleting",
        };
        out.push(format!("      Status Description: {status}"));
    }
    out.push(format!("      Local spi: {}       Remote spi: {}", ike.local_spi, ike.remote_spi));
    if detail {
        out.extend(more(session, &suite));
    }
    out
}

fn more(session: &CryptoSession, suite: &Suite) -> Vec<String> {
    let ike = &session.ike;
    let yes = |yes: bool| if yes { "Yes" } else { "No" };
    let nat = match (ike.nat_local, ike.nat_remote) {
        (false, false) => "is not detected",
        (true, false) => "is detected inside",
        (false, true) => "is detected outside",
        (true, true) => "is detected on both sides",
    };
    let mut out = vec![
        format!("Local id: {}", ike.local_identity.as_deref().map_or("(none)".into(), foreign)),
        format!("Remote id: {}", identity(session)),
        match ike.dpd {
            0 => "DPD not configured.".into(),
            seconds => format!("DPD configured for {seconds} seconds, retry 5"),
        },
        format!("Fragmentation {}.", if ike.fragmentation { "negotiated" } else { "not negotiated" }),
        "Dynamic Route Update: disabled".into(),
        "Extended Authentication not configured.".into(),
        format!("NAT-T {nat}"),
        "Cisco Trust Security SGT is disabled".into(),
        format!("Initiator of SA : {}", yes(ike.initiator)),
    ];
    if !suite.additional.is_empty() {
        out.push(format!("Quantum-safe Encryption using PQC: {}", suite.additional));
    }
    let up = session.uptime.map_or(String::new(), |seconds| format!("Up for {}, ", uptime(seconds)));
    out.push(format!(
        "{up}last heard {} ago, {}, {}",
        uptime(ike.idle),
        plural(ike.rekeys.into(), "rekey", "rekeys"),
        plural(session.children.len() as u64, "child SA", "child SAs")
    ));
    let tunnels: Vec<String> = session.tunnels.iter().map(ToString::to_string).collect();
    let registered = if tunnels.is_empty() { "none".into() } else { tunnels.join(", ") };
    out.push(format!("Registered tunnel addresses: {registered}"));
    out.into_iter().map(|line| format!("      {line}")).collect()
}
