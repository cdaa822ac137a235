//! What leaves a forwarder that is measured.

use arrayvec::ArrayVec;
use forwarding::{BURST, Sink};
use shm::class::Class;
use shm::message::{Event, PortId, TunnelId};

/// Takes what leaves, as a transmit queue would, and keeps it until after the clock was read.
#[derive(Debug)]
pub struct Sent<B> {
    /// Frames, in the order in which they left.
    pub frames: ArrayVec<B, BURST>,
    /// Messages to control.
    pub events: u64,
    /// What left by another way, or was more than a burst.
    pub elsewhere: u64,
}

impl<B> Default for Sent<B> {
    fn default() -> Self {
        Self { frames: ArrayVec::new(), events: 0, elsewhere: 0 }
    }
}

impl<B> Sink<B> for Sent<B> {
    #[inline(always)]
    fn transmit(&mut self, _port: PortId, frame: B) {
        if self.frames.try_push(frame).is_err() {
            self.elsewhere += 1;
        }
    }
    fn to_port_twin(&mut self, _port: PortId, _: Class, _frame: B) {
        self.elsewhere += 1;
    }
    fn to_tunnel_twin(&mut self, _tunnel: TunnelId, _: Class, _packet: B) {
        self.elsewhere += 1;
    }
    fn event(&mut self, _event: Event<'_>) -> bool {
        self.events += 1;
        true
    }
}
