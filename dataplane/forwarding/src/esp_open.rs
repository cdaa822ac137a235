//! Opening: whose SA, fresh, authentic?
//!
//! In: ESP packets of a burst. Out: what was in them, by [`crate::esp_payload`]. Leaves to the owner of an SA by handoff.
//! Drops: `esp_short`, `esp_align`, `esp_encap_mismatch`, `esp_replay_old`, `esp_replay_dup`, `esp_icv`, `esp_handoff`,
//! `esp_engine`; refuses (control is told): `esp_unknown_spi`. RFC 4303 3.4.
//!
//! An SA is found by its SPI alone, since a translator may change a peer's address at any time (RFC 7296 2.23). Only
//! what is authentic and newer than all before tells control of another address. Nothing within a packet is looked at
//! before it proved authentic, and the window moves only then.

use crate::crypto::{Job, Status};
use crate::esp_payload::esp_payload;
use crate::forwarder::{BURST, Burst};
use crate::meta::{Meta, Verdict};
use crate::path::Metas;
use crate::replay::Replayed;
use crate::sa::{Inbound, place};
use crate::sa_table::SaTable;
use crate::sink::Sink;
use crate::turn::{MOVED_RATE, Origin, Turn};
use arrayvec::ArrayVec;
use shm::InboundCell;
use shm::cpu;
use shm::drops::DropReason;
use shm::message::{Event, sa_of};
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::Relaxed;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::esp;

/// A packet whose SA was found.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    /// Its place in the burst.
    index: u8,
    sa: &'a Inbound,
    cell: &'a InboundCell,
}

