//! A Cisco hub's and a Cisco spoke's answers, octet for octet, from the same requests.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::PacketType;

/// A hub configured like the router that answered: its addresses, password and MTU.
fn like(nbma: [u8; 4], address: [u8; 4], password: &str, mtu: u16) -> TunnelConfig {
    let mut tunnel = TunnelConfig::new(0, nbma.into(), address.into(), 24);
    tunnel.authentication = Some(Authentication::new(password).unwrap());
    tunnel.mtu = mtu;
    tunnel
}

fn of(file: &str) -> Vec<Real> {
    cisco().into_iter().filter(|packet| packet.file.ends_with(file)).collect()
}

/// Every request in `packets` that was answered is answered here with the same octets.
fn same_replies(tunnel: TunnelConfig, packets: &[Real]) -> usize {
    let mut hub = Hub::new(tunnel);
    let mut compared = 0;
    for request in packets.iter().filter(|p| parse(&p.octets).kind() == PacketType::RegistrationRequest) {
        if request.to != hub.server.config().tunnels[0].nbma {
            continue;
        }
        hub.now_ms += 1000;
        let actions = hub.packet(request.from, &request.octets);
        let id = parse(&request.octets).request_id();
        let answered = packets.iter().filter(|p| p.from == request.to && p.frame > request.frame);
        let answer = answered.filter(|p| parse(&p.octets).request_id() == id).min_by_key(|p| p.frame);
        if let Some(answer) = answer {
            assert_eq!(sent(&actions), [(request.from, &answer.octets[..])], "frame {}", request.frame);
            compared += 1;
        }
    }
    compared
}

#[test]
fn registrations_of_nhrp_registration_pcap() {
    let tunnel = like([169, 254, 100, 5], [155, 1, 0, 5], "NHRPAUTH", 17912);
    assert_eq!(same_replies(tunnel, &of("NHRP_registration.pcap")), 2);
}

#[test]
fn registrations_of_nhrp_pcapng_at_both_hubs() {
    let packets = of("nhrp.pcapng");
    let first = like([100, 1, 0, 14], [10, 65, 0, 1], "OTUS", 17916);
    let second = like([100, 1, 0, 15], [10, 64, 0, 1], "OTUS", 17916);
    assert_eq!(same_replies(first, &packets), 3);
    // These are one registration, repeated until and after it was answered; every copy is answered.
    assert_eq!(same_replies(second, &packets), 12);
}

/// The hub of this capture names another of its addresses as responder (155.1.146.6, where the spoke registered at
/// 155.1.0.6); which one is its choice. Everything else is the same.
#[test]
fn registration_of_nhrp_responder_address_pcap() {
    let packets = of("NHRP-responder-address.pcap");
    let mut hub = Hub::new(like([6, 6, 6, 6], [155, 1, 0, 6], "NHRPAUTH", 17912));
    let actions = hub.packet(packets[0].from, &packets[0].octets);
    let mut expected = packets[1].octets.clone();
    let at = expected.windows(4).position(|octets| octets == [155, 1, 146, 6]).unwrap();
    expected[at..at + 4].copy_from_slice(&[155, 1, 0, 6]);
    expected[12..14].fill(0);
    let sum = wire::checksum::checksum(&expected);
    expected[12..14].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(sent(&actions), [(packets[0].from, &expected[..])]);
    let binding = hub.server.binding(0, Ipv4Addr::new(155, 1, 0, 9)).unwrap();
    assert!(!binding.unique && binding.nat_capable && !binding.is_natted());
}

/// No reply of this router was captured: 81 octets, no NAT extension, prefix length 255, holding time 30.
#[test]
fn registration_of_ios_nhrp_pcap() {
    let packet = &of("ios_nhrp.pcap")[0];
    let mut hub = Hub::new(like([10, 0, 12, 1], [192, 168, 0, 1], "CISCO", 1514));
    let actions = hub.packet(packet.from, &packet.octets);
    let (to, reply) = only(&actions);
    assert_eq!((to, reply.kind(), reply.flags().0), (packet.from, PacketType::RegistrationReply, 0x8000));
    // The request with the responder's entry of 20 octets.
    assert_eq!(reply.octets().len(), packet.octets.len() + 20);
    assert_eq!(reply.cies().collect::<Vec<_>>(), parse(&packet.octets).cies().collect::<Vec<_>>());
    let binding = hub.server.binding(0, Ipv4Addr::new(192, 168, 0, 2)).unwrap();
    assert_eq!((binding.unique, binding.holding_time, binding.mtu), (true, 30, 1514));
}

/// The hub of `nhrp-trace.pcap` with both spokes registered.
fn phase3() -> (Hub, Vec<Real>) {
    let mut hub = Hub::new(like([192, 168, 200, 1], [10, 255, 255, 1], "secret", 1514));
    for n in [2, 3] {
        let (nbma, address) = (Ipv4Addr::new(192, 168, 200, n), Ipv4Addr::new(10, 255, 255, n));
        let request = registration(nbma, address).auth("secret");
        let request = request.with(|m| m.head.destination_protocol = Ipv4Addr::new(10, 255, 255, 1).into());
        assert_eq!(codes(&hub.packet(nbma, &request.build())), [0]);
    }
    (hub, of("nhrp-trace.pcap"))
}

#[test]
fn traffic_indication_is_the_cisco_hubs() {
    let (mut hub, packets) = phase3();
    let expected = &packets[0];
    // The data packet that caused it, as far as the indication quotes it.
    let data = parse(&expected.octets).body().to_vec();
    let actions = hub.redirect(expected.to, &[&data[..], &[0; 72]].concat());
    assert_eq!(sent(&actions), [(expected.to, &expected.octets[..])]);
}

#[test]
fn forwarded_resolution_request_is_the_cisco_hubs() {
    let (mut hub, packets) = phase3();
    let actions = hub.packet(packets[1].from, &packets[1].octets);
    assert_eq!(sent(&actions), [(packets[2].to, &packets[2].octets[..])]);
    assert_eq!(hub.server.counters(0).unwrap().forwarded.get(1), 1);
}

/// The Cisco spoke that was asked answers about itself; a server in its place gives the same octets.
#[test]
fn resolution_reply_is_the_cisco_spokes() {
    let packets = of("nhrp-trace.pcap");
    let mut tunnel = like([192, 168, 200, 2], [10, 255, 255, 2], "secret", 1514);
    tunnel.require_registration = false;
    let mut hub = Hub::new(tunnel);
    let actions = hub.packet(packets[2].from, &packets[2].octets);
    let [(to, octets)] = sent(&actions)[..] else { panic!("{actions:?}") };
    // It went to the previous hop; the Cisco spoke built the tunnel first and sent it there.
    assert_eq!((to, octets), (packets[2].from, &packets[3].octets[..]));
}

#[test]
fn a_reply_through_the_hub_gets_the_reverse_record() {
    let (mut hub, packets) = phase3();
    let actions = hub.packet(packets[3].from, &packets[3].octets);
    let (to, copy) = only(&actions);
    let original = parse(&packets[3].octets);
    assert_eq!((to, copy.hop_count()), (packets[3].to, 254));
    assert_eq!(copy.octets().len(), packets[3].octets.len() + 20);
    let record = copy.extension(wire::nhrp::ExtensionType::ReverseTransit).unwrap();
    let record: Vec<_> = copy.list(&record).collect();
    assert_eq!(record.len(), 1);
    assert_eq!(v4(record[0].nbma), Some(Ipv4Addr::new(192, 168, 200, 1)));
    assert_eq!(copy.body(), original.body());
}
