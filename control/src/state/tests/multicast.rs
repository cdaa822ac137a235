//! Multicast routes of the kernel, joins of spokes, and both after a restart.

use super::*;
use crate::joins::Joined;
use crate::kernel::Mroute;
use wire::ip4::{self, protocol as ip_protocol};
use wire::{igmp, pim};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 50);
const HUB: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
const RP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);

/// Three spokes on the first tunnel.
fn three() -> State {
    let mut state = State::new(&config());
    twins(&mut state);
    for n in 1..=3 {
        state.bind(0, protocol(0, n), spoke(n), true);
    }
    state
}

/// The kernel's route from the LAN to the tunnel.
fn mroute(source: Option<Ipv4Addr>) -> Fact {
    Fact::Mroute(Mroute { group: GROUP, source, incoming: 3, outgoing: vec![4] })
}

fn packet(n: u8, number: u8, payload: &[u8]) -> Vec<u8> {
    let fields = ip4::Fields {
        tos: 0,
        total_len: (ip4::LEN + payload.len()) as u16,
        id: 0,
        flags_offset: 0,
        ttl: 1,
        protocol: number,
        source: protocol(0, n),
        destination: GROUP,
    };
    let mut packet = vec![0; ip4::LEN];
    fields.emit(&mut packet).unwrap();
    [packet, payload.to_vec()].concat()
}

fn id(state: &State, n: u8) -> PeerId {
    state.peer_of(0, protocol(0, n)).unwrap()
}

fn say(state: &mut State, now_ms: u64, n: u8, number: u8, payload: &[u8]) {
    let peer = id(state, n);
    state.membership(now_ms, (0, peer), &spoke(n).into(), &packet(n, number, payload));
}

fn join(state: &mut State, now_ms: u64, n: u8, joined: &[(Ipv4Addr, u8)], pruned: &[(Ipv4Addr, u8)]) {
    say(state, now_ms, n, ip_protocol::PIM, &pim::join_prune(HUB, 210, GROUP, joined, pruned));
}

fn members(state: &State, source: Option<Ipv4Addr>) -> Vec<PeerId> {
    let of = state.multicast.routes().find(|(flow, _)| *flow == (GROUP, source));
    of.map(|(_, id)| state.members_of(id)).unwrap_or_default()
}

/// What the kernel was told for others: who joins which source with which flags, for how many seconds.
fn objections(state: &mut State) -> Vec<(Ipv4Addr, Ipv4Addr, u8, u16)> {
    let effects = std::mem::take(&mut state.effects);
    let packets = effects.iter().filter_map(|effect| match effect {
        Effect::ToKernel(0, packet) => Some(packet),
        _ => None,
    });
    let mut said = Vec::new();
    for packet in packets {
        let packet = ip4::parse(packet).unwrap();
        assert_eq!(packet.destination(), Ipv4Addr::new(224, 0, 0, 13));
        let message = pim::parse(packet.payload()).unwrap().unwrap();
        assert_eq!(message.upstream, HUB);
        for group in message.groups {
            assert_eq!((group.group, group.pruned.len()), (GROUP, 0));
            let each = |s: &pim::Source| (packet.source(), s.address(), s.flags, message.holdtime);
            said.extend(group.joined.iter().map(each));
        }
    }
    said
}

#[test]
fn who_wants_what_another_one_prunes_says_so() {
    let mut state = three();
    state.fact(mroute(Some(SOURCE)));
    join(&mut state, 0, 1, &[(SOURCE, 4)], &[]);
    join(&mut state, 60_000, 2, &[(SOURCE, 4)], &[]);
    assert_eq!(members(&state, Some(SOURCE)), [id(&state, 1), id(&state, 2)]);
    assert_eq!(objections(&mut state), []);
    join(&mut state, 100_000, 1, &[], &[(SOURCE, 4)]);
    // For the time that the other's own join holds.
    assert_eq!(objections(&mut state), [(protocol(0, 2), SOURCE, 4, 170)]);
    assert_eq!(members(&state, Some(SOURCE)), [id(&state, 2)]);
    // One that never joined takes nothing away either; the last one goes without an objection.
    join(&mut state, 100_000, 3, &[], &[(SOURCE, 4)]);
    assert_eq!(objections(&mut state).len(), 1);
    join(&mut state, 100_000, 2, &[], &[(SOURCE, 4)]);
    assert_eq!((objections(&mut state), members(&state, Some(SOURCE))), (vec![], vec![]));
    assert_eq!(state.multicast.objections, 2);
}

