//! Ports and tunnel interfaces.

use crate::Prefix;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One port or tunnel interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Interface {
    /// Name in `hub.toml`.
    pub name: String,
    /// Name of its twin in the kernel.
    pub kernel_interface: String,
    /// Not shut down (the kernel twin is up).
    pub admin_up: bool,
    /// Works: a port has a link, a tunnel its source.
    pub line_up: bool,
    /// Name of the VRF that it is in; absent: the global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// Addresses.
    pub addresses: Vec<Prefix>,
    /// IP MTU in octets.
    pub mtu: u16,
    /// Frames of a port, inner packets of a tunnel.
    pub traffic: Traffic,
    /// What passed between the data plane and the interface's twin in the kernel.
    #[serde(default)]
    pub kernel: KernelTraffic,
    /// Packets lost in the device, and between the data plane and the kernel: every cause, also those at zero. Drops
    /// of the workers are [`crate::Drop`].
    #[serde(default)]
    pub losses: Vec<Loss>,
    /// What only a port or only a tunnel has.
    pub medium: Medium,
}

/// What only a port or only a tunnel has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Medium {
    /// A DPDK port.
    Port {
        /// PCI address or virtual device.
        device: String,
        /// `underlay` or `lan`.
        role: String,
        /// MAC address, `02:00:00:00:00:01`.
        mac: Option<String>,
        /// 802.1Q VLAN.
        vlan: Option<u16>,
        /// What the device says of its link, where it says so.
        link_up: Option<bool>,
        /// Link speed in Mbit/s, where known.
        speed: Option<u32>,
    },
    /// A multipoint GRE tunnel.
    Tunnel {
        /// Outer source address.
        source: Ipv4Addr,
        /// Name of the VRF that its packets travel in; absent: the global one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tunnel_vrf: Option<String>,
        /// GRE key.
        key: Option<u32>,
        /// Outer TTL.
        ttl: u8,
        /// Clamp of TCP MSS.
        tcp_adjust_mss: Option<u16>,
        /// NHRP network id.
        network_id: u32,
        /// Peers that are up.
        peers_up: u32,
    },
}

/// Packets and octets that passed the kernel twin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KernelTraffic {
    /// Packets the kernel sent.
    pub from_packets: u64,
    /// Octets the kernel sent.
    pub from_bytes: u64,
    /// Packets the kernel got.
    pub to_packets: u64,
    /// Octets the kernel got.
    pub to_bytes: u64,
}

/// Packets lost for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Loss {
    /// Name of the cause.
    pub reason: String,
    /// What it means, and the remedy where there is one; one sentence.
    pub meaning: String,
    /// Packets.
    pub packets: u64,
}

/// Packets and octets in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Traffic {
    /// Packets received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_bytes: u64,
}
