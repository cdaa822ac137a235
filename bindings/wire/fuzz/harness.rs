//! What must hold for any octets. Each function is a fuzz target, and a plain test runs it over the captures
//! (`tests/corpus.rs`).
//!
//! Beyond not panicking: what a parser accepts, its emitter writes again octet for octet.

use wire::{arp, checksum, eth, fpm as plane, gre, icmp, igmp, ike, ip4, pcap, pim, tcp, udp};

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

/// Frames of zebra's, one after the other.
pub fn fpm(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((payload, len))) = plane::parse(rest) {
        assert_eq!(len, plane::LEN + payload.len());
        assert_eq!(plane::emit(payload.len()).unwrap(), rest[..plane::LEN]);
        rest = &rest[len..];
    }
}

fn arp(data: &[u8]) {
    if let Ok(packet) = arp::parse(data) {
        let mut out = [0; arp::LEN];
        assert_eq!(packet.emit(&mut out), Some(arp::LEN));
        assert_eq!(out, data[..arp::LEN]);
    }
}

/// IGMP and PIM, whose checksums a fuzzer computes only by luck.
pub fn membership(data: &[u8]) {
    let mut data = data.to_vec();
    if let Some(field) = data.get_mut(2..4) {
        field.fill(0);
        let sum = checksum::checksum(&data);
        data[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    match igmp::parse(&data) {
        Ok(igmp::Message::Report(group)) if data[0] == 0x16 && data.len() == igmp::LEN && data[1] == 0 => {
            assert_eq!(igmp::emit(false, group)[..], data);
        }
        Ok(igmp::Message::Records(records)) => {
            let octets: usize = records.map(|record| 8 + record.sources().count() * 4).sum();
            assert!(octets + igmp::LEN <= data.len());
        }
        _ => {}
    }
    if let Ok(Some(message)) = pim::parse(&data) {
        let sources = |group: pim::Group<'_>| 12 + (group.joined.len() + group.pruned.len()) * 8;
        assert!(message.groups.map(sources).sum::<usize>() + 14 <= data.len());
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

/// An IKE message. Encrypted payloads are opened only by luck, so everything after the header is looked at a second
/// time as if it had been decrypted.
pub fn ike(data: &[u8]) {
    if let Ok(message) = ike::Message::parse(data) {
        assert_eq!(message.octets(), data);
        assert!(ike::Header::peek(data) == Some(message.header()));
        let _ = ike::Trace::from(&message).to_string();
        ike_payloads(message.payloads());
        if let Ok(Some(encrypted)) = message.encrypted() {
            assert!(data.ends_with(encrypted.sealed));
            let head = message.header().encrypted_head(encrypted.first, encrypted.fragment);
            assert_eq!(head.len() - ike::HEADER_LEN + encrypted.sealed.len(), data.len() - encrypted.at());
        }
    }
    if let Some((inner, first)) = data.get(ike::HEADER_LEN..).zip(data.get(16))
        && let Ok(payloads) = ike::Payloads::parse(ike::PayloadType(*first), inner)
    {
        ike_payloads(payloads);
    }
}

/// What can be read is written again and then reads the same.
fn ike_payloads(payloads: ike::Payloads<'_>) {
    let mut chain = ike::Chain::new();
    for payload in payloads {
        ike_payload(&mut chain, &payload);
    }
    assert!(payloads.into_iter().count() <= ike::MAX_PAYLOADS);
    let again = ike::Payloads::parse(chain.first(), chain.octets());
    if let Ok(again) = again {
        let mut twice = ike::Chain::new();
        for payload in again {
            ike_payload(&mut twice, &payload);
        }
        assert_eq!(twice.octets(), chain.octets());
        assert_eq!(format!("{again:?}"), format!("{:?}", twice.payloads().unwrap()));
    } else {
        // Only what may stand at the end of a message alone is not read as part of one that was decrypted.
        assert_eq!(again.err(), Some(ike::ParseError::NestedEncryption));
    }
    let _ = payloads.unknown_critical();
    let _ = format!("{payloads:?}");
}

fn ike_payload(chain: &mut ike::Chain, payload: &ike::Payload<'_>) {
    if ike_known(chain, payload).is_none() {
        chain.raw(ike::PayloadType::Vendor, payload.body);
    }
}

/// Writes the payload; `None`: it cannot be read, or has more in it than is known here.
fn ike_known(chain: &mut ike::Chain, payload: &ike::Payload<'_>) -> Option<()> {
    use ike::PayloadType as P;
    let (kind, body) = (payload.kind, payload.body);
    match kind {
        P::Sa => return ike_proposals(chain, &ike::SecurityAssociation::parse(body).ok()?),
        P::KeyExchange => {
            let exchange = ike::KeyExchange::parse(body).ok()?;
            chain.key_exchange(exchange.method, exchange.data)
        }
        P::IdInitiator | P::IdResponder => {
            let id = ike::Identity::parse(kind, body).ok()?;
            assert!(id.to_string().len() < 200);
            chain.identity(kind, id.kind, id.data)
        }
        P::Certificate => chain.certificate(&ike::Certificate::parse(body).ok()?),
        P::CertificateRequest => chain.certificate_request(&ike::CertificateRequest::parse(body).ok()?),
        P::Authentication => {
            let auth = ike::Authentication::parse(body).ok()?;
            if let Ok(signature) = ike::DigitalSignature::parse(auth.data) {
                let mut out = Vec::new();
                signature.emit(&mut out);
                assert_eq!(out, auth.data);
            }
            chain.authentication(auth.method, auth.data)
        }
        P::Nonce => chain.nonce(ike::check_nonce(body).ok()?),
        P::Notify => {
            let notify = ike::Notify::parse(body).ok()?;
            let _ = (notify.spi32(), notify.data_u16(), notify.nat_detection(), notify.hashes().count());
            chain.notify(&notify)
        }
        P::Delete => {
            let delete = ike::Delete::parse(body).ok()?;
            let spis: Vec<u32> = delete.spis().collect();
            assert!(spis.is_empty() || spis.len() == usize::from(delete.count));
            chain.delete_esp(&spis)
        }
        P::SelectorsInitiator | P::SelectorsResponder => {
            let selectors = ike::Selectors::parse(kind, body).ok()?;
            assert_eq!(selectors.iter().count(), selectors.count());
            let known = selectors.iter().collect::<Option<Vec<_>>>()?;
            chain.selectors(kind, &known)
        }
        _ => chain.raw(kind, body),
    };
    Some(())
}

fn ike_proposals(chain: &mut ike::Chain, sa: &ike::SecurityAssociation<'_>) -> Option<()> {
    let read: Vec<_> = sa.proposals().collect::<Result<_, _>>().ok()?;
    let transforms: Vec<Vec<_>> = read.iter().map(|proposal| proposal.transforms().collect()).collect();
    // Each transform takes eight octets at least.
    assert!(transforms.iter().map(Vec::len).sum::<usize>() <= usize::from(u16::MAX) / 8);
    let specs: Vec<_> = read
        .iter()
        .zip(&transforms)
        .map(|(p, transforms)| ike::ProposalSpec {
            number: p.number,
            protocol: p.protocol,
            spi: p.spi,
            transforms,
        })
        .collect();
    chain.security_association(&specs);
    Some(())
}
