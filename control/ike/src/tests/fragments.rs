//! Messages in fragments (RFC 7383).

use super::establish::{check_pair, up};
use super::hostile::still_serves;
use super::spoke::Spoke;
use super::world::{World, config};
use crate::Count;
use crate::crypto::Envelope;
use wire::ike::{Chain, Exchange, PayloadType};

/// A long request in fragments of 20 octets.
fn long(spoke: &mut Spoke) -> Vec<Vec<u8>> {
    spoke.fragment_size = Some(20);
    let mut chain = Chain::new();
    chain.raw(PayloadType::Vendor, &[7; 100]);
    let id = spoke.sa().next;
    spoke.seal(0, Exchange::Informational, id, false, &chain)
}

/// A fragment that says this of itself.
fn lying(spoke: &mut Spoke, number: u16, total: u16) -> Vec<u8> {
    let id = spoke.sa().next;
    let mut message = spoke.seal(0, Exchange::Informational, id, false, &Chain::new())[0][..32].to_vec();
    message[16] = PayloadType::EncryptedFragment.0;
    message.extend_from_slice(&number.to_be_bytes());
    message.extend_from_slice(&total.to_be_bytes());
    message.extend_from_slice(&[0; 20]);
    let random = &mut spoke.random.clone();
    let sealer = &mut spoke.sa().sealer;
    sealer.seal(&mut message, 36, Envelope::Fragment, &mut |octets| random.fill(octets)).unwrap();
    message
}

#[test]
fn fragments_come_in_any_order_and_twice() {
    for seed in 0..20 {
        let (mut world, mut spoke) = up();
        let mut fragments = long(&mut spoke);
        assert_eq!(fragments.len(), 6);
        let copies = fragments.clone();
        fragments.extend(copies.into_iter().take(3));
        let mut random = super::world::Random(seed);
        for at in (1..fragments.len()).rev() {
            fragments.swap(at, random.below(at as u64 + 1) as usize);
        }
        let path = spoke.path();
        fragments.iter().for_each(|fragment| world.datagram(path, fragment));
        let answers = world.sent.len();
        // One answer; a second if a copy of the first fragment came after the end.
        assert!((1..=2).contains(&answers), "{answers}");
        assert!(world.sent.iter().all(|sent| *sent == world.sent[0]));
    }
}

#[test]
fn numbers_that_cannot_be_are_ignored() {
    let (mut world, mut spoke) = up();
    let path = spoke.path();
    for (number, total) in [(0, 0), (0, 3), (4, 3), (1, 0), (1, 65), (1, 65_535), (65_535, 65_535)] {
        let fragment = lying(&mut spoke, number, total);
        world.datagram(path, &fragment);
    }
    assert!(world.sent.is_empty() && world.downs.is_empty());
    let fragments = long(&mut spoke);
    fragments.iter().for_each(|fragment| world.datagram(path, fragment));
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn what_is_not_authentic_takes_no_place() {
    let (mut world, mut spoke) = up();
    let path = spoke.path();
    let fragments = long(&mut spoke);
    for fragment in &fragments {
        let mut bad = fragment.clone();
        *bad.last_mut().unwrap() ^= 1;
        world.datagram(path, &bad);
        world.datagram(path, fragment);
    }
    assert_eq!(world.sent.len(), 1);
    // The last bad one came before its message was whole, as all did.
    assert_eq!(world.count(Count::Integrity), 6);
}

#[test]
fn a_division_into_more_begins_anew_and_into_fewer_is_ignored() {
    let (mut world, mut spoke) = up();
    let path = spoke.path();
    let few = long(&mut spoke);
    world.datagram(path, &few[0]);
    spoke.fragment_size = Some(10);
    let mut chain = Chain::new();
    chain.raw(PayloadType::Vendor, &[7; 100]);
    let id = spoke.sa().next;
    let many = spoke.seal(0, Exchange::Informational, id, false, &chain);
    assert!(many.len() > few.len());
    world.datagram(path, &many[0]);
    few.iter().for_each(|fragment| world.datagram(path, fragment));
    assert!(world.sent.is_empty(), "of two divisions no message is made");
    many.iter().for_each(|fragment| world.datagram(path, fragment));
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn what_is_never_completed_is_forgotten() {
    let (mut world, mut spoke) = up();
    let path = spoke.path();
    let fragments = long(&mut spoke);
    fragments.iter().skip(1).for_each(|fragment| world.datagram(path, fragment));
    assert!(world.responder.sas.values().any(|sa| sa.reassembly.is_some()));
    world.live(&mut spoke, 31_000);
    assert!(world.responder.sas.values().all(|sa| sa.reassembly.is_none()));
}

#[test]
fn only_the_first_fragment_of_a_copy_is_answered() {
    let (mut world, mut spoke) = up();
    let path = spoke.path();
    let fragments = long(&mut spoke);
    fragments.iter().for_each(|fragment| world.datagram(path, fragment));
    world.sent.clear();
    fragments.iter().for_each(|fragment| world.datagram(path, fragment));
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn who_did_not_agree_to_fragments_neither_gets_nor_sends_them() {
    let mut config = config();
    config.fragment_size = 300;
    let mut spoke = Spoke::new();
    spoke.fragmentation = false;
    let mut world = World::with(config);
    spoke.init();
    world.exchange(&mut spoke);
    check_pair(&world, &spoke);
    let path = spoke.path();
    long(&mut spoke).iter().for_each(|fragment| world.datagram(path, fragment));
    assert!(world.sent.is_empty());
    assert_eq!(world.count(Count::Fragment), 6);
    still_serves(world);
}

#[test]
fn what_waits_for_the_keys_is_bounded() {
    let mut world = World::new();
    world.hold_tasks = true;
    let mut spoke = Spoke::new();
    spoke.init();
    let (path, datagram) = spoke.take().pop().unwrap();
    world.datagram(path, &datagram);
    world.run_tasks();
    let (_, response) = world.sent.pop_front().unwrap();
    spoke.receive(path, &response);
    let (path, auth) = spoke.take().pop().unwrap();
    for n in 0..100_u8 {
        // What somebody on the way makes up, since there are no keys yet to tell it by.
        let mut bad = auth.clone();
        let length = bad.len();
        bad[length - 1] ^= n + 1;
        world.datagram(path, &bad);
    }
    let held: usize = world
        .responder
        .sas
        .values_mut()
        .filter_map(|sa| sa.embryo())
        .flat_map(|embryo| &embryo.waiting)
        .map(|(_, datagram)| datagram.len())
        .sum();
    assert!(held <= 16_384 && world.count(Count::WaitingFull) > 50);
    world.run_tasks();
    assert_eq!(world.responder.load().half_open, 1);
    // The good one still gets through.
    world.datagram(path, &auth);
    world.exchange(&mut spoke);
    assert!(spoke.established);
}
