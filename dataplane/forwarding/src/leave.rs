//! Where a packet leaves: all exits but the one to a spoke.
//!
//! In: a packet and the verdict on it. Out: twins and control ([`crate::punt`]), reassembly, replication, next hops, other
//! workers; or a drop, counted under its reason. Drops: `no_buffer`, `no_adjacency`, `no_route`, `esp_engine`, and those
//! that a verdict names.

use crate::forward::bare;
use crate::icmp_error::Problem;
use crate::leaf::Kind;
use crate::meta::{Meta, Verdict};
use crate::sink::Sink;
use crate::turn::{Origin, Turn};
use shm::drops::DropReason;
use shm::message::PortId;
use wire::buffer::BufferPool;

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// All exits but the one to a spoke.
    #[inline(never)]
    pub(crate) fn leave(&mut self, meta: &Meta, mut buffer: P::Buffer) {
        match meta.verdict {
            Verdict::Forward => self.leave_by_leaf(meta, buffer),
            Verdict::Local => self.deliver(meta, buffer),
            Verdict::Multicast => self.multicast_input(meta, buffer),
            Verdict::Replicate => self.hub_multicast(meta, buffer),
            Verdict::Nhrp => self.nhrp_event(meta, &buffer),
            Verdict::PortTwin if self.origin != Origin::Wire => self.punt_whole(buffer),
            Verdict::PortTwin => self.punt_frame(buffer),
            Verdict::Ike { port, natt } => self.ike_event(meta, port, natt, &buffer),
            Verdict::Handoff(owner) => self.handoff(owner, buffer),
            // All were opened, or given another verdict.
            Verdict::Esp(_) => self.count_drop(DropReason::EspEngine),
            Verdict::Fragment => {
                bare(meta, &mut buffer);
                let whole = self.state.reassembler.input(buffer, self.now, self.counters);
                // At most one for each packet of a burst, so there is room.
                if let Some(whole) = whole
                    && self.state.whole.try_push(whole).is_err()
                {
                    self.count_drop(DropReason::NoBuffer);
                }
            }
            Verdict::Drop(reason) => self.count_drop(reason),
            Verdict::Refuse(reason, key) => self.refuse(meta, reason, key),
        }
    }

    fn leave_by_leaf(&mut self, meta: &Meta, buffer: P::Buffer) {
        match meta.leaf.kind() {
            Kind::Peer => self.peer_output(meta, buffer),
            Kind::Link => self.next_hop_output(meta, buffer),
            Kind::Tunnel | Kind::Port => self.deliver(meta, buffer),
            _ => self.leave_nowhere(meta, buffer),
        }
    }

    /// There is no way on now. A packet whose TTL ends here says so whatever lies behind: where a route ends shows in a
    /// traceroute, and a neighbour need not be resolved for what would not reach it.
    #[cold]
    fn leave_nowhere(&mut self, meta: &Meta, buffer: P::Buffer) {
        let kind = meta.leaf.kind();
        let reason = match kind {
            Kind::Unresolved | Kind::Paths => DropReason::NoAdjacency,
            _ => DropReason::NoRoute,
        };
        match self.not_dead(meta, buffer) {
            None => {}
            Some(_) if kind == Kind::Glean => self.glean(meta, meta.leaf.index() as PortId),
            Some(buffer) => {
                self.count_drop(reason);
                match kind {
                    Kind::None => self.unreachable(meta, Problem::NetUnreachable, buffer),
                    Kind::Unresolved => self.unreachable(meta, Problem::HostUnreachable, buffer),
                    // A discard route discards, and says nothing.
                    _ => {}
                }
            }
        }
    }
}
