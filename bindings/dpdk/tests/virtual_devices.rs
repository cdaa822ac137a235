//! EAL, pools, ports and queues on virtual devices: no hugepages, no root, no NIC.
//!
//! EAL initialises once per process, so this is one test that walks through everything in turn.

#![cfg(test)]

use arrayvec::ArrayVec;
use dpdk::{Eal, EalConfig, EalError, Mbuf, Pool, Port, PortConfig, PortError, Registered, RxQueue};
use std::time::{Duration, Instant};
use wire::buffer::{BufferPool, HEADROOM, PacketBuffer};

const BUFFERS: u32 = 2048;

fn config(workers: u16) -> PortConfig {
    PortConfig { workers, ring_size: 256, mtu: 1500, mac: None }
}

#[test]
fn virtual_devices() {
    let eal = Eal::init(&EalConfig {
        name: "hub-test".into(),
        hugepages: false,
        memory: 64,
        cpus: vec![],
        pci: vec![],
        extra: vec![],
    })
    .unwrap();
    assert!(matches!(
        Eal::init(&EalConfig {
            name: "again".into(),
            hugepages: false,
            memory: 64,
            cpus: vec![],
            pci: vec![],
            extra: vec![]
        }),
        Err(EalError::Again)
    ));
    assert!(dpdk::tsc_hz(eal) > 100_000_000);
    let registered = Registered::register(eal).map(drop);
    // The main thread of EAL is known already, any other is not.
    drop(registered);

    let pool = Pool::new(eal, "packets", BUFFERS, 1500, None).unwrap();
    buffers(pool);
    from_threads(eal, pool);
    refusals(eal);
    null(eal, pool);
    ring(eal, pool);
    pcap(eal, pool);
    memif(eal, pool);
    assert_eq!(pool.available(), BUFFERS, "a buffer leaked");
}

fn buffers(mut pool: Pool) {
    let mut packet = pool.allocate().unwrap();
    assert_eq!((packet.len(), packet.headroom()), (0, HEADROOM));
    assert!(packet.is_empty());
    let room = packet.tailroom();
    assert!(room >= 1500 + 22);
    packet.append(100).unwrap().copy_from_slice(&std::array::from_fn::<u8, 100, _>(|i| i as u8));
    packet.prepend(24).unwrap().fill(0xee);
    assert_eq!((packet.len(), packet.headroom(), packet.tailroom()), (124, HEADROOM - 24, room - 100));
    assert_eq!(packet.data()[23..26], [0xee, 0, 1]);
    packet.strip(24).unwrap();
    packet.truncate(50);
    packet.truncate(60);
    assert_eq!((packet.len(), packet.data()[49]), (50, 49));
    // What does not fit changes nothing.
    assert!(packet.prepend(HEADROOM + 1).is_none());
    assert!(packet.append(room).is_none());
    assert!(packet.strip(51).is_none());
    assert_eq!((packet.len(), packet.headroom()), (50, HEADROOM));
    packet.data_mut()[0] = 7;
    assert_eq!(packet.data()[0], 7);
    drop(packet);
    assert_eq!(pool.available(), BUFFERS);

    let mut many: ArrayVec<Mbuf, 64> = ArrayVec::new();
    assert!(pool.get_bulk(&mut many));
    assert_eq!((many.len(), pool.available()), (64, BUFFERS - 64));
    Mbuf::free_all(&mut many);
    assert_eq!((many.len(), pool.available()), (0, BUFFERS));

    // An exhausted pool says so, and recovers.
    let all: Vec<Mbuf> = std::iter::from_fn(|| pool.allocate()).collect();
    assert_eq!((all.len() as u32, pool.available()), (BUFFERS, 0));
    assert!(!pool.get_bulk(&mut many));
    assert!(many.is_empty());
    drop(all);
    assert_eq!(pool.available(), BUFFERS);
}

fn from_threads(eal: Eal, pool: Pool) {
    std::thread::scope(|scope| {
        let packet = pool.get().unwrap();
        scope.spawn(move || {
            let _registered = Registered::register(eal).unwrap();
            let own = pool.get().unwrap();
            drop(packet);
            drop(own);
        });
        scope.spawn(move || drop(pool.get().unwrap()));
    });
    assert_eq!(pool.available(), BUFFERS, "a thread's cache is emptied when it ends");
}

fn refusals(eal: Eal) {
    let missing = Port::probe(eal, "net_nothing0", 1, 1500).unwrap_err();
    assert!(missing.to_string().contains("net_nothing0"), "{missing}");
    let missing = Port::probe(eal, "net_af_packet7,iface=no-such-if", 1, 1500).unwrap_err();
    assert!(missing.to_string().contains("Does the interface exist"), "{missing}");
    assert!(matches!(Port::probe(eal, "net_null\0", 1, 1500), Err(PortError::Name(_))));
}

