//! The packet's way, in one list.
//!
//! ```text
//!             port ── eth_input ── local_input ───────────────────────────── gre_input ── inner_input ──┐
//!              ├───── eth_input ── local_input ── esp_input ── esp_open ──── gre_input ── inner_input ──┤
//!   (LAN)      └───── eth_input ── local_input ────────────────────────────────────────── inner_input ──┤
//!   TUN twin ──────────────────────────────────────────────────────────────────────────── inner_input ──┤
//!   own (ICMP errors) ───────────────────────────────────────────────────────────────────────────────────┤
//!                                                                                                        │
//!   out ── [esp_output] ── output ── [mss] ── redirect ── mtu ── ttl ── ecn ── fib_lookup ── peer check
//! ```
//! Exits on the way: twins and control ([`crate::punt`]), reassembly (comes back at `local_input`), multicast
//! ([`crate::multicast`]; its copies come back at `output`), ICMP errors (come back as own), and drops, each with its reason.
//!
//! A burst goes through four passes, with ESP through two more, so that the memory one packet needs is loaded while others are worked on:
//! 1. parse, and ask for the NBMA map's and the FIB's lines;
//! 2. who sent it, first FIB table; ask for the second table's line and the sender's counters;
//! 3. second FIB table; ask for the adjacency and the receiver's counters;
//! 4. change, encapsulate, send; or leave by another exit.
//!
//! Each pass is a function that is called once a burst and never inlined, so that a profiler can tell them apart.
//!
//! Where a prefix has several ways, one more pass behind the third chooses for each packet ([`crate::several`]).
//! ESP packets are opened together behind the first pass, and what leaves protected is sealed together behind the last.

use crate::forwarder::{BURST, Burst};
use crate::inner_input::inner_input;
use crate::leaf::Leaf;
use crate::local_input::{datagram_input, port_input};
use crate::meta::{From, Meta, NO_PEER, NO_TUNNEL, Verdict};
use crate::nbma::Key;
use crate::sink::Sink;
use crate::turn::{Origin, Turn};
use arrayvec::ArrayVec;
use shm::cpu;
use shm::drops::DropReason;
use shm::message::{GLOBAL, TunnelId, VrfId};
use wire::buffer::{BufferPool, PacketBuffer};

/// Place of the time that opening takes among the stages.
const OPEN: usize = 4;
/// The same for sealing.
const SEAL: usize = 5;
/// Packets that are loaded ahead of the one being parsed.
const AHEAD: usize = 4;

