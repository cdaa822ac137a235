//! The ends of the rings that carry packets: events of the workers, and what control has sent. Both lose, and count.

use super::Lines;
use super::shares::Shares;
use crate::codec::{EventSlot, InjectSlot, Malformed, PACKET_WORDS};
use crate::message::{Event, Inject};
use crate::ring::{Consumer, Memory, Peek, Producer};

type PacketLines = Lines<PACKET_WORDS, false>;

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
    pub(super) ring: Producer<PacketLines, PACKET_WORDS>,
    /// What each class has of the ring.
    pub(super) shares: Shares,
    pub(super) max_peers: u32,
    pub(super) words: Box<[u64; PACKET_WORDS]>,
}

impl EventSender {
    /// Sends one; `false`: it was lost, and counted in the segment, because the ring, or the place of the event's class
    /// in it, is full, or a field breaks its bound.
    #[inline]
    pub fn send(&mut self, event: &Event<'_>) -> bool {
        let class = event.class();
        if !self.shares.admits(class, || self.ring.acknowledged()) {
            self.ring.count_full();
            return false;
        }
        match EventSlot::encode(event, self.max_peers, &mut self.words) {
            Ok(length) => match self.ring.push(self.words.get(..length).unwrap_or_default()) {
                Ok(position) => {
                    self.shares.sent(class, position);
                    true
                }
                Err(_) => false,
            },
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
    pub(super) ring: Consumer<PacketLines, PACKET_WORDS>,
    pub(super) max_peers: u32,
    pub(super) words: Box<[u64; PACKET_WORDS]>,
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
    pub(super) ring: Producer<PacketLines, PACKET_WORDS>,
    pub(super) max_peers: u32,
    pub(super) words: Box<[u64; PACKET_WORDS]>,
}

impl InjectSender {
    /// Whether the ring would take a packet now.
    pub fn has_room(&self) -> bool {
        self.ring.has_room()
    }

    /// Sends one; `false`: it was lost, and counted in the segment, because the ring is full or a field breaks its
    /// bound.
    pub fn send(&mut self, inject: &Inject<'_>) -> bool {
        match InjectSlot::encode(inject, self.max_peers, &mut self.words) {
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
    pub(super) ring: Consumer<PacketLines, PACKET_WORDS>,
    pub(super) max_peers: u32,
    pub(super) words: Box<[u64; PACKET_WORDS]>,
}

impl InjectReceiver {
    /// Handles at most `limit` packets; gives how many slots it took.
    pub fn receive(&mut self, limit: usize, mut handle: impl FnMut(Inject<'_>)) -> usize {
        let max_peers = self.max_peers;
        take(&mut self.ring, &mut self.words, limit, |words| {
            InjectSlot::decode(words, max_peers).map(&mut handle)
        })
    }

    /// Drops what waits: a dataplane that starts sends nothing that was meant for its predecessor.
    pub fn discard(&mut self) -> usize {
        discard(&mut self.ring, &mut self.words)
    }
}
