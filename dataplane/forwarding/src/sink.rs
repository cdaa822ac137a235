//! Where packets leave the forwarder.

use shm::class::Class;
use shm::message::{Event, PortId, TunnelId};

/// What a worker does with the packets that the forwarder is done with.
///
/// None may block. The sink counts what leaves (a port's sent frames, `punted`) and, when it cannot take a packet and
/// discards it, `tx_full`, or `punt_full` and the class's `queue_full`. Each class has its own place in the way to the twins. Every other discard the forwarder counts; it drops the buffer, which returns
/// it to its pool.
pub trait Sink<B> {
    /// Sends a complete Ethernet frame (VLAN tag included) out of a port.
    fn transmit(&mut self, port: PortId, frame: B);
    /// Gives a frame, as it was received, to the port's TAP twin. A VLAN tag is the sink's to take off: the twin is the
    /// port within its VLAN.
    fn to_port_twin(&mut self, port: PortId, class: Class, frame: B);
    /// Gives an IP packet to the tunnel's TUN twin.
    fn to_tunnel_twin(&mut self, tunnel: TunnelId, class: Class, packet: B);
    /// Gives an outer datagram, which came in by a port, to another worker, who owns its SA: it belongs into that worker's
    /// [`Forwarder::process_handed`](crate::Forwarder::process_handed). `false`: it was not taken. With one worker nothing
    /// is ever handed over.
    fn handoff(&mut self, _worker: usize, _port: PortId, _datagram: B) -> bool {
        false
    }
    /// Tells control. `false`: the ring, or the place in it of the event's class, is full; nothing was told.
    fn event(&mut self, event: Event<'_>) -> bool;
}
