//! Tables ordered by prefix, and what in them overlaps another prefix.

use crate::answers::{mask, network};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Keys are a prefix and something that tells several of one prefix apart.
pub(crate) type Table<K, V> = BTreeMap<(Ipv4Addr, u8, K), V>;

/// Keys of all entries whose prefix holds this one or is held by it. Costs a look-up for each bit of the length, and
/// what it finds.
pub(crate) fn overlapping<K: Ord + Copy, V>(
    table: &Table<K, V>,
    prefix: Ipv4Addr,
    len: u8,
    (least, most): (K, K),
) -> Vec<(Ipv4Addr, u8, K)> {
    if table.is_empty() {
        return Vec::new();
    }
    let len = len.min(32);
    let first = network(prefix, len);
    let last = Ipv4Addr::from_bits(first.to_bits() | !mask(len));
    let holding = (0..len).map(|shorter| (network(prefix, shorter), shorter));
    let holding = holding.flat_map(|(at, shorter)| table.range((at, shorter, least)..=(at, shorter, most)));
    let held = table.range((first, len, least)..=(last, 32, most)).filter(|((_, its, _), _)| *its >= len);
    holding.chain(held).map(|(key, _)| *key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::overlap;
    use proptest::prelude::*;

    fn prefixes() -> impl Strategy<Value = Vec<(Ipv4Addr, u8)>> {
        // Few enough bits that they meet.
        let prefix = (0..64u32, prop_oneof![0..4u8, 24..33u8]);
        let prefix = prefix.prop_map(|(bits, len)| (network((0x0a00_0000 | bits << 2).into(), len), len));
        prop::collection::vec(prefix, 1..30)
    }

    proptest! {
        #[test]
        fn finds_what_overlaps_and_nothing_else(prefixes in prefixes()) {
            let table: Table<u8, ()> = prefixes.iter().map(|(at, len)| ((*at, *len, 7), ())).collect();
            for (at, len) in &prefixes {
                let mut found = overlapping(&table, *at, *len, (u8::MIN, u8::MAX));
                found.sort();
                let all = table.keys().filter(|(other, its, _)| overlap(*other, *its, *at, *len));
                prop_assert_eq!(found, all.copied().collect::<Vec<_>>());
            }
        }
    }
}
