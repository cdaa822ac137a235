//! `show dmvpn detail`: per interface the lines that Cisco prints, then what this hub knows beyond them.
//!
//! Cisco's detail rows end in the target network, which no public parser reads (Genie has none for this command).
//! The interface's table therefore comes first as `show dmvpn` prints it: a parser of that reads this as well.

use super::crypto::session;
use super::dmvpn::{attributes, brief, nbma_peers, rows};
use super::failures::one_line;
use super::uptime::since;
use super::{foreign, lines};
use api::{CryptoSession, Dmvpn, Failure, Peer, Traffic};

/// The tables of `show dmvpn`, then each interface in detail.
pub fn detail(interfaces: &[Dmvpn]) -> String {
    let mut out = brief(interfaces);
    for interface in interfaces {
        out += "\n";
        out += &block(interface);
        out += &crypto(interface);
    }
    out + "\n" + &pending(interfaces)
}

fn up(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

fn block(interface: &Dmvpn) -> String {
    let key = interface.key.map_or("disabled".into(), |key| key.to_string());
    let mut out = vec![
        format!(
            "Interface {} is {}/{}, Addr. is {}, VRF \"{}\" ",
            interface.interface,
            up(interface.admin_up),
            up(interface.line_up),
            interface.address.address,
            interface.vrf.as_deref().unwrap_or("")
        ),
        format!(
            "   Tunnel Src./Dest. addr: {}/MGRE, Tunnel VRF \"{}\"",
            interface.source,
            interface.tunnel_vrf.as_deref().unwrap_or("")
        ),
        format!(
            "   Protocol/Transport: \"multi-GRE/IP\", Protect \"{}\" ",
            interface.protection.as_deref().unwrap_or("")
        ),
        "   Interface State Control: Disabled".into(),
        "   nhrp event-publisher : Disabled".into(),
        format!(
            "   Tunnel key: {key}, NHRP network-id: {}, Phase: {}, Kernel interface: {}",
            interface.network_id, interface.phase, interface.kernel_interface
        ),
        String::new(),
        format!("Type:Hub, Total NBMA Peers (v4/v6): {}", nbma_peers(&interface.peers)),
    ];
    if interface.peers.is_empty() {
        return lines(out);
    }
    out.push(String::new());
    out.push("# Ent  Peer NBMA Addr Peer Tunnel Add State  UpDn Tm Attrb    Target Network".into());
    out.push("----- --------------- --------------- ----- -------- ----- -----------------".into());
    for row in rows(&interface.peers) {
        let (entries, nbma, peer) = (row.entries, row.nbma, row.peer);
        let (tunnel, state) = (peer.tunnel.to_string(), peer.state.word());
        let (time, attributes, network) = (since(peer.since), attributes(peer), peer.network.to_string());
        out.push(format!(
            "{entries:>5} {nbma:<15} {tunnel:>15} {state:>5} {time:>8} {attributes:>4}  {network:>17}"
        ));
        out.extend(more(peer));
    }
    lines(out)
}

/// The IKE sessions of an interface.
fn crypto(interface: &Dmvpn) -> String {
    if interface.sessions.is_empty() {
        return String::new();
    }
    let mut out = vec![String::new(), "Crypto Session Details: ".into(), "-".repeat(80)];
    interface.sessions.iter().for_each(|of| out.extend(session(interface, of)));
    lines(out)
}

fn session(interface: &Dmvpn, of: &CryptoSession) -> Vec<String> {
    let number = of.id.unwrap_or(0);
    let mut out = vec![
        String::new(),
        format!("Interface: {}", interface.interface),
        format!("Session: [0x{number:08X}]"),
        format!("  Session ID: {number}"),
        session::ike_sa(of),
        format!("          {}", session::capabilities(of)),
        format!("  Crypto Session Status: {}", of.status.word()),
        format!("  fvrf: {}, Phase1_id: {}", session::fvrf(of, "(none)"), session::identity(of)),
    ];
    out.extend(session::flow_lines(of, true));
    for child in of.children.iter().filter(|child| child.in_use) {
        out.push(format!("   Outbound SPI : 0x{:8X}, transform : {}", child.spi_out, child.transform));
    }
    let open = if of.children.iter().any(|child| child.in_use) { "Open" } else { "Closed" };
    out.push(format!("    Socket State: {open}"));
    out
}

/// What Cisco has no column for, below the row.
fn more(peer: &Peer) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(identity) = &peer.identity {
        let session = peer.session.map_or("no session".into(), |number| format!("session {number}"));
        out.push(format!("    Identity: {}, {session}", foreign(identity)));
    }
    if let Some(claimed) = peer.claimed_nbma {
        out.push(format!("    Claimed NBMA address: {claimed}"));
    }
    if let Some(Traffic { rx_packets, rx_bytes, tx_packets, tx_bytes }) = peer.traffic {
        out.push(format!(
            "    Input: {rx_packets} packets, {rx_bytes} bytes; output: {tx_packets} packets, {tx_bytes} bytes"
        ));
    }
    if let Some(failure) = &peer.last_failure {
        out.push(format!("    Last failure: {}", one_line(failure)));
    }
    if let Some(group) = &peer.group {
        out.push(format!("NHRP group: {}", foreign(group)));
    }
    out
}

/// Peers that are not up and known to have failed: Cisco's heading for sessions that do not come up.
fn pending(interfaces: &[Dmvpn]) -> String {
    let mut out = vec!["Pending DMVPN Sessions:".to_string()];
    for interface in interfaces {
        let failed = interface.peers.iter().filter(|peer| peer.state != api::PeerState::Up);
        for (peer, failure) in failed.filter_map(|peer| Some((peer, peer.last_failure.as_ref()?))) {
            out.push(String::new());
            out.push(format!("Interface: {}, Peer: {}", interface.interface, peer.tunnel));
            out.extend(cause(failure));
        }
    }
    lines(out)
}

fn cause(failure: &Failure) -> [String; 2] {
    [format!("  {}", one_line(failure)), format!("  {}", failure.cause.remedy())]
}
