//! The kernel's routing socket.
//!
//! Two sockets: one listens (and carries the dumps, whose answers then are in order with the notifications), one
//! carries commands and their acknowledgements. Both are non-blocking. When the listener lost messages, or a dump
//! was disturbed, the mirror is read again in full.

mod attribute;
mod command;
mod decode;
mod encode;
mod message;
mod mroute;
mod nexthop;

pub use command::{Command, RouteCommand};

use crate::kernel::{Class, Fact};
use message::{Message, messages};
use netlink_packet_core::{NLM_F_DUMP_INTR, NLM_F_REPLACE, NetlinkPayload};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, RawFd};

/// Receive buffer of the listening socket, in octets: a burst of tens of thousands of route changes.
const RECEIVE_BUFFER: usize = 16 << 20;
/// Longest datagram that is read at once; the kernel fills dumps up to 32 KiB.
const DATAGRAM: usize = 64 << 10;
/// Datagrams read before the loop gets its turn.
const TURN: usize = 256;
/// Least time between dumps: a table that never rests must not keep us reading it.
const DUMP_AGAIN_MS: u64 = 250;
/// Longest wait, after an overrun, until all that waited has been read: a table may never rest.
const DRAIN_MS: u64 = 5_000;
/// Multicast groups: links, neighbours, IPv4 addresses, IPv4 multicast routes, IPv4 routes (`RTNLGRP_*`).
const GROUPS: [u32; 5] = [1, 3, 5, 6, 7];
/// Multicast group of next-hop objects.
const NEXTHOP_GROUP: u32 = 32;
/// Most commands that may wait for their acknowledgement.
const MAX_IN_FLIGHT: usize = 4_096;

/// What the listener has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A dump begins.
    Begin,
    /// A fact, of a dump or by itself.
    Fact(Fact),
    /// All of a class was named since the dump began.
    End(Class),
    /// The dump is complete.
    Complete,
    /// The dump could not be had; another one follows.
    Broken,
}

/// Both sockets.
pub struct Netlink {
    listener: Socket,
    /// The listener's address: what answers our dump bears it.
    port: u32,
    commander: Socket,
    sequence: u32,
    dump: Option<Dump>,
    again: bool,
    /// Since when what waited at an overrun has not all been read: it is older than a dump that is asked for now, and
    /// would pass for part of it.
    draining_ms: Option<u64>,
    next_dump_ms: u64,
    in_flight: HashMap<u32, Command>,
    buffer: Vec<u8>,
    /// Times messages were lost and all was read again.
    pub overruns: u64,
    /// Messages that could not be read.
    pub malformed: u64,
}

struct Dump {
    todo: VecDeque<Class>,
    class: Class,
    sequence: u32,
    disturbed: bool,
    failed: bool,
}

impl Netlink {
    /// Opens both sockets and starts the first dump.
    pub fn open() -> io::Result<Self> {
        let mut listener = Socket::new(NETLINK_ROUTE)?;
        let port = listener.bind_auto()?.port_number();
        // Needs CAP_NET_ADMIN, which configuring interfaces needs as well; without it the default must do.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&listener, RECEIVE_BUFFER);
        for group in GROUPS {
            listener.add_membership(group)?;
        }
        // A kernel older than 5.3 has no next-hop objects.
        let _ = listener.add_membership(NEXTHOP_GROUP);
        listener.set_non_blocking(true)?;
        let mut commander = Socket::new(NETLINK_ROUTE)?;
        commander.bind_auto()?;
        let _ = commander.set_cap_ack(true);
        commander.set_non_blocking(true)?;
        Ok(Self {
            listener,
            port,
            commander,
            sequence: 0,
            dump: None,
            again: true,
            draining_ms: None,
            next_dump_ms: 0,
            in_flight: HashMap::new(),
            buffer: Vec::with_capacity(DATAGRAM),
            overruns: 0,
            malformed: 0,
        })
    }

    /// The descriptors to poll for reading.
    pub fn descriptors(&self) -> [RawFd; 2] {
        [self.listener.as_raw_fd(), self.commander.as_raw_fd()]
    }

    /// Everything is to be read again once the present dump is through.
    pub fn resync(&mut self) {
        self.again = true;
    }

    /// Whether a dump is due.
    pub fn wants_dump(&self, now_ms: u64) -> bool {
        let drained = self.draining_ms.is_none_or(|since| now_ms >= since + DRAIN_MS);
        self.dump.is_none() && self.again && drained && now_ms >= self.next_dump_ms
    }

    /// Reads what is there, until `until_ms` at most; `true`: there may be more.
    pub fn read(&mut self, now_ms: u64, until_ms: u64, notice: &mut impl FnMut(Notice)) -> io::Result<bool> {
        if self.wants_dump(now_ms) {
            self.next_dump_ms = now_ms + DUMP_AGAIN_MS;
            // Not drained in time: what this dump yields is not the last word.
            self.again = self.draining_ms.take().is_some();
            notice(Notice::Begin);
            self.next_class(Class::ALL.into_iter().collect(), false, false, notice)?;
        }
        for _ in 0..TURN {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            buffer.reserve(DATAGRAM);
            let result = self.listener.recv(&mut buffer, 0);
            let outcome = match result {
                Ok(_) => {
                    self.datagram(&buffer, notice);
                    Ok(true)
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.draining_ms = None;
                    Ok(false)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.overruns += 1;
                    self.draining_ms = self.draining_ms.or(Some(now_ms));
                    self.dump = None;
                    self.again = true;
                    Ok(true)
                }
                Err(error) => Err(error),
            };
            self.buffer = buffer;
            if !outcome? {
                return Ok(false);
            }
            if shm::clock::now_ms() >= until_ms {
                break;
            }
        }
        Ok(true)
    }

