//! What must hold between values: each finding names the key that is most likely wrong.

mod control_plane;
mod dataplane;
pub(crate) mod files;
mod security;
mod vlans;
mod vrfs;

use crate::model::{Config, Port, Prefix, Role, Tunnel, VrfId};
use crate::reader::Findings;
use crate::{MAX_PORTS, MAX_TUNNELS};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Octets of an IPv4 and a TCP header without options.
const IP_TCP: u16 = 40;

/// Checks everything; `cores` are those of this machine.
pub(crate) fn check(config: &Config, cores: Option<&[usize]>, findings: &mut Findings) {
    bounds(config, findings);
    names(config, findings);
    dataplane::check(config, cores, findings);
    control_plane::check(config, findings);
    vlans::check(config, findings);
    vrfs::check(config, findings);
    subnets(config, findings);
    for (index, port) in config.port.iter().enumerate() {
        self::port(port, &format!("port[{index}]"), findings);
    }
    for (index, tunnel) in config.tunnel.iter().enumerate() {
        self::tunnel(config, tunnel, &format!("tunnel[{index}]"), findings);
    }
    keys(config, findings);
    maps(config, findings);
    routes(config, findings);
    security::check(config, findings);
}

fn bounds(config: &Config, findings: &mut Findings) {
    if config.port.len() > MAX_PORTS {
        findings.error(&format!("port[{MAX_PORTS}]"), format!("a hub has at most {MAX_PORTS} ports"));
    }
    if config.tunnel.len() > MAX_TUNNELS {
        findings.error(&format!("tunnel[{MAX_TUNNELS}]"), format!("a hub has at most {MAX_TUNNELS} tunnels"));
    }
    let maps = config.tunnel.iter().map(|t| t.nhrp.map.len() + t.nhrp.map_multicast.len());
    let maps: usize = maps.sum();
    if maps > config.hub.max_peers as usize {
        let message = format!("{maps} static mappings are more than max-peers ({})", config.hub.max_peers);
        findings.error("hub.max-peers", message);
    }
}

/// Reports every value that an earlier place has already.
fn distinct<'a>(values: impl Iterator<Item = (String, &'a str)>, what: &str, findings: &mut Findings) {
    let mut first: BTreeMap<&str, String> = BTreeMap::new();
    for (place, value) in values {
        match first.get(value) {
            Some(other) => findings.error(&place, format!("{what} \"{value}\" is taken by {other}")),
            None => drop(first.insert(value, place)),
        }
    }
}

fn names(config: &Config, findings: &mut Findings) {
    let ports = config.port.iter().enumerate();
    let tunnels = config.tunnel.iter().enumerate();
    let kernel = (ports.clone().map(|(i, port)| (format!("port[{i}].name"), port.name.as_str()))).chain(
        tunnels.clone().map(|(i, tunnel)| (format!("tunnel[{i}].interface"), tunnel.interface.as_str())),
    );
    distinct(kernel, "the kernel interface", findings);
    let shown = tunnels.map(|(i, tunnel)| (format!("tunnel[{i}].name"), tunnel.name.as_str()));
    distinct(shown, "the name", findings);
    // An operator names an interface by one word, whether port or tunnel.
    for (index, tunnel) in config.tunnel.iter().enumerate() {
        if config.port.iter().any(|port| port.name == tunnel.name) {
            findings
                .error(&format!("tunnel[{index}].name"), format!("a port is called {} already", tunnel.name));
        }
    }
    distinct(
        config.devices().map(|(i, port)| (format!("port[{i}].device"), port.device.as_str())),
        "the device",
        findings,
    );
}

