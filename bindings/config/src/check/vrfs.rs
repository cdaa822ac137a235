//! What must hold of VRFs.

use super::distinct;
use crate::MAX_VRFS;
use crate::model::{Config, Tunnel};
use crate::reader::Findings;
use std::collections::BTreeMap;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    if config.vrf_count() > MAX_VRFS {
        let most = MAX_VRFS - 1;
        findings
            .error(&format!("vrf[{most}]"), format!("a hub has at most {most} VRFs beside the global one"));
    }
    let names = config.vrf.iter().enumerate().map(|(i, vrf)| (format!("vrf[{i}].name"), vrf.name.as_str()));
    let ports = config.port.iter().enumerate().map(|(i, p)| (format!("port[{i}].name"), p.name.as_str()));
    let tunnels = config
        .tunnel
        .iter()
        .enumerate()
        .map(|(i, t)| (format!("tunnel[{i}].interface"), t.interface.as_str()));
    if !config.vrf.is_empty() {
        // What ports and tunnels take from each other was told before.
        let taken: BTreeMap<&str, String> = ports.chain(tunnels).map(|(place, name)| (name, place)).collect();
        for (place, name) in names.clone() {
            if let Some(other) = taken.get(name) {
                findings.error(&place, format!("the kernel interface \"{name}\" is taken by {other}"));
            }
        }
    }
    distinct(names, "the VRF", findings);
    let mut tables: BTreeMap<u32, &str> = BTreeMap::new();
    for (index, vrf) in config.vrf.iter().enumerate() {
        if let Some(other) = tables.insert(vrf.table, &vrf.name) {
            findings.error(&format!("vrf[{index}].table"), format!("table {} is VRF {other}'s", vrf.table));
        }
        let id = index + 1;
        let used = config.port.iter().any(|port| usize::from(port.vrf) == id)
            || config.tunnel.iter().any(|tunnel| usize::from(tunnel.vrf) == id);
        if !used {
            findings
                .warning(&format!("vrf[{index}]"), "no port and no tunnel is in it: name it by their `vrf`");
        }
    }
    for (index, tunnel) in config.tunnel.iter().enumerate() {
        self::tunnel(config, index, tunnel, findings);
    }
}

fn tunnel(config: &Config, index: usize, tunnel: &Tunnel, findings: &mut Findings) {
    let before = &config.tunnel[..index];
    let same_source =
        |other: &&Tunnel| other.source == tunnel.source && other.tunnel_vrf != tunnel.tunnel_vrf;
    if let Some(other) = before.iter().find(same_source) {
        let message = format!(
            "{} has it in VRF {}: IKE tells tunnels' sources apart by address alone, so give one port another",
            other.name,
            config.vrf_name(other.tunnel_vrf)
        );
        findings.error(&format!("tunnel[{index}].source"), message);
    }
    let same_network =
        |other: &&Tunnel| other.nhrp.network_id == tunnel.nhrp.network_id && other.vrf != tunnel.vrf;
    if let Some(other) = before.iter().find(same_network) {
        let message = format!(
            "{} is {}'s, in VRF {}: an NHRP network is in one VRF, so give this one another number",
            tunnel.nhrp.network_id,
            other.name,
            config.vrf_name(other.vrf)
        );
        findings.error(&format!("tunnel[{index}].nhrp.network-id"), message);
    }
}
