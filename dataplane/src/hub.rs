//! The process put together: DPDK, ports, twins, tables, workers, service thread; and taken apart again.

use crate::backlog::Backlog;
use crate::feed::Feed;
use crate::health::Health;
use crate::lane::Lane;
use crate::service::Service;
use crate::sink::WorkerSink;
use crate::twin::{Twin, TwinOf, TwinSpec};
use crate::worker::Worker;
use crate::{ports, settings, static_tables};
use config::Config;
use dpdk::tuntap::TunTapError;
use dpdk::{Eal, EalError, PoolError, PortError};
use forwarding::{Forwarder, SettingsError};
use shm::message::{PortId, TunnelId};
use shm::service::ServiceCounters;
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
    /// What tunnels with protection need.
    #[error(transparent)]
    Security(#[from] settings::SecurityError),
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

/// Runs the dataplane until `stop` is set.
pub fn run(config: &Config, tables: Option<&Path>, stop: &AtomicBool) -> Result<(), HubError> {
    let segment = attach(config)?;
    let eal = Eal::init(&settings::eal(config, spare_cpus(&config.dataplane.cores)))?;
    tracing::info!(dpdk = dpdk::RELEASE, hugepages = config.dataplane.hugepages, "DPDK started");
    segment.service().tsc_hz.set(dpdk::tsc_hz(eal));
    let opened = ports::open(eal, config)?;
    let macs = opened.macs();
    let twins = open_twins(config, &macs, segment.service())?;
    let engines = settings::security(config, &segment)?;
    let (mut updater, readers) = forwarding::secured_tables(settings::forwarding(config, &macs), engines)?;
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
        let mut forwarder = Forwarder::new(reader, opened.pool, counters, segment.peers(index))
            .with_groups(segment.groups(index));
        forwarder.set_stage_timing(config.dataplane.stage_timing);
        workers.push(Worker {
            index,
            core: config.dataplane.cores.get(index).copied().unwrap_or_default(),
            rx,
            forwarder,
            sink: WorkerSink::new(
                tx,
                &opened.device_of,
                lane,
                &lanes,
                segment.event_sender(index)?,
                counters,
            ),
            lane,
            counters,
            idle_sleep,
            stop,
        });
    }
    let last_ms = segment.predecessor().map(|life| life.heartbeat_ms);
    let backlog = Backlog::new(last_ms, shm::clock::now_ms());
    let feed = Feed::new(updater, updates, segment.inject_receiver()?, backlog);
    let health = Health::new(config, opened.devices, &opened.device_of, opened.pools);
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
    // What an earlier life knew of its devices says nothing of ours, which are not started yet.
    segment.service().devices.iter().for_each(|device| device.set_link(None, None));
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

fn open_twins<'s>(
    config: &Config,
    macs: &[[u8; 6]],
    counters: &'s ServiceCounters,
) -> Result<Vec<Twin<'s>>, HubError> {
    let of_ports = config.port.iter().zip(macs).enumerate().map(|(id, (port, mac))| TwinSpec {
        of: TwinOf::Port(id as PortId),
        name: port.name.clone(),
        mac: Some(*mac),
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
    let of_ports = of_ports.zip(&counters.port_twins);
    let all = of_ports.chain(of_tunnels.zip(&counters.tunnel_twins));
    all.map(|(spec, counters)| Ok(Twin::open(spec, counters)?)).collect()
}
