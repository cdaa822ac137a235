//! Which class a packet for the hub itself belongs to.
//!
//! By EtherType, IP protocol and well-known port, of either side: the hub's daemons call out as well. A fragment
//! without ports belongs to its protocol's class where the protocol alone tells (OSPF, ICMP ...), else to the rest: who
//! floods with fragments takes nothing from BGP. IPv4 only, as all the hub is.

use shm::class::Class;
use shm::message::{IKE_PORT, NAT_T_PORT};
use std::net::Ipv4Addr;
use wire::eth;
use wire::ip4::{Header, protocol};

/// RFC 3376.
const IGMP: u8 = 2;
/// RFC 7868.
const EIGRP: u8 = 88;
/// RFC 7761.
const PIM: u8 = 103;
/// RFC 9568.
const VRRP: u8 = 112;

/// TCP port of BGP, RFC 4271.
const BGP: u16 = 179;
/// UDP port of RIP, RFC 2453.
const RIP: u16 = 520;
/// UDP port of HSRP, RFC 2281.
const HSRP: u16 = 1985;
/// UDP ports of BFD: control and echo (RFC 5881), multihop (RFC 5883).
const BFD: [u16; 3] = [3784, 3785, 4784];

/// Class of an IPv4 packet.
pub(crate) fn of_packet(packet: &[u8]) -> Class {
    let Some(header) = Header::of(packet) else { return Class::Rest };
    match header.protocol() {
        protocol::OSPF | EIGRP | PIM | IGMP | VRRP => Class::Routing,
        protocol::ICMP => Class::Icmp,
        protocol @ (protocol::TCP | protocol::UDP) if header.fragment_offset() == 0 => {
            let ports = packet.get(header.header_len()..).and_then(<[u8]>::first_chunk::<4>);
            let Some([a, b, c, d]) = ports else { return Class::Rest };
            of_ports(protocol, [u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])])
        }
        _ => Class::Rest,
    }
}

/// `ports`: source, destination.
fn of_ports(protocol: u8, ports: [u16; 2]) -> Class {
    let one_of = |wanted: &[u16]| ports.iter().any(|port| wanted.contains(port));
    if protocol == protocol::TCP {
        return if one_of(&[BGP]) { Class::Routing } else { Class::Rest };
    }
    if one_of(&[RIP, HSRP]) || one_of(&BFD) {
        Class::Routing
    } else if one_of(&[IKE_PORT, NAT_T_PORT]) {
        Class::Ike
    } else {
        Class::Rest
    }
}

/// Class of an Ethernet frame.
pub(crate) fn of_frame(frame: &[u8]) -> Class {
    let Ok(header) = eth::parse(frame) else { return Class::Rest };
    match header.ethertype {
        eth::TYPE_ARP => Class::Arp,
        eth::TYPE_IPV4 => of_packet(frame.get(header.header_len..).unwrap_or_default()),
        _ => Class::Rest,
    }
}

