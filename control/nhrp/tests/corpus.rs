//! The fuzz targets over the captures and over what once failed.

#[path = "../fuzz/harness.rs"]
#[allow(clippy::expect_used, dead_code)]
mod harness;

use corpus::{Corpus, cut, hex};

/// A capture's name, and of each packet the peer (last octet of the outer source) and the octets.
type Capture = (String, Vec<(u8, Vec<u8>)>);

/// A target's name and its function.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 2] = [("codec", harness::codec), ("server", harness::server)];

fn captures() -> Vec<Capture> {
    let mut captures: Vec<Capture> = Vec::new();
    for file in [
        include_str!("../../../bindings/wire/testdata/nhrp/cisco.json"),
        include_str!("../../../bindings/wire/testdata/nhrp/frr.json"),
    ] {
        let file: serde_json::Value = serde_json::from_str(file).unwrap_or_default();
        for packet in file["packets"].as_array().into_iter().flatten() {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let peer =
                text(&packet["outer"]["src"]).rsplit('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            let (name, octets) = (
                text(&packet["file"]).replace('/', "-"),
                hex(&text(&packet["nhrp_hex"])).unwrap_or_default(),
            );
            match captures.last_mut() {
                Some((last, packets)) if *last == name => packets.push((peer, octets)),
                _ => captures.push((name, vec![(peer, octets)])),
            }
        }
    }
    captures
}

/// Inputs of each target, with names.
fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (name, packets) in captures() {
        let mut sequence = Vec::new();
        for (n, (peer, octets)) in packets.iter().enumerate() {
            seeds.push(("codec", format!("{name}-{n}"), octets.clone()));
            sequence.extend_from_slice(&[0, *peer]);
            sequence.extend_from_slice(&(octets.len() as u16).to_be_bytes());
            sequence.extend_from_slice(octets);
            // Traffic indications also tell which data packet caused them; then a second passes.
            if octets.get(17) == Some(&8) {
                sequence.extend_from_slice(&[4, *peer, 0, 28]);
                sequence.extend_from_slice(octets.get(40..68).unwrap_or_default());
            }
            sequence.extend_from_slice(&[5, 0, 0, 10]);
        }
        for choice in [0, 1, 2, 4 + 8 + 16, 32] {
            seeds.push(("server", format!("{name}-{choice}"), [&[choice], &sequence[..]].concat()));
        }
    }
    seeds
}

#[test]
fn captures_pass() {
    let seeds = seeds();
    assert!(seeds.len() > 150);
    for (target, _, input) in &seeds {
        for (_, run) in TARGETS.iter().filter(|(name, _)| name == target) {
            run(input);
            // And each cut short, which is cheap and finds what is read past the end.
            cut(input, (0..).step_by(1 + input.len() / 64), run);
        }
    }
}

#[test]
fn regressions_pass() -> std::io::Result<()> {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    for (name, run) in TARGETS {
        corpus.regressions(name)?.iter().for_each(|input| run(input));
    }
    Ok(())
}

#[test]
#[ignore = "writes the fuzzer's seeds"]
fn write_seeds() -> std::io::Result<()> {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    seeds().into_iter().try_for_each(|(target, name, input)| corpus.write(target, [(name, input)]))
}
