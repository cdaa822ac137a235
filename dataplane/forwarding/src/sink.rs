//! Where packets leave the forwarder.

use shm::message::{Event, PortId, TunnelId};

/// What a worker does with the packets that the forwarder is done with.
///
/// None may block. A sink that cannot take a packet discards it and counts `tx_full` or `punt_full` itself; to
/// discard for any other reason the forwarder counts and drops the buffer, which returns it to its pool.
pub trait Sink<B> {
    /// Sends a complete Ethernet frame (VLAN tag included) out of a port.
    fn transmit(&mut self, port: PortId, frame: B);
    /// Gives a frame, as it was received, to the port's TAP twin (untagged: the twin is the port within its VLAN).
    fn to_port_twin(&mut self, port: PortId, frame: B);
    /// Gives an IP packet to the tunnel's TUN twin.
    fn to_tunnel_twin(&mut self, tunnel: TunnelId, packet: B);
    /// Tells control. `false`: the ring is full, nothing was told.
    fn event(&mut self, event: Event<'_>) -> bool;
}
