//! The typed ends of the rings.
//!
//! Each end exists once: in the process that plays its side, and there in one place at a time. Dropping it frees the
//! place, and the next takes over at the position where it stopped.

use crate::codec::{EventSlot, InjectSlot, Malformed, PACKET_WORDS, UPDATE_WORDS, UpdateSlot};
use crate::mapping::Shared;
use crate::message::{Event, Inject, Update};
use crate::ring::{Consumer, Memory, Peek, Producer, Refused, RingHeader};
use crate::segment::{RingName, Segment, Side};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zerocopy::IntoBytes;

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

/// A ring in the segment.
#[derive(Debug)]
struct Lines<const WORDS: usize> {
    header: Shared<RingHeader>,
    slots: Shared<[[AtomicU64; WORDS]]>,
    _claim: Claim,
}

impl<const WORDS: usize> Memory<WORDS> for Lines<WORDS> {
    #[inline(always)]
    fn header(&self) -> &RingHeader {
        &self.header
    }
    #[inline(always)]
    fn slots(&self) -> &[[AtomicU64; WORDS]] {
        &self.slots
    }
}

fn lines<const WORDS: usize>(
    segment: &Segment,
    ring: RingName,
    owner: Side,
    writes: bool,
) -> Result<Lines<WORDS>, EndpointError> {
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
        Ok(UpdateSender { ring, max_peers: self.geometry().max_peers })
    }
    /// The dataplane's end of the updates ring.
    pub fn update_receiver(&self) -> Result<UpdateReceiver, EndpointError> {
        let ring = Consumer::attach(lines(self, RingName::Updates, Side::Dataplane, false)?);
        Ok(UpdateReceiver { ring, max_peers: self.geometry().max_peers, words: [0; UPDATE_WORDS] })
    }
    /// Control's end of the inject ring.
    pub fn inject_sender(&self) -> Result<InjectSender, EndpointError> {
        let ring = Producer::attach(lines(self, RingName::Inject, Side::Control, true)?);
        Ok(InjectSender { ring, words: Box::new([0; PACKET_WORDS]) })
    }
    /// The dataplane's end of the inject ring.
    pub fn inject_receiver(&self) -> Result<InjectReceiver, EndpointError> {
        let ring = Consumer::attach(lines(self, RingName::Inject, Side::Dataplane, false)?);
        Ok(InjectReceiver { ring, words: Box::new([0; PACKET_WORDS]) })
    }
    /// A worker's end of its event ring.
    pub fn event_sender(&self, worker: usize) -> Result<EventSender, EndpointError> {
        let ring = Producer::attach(lines(self, RingName::Events(worker), Side::Dataplane, true)?);
        Ok(EventSender { ring, max_peers: self.geometry().max_peers, words: Box::new([0; PACKET_WORDS]) })
    }
    /// Control's end of a worker's event ring.
    pub fn event_receiver(&self, worker: usize) -> Result<EventReceiver, EndpointError> {
        let ring = Consumer::attach(lines(self, RingName::Events(worker), Side::Control, false)?);
        Ok(EventReceiver { ring, max_peers: self.geometry().max_peers, words: Box::new([0; PACKET_WORDS]) })
    }
}

/// Sends updates: reliable, in order, acknowledged by position.
#[derive(Debug)]
pub struct UpdateSender {
    ring: Producer<Lines<UPDATE_WORDS>, UPDATE_WORDS>,
    max_peers: u32,
}

impl UpdateSender {
    /// Sends one and gives its position. [`SendError::Full`]: nothing was sent; keep it and try again later.
    pub fn send(&mut self, update: &Update) -> Result<u64, SendError> {
        let slot = UpdateSlot::encode(update, self.max_peers).map_err(|malformed| {
            self.ring.count_unfit();
            SendError::Unfit(malformed)
        })?;
        let mut words = [0u64; size_of::<UpdateSlot>() / 8];
        words.as_mut_bytes().copy_from_slice(slot.as_bytes());
        self.ring.push(&words).map_err(|refused| match refused {
            Refused::Full => SendError::Full,
            Refused::Unfit => SendError::Unfit(Malformed::Length(size_of::<UpdateSlot>())),
        })
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

/// Receives updates.
#[derive(Debug)]
pub struct UpdateReceiver {
    ring: Consumer<Lines<UPDATE_WORDS>, UPDATE_WORDS>,
    max_peers: u32,
    words: [u64; UPDATE_WORDS],
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
                    match UpdateSlot::decode_words(words, self.max_peers) {
                        Ok(update) => apply(update),
                        Err(_) => self.ring.count_rejected(),
                    }
                }
            }
            self.ring.advance();
            taken += 1;
        }
        self.ring.commit();
        taken
    }

    /// The position of the next update; within `apply` it is not known.
    pub fn position(&self) -> u64 {
        self.ring.position()
    }
}

