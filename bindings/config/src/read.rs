//! The tables of `hub.toml`: which keys each has, of what kind, within what range, and with which default.

use crate::kind::{self, integer};
use crate::model::{Config, Dataplane, Fpm, Hub, Map, Metrics, Nhrp, Port, Route, Tunnel};
use crate::reader::Reader;
use crate::{MAX_PEERS, MAX_WORKERS};
use std::path::Path;

mod control_plane;
mod security;
mod vrf;

/// The top of the file; paths are taken from `directory`. `None` when something that must be there is absent or wrong; the findings say what.
pub(crate) fn config(top: &mut Reader, directory: &Path) -> Option<Config> {
    let hub = top.table("hub", "[hub]", hub);
    let dataplane = top.table("dataplane", "[dataplane]", dataplane).unwrap_or_default();
    let control_plane =
        top.table("control-plane", "[control-plane]", control_plane::control_plane).unwrap_or_default();
    let vrf = top.tables("vrf", "[[vrf]]", vrf::vrf);
    let vrfs: Vec<String> = vrf.iter().map(|vrf| vrf.name.clone()).collect();
    let port = inherit(top.tables("port", "[[port]]", |table| port(table, &vrfs)));
    let tunnel = top.tables("tunnel", "[[tunnel]]", |table| tunnel(table, &vrfs, &port));
    let route = top.tables("route", "[[route]]", |table| route(table, &vrfs));
    let fpm = top.table("fpm", "[fpm]", fpm);
    let metrics = top.table("metrics", "[metrics]", metrics);
    let names: Vec<String> = tunnel.iter().map(|tunnel| tunnel.name.clone()).collect();
    let mut ike = top.table("ike", "[ike]", |table| security::ike(table, &names)).unwrap_or_default();
    let protection = top.tables("protection", "[[protection]]", security::protection);
    ike.files().for_each(|file| *file = directory.join(&*file));
    for (key, title) in [("hub", "[hub]"), ("port", "[[port]]"), ("tunnel", "[[tunnel]]")] {
        if !top.has(key) {
            top.missing_table(title);
        }
    }
    Some(Config {
        hub: hub?,
        dataplane,
        control_plane,
        vrf,
        port,
        tunnel,
        route,
        fpm,
        metrics,
        ike,
        protection,
    })
}

fn hub(table: &mut Reader) -> Option<Hub> {
    let name = table.required("name", kind::name);
    let run_dir = table.optional("run-dir", kind::path);
    let state_dir = table.optional("state-dir", kind::path);
    let max_peers = table.optional("max-peers", integer(1..=MAX_PEERS));
    Some(Hub {
        name: name?,
        run_dir: run_dir.unwrap_or_else(|| "/run/dmvpn-hub".into()),
        state_dir: state_dir.unwrap_or_else(|| "/var/lib/dmvpn-hub".into()),
        max_peers: max_peers.unwrap_or(16_384),
    })
}

fn dataplane(table: &mut Reader) -> Option<Dataplane> {
    let default = Dataplane::default();
    let cores = table.list("cores", kind::core);
    if cores.as_ref().is_some_and(|cores| cores.is_empty() || cores.len() > MAX_WORKERS) {
        table.wrong("cores", format!("expected 1 to {MAX_WORKERS} cores, one worker each"));
    }
    Some(Dataplane {
        cores: cores.unwrap_or(default.cores),
        service_core: table.optional("service-core", kind::core),
        hugepages: table.optional("hugepages", kind::boolean).unwrap_or(default.hugepages),
        memory: table.optional("memory", integer(64..=4_194_304_u32)).unwrap_or(default.memory),
        buffers: table.optional("buffers", integer(1024..=16_777_216_u32)).unwrap_or(default.buffers),
        ring_size: table.optional("ring-size", kind::ring_size).unwrap_or(default.ring_size),
        eal_args: table.list("eal-args", kind::text).unwrap_or(default.eal_args),
        idle_sleep: table.optional("idle-sleep", integer(0..=100_000_u32)).unwrap_or(default.idle_sleep),
        stage_timing: table.optional("stage-timing", kind::boolean).unwrap_or(default.stage_timing),
        crypto_engine: table
            .optional("crypto-engine", kind::security::crypto_engine)
            .unwrap_or(default.crypto_engine),
    })
}

