//! Tables from a file, for running without control: tests with recorded packets, benchmarks, a first look.
//!
//! ```toml
//! [[link]]                  # a resolved next hop on a port
//! name = "gateway"
//! port = "wan0"
//! mac = "02:00:00:00:00:01"
//!
//! [[peer]]                  # a spoke
//! name = "spoke1"
//! tunnel = "Tunnel0"
//! nbma = "192.0.2.11"
//! link = "gateway"
//! multicast = true
//!
//! [[route]]                 # with exactly one of: peer, link, tunnel, port, glean, drop = true
//! prefix = "10.1.0.0/16"
//! peer = "spoke1"
//! vrf = "RED"               # if not the global one
//! ```
//! The hub's own addresses and the subnets of its LAN ports come from `hub.toml`.

use config::Config;
use config::model::{Prefix, Role};
use forwarding::{ApplyError, Updater};
use serde::Deserialize;
use shm::message::{GLOBAL, LinkId, PeerId, PortId, Target, TunnelId, Update, VrfId};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    link: Vec<Link>,
    #[serde(default)]
    peer: Vec<Peer>,
    #[serde(default)]
    route: Vec<Route>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    name: String,
    port: String,
    mac: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    tunnel: String,
    nbma: Ipv4Addr,
    link: String,
    #[serde(default)]
    multicast: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    prefix: String,
    vrf: Option<String>,
    peer: Option<String>,
    link: Option<String>,
    tunnel: Option<String>,
    port: Option<String>,
    glean: Option<String>,
    #[serde(default)]
    drop: bool,
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum StaticError {
    /// Not readable.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Read(PathBuf, std::io::Error),
    /// Not TOML, or with an unknown key.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Parse(PathBuf, Box<toml::de::Error>),
    /// Names something that is not there.
    #[error("{entry}: there is no {kind} `{name}`")]
    Unknown {
        /// Where.
        entry: String,
        /// Link, peer, port, tunnel or VRF.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A value that is none.
    #[error("{entry}: `{value}` is not {expected}")]
    Value {
        /// Where.
        entry: String,
        /// The value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The tables refused it.
    #[error("{update}: {error}")]
    Refused {
        /// What.
        update: String,
        /// Why.
        error: ApplyError,
    },
}

/// Fills the tables: with what `hub.toml` itself implies, then with the file's entries.
pub fn apply(path: &Path, config: &Config, updater: &mut Updater) -> Result<usize, StaticError> {
    let text = std::fs::read_to_string(path).map_err(|error| StaticError::Read(path.into(), error))?;
    let file: File =
        toml::from_str(&text).map_err(|error| StaticError::Parse(path.into(), Box::new(error)))?;
    let mut updates = vec![Update::Begin { generation: 1 }];
    updates.extend(own(config));
    updates.extend(entries(&file, config)?);
    updates.push(Update::End { generation: 1 });
    for update in &updates {
        // Nothing is re-used in empty tables, so none is busy.
        updater
            .apply(update)
            .map_err(|error| StaticError::Refused { update: format!("{update:?}"), error })?;
    }
    Ok(updates.len() - 2)
}

/// The hub's own addresses, and the subnets next to its LAN ports.
fn own(config: &Config) -> Vec<Update> {
    let mut updates = vec![];
    for (id, port) in config.port.iter().enumerate().filter(|(_, port)| port.role == Role::Lan) {
        for address in &port.address {
            updates.push(route(port.vrf, *address, Target::Glean(id as PortId)));
            updates.push(route(port.vrf, Prefix { len: 32, ..*address }, Target::Port(id as PortId)));
        }
    }
    for (id, tunnel) in config.tunnel.iter().enumerate() {
        let address = Prefix { len: 32, ..tunnel.address };
        updates.push(route(tunnel.vrf, address, Target::Tunnel(id as TunnelId)));
    }
    updates
}

fn route(vrf: VrfId, prefix: Prefix, target: Target) -> Update {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.len)).unwrap_or(0);
    let (prefix, len) = (Ipv4Addr::from(u32::from(prefix.address) & mask), prefix.len);
    Update::Route { vrf, prefix, len, target }
}

fn entries(file: &File, config: &Config) -> Result<Vec<Update>, StaticError> {
    let port = |entry: &str, name: &str| find(entry, "port", name, config.port.iter().map(|p| &p.name));
    let tunnel = |entry: &str, name: &str| find(entry, "tunnel", name, config.tunnel.iter().map(|t| &t.name));
    let link = |entry: &str, name: &str| find(entry, "link", name, file.link.iter().map(|l| &l.name));
    let peer = |entry: &str, name: &str| find(entry, "peer", name, file.peer.iter().map(|p| &p.name));
    let mut updates = vec![];
    for (id, item) in file.link.iter().enumerate() {
        let entry = format!("link `{}`", item.name);
        let mac = octets(&item.mac).ok_or_else(|| StaticError::Value {
            entry: entry.clone(),
            value: item.mac.clone(),
            expected: "a MAC address such as 02:00:00:00:00:01",
        })?;
        let port = port(&entry, &item.port)? as PortId;
        updates.push(Update::Link { id: id as LinkId, port, mac: Some(mac) });
    }
    for (id, item) in file.peer.iter().enumerate() {
        let entry = format!("peer `{}`", item.name);
        let tunnel = tunnel(&entry, &item.tunnel)? as TunnelId;
        let link = link(&entry, &item.link)? as LinkId;
        updates.push(Update::Peer {
            id: id as PeerId,
            tunnel,
            nbma: item.nbma,
            link,
            multicast: item.multicast,
            protection: None,
        });
    }
    for item in &file.route {
        let entry = format!("route {}", item.prefix);
        let value =
            |expected| StaticError::Value { entry: entry.clone(), value: item.prefix.clone(), expected };
        let prefix: Prefix = item.prefix.parse().map_err(|_| value("a prefix such as 10.1.0.0/16"))?;
        let target = match (&item.peer, &item.link, &item.tunnel, &item.port, &item.glean, item.drop) {
            (Some(name), None, None, None, None, false) => Target::Peer(peer(&entry, name)? as PeerId),
            (None, Some(name), None, None, None, false) => Target::Link(link(&entry, name)? as LinkId),
            (None, None, Some(name), None, None, false) => Target::Tunnel(tunnel(&entry, name)? as TunnelId),
            (None, None, None, Some(name), None, false) => Target::Port(port(&entry, name)? as PortId),
            (None, None, None, None, Some(name), false) => Target::Glean(port(&entry, name)? as PortId),
            (None, None, None, None, None, true) => Target::Drop,
            _ => return Err(value("a route with exactly one of peer, link, tunnel, port, glean, drop")),
        };
        let vrf = match &item.vrf {
            None => GLOBAL,
            Some(name) => config.vrf_named(name).ok_or_else(|| StaticError::Unknown {
                entry: entry.clone(),
                kind: "VRF",
                name: name.clone(),
            })?,
        };
        updates.push(route(vrf, prefix, target));
    }
    Ok(updates)
}

fn find<'a>(
    entry: &str,
    kind: &'static str,
    name: &str,
    mut all: impl Iterator<Item = &'a String>,
) -> Result<usize, StaticError> {
    let unknown = || StaticError::Unknown { entry: entry.into(), kind, name: name.into() };
    all.position(|other| other == name).ok_or_else(unknown)
}

fn octets(text: &str) -> Option<[u8; 6]> {
    let mut parts = text.split(':').map(|part| u8::from_str_radix(part, 16).ok());
    let mut mac = [0; 6];
    for octet in &mut mac {
        *octet = parts.next()??;
    }
    parts.next().is_none().then_some(mac)
}
