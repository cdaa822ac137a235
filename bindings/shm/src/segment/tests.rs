use super::*;
use crate::codec::UPDATE_WORDS;
use crate::message::{Event, Inject, Keys, MAX_PAYLOAD, Mode, SaOutbound, Transform, Update, max_sas};
use crate::service::{DeviceLoss, TwinLoss};
use std::net::Ipv4Addr;
use std::num::NonZeroU64;

const GEOMETRY: Geometry = Geometry { workers: 2, max_peers: 100 };

/// A directory of its own that goes with the test.
struct Place(std::path::PathBuf);

impl Place {
    fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("hub-shm-{:016x}", file::random(Path::new("")).unwrap()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
    fn segment(&self) -> std::path::PathBuf {
        self.0.join("segment")
    }
    fn attach(&self, geometry: Geometry, side: Side) -> Result<Segment, AttachError> {
        Segment::open_or_create(&self.segment(), &geometry, side)
    }
    /// Overwrites a word of the file.
    fn poke(&self, offset: u64, word: u64) {
        use std::os::unix::fs::FileExt;
        let file = std::fs::File::options().write(true).open(self.segment()).unwrap();
        file.write_all_at(&word.to_ne_bytes(), offset).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn both_sides_meet_whoever_is_first() {
    for (first, second) in [(Side::Dataplane, Side::Control), (Side::Control, Side::Dataplane)] {
        let place = Place::new();
        let one = place.attach(GEOMETRY, first).unwrap();
        let two = place.attach(GEOMETRY, second).unwrap();
        let (dataplane, control) = if first == Side::Dataplane { (one, two) } else { (two, one) };

        let update = Update::PeerDelete { id: 9 };
        let mut sender = control.update_sender().unwrap();
        assert_eq!(sender.send(&update), Ok(0));
        let mut received = Vec::new();
        let mut receiver = dataplane.update_receiver().unwrap();
        assert_eq!(sender.acknowledged(), 0);
        assert_eq!(receiver.receive(10, |update| received.push(update)), 1);
        assert_eq!((received, sender.acknowledged()), (vec![update], 1));

        let event = Event::Glean { port: 3, address: Ipv4Addr::new(10, 1, 2, 3) };
        assert!(dataplane.event_sender(1).unwrap().send(&event));
        assert_eq!(control.event_receiver(0).unwrap().receive(9, |_| panic!("other worker's ring")), 0);
        assert_eq!(control.event_receiver(1).unwrap().receive(9, |got| assert_eq!(got, event)), 1);

        let inject = Inject::Nhrp {
            tunnel: 1,
            nbma: Ipv4Addr::new(192, 0, 2, 1),
            link: 5,
            protection: None,
            packet: b"packet",
        };
        assert!(control.inject_sender().unwrap().send(&inject));
        assert_eq!(dataplane.inject_receiver().unwrap().receive(9, |got| assert_eq!(got, inject)), 1);

        dataplane.worker(1).polls.add(3);
        dataplane.peers(1)[99].rx_bytes.add(4);
        assert_eq!(control.worker(1).polls.get(), 3);
        assert_eq!(control.peers(1)[99].rx_bytes.get(), 4);
        assert_eq!((control.worker(0).polls.get(), control.peers(1).len()), (0, 100));

        let tag = NonZeroU64::new(9).unwrap();
        let last = max_sas(GEOMETRY.max_peers) - 1;
        assert!(control.arm(last, tag) && !control.arm(last + 1, tag) && !control.arm(u32::MAX, tag));
        let cells = dataplane.sas_shared();
        assert_eq!(cells.len(), last as usize + 1);
        assert_eq!(cells[last as usize].outbound.take(tag, 3), Some(1));
        assert_eq!(control.sa(last).unwrap().outbound.sequence(), 3);
        assert!(control.sa(last + 1).is_none() && !control.sa(0).unwrap().outbound.is_armed(tag));

        dataplane.service().devices[15].lose(DeviceLoss::RxMissed, 6);
        dataplane.service().tunnel_twins[63].lose(TwinLoss::Gone);
        assert_eq!(control.service().devices[15].lost(DeviceLoss::RxMissed), 6);
        assert_eq!(control.service().tunnel_twins[63].lost(TwinLoss::Gone), 1);
        assert_eq!(control.worker(0).polls.get(), 0, "the block's end is not the next one's beginning");

        dataplane.heartbeat(77);
        dataplane.completed(5);
        let life = control.life(Side::Dataplane);
        assert_eq!((life.boot_id, life.heartbeat_ms, life.generation), (dataplane.boot_id(), 77, 5));
        assert_eq!(life.pid, std::process::id());
    }
}

#[test]
fn the_segment_outlives_both() {
    let place = Place::new();
    let control = place.attach(GEOMETRY, Side::Control).unwrap();
    assert_eq!(control.predecessor(), None);
    control.update_sender().unwrap().send(&Update::Begin { generation: 3 }).unwrap();
    let before = control.boot_id();
    drop(control);
    let dataplane = place.attach(GEOMETRY, Side::Dataplane).unwrap();
    let mut seen = Vec::new();
    dataplane.update_receiver().unwrap().receive(9, |update| seen.push(update));
    assert_eq!(seen, [Update::Begin { generation: 3 }]);
    let control = place.attach(GEOMETRY, Side::Control).unwrap();
    assert_eq!(control.predecessor().unwrap().boot_id, before);
    assert_ne!(control.boot_id(), before);
    assert_eq!(control.update_sender().unwrap().position(), 1);
}

#[test]
fn a_side_is_played_once() {
    let place = Place::new();
    let first = place.attach(GEOMETRY, Side::Control).unwrap();
    let error = place.attach(GEOMETRY, Side::Control).unwrap_err();
    let AttachError::AlreadyRunning { side: Side::Control, pid, .. } = error else { panic!("{error}") };
    assert_eq!(pid, std::process::id());
    drop(first);
    place.attach(GEOMETRY, Side::Control).unwrap();
}

#[test]
fn an_end_is_held_once_and_by_its_side() {
    use crate::endpoint::EndpointError::*;
    let place = Place::new();
    let control = place.attach(GEOMETRY, Side::Control).unwrap();
    let sender = control.update_sender().unwrap();
    assert_eq!(control.clone().update_sender().unwrap_err(), Taken);
    drop(sender);
    assert!(control.update_sender().is_ok());
    assert_eq!(control.update_receiver().unwrap_err(), WrongSide(Side::Dataplane));
    assert_eq!(control.event_sender(0).unwrap_err(), WrongSide(Side::Dataplane));
    assert_eq!(control.event_receiver(2).unwrap_err(), NoSuchWorker(2));
    assert_eq!(control.event_receiver(usize::MAX).unwrap_err(), NoSuchWorker(usize::MAX - 2));
}

#[test]
fn control_does_not_take_a_living_dataplanes_segment_away() {
    let place = Place::new();
    let dataplane = place.attach(GEOMETRY, Side::Dataplane).unwrap();
    let other = Geometry { max_peers: 200, ..GEOMETRY };
    let error = place.attach(other, Side::Control).unwrap_err();
    assert!(matches!(error, AttachError::MaxPeers { found: 100, expected: 200 }), "{error}");
    let other = Geometry { workers: 1, ..GEOMETRY };
    let error = place.attach(other, Side::Control).unwrap_err();
    assert!(matches!(error, AttachError::Workers { found: 2, expected: 1 }), "{error}");
    assert!(!dataplane.superseded());
    for (offset, name) in [(16, "layout"), (8, "ABI")] {
        place.poke(offset, 12345);
        let error = place.attach(GEOMETRY, Side::Control).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_dataplane_with_another_geometry_supersedes() {
    let place = Place::new();
    let control = place.attach(GEOMETRY, Side::Control).unwrap();
    let other = Geometry { max_peers: 200, ..GEOMETRY };
    let dataplane = place.attach(other, Side::Dataplane).unwrap();
    assert!(control.superseded() && !dataplane.superseded());
    // The old memory still works for who has it.
    assert!(control.update_sender().unwrap().send(&Update::Begin { generation: 1 }).is_ok());
    assert_eq!(dataplane.update_receiver().unwrap().receive(9, |_| panic!("another segment")), 0);
    drop(control);
    assert!(!place.attach(other, Side::Control).unwrap().superseded());
}

#[test]
fn nobody_lives_there_so_it_is_replaced() {
    let place = Place::new();
    drop(place.attach(GEOMETRY, Side::Dataplane).unwrap());
    let other = Geometry { workers: 1, ..GEOMETRY };
    let control = place.attach(other, Side::Control).unwrap();
    assert_eq!((control.geometry(), control.workers().len()), (other, 1));
    drop(control);
    // Of before a reboot: the machine's boot id is the eighth word.
    place.poke(56, 1);
    let dataplane = place.attach(other, Side::Dataplane).unwrap();
    assert_eq!(dataplane.predecessor(), None);
    drop(dataplane);
    // Cut short.
    std::fs::File::options().write(true).open(place.segment()).unwrap().set_len(8_192).unwrap();
    assert_eq!(place.attach(other, Side::Dataplane).unwrap().predecessor(), None);
    // A crash between marking the old file and renaming the new one.
    place.poke(64, 1);
    assert!(!place.attach(other, Side::Dataplane).unwrap().superseded());
}

#[test]
fn what_is_no_segment_is_left_alone() {
    let place = Place::new();
    for (content, name) in [(vec![7u8; 10_000], "not a hub segment"), (b"short".to_vec(), "octets")] {
        std::fs::write(place.segment(), &content).unwrap();
        for side in [Side::Control, Side::Dataplane] {
            let error = place.attach(GEOMETRY, side).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert_eq!(std::fs::read(place.segment()).unwrap(), content);
    }
    std::fs::remove_file(place.segment()).unwrap();
    std::os::unix::fs::symlink("/dev/null", place.segment()).unwrap();
    assert!(matches!(place.attach(GEOMETRY, Side::Control), Err(AttachError::Io { .. })));
    let missing = place.0.join("no-such-directory/segment");
    let error = Segment::open_or_create(&missing, &GEOMETRY, Side::Control).unwrap_err();
    assert!(error.to_string().contains("no-such-directory"), "{error}");
}

#[test]
fn geometry_has_bounds() {
    for (workers, max_peers) in [(0, 1), (MAX_WORKERS + 1, 1), (1, 0), (1, MAX_PEERS + 1)] {
        let geometry = Geometry { workers, max_peers };
        assert!(matches!(Segment::private(&geometry), Err(AttachError::Geometry { .. })));
    }
}

#[test]
fn a_private_segment_has_both_sides() {
    let segment = Segment::private(&GEOMETRY).unwrap();
    let (mut sender, mut receiver) = (segment.update_sender().unwrap(), segment.update_receiver().unwrap());
    sender.send(&Update::Begin { generation: 1 }).unwrap();
    assert_eq!(receiver.receive(1, |_| ()), 1);
    segment.worker_shared(1).unwrap().packets.add(1);
    segment.peers_shared(1).unwrap()[5].tx_packets.add(1);
    assert_eq!((segment.worker(1).packets.get(), segment.peers(1)[5].tx_packets.get()), (1, 1));
    assert!(segment.worker_shared(2).is_none() && segment.peers_shared(2).is_none());
}

#[test]
fn a_full_ring_says_so_and_loses_nothing_it_took() {
    let segment = Segment::private(&GEOMETRY).unwrap();
    let mut sender = segment.update_sender().unwrap();
    let mut sent = 0;
    while sender.send(&Update::Begin { generation: sent + 1 }).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, UPDATE_SLOTS as u64);
    let stats = segment.ring_stats(RingName::Updates).unwrap();
    assert_eq!((stats.depth, stats.capacity, stats.full), (sent, sent, 1));
    let mut expected = 0;
    let mut receiver = segment.update_receiver().unwrap();
    while receiver.receive(100, |update| {
        expected += 1;
        assert_eq!(update, Update::Begin { generation: expected });
    }) > 0
    {}
    assert_eq!((expected, sender.acknowledged()), (sent, sent));

    let mut events = segment.event_sender(0).unwrap();
    let event =
        Event::Nhrp { tunnel: 0, nbma: Ipv4Addr::LOCALHOST, session: None, packet: &[9; MAX_PAYLOAD] };
    // Its class has a share; the others' places stay free.
    let share = EVENT_SLOTS / 16 * 6;
    let taken = (0..share + 5).filter(|_| events.send(&event)).count();
    let stats = segment.ring_stats(RingName::Events(0)).unwrap();
    assert_eq!((taken, stats.full), (share, 5));
    assert!(events.send(&Event::Glean { port: 0, address: Ipv4Addr::LOCALHOST }));
    assert!(!events.send(&Event::Glean { port: 200, address: Ipv4Addr::LOCALHOST }));
    assert_eq!(segment.ring_stats(RingName::Events(0)).unwrap().unfit, 1);
    assert_eq!(segment.event_receiver(0).unwrap().discard(), share + 1);
    assert_eq!(segment.ring_stats(RingName::Events(2)), None);
}

/// Octets of an update's slot, the length word first.
fn slot_of(segment: &Segment, position: usize) -> Vec<u64> {
    type Slot = [std::sync::atomic::AtomicU64; UPDATE_WORDS];
    let slots = GEOMETRY.layout().updates + size_of::<RingHeader>();
    let slot = &segment.mapping.slice::<Slot>(slots, position + 1).unwrap()[position];
    slot.iter().map(|word| word.load(Ordering::Relaxed)).collect()
}

#[test]
fn keys_stay_no_longer_in_the_ring_than_they_must() {
    let segment = Segment::private(&GEOMETRY).unwrap();
    let mut sender = segment.update_sender().unwrap();
    let sa = SaOutbound {
        id: 3,
        spi: 0x0102_0304,
        tag: NonZeroU64::MIN,
        mode: Mode::Transport,
        esn: true,
        hard_packets: 1 << 30,
        keys: Keys::new(Transform::Cbc256Sha512, &[0xe7; 96]).unwrap(),
    };
    let update = Update::SaOutbound(sa);
    sender.send(&update).unwrap();
    sender.send(&update).unwrap();
    assert!(slot_of(&segment, 0).contains(&0xe7e7_e7e7_e7e7_e7e7));
    let mut receiver = segment.update_receiver().unwrap();
    assert_eq!(receiver.receive(1, |got| assert_eq!(got, update)), 1);
    assert!(slot_of(&segment, 0)[1..].iter().all(|word| *word == 0), "wiped");
    assert!(slot_of(&segment, 1).contains(&0xe7e7_e7e7_e7e7_e7e7), "not taken yet");
    // A receiver that dies while it applies leaves the message to its successor.
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        receiver.receive(1, |_| panic!("killed"));
    }));
    assert!(died.is_err());
    drop(receiver);
    let mut receiver = segment.update_receiver().unwrap();
    assert_eq!(receiver.receive(9, |got| assert_eq!(got, update)), 1);
    assert!(slot_of(&segment, 1)[1..].iter().all(|word| *word == 0), "wiped");
    let stats = segment.ring_stats(RingName::Updates).unwrap();
    assert_eq!((stats.rejected, stats.corrupt, stats.unfit, stats.received), (0, 0, 0, 2));
}

/// The segment is not in core files: the kernel's flags of the mapping say so.
#[test]
fn the_segment_is_not_dumped() {
    let place = Place::new();
    let _segment = place.attach(GEOMETRY, Side::Control).unwrap();
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let name = place.segment().to_string_lossy().into_owned();
    let lines = maps.lines().skip_while(|line| !line.contains(&name));
    let flags = lines.skip(1).find(|line| line.starts_with("VmFlags:")).unwrap();
    assert!(flags.split_whitespace().any(|flag| flag == "dd"), "{flags}");
}

#[test]
fn a_strangers_slot_is_counted_and_refused() {
    let segment = Segment::private(&GEOMETRY).unwrap();
    let mut sender = segment.update_sender().unwrap();
    for generation in 1..=4 {
        sender.send(&Update::Begin { generation }).unwrap();
    }
    let layout = GEOMETRY.layout();
    let slots = layout.updates + size_of::<RingHeader>();
    type Slot = [std::sync::atomic::AtomicU64; UPDATE_WORDS];
    let slot = |n: usize| &segment.mapping.slice::<Slot>(slots, 4).unwrap()[n];
    slot(0)[0].store(u64::MAX, Ordering::Relaxed); // length
    slot(1)[1].store(99, Ordering::Relaxed); // kind
    slot(2)[4].store(0, Ordering::Relaxed); // generation
    let mut received = Vec::new();
    let taken = segment.update_receiver().unwrap().receive(9, |update| received.push(update));
    assert_eq!((taken, received), (4, vec![Update::Begin { generation: 4 }]));
    assert_eq!(segment.ring_stats(RingName::Updates).unwrap().rejected, 3);
    assert_eq!(sender.losses(), 3);
}
