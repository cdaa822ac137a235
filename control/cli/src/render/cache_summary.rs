//! `show ip nhrp summary`.

use super::lines;
use api::NhrpSummary;

/// The counts, in Cisco's places; what this hub has none of is 0.
pub fn summary(summary: &NhrpSummary) -> String {
    let NhrpSummary { entries, octets, remote, local } = summary;
    let kinds = |statics: u64, dynamic: u64, incomplete: u64| {
        format!("    {statics} static   {dynamic} dynamic    {incomplete} incomplete")
    };
    let all = |half: &api::CacheCounts| half.statics + half.dynamic + half.incomplete;
    lines(vec![
        format!(
            "IP NHRP cache {entries} {}, {octets} bytes",
            if *entries == 1 { "entry" } else { "entries" }
        ),
        kinds(
            remote.statics + local.statics,
            remote.dynamic + local.dynamic,
            remote.incomplete + local.incomplete,
        ),
        format!("{} Remote", all(remote)),
        kinds(remote.statics, remote.dynamic, remote.incomplete),
        format!("    {} nhop     0 bfd", remote.nhop),
        format!("    0 default  {} temporary", remote.temporary),
        format!("    {} route", remote.route),
        format!(
            "        {} rib ({} H    {} nho)",
            remote.rib,
            remote.rib.saturating_sub(remote.nho),
            remote.nho
        ),
        "        0 bgp".into(),
        "    0 lfib".into(),
        format!("{} Local", all(local)),
        kinds(local.statics, local.dynamic, local.incomplete),
        "    0 lfib".into(),
    ])
}
