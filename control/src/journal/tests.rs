//! Cut anywhere, damaged anywhere: what was complete before is read, and nothing is made up.

use super::*;
use crate::joins::Joined;
use crate::peers::Totals;
use crate::state::GroupTotals;
use nhrp::{Session, Station};
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn source_of(bits: u32) -> Option<Ipv4Addr> {
    (bits != 0).then(|| bits.into())
}

fn record() -> impl Strategy<Value = Record> {
    let address = any::<u32>().prop_map(Ipv4Addr::from);
    let totals = any::<[u64; 4]>().prop_map(|[a, b, c, d]| Totals {
        rx_packets: a,
        rx_bytes: b,
        tx_packets: c,
        tx_bytes: d,
    });
    prop_oneof![
        (any::<u8>(), address.clone(), "[a-z0-9.@]{1,40}").prop_map(|(id, to, who)| Record::Pin(id, to, who)),
        (any::<u8>(), address.clone()).prop_map(|(id, to)| Record::Unpin(id, to)),
        (any::<u8>(), "[a-z0-9]{1,15}").prop_map(|(id, name)| Record::Tunnel(id, name)),
        (any::<(u8, [u32; 3], [bool; 3])>(), any::<(u16, u16, u32, u64, u64, u32)>()).prop_map(|(a, b)| {
            let (tunnel, [protocol, nbma, claimed], [unique, nat_capable, multicast]) = a;
            let (mtu, holding_time, request_id, created, expires, session) = b;
            let [protocol, nbma, claimed] = [protocol, nbma, claimed].map(Ipv4Addr::from);
            Record::Bind(Binding {
                tunnel,
                protocol,
                nbma,
                session: Session::new(session),
                claimed,
                unique,
                nat_capable,
                multicast,
                mtu,
                holding_time,
                request_id,
                created,
                expires,
            })
        }),
        (any::<u8>(), address.clone()).prop_map(|(tunnel, protocol)| Record::Unbind(tunnel, protocol)),
        (any::<u32>(), any::<u8>(), address, any::<u32>(), totals).prop_map(
            |(id, t, nbma, session, base)| {
                Record::Peer(id, t, Station { nbma, session: Session::new(session) }, base)
            }
        ),
        any::<u32>().prop_map(Record::PeerGone),
        any::<u16>().prop_map(Record::GroupGone),
        (any::<u16>(), any::<[u32; 2]>(), any::<[u64; 5]>()).prop_map(|(id, [group, source], counts)| {
            let [packets, bytes, copies, wrong_interface, dropped] = counts;
            let base = GroupTotals { packets, bytes, copies, wrong_interface, dropped };
            Record::Group(id, group.into(), source_of(source), base)
        }),
        (any::<[u32; 3]>(), any::<[bool; 2]>(), any::<(Option<(u16, u32)>, Option<u16>)>()).prop_map(
            |([peer, group, source], [igmp, blocked], (pim, pruned))| {
                let pim = pim.map(|(seconds, from)| (seconds, from.into()));
                Record::Join((peer, group.into(), source_of(source)), Joined { igmp, blocked, pim, pruned })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_torn_or_damaged_file_yields_a_prefix(
        records in prop::collection::vec(record(), 0..12),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut octets = MAGIC.to_vec();
        records.iter().for_each(|r| record::encode(r, &mut octets));
        prop_assert_eq!(parse(&octets), Contents { records: records.clone(), lost: 0 });
        let torn = parse(&octets[..cut.index(octets.len() + 1)]);
        prop_assert_eq!(&records[..torn.records.len()], torn.records.as_slice());
        let at = flip.index(octets.len());
        octets[at] ^= 0x10;
        let damaged = parse(&octets);
        prop_assert_eq!(&records[..damaged.records.len()], damaged.records.as_slice());
        prop_assert!(damaged.lost > 0);
    }
}

/// A file of bodies whose lengths and checksums are right, whatever they say.
fn file_of(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = MAGIC.to_vec();
    for body in bodies {
        octets.extend((body.len() as u16).to_le_bytes());
        octets.extend(record::crc32(body).to_le_bytes());
        octets.extend(body);
    }
    octets
}

/// Reads a file that a stranger wrote: what was understood of it is understood again when we write it.
fn read_again(octets: &[u8]) -> Contents {
    let contents = parse(octets);
    let mut again = MAGIC.to_vec();
    contents.records.iter().for_each(|r| record::encode(r, &mut again));
    assert_eq!(parse(&again), Contents { records: contents.records.clone(), lost: 0 });
    contents
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    // Kinds that there are, and some that there are not; lengths near those of the kinds.
    (0..12u8, prop::collection::vec(any::<u8>(), 0..64)).prop_map(|(kind, mut body)| {
        body.insert(0, kind);
        body
    })
}

proptest! {
    #[test]
    fn arbitrary_octets_are_no_trouble(octets in prop::collection::vec(any::<u8>(), 0..4_096), ours in any::<bool>()) {
        let octets = if ours { [&MAGIC[..], &octets].concat() } else { octets };
        let contents = read_again(&octets);
        prop_assert!(contents.lost <= octets.len() as u64);
    }

    #[test]
    fn arbitrary_bodies_are_read_or_skipped(bodies in prop::collection::vec(body(), 0..16)) {
        let contents = read_again(&file_of(&bodies));
        prop_assert_eq!(contents.lost, 0, "a body that says nothing to us hides none that follows");
        prop_assert!(contents.records.len() <= bodies.len());
    }
}

/// A body and the record that it is.
type Written = (&'static [u8], fn() -> Record);

/// One record of each kind as this version writes them: a later one must still read them.
const WRITTEN: [Written; 12] = [
    (b"\x01\x03Tunnel3", || Record::Tunnel(3, "Tunnel3".into())),
    (
        b"\x02\x03\x0a\0\0\x07\xc0\0\x02\x07\xc6\x33\x64\x07\x05\x78\x05\x58\x02\x04\x03\x02\x01\
          \x08\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\x80",
        || {
            Record::Bind(Binding {
                tunnel: 3,
                protocol: Ipv4Addr::new(10, 0, 0, 7),
                nbma: Ipv4Addr::new(192, 0, 2, 7),
                session: None,
                claimed: Ipv4Addr::new(198, 51, 100, 7),
                unique: true,
                nat_capable: false,
                multicast: true,
                mtu: 1400,
                holding_time: 600,
                request_id: 0x0102_0304,
                created: 8,
                expires: 1 << 63 | 9,
            })
        },
    ),
    (b"\x03\x03\x0a\0\0\x07", || Record::Unbind(3, Ipv4Addr::new(10, 0, 0, 7))),
    (
        b"\x04\x03\x0d\0\0\0\xc0\0\x02\x07\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\
          \x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0",
        || {
            let totals = Totals { rx_packets: 1, rx_bytes: 2, tx_packets: 3, tx_bytes: 4 };
            Record::Peer(13, 3, Ipv4Addr::new(192, 0, 2, 7).into(), totals)
        },
    ),
    (
        b"\x04\x03\x0d\0\0\0\xc0\0\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
          \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\x01\0\0",
        || {
            let station = Station { nbma: Ipv4Addr::new(192, 0, 2, 7), session: Session::new(265) };
            Record::Peer(13, 3, station, Totals::default())
        },
    ),
    (b"\x06\x03\x0a\0\0\x07spoke7", || Record::Pin(3, Ipv4Addr::new(10, 0, 0, 7), "spoke7".into())),
    (b"\x07\x03\x0a\0\0\x07", || Record::Unpin(3, Ipv4Addr::new(10, 0, 0, 7))),
    (b"\x05\x0d\0\0\0", || Record::PeerGone(13)),
    (b"\x08\x0d\0\0\0\xef\x01\x02\x03\x0a\x01\0\x32\x0f\xd2\0\x0a\0\0\x07\x3c\0", || {
        let pim = Some((210, Ipv4Addr::new(10, 0, 0, 7)));
        let joined = Joined { igmp: true, blocked: true, pim, pruned: Some(60) };
        Record::Join((13, Ipv4Addr::new(239, 1, 2, 3), Some(Ipv4Addr::new(10, 1, 0, 50))), joined)
    }),
    (b"\x08\x0d\0\0\0\xef\x01\x02\x03\0\0\0\0\0\0\0\0\0\0\0\0\0", || {
        Record::Join((13, Ipv4Addr::new(239, 1, 2, 3), None), Joined::default())
    }),
    (
        b"\x09\x05\x01\xef\x01\x02\x03\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\
          \x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0",
        || {
            let base = GroupTotals { packets: 1, bytes: 2, copies: 3, wrong_interface: 4, dropped: 5 };
            Record::Group(261, Ipv4Addr::new(239, 1, 2, 3), None, base)
        },
    ),
    (b"\x0a\x05\x01", || Record::GroupGone(261)),
];

#[test]
fn the_form_on_disk_does_not_change() {
    let bodies = WRITTEN.map(|(body, _)| body.to_vec());
    let records = WRITTEN.map(|(_, record)| record());
    let mut octets = MAGIC.to_vec();
    records.iter().for_each(|r| record::encode(r, &mut octets));
    assert_eq!(octets, file_of(&bodies));
    assert_eq!(parse(&octets), Contents { records: records.to_vec(), lost: 0 });
}

/// Every octet of every kind with every value, cut short anywhere and longer than need be, under a right checksum.
#[test]
fn no_body_is_trouble() {
    let after = b"\x05\x0d\0\0\0".to_vec();
    let check = |body: &[u8]| {
        let contents = read_again(&file_of(&[body.to_vec(), after.clone()]));
        assert_eq!((contents.lost, contents.records.last()), (0, Some(&Record::PeerGone(13))), "{body:?}");
    };
    for (body, _) in WRITTEN {
        (1..body.len()).for_each(|short| check(&body[..short]));
        check(&[body, &[0xff; 9]].concat());
        let mut changed = body.to_vec();
        for at in 0..body.len() {
            for value in 0..=u8::MAX {
                changed[at] = value;
                check(&changed);
            }
            changed[at] = body[at];
        }
    }
    // No sender writes an empty body, or one as long as this: what follows is not looked for.
    for body in [vec![], vec![1; record::MAX_BODY + 1]] {
        assert_eq!(parse(&file_of(&[body, after.clone()])).records, []);
    }
    check(&vec![1; record::MAX_BODY]);
}

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hub-journal-{name}-{}", std::process::id()));
        make_directory(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn appended_records_are_there_after_a_kill_and_compaction_keeps_what_lives() {
    let scratch = Scratch::new("append");
    let path = scratch.0.join("bindings.journal");
    let mut journal = Journal::new(path.clone());
    assert_eq!(journal.read().unwrap(), Contents::default());
    assert!(journal.wants_compaction());
    journal.compact(std::iter::empty()).unwrap();
    assert!(!journal.wants_compaction());
    journal.append(&Record::PeerGone(1));
    journal.flush().unwrap();
    // No destructor runs in a killed process.
    std::mem::forget(journal);
    let mut journal = Journal::new(path);
    assert_eq!(journal.read().unwrap().records, [Record::PeerGone(1)]);
    journal.compact([Record::PeerGone(7)].into_iter()).unwrap();
    for n in 0..200_000 {
        journal.append(&Record::PeerGone(n));
        if n % 10_000 == 0 {
            journal.flush().unwrap();
        }
    }
    journal.flush().unwrap();
    assert!(journal.wants_compaction());
    journal.compact([Record::PeerGone(8)].into_iter()).unwrap();
    // What happens while the new file is on its way to the disk is in both.
    journal.append(&Record::PeerGone(9));
    while journal.compaction.is_some() {
        journal.flush().unwrap();
        std::thread::yield_now();
    }
    journal.flush().unwrap();
    assert_eq!(journal.read().unwrap().records, [Record::PeerGone(8), Record::PeerGone(9)]);
}
