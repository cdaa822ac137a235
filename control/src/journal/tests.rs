//! Cut anywhere, damaged anywhere: what was complete before is read, and nothing is made up.

use super::*;
use crate::peers::Totals;
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn record() -> impl Strategy<Value = Record> {
    let address = any::<u32>().prop_map(Ipv4Addr::from);
    let totals = any::<[u64; 4]>().prop_map(|[a, b, c, d]| Totals {
        rx_packets: a,
        rx_bytes: b,
        tx_packets: c,
        tx_bytes: d,
    });
    prop_oneof![
        (any::<u8>(), "[a-z0-9]{1,15}").prop_map(|(id, name)| Record::Tunnel(id, name)),
        (any::<(u8, [u32; 3], [bool; 3])>(), any::<(u16, u16, u32, u64, u64)>()).prop_map(|(a, b)| {
            let (tunnel, [protocol, nbma, claimed], [unique, nat_capable, multicast]) = a;
            let (mtu, holding_time, request_id, created, expires) = b;
            let [protocol, nbma, claimed] = [protocol, nbma, claimed].map(Ipv4Addr::from);
            Record::Bind(Binding {
                tunnel,
                protocol,
                nbma,
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
        (any::<u32>(), any::<u8>(), address, totals)
            .prop_map(|(id, t, a, base)| Record::Peer(id, t, a, base)),
        any::<u32>().prop_map(Record::PeerGone),
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
