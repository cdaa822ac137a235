//! Which VRF interfaces are in, and which table is whose.

use super::Interface;
use config::Config;
use shm::message::{GLOBAL, VrfId};

/// `RT_TABLE_MAIN`, the table of the global VRF.
pub(super) const MAIN: u32 = 254;

/// The VRFs of the configuration.
#[derive(Debug)]
pub(super) struct Vrfs {
    ports: Vec<VrfId>,
    tunnels: Vec<VrfId>,
    /// By VRF: the table that the configuration gives it, and that of its device in the kernel.
    tables: Vec<(u32, Option<u32>)>,
}

impl Vrfs {
    pub(super) fn new(config: &Config) -> Self {
        let configured = config.vrf.iter().map(|vrf| (vrf.table, None));
        Self {
            ports: config.port.iter().map(|port| port.vrf).collect(),
            tunnels: config.tunnel.iter().map(|tunnel| tunnel.vrf).collect(),
            tables: std::iter::once((MAIN, None)).chain(configured).collect(),
        }
    }

    /// The VRF that an interface is in.
    pub(super) fn of(&self, interface: Interface) -> VrfId {
        let found = match interface {
            Interface::Port(port) => self.ports.get(usize::from(port)),
            Interface::Tunnel(tunnel) => self.tunnels.get(usize::from(tunnel)),
            Interface::Loopback(vrf) => return vrf,
        };
        found.copied().unwrap_or(GLOBAL)
    }

    /// The table of a VRF: that of its device, or without one that of the configuration.
    pub(super) fn table(&self, vrf: VrfId) -> u32 {
        self.tables.get(usize::from(vrf)).map_or(MAIN, |(configured, device)| device.unwrap_or(*configured))
    }

    /// The VRF with a table.
    pub(super) fn with_table(&self, table: u32) -> Option<VrfId> {
        let ids = (0..self.tables.len()).map(|id| id as VrfId);
        ids.into_iter().find(|vrf| self.table(*vrf) == table)
    }

    /// The kernel has a device for a VRF, with a table, or none; `true`: the VRF has another table now.
    pub(super) fn device(&mut self, vrf: VrfId, table: Option<u32>) -> bool {
        let before = self.table(vrf);
        if let Some((_, device)) = self.tables.get_mut(usize::from(vrf)).filter(|_| vrf != GLOBAL) {
            *device = table;
        }
        self.table(vrf) != before
    }
}
