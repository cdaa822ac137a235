//! The fuzz targets over seeds and over what once failed.

#[path = "../fuzz/harness.rs"]
#[allow(clippy::expect_used, dead_code)]
mod harness;

use corpus::{Corpus, change, cut};

/// A target's name and its function.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 3] =
    [("stranger", harness::stranger), ("auth", harness::auth), ("peer", harness::peer)];

fn run(name: &str, data: &[u8]) {
    TARGETS.iter().filter(|(target, _)| *target == name).for_each(|(_, target)| target(data));
}

#[test]
fn seeds_hold() {
    for (target, _, data) in harness::seeds() {
        run(target, &data);
        // Cut off anywhere, and with any octet changed.
        cut(&data, 0.., |input| run(target, input));
        change(&data, 0.., |old| [old ^ 0x41], |input| run(target, input));
    }
}

#[test]
fn what_failed_once_holds() {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    for (name, target) in TARGETS {
        corpus.regressions(name).unwrap().iter().for_each(|input| target(input));
    }
}

/// Writes the seeds to where `cargo fuzz` looks for them.
#[test]
#[ignore = "writes files"]
fn write_seeds() {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    for (target, name, data) in harness::seeds() {
        corpus.write(target, [(name.to_string(), data)]).unwrap();
    }
}