/// A packet's way must be one: no two subnets of a VRF may share an address, except those of one port.
fn subnets(config: &Config, findings: &mut Findings) {
    let ports = config.port.iter().enumerate().flat_map(|(i, port)| {
        port.address
            .iter()
            .enumerate()
            .map(move |(n, address)| (i, port.vrf, format!("port[{i}].address[{n}]"), *address))
    });
    let tunnels = (config.tunnel.iter().enumerate())
        .map(|(i, tunnel)| (MAX_PORTS + i, tunnel.vrf, format!("tunnel[{i}].address"), tunnel.address));
    let all: Vec<(usize, VrfId, String, Prefix)> = ports.chain(tunnels).collect();
    for (index, (owner, vrf, place, prefix)) in all.iter().enumerate() {
        let clash =
            all[..index].iter().find(|(other_owner, other_vrf, _, other)| match owner == other_owner {
                true => prefix.address == other.address,
                false => vrf == other_vrf && prefix.overlaps(other),
            });
        if let Some((_, _, other_place, other)) = clash {
            let message = format!("{} overlaps {} of {other_place}", prefix.network(), other.network());
            findings.error(place, message);
        }
    }
}

fn port(port: &Port, path: &str, findings: &mut Findings) {
    if let Some(gateway) = port.gateway {
        let place = format!("{path}.gateway");
        if !port.address.iter().any(|address| address.contains(gateway)) {
            let have = list(port.address.iter().map(|address| address.network().to_string()));
            findings.error(&place, format!("{gateway} is in no subnet of the port ({have})"));
        }
        if port.address.iter().any(|address| address.address == gateway) {
            findings.error(&place, format!("{gateway} is the port's own address"));
        }
    }
    if port.role == Role::Underlay && port.address.is_empty() {
        let message =
            "an underlay port without an address can be no tunnel's source until one is given to it";
        findings.warning(path, message);
    }
}

/// "a, b", or "none".
fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

fn tunnel(config: &Config, tunnel: &Tunnel, path: &str, findings: &mut Findings) {
    let owns = |port: &&Port| port.address.iter().any(|own| own.address == tunnel.source);
    let elsewhere = config.port.iter().find(owns);
    let owner = config.port.iter().find(|port| port.vrf == tunnel.tunnel_vrf && owns(port));
    match owner {
        None if elsewhere.is_some() => {
            let vrf = elsewhere.map_or(0, |port| port.vrf);
            let message = format!(
                "{} is on a port in VRF {}: leave `tunnel-vrf` out, or name that one",
                tunnel.source,
                config.vrf_name(vrf)
            );
            findings.error(&format!("{path}.tunnel-vrf"), message);
        }
        None => {
            let underlay = config.port.iter().filter(|port| port.role == Role::Underlay);
            let have = list(underlay.flat_map(|port| &port.address).map(|own| own.address.to_string()));
            let message = format!("{} is no port's address; underlay ports have {have}", tunnel.source);
            findings.error(&format!("{path}.source"), message);
        }
        Some(port) if port.role == Role::Lan => {
            let message = format!("{} is on port {}, whose role is \"lan\"", tunnel.source, port.name);
            findings.error(&format!("{path}.source"), message);
        }
        Some(port) => {
            let most = crate::overhead::clear(port.mtu, tunnel.key.is_some());
            if tunnel.ip_mtu > most {
                let message = format!(
                    "{} is too much: port {} has an MTU of {}, which leaves {most} inside the tunnel",
                    tunnel.ip_mtu, port.name, port.mtu
                );
                findings.error(&format!("{path}.ip-mtu"), message);
            }
        }
    }
    if let Some(mss) = tunnel.tcp_adjust_mss.filter(|mss| mss + IP_TCP > tunnel.ip_mtu) {
        let most = tunnel.ip_mtu - IP_TCP;
        let message = format!("{mss} has no effect: with an ip-mtu of {} at most {most} fit", tunnel.ip_mtu);
        findings.error(&format!("{path}.tcp-adjust-mss"), message);
    }
    if tunnel.address.len > 30 {
        let message = format!(
            "{} has no room for a spoke; its length is the overlay subnet's, and `host-prefix = true` makes \
             it one of 32 in the kernel",
            tunnel.address
        );
        findings.error(&format!("{path}.address"), message);
    }
}

