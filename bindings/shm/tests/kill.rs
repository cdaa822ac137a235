//! Two real processes on one segment; either is killed with SIGKILL, again and again, at whatever instruction it
//! happens to be, and a successor takes over.
//!
//! The test starts its own binary with `HUB_SHM_KILL` naming the part to play, so no helper program is needed.

#![cfg(test)]

use shm::message::{Event, Update};
use shm::{Geometry, RingName, Segment, SendError, Side};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const GEOMETRY: Geometry = Geometry { workers: 1, max_peers: 16 };
const KILLS: u32 = 60;
/// What a child gets done, at most, before it is killed.
const SPREAD: u64 = 40_000;
/// The SA whose sequence numbers are taken, and what its cells are armed with.
const SA: usize = 7;
const TAG: NonZeroU64 = NonZeroU64::MAX;

/// An event whose every octet follows from its number, so that a torn one shows.
fn packet(number: u64) -> Vec<u8> {
    let len = 8 + (number % 1_900) as usize;
    let mut packet = vec![number as u8; len];
    packet[..8].copy_from_slice(&number.to_le_bytes());
    packet
}

fn event(packet: &[u8]) -> Event<'_> {
    Event::Nhrp { tunnel: 1, nbma: Ipv4Addr::LOCALHOST, session: None, packet }
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hub-shm-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
    fn segment(&self) -> PathBuf {
        self.0.join("segment")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that is killed and reaped wherever the test leaves.
struct Player(Child);

impl Player {
    fn start(part: &str, segment: &Path) -> Self {
        Self::with(part, segment, Stdio::null())
    }
    fn with(part: &str, segment: &Path, stdout: Stdio) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "player", "--nocapture", "--test-threads=1"])
            .env("HUB_SHM_KILL", part)
            .env("HUB_SHM_SEGMENT", segment)
            .stdout(stdout)
            .spawn()
            .unwrap();
        Self(child)
    }
    fn kill(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "the child ended by itself: it saw something wrong");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test of its own: what the children run.
#[test]
fn player() {
    let Ok(part) = std::env::var("HUB_SHM_KILL") else { return };
    let path = PathBuf::from(std::env::var("HUB_SHM_SEGMENT").unwrap());
    let attach = |side| Segment::open_or_create(&path, &GEOMETRY, side).unwrap();
    match part.as_str() {
        "send updates" => {
            let segment = attach(Side::Control);
            let mut sender = segment.update_sender().unwrap();
            loop {
                // The position says how many its predecessors published: the next message continues from there.
                match sender.send(&Update::Begin { generation: sender.position() + 1 }) {
                    Ok(_) => segment.heartbeat(sender.position()),
                    Err(SendError::Full) => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        }
        "receive updates" => {
            let segment = attach(Side::Dataplane);
            let mut receiver = segment.update_receiver().unwrap();
            loop {
                let mut position = receiver.position();
                let taken = receiver.receive(64, |update| {
                    position += 1;
                    assert_eq!(update, Update::Begin { generation: position });
                    // "Applied" is on record before the acknowledgement that follows this batch.
                    segment.completed(position);
                });
                if taken == 0 {
                    std::thread::yield_now();
                }
            }
        }
        "send events" => {
            let segment = attach(Side::Dataplane);
            let mut sender = segment.event_sender(0).unwrap();
            let mut number = segment.ring_stats(RingName::Events(0)).unwrap().sent;
            loop {
                let packet = packet(number);
                if sender.send(&event(&packet)) {
                    number += 1;
                } else {
                    std::thread::yield_now();
                }
            }
        }
        "take numbers" => {
            let segment = attach(Side::Dataplane);
            let cells = segment.sas_shared();
            let mut out = std::io::stdout().lock();
            loop {
                // Said before the next is taken, as a packet is sent.
                let number = cells[SA].outbound.take(TAG, 1).unwrap();
                writeln!(out, "number {number}").unwrap();
            }
        }
        other => panic!("no part {other}"),
    }
}

/// A small generator of kill moments: the same in every run.
fn moments() -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % SPREAD
    })
}

