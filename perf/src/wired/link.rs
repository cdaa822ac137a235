//! Wires: two DPDK devices of two processes that share memory, or two NICs with a cable between them.

use clap::ValueEnum;
use serde::Serialize;
use std::path::Path;

/// Kinds of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// memif: both ends copy.
    Memif,
    /// vhost-user, the hub being the host's end, which copies.
    Vhost,
    /// vhost-user, the hub being the guest's end, as in a virtual machine: the generator copies.
    Virtio,
    /// Two NICs of this machine with a cable between them, named by `--cable`.
    Cable,
}

impl Link {
    /// Arguments of the device under test and of ours, with a socket in that directory and rings of 2^`ring` frames;
    /// `cable` names NICs. `None`: a cable without NICs.
    pub fn ends(self, directory: &Path, ring: u8, cable: &[String]) -> Option<[String; 2]> {
        let socket = directory.join("wire").display().to_string();
        let slots = 1_u32 << ring;
        Some(match self {
            Link::Memif => ["client", "server"].map(|role| {
                format!("net_memif0,role={role},socket={socket},socket-abstract=no,rsize={ring}")
            }),
            Link::Vhost => [
                format!("net_vhost0,iface={socket},queues=1"),
                format!("net_virtio_user0,path={socket},queues=1,queue_size={slots}"),
            ],
            Link::Virtio => [
                format!("net_virtio_user0,path={socket},queues=1,queue_size={slots}"),
                format!("net_vhost0,iface={socket},queues=1"),
            ],
            Link::Cable => <[String; 2]>::try_from(cable.to_vec()).ok()?,
        })
    }

    /// Whether our end has to be there first.
    ///
    /// A memif's server that a client finds before it has queues does not serve it; a client comes again.
    pub fn is_ours_first(self) -> bool {
        self != Link::Vhost
    }

    /// How it is called.
    pub fn name(self) -> &'static str {
        match self {
            Link::Memif => "memif",
            Link::Vhost => "vhost",
            Link::Virtio => "virtio",
            Link::Cable => "cable",
        }
    }
}