/// Who sent the IPv4 packet that a frame holds.
pub(crate) fn sender(frame: &[u8]) -> Option<Ipv4Addr> {
    let header = eth::parse(frame).ok().filter(|header| header.ethertype == eth::TYPE_IPV4)?;
    Some(Header::of(frame.get(header.header_len..)?)?.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::eth::Mac;
    use wire::ip4::{FLAG_MF, Fields};

    fn packet(protocol: u8, flags_offset: u16, payload: &[u8]) -> Vec<u8> {
        let fields = Fields {
            tos: 0,
            total_len: (20 + payload.len()) as u16,
            id: 7,
            flags_offset,
            ttl: 1,
            protocol,
            source: Ipv4Addr::new(10, 0, 0, 2),
            destination: Ipv4Addr::new(10, 0, 0, 1),
        };
        let mut packet = vec![0; 20];
        fields.emit(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    fn ports(source: u16, destination: u16) -> Vec<u8> {
        [source.to_be_bytes(), destination.to_be_bytes()].concat()
    }

    /// Every protocol of every class, by protocol number, source and destination port.
    const KNOWN: &[(&str, u8, u16, u16, Class)] = &[
        ("BGP, called", 6, 40000, 179, Class::Routing),
        ("BGP, calling", 6, 179, 40000, Class::Routing),
        ("OSPF", 89, 0x0201, 44, Class::Routing),
        ("EIGRP", 88, 0x0205, 0, Class::Routing),
        ("RIP", 17, 520, 520, Class::Routing),
        ("BFD", 17, 49152, 3784, Class::Routing),
        ("BFD echo", 17, 3785, 3785, Class::Routing),
        ("BFD multihop", 17, 49153, 4784, Class::Routing),
        ("PIM", 103, 0x2000, 0, Class::Routing),
        ("IGMP", 2, 0x2200, 0, Class::Routing),
        ("VRRP", 112, 0x2101, 0, Class::Routing),
        ("HSRP", 17, 1985, 1985, Class::Routing),
        ("IKE", 17, 500, 500, Class::Ike),
        ("IKE through a NAT", 17, 31234, 4500, Class::Ike),
        ("ICMP", 1, 0x0800, 0, Class::Icmp),
        ("SSH", 6, 40000, 22, Class::Rest),
        ("UDP 179 is no BGP", 17, 179, 179, Class::Rest),
        ("TCP 520 is no RIP", 6, 520, 520, Class::Rest),
        ("TCP 500 is no IKE", 6, 500, 500, Class::Rest),
        ("SNMP", 17, 40000, 161, Class::Rest),
        ("DHCP", 17, 68, 67, Class::Rest),
        ("ESP", 50, 0, 500, Class::Rest),
        ("GRE", 47, 0, 0x0800, Class::Rest),
        ("no such protocol", 253, 179, 179, Class::Rest),
    ];

    #[test]
    fn every_protocol_has_its_class() {
        for (what, protocol, source, destination, class) in KNOWN {
            let packet = packet(*protocol, 0, &ports(*source, *destination));
            assert_eq!(of_packet(&packet), *class, "{what}");
            for vlan in [None, Some(7)] {
                let mut frame = vec![0; eth::emitted_len(vlan)];
                eth::emit(&mut frame, Mac([2; 6]), Mac([4; 6]), vlan, eth::TYPE_IPV4).unwrap();
                frame.extend_from_slice(&packet);
                assert_eq!(of_frame(&frame), *class, "{what}");
                assert_eq!(sender(&frame), Some(Ipv4Addr::new(10, 0, 0, 2)));
            }
        }
    }

    #[test]
    fn frames_that_are_no_ip() {
        let frame = |ethertype| {
            let mut frame = vec![0; eth::LEN];
            eth::emit(&mut frame, Mac::BROADCAST, Mac([4; 6]), None, ethertype).unwrap();
            frame
        };
        assert_eq!(of_frame(&frame(eth::TYPE_ARP)), Class::Arp);
        assert_eq!((sender(&frame(eth::TYPE_ARP)), sender(&frame(eth::TYPE_IPV4))), (None, None));
        assert_eq!(of_frame(&frame(0x88cc)), Class::Rest);
        assert_eq!(of_frame(&frame(eth::TYPE_IPV4)), Class::Rest, "without an IP header");
    }

    #[test]
    fn fragments_go_by_what_they_tell() {
        // The first has the ports.
        assert_eq!(of_packet(&packet(6, FLAG_MF, &ports(40000, 179))), Class::Routing);
        // The others have not, whatever stands there.
        for offset in [1, FLAG_MF | 1, 185] {
            for protocol in [6, 17] {
                assert_eq!(of_packet(&packet(protocol, offset, &ports(179, 3784))), Class::Rest);
            }
            assert_eq!(of_packet(&packet(89, offset, &[0; 8])), Class::Routing);
            assert_eq!(of_packet(&packet(1, offset, &[0; 8])), Class::Icmp);
        }
    }

    #[test]
    fn options_stand_before_the_ports() {
        // IGMP and RSVP carry router alert (RFC 2113).
        let mut packet = packet(6, 0, &[&[0x94, 4, 0, 0][..], &ports(40000, 179)].concat());
        packet[0] = 0x46;
        assert_eq!(of_packet(&packet), Class::Routing);
    }

    #[test]
    fn what_is_cut_short_is_the_rest() {
        let whole = packet(17, 0, &ports(500, 500));
        for len in 0..whole.len() {
            assert_eq!(of_packet(&whole[..len]), Class::Rest, "{len}");
        }
    }
}
