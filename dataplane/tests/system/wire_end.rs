//! The far end of the hub's wire: a TAP device whose frames the test writes and reads. The hub has its other side
//! through a packet socket, as it would have a network card's.

use crate::namespace::{run, wait_for};
use dpdk::tuntap::{Kind, TunTap};

pub const DEVICE: &str = "net_af_packet0,iface=lab0";

pub struct WireEnd(TunTap);

impl WireEnd {
    /// Lays the wire. To be done before the hub starts.
    pub fn lay() -> Self {
        let device = TunTap::open(Kind::Tap, "lab0").unwrap();
        run("ip", &["link", "set", "lab0", "up"]);
        Self(device)
    }

    pub fn send(&self, frame: &[u8]) {
        wait_for("room on the wire", || self.0.write(frame).unwrap());
    }

    /// The next frame that the hub sent, if there is one.
    pub fn receive(&self) -> Option<Vec<u8>> {
        let mut frame = vec![0; 10_000];
        let len = self.0.read(&mut frame).unwrap()?;
        frame.truncate(len);
        Some(frame)
    }

    /// Waits for a frame of which `wanted` makes something; others pass by.
    pub fn wait<T>(&self, what: &str, wanted: impl Fn(&[u8]) -> Option<T>) -> T {
        wait_for(what, || std::iter::from_fn(|| self.receive()).find_map(|frame| wanted(&frame)))
    }
}