    /// Asks for a command to be carried out; its result comes from [`Self::results`]. `false`: too many wait.
    pub fn send(&mut self, command: Command) -> bool {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return false;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let sent = self.commander.send(&encode::command(&command, self.sequence), 0).is_ok();
        if sent {
            self.in_flight.insert(self.sequence, command);
        }
        sent
    }

    /// Whether commands wait for their results.
    pub fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Has the kernel resolve a neighbour, or confirm one that it knows.
    pub fn resolve(&mut self, index: u32, address: Ipv4Addr) -> bool {
        self.sequence = self.sequence.wrapping_add(1);
        self.commander.send(&encode::resolve(index, address, self.sequence), 0).is_ok()
    }

    /// Results of commands that came in.
    pub fn results(&mut self, done: &mut impl FnMut(Command, io::Result<()>)) -> io::Result<()> {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            buffer.reserve(DATAGRAM);
            let result = self.commander.recv(&mut buffer, 0);
            if result.is_ok() {
                for message in messages(&buffer, &mut self.malformed) {
                    let NetlinkPayload::Error(error) = message.payload else { continue };
                    if let Some(command) = self.in_flight.remove(&message.header.sequence_number) {
                        done(command, if error.code.is_none() { Ok(()) } else { Err(error.to_io()) });
                    }
                }
            }
            self.buffer = buffer;
            match result {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Acknowledgements were lost: what they were for is seen in the mirror.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.in_flight.clear(),
                Err(error) => return Err(error),
            }
        }
    }

    fn next_class(
        &mut self,
        mut todo: VecDeque<Class>,
        disturbed: bool,
        failed: bool,
        notice: &mut impl FnMut(Notice),
    ) -> io::Result<()> {
        let Some(class) = todo.pop_front() else {
            self.dump = None;
            self.again |= disturbed || failed;
            notice(if failed { Notice::Broken } else { Notice::Complete });
            return Ok(());
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.dump = Some(Dump { todo, class, sequence: self.sequence, disturbed, failed });
        self.listener.send_to(&encode::dump(class, self.sequence), &SocketAddr::new(0, 0), 0).map(drop)
    }

    fn datagram(&mut self, buffer: &[u8], notice: &mut impl FnMut(Notice)) {
        for message in messages(buffer, &mut self.malformed) {
            let (header, payload) = message.into_parts();
            let of_dump = header.port_number == self.port
                && self.dump.as_ref().is_some_and(|dump| dump.sequence == header.sequence_number);
            if of_dump && header.flags & NLM_F_DUMP_INTR != 0 {
                self.dump.iter_mut().for_each(|dump| dump.disturbed = true);
            }
            match payload {
                NetlinkPayload::InnerMessage(message) => {
                    let replace = !of_dump && header.flags & NLM_F_REPLACE != 0;
                    let fact = match message {
                        Message::Known(message) => decode::fact(message, replace),
                        Message::Other(fact) => fact,
                    };
                    if let Some(fact) = fact {
                        // A row that the dump had read before this may still come: read again.
                        if !of_dump && is_removal(&fact) {
                            self.dump.iter_mut().for_each(|dump| dump.disturbed = true);
                        }
                        notice(Notice::Fact(fact));
                    }
                }
                NetlinkPayload::Done(_) if of_dump => self.class_done(false, notice),
                NetlinkPayload::Error(_) if of_dump => self.class_done(true, notice),
                _ => {}
            }
        }
    }

    fn class_done(&mut self, failed: bool, notice: &mut impl FnMut(Notice)) {
        let Some(dump) = self.dump.take() else { return };
        // A kernel without next-hop objects, or without multicast routing, has none.
        let failed = failed && !matches!(dump.class, Class::NextHops | Class::Mroutes);
        if !failed {
            notice(Notice::End(dump.class));
        }
        if self.next_class(dump.todo, dump.disturbed, dump.failed || failed, notice).is_err() {
            self.dump = None;
            self.again = true;
        }
    }
}

/// Routes and next-hop objects in netlink messages that came by another way than a socket of the kernel's.
pub fn facts(octets: &[u8], malformed: &mut u64, fact: &mut impl FnMut(Fact)) {
    for message in messages(octets, malformed) {
        let NetlinkPayload::InnerMessage(message) = message.into_parts().1 else { continue };
        let told = match message {
            Message::Known(message) => decode::route_fact(message),
            Message::Other(fact) => fact,
        };
        told.into_iter().for_each(&mut *fact);
    }
}

fn is_removal(fact: &Fact) -> bool {
    match fact {
        Fact::LinkGone(_) | Fact::AddressGone(..) | Fact::NeighbourGone(..) => true,
        Fact::NextHopGone(_) | Fact::RouteGone(_) | Fact::MrouteGone(..) => true,
        Fact::Mroute(_) => false,
        Fact::Link(_) | Fact::Address(..) | Fact::Neighbour(_) | Fact::NextHop(..) | Fact::Route(..) => false,
    }
}
