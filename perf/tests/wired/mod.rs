//! A little traffic of `hub-perf` over a software wire, which nothing may lose. Says nothing about speed.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Frames a second: in half a second fewer than the wire's rings hold, so that none is lost however late the machine
/// lets the hub or the sink run.
const RATE: u64 = 500;
/// Milliseconds that a frame may be late.
const PATIENCE: u64 = 30_000;

/// The program.
pub fn perf() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hub-perf"))
}

/// Two cores, or one twice where there are no two.
fn cores() -> [usize; 2] {
    let set = rustix::thread::sched_getaffinity(None).unwrap();
    let mut cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).cycle();
    [(); 2].map(|()| cores.next().unwrap())
}

/// Whether the hub can be started here: its program, name spaces, and devices of the kind that its twins are.
fn able() -> bool {
    let hub: PathBuf = perf().with_file_name("hub-dataplane");
    let root = rustix::process::geteuid().is_root();
    let spaces: &[&str] = if root { &["--net"] } else { &["--user", "--map-root-user", "--net"] };
    let tun =
        Command::new("unshare").args(spaces).args(["ip", "tuntap", "add", "probe", "mode", "tap"]).output();
    hub.is_file() && tun.is_ok_and(|output| output.status.success())
}

/// What a command reports; `None`: there can be no hub here.
pub fn measure(command: &str, more: &[&str]) -> Option<Value> {
    if !able() {
        eprintln!(
            "SKIPPED: needs hub-dataplane beside hub-perf, root or user name spaces, /dev/net/tun and ip"
        );
        return None;
    }
    let [core, hub_core] = cores();
    let output = Command::new(perf())
        .args([command, "--quick", "--json", "--quiet", "--idle-sleep", "100"])
        .args(["--rate", &RATE.to_string(), "--drain", &PATIENCE.to_string()])
        .args(["--core", &core.to_string(), "--hub-core", &hub_core.to_string()])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// That all frames of a report came back.
pub fn nothing_was_lost(report: &Value, command: &str) {
    assert!(report["machine"]["command"].as_str().unwrap().contains(command));
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["size"].as_str().unwrap()).collect::<Vec<_>>(), ["64", "imix"]);
    for row in rows {
        assert_eq!((row["link"].as_str(), row["spokes"].as_u64()), (Some("memif"), Some(100)));
        let figures = &row["latency"][0];
        let number = |name: &str| figures[name].as_f64().unwrap();
        assert_eq!((number("rate"), number("lost")), (RATE as f64, 0.0), "{figures}");
        // The generator leaves out what was due while the machine did something else.
        assert!(number("sent") > 0.0 && number("sent") <= RATE as f64 / 2.0, "{figures}");
        assert_eq!(number("sent"), number("received"));
        assert!(number("min_us") > 0.0);
        assert!(number("min_us") <= number("p50_us") && number("p50_us") <= number("max_us"));
    }
}