#[test]
fn killing_the_sender_loses_doubles_and_tears_nothing() {
    let directory = Directory::new("sender");
    let segment = Segment::open_or_create(&directory.segment(), &GEOMETRY, Side::Dataplane).unwrap();
    let mut receiver = segment.update_receiver().unwrap();
    let mut expected = 0;
    let mut lives = std::collections::HashSet::new();
    for moment in moments().take(KILLS as usize) {
        let player = Player::start("send updates", &directory.segment());
        let until = expected + 1 + moment;
        while expected < until {
            let taken = receiver.receive(256, |update| {
                expected += 1;
                assert_eq!(update, Update::Begin { generation: expected });
            });
            if taken == 0 {
                std::thread::yield_now();
            }
        }
        lives.insert(segment.life(Side::Control).boot_id);
        player.kill();
    }
    // What the last one published before it died.
    while receiver.receive(256, |update| {
        expected += 1;
        assert_eq!(update, Update::Begin { generation: expected });
    }) > 0
    {}
    let stats = segment.ring_stats(RingName::Updates).unwrap();
    assert_eq!((stats.sent, stats.received, stats.depth), (expected, expected, 0));
    assert_eq!((stats.rejected, stats.corrupt, stats.unfit), (0, 0, 0));
    assert!(lives.len() as u32 > KILLS / 2, "successors did attach, unless killed before");
}

#[test]
fn killing_the_receiver_loses_nothing_acknowledged() {
    let directory = Directory::new("receiver");
    let segment = Segment::open_or_create(&directory.segment(), &GEOMETRY, Side::Control).unwrap();
    let mut sender = segment.update_sender().unwrap();
    let (mut acknowledged, mut applied) = (0, 0);
    let fill = |sender: &mut shm::UpdateSender| {
        while sender.send(&Update::Begin { generation: sender.position() + 1 }).is_ok() {}
    };
    for moment in moments().take(KILLS as usize) {
        let player = Player::start("receive updates", &directory.segment());
        let until = acknowledged + 1 + moment;
        while sender.acknowledged() < until {
            fill(&mut sender);
            std::thread::yield_now();
        }
        player.kill();
        acknowledged = sender.acknowledged();
        applied = segment.life(Side::Dataplane).generation;
        assert!(applied >= acknowledged, "acknowledged {acknowledged}, applied {applied}");
    }
    let stats = segment.ring_stats(RingName::Updates).unwrap();
    assert_eq!((stats.rejected, stats.corrupt), (0, 0));
    // Everything not acknowledged is still there, in order; but for what was applied and wiped already when the last one
    // was killed before it could say so.
    drop((sender, segment));
    let segment = Segment::open_or_create(&directory.segment(), &GEOMETRY, Side::Dataplane).unwrap();
    let mut receiver = segment.update_receiver().unwrap();
    let mut next = receiver.position();
    assert!((acknowledged..=applied).contains(&next), "{acknowledged} {next} {applied}");
    while receiver.receive(256, |update| {
        next += 1;
        assert_eq!(update, Update::Begin { generation: next });
    }) > 0
    {}
    assert_eq!(next, stats.sent);
}

#[test]
fn killing_a_worker_tears_no_packet() {
    let directory = Directory::new("worker");
    let segment = Segment::open_or_create(&directory.segment(), &GEOMETRY, Side::Control).unwrap();
    let mut receiver = segment.event_receiver(0).unwrap();
    let mut expected = 0;
    for moment in moments().take(KILLS as usize) {
        let player = Player::start("send events", &directory.segment());
        let until = expected + 1 + moment / 4;
        while expected < until {
            let taken = receiver.receive(256, |event| {
                assert_eq!(event, self::event(&packet(expected)));
                expected += 1;
            });
            if taken == 0 {
                std::thread::yield_now();
            }
        }
        player.kill();
    }
    let stats = segment.ring_stats(RingName::Events(0)).unwrap();
    assert_eq!((stats.rejected, stats.corrupt), (0, 0));
}

/// What a key must never see twice.
#[test]
fn killing_a_dataplane_uses_no_sequence_number_twice() {
    let directory = Directory::new("numbers");
    let control = Segment::open_or_create(&directory.segment(), &GEOMETRY, Side::Control).unwrap();
    assert!(control.arm(SA as u32, TAG));
    let mut last = 0;
    for moment in moments().take(KILLS as usize) {
        let mut player = Player::with("take numbers", &directory.segment(), Stdio::piped());
        let mut lines = BufReader::new(player.0.stdout.take().unwrap()).lines();
        let mut said = 0;
        // What it said until it was killed, and what was still in the pipe then.
        let mut killed = Some(player);
        while let Some(Ok(line)) = lines.next() {
            let Some(number) = line.strip_prefix("number ") else { continue };
            let number: u64 = number.parse().unwrap();
            assert!(number > last, "{number} after {last}");
            last = number;
            said += 1;
            if said > moment / 40 {
                killed.take().into_iter().for_each(Player::kill);
            }
        }
        assert!(killed.is_none(), "the child ended by itself");
    }
    let sequence = control.sa(SA as u32).unwrap().outbound.sequence();
    // Each killed one may have taken a number that it did not come to use.
    assert!(sequence >= last && sequence <= last + u64::from(KILLS), "{sequence} {last}");
}
