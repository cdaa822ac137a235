//! What passes between the service thread and one worker, and to it from other workers: bounded queues, nobody ever waits.

use crate::classed::{Classed, PLACES};
use crossbeam::queue::ArrayQueue;
use dpdk::Mbuf;
use shm::message::{Inject, PortId, TunnelId};
use wire::buffer::PacketBuffer;

/// Packets of the kernel that may wait for a worker; more wait in the twin's own queue.
const FROM_KERNEL: usize = 1024;
/// Control's packets that may wait for a worker; more wait in its ring.
const INJECTS: usize = 512;
/// Packets of other workers that may wait for the owner of their SA: what comes while it works on a few bursts.
const HANDED: usize = 256;
/// Buffers in a worker's pool cache, at most, and in its bursts: received, to be sealed, to be sent on each port, to be
/// replicated.
const ELSEWHERE: usize = 512 + 4 * forwarding::BURST + (forwarding::BURST * shm::counters::MAX_PORTS);
// What the check of `buffers` in `hub.toml` reckons with.
const _: () =
    assert!(FROM_KERNEL + INJECTS + PLACES + HANDED + ELSEWHERE <= config::BUFFERS_PER_WORKER as usize);
const _: () = assert!(forwarding::reassembly::BUFFER_SHARE == config::FRAGMENT_SHARE);

/// From the kernel to a worker.
#[derive(Debug)]
pub enum FromKernel {
    /// A frame that the kernel sent on a port's TAP twin, tagged as the wire wants it: it leaves by the port as it is.
    Frame(PortId, Mbuf),
    /// An IP packet that the kernel sent into a tunnel's TUN twin.
    Packet(TunnelId, Mbuf),
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
            Inject::Twin { tunnel, .. } => Inject::Twin { tunnel, packet: &[] },
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
            Inject::Twin { tunnel, .. } => Inject::Twin { tunnel, packet },
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
    /// What the kernel sent. Written by the service thread, read by the worker.
    pub from_kernel: ArrayQueue<FromKernel>,
    /// NHRP and IKE packets of control's: apart, so that a flood of the kernel's does not fill their place. Written by the
    /// service thread, read by the worker.
    pub injects: ArrayQueue<Injected>,
    /// Written by the worker, read by the service thread.
    pub to_kernel: Classed<ToKernel>,
    /// ESP datagrams by the port they came in by. Written by all other workers, read by this one.
    pub handed: ArrayQueue<(PortId, Mbuf)>,
}

impl Lane {
    /// How many more of control's packets the worker takes. Only their one writer, the service thread, may rely on it.
    pub fn room(&self) -> usize {
        self.injects.capacity() - self.injects.len()
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            from_kernel: ArrayQueue::new(FROM_KERNEL),
            injects: ArrayQueue::new(INJECTS),
            to_kernel: Classed::default(),
            handed: ArrayQueue::new(HANDED),
        }
    }
}
