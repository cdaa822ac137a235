//! The typed ends of the rings.
//!
//! Each end exists once: in the process that plays its side, and there in one place at a time. Dropping it frees the
//! place, and the next takes over at the position where it stopped.

mod packets;
mod shares;
mod updates;

pub use packets::{EventReceiver, EventSender, InjectReceiver, InjectSender};
pub use updates::{Received, UpdateReceiver, UpdateSender};

use crate::codec::{Malformed, PACKET_WORDS, UPDATE_WORDS};
use crate::layout::EVENT_SLOTS;
use crate::mapping::Shared;
use crate::ring::{Consumer, Memory, Producer, RingHeader};
use crate::segment::{RingName, Segment, Side};
use shares::Shares;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zeroize::Zeroizing;

/// Why an end cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It belongs to the other process.
    #[error("this end of the ring belongs to hub-{0}")]
    WrongSide(Side),
    /// Another part of this process holds it.
    #[error("this end of the ring is in use")]
    Taken,
    /// The segment has fewer workers.
    #[error("no worker {0}")]
    NoSuchWorker(usize),
}

/// Why an update was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The ring is full: try again after the dataplane has taken some.
    #[error("updates ring full")]
    Full,
    /// A field breaks its bound; sending it again is of no use.
    #[error("update cannot be encoded: {0}")]
    Unfit(Malformed),
}

/// Ends: two per ring, of which there are two and one per worker.
const ENDS: usize = 2 * (2 + crate::layout::MAX_WORKERS as usize);

/// Which ends this process has given out.
#[derive(Debug)]
pub(crate) struct Claims([AtomicBool; ENDS]);

impl Default for Claims {
    fn default() -> Self {
        Self([const { AtomicBool::new(false) }; ENDS])
    }
}

/// The right to one end.
#[derive(Debug)]
struct Claim {
    claims: Arc<Claims>,
    end: usize,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(taken) = self.claims.0.get(self.end) {
            taken.store(false, Ordering::Release);
        }
    }
}

/// A ring in the segment; `SECRET`: keys pass through it.
#[derive(Debug)]
struct Lines<const WORDS: usize, const SECRET: bool> {
    header: Shared<RingHeader>,
    slots: Shared<[[AtomicU64; WORDS]]>,
    _claim: Claim,
}

impl<const WORDS: usize, const SECRET: bool> Memory<WORDS> for Lines<WORDS, SECRET> {
    const SECRET: bool = SECRET;
    #[inline(always)]
    fn header(&self) -> &RingHeader {
        &self.header
    }
    #[inline(always)]
    fn slots(&self) -> &[[AtomicU64; WORDS]] {
        &self.slots
    }
}

fn lines<const WORDS: usize, const SECRET: bool>(
    segment: &Segment,
    ring: RingName,
    owner: Side,
    writes: bool,
) -> Result<Lines<WORDS, SECRET>, EndpointError> {
    if segment.side().is_some_and(|side| side != owner) {
        return Err(EndpointError::WrongSide(owner));
    }
    let number = match ring {
        RingName::Updates => 0,
        RingName::Inject => 1,
        RingName::Events(worker) => worker.saturating_add(2),
    };
    let beyond = EndpointError::NoSuchWorker(number.saturating_sub(2));
    let (offset, slots) = segment.ring(ring).ok_or(beyond)?;
    let end = number * 2 + usize::from(writes);
    let taken = segment.claims.0.get(end).ok_or(beyond)?;
    if taken.swap(true, Ordering::Acquire) {
        return Err(EndpointError::Taken);
    }
    let claim = Claim { claims: segment.claims.clone(), end };
    Ok(Lines {
        header: segment.mapping.one(offset).ok_or(beyond)?,
        slots: segment.mapping.many(offset + size_of::<RingHeader>(), slots).ok_or(beyond)?,
        _claim: claim,
    })
}

impl Segment {
    /// Control's end of the updates ring.
    pub fn update_sender(&self) -> Result<UpdateSender, EndpointError> {
        let ring = Producer::attach(lines(self, RingName::Updates, Side::Control, true)?);
        Ok(UpdateSender {
            ring,
            max_peers: self.geometry().max_peers,
            words: Zeroizing::new([0; UPDATE_WORDS]),
        })
    }
    /// The dataplane's end of the updates ring.
    pub fn update_receiver(&self) -> Result<UpdateReceiver, EndpointError> {
        let ring = Consumer::attach(lines(self, RingName::Updates, Side::Dataplane, false)?);
        Ok(UpdateReceiver {
            ring,
            max_peers: self.geometry().max_peers,
            words: Zeroizing::new([0; UPDATE_WORDS]),
        })
    }
    /// Control's end of the inject ring.
    pub fn inject_sender(&self) -> Result<InjectSender, EndpointError> {
        let ring = Producer::attach(lines(self, RingName::Inject, Side::Control, true)?);
        Ok(InjectSender { ring, max_peers: self.geometry().max_peers, words: Box::new([0; PACKET_WORDS]) })
    }
    /// The dataplane's end of the inject ring.
    pub fn inject_receiver(&self) -> Result<InjectReceiver, EndpointError> {
        let ring = Consumer::attach(lines(self, RingName::Inject, Side::Dataplane, false)?);
        Ok(InjectReceiver { ring, max_peers: self.geometry().max_peers, words: Box::new([0; PACKET_WORDS]) })
    }
    /// A worker's end of its event ring.
    pub fn event_sender(&self, worker: usize) -> Result<EventSender, EndpointError> {
        let ring = Producer::attach(lines(self, RingName::Events(worker), Side::Dataplane, true)?);
        let shares = Shares::new(EVENT_SLOTS, ring.position());
        let words = Box::new([0; PACKET_WORDS]);
        Ok(EventSender { ring, shares, max_peers: self.geometry().max_peers, words })
    }
    /// Control's end of a worker's event ring.
    pub fn event_receiver(&self, worker: usize) -> Result<EventReceiver, EndpointError> {
        let ring = Consumer::attach(lines(self, RingName::Events(worker), Side::Control, false)?);
        Ok(EventReceiver { ring, max_peers: self.geometry().max_peers, words: Box::new([0; PACKET_WORDS]) })
    }
}

const _: () = {
    const fn sendable<T: Send>() {}
    sendable::<UpdateSender>();
    sendable::<UpdateReceiver>();
    sendable::<EventSender>();
    sendable::<EventReceiver>();
    sendable::<InjectSender>();
    sendable::<InjectReceiver>();
};
