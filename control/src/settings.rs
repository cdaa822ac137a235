//! The configuration in the NHRP server's words.

use config::Config;
use config::model::Tunnel;
use nhrp::{Authentication, ConfigError, Phase, ServerConfig, StaticMap, TunnelConfig};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Peers that failed or went away and are remembered for `show dmvpn`.
pub const MAX_FAILURES: usize = 4_096;

/// What the server is told at start.
pub fn server(config: &Config) -> Result<ServerConfig, ConfigError> {
    let tunnels = config.tunnel.iter().enumerate().map(|(id, tunnel)| one(id as u8, tunnel));
    Ok(ServerConfig {
        tunnels: tunnels.collect::<Result<_, _>>()?,
        max_bindings: config.hub.max_peers as usize,
        max_failures: MAX_FAILURES,
        // The standard library's hash keys are random.
        seed: RandomState::new().build_hasher().finish(),
    })
}

fn one(id: u8, tunnel: &Tunnel) -> Result<TunnelConfig, ConfigError> {
    let nhrp = &tunnel.nhrp;
    Ok(TunnelConfig {
        name: tunnel.name.clone(),
        vrf: tunnel.vrf,
        network_id: nhrp.network_id,
        authentication: nhrp.authentication.as_ref().map(Authentication::new).transpose()?,
        holdtime: nhrp.holdtime,
        phase: match nhrp.phase {
            1 => Phase::One,
            2 => Phase::Two,
            _ => Phase::Three,
        },
        map_multicast_dynamic: nhrp.map_multicast_dynamic,
        map: nhrp
            .map
            .iter()
            .map(|map| StaticMap { protocol: map.protocol, nbma: map.nbma, multicast: map.multicast })
            .collect(),
        legacy_odd_checksum: nhrp.legacy_odd_checksum,
        redirect_timeout: nhrp.redirect_timeout,
        max_send: nhrp.max_send,
        max_bindings_per_peer: nhrp.max_bindings_per_peer,
        hold_zero_deregisters: nhrp.hold_zero_deregisters,
        require_registration: nhrp.require_registration,
        spoke_addresses: nhrp.spoke_addresses.iter().map(|network| (network.address, network.len)).collect(),
        ..TunnelConfig::new(id, tunnel.source, tunnel.address.address, tunnel.address.len)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
[hub]
name = "hub1"
[[port]]
name = "wan0"
device = "net_null0"
role = "underlay"
address = ["192.0.2.1/24"]
[[tunnel]]
name = "Tunnel0"
interface = "tun0"
source = "192.0.2.1"
address = "10.0.0.1/24"
[tunnel.nhrp]
network-id = 1
"#;

    fn tunnel(more: &str) -> TunnelConfig {
        let config = Config::parse("hub.toml", &format!("{MINIMAL}{more}")).unwrap();
        server(&config).unwrap().tunnels.remove(0)
    }

    #[test]
    fn defaults_are_the_servers() {
        let address = [[192, 0, 2, 1], [10, 0, 0, 1]].map(std::net::Ipv4Addr::from);
        assert_eq!(tunnel(""), TunnelConfig::new(0, address[0], address[1], 24));
    }

    #[test]
    fn every_key_reaches_the_server() {
        let more = r#"
authentication = "secret"
holdtime = 600
phase = 2
map-multicast-dynamic = true
legacy-odd-checksum = true
redirect-timeout = 9
max-send = 77
max-bindings-per-peer = 5
hold-zero-deregisters = true
require-registration = false
spoke-addresses = ["10.0.0.0/25"]
[[tunnel.nhrp.map]]
protocol = "10.0.0.9"
nbma = "203.0.113.9"
"#;
        let (plain, set) = (tunnel(""), tunnel(more));
        assert!(set.authentication.is_some() && set.phase == Phase::Two && set.map.len() == 1);
        assert!(set.map_multicast_dynamic && set.legacy_odd_checksum);
        assert_eq!((set.holdtime, set.redirect_timeout, set.max_send), (600, 9, 77));
        assert_eq!(set.max_bindings_per_peer, 5);
        assert!(set.hold_zero_deregisters && !plain.hold_zero_deregisters);
        assert!(!set.require_registration && plain.require_registration);
        assert_eq!(set.spoke_addresses, [([10, 0, 0, 0].into(), 25)]);
    }
}
