//! VRFs: routing tables that do not see each other.

use super::{Config, Tunnel};

/// Index of a VRF: 0 for the global one, from 1 in the file's order.
pub type VrfId = u8;

/// What the global VRF is called.
pub const GLOBAL_NAME: &str = "default";

/// `[[vrf]]`: `vrf definition`
#[derive(Clone, Debug)]
pub struct Vrf {
    /// Name, also of the VRF device in the kernel.
    pub name: String,
    /// Number of its routing table in the kernel. A VRF device of that name that has another one keeps it.
    pub table: u32,
}

impl Config {
    /// How many VRFs there are, the global one among them.
    pub fn vrf_count(&self) -> usize {
        self.vrf.len() + 1
    }

    /// What `[[vrf]]` says of a VRF; `None`: it is the global one.
    pub fn vrf(&self, id: VrfId) -> Option<&Vrf> {
        self.vrf.get(usize::from(id).checked_sub(1)?)
    }

    /// A VRF's name, [`GLOBAL_NAME`] of the global one.
    pub fn vrf_name(&self, id: VrfId) -> &str {
        self.vrf(id).map_or(GLOBAL_NAME, |vrf| &vrf.name)
    }

    /// The VRF with a name.
    pub fn vrf_named(&self, name: &str) -> Option<VrfId> {
        (0..self.vrf_count()).map(|id| id as VrfId).find(|id| self.vrf_name(*id) == name)
    }

    /// VRF of the underlay of the tunnel with this source address; every tunnel with it has the same.
    pub fn vrf_of_source(&self, source: std::net::Ipv4Addr) -> Option<VrfId> {
        let has = |tunnel: &&Tunnel| tunnel.source == source;
        self.tunnel.iter().find(has).map(|tunnel| tunnel.tunnel_vrf)
    }
}
