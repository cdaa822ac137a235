//! `show drops`.

use super::columns::Columns;
use super::{lines, plural};
use api::Drop;

/// Every reason: those that dropped packets first, most first.
pub fn drops(drops: &[Drop]) -> String {
    let mut sorted: Vec<&Drop> = drops.iter().collect();
    // Stable: reasons without packets keep the order of the packet's way.
    sorted.sort_by_key(|drop| std::cmp::Reverse(drop.packets));
    let mut columns = Columns::new(&["Reason", ">Packets", "Meaning"]);
    for drop in sorted {
        columns.row([drop.reason.clone(), drop.packets.to_string(), drop.meaning.clone()]);
    }
    let total = drops.iter().map(|drop| drop.packets).sum();
    let mut out = columns.lines();
    out.push(String::new());
    out.push(format!("{} dropped", plural(total, "packet", "packets")));
    lines(out)
}
