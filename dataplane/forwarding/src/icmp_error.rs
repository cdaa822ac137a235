//! ICMP errors about packets that cannot go on.
//!
//! In: an inner IPv4 packet with a checked header, as it was received (TTL not yet lowered). Out: the same buffer as
//! an ICMP error to its source, to be routed like any other packet; or nothing, when an error must not be sent. RFC 792
//! for the formats, RFC 1191 4 for the MTU, RFC 1812 5.2.7.1 for the codes, 4.3.2 for size, precedence and when to be silent. Rates are the
//! caller's: see [`crate::limiter`].

use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;
use wire::{icmp, ip4};

/// TTL of what the hub itself sends into the overlay.
pub const TTL: u8 = 64;
/// Octets in front of the quote.
const HEADERS: usize = ip4::LEN + icmp::LEN;
/// Octets quoted at most, so that the whole stays within 576.
const QUOTE: usize = icmp::MAX_ERROR - HEADERS;
/// Smallest MTU a link may have (RFC 791 3.2), so the smallest that is told.
const MIN_MTU: u16 = 68;

/// What is wrong with the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Its time to live ran out here.
    TtlExceeded,
    /// It must not be fragmented and is larger than the next hop takes: `mtu` octets.
    FragmentationNeeded {
        /// IP MTU of the next hop.
        mtu: u16,
    },
    /// There is no route to its destination.
    NetUnreachable,
    /// There is a route, and what it leads to is not there.
    HostUnreachable,
}

/// Why no error is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// No IPv4 header.
    Malformed,
    /// It is an ICMP error itself, or an ICMP message of unknown kind.
    IcmpError,
    /// A fragment other than the first.
    LaterFragment,
    /// Sent to many: multicast or broadcast.
    ToMany,
    /// Its source is no single host: zero, loopback, multicast, broadcast or reserved.
    FromNobody,
    /// No room in front of the packet.
    NoHeadroom,
}

/// Whether an error may be sent about a packet (RFC 1812 4.3.2.7). That it did not come as a link-layer broadcast is
/// for the caller to know.
pub fn eligible(packet: &[u8]) -> Result<(), Silence> {
    let ip = ip4::parse_unsummed(packet).map_err(|_| Silence::Malformed)?;
    let (source, destination) = (ip.source(), ip.destination());
    // From 224.0.0.0 on there are multicast, reserved addresses and the limited broadcast.
    if destination.octets()[0] >= 224 {
        return Err(Silence::ToMany);
    }
    if source.octets()[0] >= 224 || source.octets()[0] == 0 || source.is_loopback() {
        return Err(Silence::FromNobody);
    }
    if ip.fragment_offset() != 0 {
        return Err(Silence::LaterFragment);
    }
    if ip.protocol() == ip4::protocol::ICMP && !ip.payload().first().is_some_and(|kind| icmp::is_query(*kind))
    {
        return Err(Silence::IcmpError);
    }
    Ok(())
}

