//! The segment's file and locks.

use super::{Side, has_magic, validate};
use crate::error::AttachError;
use crate::header::Header;
use crate::layout::Geometry;
use crate::mapping::{Mapping, Shared};
use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the creation lock is tried, [`LOCK_PAUSE`] apart: it is held for milliseconds.
const CREATION_TRIES: u32 = 500;
/// How often a side's lock is tried: a killed process with gigabytes mapped takes a while to go.
const SIDE_TRIES: u32 = if cfg!(test) { 5 } else { 300 };
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Octets at the file's start that every ABI keeps.
const HEADER: usize = size_of::<Header>();

pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(Errno) -> AttachError {
    move |errno| AttachError::Io { doing, path: path.into(), source: errno.into() }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn lock_file(path: &Path) -> Result<File, AttachError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o660)).map_err(io("open", path))?;
    Ok(File::from(file))
}

/// Tries to lock a file; `false`: others hold it all the time.
fn lock(file: &File, path: &Path, tries: u32) -> Result<bool, AttachError> {
    for _ in 0..tries {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(io("lock", path)(errno)),
        }
    }
    Ok(false)
}

/// The locks of one attachment. The kernel releases them when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Locks {
    /// Held while the segment is looked for, made and entered.
    creation: Option<File>,
    /// Held for life.
    _side: File,
}

impl Locks {
    /// The side's lock first: a predecessor that was killed a moment ago may still be on its way out, and the other
    /// side must not wait for it.
    pub fn take(path: &Path, side: Side) -> Result<Self, AttachError> {
        let own_path = side_path(path, side);
        let own = lock_file(&own_path)?;
        if !lock(&own, &own_path, SIDE_TRIES)? {
            return Err(AttachError::AlreadyRunning { side, path: path.into(), pid: pid_of(path, side) });
        }
        let creation_path = beside(path, ".lock");
        let creation = lock_file(&creation_path)?;
        if !lock(&creation, &creation_path, CREATION_TRIES)? {
            return Err(AttachError::Locked { path: creation_path });
        }
        Ok(Self { creation: Some(creation), _side: own })
    }

    /// Whether a process plays `side`, or is about to. Meaningful while the creation lock is held: nobody enters
    /// meanwhile.
    fn lives(&self, path: &Path, side: Side) -> Result<bool, AttachError> {
        let path = side_path(path, side);
        let file = lock_file(&path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(io("lock", &path)(errno)),
        }
    }

    /// The segment is entered: others may start.
    pub fn attached(mut self) -> Self {
        self.creation = None;
        self
    }
}

fn side_path(path: &Path, side: Side) -> PathBuf {
    beside(
        path,
        match side {
            Side::Dataplane => ".dataplane.lock",
            Side::Control => ".control.lock",
        },
    )
}

/// What the living process of a side wrote as its process id, for the error text.
fn pid_of(path: &Path, side: Side) -> u32 {
    let header = Old::open(path).ok().flatten().map(|old| old.header);
    header.map_or(0, |header| match side {
        Side::Dataplane => header.dataplane.read().pid,
        Side::Control => header.control.read().pid,
    })
}

/// A segment found under the name, with only its header mapped.
struct Old {
    file: File,
    size: u64,
    header: Shared<Header>,
}

impl Old {
    fn open(path: &Path) -> Result<Option<Self>, AttachError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(io("open", path)(errno)),
        };
        let stat = rustix::fs::fstat(&file).map_err(io("stat", path))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() || size < HEADER as u64 {
            // Reading beyond a file's end is a bus error, so the size comes before the magic.
            return Err(AttachError::Size { found: size, expected: HEADER as u64 });
        }
        let mapping = Arc::new(Mapping::of_file(file.as_fd(), HEADER, false).map_err(io("map", path))?);
        let header = mapping.one(0).ok_or(Errno::OVERFLOW).map_err(io("map", path))?;
        Ok(Some(Self { file, size, header }))
    }
}

/// The mapping of the segment that `path` names, made or replaced as the module describes.
pub(super) fn open(
    path: &Path,
    geometry: &Geometry,
    side: Side,
    locks: &Locks,
) -> Result<Mapping, AttachError> {
    let boot = machine_boot()?;
    let Some(old) = Old::open(path)? else {
        return create(path, geometry, boot, None);
    };
    has_magic(&old.header, path)?;
    let superseded = old.header.superseded.load(Ordering::Relaxed) != 0;
    let rebooted = old.header.machine_boot.load(Ordering::Relaxed) != boot;
    match validate(&old.header, geometry, old.size) {
        Ok(()) if !superseded && !rebooted => {
            Mapping::of_file(old.file.as_fd(), geometry.layout().size, true).map_err(io("map", path))
        }
        Err(mismatch) if side == Side::Control && locks.lives(path, Side::Dataplane)? => Err(mismatch),
        _ => create(path, geometry, boot, Some(&old.header)),
    }
}

/// Makes a segment complete under a temporary name, marks the old one and gives the new one its name.
fn create(path: &Path, geometry: &Geometry, boot: u64, old: Option<&Header>) -> Result<Mapping, AttachError> {
    let temporary = beside(path, ".new");
    let _ = std::fs::remove_file(&temporary);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file =
        rustix::fs::open(&temporary, flags, Mode::from_raw_mode(0o660)).map_err(io("create", &temporary))?;
    let size = geometry.layout().size;
    // Reserved now: a tmpfs that is full must say so here, not as a bus error in a worker.
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size as u64) {
        Err(Errno::OPNOTSUPP) => rustix::fs::ftruncate(&file, size as u64),
        other => other,
    }
    .map_err(io("reserve memory for", &temporary))?;
    let mapping = Mapping::of_file(file.as_fd(), size, true).map_err(io("map", &temporary))?;
    let Some(header) = mapping.slice::<Header>(0, 1).and_then(<[Header]>::first) else {
        return Err(io("map", &temporary)(Errno::OVERFLOW));
    };
    header.fill(*geometry, random(path)?, boot);
    if let Some(old) = old {
        old.superseded.store(1, Ordering::Release);
    }
    rustix::fs::rename(&temporary, path).map_err(io("rename to", path))?;
    Ok(mapping)
}

/// A random number that is not 0.
pub(super) fn random(path: &Path) -> Result<u64, AttachError> {
    let mut octets = [0; 8];
    loop {
        rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())
            .map_err(io("draw a random number for", path))?;
        match u64::from_ne_bytes(octets) {
            0 => {}
            number => return Ok(number),
        }
    }
}

/// The kernel's boot id as a number.
fn machine_boot() -> Result<u64, AttachError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = std::fs::read_to_string(path).map_err(|source| AttachError::Io {
        doing: "read",
        path: path.into(),
        source,
    })?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    Ok(u64::from_str_radix(&digits, 16).unwrap_or(1).max(1))
}
