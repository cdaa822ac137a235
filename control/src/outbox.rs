//! NHRP packets and IKE messages on their way to the data plane.
//!
//! A packet waits until the updates that belong to it are in the tables (a registration is confirmed when the spoke
//! can be reached, a child SA when its packets can be decrypted, not before), until its next hop is resolved, and until the
//! ring has room. All these waits are short and bounded.

mod parcel;

pub use parcel::{Envelope, Parcel};

use parcel::Recipient;
use shm::message::{Inject, LinkId};
use std::collections::{HashMap, VecDeque};

/// Most packets of a protocol that wait.
pub const MAX_WAITING: usize = 8_192;
/// Most packets that wait for the same station. As many as the fragments of an IKE message may be.
pub const MAX_PER_STATION: usize = 64;
/// How long a packet waits at most: then its sender has asked again.
pub const PATIENCE_MS: u64 = 3_000;

/// Packets that could not be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Given to the data plane.
    pub sent: u64,
    /// Too many waited.
    pub full: u64,
    /// No route to the station in the underlay.
    pub no_route: u64,
    /// The next hop was not resolved, the data plane not there, or no SA to send with, in time.
    pub timeout: u64,
    /// The ring to the data plane was full for as long as they could wait, or refused them.
    pub ring_full: u64,
}

struct Waiting {
    parcel: Parcel,
    /// Position that the data plane must have acknowledged; `None`: not known yet.
    barrier: Option<u64>,
    deadline_ms: u64,
}

/// The packets that wait.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<Waiting>,
    per_station: HashMap<Recipient, usize>,
    /// Those of them that are IKE's.
    ike: usize,
    /// What became of packets.
    pub counters: Counters,
}

/// What to do with a packet now.
pub enum Way {
    /// Send it over this link.
    Ready(LinkId, Envelope),
    /// The next hop is not resolved, or there is no SA, yet.
    Unresolved,
    /// There is no way.
    None,
}

/// What became of a packet that was given to the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The data plane gets it.
    Taken,
    /// It can never be sent.
    Refused,
    /// Not now.
    NoRoom,
}

impl Outbox {
    /// Takes a packet.
    pub fn push(&mut self, now_ms: u64, parcel: Parcel) {
        let is_ike = parcel.is_ike();
        // Neither protocol's storm takes the other's room.
        let same = if is_ike { self.ike } else { self.queue.len() - self.ike };
        let recipient = parcel.recipient();
        let waiting = self.per_station.get(&recipient).copied().unwrap_or(0);
        if same >= MAX_WAITING || waiting >= MAX_PER_STATION {
            self.counters.full += 1;
            return;
        }
        self.per_station.insert(recipient, waiting + 1);
        self.ike += usize::from(is_ike);
        let deadline_ms = now_ms + PATIENCE_MS;
        self.queue.push_back(Waiting { parcel, barrier: None, deadline_ms });
    }

    /// All updates so far are in the ring: packets without a barrier wait for this position.
    pub fn barrier(&mut self, position: u64) {
        for waiting in self.queue.iter_mut().rev() {
            if waiting.barrier.is_some() {
                break;
            }
            waiting.barrier = Some(position);
        }
    }

    /// The data plane started anew: positions mean nothing any more.
    pub fn restart(&mut self) {
        self.queue.iter_mut().for_each(|waiting| waiting.barrier = None);
    }

