//! What must hold for any octets. Each function is a fuzz target, and a plain test runs it over the captures
//! (`tests/corpus.rs`).
//!
//! Beyond not panicking: what a parser accepts, its emitter writes again octet for octet.

use wire::{arp, checksum, eth, gre, icmp, ip4, pcap, tcp, udp};

/// GRE in GRE is followed this deep.
const NESTING: usize = 4;

/// An Ethernet frame and all that it carries.
pub fn frame(data: &[u8]) {
    let Ok(frame) = eth::parse(data) else { return };
    let header = &data[..frame.header_len];
    let mut out = [0; eth::LEN_TAGGED];
    let len = eth::emit(&mut out, frame.destination, frame.source, frame.vlan, frame.ethertype);
    assert_eq!(len, Some(frame.header_len));
    match frame.vlan {
        // Priority and drop eligibility are not kept.
        Some(_) => {
            assert_eq!(out[..14], header[..14]);
            assert_eq!((out[14], out[15]), (header[14] & 0x0f, header[15]));
            assert_eq!(out[16..], header[16..]);
        }
        None => assert_eq!(&out[..eth::LEN], header),
    }
    let payload = &data[frame.header_len..];
    match frame.ethertype {
        eth::TYPE_ARP => arp(payload),
        eth::TYPE_IPV4 => ip(payload),
        _ => {}
    }
}

fn arp(data: &[u8]) {
    if let Ok(packet) = arp::parse(data) {
        let mut out = [0; arp::LEN];
        assert_eq!(packet.emit(&mut out), Some(arp::LEN));
        assert_eq!(out, data[..arp::LEN]);
    }
}

/// An IPv4 packet and all that it carries. Checksums are computed by the fuzzer only by luck, so the packet is looked
/// at a second time with a right one.
pub fn ip(data: &[u8]) {
    let _ = ip4::parse(data);
    ip_at(data, 0);
}

fn ip_at(data: &[u8], depth: usize) {
    let Ok(packet) = ip4::parse_unsummed(data) else { return };
    assert!(packet.header_len() >= ip4::LEN && packet.header_len() <= ip4::MAX_HEADER);
    assert_eq!(packet.header_len() + packet.payload().len(), packet.total_len());
    assert_eq!(packet.octets(), &data[..packet.total_len()]);
    let mut fixed = data.to_vec();
    ip4::fill_checksum(&mut fixed).unwrap();
    assert!(ip4::parse(&fixed).is_ok());
    setters(&mut fixed);
    if packet.header_len() == ip4::LEN {
        let fields = ip4::Fields {
            tos: packet.tos(),
            total_len: packet.total_len_field(),
            id: packet.id(),
            flags_offset: packet.flags_offset(),
            ttl: packet.ttl(),
            protocol: packet.protocol(),
            source: packet.source(),
            destination: packet.destination(),
        };
        let header = fields.header().octets();
        assert_eq!((&header[..10], &header[12..]), (&data[..10], &data[12..20]));
        assert!(checksum::verify(&header));
    }
    if packet.is_fragment() {
        return;
    }
    match packet.protocol() {
        ip4::protocol::GRE => gre_at(packet.payload(), depth),
        ip4::protocol::UDP => udp(&packet),
        ip4::protocol::TCP => tcp(packet.payload()),
        ip4::protocol::ICMP => icmp(packet.payload()),
        _ => {}
    }
}

fn setters(packet: &mut [u8]) {
    let header = ip4::Header::of_mut(packet).unwrap();
    let ttl = header.ttl();
    assert_eq!(header.decrement_ttl().is_some(), ttl > 1);
    header.set_tos(!header.tos());
    header.set_id(header.id().wrapping_add(1));
    header.set_flags_offset(header.flags_offset() ^ ip4::FLAG_DF);
    assert!(ip4::parse(packet).is_ok());
}

fn gre_at(data: &[u8], depth: usize) {
    let Ok(packet) = gre::parse(data) else { return };
    assert_eq!(packet.payload, &data[packet.header_len..]);
    let mut out = [0; gre::LEN_KEYED];
    let len = gre::emit(&mut out, packet.key, packet.protocol).unwrap();
    // Reserved bits are ignored; checksum and sequence are never sent.
    if data[0] & 0xdf == 0 && data[1] == 0 {
        assert_eq!(out[..len], data[..packet.header_len]);
    }
    match packet.protocol {
        gre::PROTO_IPV4 if depth < NESTING => ip_at(packet.payload, depth + 1),
        _ => {}
    }
}

fn udp(packet: &ip4::Packet<'_>) {
    let (from, to) = (packet.source(), packet.destination());
    if let Ok(datagram) = udp::parse(packet.payload(), from, to) {
        let mut out = vec![0; udp::LEN];
        out.extend(datagram.payload);
        udp::emit(&mut out, datagram.source, datagram.destination, from, to).unwrap();
        assert_eq!(udp::parse(&out, from, to), Ok(datagram));
    }
}

fn tcp(data: &[u8]) {
    let Ok(segment) = tcp::parse(data) else { return };
    assert_eq!(tcp::LEN + segment.options.len() + segment.payload.len(), data.len());
    if let Some((at, value)) = tcp::find_mss(&segment) {
        let [high, low] = value.to_be_bytes();
        assert_eq!(data[at - 2..at + 2], [tcp::OPTION_MSS, 4, high, low]);
        assert!(at + 2 <= tcp::LEN + segment.options.len());
    }
}

fn icmp(data: &[u8]) {
    if let Ok(message) = icmp::parse(data) {
        let mut out = vec![0; icmp::LEN];
        out.extend(message.body);
        icmp::emit(&mut out, message.kind, message.code, message.rest).unwrap();
        assert_eq!(icmp::parse(&out), Ok(message));
    }
}

/// A capture file.
pub fn pcap(data: &[u8]) {
    let Ok(reader) = pcap::Reader::new(data) else { return };
    let packets: Vec<_> = reader.packets().map_while(Result::ok).collect();
    let mut writer = pcap::Writer::new(reader.link());
    for packet in &packets {
        writer.packet(packet.time_ns, packet.data);
    }
    let file = writer.finish();
    let again = pcap::Reader::new(&file).unwrap();
    assert_eq!(again.link(), reader.link());
    assert_eq!(again.packets().count(), packets.len());
    for (again, packet) in again.packets().zip(&packets) {
        assert_eq!(again.unwrap().data, packet.data);
    }
}
