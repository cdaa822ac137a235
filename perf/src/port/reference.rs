//! `dpdk-testpmd` that sends every frame back by the port it came in by.

use std::process::{Child, Command, Stdio};

/// A running testpmd; ends when dropped.
pub struct Testpmd {
    child: Child,
}

impl Testpmd {
    /// Starts it on one device, forwarding on `core`.
    pub fn start(device: &str, core: usize, hugepages: bool) -> std::io::Result<Self> {
        let main = if core == 0 { 1 } else { core - 1 };
        let mut command = Command::new("dpdk-testpmd");
        command.arg(format!("--lcores={main},{core}")).arg(format!("--main-lcore={main}"));
        command.arg(format!("--file-prefix=hub-perf-reference-{}", std::process::id()));
        command.args(["--no-pci", "-m", "256", "--vdev", device]);
        if !hugepages {
            command.arg("--no-huge");
        }
        command.args([
            "--",
            "--forward-mode=io",
            "--port-topology=loop",
            "--auto-start",
            "--no-lsc-interrupt",
        ]);
        command.args(["--total-num-mbufs=16384", "--stats-period=3600"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { child })
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        // It holds nothing worth an orderly end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
