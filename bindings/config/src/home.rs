//! Where a key belongs that stands in the wrong table.

/// The table that a key belongs in, if it is right as it is but stands in the wrong one. Only keys that occur once.
pub(crate) fn home(word: &str, here: &str) -> Option<&'static str> {
    const HOMES: &[(&str, &[&str])] = &[
        ("[hub]", &["run-dir", "state-dir", "max-peers"]),
        (
            "[dataplane]",
            &[
                "cores",
                "service-core",
                "hugepages",
                "buffers",
                "ring-size",
                "eal-args",
                "idle-sleep",
                "stage-timing",
                "crypto-engine",
            ],
        ),
        ("[[port]]", &["device", "role", "gateway", "vlan", "mac"]),
        (
            "[[tunnel]]",
            &[
                "interface",
                "source",
                "key",
                "host-prefix",
                "ip-mtu",
                "tcp-adjust-mss",
                "ttl",
                "protection",
                "tunnel-vrf",
            ],
        ),
        (
            "[tunnel.nhrp]",
            &[
                "network-id",
                "authentication",
                "holdtime",
                "phase",
                "map-multicast-dynamic",
                "legacy-odd-checksum",
                "redirect-timeout",
                "max-send",
                "max-bindings-per-peer",
                "hold-zero-deregisters",
                "host-routes",
                "require-registration",
                "spoke-addresses",
            ],
        ),
        ("[[tunnel.nhrp.map]]", &["protocol", "nbma"]),
        ("[[vrf]]", &["table"]),
        ("[metrics]", &["per-peer"]),
        (
            "[ike]",
            &[
                "certificate",
                "private-key",
                "authority",
                "crl",
                "dpd",
                "half-open",
                "cookie-threshold",
                "unique",
                "fragment-size",
                "persist-sessions",
            ],
        ),
        ("[[ike.key]]", &["pre-shared-key", "pre-shared-key-file"]),
        (
            "[[protection]]",
            &[
                "mode",
                "lifetime-seconds",
                "lifetime-kilobytes",
                "lifetime-packets",
                "replay-window",
                "claims",
            ],
        ),
    ];
    HOMES.iter().find(|(home, keys)| *home != here && keys.contains(&word)).map(|(home, _)| *home)
}
