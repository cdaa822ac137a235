//! A hub whose tunnel 0 has protection, with any number of workers; tunnel 1, on another source, has none.

use super::sa::{Sa, is_clear_gre};
use super::{
    BUFFERS, Counters, GATEWAY_MAC, HOST, KEY0, NBMA, Recorder, TUNNEL0, UNDERLAY, settings, tunnel, udp,
};
use forwarding::crypto::{Choice, SEED, Wish};
use forwarding::memory::{DATAROOM, MemoryPool};
use forwarding::{ApplyError, Burst, Forwarder, Now, Security, Settings, Updater, secured_tables};
use shm::drops::DropReason;
use shm::message::{Inject, PortId, Protection, Target, Transform, Update};
use shm::{Geometry, Segment};
use std::net::Ipv4Addr;
use std::sync::OnceLock;

/// Source of the tunnel in the clear.
pub const CLEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

pub fn secured_settings(workers: usize) -> Settings {
    let mut settings = settings();
    settings.tunnels[0].protected = true;
    settings.tunnels[1].source = CLEAR;
    // A second one on the same source: the same SAs serve it.
    let mut second = tunnel(Some(KEY0 + 1), Ipv4Addr::new(10, 253, 0, 1), 1);
    second.protected = true;
    settings.tunnels.push(second);
    settings.workers = workers;
    settings
}

pub fn geometry(workers: usize) -> Geometry {
    Geometry { workers: workers as u32, max_peers: 64 }
}

/// SA of a spoke: session 100 and slot 10 for spoke 1, and so on.
pub fn sa(spoke: u32, transform: Transform) -> Sa {
    Sa::new(10 * spoke, u64::from(spoke), 100 * spoke, NBMA[spoke as usize], transform)
}

/// The engines, chosen once: that takes time.
pub fn choice() -> Choice {
    static CHOICE: OnceLock<Choice> = OnceLock::new();
    CHOICE.get_or_init(|| Choice::new(Wish::Auto).expect("engine")).clone()
}

/// One worker.
pub struct Worker {
    pub forwarder: Forwarder<'static, MemoryPool>,
    pub pool: MemoryPool,
    pub counters: &'static Counters,
    pub out: Recorder,
}

/// A hub.
pub struct Hub {
    pub segment: Segment,
    pub updater: Updater,
    pub workers: Vec<Worker>,
    pub now: Now,
}

impl Hub {
    pub fn new(workers: usize) -> Self {
        Self::on(Segment::private(&geometry(workers)).expect("segment"), secured_settings(workers))
    }

    /// On a segment that may have seen another dataplane before.
    pub fn on(segment: Segment, settings: Settings) -> Self {
        let security = Security {
            cells: segment.sas_shared(),
            choice: choice(),
            seeds: (0..settings.workers).map(|worker| [worker as u8 + 1; SEED]).collect(),
        };
        let (updater, readers) = secured_tables(settings, Some(security)).expect("settings");
        let worker = |reader| {
            let pool = MemoryPool::new(BUFFERS as usize, DATAROOM);
            let counters = Counters::leak();
            let forwarder = Forwarder::new(reader, pool.clone(), &counters.worker, &counters.peers);
            Worker { forwarder, pool, counters, out: Recorder::default() }
        };
        let workers = readers.into_iter().map(worker).collect();
        let mut hub = Self { segment, updater, workers, now: Now::from_millis(1_000_000) };
        hub.apply(&Update::Link { id: 0, port: UNDERLAY, mac: Some(GATEWAY_MAC) });
        hub
    }

    /// With spokes 1 and 2 registered, each with an SA of the transform.
    pub fn with_spokes(workers: usize, sas: [&Sa; 2]) -> Self {
        let mut hub = Self::new(workers);
        for (spoke, sa) in (1..).zip(sas) {
            hub.install(sa);
            hub.register(spoke, sa);
        }
        hub
    }

    /// Applies an update as the dataplane does: again until the workers have it.
    pub fn try_apply(&mut self, update: &Update) -> Result<(), ApplyError> {
        for _ in 0..10 {
            match self.updater.apply(update) {
                Err(ApplyError::Busy) => self.tick(),
                done => return done,
            }
        }
        panic!("still busy: {update:?}");
    }

    pub fn apply(&mut self, update: &Update) {
        self.try_apply(update).unwrap_or_else(|error| panic!("{update:?}: {error}"));
    }

    /// Arms the cells and installs both halves.
    pub fn install(&mut self, sa: &Sa) {
        assert!(self.segment.arm(sa.id, sa.tag));
        self.apply(&sa.inbound());
        self.apply(&sa.outbound());
    }

