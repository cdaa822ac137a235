//! A message in fragments, put together (RFC 7383 2.6). Every fragment here was authenticated.

use wire::ike::{Fragment, PayloadType};
use zeroize::Zeroizing;

/// Fragments of a message at most: far more than any has.
pub(crate) const MAX_FRAGMENTS: u16 = 64;
/// Octets of a message at most.
const MAX_OCTETS: usize = 65_536;
/// An incomplete message is kept so long.
const LIFETIME_MS: u64 = 30_000;

/// A message of which something is missing.
pub(crate) struct Reassembly {
    pub(crate) id: u32,
    pub(crate) response: bool,
    total: u16,
    first: PayloadType,
    parts: Vec<Option<Zeroizing<Vec<u8>>>>,
    pub(crate) until_ms: u64,
}

/// A whole message: type of the first payload, and the payloads.
pub(crate) type Whole = (PayloadType, Zeroizing<Vec<u8>>);

impl Reassembly {
    pub(crate) fn new(now_ms: u64, id: u32, response: bool, total: u16) -> Self {
        Self {
            id,
            response,
            total,
            first: PayloadType::None,
            parts: (0..total).map(|_| None).collect(),
            until_ms: now_ms.saturating_add(LIFETIME_MS),
        }
    }

    /// Whether a fragment is of no use, before it is decrypted: there already, or of a division into fewer.
    pub(crate) fn has(&self, id: u32, response: bool, fragment: Fragment) -> bool {
        if (self.id, self.response) != (id, response) || fragment.total > self.total {
            return false;
        }
        fragment.total < self.total
            || self.parts.get(usize::from(fragment.number) - 1).is_some_and(Option::is_some)
    }

    /// Whether a fragment is another message's, or of a division into more fragments, which takes this one's place
    /// (RFC 7383 2.6).
    pub(crate) fn is_superseded_by(&self, id: u32, response: bool, fragment: Fragment) -> bool {
        (self.id, self.response) != (id, response) || fragment.total > self.total
    }

    /// Adds an authentic fragment; the message once it is whole. `Err`: too long.
    pub(crate) fn add(
        &mut self,
        fragment: Fragment,
        first: PayloadType,
        inner: Zeroizing<Vec<u8>>,
    ) -> Result<Option<Whole>, ()> {
        if fragment.number == 1 {
            self.first = first;
        }
        if let Some(part) = self.parts.get_mut(usize::from(fragment.number) - 1) {
            *part = Some(inner);
        }
        let length: usize = self.parts.iter().flatten().map(|part| part.len()).sum();
        if length > MAX_OCTETS {
            return Err(());
        }
        if self.parts.iter().any(Option::is_none) {
            return Ok(None);
        }
        let mut whole = Zeroizing::new(Vec::with_capacity(length));
        self.parts.iter().flatten().for_each(|part| whole.extend_from_slice(part));
        Ok(Some((self.first, whole)))
    }
}
