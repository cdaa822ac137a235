//! Reports, leaves, joins and prunes of spokes, and what they lead to.

use super::*;
use wire::{igmp, pim};

const HUB: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SPOKE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 50);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 51);
const RP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 9);
/// Sparse, wildcard, tree to the RP.
const STAR: u8 = 7;

fn packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let fields = ip4::Fields {
        tos: 0,
        total_len: (20 + payload.len()) as u16,
        id: 0,
        flags_offset: 0,
        ttl: 1,
        protocol,
        source: SPOKE,
        destination: GROUP,
    };
    let mut packet = vec![0; 20];
    fields.emit(&mut packet).unwrap();
    [packet, payload.to_vec()].concat()
}

fn v3(records: &[(u8, &[Ipv4Addr])]) -> Vec<u8> {
    let mut message = vec![0x22, 0, 0, 0, 0, 0, 0, records.len() as u8];
    for (kind, sources) in records {
        message.extend([*kind, 0, 0, sources.len() as u8]);
        message.extend(GROUP.octets());
        sources.iter().for_each(|source| message.extend(source.octets()));
    }
    let sum = wire::checksum::checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

fn told(joins: &mut Joins, now_ms: u64, protocol: u8, payload: &[u8]) {
    let told = joins.packet(now_ms, 3, HUB, &packet(protocol, payload));
    assert!(told.groups.iter().all(|group| *group == GROUP));
}

fn igmp(joins: &mut Joins, now_ms: u64, payload: &[u8]) {
    told(joins, now_ms, 2, payload);
}

fn pim(joins: &mut Joins, joined: &[(Ipv4Addr, u8)], pruned: &[(Ipv4Addr, u8)]) {
    told(joins, 0, 103, &pim::join_prune(HUB, 210, GROUP, joined, pruned));
}

#[test]
fn a_report_holds_for_its_time_and_a_leave_a_little() {
    let mut joins = Joins::default();
    igmp(&mut joins, 0, &igmp::emit(false, GROUP));
    assert!(joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, None));
    assert!(!joins.wants(4, GROUP, Some(SOURCE)) && !joins.wants(3, OTHER, None));
    igmp(&mut joins, 100_000, &igmp::emit(false, GROUP));
    assert!(joins.expire(359_999).is_empty());
    assert_eq!(joins.expire(360_000), [(GROUP, 3)].into());
    assert!(!joins.wants(3, GROUP, None) && joins.len() == 0);
    igmp(&mut joins, 400_000, &igmp::emit(false, GROUP));
    igmp(&mut joins, 400_000, &igmp::emit(true, GROUP));
    assert!(joins.wants(3, GROUP, None));
    // Another member behind the spoke answers the querier.
    igmp(&mut joins, 401_000, &igmp::emit(false, GROUP));
    assert!(joins.expire(500_000).is_empty());
    igmp(&mut joins, 500_000, &igmp::emit(true, GROUP));
    assert_eq!(joins.expire(503_000).len(), 1);
    // A leave of what was not joined is nothing.
    igmp(&mut joins, 600_000, &igmp::emit(true, GROUP));
    assert_eq!((joins.len(), joins.of_group(GROUP).count(), joins.due.len()), (0, 0, 0));
}

#[test]
fn records_name_sources() {
    let mut joins = Joins::default();
    igmp(&mut joins, 0, &v3(&[(5, &[SOURCE])]));
    assert!(joins.wants(3, GROUP, Some(SOURCE)) && !joins.wants(3, GROUP, Some(OTHER)));
    igmp(&mut joins, 0, &v3(&[(6, &[SOURCE]), (1, &[OTHER])]));
    assert_eq!(joins.expire(3_000), [(GROUP, 3)].into());
    assert!(!joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, Some(OTHER)));
    igmp(&mut joins, 3_000, &v3(&[(4, &[])]));
    assert!(joins.wants(3, GROUP, Some(SOURCE)));
    // To these sources only, then to none.
    igmp(&mut joins, 3_000, &v3(&[(3, &[SOURCE])]));
    joins.expire(6_000);
    assert!(joins.wants(3, GROUP, Some(SOURCE)) && !joins.wants(3, GROUP, Some(OTHER)));
    igmp(&mut joins, 6_000, &v3(&[(3, &[])]));
    joins.expire(9_000);
    assert_eq!(joins.len(), 0);
}

