//! Opening the ports of the configuration: pools, devices, queues for each worker. VLAN sub-interfaces have none: they
//! share their parent's.

use crate::hub::HubError;
use crate::trunk::Trunk;
use crate::{settings, silence};
use config::Config;
use dpdk::{Eal, Mbuf, Pool, Port, PortConfig, RxQueue, TxQueue};
use forwarding::SettingsError;
use shm::message::{MAX_PAYLOAD, PortId};

/// Octets of the longest IP packet with an IKE message: IPv4, UDP, non-ESP marker.
const IKE_DATAGRAM: u16 = (20 + 8 + 4 + MAX_PAYLOAD) as u16;

/// A receive queue of one worker.
#[derive(Debug)]
pub struct Receiver {
    /// The port that has the device.
    pub port: PortId,
    /// Where its frames come from.
    pub queue: RxQueue,
    /// Whose they are, where others share the device.
    pub trunk: Option<Trunk<Mbuf>>,
}

/// Devices with their queues, which the workers will own.
pub struct Opened {
    /// In the order of the ports that have one.
    pub devices: Vec<Port>,
    /// By port, the place of its device in `devices`.
    pub device_of: Vec<usize>,
    /// By worker, then in the order of the devices; one may have fewer receive queues than there are workers.
    pub rx: Vec<Vec<Receiver>>,
    /// By worker, then by device.
    pub tx: Vec<Vec<TxQueue>>,
    /// For what does not come from a port.
    pub pool: Pool,
    /// One by NUMA node; `pool` among them.
    pub pools: Vec<Pool>,
}

impl Opened {
    /// The MAC address of each port.
    pub fn macs(&self) -> Vec<[u8; 6]> {
        let device = |place: &usize| self.devices.get(*place).map(Port::mac);
        self.device_of.iter().filter_map(device).collect()
    }
}

/// Opens all devices, with a packet pool on each NUMA node that has one.
pub fn open(eal: Eal, config: &Config) -> Result<Opened, HubError> {
    let workers = config.dataplane.cores.len();
    let mut probed = vec![];
    for (_, port) in config.devices() {
        let wrap = |error| HubError::Port { name: port.name.clone(), error };
        probed.push(Port::probe(eal, &port.device, workers as u16, port.mtu).map_err(wrap)?);
    }
    let max_mtu = config.port.iter().map(|port| port.mtu).max().unwrap_or(1500);
    // An IKE message with certificates, of a spoke that does not fragment it (RFC 7383), is one datagram in fragments.
    let protected = config.tunnel.iter().any(|tunnel| tunnel.protection.is_some());
    let longest = if protected { max_mtu.max(IKE_DATAGRAM) } else { max_mtu };
    let mut pools: Vec<(Option<i32>, Pool)> = vec![];
    for socket in probed.iter().map(|port| port.socket()) {
        if !pools.iter().any(|(of, _)| *of == socket) {
            let name = format!("packets-{}", socket.unwrap_or(-1));
            pools.push((socket, Pool::new(eal, &name, config.dataplane.buffers, longest, socket)?));
        }
    }
    let Some((_, first)) = pools.first().copied() else { return Err(SettingsError::Ports(0).into()) };
    let mut rx: Vec<Vec<_>> = (0..workers).map(|_| vec![]).collect();
    let mut tx: Vec<Vec<_>> = (0..workers).map(|_| vec![]).collect();
    let mut devices = vec![];
    for ((id, port), probed) in config.devices().zip(probed) {
        let wrap = |error| HubError::Port { name: port.name.clone(), error };
        let pool = pools.iter().find(|(of, _)| *of == probed.socket()).map_or(first, |(_, pool)| *pool);
        let setup = PortConfig {
            workers: workers as u16,
            ring_size: config.dataplane.ring_size,
            // A tag is beside the MTU; drivers count it themselves.
            mtu: port.mtu,
            mac: settings::mac(port)?,
        };
        let (opened, receive, transmit) = probed.start(&setup, &pool, pools.len() == 1).map_err(wrap)?;
        announce(port, &opened, receive.len(), workers);
        let receiver = |queue| Receiver { port: id as PortId, queue, trunk: Trunk::new(config, id) };
        let tagged = port.vlan.is_some() || Trunk::<Mbuf>::new(config, id).is_some();
        quieten(port, tagged);
        receive.into_iter().zip(&mut rx).for_each(|(queue, of)| of.push(receiver(queue)));
        transmit.into_iter().zip(&mut tx).for_each(|(queue, of)| of.push(queue));
        devices.push(opened);
    }
    let place = |port| config.devices().position(|(id, _)| id == config.owner(port)).unwrap_or_default();
    let device_of = (0..config.port.len()).map(place).collect();
    let pools = pools.into_iter().map(|(_, pool)| pool).collect();
    Ok(Opened { devices, device_of, rx, tx, pool: first, pools })
}

fn announce(port: &config::model::Port, opened: &Port, queues: usize, workers: usize) {
    let mac = opened.mac().map(|octet| format!("{octet:02x}")).join(":");
    tracing::info!(
        port = port.name, device = port.device, driver = opened.driver(), mac, mtu = port.mtu, queues,
        rss = opened.rss(), link = ?opened.link().map(|link| link.up), "port started"
    );
    if queues < workers {
        tracing::warn!(
            port = port.name,
            queues,
            workers,
            "fewer receive queues than workers: some will not receive"
        );
    }
}

/// Keeps the kernel off an interface that the device takes frames of through a packet socket.
fn quieten(port: &config::model::Port, tagged: bool) {
    if let Some(interface) = silence::interface(&port.device) {
        if let Err(error) = silence::silence(interface) {
            tracing::warn!(
                port = port.name,
                interface,
                "the kernel may answer a second time itself: {error}"
            );
        }
        // The tag is beside the MTU for a card, but not for a packet socket on a virtual interface.
        let mtu = port.mtu + if tagged { 4 } else { 0 };
        if let Err(error) = dpdk::tuntap::raise_mtu(interface, mtu) {
            tracing::warn!(port = port.name, "{error}");
        }
    }
}
