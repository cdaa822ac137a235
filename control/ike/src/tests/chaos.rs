//! Both sides rekey whenever they like, and the network loses, doubles and reorders what it will.

use super::establish::up_with;
use super::spoke::Spoke;
use super::world::{Random, World};
use crate::Rekey;
use proptest::prelude::*;
use std::collections::VecDeque;

/// One run; ends with exactly one pair of child SAs that both sides have.
fn run(seed: u64, steps: usize, loss: u64, ike: bool) {
    let mut spoke = Spoke::new();
    spoke.random.0 ^= seed;
    let (mut world, mut spoke) = up_with(World::new(), spoke);
    world.host.random.0 ^= seed.rotate_left(17);
    let mut random = Random(seed);
    let session = world.ups[0].session;
    let mut to_hub: VecDeque<(crate::Path, Vec<u8>)> = VecDeque::new();
    let mut to_spoke: VecDeque<(crate::Path, Vec<u8>)> = VecDeque::new();
    for _ in 0..steps {
        to_hub.extend(spoke.take());
        to_spoke.extend(world.sent.drain(..));
        match random.below(12) {
            // Only when nothing else of its own is under way, as real peers do.
            0 if ike && random.below(2) == 0 && spoke.unanswered().is_empty() => spoke.rekey_ike(),
            1 if ike && random.below(3) == 0 => {
                let mut actions = Vec::new();
                world.responder.rekey(world.now, session, Rekey::Ike, &mut world.host, &mut actions);
                world.act(actions);
            }
            0 if spoke.asked.is_none() && spoke.asked_ike.is_none() => {
                let live = spoke.live().into_iter().find(|child| !child.rekeyed).map(|child| child.spi_in);
                if let Some(spi) = live {
                    spoke.rekey_child(Some(spi));
                }
            }
            1 => {
                let mut actions = Vec::new();
                world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions);
                world.act(actions);
            }
            2 => world.pass(random.below(3_000)),
            3 => {
                // What the spoke sends again when it gets no answer.
                let again = spoke.unanswered();
                again.into_iter().flatten().for_each(|datagram| spoke.send(datagram));
            }
            4 if to_hub.len() > 1 => to_hub.swap(0, 1),
            5 if to_spoke.len() > 1 => to_spoke.swap(0, 1),
            6..=8 => {
                if let Some((path, datagram)) = to_hub.pop_front().filter(|_| random.below(100) >= loss) {
                    world.datagram(path, &datagram);
                    if random.below(8) == 0 {
                        world.datagram(path, &datagram);
                    }
                }
            }
            _ => {
                if let Some((path, datagram)) = to_spoke.pop_front().filter(|_| random.below(100) >= loss) {
                    spoke.receive(path, &datagram);
                }
            }
        }
    }
    // The network mends; the spoke repeats what was not answered.
    for _ in 0..3 {
        to_hub.extend(spoke.take());
        to_spoke.extend(world.sent.drain(..));
        to_hub.drain(..).for_each(|(path, datagram)| world.datagram(path, &datagram));
        to_spoke.drain(..).for_each(|(path, datagram)| spoke.receive(path, &datagram));
        for datagrams in spoke.unanswered() {
            datagrams.into_iter().for_each(|datagram| spoke.send(datagram));
        }
        world.live(&mut spoke, 10_000);
    }
    world.live(&mut spoke, 200_000);
    assert!(world.downs.is_empty(), "{:?}", world.downs);
    let live: Vec<_> = spoke.live().into_iter().cloned().collect();
    assert_eq!(live.len(), 1, "{live:?}");
    assert_eq!((world.plane.inbound.len(), world.plane.outbound.len()), (1, 1));
    let sa = world.used(session).expect("an SA to send with");
    assert_eq!(world.plane.inbound[&sa].spi, live[0].spi_out);
    assert_eq!(world.plane.outbound[&sa].spi, live[0].spi_in);
    assert_eq!(world.plane.inbound[&sa].keys.encryption(), live[0].key_out);
    assert_eq!(world.plane.outbound[&sa].keys.encryption(), live[0].key_in);
    assert_eq!(world.host.used.len(), 1);
}

/// `PROPTEST_CASES` for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn one_usable_pair_is_left(seed: u64, steps in 20_usize..200) {
        run(seed, steps, 0, false);
    }

    #[test]
    fn one_usable_pair_is_left_when_messages_are_lost(seed: u64, steps in 20_usize..200) {
        run(seed, steps, 15, false);
    }

    #[test]
    fn one_usable_pair_is_left_when_ike_sas_are_rekeyed_too(seed: u64, steps in 20_usize..200) {
        run(seed, steps, 0, true);
        run(seed, steps, 15, true);
    }
}
