//! Where a worker's packets go: transmit queues, kernel twins, control.

use crate::lane::{Lane, ToKernel};
use arrayvec::ArrayVec;
use dpdk::{Mbuf, TxQueue};
use forwarding::{BURST, Sink};
use shm::EventSender;
use shm::class::Class;
use shm::counters::WorkerCounters;
use shm::drops::DropReason;
use shm::message::{Event, PortId, TunnelId};
use wire::buffer::PacketBuffer;

/// One device's transmit queue of one worker with the packets not handed over yet.
#[derive(Debug)]
struct Output {
    queue: TxQueue,
    waiting: ArrayVec<Mbuf, BURST>,
    /// Whose they are: VLAN sub-interfaces share their parent's queue.
    of: ArrayVec<PortId, BURST>,
}

/// A worker's [`Sink`].
#[derive(Debug)]
pub struct WorkerSink<'s> {
    /// By device.
    outputs: Vec<Output>,
    /// By port, the place of its device.
    device_of: &'s [usize],
    lane: &'s Lane,
    /// Of all workers.
    lanes: &'s [Lane],
    events: EventSender,
    counters: &'s WorkerCounters,
}

impl<'s> WorkerSink<'s> {
    /// `queues` by device, this worker's own; `device_of` by port.
    pub fn new(
        queues: Vec<TxQueue>,
        device_of: &'s [usize],
        lane: &'s Lane,
        lanes: &'s [Lane],
        events: EventSender,
        counters: &'s WorkerCounters,
    ) -> Self {
        let output = |queue| Output { queue, waiting: ArrayVec::new(), of: ArrayVec::new() };
        let outputs = queues.into_iter().map(output).collect();
        Self { outputs, device_of, lane, lanes, events, counters }
    }

    /// Hands waiting packets to the devices; those a device has no room for wait for the next call.
    #[inline]
    pub fn flush(&mut self) {
        for output in &mut self.outputs {
            if !output.waiting.is_empty() {
                send(output, self.counters);
            }
        }
    }

    #[inline(always)]
    fn punt(&mut self, class: Class, item: ToKernel) {
        match self.lane.to_kernel.push(class, item) {
            Ok(()) => self.counters.punted.add(1),
            Err(_) => {
                self.counters.class(class).queue_full.add(1);
                self.counters.drop(DropReason::PuntFull);
            }
        }
    }
}

/// Sends what the device takes, and counts it for the ports that it was of.
#[inline]
fn send(output: &mut Output, counters: &WorkerCounters) {
    let lengths: ArrayVec<u16, BURST> = output.waiting.iter().map(|packet| packet.len() as u16).collect();
    let sent = output.queue.burst(&mut output.waiting);
    let mut lengths = lengths.into_iter().take(sent);
    // One addition for all packets of a port that follow each other: mostly all of the burst.
    for run in output.of.get(..sent).unwrap_or_default().chunk_by(|one, next| one == next) {
        let octets = lengths.by_ref().take(run.len()).map(u64::from).sum();
        if let Some(traffic) = run.first().and_then(|port| counters.ports.get(usize::from(*port))) {
            traffic.tx_packets.add(run.len() as u64);
            traffic.tx_bytes.add(octets);
        }
    }
    output.of.drain(..sent.min(output.of.len()));
}

impl Sink<Mbuf> for WorkerSink<'_> {
    #[inline(always)]
    fn transmit(&mut self, port: PortId, frame: Mbuf) {
        let device = self.device_of.get(usize::from(port));
        let Some(output) = device.and_then(|device| self.outputs.get_mut(*device)) else {
            self.counters.drop(DropReason::TxFull);
            return;
        };
        if output.waiting.is_full() {
            send(output, self.counters);
        }
        match output.waiting.try_push(frame) {
            // As long as the other, so there is room.
            Ok(()) => drop(output.of.try_push(port)),
            Err(_) => self.counters.drop(DropReason::TxFull),
        }
    }

    fn to_port_twin(&mut self, port: PortId, class: Class, frame: Mbuf) {
        self.punt(class, ToKernel::Frame(port, frame));
    }

    fn to_tunnel_twin(&mut self, tunnel: TunnelId, class: Class, packet: Mbuf) {
        self.punt(class, ToKernel::Packet(tunnel, packet));
    }

    fn handoff(&mut self, worker: usize, port: PortId, datagram: Mbuf) -> bool {
        self.lanes.get(worker).is_some_and(|lane| lane.handed.push((port, datagram)).is_ok())
    }

    fn event(&mut self, event: Event<'_>) -> bool {
        self.events.send(&event)
    }
}
