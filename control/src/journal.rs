//! What outlives control: registrations, joins, and the numbers of peers and multicast routes, in
//! `<state-dir>/bindings.journal`.
//!
//! ```text
//! file    "DMVPNJ1\n"  record*
//! record  length of body: u16 | CRC-32 of body: u32 | body            all little-endian
//! ```
//! Records are appended as things happen, one `write` per turn of the loop: killing the process loses nothing that
//! a spoke was told. Nothing is synced to disk then, since what a power failure takes, it takes from the data plane
//! as well, and spokes register again. A record that is cut off or damaged ends the reading. When the file has grown
//! to several times what lives, it is written anew beside the old one, synced by a thread of its own while both are
//! kept up to date, and put in the old one's place.

mod record;

pub use record::{Binding, MAX_IDENTITY, Record, crc32};

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// First octets of the file.
const MAGIC: &[u8; 8] = b"DMVPNJ1\n";
/// The file is not written anew below this size, in octets.
const COMPACT_MIN: u64 = 1 << 20;
/// Nor before it has grown by this factor.
const COMPACT_FACTOR: u64 = 4;
/// Longest file that is read, in octets: a million records and more.
const MAX_FILE: u64 = 1 << 30;

/// The open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    size: u64,
    compact_at: u64,
    compaction: Option<Compaction>,
    /// Writes that failed.
    pub errors: u64,
}

#[derive(Debug)]
struct Compaction {
    file: File,
    size: u64,
    synced: Receiver<io::Result<()>>,
}

/// What was found in a journal.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Records in the order in which they were written.
    pub records: Vec<Record>,
    /// Octets at the end that could not be read.
    pub lost: u64,
}

impl Journal {
    /// A journal at `path` that is not open yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            buffer: Vec::new(),
            size: 0,
            compact_at: COMPACT_MIN,
            compaction: None,
            errors: 0,
        }
    }

    /// Reads what is there. A file that does not exist is empty.
    pub fn read(&self) -> io::Result<Contents> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.len() > MAX_FILE => return Err(io::ErrorKind::FileTooLarge.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(error),
        }
        Ok(parse(&fs::read(&self.path)?))
    }

    /// Adds a record; it is written by [`Self::flush`].
    pub fn append(&mut self, record: &Record) {
        record::encode(record, &mut self.buffer);
    }

    /// Writes what was added, and puts a rewritten file in place once it is on disk.
    pub fn flush(&mut self) -> io::Result<()> {
        let result = self.write_buffer();
        self.buffer.clear();
        let installed = self.install();
        if result.is_err() || installed.is_err() {
            // The file may now end in half a record, which would hide all that follows: write it anew.
            self.errors += 1;
            self.file = None;
            self.compaction = None;
        }
        result.and(installed)
    }

    /// Whether the file should be written anew.
    pub fn wants_compaction(&self) -> bool {
        self.compaction.is_none() && (self.file.is_none() || self.size >= self.compact_at)
    }

    /// Starts writing the file anew with what lives. The first time, and after an error, it waits for the disk.
    pub fn compact(&mut self, live: impl Iterator<Item = Record>) -> io::Result<()> {
        let mut octets = MAGIC.to_vec();
        live.for_each(|record| record::encode(&record, &mut octets));
        let path = self.temporary();
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        file.write_all(&octets)?;
        let size = octets.len() as u64;
        let (done, synced) = sync_channel(1);
        let same = file.try_clone()?;
        let sync = move || drop(done.send(same.sync_data()));
        if self.file.is_none() {
            sync();
        } else {
            std::thread::Builder::new().name("journal".into()).spawn(sync)?;
        }
        self.compaction = Some(Compaction { file, size, synced });
        self.install()
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer)?;
            self.size += self.buffer.len() as u64;
        }
        if let Some(compaction) = &mut self.compaction {
            compaction.file.write_all(&self.buffer)?;
            compaction.size += self.buffer.len() as u64;
        }
        Ok(())
    }

    fn install(&mut self) -> io::Result<()> {
        let Some(compaction) = self.compaction.take() else { return Ok(()) };
        match compaction.synced.try_recv() {
            Ok(result) => result?,
            Err(TryRecvError::Empty) => {
                self.compaction = Some(compaction);
                return Ok(());
            }
            Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        fs::rename(self.temporary(), &self.path)?;
        self.compact_at = compaction.size.saturating_mul(COMPACT_FACTOR).max(COMPACT_MIN);
        self.size = compaction.size;
        self.file = Some(compaction.file);
        Ok(())
    }

    fn temporary(&self) -> PathBuf {
        self.path.with_extension("journal.new")
    }
}

/// Makes the directory of a journal.
pub fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

fn parse(octets: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let Some(mut rest) = octets.strip_prefix(MAGIC) else {
        contents.lost = octets.len() as u64;
        return contents;
    };
    while !rest.is_empty() {
        let Some((record, length)) = record::decode(rest) else { break };
        // A kind of a later version is skipped.
        contents.records.extend(record);
        rest = rest.get(length..).unwrap_or_default();
    }
    contents.lost = rest.len() as u64;
    contents
}

#[cfg(test)]
mod tests;