#[test]
fn objections_on_the_tree_to_the_rp() {
    let mut state = three();
    join(&mut state, 0, 1, &[(RP, 7)], &[]);
    join(&mut state, 0, 2, &[(RP, 7)], &[]);
    // One source off the tree: the other wants it by its join of the group.
    join(&mut state, 0, 1, &[(RP, 7)], &[(SOURCE, 5)]);
    assert_eq!(objections(&mut state), [(protocol(0, 2), SOURCE, 5, 210)]);
    join(&mut state, 0, 2, &[(RP, 7)], &[(SOURCE, 5)]);
    assert_eq!(objections(&mut state), [], "both have pruned it");
    // Who is on the tunnel, and no other.
    state.bind(1, protocol(1, 1), spoke(1), true);
    join(&mut state, 0, 1, &[], &[(RP, 7)]);
    assert_eq!(objections(&mut state), [(protocol(0, 2), RP, 7, 210)]);
    join(&mut state, 0, 2, &[], &[(RP, 7)]);
    assert_eq!(objections(&mut state), []);
}

#[test]
fn a_restart_takes_nothing_from_members() {
    let other = Some(Ipv4Addr::new(10, 1, 0, 51));
    let flows = [Some(SOURCE), None, other];
    let mut state = three();
    flows.iter().for_each(|source| state.fact(mroute(*source)));
    join(&mut state, 0, 1, &[(SOURCE, 4)], &[]);
    join(&mut state, 0, 2, &[(RP, 7)], &[(SOURCE, 5)]);
    say(&mut state, 0, 3, ip_protocol::IGMP, &igmp::emit(false, GROUP));
    let before: Vec<_> = flows.iter().map(|source| members(&state, *source)).collect();
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3, 2]);
    let numbers: Vec<_> = state.multicast.routes().collect();
    let joins: Vec<_> = state.multicast.joins.changes().collect();
    assert_eq!(joins, state.multicast.joins.all().collect::<Vec<_>>());

    // The kernel lists its routes in another order, and they have numbers before the journal is read.
    let mut next = State::new(&config());
    twins(&mut next);
    flows.iter().rev().for_each(|source| next.fact(mroute(*source)));
    for n in 1..=3 {
        assert!(next.restore_peer(id(&state, n), 0, spoke(n), Totals::default()));
        next.bind(0, protocol(0, n), spoke(n), true);
    }
    let base = GroupTotals { packets: 5, ..GroupTotals::default() };
    next.restore_groups(numbers.iter().map(|(flow, id)| (*id, *flow, base)));
    joins.iter().for_each(|(key, joined)| next.restore_join(1_000, *key, *joined));
    assert_eq!(next.multicast.routes().collect::<Vec<_>>(), numbers);
    assert_eq!(next.multicast.base(numbers[0].1).packets, 5);
    let after: Vec<_> = flows.iter().map(|source| members(&next, *source)).collect();
    assert_eq!(after, before);
    // As if it had just been said.
    next.tick(210_999);
    assert_eq!(members(&next, Some(SOURCE)).len(), 2);
    next.tick(211_000);
    assert_eq!(members(&next, Some(SOURCE)), [id(&next, 3)]);
    // What is gone is said once, and of a peer that is not there nothing is taken over.
    let ended: Vec<_> = next.multicast.joins.changes().collect();
    assert!(!ended.is_empty() && ended.iter().all(|(_, joined)| *joined == Joined::default()));
    next.restore_join(0, (5, GROUP, None), Joined { igmp: true, ..Joined::default() });
    assert_eq!(next.multicast.joins.len(), 1);
}

#[test]
fn routes_that_are_gone_leave_their_numbers() {
    let mut next = State::new(&config());
    twins(&mut next);
    next.fact(mroute(None));
    let gone = (GROUP, Some(SOURCE));
    let numbers = [(3, gone, GroupTotals::default()), (9, (GROUP, None), GroupTotals::default())];
    next.restore_groups(numbers.into_iter());
    assert_eq!(next.multicast.routes().collect::<Vec<_>>(), [((GROUP, None), 9)]);
    next.fact(mroute(Some(SOURCE)));
    assert_eq!(next.multicast.len(), 2);
    assert!(next.effects.iter().any(|effect| matches!(effect, Effect::GroupNew(_))));
}
