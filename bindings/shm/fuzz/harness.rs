//! What must hold for whatever a stranger wrote into a slot: decoding does not panic, no index that comes out of it is
//! beyond its bound, and a message that is accepted is the one its sender would have written, octet by octet.

use shm::codec::{EventSlot, InjectSlot, PACKET_WORDS, UPDATE_WORDS, UpdateSlot};
use shm::counters::{MAX_PORTS, MAX_TUNNELS};
use shm::drops::DropReason;
use shm::message::{Event, MAX_EXCERPT, MAX_LINKS, MAX_PAYLOAD, Target, Update};
use zerocopy::IntoBytes;

/// Sizes of segments: the bound of peers is the only one that a configuration moves.
const MAX_PEERS: [u32; 3] = [1, 1_000, shm::MAX_PEERS];

/// The octets as words, at most `most`; what is left over at the end is no word.
fn words(data: &[u8], most: usize) -> Vec<u64> {
    let whole = data.as_chunks::<8>().0.iter().take(most);
    whole.map(|octets| u64::from_ne_bytes(*octets)).collect()
}

/// A slot of the updates ring.
pub fn update(data: &[u8]) {
    let words = words(data, UPDATE_WORDS - 1);
    for max_peers in MAX_PEERS {
        let Ok(update) = UpdateSlot::decode_words(&words, max_peers) else { continue };
        update_bounds(&update, max_peers);
        let slot = UpdateSlot::encode(&update, max_peers).expect("what was accepted can be sent");
        assert_eq!(slot.as_bytes(), words.as_bytes(), "{update:?}");
    }
}

fn update_bounds(update: &Update, max_peers: u32) {
    let link = |id: u16| assert!(usize::from(id) < MAX_LINKS);
    let port = |id: u8| assert!(usize::from(id) < MAX_PORTS);
    let tunnel = |id: u8| assert!(usize::from(id) < MAX_TUNNELS);
    let peer = |id: u32| assert!(id < max_peers);
    match *update {
        Update::Begin { generation } | Update::End { generation } => assert_ne!(generation, 0),
        Update::Link { id, port: of, .. } => (link(id), port(of)).0,
        Update::LinkDelete { id } => link(id),
        Update::Peer { id, tunnel: of, link: by, .. } => (peer(id), tunnel(of), link(by)).0,
        Update::PeerDelete { id } => peer(id),
        Update::Route { len, target, .. } => {
            assert!(len <= 32);
            match target {
                Target::Peer(id) => peer(id),
                Target::Link(id) => link(id),
                Target::Tunnel(id) => tunnel(id),
                Target::Port(id) | Target::Glean(id) => port(id),
                Target::Unresolved | Target::Drop => {}
            }
        }
        Update::RouteDelete { len, .. } => assert!(len <= 32),
    }
}

/// A slot of an event ring.
pub fn event(data: &[u8]) {
    let words = words(data, PACKET_WORDS - 1);
    for max_peers in MAX_PEERS {
        let Ok(event) = EventSlot::decode(&words, max_peers) else { continue };
        let packet = match event {
            Event::Nhrp { tunnel, packet, .. } => {
                assert!(usize::from(tunnel) < MAX_TUNNELS && packet.len() <= MAX_PAYLOAD);
                packet
            }
            Event::Redirect { tunnel, peer, packet, .. } => {
                assert!(usize::from(tunnel) < MAX_TUNNELS && peer < max_peers);
                assert!(packet.len() <= MAX_EXCERPT);
                packet
            }
            Event::Refused { reason, .. } => {
                assert!(usize::from(reason) < DropReason::COUNT);
                &[]
            }
            Event::Glean { port, .. } => {
                assert!(usize::from(port) < MAX_PORTS);
                &[]
            }
        };
        let mut out = [u64::MAX; PACKET_WORDS];
        let used = EventSlot::encode(&event, max_peers, &mut out).expect("what was accepted can be sent");
        same(&words, &out[..used], size_of::<EventSlot>() + packet.len());
        assert_eq!(EventSlot::decode(&out[..used], max_peers), Ok(event));
    }
}

/// A slot of the inject ring.
pub fn inject(data: &[u8]) {
    let words = words(data, PACKET_WORDS - 1);
    let Ok(inject) = InjectSlot::decode(&words) else { return };
    assert!(usize::from(inject.tunnel) < MAX_TUNNELS && usize::from(inject.link) < MAX_LINKS);
    assert!(inject.packet.len() <= MAX_PAYLOAD);
    let mut out = [u64::MAX; PACKET_WORDS];
    let used = InjectSlot::encode(&inject, &mut out).expect("what was accepted can be sent");
    same(&words, &out[..used], size_of::<InjectSlot>() + inject.packet.len());
    assert_eq!(InjectSlot::decode(&out[..used]), Ok(inject));
}

/// Equal in all octets that mean something; those that fill the last word up are zero when we write them.
fn same(given: &[u64], written: &[u64], octets: usize) {
    assert_eq!(given.len(), written.len());
    assert_eq!(given.as_bytes()[..octets], written.as_bytes()[..octets]);
    assert!(written.as_bytes()[octets..].iter().all(|octet| *octet == 0));
}