#[test]
fn joins_and_prunes_of_pim() {
    let mut joins = Joins::default();
    pim(&mut joins, &[(RP, STAR)], &[]);
    assert!(joins.wants(3, GROUP, Some(SOURCE)));
    // One source off the tree to the RP, until the group is joined without that.
    pim(&mut joins, &[(RP, STAR)], &[(SOURCE, 5)]);
    assert!(!joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, Some(OTHER)));
    pim(&mut joins, &[(RP, STAR)], &[]);
    assert!(joins.wants(3, GROUP, Some(SOURCE)));
    pim(&mut joins, &[(SOURCE, 4)], &[(RP, STAR)]);
    assert!(joins.wants(3, GROUP, Some(SOURCE)) && !joins.wants(3, GROUP, Some(OTHER)));
    assert_eq!(joins.expire(210_000), [(GROUP, 3)].into());
    // To another router, or damaged, it is nothing.
    told(&mut joins, 0, 103, &pim::join_prune(OTHER, 210, GROUP, &[(RP, STAR)], &[]));
    told(&mut joins, 0, 103, &[0x23, 0, 0, 0]);
    told(&mut joins, 0, 103, &pim::join_prune(HUB, 210, Ipv4Addr::new(224, 0, 0, 5), &[(RP, STAR)], &[]));
    assert_eq!((joins.len(), joins.malformed), (0, 1));
    // For ever, and at once no more.
    told(&mut joins, 0, 103, &pim::join_prune(HUB, 0xffff, GROUP, &[(RP, STAR)], &[]));
    assert!(joins.expire(u64::MAX - 1).is_empty());
    told(&mut joins, 5, 103, &pim::join_prune(HUB, 0, GROUP, &[(RP, STAR)], &[]));
    assert_eq!(joins.expire(5).len(), 1);
}

#[test]
fn a_spoke_that_goes_takes_its_joins_along() {
    let mut joins = Joins::default();
    igmp(&mut joins, 0, &v3(&[(5, &[SOURCE, OTHER]), (4, &[])]));
    joins.packet(0, 9, HUB, &packet(2, &igmp::emit(false, GROUP)));
    assert_eq!(joins.forget(3), [GROUP].into());
    assert_eq!((joins.len(), joins.of_group(GROUP).collect::<Vec<_>>()), (1, vec![9]));
    assert_eq!((joins.per_peer.len(), joins.due.len()), (1, 1));
}

#[test]
fn one_spoke_cannot_fill_the_table() {
    let mut joins = Joins::default();
    for n in 0..5_000_u32 {
        let group = Ipv4Addr::from_bits(0xef00_0000 + n);
        joins.packet(0, 3, HUB, &packet(2, &igmp::emit(false, group)));
    }
    assert_eq!((joins.len(), joins.full), (MAX_PER_PEER, 5_000 - MAX_PER_PEER as u64));
    joins.packet(0, 4, HUB, &packet(2, &igmp::emit(false, GROUP)));
    assert!(joins.wants(4, GROUP, None));
}

#[test]
fn sources_that_are_excluded_are_left_out() {
    let mut joins = Joins::default();
    let of = |joins: &Joins| [SOURCE, OTHER, RP].map(|source| joins.wants(3, GROUP, Some(source)));
    // All but one: at once, since nothing was wanted before.
    igmp(&mut joins, 0, &v3(&[(4, &[SOURCE])]));
    assert_eq!((of(&joins), joins.wants(3, GROUP, None)), ([false, true, true], true));
    // Another one: after others behind the spoke had time to object, and one of them does.
    igmp(&mut joins, 1_000, &v3(&[(6, &[OTHER, RP])]));
    igmp(&mut joins, 2_000, &v3(&[(5, &[RP])]));
    joins.expire(3_999);
    assert_eq!(of(&joins), [false, true, true]);
    assert_eq!(joins.expire(4_000), [(GROUP, 3)].into());
    assert_eq!(of(&joins), [false, false, true]);
    // The whole state, as it is said again after each query, keeps it so.
    igmp(&mut joins, 100_000, &v3(&[(2, &[SOURCE, OTHER])]));
    assert_eq!((of(&joins), joins.len()), ([false, false, true], 3));
    igmp(&mut joins, 110_000, &v3(&[(5, &[SOURCE])]));
    assert_eq!(of(&joins), [true, false, true]);
    igmp(&mut joins, 120_000, &v3(&[(2, &[])]));
    assert_eq!((of(&joins), joins.len()), ([true; 3], 1));
    // The group ends, and with it what was excluded.
    igmp(&mut joins, 130_000, &v3(&[(4, &[OTHER])]));
    joins.expire(133_000);
    assert_eq!(of(&joins), [true, false, true]);
    joins.expire(390_000);
    assert_eq!((of(&joins), joins.len(), joins.due.len()), ([false; 3], 0, 0));
}

