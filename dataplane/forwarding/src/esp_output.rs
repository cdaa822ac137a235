//! ESP output: what stands around a GRE packet when it leaves protected.
//!
//! In: an inner packet and a protected adjacency, from everywhere that sends to spokes. Out: frames, sealed together at
//! the end of the turn; one that is longer than the port takes (NHRP of control's, never data) in fragments. Drops:
//! `esp_no_sa`, `esp_seq_overflow`, `esp_engine`, `no_neighbour`, `no_headroom`, `no_buffer`. Nothing ever leaves in the clear.
//! RFC 4303 3.3, RFC 3948 3.
//!
//! The sequence number comes from the segment, which outlives this process: see [`shm::SaCells`].

use crate::adjacency::Adjacency;
use crate::crypto::{Job, Status};
use crate::esp_wrap::{Around, Lengths, wrap};
use crate::forwarder::BURST;
use crate::fragment::{self, Fragments};
use crate::link::Link;
use crate::sink::Sink;
use crate::turn::Turn;
use arrayvec::ArrayVec;
use shm::drops::DropReason;
use shm::message::{LinkId, PortId, SaId};
use wire::buffer::{BufferPool, PacketBuffer};
use wire::ip4;

/// Packets that wait to be sealed together.
pub(crate) type Unsealed<B> = ArrayVec<Packet<B>, BURST>;

/// A packet that lacks only its encryption.
#[derive(Debug)]
pub(crate) struct Packet<B> {
    buffer: B,
    /// Its sequence number, taken for it alone.
    sequence: u64,
    sa: SaId,
    /// Octets in front of the SPI.
    at: u16,
    exit: Exit,
}

/// How it leaves.
#[derive(Clone, Copy, Debug)]
enum Exit {
    /// It is a frame.
    Frame(PortId),
    /// It is an IP packet longer than the link's port takes.
    Fragments(LinkId),
}

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Protects the inner packet of `len` octets that `buffer` holds; says whether it could. It leaves with
    /// [`Turn::seal`].
    #[inline(always)]
    pub(crate) fn esp_output(&mut self, to: &Adjacency, tos: u8, len: u16, mut buffer: P::Buffer) -> bool {
        let Some(link) = self.link(to.link()) else {
            self.count_drop(DropReason::NoNeighbour);
            return false;
        };
        let sas = self.sas;
        let found = to.sa().and_then(|id| Some((id, &**sas.outbound(id)?, &sas.cells(id)?.outbound)));
        let Some((id, sa, cell)) = found else {
            self.count_drop(DropReason::EspNoSa);
            return false;
        };
        let lengths = Lengths::new(to, sa, len.into());
        let Ok(total) = u16::try_from(lengths.total) else {
            self.count_drop(DropReason::NoHeadroom);
            return false;
        };
        let (exit, ethernet) = match total <= link.mtu() {
            true => (Exit::Frame(link.port()), link.header_len()),
            false => (Exit::Fragments(to.link()), 0),
        };
        // Taken before anything is written, so that no packet waits with a number that another SA's keys use.
        let Some(sequence) = cell.take(sa.tag, 1) else {
            self.count_drop(DropReason::EspNoSa);
            return false;
        };
        if sequence > sa.last {
            cell.add_failed();
            self.count_drop(DropReason::EspSeqOverflow);
            return false;
        }
        let outer = to.outer(tos, total, self.state.next_id());
        let around = Around { link: link.header(), ethernet, outer, udp: to.udp(), ttl: to.ttl(), lengths };
        if wrap(&mut buffer, &around, sa, sequence).is_none() {
            cell.add_failed();
            self.count_drop(DropReason::NoHeadroom);
            return false;
        }
        cell.add_bytes(self.worker.into(), around.lengths.text as u64);
        if self.state.unsealed.is_full() {
            self.seal();
        }
        // At most a few dozen octets of headers.
        let at = (ethernet + ip4::LEN + around.lengths.udp) as u16;
        self.state.unsealed.push(Packet { buffer, sequence, sa: id, at, exit });
        true
    }

    /// Encrypts and sends what waits.
    #[inline(always)]
    pub(crate) fn seal(&mut self) {
        if !self.state.unsealed.is_empty() {
            self.seal_all();
        }
    }

    #[inline(never)]
    fn seal_all(&mut self) {
        let sas = self.sas;
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        for packet in &mut self.state.unsealed {
            // It was there a moment ago: the table changes between turns only.
            let Some(sa) = sas.outbound(packet.sa) else { continue };
            let Some(octets) = packet.buffer.data_mut().get_mut(usize::from(packet.at)..) else { continue };
            jobs.push(Job::new(&sa.context, octets, packet.sequence).taken_for(sa.shape.is_gcm()));
        }
        if let Some(crypto) = self.crypto.as_mut() {
            crypto.seal(&mut jobs);
        }
        let statuses: ArrayVec<Status, BURST> = jobs.iter().map(|job| job.status).collect();
        drop(jobs);
        let waiting = self.state.unsealed.len();
        for (index, packet) in self.state.unsealed.take().into_iter().enumerate() {
            // Were a job lacking, all would be uncertain: then nothing leaves.
            if waiting != statuses.len() || statuses.get(index) != Some(&Status::Done) {
                sas.cells(packet.sa).into_iter().for_each(|cells| cells.outbound.add_failed());
                self.count_drop(DropReason::EspEngine);
                continue;
            }
            match packet.exit {
                Exit::Frame(port) => self.sink.transmit(port, packet.buffer),
                Exit::Fragments(link) => self.send_fragments(link, packet.buffer),
            }
        }
    }

    #[cold]
    fn send_fragments(&mut self, link: LinkId, packet: P::Buffer) {
        match self.link(link) {
            Some(link) => self.fragments_output(&link, packet),
            None => self.count_drop(DropReason::NoNeighbour),
        }
    }

    /// Sends an outer packet, cut to what the port takes, as any host does.
    pub(crate) fn fragments_output(&mut self, link: &Link, packet: P::Buffer) {
        let mut pieces = Fragments::new();
        match fragment::fragment(packet, usize::from(link.mtu()), &mut self.state.pool, &mut pieces) {
            Ok(()) => pieces.into_iter().for_each(|piece| self.eth_output(link, piece)),
            Err(fragment::Refusal::NoBuffer) => self.count_drop(DropReason::NoBuffer),
            Err(_) => self.count_drop(DropReason::FragTooMany),
        }
    }
}
