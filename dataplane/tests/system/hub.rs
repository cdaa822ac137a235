//! A hub process, its files, and its counters.

use crate::namespace::{run, wait_for};
use shm::{Geometry, Segment, Side};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// Peers that the test's segments have room for.
const MAX_PEERS: u32 = 64;
/// Address of the hub on the underlay.
pub const NBMA: [u8; 4] = [192, 0, 2, 1];
/// Address of the hub in the tunnel.
pub const TUNNEL: [u8; 4] = [10, 255, 0, 1];
/// MAC address of the hub's port.
pub const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// What tunnels are protected with. The test plays IKE.
const PROFILE: &str = r#"
[[protection]]
name = "esp"
[[ike.key]]
address = "0.0.0.0/0"
pre-shared-key = "nobody asks for it"
"#;

/// Two spokes behind their own MAC addresses, with a LAN each; a second tunnel with a key.
pub const TABLES: &str = r#"
[[link]]
name = "one"
port = "wan0"
mac = "02:00:00:00:00:11"
[[link]]
name = "two"
port = "wan0"
mac = "02:00:00:00:00:12"
[[peer]]
name = "spoke1"
tunnel = "Tunnel0"
nbma = "192.0.2.11"
link = "one"
[[peer]]
name = "spoke2"
tunnel = "Tunnel0"
nbma = "192.0.2.12"
link = "two"
[[peer]]
name = "keyed"
tunnel = "Tunnel1"
nbma = "192.0.2.12"
link = "two"
[[route]]
prefix = "10.255.0.11/32"
peer = "spoke1"
[[route]]
prefix = "10.255.0.12/32"
peer = "spoke2"
[[route]]
prefix = "172.16.1.0/24"
peer = "spoke1"
[[route]]
prefix = "172.16.2.0/24"
peer = "spoke2"
[[route]]
prefix = "172.16.3.0/24"
peer = "keyed"
"#;

/// What a test wants different.
pub struct Setup {
    /// Device of the one port.
    pub device: String,
    /// More lines of `[[port]]`.
    pub port: &'static str,
    /// More static tables.
    pub more: &'static str,
    /// Microseconds to sleep when idle: the machine may have one core for all tests.
    pub idle_sleep: u32,
    /// Workers.
    pub workers: usize,
    /// Whether workers count cycles by stage.
    pub timed: bool,
    /// Whether the tunnels' packets travel in ESP.
    pub protected: bool,
    /// Static tables; otherwise the test plays control.
    pub tables: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            device: crate::wire_end::DEVICE.into(),
            port: "",
            more: "",
            idle_sleep: 100,
            workers: 1,
            timed: false,
            protected: false,
            tables: true,
        }
    }
}

/// A running dataplane. Killed when dropped.
pub struct Hub {
    dir: PathBuf,
    setup: Setup,
    child: Child,
}

impl Hub {
    /// Writes its files and starts the process; answers when all workers poll.
    pub fn start(name: &str, setup: Setup) -> Self {
        let dir = std::env::temp_dir().join(format!("hub-system-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        // A machine with fewer cores gets several workers on one.
        let cores = cores(setup.workers);
        let Setup { device, port, idle_sleep, timed, protected, .. } = &setup;
        let protection = if *protected { "protection = \"esp\"" } else { "" };
        let profile = if *protected { PROFILE } else { "" };
        let run_dir = dir.display();
        let config = format!(
            r#"
[hub]
name = "{name}"
run-dir = "{run_dir}"
state-dir = "{run_dir}"
max-peers = {MAX_PEERS}
[dataplane]
cores = {cores:?}
hugepages = false
memory = 96
buffers = 8192
idle-sleep = {idle_sleep}
stage-timing = {timed}
[[port]]
name = "wan0"
device = "{device}"
role = "underlay"
address = ["192.0.2.1/24"]
mac = "02:00:00:00:00:01"
{port}
[[tunnel]]
name = "Tunnel0"
interface = "dmvpn0"
source = "192.0.2.1"
address = "10.255.0.1/24"
{protection}
[tunnel.nhrp]
network-id = 1
[[tunnel]]
name = "Tunnel1"
interface = "dmvpn1"
source = "192.0.2.1"
key = 77
address = "10.254.0.1/24"
{protection}
[tunnel.nhrp]
network-id = 2
{profile}
"#
        );
        std::fs::write(dir.join("hub.toml"), config).unwrap();
        std::fs::write(dir.join("tables.toml"), [TABLES, setup.more].concat()).unwrap();
        let child = spawn(&dir, setup.tables);
        let mut hub = Self { dir, setup, child };
        hub.wait_until_polling();
        hub
    }

    /// Gives the twins what control would give them.
    pub fn address_twins() {
        run("ip", &["address", "add", "192.0.2.1/24", "dev", "wan0"]);
        run("ip", &["address", "add", "10.255.0.1/24", "dev", "dmvpn0"]);
        run("ip", &["link", "set", "wan0", "up"]);
        run("ip", &["link", "set", "dmvpn0", "up"]);
    }

    /// Its segment, as control would see it.
    pub fn segment(&self) -> Segment {
        let geometry = Geometry { workers: self.setup.workers as u32, max_peers: MAX_PEERS };
        Segment::open_or_create(&self.dir.join("segment"), &geometry, Side::Control).unwrap()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL and starts it again.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.dir, self.setup.tables);
        self.wait_until_polling();
    }

    /// Kills it, starts it again, and lets it live for `moment` only.
    pub fn kill_and_restart_for(&mut self, moment: Duration) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.dir, self.setup.tables);
        std::thread::sleep(moment);
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        run("kill", &["-TERM", &self.pid().to_string()]);
        self.child.wait().unwrap()
    }

    /// What it logged since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn wait_until_polling(&mut self) {
        wait_for("the workers to poll", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the dataplane ended: {ended:?}\n{}", self.log());
            (self.log().matches("polling").count() == self.setup.workers).then_some(())
        });
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Ends with a summary of ports and twins.
            let _ = Command::new("kill").arg(self.pid().to_string()).status();
            std::thread::sleep(Duration::from_secs(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the dataplane\n{}---", self.log());
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn spawn(dir: &Path, tables: bool) -> Child {
    let log = File::create(dir.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub-dataplane"));
    command.arg("--config").arg(dir.join("hub.toml"));
    if tables {
        command.arg("--static").arg(dir.join("tables.toml"));
    }
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

fn cores(count: usize) -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap();
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).cycle().take(count).collect()
}
