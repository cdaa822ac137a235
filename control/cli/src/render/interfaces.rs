//! `show interfaces`.

use super::{lines, plural};
use api::{Interface, Loss, Medium};

/// One block per interface.
pub fn interfaces(interfaces: &[Interface]) -> String {
    lines(interfaces.iter().flat_map(block).collect())
}

fn up(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

fn block(interface: &Interface) -> Vec<String> {
    let admin = if interface.admin_up { "up" } else { "administratively down" };
    let mut out = vec![format!("{} is {admin}, line protocol is {}", interface.name, up(interface.line_up))];
    out.extend(medium(interface));
    if let Some(vrf) = &interface.vrf {
        out.push(format!("  VPN Routing/Forwarding \"{vrf}\""));
    }
    for address in &interface.addresses {
        out.push(format!("  Internet address is {address}"));
    }
    let traffic = &interface.traffic;
    out.push(format!("  MTU {} bytes, kernel interface {}", interface.mtu, interface.kernel_interface));
    out.push(format!("     {} packets input, {} bytes", traffic.rx_packets, traffic.rx_bytes));
    out.push(format!("     {} packets output, {} bytes", traffic.tx_packets, traffic.tx_bytes));
    let kernel = &interface.kernel;
    out.push(format!("     {} packets from the kernel, {} bytes", kernel.from_packets, kernel.from_bytes));
    out.push(format!("     {} packets to the kernel, {} bytes", kernel.to_packets, kernel.to_bytes));
    let lost: u64 = interface.losses.iter().map(|loss| loss.packets).sum();
    out.push(format!("     {lost} packets lost outside of the workers"));
    for Loss { reason, meaning, packets } in interface.losses.iter().filter(|loss| loss.packets > 0) {
        out.push(format!("        {packets} {reason}: {meaning}"));
    }
    out
}

fn medium(interface: &Interface) -> Vec<String> {
    match &interface.medium {
        Medium::Port { device, role, mac, vlan, link_up, speed } => {
            let mac = mac.as_deref().map_or(String::new(), |mac| format!(", address is {mac}"));
            let vlan = vlan.map_or("untagged".into(), |vlan| format!("VLAN {vlan}"));
            let link = link_up.map_or("unknown", up);
            let speed = speed.map_or(String::new(), |speed| format!(" at {speed} Mbit/s"));
            vec![
                format!("  Hardware is DPDK port {device}{mac}"),
                format!("  Role is {role}, {vlan}, link is {link}{speed}"),
            ]
        }
        Medium::Tunnel { source, tunnel_vrf, key, ttl, tcp_adjust_mss, network_id, peers_up } => {
            let key = key.map_or("disabled".into(), |key| format!("{key:#X}"));
            let mss = tcp_adjust_mss.map_or("off".into(), |mss| mss.to_string());
            let vrf = tunnel_vrf.as_deref().map_or(String::new(), |vrf| format!(" (via vrf {vrf})"));
            vec![
                "  Hardware is Tunnel".into(),
                format!("  Tunnel source {source}{vrf}, destination multipoint"),
                "  Tunnel protocol/transport multi-GRE/IP".into(),
                format!("  Key {key}, tunnel TTL {ttl}, tcp adjust-mss {mss}"),
                format!("  NHRP network-id {network_id}, {} up", plural((*peers_up).into(), "peer", "peers")),
            ]
        }
    }
}
