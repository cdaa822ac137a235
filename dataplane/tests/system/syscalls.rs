//! A worker under load makes no system call: neither per packet nor per poll.

use crate::frames::{SPOKE1, SPOKE2, echo, ip};
use crate::hub::{Hub, Setup};
use crate::namespace::{isolated, wait_for};
use std::process::{Command, Stdio};

/// Packets that must pass while system calls are counted.
const PACKETS: u64 = 200_000;

#[test]
fn a_worker_under_load_makes_no_system_call() {
    isolated("syscalls::a_worker_under_load_makes_no_system_call", || {
        let dir = std::env::temp_dir().join(format!("hub-syscalls-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let input = dir.join("in.pcap");
        let frame = SPOKE1.gre(None, &ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, 64, &echo(8, 1)));
        std::fs::write(&input, crate::golden::capture(&[&frame])).unwrap();
        // The driver holds the capture in memory and gives it again and again; what is sent, it discards.
        let device = format!("net_pcap0,rx_pcap={},infinite_rx=1", input.display());
        let hub = Hub::start("syscalls", Setup { device, idle_sleep: 0, ..Setup::default() });
        let segment = hub.segment();
        let packets = || segment.worker(0).packets.get();
        wait_for("packets", || (packets() > 0).then_some(()));

        let task = format!("/proc/{}/task/{}", hub.pid(), worker(hub.pid()));
        let switches = || voluntary_switches(&task);
        let (first, begin) = (switches(), packets());
        let traced = trace(&task, || wait_for("packets", || (packets() > begin + PACKETS).then_some(())));
        let tunnel = &segment.worker(0).tunnels[0];
        assert!(tunnel.tx_packets.get() > 0, "nothing was forwarded");
        match traced {
            Some(report) => assert_eq!(report, "", "a worker made system calls"),
            None => {
                // Without a tracer: a thread that never waits is never switched away on its own account.
                eprintln!("strace is missing: only voluntary context switches are looked at");
                wait_for("packets", || (packets() > begin + PACKETS).then_some(()));
                assert_eq!(switches(), first);
            }
        }
        std::fs::remove_dir_all(&dir).unwrap();
    });
}

fn worker(pid: u32) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut names = tasks.map(|task| task.unwrap().file_name().into_string().unwrap());
    let is_worker = |task: &String| {
        std::fs::read_to_string(format!("/proc/{pid}/task/{task}/comm")).unwrap().trim() == "hub-worker-0"
    };
    names.find(is_worker).unwrap()
}

fn voluntary_switches(task: &str) -> String {
    let status = std::fs::read_to_string(format!("{task}/status")).unwrap();
    status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap().to_owned()
}

/// Every system call of the thread while `load` runs, one per line. `None`: there is no tracer.
fn trace(task: &str, load: impl FnOnce()) -> Option<String> {
    let thread = task.rsplit('/').next().unwrap();
    let report = std::env::temp_dir().join(format!("hub-strace-{thread}"));
    let mut tracer =
        Command::new("strace").args(["-p", thread, "-o"]).arg(&report).stderr(Stdio::null()).spawn().ok()?;
    let attached = wait_for("the tracer", || {
        let status = std::fs::read_to_string(format!("{task}/status")).unwrap();
        let traced = status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"));
        (traced || tracer.try_wait().unwrap().is_some()).then_some(traced)
    });
    if !attached {
        return None;
    }
    load();
    crate::namespace::run("kill", &["-INT", &tracer.id().to_string()]);
    tracer.wait().unwrap();
    let calls = std::fs::read_to_string(&report).unwrap();
    let _ = std::fs::remove_file(&report);
    Some(calls.lines().filter(|line| !line.contains("<detached ...>")).collect::<Vec<_>>().join("\n"))
}
