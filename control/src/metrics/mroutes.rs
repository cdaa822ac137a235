//! Series of multicast routes.

use super::View;
use super::exposition::Family;
use api::Mroute;

/// Routes that have series of their own: each has six.
const MAX_SERIES: usize = 256;

/// Those of the first [`MAX_SERIES`] in order of group and source; the others are counted.
pub fn families(view: &View) -> Vec<Family> {
    let (shown, rest) = view.mroutes.split_at(view.mroutes.len().min(MAX_SERIES));
    let series = |family: Family, value: fn(&Mroute) -> u64| {
        family.each(shown, |family, route| {
            let source = route.source.map_or_else(|| "*".into(), |source| source.to_string());
            family.add(&[("source", &source), ("group", &route.group.to_string())], value(route) as f64);
        })
    };
    let counter = |name: &str, help: &str, value: fn(&Mroute) -> u64| {
        series(Family::counter(&format!("mroute_{name}_total"), help), value)
    };
    vec![
        counter("packets", "Packets of the multicast route that came in.", |r| r.packets),
        counter("bytes", "Octets of them.", |r| r.bytes),
        counter("copies", "Copies sent to spokes and out of LAN ports.", |r| r.copies),
        counter("wrong_interface_packets", "Packets that came in by another interface.", |r| {
            r.wrong_interface
        }),
        counter("dropped_packets", "Packets or copies dropped for another reason.", |r| r.dropped),
        series(Family::gauge("mroute_spokes", "Spokes that have joined."), |r| {
            r.outgoing.iter().map(|interface| interface.spokes.len() as u64).sum()
        }),
        Family::gauge("mroutes_without_series", "Multicast routes beyond those that have series.")
            .with(&[], rest.len() as u64),
        Family::counter(
            "prune_overrides_total",
            "Joins said to the kernel for spokes that want what another one pruned.",
        )
        .with(&[], view.prune_overrides),
    ]
}
