//! `[control-plane]` and its classes.

use crate::kind::integer;
use crate::model::{ControlPlane, Police};
use crate::reader::Reader;

/// Largest `rate`, in packets per second.
const MAX_RATE: u32 = 10_000_000;
/// Largest `burst`, in packets.
const MAX_BURST: u32 = 1_000_000;

/// `[control-plane]`
pub(super) fn control_plane(table: &mut Reader) -> Option<ControlPlane> {
    let default = ControlPlane::default();
    let mut class = |key, title, default: Police| {
        let read = |table: &mut Reader| {
            Some(Police {
                rate: table.optional("rate", integer(1..=MAX_RATE)).unwrap_or(default.rate),
                burst: table.optional("burst", integer(1..=MAX_BURST)).unwrap_or(default.burst),
            })
        };
        table.table(key, title, read).unwrap_or(default)
    };
    Some(ControlPlane {
        routing: class("routing", "[control-plane.routing]", default.routing),
        nhrp: class("nhrp", "[control-plane.nhrp]", default.nhrp),
        ike: class("ike", "[control-plane.ike]", default.ike),
        arp: class("arp", "[control-plane.arp]", default.arp),
        icmp: class("icmp", "[control-plane.icmp]", default.icmp),
        rest: class("rest", "[control-plane.rest]", default.rest),
    })
}
