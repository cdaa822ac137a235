//! Ports: a PCI device or a virtual one, set up with one receive and one transmit queue per worker.

use crate::queue::{RxQueue, TxQueue};
use crate::{Eal, Errno, Pool, PortStats, stats};
use dpdk_sys as sys;
use std::ffi::{CStr, CString};
use std::sync::Arc;

/// How a port is to be set up.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// Workers: as many transmit queues, and as many receive queues as the device has.
    pub workers: u16,
    /// Descriptors in each queue; held within what the device allows.
    pub ring_size: u16,
    /// IP MTU.
    pub mtu: u16,
    /// MAC address; `None`: the device's.
    pub mac: Option<[u8; 6]>,
}

/// Why a port is not usable.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The device string holds a zero octet.
    #[error("device {0:?} is not a device name")]
    Name(String),
    /// No driver took the device.
    #[error("device `{device}` cannot be opened: {errno}. {hint}")]
    Probe {
        /// As configured.
        device: String,
        /// Reason.
        errno: Errno,
        /// What usually is wrong.
        hint: &'static str,
    },
    /// Each worker needs a transmit queue of its own.
    #[error(
        "device `{device}` ({driver}) has {max} transmit queues, {workers} workers need one each: lower `cores`"
    )]
    Queues {
        /// As configured.
        device: String,
        /// Its driver.
        driver: String,
        /// Queues it has.
        max: u16,
        /// Workers.
        workers: u16,
    },
    /// Larger than the device can take.
    #[error("device `{device}` ({driver}) takes an MTU of at most {max}, not {mtu}")]
    Mtu {
        /// As configured.
        device: String,
        /// Its driver.
        driver: String,
        /// Wanted.
        mtu: u16,
        /// Possible.
        max: u16,
    },
    /// A step of the set-up failed.
    #[error("device `{device}` ({driver}) refuses {step}: {errno}")]
    Setup {
        /// As configured.
        device: String,
        /// Its driver.
        driver: String,
        /// What it refused.
        step: &'static str,
        /// Reason.
        errno: Errno,
    },
}

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
    device: String,
    driver: String,
    started: bool,
}

impl Shared {
    #[inline(always)]
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    fn step(&self, step: &'static str, ret: i32) -> Result<(), PortError> {
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
    shared: Arc<Shared>,
    mac: [u8; 6],
    mtu: u16,
    socket: Option<i32>,
    rss: bool,
}

/// A device that is found, not set up yet: its NUMA socket decides which pool it gets.
#[derive(Debug)]
pub struct Probed {
    shared: Shared,
    info: sys::hub_port_info,
}

impl Probed {
    /// NUMA node of the device; `None`: it has none.
    pub fn socket(&self) -> Option<i32> {
        (self.info.socket >= 0).then_some(self.info.socket)
    }

    /// Sets the device up and starts it; received packets come in buffers of `pool`. `only_pool`: every packet it
    /// will send is from that pool too, which spares some drivers work.
    pub fn start(
        mut self,
        config: &PortConfig,
        pool: &Pool,
        only_pool: bool,
    ) -> Result<(Port, Vec<RxQueue>, Vec<TxQueue>), PortError> {
        let conf = self.plan(config, only_pool)?;
        self.configure(&conf, pool)?;
        let mac = self.address(config.mac)?;
        let id = self.shared.id;
        // SAFETY: the port and all its queues are set up.
        self.shared.step("to start", unsafe { sys::rte_eth_dev_start(id) })?;
        self.shared.started = true;
        self.receive_all(config.mac.is_some());
        let socket = self.socket();
        let shared = Arc::new(self.shared);
        let rx = (0..conf.rx_queues).map(|queue| RxQueue::new(shared.clone(), queue)).collect();
        let tx = (0..conf.tx_queues).map(|queue| TxQueue::new(shared.clone(), queue)).collect();
        let port = Port { shared, mac, mtu: config.mtu, socket, rss: conf.rss_ip != 0 };
        Ok((port, rx, tx))
    }

