//! The fuzz targets over seeds and over what once failed.

#[path = "../fuzz/harness.rs"]
#[allow(clippy::expect_used, dead_code)]
mod harness;

use std::fs;
use std::path::{Path, PathBuf};

/// A target's name and its function.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 3] =
    [("stranger", harness::stranger), ("auth", harness::auth), ("peer", harness::peer)];

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

fn run(name: &str, data: &[u8]) {
    TARGETS.iter().filter(|(target, _)| *target == name).for_each(|(_, target)| target(data));
}

#[test]
fn seeds_hold() {
    for (target, _, data) in harness::seeds() {
        run(target, &data);
        // Cut off anywhere, and with any octet changed.
        for at in 0..data.len() {
            run(target, &data[..at]);
            let mut bad = data.clone();
            bad[at] ^= 0x41;
            run(target, &bad);
        }
    }
}

#[test]
fn what_failed_once_holds() {
    for (target, _) in TARGETS {
        let Ok(inputs) = fs::read_dir(fuzz("regressions").join(target)) else { continue };
        for input in inputs.flatten() {
            run(target, &fs::read(input.path()).unwrap_or_default());
        }
    }
}

/// Writes the seeds to where `cargo fuzz` looks for them.
#[test]
#[ignore = "writes files"]
fn write_seeds() {
    for (target, name, data) in harness::seeds() {
        let folder = fuzz("corpus").join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), data).unwrap();
    }
}
