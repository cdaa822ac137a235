//! `check-config`: what a good file says, in short.

use super::{lines, plural};
use config::Config;
use config::model::Role;
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
        out.push(format!("  {}: {role} on {}, {addresses}, MTU {}", port.name, port.device, port.mtu));
    }
    for tunnel in &config.tunnel {
        let key = tunnel.key.map_or("no key".into(), |key| format!("key {key}"));
        let nhrp = &tunnel.nhrp;
        let authentication = if nhrp.authentication.is_some() { "with" } else { "without" };
        out.push(format!(
            "  {} ({}): {} from {}, {key}, ip-mtu {}, network-id {}, phase {}, {authentication} authentication, {}",
            tunnel.name,
            tunnel.interface,
            tunnel.address,
            tunnel.source,
            tunnel.ip_mtu,
            nhrp.network_id,
            nhrp.phase,
            count(nhrp.map.len(), "static mapping", "static mappings"),
        ));
    }
    lines(out)
}
