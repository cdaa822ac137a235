//! What a hub is held against: a DPDK program on the same wire, which forwards on the same core.

use super::hub::{Cpu, HubError, Process, Reading, Scratch, Work, io, tail, thread, wait};
use super::{secgw, testpmd};
use crate::path::protected::Protected;
use crate::port::reference;
use crate::probe::Through;
use crate::scenario::Scenario;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Set in `/proc/net/unix` of sockets that take connections.
const ACCEPTS: u32 = 0x1_0000;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);

/// Which program.
#[derive(Clone, Debug)]
pub enum Program {
    /// `dpdk-testpmd --forward-mode=io`: frames go back as they came, the limit of I/O.
    Testpmd,
    /// DPDK's `ipsec-secgw`: opens, looks up, seals.
    Secgw(PathBuf),
}

impl Program {
    /// How it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Testpmd => "testpmd",
            Self::Secgw(_) => "ipsec-secgw",
        }
    }

    /// What becomes of frames in it.
    pub fn through(&self) -> Through {
        match self {
            Self::Testpmd => Through::Nothing,
            Self::Secgw(_) => Through::Gateway,
        }
    }
}

/// A running one.
pub struct Peer {
    process: Process,
    scratch: Scratch,
    worker: PathBuf,
    /// It answers questions.
    tells: bool,
}

impl Peer {
    /// Starts it on a device, forwarding on `core`.
    pub fn start(
        program: &Program,
        scratch: Scratch,
        (device, core, hugepages): (&str, usize, bool),
        spokes: Option<(&Scenario, &Protected)>,
    ) -> Result<Self, HubError> {
        let log = scratch.path().join("log");
        let (path, arguments, name) = match program {
            Program::Testpmd => {
                let mut arguments = vec!["-oL".to_owned(), "dpdk-testpmd".into()];
                arguments.extend(reference::arguments(device, core, hugepages));
                arguments.extend(["-i", "--record-core-cycles"].map(str::to_owned));
                // Or what it says to a file waits until there is more of it.
                // DPDK's prefix of the name is another in each release.
                (PathBuf::from("stdbuf"), arguments, format!("-worker-{core}"))
            }
            Program::Secgw(path) => {
                let file = scratch.path().join("secgw.cfg");
                let text = spokes.map(|(scenario, protected)| secgw::configuration(scenario, protected));
                std::fs::write(&file, text.unwrap_or_default()).map_err(io("secgw.cfg"))?;
                let count = spokes.map_or(0, |(scenario, _)| scenario.spokes);
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (path.clone(), secgw::arguments(device, core, hugepages, count, &file), name)
            }
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut process =
            Process::isolated(&path, &arguments, &log).map_err(io(format_args!("{}", path.display())))?;
        let threads = process.threads();
        let worker = wait("its forwarding thread", &mut process, &log, || thread(&threads, &name))?;
        let sockets = threads.with_file_name("net").join("unix");
        let socket = scratch.path().join("wire");
        if device.contains("net_vhost") {
            wait("its end of the wire", &mut process, &log, || listens(&sockets, &socket).then_some(()))?;
        }
        let tells = matches!(program, Program::Testpmd);
        Ok(Self { process, scratch, worker, tells })
    }

    /// What it has done so far, as far as it tells.
    pub fn read(&self) -> Reading {
        let work = self.tells.then(|| self.ask()).flatten();
        Reading { work, cpu: Cpu::of(&self.worker) }
    }

    fn ask(&self) -> Option<Work> {
        let log = self.scratch.path().join("log");
        let read = || std::fs::read_to_string(&log).unwrap_or_default();
        let before = read().len();
        self.process.say(testpmd::QUESTION).ok()?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(work) = read().get(before..).and_then(testpmd::answer) {
                return Some(work);
            }
            std::thread::sleep(LOOK);
        }
        None
    }

    /// The last lines of what it said.
    pub fn log(&self) -> String {
        tail(&self.scratch.path().join("log"))
    }
}

fn listens(sockets: &Path, socket: &Path) -> bool {
    let text = std::fs::read_to_string(sockets).unwrap_or_default();
    let socket = socket.to_string_lossy();
    text.lines().filter(|line| line.ends_with(&*socket)).any(|line| {
        let flags = line.split_whitespace().nth(3).and_then(|flags| u32::from_str_radix(flags, 16).ok());
        flags.is_some_and(|flags| flags & ACCEPTS != 0)
    })
}