    /// Decides by what the device can do.
    fn plan(&self, config: &PortConfig, only_pool: bool) -> Result<sys::hub_port_conf, PortError> {
        let info = &self.info;
        let (device, driver) = (self.shared.device.clone(), self.shared.driver.clone());
        if info.max_tx_queues < config.workers {
            let (max, workers) = (info.max_tx_queues, config.workers);
            return Err(PortError::Queues { device, driver, max, workers });
        }
        if info.max_mtu != 0 && info.max_mtu < config.mtu {
            return Err(PortError::Mtu { device, driver, mtu: config.mtu, max: info.max_mtu });
        }
        let rx_queues = config.workers.min(info.max_rx_queues.max(1));
        Ok(sys::hub_port_conf {
            rx_queues,
            tx_queues: config.workers,
            rx_desc: within(config.ring_size, info.rx_desc_min, info.rx_desc_max),
            tx_desc: within(config.ring_size, info.tx_desc_min, info.tx_desc_max),
            mtu: config.mtu,
            rss_ip: u8::from(rx_queues > 1 && info.rss_ip != 0),
            fast_free: u8::from(only_pool && info.fast_free != 0),
        })
    }

    fn configure(&self, conf: &sys::hub_port_conf, pool: &Pool) -> Result<(), PortError> {
        let shared = &self.shared;
        let mut conf = *conf;
        // SAFETY: the port is open and not started; `conf` is valid.
        let mut ret = unsafe { sys::hub_port_configure(shared.id, &conf) };
        if ret == -libc::EINVAL {
            // Some virtual devices state a frame length that leaves no room for their own default MTU; they take
            // any frame that fits their buffers all the same.
            conf.mtu = 0;
            // SAFETY: as above.
            ret = unsafe { sys::hub_port_configure(shared.id, &conf) };
        }
        shared.step("its configuration", ret)?;
        for queue in 0..conf.rx_queues {
            // SAFETY: the queue's number is below those configured, and the pool lives as long as the process.
            let ret = unsafe { sys::hub_port_rx_queue(shared.id, queue, &conf, pool.as_ptr()) };
            shared.step("a receive queue", ret)?;
        }
        for queue in 0..conf.tx_queues {
            // SAFETY: the queue's number is below those configured.
            let ret = unsafe { sys::hub_port_tx_queue(shared.id, queue, &conf) };
            shared.step("a transmit queue", ret)?;
        }
        Ok(())
    }

    /// Sets the MAC address when one is given; answers that in use.
    fn address(&self, wanted: Option<[u8; 6]>) -> Result<[u8; 6], PortError> {
        let mut mac = [0; 6];
        if let Some(wanted) = wanted {
            // SAFETY: the port is open and six octets are read.
            let ret = unsafe { sys::hub_port_set_mac(self.shared.id, wanted.as_ptr()) };
            match Errno::check(ret) {
                // A device that cannot filter by another address still receives it in promiscuous mode.
                Ok(_) | Err(Errno(libc::ENOTSUP)) => return Ok(wanted),
                Err(_) => self.shared.step("the MAC address", ret)?,
            }
        }
        // SAFETY: the port is open and six octets are written.
        self.shared.step("to tell its MAC address", unsafe {
            sys::hub_port_mac(self.shared.id, mac.as_mut_ptr())
        })?;
        Ok(mac)
    }

