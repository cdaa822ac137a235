//! The process put together: DPDK, ports, twins, tables, workers, service thread; and taken apart again.

use crate::feed::Feed;
use crate::health::Health;
use crate::lane::Lane;
use crate::service::Service;
use crate::sink::WorkerSink;
use crate::twin::{Twin, TwinOf, TwinSpec};
use crate::worker::Worker;
use crate::{settings, silence, static_tables};
use config::Config;
use dpdk::tuntap::TunTapError;
use dpdk::{Eal, EalError, Pool, PoolError, Port, PortConfig, PortError, RxQueue, TxQueue};
use forwarding::{Forwarder, SettingsError};
use shm::message::{PortId, TunnelId};
use shm::{AttachError, EndpointError, Geometry, Segment, Side};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Why the process ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The segment's directory.
    #[error("{path}: {error}")]
    RunDir {
        /// Directory.
        path: String,
        /// Reason.
        error: std::io::Error,
    },
    /// The segment.
    #[error(transparent)]
    Segment(#[from] AttachError),
    /// A ring.
    #[error(transparent)]
    Ring(#[from] EndpointError),
    /// DPDK.
    #[error(transparent)]
    Eal(#[from] EalError),
    /// A packet pool.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A port.
    #[error("port {name}: {error}")]
    Port {
        /// As configured.
        name: String,
        /// Reason.
        error: PortError,
    },
    /// A port's MAC address.
    #[error(transparent)]
    Mac(#[from] settings::BadMac),
    /// A kernel twin.
    #[error("kernel twin: {0}. An interface of that name that is no such twin must be renamed or removed.")]
    Twin(#[from] TunTapError),
    /// The tables.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Static tables.
    #[error(transparent)]
    Static(#[from] static_tables::StaticError),
    /// A thread.
    #[error("worker thread: {0}")]
    Thread(std::io::Error),
    /// The service thread's system calls.
    #[error("service: {0}")]
    Service(rustix::io::Errno),
    /// A worker ended on its own.
    #[error("a worker ended on its own")]
    WorkerLost,
}

/// Ports with their queues, which the workers will own.
struct Opened {
    ports: Vec<Port>,
    /// By worker, then in the order of the ports; a device may have fewer receive queues than there are workers.
    rx: Vec<Vec<(PortId, RxQueue)>>,
    /// By worker, then by port.
    tx: Vec<Vec<TxQueue>>,
    pool: Pool,
}

/// Runs the dataplane until `stop` is set.
pub fn run(config: &Config, tables: Option<&Path>, stop: &AtomicBool) -> Result<(), HubError> {
    let segment = attach(config)?;
    let eal = Eal::init(&settings::eal(config, spare_cpus(&config.dataplane.cores)))?;
    tracing::info!(dpdk = dpdk::RELEASE, hugepages = config.dataplane.hugepages, "DPDK started");
    let opened = open_ports(eal, config)?;
    let twins = open_twins(config, &opened.ports)?;
    let macs: Vec<[u8; 6]> = opened.ports.iter().map(Port::mac).collect();
    let (mut updater, readers) = forwarding::tables(settings::forwarding(config, &macs))?;
    let updates = match tables {
        Some(path) => {
            let entries = static_tables::apply(path, config, &mut updater)?;
            tracing::info!(entries, sizes = ?updater.sizes(), "static tables; control is not listened to");
            None
        }
        None => Some(segment.update_receiver()?),
    };
    let lanes: Vec<Lane> = readers.iter().map(|_| Lane::default()).collect();
    let idle_sleep = Duration::from_micros(config.dataplane.idle_sleep.into());
    let mut workers = vec![];
    let queues = opened.rx.into_iter().zip(opened.tx);
    for (index, ((reader, (rx, tx)), lane)) in readers.into_iter().zip(queues).zip(&lanes).enumerate() {
        let counters = segment.worker(index);
        workers.push(Worker {
            index,
            core: config.dataplane.cores.get(index).copied().unwrap_or_default(),
            rx,
            forwarder: Forwarder::new(reader, opened.pool, counters, segment.peers(index)),
            sink: WorkerSink::new(tx, lane, segment.event_sender(index)?, counters),
            lane,
            counters,
            idle_sleep,
            stop,
        });
    }
    let feed = Feed::new(updater, updates, segment.inject_receiver()?);
    let health = Health::new(&config.port, opened.ports, opened.pool);
    let service = Service { pool: opened.pool, segment: &segment, lanes: &lanes, health, twins, feed, stop };
    operate(eal, config, service, workers)
}

/// Starts the workers and serves until the end.
fn operate(
    eal: Eal,
    config: &Config,
    mut service: Service<'_>,
    workers: Vec<Worker<'_>>,
) -> Result<(), HubError> {
    let stop = service.stop;
    let (served, lost) = std::thread::scope(|scope| {
        let mut threads = vec![];
        for worker in workers {
            let name = format!("hub-worker-{}", worker.index);
            match std::thread::Builder::new().name(name).spawn_scoped(scope, move || worker.run(eal)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return (Err(HubError::Thread(error)), false);
                }
            }
        }
        if let Some(core) = config.dataplane.service_core
            && !core_affinity::set_for_current(core_affinity::CoreId { id: core })
        {
            tracing::warn!(core, "the service thread cannot be pinned: is there such a core?");
        }
        let served = service.run(|| threads.iter().any(std::thread::ScopedJoinHandle::is_finished));
        let lost = threads.iter().any(|thread| thread.is_finished() && !stop.load(Ordering::Relaxed));
        // Also when the service failed: the scope ends when the workers do.
        stop.store(true, Ordering::Relaxed);
        let panicked = threads.into_iter().filter_map(|thread| thread.join().err()).count() > 0;
        (served.map_err(HubError::Service), lost || panicked)
    });
    service.summary();
    served?;
    if lost { Err(HubError::WorkerLost) } else { Ok(()) }
}

fn attach(config: &Config) -> Result<Segment, HubError> {
    let dir = &config.hub.run_dir;
    std::fs::create_dir_all(dir)
        .map_err(|error| HubError::RunDir { path: dir.display().to_string(), error })?;
    let geometry = Geometry { workers: config.dataplane.cores.len() as u32, max_peers: config.hub.max_peers };
    let path = dir.join("segment");
    let segment = Segment::open_or_create(&path, &geometry, Side::Dataplane)?;
    tracing::info!(path = %path.display(), boot = format_args!("{:016x}", segment.boot_id()), "segment attached");
    Ok(segment)
}

/// CPUs for everything that is no worker: those that this process may run on and no worker polls on, or else all.
/// None known: EAL decides.
fn spare_cpus(workers: &[usize]) -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    let all: Vec<usize> = (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect();
    let spare: Vec<usize> = all.iter().copied().filter(|cpu| !workers.contains(cpu)).collect();
    if spare.is_empty() { all } else { spare }
}

/// Opens all ports, with a packet pool on each NUMA node that has one.
fn open_ports(eal: Eal, config: &Config) -> Result<Opened, HubError> {
    let workers = config.dataplane.cores.len();
    let mut probed = vec![];
    for port in &config.port {
        let wrap = |error| HubError::Port { name: port.name.clone(), error };
        probed.push(Port::probe(eal, &port.device, workers as u16, port.mtu).map_err(wrap)?);
    }
    let max_mtu = config.port.iter().map(|port| port.mtu).max().unwrap_or(1500);
    let mut pools: Vec<(Option<i32>, Pool)> = vec![];
    for socket in probed.iter().map(|port| port.socket()) {
        if !pools.iter().any(|(of, _)| *of == socket) {
            let name = format!("packets-{}", socket.unwrap_or(-1));
            pools.push((socket, Pool::new(eal, &name, config.dataplane.buffers, max_mtu, socket)?));
        }
    }
    let Some((_, first)) = pools.first().copied() else { return Err(SettingsError::Ports(0).into()) };
    let mut rx: Vec<Vec<_>> = (0..workers).map(|_| vec![]).collect();
    let mut tx: Vec<Vec<_>> = (0..workers).map(|_| vec![]).collect();
    let mut ports = vec![];
    for (id, (port, probed)) in config.port.iter().zip(probed).enumerate() {
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
        receive.into_iter().zip(&mut rx).for_each(|(queue, of)| of.push((id as PortId, queue)));
        transmit.into_iter().zip(&mut tx).for_each(|(queue, of)| of.push(queue));
        ports.push(opened);
    }
    Ok(Opened { ports, rx, tx, pool: first })
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
    if let Some(interface) = silence::interface(&port.device) {
        if let Err(error) = silence::silence(interface) {
            tracing::warn!(
                port = port.name,
                interface,
                "the kernel may answer a second time itself: {error}"
            );
        }
        // The tag is beside the MTU for a card, but not for a packet socket on a virtual interface.
        let mtu = port.mtu + if port.vlan.is_some() { 4 } else { 0 };
        if let Err(error) = dpdk::tuntap::raise_mtu(interface, mtu) {
            tracing::warn!(port = port.name, "{error}");
        }
    }
}

fn open_twins(config: &Config, ports: &[Port]) -> Result<Vec<Twin>, HubError> {
    let of_ports = config.port.iter().zip(ports).enumerate().map(|(id, (port, opened))| TwinSpec {
        of: TwinOf::Port(id as PortId),
        name: port.name.clone(),
        mac: Some(opened.mac()),
        vlan: port.vlan,
        mtu: port.mtu,
    });
    let of_tunnels = config.tunnel.iter().enumerate().map(|(id, tunnel)| TwinSpec {
        of: TwinOf::Tunnel(id as TunnelId),
        name: tunnel.interface.clone(),
        mac: None,
        vlan: None,
        mtu: tunnel.ip_mtu,
    });
    of_ports.chain(of_tunnels).map(|spec| Ok(Twin::open(spec)?)).collect()
}