/// What is known of each packet of a burst.
pub(crate) type Metas = ArrayVec<Meta, BURST>;

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Frames received on a port. With `TIMED` each pass adds the cycles it took, which costs some itself.
    #[inline(never)]
    pub(crate) fn port_burst<const TIMED: bool>(&mut self, burst: &mut Burst<P::Buffer>) {
        let start = self.clock::<TIMED>();
        let mut metas = Metas::new();
        self.parse_pass(burst, &mut metas);
        let start = self.lap::<TIMED>(0, start);
        if self.crypto.is_some() {
            self.esp_burst(&mut metas, burst);
            self.lap::<TIMED>(OPEN, start);
        }
        self.finish::<TIMED>(&mut metas, burst);
        self.follow_up();
        let start = self.clock::<TIMED>();
        self.seal();
        self.lap::<TIMED>(SEAL, start);
    }

    /// First pass over what a port received.
    #[inline(never)]
    fn parse_pass(&mut self, burst: &mut Burst<P::Buffer>, metas: &mut Metas) {
        let Some(port) = self.tables.interfaces.ports.get(usize::from(self.port)) else {
            return burst.clear();
        };
        let mut octets = 0;
        for (index, buffer) in burst.iter().enumerate() {
            if let Some(first) = burst.get(index + AHEAD).and_then(|later| later.data().first()) {
                cpu::prefetch(first);
            }
            let data = buffer.data();
            octets += data.len() as u64;
            self.classify(metas, Meta::new(From::Spoke, NO_TUNNEL), |meta| {
                port_input(self.tables, port, data, meta)
            });
        }
        if let Some(traffic) = self.counters.ports.get(usize::from(self.port)) {
            traffic.rx_packets.add(burst.len() as u64);
            traffic.rx_bytes.add(octets);
        }
    }

    /// Datagrams that another worker has handed over.
    pub(crate) fn handed_burst(&mut self, burst: &mut Burst<P::Buffer>) {
        self.datagram_burst(burst);
        self.follow_up();
        self.seal();
    }

    /// IP packets that the kernel sent into a TUN twin.
    pub(crate) fn twin_burst(&mut self, tunnel: TunnelId, burst: &mut Burst<P::Buffer>) {
        self.hub_burst(tunnel, &[], burst);
        self.follow_up();
        self.seal();
    }

    /// What came into being on the way: datagrams out of fragments, and the hub's own packets.
    #[inline(always)]
    fn follow_up(&mut self) {
        if !self.state.whole.is_empty() {
            self.reassembled_burst();
        }
        if !self.state.own.is_empty() {
            let mut own = self.state.own.take();
            let vrfs = std::mem::take(&mut self.state.own_vrfs);
            self.hub_burst(NO_TUNNEL, &vrfs, &mut own);
        }
    }

    #[cold]
    fn reassembled_burst(&mut self) {
        let mut whole = self.state.whole.take();
        let before = std::mem::replace(&mut self.origin, Origin::Whole);
        self.datagram_burst(&mut whole);
        self.origin = before;
    }

    /// Outer datagrams without frames.
    fn datagram_burst(&mut self, burst: &mut Burst<P::Buffer>) {
        let Some(port) = self.tables.interfaces.ports.get(usize::from(self.port)) else {
            return burst.clear();
        };
        let mut metas = Metas::new();
        for buffer in burst.iter() {
            self.classify(&mut metas, Meta::new(From::Spoke, NO_TUNNEL), |meta| {
                datagram_input(self.tables, port, buffer.data(), 0, meta)
            });
        }
        self.esp_burst(&mut metas, burst);
        self.finish::<false>(&mut metas, burst);
    }

    /// `vrfs` are those of packets that come by no tunnel.
    fn hub_burst(&mut self, tunnel: TunnelId, vrfs: &[VrfId], burst: &mut Burst<P::Buffer>) {
        let mut metas = Metas::new();
        for (index, buffer) in burst.iter().enumerate() {
            let data = buffer.data();
            let meta = Meta::new(From::Hub, tunnel).in_vrf(vrfs.get(index).copied().unwrap_or(GLOBAL));
            self.classify(&mut metas, meta, |meta| match data.first() {
                // An IPv6-enabled kernel sends router solicitations into every TUN.
                Some(first) if first >> 4 == 6 => Verdict::Drop(DropReason::Ipv6),
                _ => inner_input(&self.tables.interfaces, data, meta),
            });
        }
        self.finish::<false>(&mut metas, burst);
    }

    /// The first pass over one packet, whose place among the others it takes before anything is known of it: what is
    /// found out is not copied again.
    #[inline(always)]
    fn classify(&self, metas: &mut Metas, new: Meta, input: impl FnOnce(&mut Meta) -> Verdict) {
        metas.push(new);
        if let Some(meta) = metas.last_mut() {
            meta.verdict = input(meta);
            self.ask(meta);
        }
    }

    /// Asks for the lines that the second pass reads.
    #[inline(always)]
    pub(crate) fn ask(&self, meta: &Meta) {
        match meta.verdict {
            Verdict::Forward => self.tables.fib.prefetch_first(meta.place()),
            Verdict::Esp(_) => return self.sas.prefetch_inbound(meta.source),
            _ => {}
        }
        if meta.from == From::Spoke {
            self.tables.nbma.prefetch(Key::new(meta.tunnel, meta.station));
        }
    }

    /// Asks for what sealing will read of each packet's SA.
    #[inline(never)]
    fn ask_outbound(&self, metas: &Metas) {
        let receivers = || {
            let to_peers =
                metas.iter().filter(|meta| meta.verdict == Verdict::Forward && meta.leaf.is_peer());
            to_peers.map(|meta| self.tables.adjacencies.peek_sa(meta.leaf.index()))
        };
        for sa in receivers() {
            self.sas.prefetch_outbound(sa);
        }
        for sa in receivers() {
            if let Some(outbound) = self.sas.outbound(sa) {
                cpu::prefetch(&**outbound);
            }
            if let Some(cells) = self.sas.cells(sa) {
                cpu::prefetch(&cells.outbound);
            }
        }
    }

    /// Passes 2 to 4.
    #[inline(always)]
    fn finish<const TIMED: bool>(&mut self, metas: &mut Metas, burst: &mut Burst<P::Buffer>) {
        let start = self.clock::<TIMED>();
        self.sender_pass(metas);
        let start = self.lap::<TIMED>(1, start);
        self.route_pass(metas, burst);
        let start = self.lap::<TIMED>(2, start);
        self.send_pass(metas, burst);
        self.lap::<TIMED>(3, start);
    }

    #[inline(never)]
    fn sender_pass(&mut self, metas: &mut Metas) {
        for meta in metas.iter_mut() {
            self.peer_check(meta);
        }
    }

    #[inline(never)]
    fn route_pass(&mut self, metas: &mut Metas, burst: &Burst<P::Buffer>) {
        let mut several = false;
        for meta in metas.iter_mut() {
            several |= self.fib_lookup(meta);
        }
        if several {
            self.choose_ways(metas, burst);
        }
        if self.crypto.is_some() {
            self.ask_outbound(metas);
        }
    }

    #[inline(never)]
    fn send_pass(&mut self, metas: &Metas, burst: &mut Burst<P::Buffer>) {
        for (meta, buffer) in metas.iter().zip(burst.drain(..)) {
            match meta.verdict {
                Verdict::Forward if meta.leaf.is_peer() => self.peer_output(meta, buffer),
                _ => self.leave(meta, buffer),
            }
        }
    }

    #[inline(always)]
    fn clock<const TIMED: bool>(&self) -> u64 {
        if TIMED { cpu::cycles() } else { 0 }
    }

    /// Counts the cycles of a pass; says when the next one starts.
    #[inline(always)]
    fn lap<const TIMED: bool>(&self, stage: usize, start: u64) -> u64 {
        if !TIMED {
            return 0;
        }
        let now = cpu::cycles();
        if let Some(counter) = self.counters.stage_cycles.get(stage) {
            counter.add(now.wrapping_sub(start));
        }
        now
    }

    /// Who sent it? Data is taken only from NBMA addresses, or sessions, that are registered or mapped on the packet's tunnel.
    #[inline(always)]
    fn peer_check(&mut self, meta: &mut Meta) {
        if !matches!(meta.verdict, Verdict::Forward | Verdict::Local | Verdict::Multicast) {
            return;
        }
        if meta.from == From::Spoke {
            let Some(peer) = self.tables.nbma.find(Key::new(meta.tunnel, meta.station)) else {
                meta.verdict = Verdict::Refuse(DropReason::UnknownPeer, None);
                return;
            };
            meta.peer = peer;
            cpu::prefetch_index(self.peers, peer as usize);
        }
        meta.leaf = self.tables.fib.first(meta.place());
        self.tables.fib.prefetch_second(meta.leaf, meta.place());
    }

    /// Where to? And what came from a known spoke counts as received, wherever it goes. `true`: the flow decides.
    #[inline(always)]
    fn fib_lookup(&mut self, meta: &mut Meta) -> bool {
        if meta.peer != NO_PEER {
            self.count_rx(meta.tunnel, meta.peer, meta.len);
        }
        meta.leaf = self.tables.fib.second(meta.leaf, meta.place());
        if meta.leaf.is_peer() {
            self.ask_receiver(meta.leaf);
        } else if meta.leaf.is_paths() {
            self.tables.paths.prefetch(meta.leaf.index());
            return true;
        }
        false
    }

    /// Asks for what the last pass reads of a spoke.
    #[inline(always)]
    pub(crate) fn ask_receiver(&self, leaf: Leaf) {
        self.tables.adjacencies.prefetch(leaf.index());
        cpu::prefetch_index(self.peers, leaf.index() as usize);
    }
}