    /// Sends what can be sent and drops what waited too long.
    pub fn drain(
        &mut self,
        now_ms: u64,
        acknowledged: u64,
        mut way: impl FnMut(&Parcel) -> Way,
        mut send: impl FnMut(&Inject<'_>) -> Given,
    ) {
        let mut room = true;
        for _ in 0..self.queue.len() {
            let Some(waiting) = self.queue.pop_front() else { break };
            let passed = waiting.barrier.is_some_and(|barrier| acknowledged >= barrier);
            let way = if passed { way(&waiting.parcel) } else { Way::Unresolved };
            let late = now_ms >= waiting.deadline_ms;
            match way {
                Way::Ready(link, envelope) => {
                    let given = match room {
                        true => send(&waiting.parcel.inject(link, envelope)),
                        false => Given::NoRoom,
                    };
                    room &= given != Given::NoRoom;
                    match given {
                        Given::Taken => self.counters.sent += 1,
                        Given::NoRoom if !late => {
                            self.queue.push_back(waiting);
                            continue;
                        }
                        Given::NoRoom | Given::Refused => self.counters.ring_full += 1,
                    }
                }
                Way::None => self.counters.no_route += 1,
                Way::Unresolved if late => self.counters.timeout += 1,
                Way::Unresolved => {
                    self.queue.push_back(waiting);
                    continue;
                }
            }
            self.forget(&waiting.parcel);
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    fn forget(&mut self, parcel: &Parcel) {
        self.ike -= usize::from(parcel.is_ike());
        let recipient = parcel.recipient();
        if let Some(waiting) = self.per_station.get_mut(&recipient) {
            *waiting -= 1;
            if *waiting == 0 {
                self.per_station.remove(&recipient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const TO: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 11);

    fn nhrp(packet: Vec<u8>) -> Parcel {
        Parcel::Nhrp { tunnel: 0, to: TO.into(), packet }
    }

    fn ike(port: u16) -> Parcel {
        let path = ike::Path { local: (Ipv4Addr::LOCALHOST, 4500), remote: (TO, port) };
        Parcel::Ike { path, datagram: Vec::new() }
    }

    #[test]
    fn a_packet_waits_for_its_updates_then_for_its_next_hop_and_not_for_ever() {
        let mut outbox = Outbox::default();
        outbox.push(0, nhrp(vec![1]));
        let mut sent = Vec::new();
        let mut drain = |outbox: &mut Outbox, now, acknowledged, resolved| {
            let way = |_: &Parcel| {
                if resolved {
                    Way::Ready(5, Envelope { nbma: TO, protection: None })
                } else {
                    Way::Unresolved
                }
            };
            outbox.drain(now, acknowledged, way, |inject| {
                sent.push((inject.link(), inject.packet().to_vec()));
                Given::Taken
            });
            sent.len()
        };
        assert_eq!(drain(&mut outbox, 1, 99, true), 0);
        outbox.barrier(100);
        assert_eq!(drain(&mut outbox, 2, 99, true), 0);
        assert_eq!(drain(&mut outbox, 3, 100, false), 0);
        assert_eq!(drain(&mut outbox, 4, 100, true), 1);
        outbox.push(10, nhrp(vec![2]));
        outbox.barrier(100);
        assert_eq!(drain(&mut outbox, 10 + PATIENCE_MS, 100, false), 1);
        assert_eq!((outbox.len(), outbox.counters.timeout, outbox.per_station.len()), (0, 1, 0));
    }

    #[test]
    fn a_full_ring_keeps_packets_waiting_in_their_order() {
        let mut outbox = Outbox::default();
        (1..=3).for_each(|n| outbox.push(0, nhrp(vec![n])));
        outbox.barrier(0);
        let way = |_: &Parcel| Way::Ready(5, Envelope { nbma: TO, protection: None });
        let mut sent = Vec::new();
        for (now, slots) in [(1, 1), (2, 0), (3, 1), (PATIENCE_MS, 0)] {
            let mut left = slots;
            outbox.drain(now, 0, way, |inject| {
                if left == 0 {
                    return Given::NoRoom;
                }
                left -= 1;
                sent.push(inject.packet()[0]);
                Given::Taken
            });
        }
        assert_eq!((sent, outbox.len(), outbox.counters.ring_full), (vec![1, 2], 0, 1));
    }

    #[test]
    fn one_station_cannot_fill_the_box() {
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.push(0, nhrp(vec![]));
        }
        assert_eq!((outbox.len(), outbox.counters.full), (MAX_PER_STATION, 100 - MAX_PER_STATION as u64));
    }

    #[test]
    fn peers_behind_one_address_and_the_two_protocols_have_room_of_their_own() {
        let mut outbox = Outbox::default();
        for port in 0..10_000 {
            outbox.push(0, ike(port));
        }
        assert_eq!((outbox.len(), outbox.counters.full), (MAX_WAITING, 10_000 - MAX_WAITING as u64));
        outbox.push(0, nhrp(vec![]));
        assert_eq!(outbox.len(), MAX_WAITING + 1);
        outbox.barrier(0);
        outbox.drain(0, 0, |_| Way::None, |_| Given::Taken);
        assert_eq!((outbox.len(), outbox.ike, outbox.per_station.len()), (0, 0, 0));
    }
}
