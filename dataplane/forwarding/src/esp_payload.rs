//! What was in an opened ESP packet?
//!
//! In: an authentic plaintext. Out: GRE to [`crate::gre_input`], known by the SA's session. Drops: `esp_bad_pad`,
//! `esp_bad_next_header`, `esp_dummy`, `ecn_invalid`; refuses (control is told): `sa_selector_mismatch`. RFC 4303 2.4, 2.6,
//! RFC 4301 5.2.

use crate::ecn;
use crate::gre_input::{gre_input, gre_refused};
use crate::interfaces::Interfaces;
use crate::meta::{Meta, Verdict};
use crate::sa::{Inbound, Inner};
use shm::drops::DropReason;
use wire::esp::{self, TrailerError, next_header};
use wire::ip4;

/// The end of an authentic plaintext, which begins at `at` in its buffer, and what it says that the rest is.
#[inline(always)]
pub(crate) fn esp_payload(
    interfaces: &Interfaces,
    sa: &Inbound,
    text: &[u8],
    at: usize,
    meta: &mut Meta,
) -> Verdict {
    let trailer = match esp::trailer(text) {
        Ok(trailer) => trailer,
        Err(TrailerError::Length | TrailerError::Pattern) => {
            return Verdict::Drop(DropReason::EspBadPad);
        }
    };
    let payload = text.get(..trailer.payload_len).unwrap_or_default();
    meta.station = sa.session;
    match (trailer.next_header, sa.inner()) {
        (next_header::GRE, None) => decapsulate(interfaces, payload, at, meta),
        (next_header::IPV4, Some(inner)) => tunnel_input(interfaces, inner, payload, at, meta),
        // RFC 4303 2.6.
        (next_header::NONE, _) => Verdict::Drop(DropReason::EspDummy),
        _ => Verdict::Drop(DropReason::EspBadNextHeader),
    }
}

/// Tunnel mode: the packet within must be GRE between the addresses that were negotiated (RFC 4301 5.2 step 4). Its own
/// length counts: padding of RFC 4303 2.7 may follow.
#[inline(always)]
fn tunnel_input(
    interfaces: &Interfaces,
    inner: Inner,
    payload: &[u8],
    at: usize,
    meta: &mut Meta,
) -> Verdict {
    let mismatch = Verdict::Refuse(DropReason::SaSelectorMismatch, Some(meta.source));
    let Ok(packet) = ip4::parse(payload) else { return mismatch };
    let of_peer = packet.source().to_bits() == inner.remote && packet.destination().to_bits() == inner.local;
    if !of_peer || packet.protocol() != ip4::protocol::GRE || packet.is_fragment() {
        return mismatch;
    }
    // RFC 6040 4.2, once for each header that is taken off.
    let Some(ecn) = ecn::decapsulated(packet.ecn(), meta.outer_tos) else {
        return Verdict::Drop(DropReason::EcnInvalid);
    };
    meta.outer_tos = packet.tos() & !3 | ecn;
    decapsulate(interfaces, packet.payload(), at + packet.header_len(), meta)
}

#[inline(always)]
fn decapsulate(interfaces: &Interfaces, data: &[u8], at: usize, meta: &mut Meta) -> Verdict {
    match gre_input::<true>(interfaces, data, at, meta) {
        Some(verdict) => verdict,
        None => gre_refused::<true>(interfaces, data, meta),
    }
}
