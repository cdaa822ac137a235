//! ESP and UDP to the source of a tunnel with protection: which of them, and whole enough to be looked at?
//!
//! In: what such an outer packet carries. Out: ESP to [`crate::esp_open`], IKE to control, UDP to other ports to where it
//! went before. Drops: `esp_short`, `natt_keepalive`, `natt_short`, `ike_malformed`. RFC 3948 3, RFC 7296 2.23.

use crate::meta::{Meta, Verdict};
use shm::drops::DropReason;
use wire::esp::{self, Encapsulated};
use wire::udp;

/// Octets of an IKE header (RFC 7296 3.1).
const IKE_HEADER: usize = 28;

/// An ESP packet that begins at `at` in its buffer and came from UDP port `port`; 0: plain.
#[inline(always)]
pub(crate) fn esp_packet(data: &[u8], at: usize, port: u16, meta: &mut Meta) -> Verdict {
    let Some(header) = esp::parse(data) else { return Verdict::Drop(DropReason::EspShort) };
    // The outer packet is at most 65,535 octets long, and the Ethernet header in front of it 18.
    (meta.at, meta.len) = (at as u16, data.len() as u16);
    (meta.source, meta.destination) = (header.spi.get(), header.sequence.get());
    Verdict::Esp(port)
}

/// A UDP datagram that begins at `at` in its buffer. `None`: it is for neither IKE nor ESP.
///
/// The checksum is not looked at: ESP and IKE have a better one, and translators may have spoilt it (RFC 3948 2.1, 3.1).
#[inline(always)]
pub(crate) fn udp_input(data: &[u8], at: usize, meta: &mut Meta) -> Option<Verdict> {
    let (source, destination, length) = match data {
        [s0, s1, d0, d1, l0, l1, _, _, ..] => {
            let word = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
            (word(s0, s1), word(d0, d1), usize::from(word(l0, l1)))
        }
        // Not even a header, so to no port that could be anybody's.
        _ => return Some(Verdict::Drop(DropReason::NattShort)),
    };
    if destination != esp::PORT_NATT && destination != esp::PORT_IKE {
        return None;
    }
    let payload = match data.get(..length).and_then(|datagram| datagram.get(udp::LEN..)) {
        // Nobody can answer to port 0.
        Some(payload) if source != 0 => payload,
        _ => return Some(Verdict::Drop(DropReason::NattShort)),
    };
    let at = at + udp::LEN;
    if destination == esp::PORT_IKE {
        return Some(ike_message(payload, at, source, false, meta));
    }
    Some(match esp::demultiplex(payload) {
        Encapsulated::Esp(packet) => esp_packet(packet, at, source, meta),
        Encapsulated::Ike(message) => {
            ike_message(message, at + esp::NON_ESP_MARKER.len(), source, true, meta)
        }
        Encapsulated::Keepalive => Verdict::Drop(DropReason::NattKeepalive),
        Encapsulated::Short => Verdict::Drop(DropReason::NattShort),
    })
}

#[cold]
fn ike_message(message: &[u8], at: usize, port: u16, natt: bool, meta: &mut Meta) -> Verdict {
    if message.len() < IKE_HEADER {
        return Verdict::Drop(DropReason::IkeMalformed);
    }
    (meta.at, meta.len) = (at as u16, message.len() as u16);
    Verdict::Ike { port, natt }
}
