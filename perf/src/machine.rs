//! Where figures come from: no figure without its machine and command.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::time::{Duration, Instant};

/// The machine and the command.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Processor.
    pub cpu: String,
    /// What it can that matters here.
    pub flags: Vec<String>,
    /// Logical processors that this process may use, before it pins itself to one.
    pub cpus: usize,
    /// Kernel.
    pub kernel: String,
    /// Time-stamp counter, in Hz.
    pub tsc_hz: u64,
    /// Load average when the run began.
    pub load: String,
    /// Version and profile of this program.
    pub program: String,
    /// Commit of the source tree that the command ran in, with `-dirty` if there were changes; empty outside of one.
    pub commit: String,
    /// Command line.
    pub command: String,
}

/// Extensions of the processor that change what packets and ciphers cost.
const EXTENSIONS: &[&str] = &["aes", "vaes", "pclmulqdq", "vpclmulqdq", "sha_ni", "gfni", "avx2", "avx512f"];

impl Machine {
    /// Describes this one. Takes a tenth of a second to measure the counter.
    pub fn describe() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let field = |name| info.lines().find_map(|line| line.strip_prefix(name)?.split(':').nth(1));
        let has =
            |flag: &str| field("flags").is_some_and(|all| all.split_whitespace().any(|has| has == flag));
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        Self {
            cpu: field("model name").unwrap_or("unknown").trim().to_owned(),
            flags: EXTENSIONS.iter().filter(|flag| has(flag)).map(|flag| (*flag).to_owned()).collect(),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            tsc_hz: tsc_hz(),
            load: read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            program: format!("hub-perf {} ({profile})", env!("CARGO_PKG_VERSION")),
            commit: commit(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, cpus, kernel, tsc_hz, load, program, command, .. } = self;
        let ghz = *tsc_hz as f64 / 1e9;
        writeln!(f, "{cpu}, {cpus} CPUs, TSC {ghz:.4} GHz, Linux {kernel}, load {load}")?;
        write!(f, "{program}: {command}")
    }
}

fn commit() -> String {
    let git =
        std::process::Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).output();
    let said = git.ok().filter(|git| git.status.success());
    said.map(|git| String::from_utf8_lossy(&git.stdout).trim().to_owned()).unwrap_or_default()
}

fn tsc_hz() -> u64 {
    const SPAN: Duration = Duration::from_millis(100);
    let (start, first) = (Instant::now(), shm::cpu::cycles());
    while start.elapsed() < SPAN {
        std::hint::spin_loop();
    }
    let (cycles, elapsed) = (shm::cpu::cycles().wrapping_sub(first), start.elapsed());
    (cycles as f64 / elapsed.as_secs_f64()) as u64
}

/// Resident memory of this process, in octets.
pub fn resident() -> u64 {
    status("self", "VmRSS:") * 1024
}

/// How often this thread has gone to sleep of its own accord: for a lock, for a device, for time.
pub fn slept() -> u64 {
    status("thread-self", "voluntary_ctxt_switches:")
}

/// CPU time that this thread has had, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A number of `/proc/*/status`.
fn status(whose: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{whose}/status")).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// Pins this thread to a core; `false`: the system did not let it.
pub fn pin(core: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: core })
}

/// This thread on one core, until dropped: threads that it makes meanwhile would be there too.
pub struct Pinned(Option<CpuSet>);

impl Pinned {
    /// On that core, or wherever it was if the system does not let it.
    pub fn to(core: usize) -> Self {
        let before = sched_getaffinity(None).ok();
        pin(core);
        Self(before)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // At worst it stays where it is.
            let _ = sched_setaffinity(None, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_how_much_and_how_often() {
        assert!(resident() > 0);
        let before = slept();
        std::thread::sleep(Duration::from_millis(1));
        assert!(slept() > before);
    }
}
