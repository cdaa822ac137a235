//! `[[vrf]]`, and the keys that name one.

use crate::kind::{self, integer};
use crate::model::{GLOBAL_NAME, Port, Vrf, VrfId};
use crate::reader::Reader;
use std::net::Ipv4Addr;

/// Tables of the kernel's own: none, default, main, local.
const RESERVED: [u32; 4] = [0, 253, 254, 255];

/// `[[vrf]]`
pub(super) fn vrf(table: &mut Reader) -> Option<Vrf> {
    let name = table.required("name", kind::interface);
    let number = table.required("table", integer(1..=u32::MAX));
    if name.as_deref() == Some(GLOBAL_NAME) || name.as_deref() == Some("global") {
        table.wrong("name", "what is in no VRF is in that one: give it another name".into());
    }
    if number.is_some_and(|number| RESERVED.contains(&number)) {
        table.wrong("table", "253 to 255 are the kernel's own tables: take another number".into());
    }
    Some(Vrf { name: name?, table: number? })
}

/// The VRF that `key` names, the global one if it is absent.
pub(super) fn member(table: &mut Reader, key: &'static str, vrfs: &[String]) -> VrfId {
    named(table, key, vrfs).unwrap_or(0)
}

/// VRF of a tunnel's underlay: as `tunnel-vrf` says, or that of the port which has its source address.
pub(super) fn of_underlay(
    table: &mut Reader,
    vrfs: &[String],
    source: Option<Ipv4Addr>,
    ports: &[Port],
) -> VrfId {
    if table.has("tunnel-vrf") {
        return member(table, "tunnel-vrf", vrfs);
    }
    let _ = named(table, "tunnel-vrf", vrfs);
    let owns = |port: &&Port| port.address.iter().any(|own| Some(own.address) == source);
    let owners: Vec<&Port> = ports.iter().filter(owns).collect();
    if let [first, others @ ..] = owners.as_slice()
        && let Some(other) = others.iter().find(|other| other.vrf != first.vrf)
    {
        let message = format!(
            "ports {} and {} have this address in different VRFs: add `tunnel-vrf`",
            first.name, other.name
        );
        table.wrong("source", message);
    }
    owners.first().map_or(0, |port| port.vrf)
}

fn named(table: &mut Reader, key: &'static str, vrfs: &[String]) -> Option<VrfId> {
    let name = table.optional(key, kind::name)?;
    if name == GLOBAL_NAME {
        return Some(0);
    }
    let found = vrfs.iter().position(|vrf| *vrf == name).and_then(|index| VrfId::try_from(index + 1).ok());
    if found.is_none() {
        let have = if vrfs.is_empty() { "none".into() } else { vrfs.join(", ") };
        table.wrong(key, format!("no [[vrf]] is called {name}; there are: {have}"));
    }
    found
}
