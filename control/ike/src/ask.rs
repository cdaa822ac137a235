//! Our requests: one at a time, sent again until answered (RFC 7296 2.1, 2.4).

use crate::venture::Venture;
use std::collections::VecDeque;

/// A request is sent so often altogether.
const TRIES: u8 = 5 + 1;
/// Milliseconds until it is sent again the first time; each further time takes 1.8 times as long (strongSwan's).
const FIRST_MS: u64 = 4000;
/// Wishes that may wait.
const MAX_WANTS: usize = 64;

/// What is known of our requests.
#[derive(Default)]
pub(crate) struct Ask {
    /// Message id of the next request.
    pub(crate) next: u32,
    pub(crate) pending: Option<Box<Pending>>,
    pub(crate) wants: VecDeque<Want>,
    /// A new SA in the making: before its request is sent, while it is, and while its keys are computed.
    pub(crate) venture: Option<Box<Venture>>,
    /// How often in a row the peer forgot a new SA before it was made.
    pub(crate) forgotten: u8,
}

/// A request that was sent.
pub(crate) struct Pending {
    pub(crate) id: u32,
    pub(crate) datagrams: Vec<Vec<u8>>,
    pub(crate) tries: u8,
    pub(crate) due_ms: u64,
    pub(crate) purpose: Purpose,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To hear that the peer lives.
    Alive,
    /// To delete a child SA, named by the SPI that we receive on.
    DeleteChild(u32),
    /// To delete this IKE SA.
    DeleteIke,
    /// A new child SA or IKE SA: see [`Ask::venture`].
    Venture,
    /// A new child SA with this inbound SPI, of which only an earlier process had all that is needed.
    LostChild(u32),
    /// A new IKE SA of that kind.
    LostIke,
}

/// A request that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Alive,
    DeleteChild(u32),
    DeleteIke,
    /// In place of the child SA with this inbound SPI.
    RekeyChild(u32),
    /// One more, like it.
    RekeyIke,
}

impl Ask {
    /// Adds a wish, once.
    pub(crate) fn want(&mut self, want: Want) {
        if !self.wants.contains(&want) && self.wants.len() < MAX_WANTS {
            self.wants.push_back(want);
        }
    }

    /// Whether there is nothing under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_none() && self.venture.is_none()
    }

    /// Whether the answer to request `id` is awaited.
    pub(crate) fn awaits(&self, id: u32) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.id == id)
    }
}

impl Pending {
    pub(crate) fn new(now_ms: u64, id: u32, datagrams: Vec<Vec<u8>>, purpose: Purpose) -> Self {
        Self { id, datagrams, tries: 1, due_ms: now_ms.saturating_add(FIRST_MS), purpose }
    }

    /// It is due again: whether it is to be sent once more.
    pub(crate) fn again(&mut self, now_ms: u64) -> bool {
        if self.tries >= TRIES {
            return false;
        }
        self.due_ms = now_ms.saturating_add(delay(self.tries));
        self.tries += 1;
        true
    }
}

/// Milliseconds to wait after try `tries` + 1.
fn delay(tries: u8) -> u64 {
    (0..tries).fold(FIRST_MS, |delay, _| delay * 9 / 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_tries_take_165_seconds() {
        let mut pending = Pending::new(0, 0, Vec::new(), Purpose::Alive);
        let mut now = pending.due_ms;
        while pending.again(now) {
            now = pending.due_ms;
        }
        assert!((164_000..166_000).contains(&now), "{now}");
    }
}
