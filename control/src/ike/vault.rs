//! Established sessions with their keys, in `<run-dir>/ike.sessions`, so that control may be killed at any moment:
//! its successor goes on where it stopped, with no SA rekeyed and no packet lost.
//!
//! ```text
//! file    "DMVPNK1\n"  record*
//! record  length of body: u32 | CRC-32 of body: u32 | session: u32 | body        all little-endian
//! ```
//! A record is a session as [`ike::Responder::export`] gives it, and stands for it until the next one; an empty body
//! ends it. It is written before the messages that follow from it leave, so that a message id that a peer has seen is
//! never used for something else. The file belongs on a tmpfs (`/run`): what is in it must not outlive the machine's
//! power, and no disk should see it: on any other file system nothing is kept, unless the operator wants it all the
//! same. Only its owner may read it. Nothing is buffered here: what is written is wiped by who made it.
//!
//! When the file has grown to several times what lives, it is written anew beside the old one, some sessions each
//! turn, while both are kept up to date, and then put in the old one's place.

use crate::journal::crc32;
use ike::SessionId;
use rustix::fs::{AtFlags, CWD, renameat, statfs, unlinkat};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// First octets of the file.
const MAGIC: &[u8; 8] = b"DMVPNK1\n";
/// Octets before a body.
const HEAD: usize = 12;
/// Longest body, in octets.
const MAX_BODY: usize = 1 << 18;
/// Longest file that is read, in octets.
const MAX_FILE: u64 = 1 << 31;
/// The file is not written anew below this size, in octets.
const COMPACT_MIN: u64 = 4 << 20;
/// Nor before it has grown by this factor.
const COMPACT_FACTOR: u64 = 4;
/// Sessions written to the new file in a turn.
const COMPACT_TURN: usize = 256;
/// What `statfs` says of file systems that are memory: tmpfs and ramfs.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// The open file.
#[derive(Debug)]
pub struct Vault {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    compact_at: u64,
    compaction: Option<Compaction>,
    changed: BTreeSet<SessionId>,
    /// What an earlier life left has been taken out: not before may the file be written anew.
    read: bool,
    /// Nothing is kept.
    closed: bool,
    /// Writes that failed.
    pub errors: u64,
}

#[derive(Debug)]
struct Compaction {
    file: File,
    size: u64,
    left: VecDeque<SessionId>,
}

/// What a vault held: the sessions that were alive, and how many octets at the end could not be read.
pub struct Contents {
    octets: Zeroizing<Vec<u8>>,
    sessions: BTreeMap<SessionId, std::ops::Range<usize>>,
    /// Octets at the end that could not be read.
    pub lost: usize,
}

impl Contents {
    /// Each session as it was exported.
    pub fn sessions(&self) -> impl Iterator<Item = &[u8]> {
        self.sessions.values().filter_map(|range| self.octets.get(range.clone()))
    }
}