/// A port, and the MTU that it names. One with a parent takes its device from there: see [`inherit`].
fn port(table: &mut Reader, vrfs: &[String]) -> Option<(Port, Option<u16>)> {
    let name = table.required("name", kind::interface);
    let parent = table.optional("parent", kind::interface);
    let own = !table.has("parent");
    let device = if own {
        table.required("device", kind::text)
    } else {
        parents(table, "device").map(|()| String::new())
    };
    let role = table.required("role", kind::role);
    let vrf = vrf::member(table, "vrf", vrfs);
    let address = table.list("address", kind::interface_address);
    let gateway = table.optional("gateway", kind::address);
    let mtu = table.optional("mtu", integer(576..=9216_u16));
    let vlan = integer(1..=4094_u16);
    let vlan = if own { table.optional("vlan", vlan) } else { table.required("vlan", vlan) };
    let mac = if own { table.optional("mac", kind::mac) } else { parents(table, "mac").and(None) };
    let ip_unreachables = table.optional("ip-unreachables", kind::boolean);
    if !own && (parent.is_none() || vlan.is_none()) {
        return None;
    }
    let port = Port {
        name: name?,
        device: device?,
        parent,
        role: role?,
        vrf,
        address: address.unwrap_or_default(),
        gateway,
        mtu: mtu.unwrap_or(1500),
        vlan,
        mac,
        ip_unreachables: ip_unreachables.unwrap_or(true),
    };
    Some((port, mtu))
}

/// A key that a VLAN sub-interface does not have.
fn parents(table: &mut Reader, key: &'static str) -> Option<()> {
    if table.has(key) {
        let _ = table.optional(key, kind::text);
        table.wrong(key, "a port with a `parent` has its parent's: leave it out".into());
        return None;
    }
    Some(())
}

/// Gives VLAN sub-interfaces what is their parent's.
fn inherit(read: Vec<(Port, Option<u16>)>) -> Vec<Port> {
    let own: Vec<Port> = read.iter().map(|(port, _)| port.clone()).collect();
    let settle = |(mut port, mtu): (Port, Option<u16>)| {
        let parent = port.parent.as_ref().and_then(|name| own.iter().find(|port| port.name == *name));
        if let Some(parent) = parent {
            port.device.clone_from(&parent.device);
            port.mtu = mtu.unwrap_or(parent.mtu);
        }
        port
    };
    read.into_iter().map(settle).collect()
}

fn tunnel(table: &mut Reader, vrfs: &[String], ports: &[Port]) -> Option<Tunnel> {
    let name = table.required("name", kind::name);
    let interface = table.required("interface", kind::interface);
    let source = table.required("source", kind::address);
    let key = table.optional("key", integer(0..=u32::MAX));
    let address = table.required("address", kind::interface_address);
    let host_prefix = table.optional("host-prefix", kind::boolean);
    let ip_mtu = table.optional("ip-mtu", integer(576..=9192_u16));
    let vrf = vrf::member(table, "vrf", vrfs);
    let tunnel_vrf = vrf::of_underlay(table, vrfs, source, ports);
    let tcp_adjust_mss = table.optional("tcp-adjust-mss", integer(500..=9152_u16));
    let ttl = table.optional("ttl", integer(1..=255_u8));
    let ip_unreachables = table.optional("ip-unreachables", kind::boolean);
    let multicast_rate = table.optional("multicast-rate", integer(1_000..=100_000_000_u32));
    let protection = table.optional("protection", kind::name);
    let nhrp = table.table("nhrp", "[tunnel.nhrp]", nhrp);
    if !table.has("nhrp") {
        table.missing_table("[tunnel.nhrp]");
    }
    Some(Tunnel {
        name: name?,
        interface: interface?,
        vrf,
        tunnel_vrf,
        source: source?,
        key,
        address: address?,
        host_prefix: host_prefix.unwrap_or(false),
        ip_mtu: ip_mtu.unwrap_or(1400),
        tcp_adjust_mss,
        ttl: ttl.unwrap_or(255),
        ip_unreachables: ip_unreachables.unwrap_or(true),
        multicast_rate: multicast_rate.unwrap_or(100_000),
        protection,
        nhrp: nhrp?,
    })
}

