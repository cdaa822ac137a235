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
        ..TunnelConfig::new(id, tunnel.source, tunnel.address.address, tunnel.address.len)
    })
}
