//! What passes between the service thread and one worker, and to it from other workers: bounded queues, nobody ever waits.

use crossbeam::queue::ArrayQueue;
use dpdk::Mbuf;
use shm::message::{Inject, PortId, TunnelId};
use wire::buffer::PacketBuffer;

/// Packets that may wait for a worker. At the kernel's pace: what routing daemons and pings need, not forwarding.
const TO_WORKER: usize = 1024;
/// Packets of other workers that may wait for the owner of their SA: what comes while it works on a few bursts.
const HANDED: usize = 256;
/// Packets that may wait for the kernel twins.
const TO_KERNEL: usize = 1024;
/// Buffers in a worker's pool cache, at most, and in its bursts: received, to be sealed, to be sent on each port, to be
/// replicated.
const ELSEWHERE: usize = 512 + 4 * forwarding::BURST + (forwarding::BURST * shm::counters::MAX_PORTS);
// What the check of `buffers` in `hub.toml` reckons with.
const _: () = assert!(TO_WORKER + TO_KERNEL + HANDED + ELSEWHERE <= config::BUFFERS_PER_WORKER as usize);
const _: () = assert!(forwarding::reassembly::BUFFER_SHARE == config::FRAGMENT_SHARE);

/// From the service thread to a worker.
#[derive(Debug)]
pub enum ToWorker {
    /// A frame that the kernel sent on a port's TAP twin, tagged as the wire wants it: it leaves by the port as it is.
    Frame(PortId, Mbuf),
    /// An IP packet that the kernel sent into a tunnel's TUN twin.
    Packet(TunnelId, Mbuf),
    /// An NHRP or IKE packet of control's.
    Inject(Injected),
}

/// [`Inject`] with its payload in a packet buffer, so that passing it on allocates nothing.
#[derive(Debug)]
pub struct Injected {
    /// The message, without payload.
    head: Inject<'static>,
    packet: Mbuf,
}

impl Injected {
    /// `packet` holds the payload.
    pub fn new(inject: &Inject<'_>, packet: Mbuf) -> Self {
        let head = match *inject {
            Inject::Nhrp { tunnel, nbma, link, protection, .. } => {
                Inject::Nhrp { tunnel, nbma, link, protection, packet: &[] }
            }
            Inject::Ike { local, local_port, nbma, port, link, .. } => {
                Inject::Ike { local, local_port, nbma, port, link, packet: &[] }
            }
        };
        Self { head, packet }
    }

    /// The message.
    pub fn message(&self) -> Inject<'_> {
        let packet = self.packet.data();
        match self.head {
            Inject::Nhrp { tunnel, nbma, link, protection, .. } => {
                Inject::Nhrp { tunnel, nbma, link, protection, packet }
            }
            Inject::Ike { local, local_port, nbma, port, link, .. } => {
                Inject::Ike { local, local_port, nbma, port, link, packet }
            }
        }
    }
}

/// From a worker to the service thread.
#[derive(Debug)]
pub enum ToKernel {
    /// A frame for a port's TAP twin.
    Frame(PortId, Mbuf),
    /// An IP packet for a tunnel's TUN twin.
    Packet(TunnelId, Mbuf),
}

/// Both directions of one worker.
#[derive(Debug)]
pub struct Lane {
    /// Written by the service thread, read by the worker.
    pub to_worker: ArrayQueue<ToWorker>,
    /// Written by the worker, read by the service thread.
    pub to_kernel: ArrayQueue<ToKernel>,
    /// ESP datagrams by the port they came in by. Written by all other workers, read by this one.
    pub handed: ArrayQueue<(PortId, Mbuf)>,
}

impl Lane {
    /// How much more the worker's queue takes. Only its one writer, the service thread, may rely on it.
    pub fn room(&self) -> usize {
        self.to_worker.capacity() - self.to_worker.len()
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            to_worker: ArrayQueue::new(TO_WORKER),
            to_kernel: ArrayQueue::new(TO_KERNEL),
            handed: ArrayQueue::new(HANDED),
        }
    }
}