fn nhrp(table: &mut Reader) -> Option<Nhrp> {
    let network_id = table.required("network-id", integer(1..=u32::MAX));
    let authentication = table.optional("authentication", kind::authentication);
    let holdtime = table.optional("holdtime", integer(1..=u16::MAX));
    let phase = table.optional("phase", integer(1..=3_u8));
    let map_multicast_dynamic = table.optional("map-multicast-dynamic", kind::boolean);
    let map_multicast = table.list("map-multicast", kind::address);
    let map = table.tables("map", "[[tunnel.nhrp.map]]", map);
    let legacy_odd_checksum = table.optional("legacy-odd-checksum", kind::boolean);
    let redirect_timeout = table.optional("redirect-timeout", integer(1..=3600_u16));
    let max_send = table.optional("max-send", integer(1..=10_000_000_u32));
    let max_bindings_per_peer = table.optional("max-bindings-per-peer", integer(1..=65_535_u32));
    let hold_zero_deregisters = table.optional("hold-zero-deregisters", kind::boolean);
    let host_routes = table.optional("host-routes", kind::boolean);
    let require_registration = table.optional("require-registration", kind::boolean);
    let spoke_addresses = table.list("spoke-addresses", kind::network);
    Some(Nhrp {
        network_id: network_id?,
        authentication,
        holdtime: holdtime.unwrap_or(7200),
        phase: phase.unwrap_or(3),
        map_multicast_dynamic: map_multicast_dynamic.unwrap_or(false),
        map_multicast: map_multicast.unwrap_or_default(),
        map,
        legacy_odd_checksum: legacy_odd_checksum.unwrap_or(false),
        redirect_timeout: redirect_timeout.unwrap_or(8),
        max_send: max_send.unwrap_or(100_000),
        max_bindings_per_peer: max_bindings_per_peer.unwrap_or(16),
        hold_zero_deregisters: hold_zero_deregisters.unwrap_or(false),
        host_routes: host_routes.unwrap_or(false),
        require_registration: require_registration.unwrap_or(true),
        spoke_addresses: spoke_addresses.unwrap_or_default(),
    })
}

fn map(table: &mut Reader) -> Option<Map> {
    let protocol = table.required("protocol", kind::address);
    let nbma = table.required("nbma", kind::address);
    let multicast = table.optional("multicast", kind::boolean);
    Some(Map { protocol: protocol?, nbma: nbma?, multicast: multicast.unwrap_or(false) })
}

fn route(table: &mut Reader, vrfs: &[String]) -> Option<Route> {
    let vrf = vrf::member(table, "vrf", vrfs);
    let prefix = table.required("prefix", kind::network);
    let via = table.required("via", kind::address);
    Some(Route { vrf, prefix: prefix?, via: via? })
}

fn fpm(table: &mut Reader) -> Option<Fpm> {
    Some(Fpm { listen: table.required("listen", kind::socket_address)? })
}

fn metrics(table: &mut Reader) -> Option<Metrics> {
    let listen = table.required("listen", kind::socket_address);
    let per_peer = table.optional("per-peer", kind::boolean);
    Some(Metrics { listen: listen?, per_peer: per_peer.unwrap_or(false) })
}