    /// The spoke of the SA's session becomes a peer, with the routes behind it.
    pub fn register(&mut self, spoke: u32, sa: &Sa) {
        self.apply(&peer(spoke, sa, Some(sa.id)));
        let [_, second, third, _] = HOST[spoke as usize].octets();
        let prefix = Ipv4Addr::new(10, second, third, 0);
        self.apply(&Update::Route { vrf: 0, prefix, len: 24, target: Target::Peer(spoke) });
        self.apply(&Update::Route { vrf: 0, prefix: TUNNEL0, len: 32, target: Target::Tunnel(0) });
    }

    pub fn tick(&mut self) {
        for worker in &mut self.workers {
            worker.forwarder.tick(self.now, &mut worker.out);
        }
    }

    pub fn pass(&mut self, millis: u64) {
        self.now = Now::from_millis(self.now.millis() + millis);
        self.tick();
    }

    /// Frames in by the underlay at a worker.
    pub fn receive_at(&mut self, worker: usize, frames: &[Vec<u8>]) {
        let now = self.now;
        let Worker { forwarder, pool, out, .. } = &mut self.workers[worker];
        for frames in frames.chunks(forwarding::BURST) {
            let mut burst: Burst<_> = frames.iter().map(|octets| pool.with(octets).expect("room")).collect();
            forwarder.process(UNDERLAY, &mut burst, now, out);
            assert!(burst.is_empty());
        }
    }

    pub fn receive(&mut self, frames: &[Vec<u8>]) {
        self.receive_at(0, frames);
    }

    /// Gives each worker what others have for it.
    pub fn pass_handed(&mut self) {
        let now = self.now;
        let mut all: Vec<(usize, PortId, Vec<u8>)> = vec![];
        self.workers.iter_mut().for_each(|worker| all.append(&mut worker.out.handed));
        for (to, port, datagram) in all {
            let Worker { forwarder, pool, out, .. } = &mut self.workers[to];
            let mut burst: Burst<_> = [pool.with(&datagram).expect("room")].into_iter().collect();
            forwarder.process_handed(port, &mut burst, now, out);
        }
    }

    /// Packets of the kernel's into tunnel 0.
    pub fn twin(&mut self, packets: &[Vec<u8>]) {
        let now = self.now;
        let Worker { forwarder, pool, out, .. } = &mut self.workers[0];
        let mut burst: Burst<_> = packets.iter().map(|octets| pool.with(octets).expect("room")).collect();
        forwarder.process_tunnel(0, &mut burst, now, out);
    }

    pub fn inject(&mut self, inject: &Inject<'_>) {
        let Worker { forwarder, out, .. } = &mut self.workers[0];
        forwarder.inject(inject, self.now, out);
    }

    /// Frames that worker 0 sent since the last call.
    pub fn sent(&mut self) -> Vec<Vec<u8>> {
        let sent = std::mem::take(&mut self.workers[0].out.sent);
        let frames: Vec<_> = sent.into_iter().map(|(_, frame)| frame).collect();
        assert!(!frames.iter().any(|frame| is_clear_gre(frame)), "GRE in the clear");
        assert!(frames.iter().all(|frame| frame.len() <= 14 + 1500), "longer than the port takes");
        frames
    }

    #[track_caller]
    pub fn one(&mut self) -> Vec<u8> {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "drops {:?}", self.drops());
        sent.remove(0)
    }

    pub fn drop_count(&self, reason: DropReason) -> u64 {
        self.workers.iter().map(|worker| worker.counters.worker.drops[reason as usize].get()).sum()
    }

    pub fn drops(&self) -> Vec<(&'static str, u64)> {
        let all = DropReason::ALL.iter().map(|reason| (reason.name(), self.drop_count(*reason)));
        all.filter(|(_, count)| *count != 0).collect()
    }
}

/// The peer that a spoke is, sending with that SA.
pub fn peer(spoke: u32, sa: &Sa, with: Option<u32>) -> Update {
    Update::Peer {
        id: spoke,
        tunnel: 0,
        nbma: sa.nbma,
        link: 0,
        multicast: true,
        protection: Some(Protection { session: sa.session, sa: with, udp: sa.udp }),
    }
}

/// A GRE packet of tunnel 0.
pub fn gre_packet(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&[0x20, 0][..], &protocol.to_be_bytes(), &KEY0.to_be_bytes(), payload].concat()
}

/// Data from spoke 1 to the host behind spoke 2.
pub fn data(len: usize) -> Vec<u8> {
    gre_packet(0x0800, &udp(HOST[1], HOST[2], len))
}

/// The SPI in a frame of plain ESP.
pub fn spi_of(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[34..38].try_into().expect("4 octets"))
}

/// All transforms with which SAs are tested.
pub fn all_transforms() -> impl Iterator<Item = Transform> {
    Transform::ALL.iter().copied()
}
