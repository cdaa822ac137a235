//! `hub-perf peers` as a whole: the hub and a DPDK program give back all of a little traffic, each as it should, which
//! the sink looks at; and both are reported. Says nothing about speed.
#![cfg(test)]

mod wired;

use std::process::{Command, Stdio};
use wired::{measure, nothing_was_lost, perf};

fn check(program: &str, more: &[&str]) {
    let Some(report) = measure("peers", more) else { return };
    assert_eq!(report["program"].as_str(), Some(program));
    assert_eq!(report["limits"].as_array().map(Vec::len), Some(0), "{}", report["limits"]);
    for side in ["hub", "peer"] {
        nothing_was_lost(&report[side], "peers");
    }
    assert!(report["peer"]["case"].as_str().unwrap().contains(program));
}

#[test]
fn testpmd_passes_frames_on() {
    let there =
        Command::new("dpdk-testpmd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_err() {
        eprintln!("SKIPPED: needs dpdk-testpmd (scripts/setup)");
        return;
    }
    check("testpmd", &[]);
}

#[test]
fn ipsec_secgw_opens_and_seals() {
    let secgw = perf().ancestors().nth(2).unwrap().join("peers/ipsec-secgw");
    if !secgw.is_file() {
        eprintln!("SKIPPED: needs {} (scripts/perf-peers)", secgw.display());
        return;
    }
    check("ipsec-secgw", &["--esp", "aes128gcm16"]);
}
