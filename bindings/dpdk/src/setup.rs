//! Setting a device up: queues, MTU, hash, addresses; each by what the device can do.

use crate::port::{Port, Shared};
use crate::queue::{RxQueue, TxQueue};
use crate::{Errno, Pool, PortError};
use dpdk_sys as sys;
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

/// A device that is found, not set up yet: its NUMA socket decides which pool it gets.
#[derive(Debug)]
pub struct Probed {
    pub(crate) shared: Shared,
    pub(crate) info: sys::hub_port_info,
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
        let id = self.shared.id();
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
        let mut ret = unsafe { sys::hub_port_configure(shared.id(), &conf) };
        if ret == -libc::EINVAL {
            // Some virtual devices state a frame length that leaves no room for their own default MTU; they take
            // any frame that fits their buffers all the same.
            conf.mtu = 0;
            // SAFETY: as above.
            ret = unsafe { sys::hub_port_configure(shared.id(), &conf) };
        }
        shared.step("its configuration", ret)?;
        for queue in 0..conf.rx_queues {
            // SAFETY: the queue's number is below those configured, and the pool lives as long as the process.
            let ret = unsafe { sys::hub_port_rx_queue(shared.id(), queue, &conf, pool.as_ptr()) };
            shared.step("a receive queue", ret)?;
        }
        for queue in 0..conf.tx_queues {
            // SAFETY: the queue's number is below those configured.
            let ret = unsafe { sys::hub_port_tx_queue(shared.id(), queue, &conf) };
            shared.step("a transmit queue", ret)?;
        }
        Ok(())
    }

    /// Sets the MAC address when one is given; answers that in use.
    fn address(&self, wanted: Option<[u8; 6]>) -> Result<[u8; 6], PortError> {
        let mut mac = [0; 6];
        if let Some(wanted) = wanted {
            // SAFETY: the port is open and six octets are read.
            let ret = unsafe { sys::hub_port_set_mac(self.shared.id(), wanted.as_ptr()) };
            match Errno::check(ret) {
                // A device that cannot filter by another address still receives it in promiscuous mode.
                Ok(_) | Err(Errno(libc::ENOTSUP)) => return Ok(wanted),
                Err(_) => self.shared.step("the MAC address", ret)?,
            }
        }
        // SAFETY: the port is open and six octets are written.
        self.shared.step("to tell its MAC address", unsafe {
            sys::hub_port_mac(self.shared.id(), mac.as_mut_ptr())
        })?;
        Ok(mac)
    }

    /// Lets multicast in, for what listens on the kernel twin; and everything where the device cannot do that alone
    /// or has an address of ours that it may not filter by.
    fn receive_all(&self, foreign_mac: bool) {
        // SAFETY: the port is started.
        let multicast = unsafe { sys::rte_eth_allmulticast_enable(self.shared.id()) };
        if multicast != 0 || foreign_mac {
            // Devices without filters (most virtual ones) refuse, and receive everything anyway.
            // SAFETY: the port is started.
            unsafe { sys::rte_eth_promiscuous_enable(self.shared.id()) };
        }
    }
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
    fn ring_sizes_stay_within_the_device() {
        assert_eq!(within(1024, 64, 512), 512);
        assert_eq!(within(16, 64, 512), 64);
        assert_eq!(within(1024, 0, 0), 1024);
    }
}
