//! Many at once: floods, and ten thousand spokes after a power failure.

use super::establish::check_pair;
use super::spoke::Spoke;
use super::world::{World, config};
use crate::{Count, Path};
use std::net::Ipv4Addr;

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + n)
}

#[test]
fn cookies_are_demanded_above_the_threshold_and_work() {
    let mut config = config();
    config.cookie_threshold = 3;
    let mut world = World::with(config);
    for n in 0..3 {
        let mut spoke = Spoke::at(address(n), 1);
        spoke.init();
        let (path, datagram) = spoke.take().pop().unwrap();
        world.datagram(path, &datagram);
    }
    world.sent.clear();
    assert_eq!(world.responder.load().half_open, 3);
    let mut spoke = Spoke::new();
    spoke.init();
    world.exchange(&mut spoke);
    assert!(spoke.established && spoke.cookie.is_some());
    check_pair(&world, &spoke);
    assert_eq!((world.count(Count::CookieSent), world.count(Count::CookieGood)), (1, 1));
    // With another group after INVALID_KE_PAYLOAD the cookie is still good.
    world.pass(31_000);
    assert_eq!(world.responder.load().half_open, 0);
    assert_eq!(world.count(Count::WaitedTooLong), 3);
}

#[test]
fn a_full_table_lets_in_who_returned_a_cookie() {
    let mut config = config();
    (config.half_open, config.cookie_threshold) = (50, 1000);
    let mut world = World::with(config);
    for n in 0..200 {
        let mut spoke = Spoke::at(address(n), 1);
        spoke.init();
        let (path, datagram) = spoke.take().pop().unwrap();
        world.datagram(path, &datagram);
        assert!(world.responder.load().half_open <= 50);
    }
    world.sent.clear();
    assert_eq!(world.count(Count::HalfOpenFull), 150);
    let mut world = World { responder: world.responder, ..World::new() };
    // One address that holds the table for itself gives way to others.
    let mut hog = World::with({
        let mut config = super::world::config();
        (config.half_open, config.cookie_threshold) = (50, 0);
        config
    });
    for n in 0..120 {
        let mut spoke = Spoke::at(address(1), n);
        spoke.port = 1000 + n as u16;
        spoke.init();
        // It fetches its cookie, and never goes on.
        for _ in 0..2 {
            let (path, datagram) = spoke.take().pop().unwrap();
            hog.datagram(path, &datagram);
            if let Some((path, answer)) = hog.sent.pop_front() {
                spoke.receive(path, &answer);
            }
        }
    }
    assert_eq!(hog.responder.load().half_open, 50);
    for n in 100..110 {
        let mut spoke = Spoke::at(address(n), 1);
        spoke.init();
        hog.exchange(&mut spoke);
        assert!(spoke.established, "kept out by another address");
    }
    world.pass(31_000);
    assert_eq!(world.responder.load().half_open, 0);
}

#[test]
fn a_thousand_spokes_behind_one_address_all_come_up() {
    let mut config = config();
    config.cookie_threshold = 0;
    let mut world = World::with(config);
    let mut spokes: Vec<Spoke> = (0..1000)
        .map(|n| {
            let mut spoke = Spoke::at(Ipv4Addr::from(0xc0a8_0000 + n), u64::from(n));
            spoke.nat = Some((Ipv4Addr::new(203, 0, 113, 1), 10_000 + 4 * n as u16));
            spoke.group = crate::crypto::Group::X25519;
            spoke
        })
        .collect();
    spokes.iter_mut().for_each(Spoke::init);
    storm(&mut world, &mut spokes);
    assert!(spokes.iter().all(|spoke| spoke.established));
    assert_eq!(world.responder.load().sessions, 1000);
}

/// Carries everything to and fro until there is silence; tasks are done late, in heaps.
fn storm(world: &mut World, spokes: &mut [Spoke]) {
    world.hold_tasks = true;
    let by_path: std::collections::HashMap<(Ipv4Addr, u16), usize> = spokes
        .iter()
        .enumerate()
        .flat_map(|(index, spoke)| {
            let (address, port) = spoke.seen_as();
            [((address, port), index), ((address, port + 1), index)]
        })
        .collect();
    let mut last: Vec<Vec<(Path, Vec<u8>)>> = vec![Vec::new(); spokes.len()];
    for round in 0..200 {
        for (index, spoke) in spokes.iter_mut().enumerate() {
            let out = spoke.take();
            if !out.is_empty() {
                last[index] = out;
                last[index].iter().for_each(|(path, datagram)| world.datagram(*path, datagram));
            } else if round % 4 == 3 && !spoke.established {
                // Nothing was heard: again, after four seconds.
                last[index].iter().for_each(|(path, datagram)| world.datagram(*path, datagram));
            }
        }
        world.run_tasks();
        world.pass(1_000);
        while let Some((path, datagram)) = world.sent.pop_front() {
            if let Some(index) = by_path.get(&path.remote) {
                spokes[*index].receive(path, &datagram);
            }
        }
        if spokes.iter().all(|spoke| spoke.established) {
            return;
        }
    }
    panic!("the storm has no end");
}

#[test]
fn ten_thousand_spokes_come_back_at_once() {
    let mut world = World::with(config());
    let count = 10_000;
    let mut spokes: Vec<Spoke> = (0..count).map(|n| Spoke::at(address(n), u64::from(n))).collect();
    spokes.iter_mut().for_each(Spoke::init);
    storm(&mut world, &mut spokes);
    assert!(spokes.iter().all(|spoke| spoke.established), "{:?}", world.responder.counters());
    assert_eq!(world.responder.load().sessions, count as usize);
    assert!(world.count(Count::CookieGood) > 5_000);
    assert!(world.responder.load().tasks_peak <= 1024);
    assert!(world.downs.is_empty());
}

#[test]
fn mutated_requests_leave_nothing_behind() {
    let mut world = World::new();
    let mut random = super::world::Random(5);
    let mut spoke = Spoke::new();
    spoke.init();
    let (path, good) = spoke.take().pop().unwrap();
    for _ in 0..20_000 {
        let mut bad = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bad.len() as u64) as usize;
            bad[at] = random.next() as u8;
        }
        world.datagram(path, &bad);
        world.sent.clear();
        world.logs.clear();
        if random.below(100) == 0 {
            world.pass(5_000);
        }
    }
    world.pass(31_000);
    let load = world.responder.load();
    assert_eq!((load.half_open, load.tasks, load.sessions), (0, 0, 0));
    assert!(world.responder.sessions().is_empty() && world.responder.inits.is_empty());
    super::hostile::still_serves(world);
}
