//! Which flow a packet belongs to, so that all of its packets take one of several ways.
//!
//! A flow is two addresses, a protocol, and of TCP and UDP the ports. A fragment counts by its addresses and protocol
//! only, also the first one, which has the ports: so all fragments of a datagram go one way (RFC 2992 leaves open what a
//! flow is; RFC 6438 2 asks that its packets arrive in order).

use crate::recent::hash;
use wire::ip4::{Header, protocol};

/// A number of the flow that the IPv4 packet at the start of `data` belongs to, spread over all bits. With another `seed`
/// flows meet otherwise: routers in a row that all spread alike would leave ways unused.
#[inline]
pub(crate) fn flow(seed: u64, data: &[u8]) -> u32 {
    let Some(header) = Header::of(data) else { return 0 };
    let addresses = u64::from(header.source().to_bits()) << 32 | u64::from(header.destination().to_bits());
    let ports = match header.protocol() {
        protocol::TCP | protocol::UDP if !header.is_fragment() => {
            let ports = data.get(header.header_len()..).and_then(|payload| payload.first_chunk::<4>());
            ports.map_or(0, |ports| u32::from_be_bytes(*ports))
        }
        _ => 0,
    };
    let transport = u64::from(header.protocol()) << 32 | u64::from(ports);
    (hash(hash(addresses, seed), transport) >> 32) as u32
}
