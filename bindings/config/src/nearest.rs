//! The nearest valid word to a misspelt one.

/// Words that operators bring from Cisco or from a neighbouring table, and what they are called here.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("tunnel-source", "source"),
    ("tunnel-key", "key"),
    ("tunnel-interface", "interface"),
    ("ip-address", "address"),
    ("ip", "address"),
    ("network", "prefix"),
    ("destination", "prefix"),
    ("next-hop", "via"),
    ("nexthop", "via"),
    ("mtu", "ip-mtu"),
    ("adjust-mss", "tcp-adjust-mss"),
    ("mss", "tcp-adjust-mss"),
    ("auth", "authentication"),
    ("password", "authentication"),
    ("redirect", "phase"),
    ("shortcut", "phase"),
    ("multicast", "map-multicast-dynamic"),
    ("multicast-dynamic", "map-multicast-dynamic"),
    ("networkid", "network-id"),
    ("unnumbered", "host-prefix"),
    ("id", "network-id"),
    ("pci", "device"),
    ("workers", "cores"),
    ("lcores", "cores"),
    ("port", "listen"),
    ("psk", "pre-shared-key"),
    ("secret", "pre-shared-key"),
    ("psk-file", "pre-shared-key-file"),
    ("transform-set", "proposals"),
    ("esp", "proposals"),
    ("proposal", "proposals"),
    ("cert", "certificate"),
    ("trustpoint", "certificate"),
    ("ca", "authority"),
    ("profile", "protection"),
    ("ipsec-profile", "protection"),
    ("tunnel-protection", "protection"),
    ("window-size", "replay-window"),
    ("engine", "crypto-engine"),
    ("keyring", "key"),
];

/// The word of `valid` that was most likely meant by `word`, if any is likely at all.
pub(crate) fn nearest<'a>(word: &str, valid: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    if let Some(same) = valid.iter().find(|candidate| **candidate == word) {
        return Some(same);
    }
    let other = OTHER_NAMES.iter().filter(|(name, _)| *name == word).map(|(_, ours)| *ours);
    if let Some(ours) = other.filter_map(|ours| valid.iter().find(|candidate| **candidate == ours)).next() {
        return Some(ours);
    }
    // A third of the letters may be wrong; more is a guess that misleads.
    let (candidate, far) =
        valid.iter().map(|candidate| (*candidate, distance(&word, candidate))).min_by_key(|(_, far)| *far)?;
    (far <= candidate.len().max(word.len()).div_ceil(3)).then_some(candidate)
}

/// Edits (insertion, deletion, change, swap of neighbours) that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NHRP: &[&str] =
        &["network-id", "authentication", "holdtime", "phase", "map-multicast-dynamic", "map"];

    #[test]
    fn finds_what_was_meant() {
        for (word, meant) in [
            ("holdtme", "holdtime"),
            ("hold-time", "holdtime"),
            ("hodltime", "holdtime"),
            ("network_id", "network-id"),
            ("NETWORK-ID", "network-id"),
            ("networkid", "network-id"),
            ("autentication", "authentication"),
            ("redirect", "phase"),
            ("multicast", "map-multicast-dynamic"),
        ] {
            assert_eq!(nearest(word, NHRP), Some(meant), "{word}");
        }
        for word in ["colour", "x", "", "ö"] {
            assert_eq!(nearest(word, NHRP), None, "{word}");
        }
    }

    #[test]
    fn distances() {
        for (a, b, far) in
            [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "abc", 0)]
        {
            assert_eq!(distance(a, b), far);
            assert_eq!(distance(b, a), far);
        }
    }
}
