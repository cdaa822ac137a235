//! What must hold for whatever a stranger wrote into a slot: decoding does not panic, no index that comes out of it is
//! beyond its bound, and a message that is accepted is the one its sender would have written, octet by octet.

use shm::codec::{EventSlot, InjectSlot, PACKET_WORDS, UPDATE_WORDS, decode_update, encode_update};
use shm::counters::{MAX_PORTS, MAX_TUNNELS};
use shm::drops::DropReason;
use shm::message::{
    Encap, Event, IKE_PORT, Incoming, Inject, MAX_EXCERPT, MAX_LINKS, MAX_PATHS, MAX_PAYLOAD, MAX_WAYS,
    MAX_WINDOW, MIN_WINDOW, NAT_T_PORT, Protection, RESERVED_SPIS, Target, Update, is_routable_group,
    max_groups, max_sas, sa_of,
};
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
        let Ok(update) = decode_update(&words, max_peers) else { continue };
        update_bounds(&update, max_peers);
        let mut out = [u64::MAX; UPDATE_WORDS];
        let used = encode_update(&update, max_peers, &mut out).expect("what was accepted can be sent");
        assert_eq!(out[..used], words, "{update:?}");
    }
}

fn update_bounds(update: &Update, max_peers: u32) {
    let link = |id: u16| assert!(usize::from(id) < MAX_LINKS);
    let port = |id: u8| assert!(usize::from(id) < MAX_PORTS);
    let tunnel = |id: u8| assert!(usize::from(id) < MAX_TUNNELS);
    let peer = |id: u32| assert!(id < max_peers);
    match update.clone() {
        Update::Begin { generation } | Update::End { generation } => assert_ne!(generation, 0),
        Update::Link { id, port: of, .. } => (link(id), port(of)).0,
        Update::LinkDelete { id } => link(id),
        Update::Peer { id, tunnel: of, link: by, protection, .. } => {
            (peer(id), tunnel(of), link(by), protection_bounds(protection, max_peers)).0
        }
        Update::PeerDelete { id } => peer(id),
        Update::Route { len, target, .. } => {
            assert!(len <= 32);
            target_bounds(target, max_peers);
        }
        Update::Paths { id, ways } => {
            assert!((id as usize) < MAX_PATHS && (1..=MAX_WAYS).contains(&ways.as_slice().len()));
            for way in ways.as_slice() {
                assert!(!matches!(way, Target::Paths(_)));
                target_bounds(*way, max_peers);
            }
        }
        Update::PathsDelete { id } => assert!((id as usize) < MAX_PATHS),
        Update::RouteDelete { len, .. } => assert!(len <= 32),
        Update::SaInbound(sa) => {
            assert!(sa.id < max_sas(max_peers) && sa_of(sa.spi) == sa.id && sa.spi > RESERVED_SPIS);
            assert!(sa.window.is_power_of_two() && (MIN_WINDOW..=MAX_WINDOW).contains(&sa.window));
            assert!(sa.udp != Some(0) && (sa.encap == Encap::Plain || sa.udp.is_some()));
            assert_eq!(sa.keys.material().len(), sa.keys.transform().material_len());
        }
        Update::SaOutbound(sa) => {
            assert!(sa.id < max_sas(max_peers) && sa.spi > RESERVED_SPIS && sa.hard_packets > 0);
            assert_eq!(sa.keys.material().len(), sa.keys.transform().material_len());
        }
        Update::SaDelete { id, .. } => assert!(id < max_sas(max_peers)),
        Update::Group { id, route } => {
            assert!(u32::from(id) < max_groups(max_peers) && is_routable_group(route.group));
            match route.incoming {
                Incoming::Tunnel(id) => tunnel(id),
                Incoming::Port(id) => port(id),
                Incoming::Kernel => {}
            }
        }
        Update::GroupDelete { id } => assert!(u32::from(id) < max_groups(max_peers)),
        Update::GroupMember { id, peer: of } | Update::GroupMemberDelete { id, peer: of } => {
            peer(of);
            assert!(u32::from(id) < max_groups(max_peers));
        }
    }
}

fn target_bounds(target: Target, max_peers: u32) {
    match target {
        Target::Peer(id) => assert!(id < max_peers),
        Target::Link(id) => assert!(usize::from(id) < MAX_LINKS),
        Target::Tunnel(id) => assert!(usize::from(id) < MAX_TUNNELS),
        Target::Port(id) | Target::Glean(id) => assert!(usize::from(id) < MAX_PORTS),
        Target::Paths(id) => assert!((id as usize) < MAX_PATHS),
        Target::Unresolved | Target::Drop => {}
    }
}

fn protection_bounds(protection: Option<Protection>, max_peers: u32) {
    if let Some(protection) = protection {
        assert!(protection.sa.is_none_or(|sa| sa < max_sas(max_peers)) && protection.udp != Some(0));
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
            Event::Membership { tunnel, peer, packet, .. } => {
                assert!(usize::from(tunnel) < MAX_TUNNELS && peer < max_peers);
                assert!(packet.len() <= MAX_PAYLOAD);
                packet
            }
            Event::Refused { reason, .. } => {
                assert!(usize::from(reason) < DropReason::COUNT);
                &[]
            }
            Event::Ike { local_port, packet, .. } => {
                assert!([IKE_PORT, NAT_T_PORT].contains(&local_port) && packet.len() <= MAX_PAYLOAD);
                packet
            }
            Event::Moved { sa, port, .. } => {
                assert!(sa < max_sas(max_peers) && port != Some(0));
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
    for max_peers in MAX_PEERS {
        let Ok(inject) = InjectSlot::decode(&words, max_peers) else { continue };
        assert!(usize::from(inject.link()) < MAX_LINKS && inject.packet().len() <= MAX_PAYLOAD);
        match inject {
            Inject::Nhrp { tunnel, protection, .. } => {
                assert!(usize::from(tunnel) < MAX_TUNNELS);
                protection_bounds(protection, max_peers);
            }
            Inject::Ike { local_port, port, .. } => {
                assert!([IKE_PORT, NAT_T_PORT].contains(&local_port) && port != 0);
            }
            Inject::Twin { tunnel, .. } => assert!(usize::from(tunnel) < MAX_TUNNELS),
        }
        let mut out = [u64::MAX; PACKET_WORDS];
        let used = InjectSlot::encode(&inject, max_peers, &mut out).expect("what was accepted can be sent");
        same(&words, &out[..used], size_of::<InjectSlot>() + inject.packet().len());
        assert_eq!(InjectSlot::decode(&out[..used], max_peers), Ok(inject));
    }
}

/// Equal in all octets that mean something; those that fill the last word up are zero when we write them.
fn same(given: &[u64], written: &[u64], octets: usize) {
    assert_eq!(given.len(), written.len());
    assert_eq!(given.as_bytes()[..octets], written.as_bytes()[..octets]);
    assert!(written.as_bytes()[octets..].iter().all(|octet| *octet == 0));
}