fn null(eal: Eal, pool: Pool) {
    let probed = Port::probe(eal, "net_null0,size=64", 2, 1500).unwrap();
    let (port, mut rx, mut tx) = probed.start(&config(2), &pool, true).unwrap();
    assert_eq!((rx.len(), tx.len()), (2, 2));
    assert_eq!(port.driver(), "net_null");
    let mut packets: ArrayVec<Mbuf, 32> = ArrayVec::new();
    assert_eq!(rx[1].burst(&mut packets), 32);
    assert!(packets.iter().all(|p| p.len() == 64));
    assert_eq!(rx[1].burst(&mut packets), 0, "no room");
    assert_eq!(tx[0].burst(&mut packets), 32);
    assert!(packets.is_empty());
    let stats = port.stats().unwrap();
    assert_eq!((stats.rx_packets, stats.tx_packets), (32, 32));
    assert!(port.extended_stats().unwrap().iter().any(|(name, n)| name == "rx_good_packets" && *n == 32));
    // The queues keep the device running.
    drop(port);
    assert_eq!(rx[0].burst(&mut packets), 32);
    drop((rx, tx));
    drop(packets);
    // Its name is free again.
    Port::probe(eal, "net_null0", 1, 1500).unwrap();
}

fn ring(eal: Eal, pool: Pool) {
    let (port, mut rx, mut tx) =
        Port::probe(eal, "net_ring0", 1, 1500).unwrap().start(&config(1), &pool, true).unwrap();
    assert!(port.link().unwrap().up);
    assert_ne!(port.mac(), [1; 6]);
    // What is sent comes back, in order, until the ring is full; then the rest stays with the sender.
    let mut sent = 0u32;
    let mut packets: ArrayVec<Mbuf, 32> = ArrayVec::new();
    while packets.is_empty() {
        assert!(pool.get_bulk(&mut packets));
        for packet in &mut packets {
            packet.append(60).unwrap()[..4].copy_from_slice(&sent.to_be_bytes());
            sent += 1;
        }
        tx[0].burst(&mut packets);
        assert!(sent < BUFFERS, "the ring is never full");
    }
    let left = packets.len() as u32;
    assert_eq!(packets[0].data()[..4], (sent - left).to_be_bytes());
    drop(packets);
    let mut expected = 0u32;
    while expected < sent - left {
        for packet in receive(&mut rx[0]) {
            assert_eq!(packet.data()[..4], expected.to_be_bytes());
            expected += 1;
        }
    }
}

fn receive(rx: &mut RxQueue) -> ArrayVec<Mbuf, 32> {
    let mut packets = ArrayVec::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    while rx.burst(&mut packets) == 0 {
        assert!(Instant::now() < deadline, "nothing arrives");
    }
    packets
}

fn pcap(eal: Eal, pool: Pool) {
    let dir = std::env::temp_dir().join(format!("hub-dpdk-pcap-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (input, output) = (dir.join("in.pcap"), dir.join("out.pcap"));
    // A small frame and one longer than a buffer.
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_ne_bytes());
    }
    for len in [60u32, 5000, 61] {
        for word in [1, 0, len, len] {
            file.extend(word.to_ne_bytes());
        }
        file.extend(std::iter::repeat_n(len as u8, len as usize));
    }
    std::fs::write(&input, &file).unwrap();
    let device = format!("net_pcap0,rx_pcap={},tx_pcap={}", input.display(), output.display());
    let (port, mut rx, mut tx) =
        Port::probe(eal, &device, 1, 1500).unwrap().start(&config(1), &pool, true).unwrap();
    let mut lengths = vec![];
    let mut all: ArrayVec<Mbuf, 32> = ArrayVec::new();
    while lengths.len() < 2 {
        for packet in receive(&mut rx[0]) {
            lengths.push(packet.len());
            all.push(packet);
        }
    }
    // The long one came as a chain that does not fit one buffer.
    assert_eq!(lengths, [60, 61]);
    assert_eq!(rx[0].take_oversize(), 1);
    assert_eq!(tx[0].burst(&mut all), 2);
    drop((port, rx, tx));
    let written = std::fs::read(&output).unwrap();
    assert_eq!(written.len(), 24 + 16 + 60 + 16 + 61);
    assert!(written[24 + 16..24 + 16 + 60].iter().all(|octet| *octet == 60));
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Two ends of a shared memory wire, as between the hub and a generator.
fn memif(eal: Eal, pool: Pool) {
    let socket = std::env::temp_dir().join(format!("hub-memif-{}.sock", std::process::id()));
    let open = |name: &str, role: &str| {
        let device = format!("{name},role={role},socket={},socket-abstract=no", socket.display());
        Port::probe(eal, &device, 1, 1500).unwrap().start(&config(1), &pool, true).unwrap()
    };
    let (server, mut rx, _tx) = open("net_memif0", "server");
    let (client, _rx, mut tx) = open("net_memif1", "client");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !(server.link().unwrap().up && client.link().unwrap().up) {
        assert!(Instant::now() < deadline, "the ends do not find each other");
        std::thread::yield_now();
    }
    let mut packet = pool.get().unwrap();
    packet.append(1514).unwrap().fill(0xa5);
    let mut packets: ArrayVec<Mbuf, 32> = ArrayVec::new();
    packets.push(packet);
    while tx[0].burst(&mut packets) == 0 {
        assert!(Instant::now() < deadline, "nothing can be sent");
    }
    let received = receive(&mut rx[0]);
    assert_eq!((received.len(), received[0].len()), (1, 1514));
    assert!(received[0].data().iter().all(|octet| *octet == 0xa5));
}
