use super::*;
use wire::nhrp::{Builder, Cie, CieCode, ExtensionType, Head, IndicationHead};

const HUB: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const HUB_TUNNEL: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 99);

fn common() -> Common {
    Common { hub: HUB, hub_tunnel: HUB_TUNNEL, password: None, unique: false, holdtime: 60, shortcut: true }
}

fn client(n: u8) -> Client {
    let me = Identity {
        index: n.into(),
        nbma: [203, 0, 113, n].into(),
        claimed: [203, 0, 113, n].into(),
        tunnel: [10, 255, 0, n].into(),
        lan: Some(format!("10.100.{n}.0/24").parse().unwrap()),
    };
    Client::new(me, 0)
}

fn tick(client: &mut Client, common: &Common, now: u64) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    client.tick(common, now, &mut out);
    sent(out, HUB)
}

fn sent(out: Vec<Output>, expected: Ipv4Addr) -> Vec<Vec<u8>> {
    out.into_iter()
        .filter_map(|output| match output {
            Output::Send(to, packet) => {
                assert_eq!(to, expected);
                Some(packet)
            }
            Output::Tell(_) => None,
        })
        .collect()
}

fn parse(octets: &[u8]) -> Packet<'_> {
    Packet::parse(octets, ChecksumRule::Strict).unwrap()
}

/// The hub's answer to a registration, seen from `seen`.
fn reply(request: &[u8], code: CieCode, seen: Ipv4Addr) -> Vec<u8> {
    let request = parse(request);
    let mut builder = Builder::message(&Head {
        kind: PacketType::RegistrationReply,
        hop_count: 255,
        flags: request.flags(),
        request_id: request.request_id(),
        source_nbma: request.source_nbma(),
        source_protocol: request.source_protocol(),
        destination_protocol: HUB_TUNNEL.into(),
    });
    builder.cie(&Cie { code, ..request.cies().next().unwrap() });
    let nat = Cie { nbma: Some(seen.into()), protocol: Some(request.source_protocol()), ..Cie::EMPTY };
    builder.list(ExtensionType::Nat, false, [&nat]).end();
    builder.finish().unwrap()
}

#[test]
fn registers_retries_with_the_same_id_and_refreshes_with_a_new_one() {
    let (mut client, common) = (client(11), common());
    let first = tick(&mut client, &common, 0);
    let request = parse(&first[0]);
    assert_eq!(request.kind(), PacketType::RegistrationRequest);
    assert_eq!(request.ipv4_addresses(), Some((client.me.nbma, client.me.tunnel, HUB_TUNNEL)));
    let cies: Vec<Cie> = request.cies().collect();
    assert_eq!((cies.len(), cies[0].prefix_len, cies[0].holding_time, cies[0].nbma), (1, 32, 60, None));
    let mut at = 0;
    for wait in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000] {
        assert!(tick(&mut client, &common, at + wait - 1).is_empty());
        at += wait;
        assert_eq!(tick(&mut client, &common, at), first, "the same request again");
    }
    let mut out = Vec::new();
    client.packet(&common, HUB, &reply(&first[0], CieCode::Ok, client.me.nbma), at + 5, &mut out);
    let [Output::Tell(Report::Registered { took_ms, public: None, .. })] = out[..] else { panic!("{out:?}") };
    assert_eq!(took_ms, at + 5);
    assert!(client.registered(at + 60_004) && !client.registered(at + 60_005));
    assert!(tick(&mut client, &common, at + 20_004).is_empty());
    let refresh = tick(&mut client, &common, at + 20_005);
    assert_eq!(parse(&refresh[0]).request_id(), request.request_id() + 1);
    out.clear();
    client.packet(&common, HUB, &reply(&first[0], CieCode::Ok, HUB), at + 20_006, &mut out);
    assert!(out.is_empty(), "an answer to an old request is none");
}

#[test]
fn a_refusal_is_told_once_and_unique_says_so() {
    let (mut client, common) = (client(11), Common { unique: true, ..common() });
    for round in 0..3u64 {
        let now = round * 20_000;
        let request = tick(&mut client, &common, now);
        assert!(parse(&request[0]).flags().has(Flags::UNIQUE));
        let mut out = Vec::new();
        client.packet(&common, HUB, &reply(&request[0], CieCode::AlreadyRegistered, PUBLIC), now, &mut out);
        assert_eq!(out.len(), usize::from(round == 0));
        assert!(!client.registered(now));
    }
}