/// Takes packets from a lossy ring: gives the slot back before the packet is handled, so that one which kills its
/// handler is not met again by the successor.
fn take<M: Memory<PACKET_WORDS>>(
    ring: &mut Consumer<M, PACKET_WORDS>,
    words: &mut [u64; PACKET_WORDS],
    limit: usize,
    mut handle: impl FnMut(&[u64]) -> Result<(), Malformed>,
) -> usize {
    for taken in 0..limit {
        let peek = ring.peek(words);
        if peek == Peek::Empty {
            return taken;
        }
        ring.advance();
        ring.commit();
        let handled = match peek {
            Peek::Message(length) => handle(words.get(..length).unwrap_or_default()),
            Peek::Malformed | Peek::Empty => Err(Malformed::Length(usize::MAX)),
        };
        if handled.is_err() {
            ring.count_rejected();
        }
    }
    limit
}

/// Drops what waits; gives how many messages.
fn discard<M: Memory<PACKET_WORDS>>(
    ring: &mut Consumer<M, PACKET_WORDS>,
    words: &mut [u64; PACKET_WORDS],
) -> usize {
    take(ring, words, crate::layout::EVENT_SLOTS.max(crate::layout::INJECT_SLOTS), |_| Ok(()))
}

/// A worker's sender of events. Never waits, never allocates.
#[derive(Debug)]
pub struct EventSender {
    ring: Producer<Lines<PACKET_WORDS>, PACKET_WORDS>,
    max_peers: u32,
    words: Box<[u64; PACKET_WORDS]>,
}

impl EventSender {
    /// Sends one; `false`: it was lost, and counted in the segment, because the ring is full or a field breaks its
    /// bound.
    #[inline]
    pub fn send(&mut self, event: &Event<'_>) -> bool {
        match EventSlot::encode(event, self.max_peers, &mut self.words) {
            Ok(length) => self.ring.push(self.words.get(..length).unwrap_or_default()).is_ok(),
            Err(_) => {
                self.ring.count_unfit();
                false
            }
        }
    }
}

/// Receives one worker's events.
#[derive(Debug)]
pub struct EventReceiver {
    ring: Consumer<Lines<PACKET_WORDS>, PACKET_WORDS>,
    max_peers: u32,
    words: Box<[u64; PACKET_WORDS]>,
}

impl EventReceiver {
    /// Handles at most `limit` events; gives how many slots it took.
    pub fn receive(&mut self, limit: usize, mut handle: impl FnMut(Event<'_>)) -> usize {
        let max_peers = self.max_peers;
        take(&mut self.ring, &mut self.words, limit, |words| {
            EventSlot::decode(words, max_peers).map(&mut handle)
        })
    }

    /// Drops what waits: for a control that was away so long that old registrations would do harm.
    pub fn discard(&mut self) -> usize {
        discard(&mut self.ring, &mut self.words)
    }
}

/// Sends packets into the tunnel.
#[derive(Debug)]
pub struct InjectSender {
    ring: Producer<Lines<PACKET_WORDS>, PACKET_WORDS>,
    words: Box<[u64; PACKET_WORDS]>,
}

impl InjectSender {
    /// Sends one; `false`: it was lost, and counted in the segment, because the ring is full or a field breaks its
    /// bound.
    pub fn send(&mut self, inject: &Inject<'_>) -> bool {
        match InjectSlot::encode(inject, &mut self.words) {
            Ok(length) => self.ring.push(self.words.get(..length).unwrap_or_default()).is_ok(),
            Err(_) => {
                self.ring.count_unfit();
                false
            }
        }
    }
}

/// Receives packets to send.
#[derive(Debug)]
pub struct InjectReceiver {
    ring: Consumer<Lines<PACKET_WORDS>, PACKET_WORDS>,
    words: Box<[u64; PACKET_WORDS]>,
}

impl InjectReceiver {
    /// Handles at most `limit` packets; gives how many slots it took.
    pub fn receive(&mut self, limit: usize, mut handle: impl FnMut(Inject<'_>)) -> usize {
        take(&mut self.ring, &mut self.words, limit, |words| InjectSlot::decode(words).map(&mut handle))
    }

    /// Drops what waits: a dataplane that starts sends nothing that was meant for its predecessor.
    pub fn discard(&mut self) -> usize {
        discard(&mut self.ring, &mut self.words)
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
