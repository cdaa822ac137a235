//! Kernel twins: the TAP device of a port, the TUN device of a tunnel interface.
//!
//! The kernel owns addresses, ARP, ICMP and whatever listens; through the twin it sends and receives as if it held
//! the port itself. Twins are persistent: a dataplane that is killed and comes back finds its device with index,
//! addresses and routes, and routing daemons saw no more than a carrier that went and came. Control (or the operator)
//! gives the twin its addresses and brings it up.

use dpdk::tuntap::{Kind, TunTap, TunTapError};
use dpdk::{Mbuf, Pool};
use shm::message::{PortId, TunnelId};
use shm::service::{self, TwinLoss};
use wire::buffer::PacketBuffer;

/// 802.1Q tag: type and control information, in octets.
const TAG: usize = 4;
/// EtherType of an 802.1Q tag.
const TPID: [u8; 2] = [0x81, 0x00];
/// Two MAC addresses: where a tag goes in.
const ADDRESSES: usize = 12;
/// An Ethernet header without a tag.
const HEADER: usize = 14;

/// Packets of the kernel that may wait in the twin: a routing daemon's word to thousands of neighbours at once.
const QUEUE: u16 = 10_000;

/// What a twin is the twin of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwinOf {
    /// A port.
    Port(PortId),
    /// A tunnel interface.
    Tunnel(TunnelId),
}

/// How a twin is made.
#[derive(Clone, Debug)]
pub struct TwinSpec {
    /// Whose.
    pub of: TwinOf,
    /// Interface name.
    pub name: String,
    /// MAC address of a port's.
    pub mac: Option<[u8; 6]>,
    /// VLAN of a port's wire. The twin itself is untagged: it is the port within its VLAN.
    pub vlan: Option<u16>,
    /// MTU in octets.
    pub mtu: u16,
}

/// What [`Twin::receive`] found.
#[derive(Debug)]
pub enum Received {
    /// A frame (tagged for the wire) or an IP packet.
    Packet(Mbuf),
    /// There is nothing more.
    Nothing,
    /// A packet was lost: it takes no tag.
    Lost,
    /// The device is gone: somebody deleted it.
    Gone(std::io::Error),
}

/// One twin. Owned by the service thread.
#[derive(Debug)]
pub struct Twin<'s> {
    /// How it was made, to make it again.
    pub spec: TwinSpec,
    /// What it counts, in the segment.
    pub counters: &'s service::Twin,
    device: Option<TunTap>,
    carrier: Option<bool>,
    /// What the kernel had dropped when it was last asked.
    dropped: Option<u64>,
}

impl<'s> Twin<'s> {
    /// Makes the device, or attaches to the one that a predecessor left.
    pub fn open(spec: TwinSpec, counters: &'s service::Twin) -> Result<Self, TunTapError> {
        let mut twin = Self { spec, counters, device: None, carrier: None, dropped: None };
        twin.reopen()?;
        Ok(twin)
    }

    /// Makes it again after it was deleted.
    pub fn reopen(&mut self) -> Result<(), TunTapError> {
        let kind = match self.spec.of {
            TwinOf::Port(_) => Kind::Tap,
            TwinOf::Tunnel(_) => Kind::Tun,
        };
        let device = TunTap::open(kind, &self.spec.name)?;
        if let Some(mac) = self.spec.mac {
            device.set_mac(mac)?;
        }
        device.set_mtu(self.spec.mtu)?;
        device.set_queue(QUEUE)?;
        self.carrier = None;
        self.device = Some(device);
        Ok(())
    }

    /// The device, to wait on; `None` while it is gone.
    pub fn device(&self) -> Option<&TunTap> {
        self.device.as_ref()
    }

    /// Shows the state of the port's link to the kernel.
    pub fn set_carrier(&mut self, up: bool) -> Result<(), TunTapError> {
        let Some(device) = &self.device else { return Ok(()) };
        if self.carrier != Some(up) {
            device.set_carrier(up)?;
            self.carrier = Some(up);
        }
        Ok(())
    }

    /// Counts what the kernel has dropped in front of the twin, `dropped` in all since it was made. What it dropped before
    /// the first call was a predecessor's to count, or nobody's.
    pub fn count_dropped(&mut self, dropped: u64) {
        let before = self.dropped.replace(dropped).unwrap_or(dropped);
        // Made again, it counts from zero.
        let more = dropped.checked_sub(before).unwrap_or(dropped);
        self.counters.lose_many(TwinLoss::QueueFull, more);
    }