/// GRE packets to one source are told apart by key alone.
fn keys(config: &Config, findings: &mut Findings) {
    for (index, tunnel) in config.tunnel.iter().enumerate() {
        let same = |other: &&Tunnel| other.source == tunnel.source && other.key == tunnel.key;
        if let Some(other) = config.tunnel[..index].iter().find(same) {
            let key = tunnel.key.map_or("no key".into(), |key| format!("key {key}"));
            let message = format!("{} has the same source {} with {key} already", other.name, tunnel.source);
            let place = if tunnel.key.is_some() { "key" } else { "source" };
            findings.error(&format!("tunnel[{index}].{place}"), message);
        }
    }
}

fn maps(config: &Config, findings: &mut Findings) {
    for (t, tunnel) in config.tunnel.iter().enumerate() {
        let underlay = || config.port.iter().filter(|port| port.vrf == tunnel.tunnel_vrf);
        let own =
            |address: Ipv4Addr| underlay().flat_map(|port| &port.address).any(|own| own.address == address);
        let multicast = &tunnel.nhrp.map_multicast;
        for (m, nbma) in multicast.iter().enumerate() {
            let place = format!("tunnel[{t}].nhrp.map-multicast[{m}]");
            if own(*nbma) {
                findings.error(&place, format!("{nbma} is an address of the hub"));
            }
            if multicast[..m].contains(nbma) {
                findings.error(&place, format!("{nbma} is named twice"));
            }
        }
        let mut seen: BTreeMap<Ipv4Addr, usize> = BTreeMap::new();
        for (m, map) in tunnel.nhrp.map.iter().enumerate() {
            let place = format!("tunnel[{t}].nhrp.map[{m}]");
            if !tunnel.address.contains(map.protocol) {
                let message =
                    format!("{} is outside the tunnel's subnet {}", map.protocol, tunnel.address.network());
                findings.error(&format!("{place}.protocol"), message);
            }
            if map.protocol == tunnel.address.address {
                findings.error(
                    &format!("{place}.protocol"),
                    format!("{} is the hub's own address", map.protocol),
                );
            }
            if let Some(first) = seen.insert(map.protocol, m) {
                let message = format!("{} is mapped by map[{first}] already", map.protocol);
                findings.error(&format!("{place}.protocol"), message);
            }
            if own(map.nbma) {
                findings.error(&format!("{place}.nbma"), format!("{} is an address of the hub", map.nbma));
            }
        }
    }
}

fn routes(config: &Config, findings: &mut Findings) {
    let tunnels: Vec<(VrfId, Prefix)> =
        config.tunnel.iter().map(|tunnel| (tunnel.vrf, tunnel.address)).collect();
    let lans: Vec<(VrfId, Prefix)> = (config.port.iter().filter(|port| port.role == Role::Lan))
        .flat_map(|port| port.address.iter().map(|address| (port.vrf, *address)))
        .collect();
    let mut seen: BTreeMap<(VrfId, Prefix), usize> = BTreeMap::new();
    for (index, route) in config.route.iter().enumerate() {
        let place = format!("route[{index}]");
        let all = tunnels.iter().chain(&lans);
        let connected: Vec<&Prefix> =
            all.filter(|(vrf, _)| *vrf == route.vrf).map(|(_, subnet)| subnet).collect();
        if connected.iter().any(|own| own.address == route.via) {
            findings.error(&format!("{place}.via"), format!("{} is the hub's own address", route.via));
        } else if !connected.iter().any(|own| own.contains(route.via)) {
            let have = list(connected.iter().map(|own| own.network().to_string()));
            let of = if config.vrf.is_empty() {
                String::new()
            } else {
                format!(" in VRF {}", config.vrf_name(route.vrf))
            };
            let message = format!("{} is in no subnet of a tunnel or a lan port{of} ({have})", route.via);
            findings.error(&format!("{place}.via"), message);
        }
        if let Some(first) = seen.insert((route.vrf, route.prefix), index) {
            findings.error(&format!("{place}.prefix"), format!("{} is route[{first}] already", route.prefix));
        }
        if let Some(own) = connected.iter().find(|own| own.network() == route.prefix) {
            findings.error(&format!("{place}.prefix"), format!("{} is connected already", own.network()));
        }
    }
}
