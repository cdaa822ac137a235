//! The example file is a valid configuration, names every key, and tells the true defaults.

use config::Config;

const EXAMPLE: &str = include_str!("../../../scripts/hub.toml.example");

#[test]
fn is_valid() {
    let config = Config::parse("hub.toml.example", EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((config.port.len(), config.tunnel.len(), config.route.len()), (3, 2, 2));
    assert_eq!((config.tunnel[0].nhrp.map.len(), config.tunnel[1].nhrp.map.len()), (0, 1));
    assert!(
        config.protection_of(&config.tunnel[0]).is_some()
            && config.protection_of(&config.tunnel[1]).is_none()
    );
}

#[test]
fn tells_the_true_defaults() {
    let mut count = 0;
    let spelt_out: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => {
                count += 1;
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(count, 57);
    let with = Config::parse("f", &spelt_out).unwrap_or_else(|error| panic!("{error}"));
    let without = Config::parse("f", EXAMPLE).unwrap();
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

#[test]
fn names_every_key() {
    // The keys that the reader knows are listed when one is asked for that is like none.
    for (table, title) in [
        ("[hub]", "[hub]"),
        ("[dataplane]", "[dataplane]"),
        ("[control-plane.routing]", "[control-plane.routing]"),
        ("[[port]]", "[[port]]"),
        ("[[tunnel]]", "[[tunnel]]"),
        ("[[route]]", "[[route]]"),
        ("[metrics]", "[metrics]"),
        ("[[tunnel.nhrp.map]]", "[[tunnel.nhrp.map]]"),
        ("[tunnel.nhrp]", "[tunnel.nhrp]"),
        ("[ike]", "[ike]"),
        ("[[ike.key]]", "[[ike.key]]"),
        ("[[ike.claim]]", "[[ike.claim]]"),
        ("[[protection]]", "[[protection]]"),
    ] {
        let text = EXAMPLE.replacen(&format!("\n{table}\n"), &format!("\n{table}\nqqqqqqqq = 1\n"), 1);
        let error = Config::parse("f", &text).unwrap_err().to_string();
        let keys = error.split("valid keys are ").nth(1).unwrap_or_else(|| panic!("{title}: {error}"));
        for key in
            keys.lines().next().unwrap().split(", ").filter(|key| !["nhrp", "map", "claim"].contains(key))
        {
            let named = |line: &str| line.trim_start_matches(['#', ' ']).starts_with(&format!("{key} = "));
            assert!(EXAMPLE.lines().any(named), "{title}: {key} is not in the example");
        }
    }
}
