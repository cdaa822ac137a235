//! A hub whose spokes all take multicast, with one worker.

use super::Error;
use crate::machine::cpu_ns;
use crate::path::protected::Protected;
use crate::scenario::{BUFFERS, HUB, HUB_TUNNEL, Scenario, nbma};
use crate::sent::Sent;
use forwarding::memory::{DATAROOM, MemoryBuffer, MemoryPool};
use forwarding::{Burst, Forwarder, Now, Reader, Updater};
use shm::Segment;
use shm::cpu::cycles;
use std::net::Ipv4Addr;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::{eth, ip4};

/// All OSPF routers: the group of the packets.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
/// OSPF.
const PROTOCOL: u8 = 89;

/// What a turn of the poll loop was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    /// Copies that left.
    pub copies: u64,
    /// Cycles.
    pub cycles: u64,
    /// CPU time, in nanoseconds.
    pub cpu_ns: u64,
}

/// One worker and what its spokes have received.
pub struct Hub<'s> {
    scenario: Scenario,
    forwarder: Forwarder<'s, MemoryPool>,
    pool: MemoryPool,
    sent: Sent<MemoryBuffer>,
    /// The spokes' ends of their SAs; `None`: GRE in the clear.
    protected: Option<Protected>,
    /// Copies by spoke.
    received: Vec<u32>,
}

impl<'s> Hub<'s> {
    /// Over the tables of `reader`.
    pub fn new(
        scenario: Scenario,
        reader: Reader,
        segment: &'s Segment,
        protected: Option<Protected>,
    ) -> Self {
        let pool = MemoryPool::new(BUFFERS as usize, DATAROOM);
        Self {
            scenario,
            forwarder: Forwarder::new(reader, pool.clone(), segment.worker(0), segment.peers(0)),
            pool,
            sent: Sent::default(),
            protected,
            received: vec![0; scenario.spokes as usize],
        }
    }

    /// Installs the SAs and spokes of a hub with protection.
    pub fn install(&mut self, updater: &mut Updater, segment: &Segment) -> Result<(), Error> {
        let Self { scenario, forwarder, sent, protected, .. } = self;
        let Some(protected) = protected else { return Ok(()) };
        let now = Now::from_millis(0);
        Ok(protected.install(scenario, updater, segment, || forwarder.tick(now, sent))?)
    }

    /// A packet of `size` octets to a group, which the kernel sends into the tunnel.
    pub fn give(&mut self, size: u16, now: Now) -> Result<(), Error> {
        let mut buffer = self.pool.allocate().ok_or(Error::Buffers)?;
        let header = ip4::Fields {
            tos: ip4::TOS_CS6,
            total_len: size,
            id: 0,
            flags_offset: 0,
            ttl: 1,
            protocol: PROTOCOL,
            source: HUB_TUNNEL,
            destination: GROUP,
        };
        let room = buffer.append(size.into()).ok_or(Error::Buffers)?;
        room.fill(0);
        header.emit(room).ok_or(Error::Buffers)?;
        let mut burst = Burst::new();
        burst.push(buffer);
        self.forwarder.process_tunnel(0, &mut burst, now, &mut self.sent);
        Ok(())
    }

    /// One turn of the poll loop without packets.
    pub fn turn(&mut self, now: Now) -> Result<Turn, Error> {
        let (cpu, start) = (cpu_ns(), cycles());
        self.forwarder.tick(now, &mut self.sent);
        let cycles = cycles().wrapping_sub(start);
        let turn =
            Turn { copies: self.sent.frames.len() as u64, cycles, cpu_ns: cpu_ns().saturating_sub(cpu) };
        for frame in &self.sent.frames {
            let (_, to) = destination(frame).ok_or(Error::NotReplicated)?;
            *self.received.get_mut(to as usize).ok_or(Error::NotReplicated)? += 1;
        }
        // The last one is looked into.
        if let Some(frame) = self.sent.frames.last() {
            let (protocol, to) = destination(frame).ok_or(Error::NotReplicated)?;
            let right = match &mut self.protected {
                Some(protected) => protected.opened(frame.data(), to) == Some(1),
                None => {
                    let inner = frame.data().get(self.scenario.overhead()..).unwrap_or_default();
                    let inner = ip4::parse(inner).ok();
                    protocol == ip4::protocol::GRE && inner.is_some_and(|inner| inner.destination() == GROUP)
                }
            };
            if !right {
                return Err(Error::NotReplicated);
            }
        }
        self.sent.frames.clear();
        Ok(turn)
    }

    /// Whether every spoke has had `copies` copies; then they are counted anew.
    pub fn all_have(&mut self, copies: u32) -> Result<(), Error> {
        let right = self.sent.elsewhere == 0 && self.received.iter().all(|received| *received == copies);
        self.received.fill(0);
        if right { Ok(()) } else { Err(Error::NotReplicated) }
    }
}

/// Protocol of the outer packet, and the spoke it goes to.
fn destination(frame: &MemoryBuffer) -> Option<(u8, u32)> {
    let outer = ip4::parse(frame.data().get(eth::LEN..)?).ok().filter(|outer| outer.source() == HUB)?;
    Some((outer.protocol(), outer.destination().to_bits().wrapping_sub(nbma(0).to_bits())))
}