/// Turns the packet into an error about itself, sent from `from` (an address of the interface it came in by). On
/// silence the packet is unchanged.
pub fn build<B: PacketBuffer>(packet: &mut B, problem: Problem, from: Ipv4Addr) -> Result<(), Silence> {
    eligible(packet.data())?;
    let ip = ip4::parse_unsummed(packet.data()).map_err(|_| Silence::Malformed)?;
    let (to, quote) = (ip.source(), ip.total_len().min(QUOTE));
    if packet.headroom() < HEADERS {
        return Err(Silence::NoHeadroom);
    }
    packet.truncate(quote);
    packet.prepend(HEADERS).ok_or(Silence::NoHeadroom)?;
    let (kind, code, rest) = match problem {
        Problem::TtlExceeded => (icmp::TIME_EXCEEDED, 0, [0; 4]),
        Problem::FragmentationNeeded { mtu } => {
            let [high, low] = mtu.max(MIN_MTU).to_be_bytes();
            (icmp::UNREACHABLE, icmp::FRAGMENTATION_NEEDED, [0, 0, high, low])
        }
        Problem::NetUnreachable => (icmp::UNREACHABLE, icmp::NET_UNREACHABLE, [0; 4]),
        Problem::HostUnreachable => (icmp::UNREACHABLE, icmp::HOST_UNREACHABLE, [0; 4]),
    };
    let header = ip4::Fields {
        // RFC 1812 4.3.2.5: errors have precedence 6.
        tos: ip4::TOS_CS6,
        // At most 576.
        total_len: (HEADERS + quote) as u16,
        // An unfragmentable packet needs no identification (RFC 6864 4.1).
        id: 0,
        flags_offset: ip4::FLAG_DF,
        ttl: TTL,
        protocol: ip4::protocol::ICMP,
        source: from,
        destination: to,
    };
    let data = packet.data_mut();
    if let Some(message) = data.get_mut(ip4::LEN..) {
        icmp::emit(message, kind, code, rest).ok_or(Silence::Malformed)?;
    }
    header.emit(data).ok_or(Silence::Malformed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryPool;
    use etherparse::{IcmpEchoHeader, Icmpv4Type, PacketBuilder, SlicedPacket, TransportSlice, icmpv4};
    use proptest::prelude::*;
    use wire::buffer::BufferPool;

    const HUB: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);

    fn udp(payload: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let builder = PacketBuilder::ipv4([10, 1, 0, 1], [10, 2, 0, 2], 1).udp(5000, 33434);
        builder.write(&mut out, &vec![0x5a; payload]).unwrap();
        out
    }

    /// What another implementation reads of the error about `packet`: kind and quote.
    fn error(packet: &[u8], problem: Problem) -> Result<(Icmpv4Type, Vec<u8>), Silence> {
        let mut buffer = MemoryPool::new(1, 4096).with(packet).unwrap();
        let result = build(&mut buffer, problem, HUB);
        if let Err(silence) = result {
            assert_eq!(buffer.data(), packet);
            return Err(silence);
        }
        let slice = SlicedPacket::from_ip(buffer.data()).unwrap();
        let ip = etherparse::Ipv4HeaderSlice::from_slice(buffer.data()).unwrap();
        assert_eq!(ip.source_addr(), HUB);
        assert_eq!(ip.destination(), packet[12..16]);
        assert_eq!((ip.ttl(), ip.dcp().value()), (64, 48));
        assert_eq!(ip.to_header().calc_header_checksum(), ip.header_checksum());
        assert_eq!(usize::from(ip.total_len()), buffer.len());
        let Some(TransportSlice::Icmpv4(message)) = slice.transport else { panic!("no ICMP") };
        assert!(icmp::parse(&buffer.data()[20..]).is_ok());
        Ok((message.icmp_type(), message.payload().to_vec()))
    }

    #[test]
    fn time_exceeded_quotes_the_whole_of_a_short_packet() {
        let packet = udp(32);
        let (kind, quote) = error(&packet, Problem::TtlExceeded).unwrap();
        assert_eq!(kind, Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit));
        assert_eq!(quote, packet);
    }

    #[test]
    fn fragmentation_needed_tells_the_mtu_and_stays_within_576() {
        let packet = udp(1472);
        let (kind, quote) = error(&packet, Problem::FragmentationNeeded { mtu: 1400 }).unwrap();
        let expected = icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1400 };
        assert_eq!(kind, Icmpv4Type::DestinationUnreachable(expected));
        assert_eq!(quote, packet[..548]);
        let (kind, _) = error(&packet, Problem::FragmentationNeeded { mtu: 1 }).unwrap();
        let expected = icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 68 };
        assert_eq!(kind, Icmpv4Type::DestinationUnreachable(expected));
    }

    #[test]
    fn unreachable_tells_net_from_host() {
        let packet = udp(32);
        for (problem, header) in [
            (Problem::NetUnreachable, icmpv4::DestUnreachableHeader::Network),
            (Problem::HostUnreachable, icmpv4::DestUnreachableHeader::Host),
        ] {
            let (kind, quote) = error(&packet, problem).unwrap();
            assert_eq!((kind, quote), (Icmpv4Type::DestinationUnreachable(header), packet.clone()));
        }
    }

    #[test]
    fn padding_is_not_quoted() {
        let mut packet = udp(2);
        let len = packet.len();
        packet.extend([0xee; 16]);
        let (_, quote) = error(&packet, Problem::TtlExceeded).unwrap();
        assert_eq!(quote, packet[..len]);
    }

    #[test]
    fn silence_where_rfc1812_wants_it() {
        let silent = |packet: &[u8]| error(packet, Problem::TtlExceeded).unwrap_err();
        let with = |at: usize, value: &[u8]| {
            let mut packet = udp(32);
            packet[at..at + value.len()].copy_from_slice(value);
            packet
        };
        for source in [[0, 0, 0, 0], [0, 1, 2, 3], [127, 0, 0, 1], [224, 0, 0, 5], [240, 0, 0, 1], [255; 4]] {
            assert_eq!(silent(&with(12, &source)), Silence::FromNobody, "{source:?}");
        }
        for destination in [[224, 0, 0, 5], [239, 1, 1, 1], [255; 4]] {
            assert_eq!(silent(&with(16, &destination)), Silence::ToMany, "{destination:?}");
        }
        assert_eq!(silent(&with(6, &[0x20, 0x01])), Silence::LaterFragment);
        assert!(error(&with(6, &[0x20, 0x00]), Problem::TtlExceeded).is_ok(), "a first fragment");
        assert_eq!(silent(&udp(32)[..19]), Silence::Malformed);
    }

    #[test]
    fn never_an_error_about_an_error() {
        for kind in 0..=255u8 {
            let mut packet = Vec::new();
            let echo = Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 2 });
            PacketBuilder::ipv4([10, 1, 0, 1], [10, 2, 0, 2], 1)
                .icmpv4(echo)
                .write(&mut packet, b"abc")
                .unwrap();
            packet[20] = kind;
            let result = error(&packet, Problem::TtlExceeded);
            if icmp::is_query(kind) {
                assert!(result.is_ok(), "{kind}");
            } else {
                assert_eq!(result, Err(Silence::IcmpError), "{kind}");
            }
        }
        let mut empty = udp(32);
        empty[9] = ip4::protocol::ICMP;
        empty[2..4].copy_from_slice(&[0, 20]);
        assert_eq!(error(&empty, Problem::TtlExceeded), Err(Silence::IcmpError), "no type at all");
    }

    #[test]
    fn no_headroom_is_silence() {
        let mut buffer = MemoryPool::new(1, 2048).with(&udp(32)).unwrap();
        let room = buffer.headroom() - HEADERS + 1;
        let fill = vec![0; room];
        let packet = udp(32);
        buffer.prepend(room).unwrap().copy_from_slice(&fill);
        buffer.data_mut()[..packet.len()].copy_from_slice(&packet);
        assert_eq!(build(&mut buffer, Problem::TtlExceeded, HUB), Err(Silence::NoHeadroom));
    }

    proptest! {
        #[test]
        fn any_octets_are_safe(mut data in proptest::collection::vec(any::<u8>(), 0..700), plausible: bool) {
            if plausible && data.len() > 20 {
                data[0] = 0x45;
                let total = (data.len() as u16).to_be_bytes();
                data[2..4].copy_from_slice(&total);
            }
            let mut buffer = MemoryPool::new(1, 1024).allocate().unwrap();
            buffer.append(data.len()).unwrap().copy_from_slice(&data);
            match build(&mut buffer, Problem::TtlExceeded, HUB) {
                Err(_) => prop_assert_eq!(buffer.data(), &data),
                Ok(()) => {
                    prop_assert!(buffer.len() <= icmp::MAX_ERROR);
                    prop_assert_eq!(&buffer.data()[HEADERS..], &data[..buffer.len() - HEADERS]);
                }
            }
        }
    }
}
