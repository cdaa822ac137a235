//! Clamp of TCP's maximum segment size.
//!
//! In: any inner IPv4 packet with a checked header. A SYN or SYN-ACK that offers a larger segment than the tunnel
//! carries has its offer lowered, so that endpoints never send what would be fragmented (RFC 9293 3.7.1 defines the
//! option; rewriting it is what operators know as `ip tcp adjust-mss`). Everything else leaves unchanged: nothing is
//! inserted, nothing dropped.

use wire::checksum;
use wire::ip4::{self, protocol};
use wire::tcp;

/// Lowers the MSS option of a SYN to at most `max` octets; says whether it did. `packet` starts at the IPv4 header.
#[inline(always)]
pub fn clamp(packet: &mut [u8], max: u16) -> bool {
    let Some(header) = ip4::Header::of(packet) else { return false };
    if header.protocol() != protocol::TCP {
        return false;
    }
    clamp_tcp(packet, max)
}

fn clamp_tcp(packet: &mut [u8], max: u16) -> bool {
    let Ok(ip) = ip4::parse_unsummed(packet) else { return false };
    // The checksum covers octets that another fragment holds; and a fragmented SYN is no honest one.
    if ip.is_fragment() {
        return false;
    }
    let Ok(segment) = tcp::parse(ip.payload()) else { return false };
    if segment.header.flags & tcp::FLAG_SYN == 0 {
        return false;
    }
    let Some((at, offered)) = tcp::find_mss(&segment) else { return false };
    if offered <= max {
        return false;
    }
    // At an odd offset the value lies across two words of the sum, which is the same as swapping its octets
    // (RFC 1071 2B).
    let (old, new) =
        if at.is_multiple_of(2) { (offered, max) } else { (offered.swap_bytes(), max.swap_bytes()) };
    let sum = checksum::update16(segment.header.checksum.get(), old, new);
    let start = ip.header_len();
    let Some(octets) = packet.get_mut(start..) else { return false };
    let Some(value) = octets.get_mut(at..at + 2) else { return false };
    value.copy_from_slice(&max.to_be_bytes());
    let Some(field) = octets.get_mut(16..18) else { return false };
    field.copy_from_slice(&sum.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, TcpOptionElement};
    use proptest::prelude::*;

    /// A SYN made by another implementation.
    fn syn(options: &[TcpOptionElement], ack: bool, payload: &[u8]) -> Vec<u8> {
        let mut builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1024, 179, 5, 512).syn();
        if ack {
            builder = builder.ack(9);
        }
        let builder = builder.options(options).unwrap();
        let mut out = Vec::new();
        builder.write(&mut out, payload).unwrap();
        out
    }

    /// The MSS as another implementation reads it, and whether the checksum is right by its reckoning.
    fn read(packet: &[u8]) -> (Option<u16>, bool) {
        let slice = etherparse::SlicedPacket::from_ip(packet).unwrap();
        let ip = etherparse::Ipv4HeaderSlice::from_slice(packet).unwrap();
        let Some(etherparse::TransportSlice::Tcp(tcp)) = slice.transport else { panic!("no TCP") };
        let mss = tcp.options_iterator().find_map(|option| match option {
            Ok(TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
            _ => None,
        });
        let header = tcp.to_header();
        (mss, header.calc_checksum_ipv4(&ip.to_header(), tcp.payload()).unwrap() == tcp.checksum())
    }

    #[test]
    fn lowers_only() {
        use TcpOptionElement::{MaximumSegmentSize, Noop, WindowScale};
        for ack in [false, true] {
            let mut packet = syn(&[MaximumSegmentSize(1460), Noop, WindowScale(7)], ack, b"");
            assert!(clamp(&mut packet, 1360));
            assert_eq!(read(&packet), (Some(1360), true));
            assert!(!clamp(&mut packet, 1360));
            let same = packet.clone();
            assert!(!clamp(&mut packet, 1400));
            assert_eq!(packet, same);
        }
        assert!(!clamp(&mut syn(&[WindowScale(7)], false, b""), 1360), "nothing is inserted");
    }

    #[test]
    fn leaves_all_but_syn_alone() {
        let mut packet = syn(&[TcpOptionElement::MaximumSegmentSize(1460)], false, b"");
        packet[33] = tcp::FLAG_ACK;
        assert!(!clamp(&mut packet, 1360));
        packet[33] = tcp::FLAG_SYN;
        for word in [0x2000u16, 0x0001, 0x2001] {
            let mut fragment = packet.clone();
            ip4::Header::of_mut(&mut fragment).unwrap().set_flags_offset(word);
            assert!(!clamp(&mut fragment, 1360), "fragment {word:#x}");
        }
        let mut udp = packet.clone();
        udp[9] = protocol::UDP;
        assert!(!clamp(&mut udp, 1360));
        for short in 0..packet.len() {
            assert!(!clamp(&mut packet.clone()[..short], 1360));
        }
    }

    proptest! {
        #[test]
        fn checksum_holds_at_every_offset(
            noops in 0usize..10, mss: u16, max: u16, payload in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let mut options = vec![TcpOptionElement::Noop; noops];
            options.push(TcpOptionElement::MaximumSegmentSize(mss));
            let mut packet = syn(&options, false, &payload);
            let before = packet.clone();
            prop_assert_eq!(clamp(&mut packet, max), mss > max);
            prop_assert_eq!(read(&packet), (Some(mss.min(max)), true));
            let changed = packet.iter().zip(&before).filter(|(a, b)| a != b).count();
            prop_assert!(changed <= 4, "only the value and the checksum");
        }

        #[test]
        fn hostile_segments_are_safe(mut tcp in proptest::collection::vec(0u8..8, 0..60), offset in 4u8..16) {
            if tcp.len() > 13 {
                tcp[12] = offset << 4;
                tcp[13] = tcp::FLAG_SYN;
            }
            let fields = ip4::Fields {
                tos: 0,
                total_len: (20 + tcp.len()) as u16,
                id: 0,
                flags_offset: 0,
                ttl: 9,
                protocol: protocol::TCP,
                source: [10, 0, 0, 1].into(),
                destination: [10, 0, 0, 2].into(),
            };
            let mut packet = fields.header().octets().to_vec();
            packet.extend(&tcp);
            let before = packet.clone();
            if !clamp(&mut packet, 0) {
                prop_assert_eq!(packet, before);
            }
        }
    }
}
