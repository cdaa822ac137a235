//! [`Target`] as a kind and a number, in a route and in a way of several.

use super::{Malformed, below};
use crate::counters::{MAX_PORTS, MAX_TUNNELS};
use crate::message::{MAX_LINKS, MAX_PATHS, Target};

const PEER: u8 = 1;
const LINK: u8 = 2;
const TUNNEL: u8 = 3;
const PORT: u8 = 4;
const GLEAN: u8 = 5;
const UNRESOLVED: u8 = 6;
const DROP: u8 = 7;
const PATHS: u8 = 8;

pub(super) fn raw(target: Target) -> (u8, u32) {
    match target {
        Target::Peer(peer) => (PEER, peer),
        Target::Link(link) => (LINK, link.into()),
        Target::Tunnel(tunnel) => (TUNNEL, tunnel.into()),
        Target::Port(port) => (PORT, port.into()),
        Target::Glean(port) => (GLEAN, port.into()),
        Target::Paths(paths) => (PATHS, paths),
        Target::Unresolved => (UNRESOLVED, 0),
        Target::Drop => (DROP, 0),
    }
}

/// A number that the kind does not use is ignored: the caller compares what it has with [`raw`].
pub(super) fn decode(kind: u8, number: u32, max_peers: u32) -> Result<Target, Malformed> {
    let small = |field, bound| {
        let value = below(field, number, bound)?;
        u8::try_from(value).map_err(|_| Malformed::Value(field))
    };
    Ok(match kind {
        PEER => Target::Peer(below("peer", number, max_peers as usize)?),
        LINK => {
            let link = below("link", number, MAX_LINKS)?;
            Target::Link(link.try_into().map_err(|_| Malformed::Value("link"))?)
        }
        TUNNEL => Target::Tunnel(small("tunnel", MAX_TUNNELS)?),
        PORT => Target::Port(small("port", MAX_PORTS)?),
        GLEAN => Target::Glean(small("port", MAX_PORTS)?),
        PATHS => Target::Paths(below("paths", number, MAX_PATHS)?),
        UNRESOLVED => Target::Unresolved,
        DROP => Target::Drop,
        kind => return Err(Malformed::Kind(kind)),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All but [`Target::Paths`].
    pub(crate) fn way(max_peers: u32) -> impl Strategy<Value = Target> {
        prop_oneof![
            (0..max_peers).prop_map(Target::Peer),
            (0..MAX_LINKS as u16).prop_map(Target::Link),
            (0..MAX_TUNNELS as u8).prop_map(Target::Tunnel),
            (0..MAX_PORTS as u8).prop_map(Target::Port),
            (0..MAX_PORTS as u8).prop_map(Target::Glean),
            Just(Target::Unresolved),
            Just(Target::Drop),
        ]
    }

    pub(crate) fn target(max_peers: u32) -> impl Strategy<Value = Target> {
        prop_oneof![7 => way(max_peers), 1 => (0..MAX_PATHS as u32).prop_map(Target::Paths)]
    }

    #[test]
    fn every_number_is_below_its_bound() {
        for (kind, bound) in [
            (PEER, 7),
            (LINK, MAX_LINKS as u32),
            (TUNNEL, MAX_TUNNELS as u32),
            (PORT, MAX_PORTS as u32),
            (GLEAN, MAX_PORTS as u32),
            (PATHS, MAX_PATHS as u32),
        ] {
            let last = decode(kind, bound - 1, 7).unwrap();
            assert_eq!(raw(last), (kind, bound - 1));
            for beyond in [bound, bound | 1 << 16, u32::MAX] {
                assert!(matches!(decode(kind, beyond, 7), Err(Malformed::Bound { .. })), "{last:?}");
            }
        }
        assert_eq!(
            [0, 9, 255].map(|kind| decode(kind, 0, 7)),
            [0, 9, 255].map(|kind| Err(Malformed::Kind(kind)))
        );
    }
}