impl Vault {
    /// A vault at `path` that is not open yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            size: 0,
            compact_at: COMPACT_MIN,
            compaction: None,
            changed: BTreeSet::new(),
            read: false,
            closed: false,
            errors: 0,
        }
    }

    /// Octets in the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the directory is memory and not disk.
    pub fn is_in_memory(&self) -> bool {
        let directory = self.path.parent().unwrap_or(&self.path);
        statfs(directory).is_ok_and(|fs| IN_MEMORY.contains(&(fs.f_type as u64)))
    }

    /// Keeps nothing from now on, and removes what is there.
    pub fn close(&mut self) -> io::Result<()> {
        self.closed = true;
        self.changed.clear();
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads what is there. A file that does not exist is empty. Until this has been tried, nothing is written: a large
    /// table of the kernel's takes many turns to read, and sessions are brought back only then.
    pub fn read(&mut self) -> io::Result<Contents> {
        self.read = true;
        let mut octets = Zeroizing::new(Vec::new());
        match File::open(&self.path) {
            Ok(mut file) => {
                let length = file.metadata()?.len();
                if length > MAX_FILE {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                // All at once: a buffer that grows leaves copies behind.
                octets.reserve_exact(length as usize + 1);
                Read::take(&mut file, length).read_to_end(&mut octets)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => octets.extend(MAGIC),
            Err(error) => return Err(error),
        }
        Ok(parse(octets))
    }

    /// What a session's export gives is another than before.
    pub fn changed(&mut self, session: SessionId) {
        if !self.closed {
            self.changed.insert(session);
        }
    }

    /// Writes what changed since the last time, and goes on with writing the file anew, where that is due. `live` are
    /// all sessions.
    pub fn flush(
        &mut self,
        live: impl Fn() -> Vec<SessionId>,
        export: impl Fn(SessionId) -> Option<Zeroizing<Vec<u8>>>,
    ) -> io::Result<()> {
        if self.closed || !self.read {
            return Ok(());
        }
        let result = self.try_flush(live, export);
        if result.is_err() {
            // The file may now end in half a record, which would hide all that follows: write it anew.
            self.errors += 1;
            self.file = None;
            self.compaction = None;
        }
        result
    }

    fn try_flush(
        &mut self,
        live: impl Fn() -> Vec<SessionId>,
        export: impl Fn(SessionId) -> Option<Zeroizing<Vec<u8>>>,
    ) -> io::Result<()> {
        for session in std::mem::take(&mut self.changed) {
            let body = export(session);
            let body = body.as_ref().map_or(&[][..], |body| body);
            if let Some(file) = &mut self.file {
                self.size += write(file, session, body)?;
            }
            if let Some(compaction) = &mut self.compaction {
                compaction.size += write(&mut compaction.file, session, body)?;
            }
        }
        if self.compaction.is_none() && (self.file.is_none() || self.size >= self.compact_at) {
            self.compaction = Some(self.compaction(live())?);
        }
        // The first time, and after an error, all at once: until then nothing would be kept.
        let turn = if self.file.is_none() { usize::MAX } else { COMPACT_TURN };
        self.compact(turn, export)
    }

    fn compaction(&self, live: Vec<SessionId>) -> io::Result<Compaction> {
        let path = self.temporary();
        // A new file, so that nobody has it open who may not.
        let _ = unlinkat(CWD, &path, AtFlags::empty());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(MAGIC)?;
        Ok(Compaction { file, size: MAGIC.len() as u64, left: live.into() })
    }

    fn compact(
        &mut self,
        turn: usize,
        export: impl Fn(SessionId) -> Option<Zeroizing<Vec<u8>>>,
    ) -> io::Result<()> {
        let Some(compaction) = &mut self.compaction else { return Ok(()) };
        for _ in 0..turn {
            let Some(session) = compaction.left.pop_front() else {
                return self.install();
            };
            if let Some(body) = export(session) {
                compaction.size += write(&mut compaction.file, session, &body)?;
            }
        }
        Ok(())
    }

    fn install(&mut self) -> io::Result<()> {
        let Some(compaction) = self.compaction.take() else { return Ok(()) };
        renameat(CWD, self.temporary(), CWD, &self.path)?;
        self.compact_at = compaction.size.saturating_mul(COMPACT_FACTOR).max(COMPACT_MIN);
        self.size = compaction.size;
        self.file = Some(compaction.file);
        Ok(())
    }

    fn temporary(&self) -> PathBuf {
        self.path.with_extension("sessions.new")
    }
}

/// Writes one record; gives its length.
fn write(file: &mut File, session: SessionId, body: &[u8]) -> io::Result<u64> {
    if body.len() > MAX_BODY {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let [length, sum, session] = [body.len() as u32, crc32(body), session.get()].map(u32::to_le_bytes);
    let head = [length, sum, session].concat();
    // In one call, unless the file system is full.
    let written = file.write_vectored(&[IoSlice::new(&head), IoSlice::new(body)])?;
    if written < head.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    file.write_all(body.get(written - head.len()..).unwrap_or_default())?;
    Ok((head.len() + body.len()) as u64)
}

fn parse(octets: Zeroizing<Vec<u8>>) -> Contents {
    let mut sessions = BTreeMap::new();
    let mut at = if octets.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    while at > 0
        && let Some((session, body)) = record(&octets, at)
    {
        at = body.end;
        if body.is_empty() {
            sessions.remove(&session);
        } else {
            sessions.insert(session, body);
        }
    }
    let lost = octets.len() - at;
    Contents { octets, sessions, lost }
}

/// The record at an offset; `None`: cut off or damaged.
fn record(octets: &[u8], at: usize) -> Option<(SessionId, std::ops::Range<usize>)> {
    let head = octets.get(at..)?.first_chunk::<HEAD>()?;
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let range = at + HEAD..(at + HEAD).checked_add(length)?;
    let body = octets.get(range.clone()).filter(|body| body.len() <= MAX_BODY)?;
    if crc32(body) != u32::from_le_bytes([e, f, g, h]) {
        return None;
    }
    Some((SessionId::new(u32::from_le_bytes([i, j, k, l]))?, range))
}

#[cfg(test)]
mod tests;
