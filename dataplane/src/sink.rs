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

/// One port's transmit queue of one worker with the packets not handed over yet.
#[derive(Debug)]
struct Output {
    queue: TxQueue,
    waiting: ArrayVec<Mbuf, BURST>,
}

/// A worker's [`Sink`].
#[derive(Debug)]
pub struct WorkerSink<'s> {
    /// By port.
    outputs: Vec<Output>,
    lane: &'s Lane,
    /// Of all workers.
    lanes: &'s [Lane],
    events: EventSender,
    counters: &'s WorkerCounters,
}

impl<'s> WorkerSink<'s> {
    /// `queues` by port, this worker's own.
    pub fn new(
        queues: Vec<TxQueue>,
        lane: &'s Lane,
        lanes: &'s [Lane],
        events: EventSender,
        counters: &'s WorkerCounters,
    ) -> Self {
        let outputs = queues.into_iter().map(|queue| Output { queue, waiting: ArrayVec::new() }).collect();
        Self { outputs, lane, lanes, events, counters }
    }

    /// Hands waiting packets to the devices; those a device has no room for wait for the next call.
    #[inline]
    pub fn flush(&mut self) {
        for (port, output) in self.outputs.iter_mut().enumerate() {
            if !output.waiting.is_empty() {
                send(port, output, self.counters);
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

/// Sends what the device takes, and counts it.
#[inline]
fn send(port: usize, output: &mut Output, counters: &WorkerCounters) {
    let lengths: ArrayVec<u16, BURST> = output.waiting.iter().map(|packet| packet.len() as u16).collect();
    let sent = output.queue.burst(&mut output.waiting);
    if let Some(traffic) = counters.ports.get(port) {
        traffic.tx_packets.add(sent as u64);
        traffic.tx_bytes.add(lengths.iter().take(sent).map(|len| u64::from(*len)).sum());
    }
}

impl Sink<Mbuf> for WorkerSink<'_> {
    #[inline(always)]
    fn transmit(&mut self, port: PortId, frame: Mbuf) {
        let Some(output) = self.outputs.get_mut(usize::from(port)) else {
            self.counters.drop(DropReason::TxFull);
            return;
        };
        if output.waiting.is_full() {
            send(usize::from(port), output, self.counters);
        }
        if output.waiting.try_push(frame).is_err() {
            self.counters.drop(DropReason::TxFull);
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
