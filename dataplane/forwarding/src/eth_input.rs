//! Ethernet: is the frame for this port?
//!
//! In: a frame as received. Out: its payload's place and type, and whether it was sent to a group. Leaves to the twin:
//! none here. Drops: `eth_truncated`, `eth_vlan`, `eth_not_for_us`. IEEE 802.3, 802.1Q 9.6.

use crate::interfaces::{MAC_BITS, Port};
use shm::drops::DropReason;
use wire::eth;

/// What the header said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// EtherType behind the tag.
    pub(crate) ethertype: u16,
    /// Octets of the header.
    pub(crate) header_len: usize,
    /// Sent to a group address: to many, or broadcast.
    pub(crate) group: bool,
}

/// Reads the header.
#[inline(always)]
pub(crate) fn eth_input(port: &Port, data: &[u8]) -> Result<Frame, DropReason> {
    let Some(first) = data.first_chunk::<8>() else { return Err(DropReason::EthTruncated) };
    let frame = eth::parse(data).map_err(|_| DropReason::EthTruncated)?;
    // A priority tag (VLAN 0) belongs to the untagged LAN.
    if frame.vlan.filter(|vlan| *vlan != 0) != port.vlan {
        return Err(DropReason::EthVlan);
    }
    let destination = u64::from_le_bytes(*first) & MAC_BITS;
    let group = destination & 1 != 0;
    if destination != port.mac && !group {
        return Err(DropReason::EthNotForUs);
    }
    Ok(Frame { ethertype: frame.ethertype, header_len: frame.header_len, group })
}
