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

/// A packet that may be opened.
#[derive(Clone, Copy)]
struct Candidate {
    /// Its place in the burst.
    index: u8,
    /// Its whole sequence number.
    sequence: u64,
}

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Opens the ESP packets of a burst, whose verdicts become those of what was in them. In passes, so that the memory
    /// of one packet's SA is loaded while others' is asked for.
    #[inline(never)]
    pub(crate) fn esp_burst(&mut self, metas: &mut Metas, burst: &mut Burst<P::Buffer>) {
        if !metas.iter().any(|meta| matches!(meta.verdict, Verdict::Esp(_))) {
            return;
        }
        for meta in metas.iter().filter(|meta| matches!(meta.verdict, Verdict::Esp(_))) {
            if let Some(sa) = self.sas.inbound(meta.source) {
                cpu::prefetch(&**sa);
            }
            if let Some(cells) = self.sas.cells(sa_of(meta.source)) {
                cpu::prefetch(&cells.inbound);
            }
        }
        for meta in metas.iter().filter(|meta| matches!(meta.verdict, Verdict::Esp(_))) {
            if let Some(sa) = self.sas.inbound(meta.source) {
                sa.window.prefetch(meta.destination);
                if let Some(crypto) = &self.crypto {
                    crypto.prefetch(&sa.context, sa.shape.align == 4, meta.len.into());
                }
            }
        }
        let mut candidates = ArrayVec::<Candidate, BURST>::new();
        for (index, meta) in metas.iter_mut().enumerate() {
            let Verdict::Esp(port) = meta.verdict else { continue };
            match self.esp_check(meta, port) {
                // As many as there are packets in the burst.
                Ok(sequence) => candidates.push(Candidate { index: index as u8, sequence }),
                Err(verdict) => meta.verdict = verdict,
            }
        }
        let statuses = self.open(&candidates, metas, burst);
        for (candidate, status) in candidates.iter().zip(statuses) {
            let index = usize::from(candidate.index);
            if let (Some(meta), Some(buffer)) = (metas.get_mut(index), burst.get(index)) {
                *meta = self.opened(*meta, candidate.sequence, status, buffer.data());
            }
        }
    }

    /// What can be known of a packet before it is opened: its sequence number, or else what becomes of it.
    #[inline(always)]
    fn esp_check(&self, meta: &Meta, port: u16) -> Result<u64, Verdict> {
        let spi = meta.source;
        let unknown = Verdict::Refuse(DropReason::EspUnknownSpi, Some(spi));
        let Some(sa) = self.sas.inbound(spi).filter(|sa| sa.spi == spi && sa.local == meta.local) else {
            return Err(unknown);
        };
        if port == 0 && sa.only_udp {
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
        let Some(cells) = self.sas.cells(sa_of(spi)) else { return Err(unknown) };
        // A number before the first is as old as can be.
        let sequence = sa.window.extend(meta.destination).ok_or(Replayed::Old);
        let fresh = sequence.and_then(|sequence| sa.window.check(sequence).map(|()| sequence));
        fresh.map_err(|replayed| Verdict::Drop(count_replayed(&cells.inbound, replayed)))
    }

    /// Opens all candidates at once.
    #[inline(always)]
    fn open(
        &mut self,
        candidates: &[Candidate],
        metas: &Metas,
        burst: &mut Burst<P::Buffer>,
    ) -> ArrayVec<Status, BURST> {
        let sas = self.sas;
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        let mut next = candidates.iter();
        let mut candidate = next.next();
        for (index, (meta, buffer)) in metas.iter().zip(burst.iter_mut()).enumerate() {
            let Some(Candidate { sequence, .. }) = candidate.filter(|one| usize::from(one.index) == index)
            else {
                continue;
            };
            candidate = next.next();
            let (start, end) = (usize::from(meta.at), usize::from(meta.at) + usize::from(meta.len));
            // Both were found a moment ago.
            let Some(sa) = sas.inbound(meta.source) else { continue };
            let Some(packet) = buffer.data_mut().get_mut(start..end) else { continue };
            jobs.push(Job::new(&sa.context, packet, *sequence));
        }
        // Were one lacking, none could be told from the others.
        if jobs.len() != candidates.len() {
            return candidates.iter().map(|_| Status::Pending).collect();
        }
        if let Some(crypto) = self.crypto.as_mut() {
            crypto.open(&mut jobs);
        }
        jobs.iter().map(|job| job.status).collect()
    }

    /// What becomes of a packet that was opened.
    #[inline(always)]
    fn opened(&mut self, meta: Meta, sequence: u64, status: Status, data: &[u8]) -> Meta {
        let id = sa_of(meta.source);
        let sas = self.sas;
        let (Some(sa), Some(cells)) = (sas.inbound(meta.source), sas.cells(id)) else {
            return meta.drop(DropReason::EspUnknownSpi);
        };
        let (sa, cell) = (&**sa, &cells.inbound);
        if status != Status::Done {
            return meta.drop(count_failed(cell, status));
        }
        // RFC 4303 3.4.3: two copies may have been opened together.
        let newest = match sa.window.commit(sequence) {
            Ok(newest) => newest,
            Err(replayed) => return meta.drop(count_replayed(cell, replayed)),
        };
        let start = usize::from(meta.at) + esp::LEN + usize::from(sa.shape.iv);
        let end = (usize::from(meta.at) + usize::from(meta.len)).saturating_sub(sa.shape.icv.into());
        let text = data.get(start..end).unwrap_or_default();
        if newest {
            // Before the packet goes on: after a crash nothing up to here is taken again.
            cell.top.set(sequence);
            let Verdict::Esp(port) = meta.verdict else { return meta };
            let place = place(meta.nbma, port);
            if sa.known.load(Relaxed) != place {
                self.moved(sa, &meta, port);
            }
        }
        cell.packets.add(1);
        cell.bytes.add(text.len() as u64);
        cell.last_ms.set(self.now.millis());
        let meta = esp_payload(&self.tables.interfaces, sa, text, start, meta);
        self.ask(&meta);
        meta
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
