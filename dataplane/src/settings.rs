//! `hub.toml` in the terms of the packet engine and of DPDK.

use config::Config;
use config::model::{CryptoEngine, Port, Role};
use dpdk::EalConfig;
use forwarding::crypto::{Choice, Engine, EngineError, SEED, Wish};
use forwarding::limiter::Rate;
use forwarding::{ControlPlane, PortAddress, PortSettings, Security, Settings, TunnelSettings};
use rustix::rand::{GetRandomFlags, getrandom};
use shm::Segment;
use shm::class::Class;
use shm::message::Transform;
use shm::service::Cipher;

/// A MAC address that is none.
#[derive(Debug, thiserror::Error)]
#[error("port {port}: `{text}` is not a unicast MAC address such as 02:00:00:00:00:01")]
pub struct BadMac {
    port: String,
    text: String,
}

/// How DPDK starts. `cpus`: those the process may run on.
pub fn eal(config: &Config, cpus: Vec<usize>) -> EalConfig {
    let dataplane = &config.dataplane;
    // Part of a path.
    let name: String =
        config.hub.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let pci = config
        .devices()
        .filter(|(_, port)| dpdk::is_pci(&port.device))
        .map(|(_, port)| port.device.clone())
        .collect();
    EalConfig {
        name: format!("dmvpn-hub-{name}"),
        hugepages: dataplane.hugepages,
        memory: dataplane.memory,
        cpus,
        pci,
        extra: dataplane.eal_args.clone(),
    }
}

/// The MAC address that the configuration gives a port.
pub fn mac(port: &Port) -> Result<Option<[u8; 6]>, BadMac> {
    let Some(text) = &port.mac else { return Ok(None) };
    let wrong = || BadMac { port: port.name.clone(), text: text.clone() };
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for octet in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2).ok_or_else(wrong)?;
        *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    let unicast = mac[0] & 1 == 0 && mac != [0; 6];
    if parts.next().is_some() || !unicast { Err(wrong()) } else { Ok(Some(mac)) }
}

/// What the packet engine must know; `macs` are the ports' in order.
pub fn forwarding(config: &Config, macs: &[[u8; 6]]) -> Settings {
    let port = |(port, mac): (&Port, &[u8; 6])| PortSettings {
        role: match port.role {
            Role::Underlay => forwarding::Role::Underlay,
            Role::Lan => forwarding::Role::Lan,
        },
        vrf: port.vrf,
        mac: *mac,
        vlan: port.vlan,
        mtu: port.mtu,
        unreachables: port.ip_unreachables,
        addresses: port.address.iter().map(|p| PortAddress { address: p.address, len: p.len }).collect(),
    };
    let tunnel = |tunnel: &config::model::Tunnel| TunnelSettings {
        vrf: tunnel.vrf,
        tunnel_vrf: tunnel.tunnel_vrf,
        source: tunnel.source,
        key: tunnel.key,
        address: tunnel.address.address,
        len: tunnel.address.len,
        ip_mtu: tunnel.ip_mtu,
        adjust_mss: tunnel.tcp_adjust_mss,
        ttl: tunnel.ttl,
        network_id: tunnel.nhrp.network_id,
        redirect: tunnel.nhrp.phase >= 3,
        unreachables: tunnel.ip_unreachables,
        redirect_timeout: u32::from(tunnel.nhrp.redirect_timeout) * 1000,
        multicast_rate: tunnel.multicast_rate,
        protected: is_protected(tunnel),
    };
    Settings {
        ports: config.port.iter().zip(macs).map(port).collect(),
        tunnels: config.tunnel.iter().map(tunnel).collect(),
        vrfs: config.vrf_count(),
        max_peers: config.hub.max_peers,
        workers: config.dataplane.cores.len(),
        buffers: config.dataplane.buffers,
        control_plane: ControlPlane::new(|class| allowed(&config.control_plane, class)),
    }
}

/// What a class is allowed.
fn allowed(control_plane: &config::model::ControlPlane, class: Class) -> Rate {
    let police = match class {
        Class::Routing => control_plane.routing,
        Class::Nhrp => control_plane.nhrp,
        Class::Ike => control_plane.ike,
        Class::Arp => control_plane.arp,
        Class::Icmp => control_plane.icmp,
        Class::Rest => control_plane.rest,
    };
    Rate { per_second: police.rate, burst: police.burst }
}

/// Why tunnels cannot be protected.
#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    /// The crypto engine.
    #[error("`crypto-engine`: {0}")]
    Engine(#[from] EngineError),
    /// The system's random source.
    #[error("the system gives no random octets: {0}")]
    Random(#[from] rustix::io::Errno),
}

/// Whether the tunnel's packets travel in ESP.
fn is_protected(tunnel: &config::model::Tunnel) -> bool {
    tunnel.protection.is_some()
}

/// What tunnels with protection need; `None` where there is none.
pub fn security(config: &Config, segment: &Segment) -> Result<Option<Security>, SecurityError> {
    if !config.tunnel.iter().any(is_protected) {
        segment.service().engines.iter().for_each(|engine| engine.set(""));
        return Ok(None);
    }
    let choice = Choice::new(match config.dataplane.crypto_engine {
        CryptoEngine::Auto => Wish::Auto,
        CryptoEngine::Portable => Wish::Only(Engine::Portable),
        CryptoEngine::Ring => Wish::Only(Engine::Ring),
        CryptoEngine::IpsecMb => Wish::Only(Engine::IpsecMb),
    })?;
    choice.findings().iter().for_each(|finding| tracing::info!("crypto: {finding}"));
    let engines = &segment.service().engines;
    for transform in Transform::ALL {
        let label = engines.get(Cipher::of(*transform) as usize);
        label.into_iter().for_each(|label| label.set(&choice.implementation(*transform)));
    }
    let seeds = vec![[0; SEED]; config.dataplane.cores.len()];
    let mut security = Security { cells: segment.sas_shared(), choice, seeds };
    for seed in &mut security.seeds {
        // So few octets come at once or not at all.
        getrandom(seed, GetRandomFlags::empty())?;
    }
    Ok(Some(security))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(mac: &str) -> Port {
        Port {
            name: "wan0".into(),
            device: "net_null0".into(),
            parent: None,
            role: Role::Underlay,
            vrf: 0,
            address: vec![],
            gateway: None,
            mtu: 1500,
            vlan: None,
            mac: Some(mac.into()),
            ip_unreachables: true,
        }
    }

    #[test]
    fn mac_addresses() {
        assert_eq!(mac(&port("02:00:5e:10:ff:01")).unwrap(), Some([2, 0, 0x5e, 0x10, 0xff, 1]));
        assert_eq!(mac(&port("02-00-5e-10-ff-01")).unwrap(), Some([2, 0, 0x5e, 0x10, 0xff, 1]));
        for wrong in [
            "",
            "02:00:5e:10:ff",
            "02:00:5e:10:ff:01:02",
            "03:00:00:00:00:01",
            "00:00:00:00:00:00",
            "2:0:0:0:0:1",
        ] {
            assert!(mac(&port(wrong)).is_err(), "{wrong}");
        }
    }
}
