//! What AUTH covers, and AUTH by a pre-shared key (RFC 7296 2.15).

use crate::crypto::{Prf, Secret};

/// Number of "Shared Key Message Integrity Code".
pub const METHOD_SHARED_KEY: u8 = 2;

/// One side's octets for AUTH.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// That side's IKE_SA_INIT message as it was sent (of requests the last one, with its cookie), from the initiator's
    /// SPI on: no UDP header, no non-ESP marker.
    pub message: &'a [u8],
    /// The other side's nonce, without payload header.
    pub peer_nonce: &'a [u8],
    /// Body of that side's ID payload: from its ID type on.
    pub identity: &'a [u8],
    /// `IntAuth_i | IntAuth_r | message id of IKE_AUTH` after IKE_INTERMEDIATE (RFC 9242 3.3.2).
    pub intermediate: Option<&'a [u8]>,
}

impl Signed<'_> {
    /// The octets: `message | nonce | prf(SK_p, identity) [| IntAuth]`; `payload_key` is that side's SK_p.
    #[must_use]
    pub fn octets(&self, prf: Prf, payload_key: &Secret) -> Vec<u8> {
        let identity = prf.compute(payload_key.expose(), &[self.identity]);
        let parts = [self.message, self.peer_nonce, identity.expose(), self.intermediate.unwrap_or_default()];
        parts.concat()
    }
}

/// `prf(prf(key, "Key Pad for IKEv2"), octets)`: the AUTH data of method 2. Compare it with [`Secret::equals`].
#[must_use]
pub fn shared_key(prf: Prf, key: &Secret, octets: &[u8]) -> Secret {
    let padded = prf.compute(key.expose(), &[b"Key Pad for IKEv2"]);
    prf.compute(padded.expose(), &[octets])
}

/// `IntAuth(n) = prf(SK_p, IntAuth(n-1) | A | P)` of one side (RFC 9242 3.3.2).
///
/// `head` is the message from the IKE header to the end of the Encrypted payload's generic header, of a fragmented
/// message that of the message before it was cut up; `inner` is P, the inner payloads as plaintext. The lengths in
/// `head` do not matter: A has them as if the body of the Encrypted payload were P. `None` if `head` is too short.
#[must_use]
pub fn intermediate(
    prf: Prf,
    payload_key: &Secret,
    previous: Option<&Secret>,
    head: &[u8],
    inner: &[u8],
) -> Option<Secret> {
    let mut head = head.to_vec();
    crate::crypto::envelope::set_lengths(&mut head, crate::crypto::Envelope::Whole, inner.len())?;
    let previous = previous.map_or(&[][..], Secret::expose);
    Some(prf.compute(payload_key.expose(), &[previous, &head, inner]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(length: u8, payload: u8) -> Vec<u8> {
        let mut head = vec![7; 24];
        head.extend_from_slice(&[0, 0, 0, length]);
        head.extend_from_slice(&[34, 0, 0, payload]);
        head
    }

    /// RFC 9242 3.3.2, spelt out with the prf.
    #[test]
    fn intauth_covers_the_message_as_if_it_were_not_encrypted() {
        let (prf, key) = (Prf::Sha256, Secret::copy_of(&[1; 32]));
        let inner = [2; 9];
        // Whatever the lengths are on the wire, A has those of 28 + 4 + 9 and 4 + 9 octets.
        let first = intermediate(prf, &key, None, &head(99, 71), &inner).unwrap();
        assert_eq!(first.expose(), prf.compute(&[1; 32], &[&head(41, 13), &inner]).expose());
        let second = intermediate(prf, &key, Some(&first), &head(0, 0), &[]).unwrap();
        assert_eq!(second.expose(), prf.compute(&[1; 32], &[first.expose(), &head(32, 4)]).expose());
        assert!(intermediate(prf, &key, None, &head(0, 0)[1..], &[]).is_none());
    }

    #[test]
    fn intauth_is_the_last_of_the_signed_octets() {
        let signed =
            Signed { message: b"message", peer_nonce: b"nonce", identity: b"id", intermediate: Some(b"int") };
        let octets = signed.octets(Prf::Sha256, &Secret::copy_of(b"key"));
        let identity = Prf::Sha256.compute(b"key", &[b"id"]);
        assert_eq!(octets, [b"messagenonce", identity.expose(), b"int"].concat());
    }
}
