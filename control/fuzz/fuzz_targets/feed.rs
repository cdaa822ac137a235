//! Whatever comes by FPM: it is read or refused, what it says fits together, and what is not said again is forgotten.
#![no_main]

/// The modules of `hub-control` from its socket to the mirror of the routes.
#[path = "../../src"]
#[allow(dead_code, unused_imports, missing_docs)]
mod control {
    pub mod fpm;
    pub mod kernel;
    pub mod netlink;
    pub mod prefix;
    pub mod twins;
}
use control::{fpm, kernel, netlink, prefix, twins};

/// Of `hub-control`'s module only what the mirror compares with.
mod hostroutes {
    pub const PROTOCOL: u8 = 79;
}

use config::Config;
use kernel::{Change, Kernel};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const HUB: &str = r#"
[hub]
name = "fuzz"
[fpm]
listen = "127.0.0.1:2620"
[[vrf]]
name = "RED"
table = 10
[[port]]
name = "wan0"
device = "none"
role = "underlay"
address = ["203.0.113.1/24"]
[[tunnel]]
name = "Tunnel0"
interface = "tun0"
source = "203.0.113.1"
address = "10.255.0.1/16"
nhrp = { network-id = 1 }
[[tunnel]]
name = "Tunnel1"
interface = "tun1"
source = "203.0.113.1"
key = 1
vrf = "RED"
address = "10.255.0.1/16"
nhrp = { network-id = 2 }
"#;

static CONFIG: LazyLock<Config> =
    LazyLock::new(|| Config::parse("hub.toml", HUB).expect("the configuration of this target"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else { return };
    let mut kernel = Kernel::new(&CONFIG);
    let octets = if mode & 1 == 0 { data.to_vec() } else { framed(data) };
    // What changed is what there is, or was.
    let mut changed = BTreeSet::new();
    kernel.fpm_begin();
    let mut counters = fpm::Counters::default();
    let mut buffer = Vec::new();
    for chunk in octets.chunks(1 + usize::from(mode >> 1) * 16) {
        buffer.extend_from_slice(chunk);
        let mut changes = Vec::new();
        let result = fpm::frames(&mut buffer, &mut counters, &mut |notice| {
            if let fpm::Notice::Fact(fact) = notice {
                kernel.fpm_apply(fact, &mut changes);
            }
        });
        changed.extend(changes.iter().filter_map(|change| match change {
            Change::Route(prefix) => Some(*prefix),
            _ => None,
        }));
        if result.is_err() {
            break;
        }
    }
    for prefix in kernel.prefixes() {
        assert!(changed.contains(&prefix), "{prefix:?} came without a word");
        for route in kernel.routes_of(prefix) {
            assert!(kernel.hops(route.set).is_some(), "{prefix:?} leads by a set that is not there");
        }
    }
    kernel.fpm_begin();
    kernel.fpm_sweep(&mut Vec::new());
    assert_eq!(kernel.prefixes().count(), 0, "not told again, and still there");
});

/// Messages of kinds that zebra sends, each in a frame: kind, flags, length of the body, body.
fn framed(mut data: &[u8]) -> Vec<u8> {
    const KINDS: [u16; 5] = [NEW_ROUTE, GONE_ROUTE, NEW_HOP, GONE_HOP, 3];
    let mut octets = Vec::new();
    while let Some(([kind, flags, len], rest)) = data.split_first_chunk() {
        let (body, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        let of = KINDS[usize::from(*kind & 127) % KINDS.len()];
        let body = if *kind < 128 { body.to_vec() } else { formed(of, body) };
        let size = body.len() + 16;
        let Some(header) = wire::fpm::emit(size) else { continue };
        octets.extend_from_slice(&header);
        octets.extend_from_slice(&(size as u32).to_ne_bytes());
        octets.extend_from_slice(&of.to_ne_bytes());
        octets.extend_from_slice(&u16::from(*flags).to_ne_bytes());
        octets.extend_from_slice(&[0; 8]);
        octets.extend_from_slice(&body);
    }
    octets
}

const NEW_ROUTE: u16 = 24;
const GONE_ROUTE: u16 = 25;
const NEW_HOP: u16 = 104;
const GONE_HOP: u16 = 105;
/// Protocol of BGP's routes.
const BGP: u8 = 186;

/// A body as zebra makes it: a good header, then attributes of which each has its kind, its length and its octets. Without
/// that hardly an input comes as far as the mirror.
fn formed(of: u16, data: &[u8]) -> Vec<u8> {
    const LENGTHS: [usize; 8] = [4, 4, 4, 4, 8, 16, 3, 24];
    let Some((first, mut data)) = data.split_first() else { return Vec::new() };
    let mut body = match of {
        NEW_ROUTE | GONE_ROUTE => {
            let table = if *first & 64 == 0 { 254 } else { 10 };
            vec![2, (*first & 63).min(32), 0, 0, table, BGP, 0, 1, 0, 0, 0, 0]
        }
        _ => vec![2, 0, BGP, 0, 0, 0, 0, 0],
    };
    while let Some(([kind, len], rest)) = data.split_first_chunk() {
        let (value, rest) = rest.split_at(LENGTHS[usize::from(*len & 7)].min(rest.len()));
        data = rest;
        body.extend_from_slice(&((value.len() + 4) as u16).to_ne_bytes());
        body.extend_from_slice(&u16::from(*kind & 31).to_ne_bytes());
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    body
}