    /// Lets multicast in, for what listens on the kernel twin; and everything where the device cannot do that alone
    /// or has an address of ours that it may not filter by.
    fn receive_all(&self, foreign_mac: bool) {
        // SAFETY: the port is started.
        let multicast = unsafe { sys::rte_eth_allmulticast_enable(self.shared.id) };
        if multicast != 0 || foreign_mac {
            // Devices without filters (most virtual ones) refuse, and receive everything anyway.
            // SAFETY: the port is started.
            unsafe { sys::rte_eth_promiscuous_enable(self.shared.id) };
        }
    }
}

impl Port {
    /// Finds the device: a PCI address (`0000:03:00.0`) or a virtual device (`net_af_packet0,iface=veth0`), which
    /// is made for as many workers and packets of that MTU.
    pub fn probe(_eal: Eal, device: &str, workers: u16, mtu: u16) -> Result<Probed, PortError> {
        let arguments = complete(device, workers, mtu);
        let name = device.split(',').next().unwrap_or(device);
        let c_name = CString::new(name).map_err(|_| PortError::Name(device.into()))?;
        let c_arguments = CString::new(arguments).map_err(|_| PortError::Name(device.into()))?;
        let mut id = 0;
        // SAFETY: EAL is initialised, the name is a valid string and `id` is valid.
        let known = unsafe { sys::hub_port_by_name(c_name.as_ptr(), &mut id) };
        if known != 0 {
            // PCI devices were probed when EAL started; others, and those that failed then, are now.
            // SAFETY: EAL is initialised and the argument is a valid string, which is copied.
            let ret = unsafe { sys::rte_dev_probe(c_arguments.as_ptr()) };
            Errno::check(ret).map_err(|errno| probe_error(device, errno))?;
            // SAFETY: as for the first look-up.
            let ret = unsafe { sys::hub_port_by_name(c_name.as_ptr(), &mut id) };
            Errno::check(ret).map_err(|errno| probe_error(device, errno))?;
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

fn probe_error(device: &str, errno: Errno) -> PortError {
    let hint = if device.starts_with("net_af_packet") || device.starts_with("net_af_xdp") {
        "Does the interface exist, and may this user open packet sockets?"
    } else if device.starts_with("net_") {
        "Are its arguments right, and is its driver installed? See the lines above."
    } else {
        "Is it bound to vfio-pci (`dpdk-devbind.py -s`)? See the lines above."
    };
    PortError::Probe { device: device.into(), errno, hint }
}

/// What a packet ring's frame holds beside the IP packet: the kernel's header with its padding (66 octets), Ethernet
/// header, tag. Pools count as much, since the driver wants its buffers not to be smaller than the ring's frames.
pub(crate) const RING_OVERHEAD: usize = 96;
/// Frames of a packet ring when nothing is said, in octets.
const RING_FRAME: usize = 2048;
/// Frames longer than that are sized in steps of this, as buffers are.
const RING_STEP: usize = 1024;
/// What the kernel aligns blocks of frames to.
const PAGE: usize = 4096;

/// Adds to a packet socket's arguments what follows from the configuration, unless it is there: a queue for each
/// worker, and frames as long as the MTU asks for.
fn complete(device: &str, workers: u16, mtu: u16) -> String {
    let mut arguments = device.to_owned();
    let mut add = |name: &str, value: usize| {
        if !device.contains(&format!(",{name}=")) {
            arguments += &format!(",{name}={value}");
        }
    };
    if device.starts_with("net_af_packet") {
        if workers > 1 {
            add("qpairs", workers.into());
        }
        let frame = (usize::from(mtu) + RING_OVERHEAD).next_multiple_of(RING_STEP);
        if frame > RING_FRAME {
            add("framesz", frame);
            // The driver takes frames to follow each other without a gap, across blocks too.
            let block = (1..=PAGE / RING_STEP).map(|count| count * frame).find(|block| block % PAGE == 0);
            add("blocksz", block.unwrap_or(frame));
        }
    } else if device.starts_with("net_af_xdp") && workers > 1 {
        add("queue_count", workers.into());
    }
    arguments
}

/// `value`, held within a device's limits; 0 as upper limit is none.
fn within(value: u16, min: u16, max: u16) -> u16 {
    let value = value.max(min);
    if max == 0 { value } else { value.min(max) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_packet_sockets_follow_the_configuration() {
        let cases = [
            ("net_af_packet0,iface=x", 1, 1500, "net_af_packet0,iface=x"),
            ("net_af_packet0,iface=x", 2, 1500, "net_af_packet0,iface=x,qpairs=2"),
            ("net_af_packet0,iface=x,qpairs=1", 2, 1500, "net_af_packet0,iface=x,qpairs=1"),
            ("net_af_packet0,iface=x", 1, 2000, "net_af_packet0,iface=x,framesz=3072,blocksz=12288"),
            ("net_af_packet0,iface=x", 1, 9216, "net_af_packet0,iface=x,framesz=10240,blocksz=20480"),
            ("net_af_xdp0,iface=x", 4, 1500, "net_af_xdp0,iface=x,queue_count=4"),
            ("0000:03:00.0", 4, 9000, "0000:03:00.0"),
        ];
        for (device, workers, mtu, expected) in cases {
            assert_eq!(complete(device, workers, mtu), expected);
        }
    }

    #[test]
    fn ring_sizes_stay_within_the_device() {
        assert_eq!(within(1024, 64, 512), 512);
        assert_eq!(within(16, 64, 512), 64);
        assert_eq!(within(1024, 0, 0), 1024);
    }
}
