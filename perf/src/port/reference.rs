//! `dpdk-testpmd` that sends every frame back by the port it came in by.

use std::process::{Child, Command, Stdio};

/// A running testpmd; ends when dropped.
pub struct Testpmd {
    child: Child,
}

impl Testpmd {
    /// Starts it on one device, forwarding on `core`.
    pub fn start(device: &str, core: usize, hugepages: bool) -> std::io::Result<Self> {
        let mut command = Command::new("dpdk-testpmd");
        command.args(arguments(device, core, hugepages)).arg("--stats-period=3600");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { child })
    }
}

/// Its arguments, to which some of its own may be added.
pub fn arguments(device: &str, core: usize, hugepages: bool) -> Vec<String> {
    let main = if core == 0 { 1 } else { core - 1 };
    let mut arguments = vec![format!("--lcores={main},{core}"), format!("--main-lcore={main}")];
    arguments.push(format!("--file-prefix=hub-perf-reference-{}", std::process::id()));
    let eal = ["--no-pci", "-m", "256", "--vdev", device];
    // It is killed, and would leave files behind that keep the pages.
    let memory = if hugepages { "--huge-unlink" } else { "--no-huge" };
    let own = ["--", "--forward-mode=io", "--port-topology=loop", "--auto-start", "--no-lsc-interrupt"];
    let more = ["--total-num-mbufs=16384"];
    arguments
        .extend(eal.iter().chain([&memory]).chain(&own).chain(&more).map(|argument| (*argument).to_owned()));
    arguments
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        // It holds nothing worth an orderly end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