    /// Takes one packet that the kernel sent.
    pub fn receive(&mut self, pool: &Pool) -> Received {
        let Some(device) = &self.device else { return Received::Nothing };
        let Some(mut packet) = pool.get() else {
            // The packet stays in the kernel's queue; the service thread comes back.
            return Received::Nothing;
        };
        let room = packet.tailroom();
        let Some(space) = packet.append(room) else { return Received::Nothing };
        match device.read(space) {
            Ok(Some(len)) => packet.truncate(len),
            Ok(None) => return Received::Nothing,
            Err(error) => {
                self.device = None;
                return Received::Gone(error);
            }
        }
        self.counters.from_kernel_packets.add(1);
        self.counters.from_kernel_bytes.add(packet.len() as u64);
        if let Some(vlan) = self.spec.vlan
            && tag(&mut packet, vlan).is_none()
        {
            self.counters.lose(TwinLoss::NoFrame);
            return Received::Lost;
        }
        Received::Packet(packet)
    }

    /// Gives the kernel a packet.
    pub fn deliver(&mut self, mut packet: Mbuf) {
        if let Some(vlan) = self.spec.vlan {
            untag(&mut packet, vlan);
        }
        // As on a wire, what does not arrive is lost. Reads tell if the device is gone.
        let Some(device) = &self.device else { return self.counters.lose(TwinLoss::Gone) };
        match device.write(packet.data()) {
            Ok(Some(_)) => {
                self.counters.to_kernel_packets.add(1);
                self.counters.to_kernel_bytes.add(packet.len() as u64);
            }
            Ok(None) => self.counters.lose(TwinLoss::Undelivered),
            Err(_) => self.counters.lose(TwinLoss::Refused),
        }
    }
}

/// Puts a tag into an untagged frame. `None`: it is no frame, or has no room in front.
fn tag(frame: &mut impl PacketBuffer, vlan: u16) -> Option<()> {
    if frame.len() < HEADER {
        return None;
    }
    frame.prepend(TAG)?;
    let data = frame.data_mut();
    data.copy_within(TAG..TAG + ADDRESSES, 0);
    data[ADDRESSES..ADDRESSES + 2].copy_from_slice(&TPID);
    data[ADDRESSES + 2..ADDRESSES + TAG].copy_from_slice(&vlan.to_be_bytes());
    Some(())
}

/// Takes the port's tag off, if it is there.
fn untag(frame: &mut impl PacketBuffer, vlan: u16) {
    let data = frame.data_mut();
    let Some(header) = data.get(ADDRESSES..ADDRESSES + TAG) else { return };
    let id = u16::from_be_bytes([header[2], header[3]]) & 0x0fff;
    if header[..2] == TPID && id == vlan {
        data.copy_within(..ADDRESSES, TAG);
        let _ = frame.strip(TAG);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forwarding::memory::MemoryPool;

    #[test]
    fn the_tag_goes_in_and_out() {
        let mut pool = MemoryPool::new(1, 256);
        let plain: Vec<u8> = (0..60).collect();
        let mut frame = pool.with(&plain).unwrap();
        tag(&mut frame, 0x123).unwrap();
        assert_eq!(frame.data()[..12], plain[..12]);
        assert_eq!(frame.data()[12..16], [0x81, 0, 0x01, 0x23]);
        assert_eq!(frame.data()[16..], plain[12..]);
        // Another VLAN's tag stays.
        untag(&mut frame, 0x124);
        assert_eq!(frame.len(), 64);
        // Priority bits do not matter.
        frame.data_mut()[14] |= 0xe0;
        untag(&mut frame, 0x123);
        assert_eq!(frame.data(), plain);
        untag(&mut frame, 0x123);
        assert_eq!(frame.data(), plain);
    }

    #[test]
    fn what_is_no_frame_is_not_tagged() {
        let mut pool = MemoryPool::new(1, 256);
        let mut frame = pool.with(&[0; 13]).unwrap();
        assert!(tag(&mut frame, 1).is_none());
        untag(&mut frame, 1);
        assert_eq!(frame.len(), 13);
    }
}
