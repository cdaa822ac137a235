//! A hub-dataplane process under test. We are its control: over the contract its tables are filled as in operation, in
//! the clear and with SAs, for which there are no static tables; and its counters are read where everybody reads them.

use crate::files;
use crate::path::protected::Protected;
use crate::scenario::{ROUTER_MAC, Scenario};
use shm::message::Update;
use shm::{AttachError, EndpointError, Geometry, Segment, SendError, Side, UpdateSender};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to start, or its tables to be as they should.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);
/// The resync that fills the tables.
const GENERATION: u64 = 1;
/// Name of its worker's thread.
const WORKER: &str = "hub-worker-0";
/// Lines of its log that an error shows.
const LAST_LINES: usize = 8;

/// Why there is no hub to measure.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Its files, or the process.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The segment.
    #[error(transparent)]
    Segment(#[from] AttachError),
    /// A ring.
    #[error(transparent)]
    Ring(#[from] EndpointError),
    /// An update.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It ended.
    #[error("the program under test ended; it said:\n{0}")]
    Ended(String),
    /// It does not do what it should.
    #[error("still waiting for {what}; the program under test said:\n{log}")]
    Late {
        /// What for.
        what: &'static str,
        /// Its last lines.
        log: String,
    },
}

/// Says what was tried.
pub fn io(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> HubError {
    move |error| HubError::Io { what: what.to_string(), error }
}

/// A directory that goes when it is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// In memory where there is a file system for that: what the processes share should not be written to a disk.
    pub fn new(name: &str) -> std::io::Result<Self> {
        let shm = Path::new("/dev/shm");
        let base = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
        let directory = base.join(format!("hub-perf-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // At worst it stays.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that is killed when it is dropped.
pub struct Process(Child);

impl Process {
    /// Starts a program in a network name space of its own, so that its interfaces are nobody else's, with what it says
    /// in a file.
    pub fn isolated(program: &Path, arguments: &[&str], log: &Path) -> std::io::Result<Self> {
        let root = rustix::process::geteuid().is_root();
        let spaces: &[&str] = if root { &["--net"] } else { &["--user", "--map-root-user", "--net"] };
        let log = File::create(log)?;
        let mut command = Command::new("unshare");
        // Whatever ends us ends it too: a worker would poll its core for ever.
        command.args(spaces).args(["setpriv", "--pdeathsig", "KILL"]).arg(program).args(arguments);
        // unshare and setpriv become the program, so their process id is the program's.
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).spawn().map(Self)
    }

    /// Types a line.
    pub fn say(&self, line: &str) -> std::io::Result<()> {
        let Some(mut input) = self.0.stdin.as_ref() else { return Ok(()) };
        input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n"))
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Where `/proc` has its threads.
    pub fn threads(&self) -> PathBuf {
        format!("/proc/{}/task", self.0.id()).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It holds nothing worth an orderly end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of a thread, and the time that it waited for a CPU, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Had.
    pub ran: u64,
    /// Waited for.
    pub waited: u64,
}

impl Cpu {
    /// Of the thread at that place in `/proc`; zero where the kernel does not tell.
    pub fn of(task: &Path) -> Self {
        let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        let mut fields = text.split_whitespace().filter_map(|field| field.parse().ok());
        Self { ran: fields.next().unwrap_or(0), waited: fields.next().unwrap_or(0) }
    }
}

/// What a hub, or a peer of it, had done at some time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// What it counts itself; `None`: nothing.
    pub work: Option<Work>,
    /// Its worker's CPU time.
    pub cpu: Cpu,
}

/// What a worker counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Packets it took.
    pub packets: u64,
    /// Cycles of polls that found packets.
    pub busy: u64,
    /// Packets dropped, for whatever reason.
    pub dropped: u64,
}

impl Reading {
    /// What was done since an earlier one.
    pub fn since(self, before: Self) -> Self {
        let work = self.work.zip(before.work).map(|(now, before)| Work {
            packets: now.packets.wrapping_sub(before.packets),
            busy: now.busy.wrapping_sub(before.busy),
            dropped: now.dropped.wrapping_sub(before.dropped),
        });
        let cpu = Cpu {
            ran: self.cpu.ran.wrapping_sub(before.cpu.ran),
            waited: self.cpu.waited.wrapping_sub(before.cpu.waited),
        };
        Self { work, cpu }
    }
}

/// A running hub.
pub struct Hub {
    process: Process,
    scratch: Scratch,
    segment: Segment,
    worker: PathBuf,
}

impl Hub {
    /// Starts it in that directory; its device is there when this comes back.
    pub fn start(program: &Path, scratch: Scratch, hub: &files::Hub<'_>) -> Result<Self, HubError> {
        let directory = scratch.path();
        let configuration = directory.join("hub.toml");
        std::fs::write(&configuration, hub.configuration(directory)).map_err(io("hub.toml"))?;
        let config = configuration.to_string_lossy();
        let log = directory.join("log");
        let mut process = Process::isolated(program, &["--config", &config], &log)
            .map_err(io(format_args!("{} by unshare", program.display())))?;
        let file = directory.join("segment");
        wait("its segment", &mut process, &log, || file.exists().then_some(()))?;
        let geometry = Geometry { workers: 1, max_peers: hub.spokes };
        let segment = Segment::open_or_create(&file, &geometry, Side::Control)?;
        let threads = process.threads();
        let worker = wait("its worker", &mut process, &log, || thread(&threads, WORKER))?;
        Ok(Self { process, scratch, segment, worker })
    }

    /// Makes the scenario's spokes its peers. `protected`: their ends of the SAs.
    pub fn fill(&mut self, scenario: &Scenario, protected: Option<&Protected>) -> Result<(), HubError> {
        let mut updates = self.segment.update_sender()?;
        let log = self.scratch.path().join("log");
        let Self { process, segment, .. } = self;
        let mut send = |update: &Update| send(&mut updates, update, process, &log);
        send(&Update::Begin { generation: GENERATION })?;
        send(&Update::Link { id: 0, port: 0, mac: Some(ROUTER_MAC.0) })?;
        for id in 0..scenario.spokes {
            match protected {
                Some(protected) => {
                    protected.spoke(scenario, segment, id).iter().try_for_each(&mut send)?;
                }
                None => scenario.spoke(id, None).iter().try_for_each(&mut send)?,
            }
        }
        send(&Update::End { generation: GENERATION })?;
        wait("its tables", &mut self.process, &log, || {
            (segment.life(Side::Dataplane).generation == GENERATION).then_some(())
        })
    }

    /// What it has done so far.
    pub fn read(&self) -> Reading {
        let counters = self.segment.worker(0);
        let work = Work {
            packets: counters.packets.get(),
            busy: counters.busy_cycles.get(),
            dropped: counters.drops.iter().map(|counter| counter.get()).sum(),
        };
        Reading { work: Some(work), cpu: Cpu::of(&self.worker) }
    }

    /// Its drops by reason, for who asks why.
    pub fn drops(&self) -> String {
        let counters = self.segment.worker(0);
        let all = shm::drops::DropReason::ALL.iter().zip(&counters.drops);
        let some = all.filter(|(_, count)| count.get() > 0);
        some.map(|(reason, count)| format!("{} {}", reason.name(), count.get()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The last lines of what it said.
    pub fn log(&self) -> String {
        tail(&self.scratch.path().join("log"))
    }
}

/// The thread whose name ends so.
pub fn thread(threads: &Path, end: &str) -> Option<PathBuf> {
    let comm = |path: &PathBuf| std::fs::read_to_string(path.join("comm")).unwrap_or_default();
    let named = |path: &PathBuf| comm(path).trim_end().ends_with(end);
    std::fs::read_dir(threads).ok()?.flatten().map(|task| task.path()).find(named)
}

fn send(
    updates: &mut UpdateSender,
    update: &Update,
    process: &mut Process,
    log: &Path,
) -> Result<(), HubError> {
    loop {
        match updates.send(update) {
            Ok(_) => return Ok(()),
            Err(SendError::Full) if process.ended() => return Err(HubError::Ended(tail(log))),
            Err(SendError::Full) => std::thread::sleep(LOOK),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until there is something, as long as the process lives.
pub fn wait<T>(
    what: &'static str,
    process: &mut Process,
    log: &Path,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, HubError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if process.ended() {
            return Err(HubError::Ended(tail(log)));
        }
        if Instant::now() > deadline {
            return Err(HubError::Late { what, log: tail(log) });
        }
        std::thread::sleep(LOOK);
    }
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
}
