//! Running a test in a network name space of its own.

use std::process::Command;
use std::time::{Duration, Instant};

/// Tells a test that it is inside.
const INSIDE: &str = "HUB_TEST_NAMESPACE";
/// How long a condition may take to come true on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `body` in a new network name space, by starting the test of that name again there.
pub fn isolated(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        body();
        return;
    }
    let root = rustix::process::geteuid().is_root();
    let flags: &[&str] = if root { &["--net"] } else { &["--user", "--map-root-user", "--net"] };
    // A device of the kind that the twins are: the one thing all tests here need.
    let able =
        Command::new("unshare").args(flags).args(["ip", "tuntap", "add", "probe", "mode", "tap"]).output();
    if !able.is_ok_and(|output| output.status.success()) {
        eprintln!("{test}: SKIPPED: needs root or user name spaces, /dev/net/tun, unshare and ip");
        return;
    }
    let me = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(flags)
        .arg(me)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed inside its name space");
}

/// Runs a command that must succeed; answers its output.
pub fn run(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command} {arguments:?}: {out}{err}");
    out.into_owned()
}

/// Waits until `condition` gives a value.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "still waiting for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