/// Two clients and a hub that only passes on: indication, request, reply, direct way, purge.
#[test]
fn a_shortcut_comes_and_goes() {
    let common = Common { password: Some(b"secret".to_vec()), ..common() };
    let (mut one, mut two) = (client(11), client(12));
    // The second one is behind NAT and knows it.
    two.public = Some(PUBLIC);
    one.next_registration = u64::MAX;
    let target = Ipv4Addr::new(10, 100, 12, 10);
    let excerpt = [&[0x45; 16][..], &target.octets(), &[0; 8]].concat();
    let indication = |password: &[u8]| {
        let mut builder = Builder::indication(&IndicationHead {
            hop_count: 255,
            code: 0,
            source_nbma: HUB.into(),
            source_protocol: HUB_TUNNEL.into(),
            destination_protocol: one.me.tunnel.into(),
        });
        builder.body(&excerpt).authentication(password).end();
        builder.finish().unwrap()
    };
    let (wrong, right) = (indication(b"wrong"), indication(b"secret"));
    let mut out = Vec::new();
    one.packet(&common, HUB, &wrong, 0, &mut out);
    assert!(tick(&mut one, &common, 0).is_empty(), "a wrong password is not obeyed");
    one.packet(&common, HUB, &right, 0, &mut out);
    one.packet(&common, HUB, &right, 0, &mut out);
    let requests = tick(&mut one, &common, 0);
    assert_eq!(requests.len(), 1, "one request however many indications");
    assert_eq!(parse(&requests[0]).ipv4_addresses(), Some((one.me.nbma, one.me.tunnel, target)));
    assert_eq!(tick(&mut one, &common, 1_000), requests);

    two.packet(&common, HUB, &requests[0], 0, &mut out);
    let replies = sent(std::mem::take(&mut out), HUB);
    let reply = parse(&replies[0]);
    assert_eq!(reply.kind(), PacketType::ResolutionReply);
    assert_eq!(reply.request_id(), parse(&requests[0]).request_id());
    assert!(reply.authentication().unwrap().matches(b"secret"));

    assert_eq!(one.next_hop(&common, target, 1_500), HUB);
    one.packet(&common, HUB, &replies[0], 1_500, &mut out);
    let [Output::Tell(Report::Shortcut { ref prefix, via, nbma, .. })] = out[..] else { panic!("{out:?}") };
    assert_eq!((prefix.as_str(), via, nbma), ("10.100.12.0/24", two.me.tunnel, PUBLIC));
    assert_eq!(one.next_hop(&common, target, 1_500), PUBLIC);
    assert_eq!(one.next_hop(&common, target, 61_500), HUB, "until it expires");
    assert!(tick(&mut one, &common, 2_000).is_empty());

    let mut purge = Builder::message(&Head {
        kind: PacketType::PurgeRequest,
        hop_count: 255,
        flags: Flags(0),
        request_id: 77,
        source_nbma: HUB.into(),
        source_protocol: HUB_TUNNEL.into(),
        destination_protocol: one.me.tunnel.into(),
    });
    purge.cie(&Cie { prefix_len: 32, protocol: Some(two.me.tunnel.into()), ..Cie::EMPTY });
    purge.authentication(b"secret").end();
    out.clear();
    one.packet(&common, HUB, &purge.finish().unwrap(), 3_000, &mut out);
    assert_eq!(one.next_hop(&common, target, 3_000), HUB);
    let answers = sent(out, HUB);
    assert_eq!((parse(&answers[0]).kind(), parse(&answers[0]).request_id()), (PacketType::PurgeReply, 77));
}

#[test]
fn a_resolution_without_answer_is_given_up() {
    let (mut client, common) = (client(11), common());
    client.next_registration = u64::MAX;
    client.resolve([10, 100, 12, 1].into(), 0);
    let mut requests = 0;
    while client.deadline() != u64::MAX {
        let now = client.deadline();
        requests += tick(&mut client, &common, now).len();
    }
    assert_eq!(requests as u32, RESOLUTION_TRIES);
    client.resolve(client.me.tunnel, 0);
    assert_eq!(client.deadline(), u64::MAX, "its own address needs no resolution");
}