#[test]
fn from_include_to_exclude_mode_and_back() {
    let mut joins = Joins::default();
    let of = |joins: &Joins| [SOURCE, OTHER, RP].map(|source| joins.wants(3, GROUP, Some(source)));
    igmp(&mut joins, 0, &v3(&[(1, &[SOURCE, OTHER])]));
    // Of two that were wanted one is excluded now: it has the last member's time.
    igmp(&mut joins, 1_000, &v3(&[(4, &[SOURCE])]));
    assert_eq!(of(&joins), [true; 3]);
    joins.expire(4_000);
    assert_eq!(of(&joins), [false, true, true]);
    // Only that one: the group as a whole ends, and nothing stays excluded.
    igmp(&mut joins, 5_000, &v3(&[(3, &[SOURCE])]));
    joins.expire(8_000);
    assert_eq!((of(&joins), joins.len()), ([true, false, false], 1));
    // A host of version 2 wants all.
    igmp(&mut joins, 9_000, &v3(&[(4, &[OTHER])]));
    igmp(&mut joins, 10_000, &igmp::emit(false, GROUP));
    assert_eq!(of(&joins), [true; 3]);
}

#[test]
fn what_igmp_excludes_pim_may_want() {
    let mut joins = Joins::default();
    igmp(&mut joins, 0, &v3(&[(4, &[SOURCE])]));
    pim(&mut joins, &[(RP, STAR)], &[(OTHER, 5)]);
    assert!(joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, Some(OTHER)));
    pim(&mut joins, &[(RP, STAR)], &[(SOURCE, 5)]);
    assert!(!joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, Some(OTHER)));
}

#[test]
fn a_full_table_excludes_nothing() {
    let mut joins = Joins::default();
    for n in 0..MAX_PER_PEER as u32 {
        joins.packet(0, 3, HUB, &packet(2, &igmp::emit(false, Ipv4Addr::from_bits(0xef80_0000 + n))));
    }
    igmp(&mut joins, 0, &v3(&[(4, &[SOURCE])]));
    assert_eq!((joins.len(), joins.full), (MAX_PER_PEER, 1));
    joins.expire(260_000);
    assert_eq!((joins.len(), joins.of_group.len(), joins.per_peer.len()), (0, 0, 0));
}

#[test]
fn repetitions_are_no_news_for_the_journal() {
    let mut joins = Joins::default();
    let news = |joins: &mut Joins| joins.changes().map(|(_, joined)| joined).collect::<Vec<_>>();
    pim(&mut joins, &[(SOURCE, 4)], &[]);
    let pim_join = Joined { pim: Some((210, SPOKE)), ..Joined::default() };
    assert_eq!(news(&mut joins), [pim_join]);
    told(&mut joins, 60_000, 103, &pim::join_prune(HUB, 210, GROUP, &[(SOURCE, 4)], &[]));
    assert_eq!(news(&mut joins), []);
    told(&mut joins, 60_000, 103, &pim::join_prune(HUB, 0xffff, GROUP, &[(SOURCE, 4)], &[]));
    assert_eq!(news(&mut joins), [Joined { pim: Some((0xffff, SPOKE)), ..Joined::default() }]);
    pim(&mut joins, &[], &[(SOURCE, 4)]);
    assert_eq!(news(&mut joins), [Joined::default()]);
}