/// The packets of a burst whose SAs were found, in order.
type Candidates<'a> = ArrayVec<Candidate<'a>, BURST>;

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Opens the ESP packets of a burst, whose verdicts become those of what was in them. In passes, so that the memory
    /// of one packet's SA is loaded while others' is asked for.
    #[inline(never)]
    pub(crate) fn esp_burst(&mut self, metas: &mut Metas, burst: &mut Burst<P::Buffer>) {
        let sas = self.sas;
        let mut candidates = Candidates::new();
        for (index, meta) in metas.iter_mut().enumerate() {
            if let Verdict::Esp(_) = meta.verdict {
                find(sas, index, meta, &mut candidates);
            }
        }
        if candidates.is_empty() {
            return;
        }
        for candidate in &candidates {
            if let Some(meta) = metas.get(usize::from(candidate.index)) {
                candidate.sa.window.prefetch(meta.destination);
            }
        }
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        let mut next = candidates.iter().peekable();
        for ((index, meta), buffer) in metas.iter_mut().enumerate().zip(burst.iter_mut()) {
            let Some(candidate) = next.next_if(|candidate| usize::from(candidate.index) == index) else {
                continue;
            };
            let packet = usize::from(meta.at)..usize::from(meta.at) + usize::from(meta.len);
            match (self.esp_check(meta, candidate), buffer.data_mut().get_mut(packet)) {
                // As many at most as there are packets in the burst.
                (Ok(sequence), Some(packet)) => {
                    let job = Job::new(&candidate.sa.context, packet, sequence);
                    jobs.push(job.taken_for(candidate.sa.shape.is_gcm()));
                }
                (Ok(_), None) => meta.verdict = Verdict::Drop(DropReason::EspShort),
                (Err(verdict), _) => meta.verdict = verdict,
            }
        }
        if let Some(crypto) = self.crypto.as_mut() {
            crypto.open(&mut jobs);
        }
        let mut jobs = jobs.iter();
        for candidate in &candidates {
            let Some(meta) = metas.get_mut(usize::from(candidate.index)) else { continue };
            // Those that were refused have no job.
            if let Verdict::Esp(port) = meta.verdict
                && let Some(job) = jobs.next()
            {
                meta.verdict = self.opened(meta, port, candidate, job);
                self.ask(meta);
            }
        }
    }

    /// What can be known of a packet before it is opened: its sequence number, or else what becomes of it.
    #[inline(always)]
    fn esp_check(&self, meta: &Meta, &Candidate { sa, cell, .. }: &Candidate<'_>) -> Result<u64, Verdict> {
        if sa.spi != meta.source || sa.local != meta.local {
            return Err(unknown(meta));
        }
        if sa.only_udp && meta.verdict == Verdict::Esp(0) {
            return Err(Verdict::Drop(DropReason::EspEncapMismatch));
        }
        let owner = sa.owner(self.worker);
        if owner != self.worker {
            return Err(Verdict::Handoff(owner));
        }
        let shape = sa.shape;
        let around = esp::LEN + usize::from(shape.iv) + usize::from(shape.icv);
        let text = usize::from(meta.len).checked_sub(around).filter(|text| *text >= esp::TRAILER);
        let Some(text) = text else { return Err(Verdict::Drop(DropReason::EspShort)) };
        if text & (usize::from(shape.align) - 1) != 0 {
            return Err(Verdict::Drop(DropReason::EspAlign));
        }
        // A number before the first is as old as can be.
        let sequence = sa.window.extend(meta.destination).ok_or(Replayed::Old);
        let fresh = sequence.and_then(|sequence| sa.window.check(sequence).map(|()| sequence));
        fresh.map_err(|replayed| Verdict::Drop(count_replayed(cell, replayed)))
    }

    /// What becomes of a packet that was opened. `port`: the UDP port that it came from, 0: plain.
    #[inline(always)]
    fn opened(&mut self, meta: &mut Meta, port: u16, candidate: &Candidate<'_>, job: &Job<'_>) -> Verdict {
        let &Candidate { sa, cell, .. } = candidate;
        if job.status != Status::Done {
            return Verdict::Drop(count_failed(cell, job.status));
        }
        // RFC 4303 3.4.3: two copies may have been opened together.
        let newest = match sa.window.commit(job.sequence) {
            Ok(newest) => newest,
            Err(replayed) => return Verdict::Drop(count_replayed(cell, replayed)),
        };
        if newest {
            // Before the packet goes on: after a crash nothing up to here is taken again.
            cell.top.set(job.sequence);
            if sa.known.load(Relaxed) != place(meta.nbma, port) {
                self.moved(sa, meta, port);
            }
        }
        let start = esp::LEN + usize::from(sa.shape.iv);
        let end = job.packet.len().saturating_sub(sa.shape.icv.into());
        let text = job.packet.get(start..end).unwrap_or_default();
        cell.packets.add(1);
        cell.bytes.add(text.len() as u64);
        cell.last_ms.set(self.now.millis());
        esp_payload(&self.tables.interfaces, sa, text, usize::from(meta.at) + start, meta)
    }

    /// Tells control that the SA's peer sends from elsewhere. Until control was told, each fresh packet tries again.
    #[cold]
    fn moved(&mut self, sa: &Inbound, meta: &Meta, port: u16) {
        if crate::inner_input::is_nobody(meta.nbma) || !self.state.moved_bucket.take(MOVED_RATE, self.now) {
            return;
        }
        let event = Event::Moved {
            sa: sa_of(sa.spi),
            nbma: Ipv4Addr::from_bits(meta.nbma),
            port: Some(port).filter(|port| *port != 0),
        };
        if self.sink.event(event) {
            sa.known.store(place(meta.nbma, port), Relaxed);
        }
    }

    /// Gives a packet to the worker that its SA is of: the whole outer datagram.
    #[cold]
    pub(crate) fn handoff(&mut self, owner: u8, mut buffer: P::Buffer) {
        if self.origin == Origin::Handed {
            // The SA was replaced on its way: who has it now is not asked twice.
            return self.count_drop(DropReason::EspHandoff);
        }
        if self.origin == Origin::Wire {
            let header = wire::eth::parse(buffer.data()).map_or(0, |frame| frame.header_len);
            let _ = buffer.strip(header);
        }
        if !self.sink.handoff(owner.into(), self.port, buffer) {
            self.count_drop(DropReason::EspHandoff);
        }
    }
}

/// Whose SA is it? What is known of it is asked for.
#[inline(always)]
fn find<'a>(sas: &'a SaTable, index: usize, meta: &mut Meta, candidates: &mut Candidates<'a>) {
    let (Some(sa), Some(cells)) = (sas.inbound(meta.source), sas.cells(sa_of(meta.source))) else {
        meta.verdict = unknown(meta);
        return;
    };
    let (sa, cell) = (&**sa, &cells.inbound);
    cpu::prefetch(sa);
    cpu::prefetch(cell);
    // A burst has at most 64 packets.
    candidates.push(Candidate { index: index as u8, sa, cell });
}

#[cold]
fn unknown(meta: &Meta) -> Verdict {
    Verdict::Refuse(DropReason::EspUnknownSpi, Some(meta.source))
}

#[cold]
fn count_replayed(cell: &InboundCell, replayed: Replayed) -> DropReason {
    match replayed {
        Replayed::Old => {
            cell.replay_old.add(1);
            DropReason::EspReplayOld
        }
        Replayed::Duplicate => {
            cell.replay_dup.add(1);
            DropReason::EspReplayDup
        }
    }
}

#[cold]
fn count_failed(cell: &InboundCell, status: Status) -> DropReason {
    match status {
        Status::BadIcv => {
            cell.icv_failed.add(1);
            DropReason::EspIcv
        }
        Status::BadLength => DropReason::EspShort,
        _ => DropReason::EspEngine,
    }
}
