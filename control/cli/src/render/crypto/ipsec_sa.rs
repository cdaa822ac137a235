//! `show crypto ipsec sa`.

use super::suite::group;
use super::{Flow, discarded, flows, settings};
use crate::render::lines;
use api::{ChildSa, CryptoSession};

/// A section for each interface; a session that serves several is in that of the first.
pub fn plain(sessions: &[CryptoSession]) -> String {
    let mut interfaces: Vec<&str> = Vec::new();
    for session in sessions.iter().filter(|session| !session.children.is_empty()) {
        if let Some(first) = session.interfaces.first().filter(|first| !interfaces.contains(&first.as_str()))
        {
            interfaces.push(first);
        }
    }
    if interfaces.is_empty() {
        return "No SAs found\n".into();
    }
    interfaces.iter().map(|interface| section(interface, sessions)).collect()
}

fn section(interface: &str, sessions: &[CryptoSession]) -> String {
    let of: Vec<&CryptoSession> = sessions
        .iter()
        .filter(|session| session.interfaces.first().is_some_and(|first| first == interface))
        .collect();
    let Some(first) = of.first() else { return String::new() };
    let mut out = vec![
        String::new(),
        format!("interface: {interface}"),
        format!("    Crypto map tag: {interface}-head-0, local addr {}", first.ike.local),
    ];
    if let Some((_, others)) = first.interfaces.split_first().filter(|(_, others)| !others.is_empty()) {
        out.push(format!("    Shared with: {}", others.join(" ")));
    }
    for session in of {
        for flow in flows(session) {
            out.extend(ident(session, &flow));
        }
    }
    lines(out)
}

fn ident(session: &CryptoSession, flow: &Flow) -> Vec<String> {
    let (ike, received, sent) = (&session.ike, flow.received(), flow.sent());
    let Some(newest) = flow.children.first() else { return Vec::new() };
    let discarded = discarded(&received);
    let replayed = received.replay_old + received.replay_dup;
    let (plaintext, path) = (newest.plaintext_mtu.unwrap_or(0), newest.path_mtu.unwrap_or(0));
    let (perfect, exchange) = match &newest.pfs {
        Some(word) => ("Y", group(word).map_or_else(|| word.clone(), |number| format!("group{number}"))),
        None => ("N", "none".into()),
    };
    let mut out = vec![
        String::new(),
        format!("   protected vrf: {}", super::session::ivrf(session, "(none)")),
        format!("   local  ident (addr/mask/prot/port): ({}/255.255.255.255/47/0)", flow.local),
        format!("   remote ident (addr/mask/prot/port): ({}/255.255.255.255/47/0)", flow.remote),
        format!("   current_peer {} port {}", ike.remote, ike.remote_port),
        "     PERMIT, flags={origin_is_acl,}".into(),
        format!("    #pkts encaps: {0}, #pkts encrypt: {0}, #pkts digest: {0}", sent.packets),
        format!("    #pkts decaps: {0}, #pkts decrypt: {0}, #pkts verify: {0}", received.packets),
        "    #pkts compressed: 0, #pkts decompressed: 0".into(),
        "    #pkts not compressed: 0, #pkts compr. failed: 0".into(),
        "    #pkts not decompressed: 0, #pkts decompress failed: 0".into(),
        format!("    #send errors {}, #recv errors {discarded}", sent.failed),
        format!("    #pkts invalid prot (recv) 0, #pkts verify failed: {}", received.icv_failed),
        format!("    ##pkts replay failed (rcv): {replayed}"),
        String::new(),
        format!("     local crypto endpt.: {}, remote crypto endpt.: {}", ike.local, ike.remote),
        format!(
            "     plaintext mtu {plaintext}, path mtu {path}, ip mtu {path}, ip mtu idb {}",
            session.interfaces.first().map_or("(none)", String::as_str)
        ),
        format!("     current outbound spi: {}", spi(newest.spi_out)),
        format!("     PFS (Y/N): {perfect}, DH group: {exchange}"),
        String::new(),
        "     inbound esp sas:".into(),
    ];
    out.extend(flow.children.iter().flat_map(|child| sa(session, child, true)));
    out.extend(
        ["", "     inbound ah sas:", "", "     inbound pcp sas:", "", "     outbound esp sas:"]
            .map(Into::into),
    );
    let sending = flow.children.iter().filter(|child| !child.lingering);
    out.extend(sending.flat_map(|child| sa(session, child, false)));
    out.extend(["", "     outbound ah sas:", "", "     outbound pcp sas:"].map(Into::into));
    out
}

fn spi(spi: u32) -> String {
    format!("0x{spi:08X}({spi})")
}

fn sa(session: &CryptoSession, child: &ChildSa, inbound: bool) -> Vec<String> {
    let number = if inbound { child.spi_in } else { child.spi_out };
    let left = |left: Option<u64>| left.map_or("unlimited".into(), |left| left.to_string());
    let iv = if child.transform.contains("gcm") { 8 } else { 16 };
    let status = if child.lingering { "EXPIRING(EXPIRING)" } else { "ACTIVE(ACTIVE)" };
    let map = session.interfaces.first().map_or("", String::as_str);
    vec![
        format!("      spi: {}", spi(number)),
        format!("        transform: {} ,", child.transform),
        format!("        in use settings ={{{}}}", settings(child)),
        format!(
            "        conn id: {0}, flow_id: SW:{0}, sibling_flags {1:08X}, crypto map: {map}-head-0",
            child.id,
            u32::from(child.in_use)
        ),
        format!(
            "        sa timing: remaining key lifetime (k/sec): ({}/{})",
            left(child.remaining_kilobytes),
            left(child.remaining_seconds)
        ),
        format!("        IV size: {iv} bytes"),
        "        replay detection support: Y".into(),
        format!("        Status: {status}"),
    ]
}
