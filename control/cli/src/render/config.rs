//! `check-config`: what a good file says, in short.

use super::{lines, plural};
use config::Config;
use config::model::{Ike, Role};
use std::path::Path;

/// One line per port and tunnel.
pub fn summary(file: &Path, config: &Config) -> String {
    let count = |count: usize, one: &str, many: &str| plural(count as u64, one, many);
    let mut out = vec![format!(
        "{}: no mistakes. {}: {}, {}, {}, at most {} peers, {}",
        file.display(),
        config.hub.name,
        count(config.port.len(), "port", "ports"),
        count(config.tunnel.len(), "tunnel", "tunnels"),
        count(config.route.len(), "route", "routes"),
        config.hub.max_peers,
        count(config.dataplane.cores.len(), "worker", "workers"),
    )];
    for port in &config.port {
        let role = match port.role {
            Role::Underlay => "underlay",
            Role::Lan => "lan",
        };
        let addresses: Vec<String> = port.address.iter().map(ToString::to_string).collect();
        let addresses = if addresses.is_empty() { "no address".into() } else { addresses.join(", ") };
        let vlan = port.vlan.map_or(String::new(), |vlan| format!("VLAN {vlan} of "));
        let on = port.parent.as_ref().unwrap_or(&port.device);
        out.push(format!("  {}: {role} on {vlan}{on}, {addresses}, MTU {}", port.name, port.mtu));
    }
    for tunnel in &config.tunnel {
        let key = tunnel.key.map_or("no key".into(), |key| format!("key {key}"));
        let nhrp = &tunnel.nhrp;
        let authentication = if nhrp.authentication.is_some() { "with" } else { "without" };
        let twin = if tunnel.host_prefix { " (/32 in the kernel)" } else { "" };
        out.push(format!(
            "  {} ({}): {}{twin} from {}, {key}, {}, ip-mtu {}, network-id {}, phase {}, {authentication} authentication, {}",
            tunnel.name,
            tunnel.interface,
            tunnel.address,
            tunnel.source,
            tunnel.protection.as_ref().map_or("in the clear".into(), |name| format!("protection {name}")),
            tunnel.ip_mtu,
            nhrp.network_id,
            nhrp.phase,
            count(nhrp.map.len(), "static mapping", "static mappings"),
        ));
    }
    if !config.protection.is_empty() {
        out.push(ike(&config.ike));
    }
    lines(out)
}

/// Who may come, and by what.
fn ike(ike: &Ike) -> String {
    let count = |count: usize, one: &str, many: &str| plural(count as u64, one, many);
    let certificate = if ike.own.is_some() { "a certificate" } else { "no certificate" };
    format!(
        "  IKE: identity {}, {certificate}, {}, {}, {}",
        ike.identity.as_deref().unwrap_or("by default"),
        count(ike.authority.len(), "authority", "authorities"),
        count(ike.key.len(), "pre-shared key", "pre-shared keys"),
        count(ike.claim.len(), "claim", "claims"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example() {
        let example = include_str!("../../../../scripts/hub.toml.example");
        let config = Config::parse("hub.toml", example).unwrap();
        let text = summary(Path::new("hub.toml"), &config);
        assert!(
            text.starts_with(
                "hub.toml: no mistakes. hub1: 3 ports, 2 tunnels, 2 routes, at most 16384 peers"
            )
        );
        assert!(
            text.contains("Tunnel0 (tun0): 10.0.0.1/24 from 192.0.2.1, key 1, protection DMVPN, ip-mtu 1400")
        );
        assert!(text.contains("  lan0: lan on 0000:03:00.1, 10.1.0.1/24, MTU 1500\n"));
        assert!(text.contains("  lan0.20: lan on VLAN 20 of lan0, 10.1.20.1/24, MTU 1500\n"));
        assert!(text.contains("key 2, in the clear, ip-mtu 1400"));
        assert!(text.ends_with(
            "  IKE: identity hub.example.net, no certificate, 0 authorities, 1 pre-shared key, 1 claim\n"
        ));
        assert!(!text.contains("change this"));
    }
}
