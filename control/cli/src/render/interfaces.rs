//! `show interfaces`.

use super::{lines, plural};
use api::{Interface, Medium};

/// One block per interface.
pub fn interfaces(interfaces: &[Interface]) -> String {
    lines(interfaces.iter().flat_map(block).collect())
}

fn block(interface: &Interface) -> Vec<String> {
    let up = |up: bool| if up { "up" } else { "down" };
    let admin = if interface.admin_up { "up" } else { "administratively down" };
    let mut out = vec![format!("{} is {admin}, line protocol is {}", interface.name, up(interface.line_up))];
    out.extend(medium(interface));
    for address in &interface.addresses {
        out.push(format!("  Internet address is {address}"));
    }
    let traffic = &interface.traffic;
    out.push(format!("  MTU {} bytes, kernel interface {}", interface.mtu, interface.kernel_interface));
    out.push(format!("     {} packets input, {} bytes", traffic.rx_packets, traffic.rx_bytes));
    out.push(format!("     {} packets output, {} bytes", traffic.tx_packets, traffic.tx_bytes));
    out
}

fn medium(interface: &Interface) -> Vec<String> {
    match &interface.medium {
        Medium::Port { device, role, mac, vlan, speed } => {
            let mac = mac.as_deref().map_or(String::new(), |mac| format!(", address is {mac}"));
            let vlan = vlan.map_or("untagged".into(), |vlan| format!("VLAN {vlan}"));
            let speed = speed.map_or(String::new(), |speed| format!(", {speed} Mbit/s"));
            vec![format!("  Hardware is DPDK port {device}{mac}"), format!("  Role is {role}, {vlan}{speed}")]
        }
        Medium::Tunnel { source, key, ttl, tcp_adjust_mss, network_id, peers_up } => {
            let key = key.map_or("disabled".into(), |key| format!("{key:#X}"));
            let mss = tcp_adjust_mss.map_or("off".into(), |mss| mss.to_string());
            vec![
                "  Hardware is Tunnel".into(),
                format!("  Tunnel source {source}, destination multipoint"),
                "  Tunnel protocol/transport multi-GRE/IP".into(),
                format!("  Key {key}, tunnel TTL {ttl}, tcp adjust-mss {mss}"),
                format!("  NHRP network-id {network_id}, {} up", plural((*peers_up).into(), "peer", "peers")),
            ]
        }
    }
}
