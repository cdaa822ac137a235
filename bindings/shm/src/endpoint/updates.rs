//! The ends of the updates ring: reliable, acknowledged by position. Keys pass through it: the slots are wiped when they
//! have been read ([`Memory::SECRET`](crate::ring::Memory::SECRET)), and so are the copies here.

use super::{Lines, SendError};
use crate::codec::{Malformed, UPDATE_WORDS, decode_update, encode_update};
use crate::message::Update;
use crate::ring::{Consumer, Peek, Producer, Refused};
use zeroize::{Zeroize, Zeroizing};

type UpdateLines = Lines<UPDATE_WORDS, true>;

/// Sends updates: reliable, in order, acknowledged by position.
#[derive(Debug)]
pub struct UpdateSender {
    pub(super) ring: Producer<UpdateLines, UPDATE_WORDS>,
    pub(super) max_peers: u32,
    pub(super) words: Zeroizing<[u64; UPDATE_WORDS]>,
}

impl UpdateSender {
    /// Sends one and gives its position. [`SendError::Full`]: nothing was sent; keep it and try again later.
    pub fn send(&mut self, update: &Update) -> Result<u64, SendError> {
        let encoded = encode_update(update, self.max_peers, &mut self.words);
        let sent = match encoded {
            Ok(length) => match self.ring.push(self.words.get(..length).unwrap_or_default()) {
                Ok(position) => Ok(position),
                Err(Refused::Full) => Err(SendError::Full),
                Err(Refused::Unfit) => Err(SendError::Unfit(Malformed::Length(length * 8))),
            },
            Err(malformed) => {
                self.ring.count_unfit();
                Err(SendError::Unfit(malformed))
            }
        };
        self.words.zeroize();
        sent
    }

    /// The position the next update will have.
    pub fn position(&self) -> u64 {
        self.ring.position()
    }

    /// All updates at positions below this one are in the dataplane's tables, of the dataplane whose
    /// [`Life::boot_id`](crate::Life) is unchanged since they were sent.
    pub fn acknowledged(&self) -> u64 {
        self.ring.acknowledged()
    }

    /// How often the dataplane lost an update: malformed ones, and damaged rings. When it grows, resync.
    pub fn losses(&self) -> u64 {
        self.ring.losses()
    }
}

/// What [`UpdateReceiver::receive_one`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// There is no update.
    Nothing,
    /// One is done, or was malformed, and is acknowledged.
    Taken,
    /// One is not done yet and stays the next.
    Kept,
}

/// Receives updates.
#[derive(Debug)]
pub struct UpdateReceiver {
    pub(super) ring: Consumer<UpdateLines, UPDATE_WORDS>,
    pub(super) max_peers: u32,
    pub(super) words: Zeroizing<[u64; UPDATE_WORDS]>,
}

impl UpdateReceiver {
    /// Applies at most `limit` updates and then acknowledges them; gives how many slots it took. A receiver that
    /// dies within leaves them all to its successor, so applying twice must do what applying once does.
    pub fn receive(&mut self, limit: usize, mut apply: impl FnMut(Update)) -> usize {
        let mut taken = 0;
        while taken < limit {
            match self.ring.peek(&mut self.words) {
                Peek::Empty => break,
                Peek::Malformed => self.ring.count_rejected(),
                Peek::Message(length) => {
                    let words = self.words.get(..length).unwrap_or_default();
                    match decode_update(words, self.max_peers) {
                        Ok(update) => apply(update),
                        Err(_) => self.ring.count_rejected(),
                    }
                }
            }
            self.ring.advance();
            taken += 1;
        }
        self.words.zeroize();
        self.ring.commit();
        taken
    }

    /// Applies the next update, and acknowledges it if `apply` says that it is done; else it stays the next one. So does
    /// it if the receiver dies within: applying twice must do what applying once does.
    pub fn receive_one(&mut self, apply: impl FnOnce(&Update) -> bool) -> Received {
        let done = match self.ring.peek(&mut self.words) {
            Peek::Empty => return Received::Nothing,
            Peek::Malformed => {
                self.ring.count_rejected();
                true
            }
            Peek::Message(length) => {
                let update = decode_update(self.words.get(..length).unwrap_or_default(), self.max_peers);
                self.words.zeroize();
                match update {
                    Ok(update) => apply(&update),
                    Err(_) => {
                        self.ring.count_rejected();
                        true
                    }
                }
            }
        };
        if !done {
            return Received::Kept;
        }
        self.ring.advance();
        self.ring.commit();
        Received::Taken
    }

    /// The position of the next update; within `apply` it is not known.
    pub fn position(&self) -> u64 {
        self.ring.position()
    }
}
