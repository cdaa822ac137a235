//! Several peers with keys, one after the other, and what happens around them. A fuzz target, and a plain test runs it over
//! what was captured (`tests/corpus_captures.rs`).
//!
//! Other than in `harness.rs` key exchanges come to a secret that the fuzzer knows, so that it follows into IKE SAs that
//! either side makes.

use crate::spoke::{How, SPOKE, Spoke};
use crate::world::World;
use ike::{Clear, Rekey, Usage};
use wire::ike::{Exchange, PayloadType};

/// Records that are looked at.
const MAX_RECORDS: usize = 24;

/// `flags, what, length (2), octets`.
struct Record<'a> {
    flags: u8,
    what: u8,
    octets: &'a [u8],
}

fn records(mut rest: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let [flags, what, high, low, after @ ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([high & 0x1f, *low])).min(after.len());
        let (octets, after) = after.split_at(length);
        rest = after;
        Some(Record { flags: *flags, what: *what, octets })
    })
    .take(MAX_RECORDS)
}

/// Peers that have the keys, before and after they have proved who they are: `configuration, beginning`, then what they
/// say, and what happens meanwhile.
pub fn session(data: &[u8]) {
    let Some(([choice, begin], rest)) = data.split_first_chunk::<2>() else { return };
    let mut world = World::new(*choice);
    world.forge = true;
    let mut spokes = vec![Spoke::new(1, begin & 1 != 0)];
    spokes[0].init(&mut world);
    if begin & 2 != 0 {
        spokes[0].auth(&mut world);
    }
    for record in records(rest) {
        let number = spokes.len() - 1;
        if !said(&mut world, &mut spokes[number], &record, *choice) && spokes.len() < 3 {
            // Another peer, or the same one anew.
            let mut spoke = Spoke::new(1 + spokes.len() as u64, record.what & 1 != 0);
            spoke.init(&mut world);
            if record.what & 2 != 0 {
                spoke.auth(&mut world);
            }
            spokes.push(spoke);
        }
        for spoke in &mut spokes {
            let sent = world.sent.clone();
            spoke.listen(&mut world);
            world.sent = sent;
        }
        world.sent.clear();
    }
    world.end();
}

/// `false`: a peer is to begin.
fn said(world: &mut World, spoke: &mut Spoke, record: &Record<'_>, choice: u8) -> bool {
    let Record { flags, what, octets } = *record;
    let (first, inner) = octets.split_first().map_or((0, octets), |(first, inner)| (*first, inner));
    let first = PayloadType(first);
    let mut how = How {
        mend: flags & 8 != 0,
        floated: flags & 16 != 0,
        twice: flags & 32 != 0,
        parts: [0, 0, 2, 3][usize::from(flags >> 6)],
        older: usize::from(what >> 3 & 1),
        ahead: 0,
    };
    match flags & 7 {
        0 => world.datagram(spoke.path(if how.floated { 4500 } else { 500 }), octets),
        1 => world.datagram(spoke.path(500), &spoke.addressed(octets)),
        2 => {
            how.ahead = [0, 0, 0, 0, 0, 1, -1, -2][usize::from(what >> 5)];
            let exchange = match what & 7 {
                0 | 1 => Exchange::IkeAuth,
                2..=4 => Exchange::CreateChildSa,
                5 => Exchange::Informational,
                6 => Exchange::IkeIntermediate,
                _ => Exchange(what >> 4 | 0x20),
            };
            spoke.request(world, exchange, first, inner, &how);
        }
        3 => {
            how.ahead = [0, 0, 1, -1][usize::from(what & 3)];
            spoke.respond(world, first, inner, &how);
        }
        4 => spoke.honest(world, what),
        5 => world.pass(u64::from(what) * if how.mend { 10_000 } else { 100 }),
        6 => operator(world, what, choice),
        _ => return false,
    }
    true
}

fn operator(world: &mut World, what: u8, choice: u8) {
    let first = world.sessions.first().copied();
    let mut actions = Vec::new();
    match (what & 7, first) {
        (0, Some(session)) => {
            world.responder.rekey(world.now, session, Rekey::Ike, &mut world.host, &mut actions);
        }
        (1, Some(session)) => {
            world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions);
        }
        (2, _) => world.clear(Clear::All),
        (3, _) => world.clear(Clear::Remote(SPOKE)),
        (4, Some(session)) => world.clear(Clear::Session(session)),
        (5, _) => world.restart(choice),
        (6, _) => world.responder.clear_failures((what & 8 != 0).then_some(SPOKE)),
        _ => {
            let heard = (what & 8 != 0).then_some(world.now);
            let much = if what & 16 != 0 { 1 << 40 } else { u64::from(what) };
            let (packets_in, octets_in, packets_out, octets_out) = (much, much, much, much);
            world.host.usage = Usage { heard_ms: heard, packets_in, octets_in, packets_out, octets_out };
        }
    }
    world.act(actions);
}
