//! Ports: a PCI device or a virtual one, set up with one receive and one transmit queue per worker.

use crate::arguments::{complete, hint};
use crate::{Eal, Errno, PortError, PortStats, Probed, stats};
use dpdk_sys as sys;
use std::ffi::{CStr, CString};
use std::sync::Arc;

/// State of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whether there is carrier.
    pub up: bool,
    /// Mbit/s, if known.
    pub mbps: Option<u32>,
    /// Whether it is full duplex.
    pub full_duplex: bool,
}

/// What the port and its queues share: the device is stopped and detached when the last of them is gone.
#[derive(Debug)]
pub(crate) struct Shared {
    id: u16,
    /// As configured.
    pub(crate) device: String,
    pub(crate) driver: String,
    pub(crate) started: bool,
}

impl Shared {
    #[inline(always)]
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    /// Tells what a step of the set-up came to.
    pub(crate) fn step(&self, step: &'static str, ret: i32) -> Result<(), PortError> {
        Errno::check(ret).map(|_| ()).map_err(|errno| PortError::Setup {
            device: self.device.clone(),
            driver: self.driver.clone(),
            step,
            errno,
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.started {
            // SAFETY: the port is open, and no queue of it is left that could be in use.
            unsafe { sys::rte_eth_dev_stop(self.id) };
        }
        // SAFETY: the port is stopped and nothing of ours refers to it any more.
        unsafe { sys::hub_port_detach(self.id) };
    }
}

/// A started port.
#[derive(Debug)]
pub struct Port {
    pub(crate) shared: Arc<Shared>,
    pub(crate) mac: [u8; 6],
    pub(crate) mtu: u16,
    pub(crate) socket: Option<i32>,
    pub(crate) rss: bool,
}

impl Port {
    /// Finds the device: a PCI address (`0000:03:00.0`) or a virtual device (`net_af_packet0,iface=veth0`), which
    /// is made for as many workers and packets of that MTU.
    pub fn probe(_eal: Eal, device: &str, workers: u16, mtu: u16) -> Result<Probed, PortError> {
        let arguments = complete(device, workers, mtu);
        let name = device.split(',').next().unwrap_or(device);
        let c_name = CString::new(name).map_err(|_| PortError::Name(device.into()))?;
        let c_arguments = CString::new(arguments).map_err(|_| PortError::Name(device.into()))?;
        let refused = |errno| PortError::Probe { device: device.into(), errno, hint: hint(device) };
        let mut id = 0;
        // SAFETY: EAL is initialised, the name is a valid string and `id` is valid.
        let known = unsafe { sys::hub_port_by_name(c_name.as_ptr(), &mut id) };
        if known != 0 {
            // PCI devices were probed when EAL started; others, and those that failed then, are now.
            // SAFETY: EAL is initialised and the argument is a valid string, which is copied.
            let ret = unsafe { sys::rte_dev_probe(c_arguments.as_ptr()) };
            Errno::check(ret).map_err(refused)?;
            // SAFETY: as for the first look-up.
            let ret = unsafe { sys::hub_port_by_name(c_name.as_ptr(), &mut id) };
            Errno::check(ret).map_err(refused)?;
        }
        let mut shared = Shared { id, device: device.into(), driver: String::new(), started: false };
        let mut info = sys::hub_port_info::default();
        // SAFETY: the port is open and `info` is valid.
        shared.step("to tell what it can", unsafe { sys::hub_port_info(id, &mut info) })?;
        // SAFETY: the shim ends the driver's name with a zero octet.
        shared.driver = unsafe { CStr::from_ptr(info.driver.as_ptr()) }.to_string_lossy().into_owned();
        Ok(Probed { shared, info })
    }

    /// Name of the driver.
    pub fn driver(&self) -> &str {
        &self.shared.driver
    }

    /// Device as configured.
    pub fn device(&self) -> &str {
        &self.shared.device
    }

    /// MAC address.
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// IP MTU.
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// NUMA node of the device; `None`: it has none.
    pub fn socket(&self) -> Option<i32> {
        self.socket
    }

    /// Whether the device spreads packets over its receive queues by their IP addresses.
    pub fn rss(&self) -> bool {
        self.rss
    }

    /// State of the link, without waiting for negotiation.
    pub fn link(&self) -> Result<Link, Errno> {
        let mut raw = sys::hub_link::default();
        // SAFETY: the port is open and `raw` is valid.
        Errno::check(unsafe { sys::hub_port_link(self.shared.id, &mut raw) })?;
        let mbps = (raw.speed != 0 && raw.speed != u32::MAX).then_some(raw.speed);
        Ok(Link { up: raw.up != 0, mbps, full_duplex: raw.full_duplex != 0 })
    }

    /// The device's counters.
    pub fn stats(&self) -> Result<PortStats, Errno> {
        stats::read(&self.shared)
    }

    /// All counters of the driver by their names.
    pub fn extended_stats(&self) -> Result<Vec<(String, u64)>, Errno> {
        stats::extended(&self.shared)
    }
}
