//! What a spoke may say in a resolution reply that it sends through the hub: a spoke injects no route by NHRP that the
//! hub's own routing does not lead to it.
//!
//! A reply is about what was asked, so it can do harm in two ways only. It may cover more than the sender has ("all of
//! 0.0.0.0/0 is here"): the hub shortens it to what its own routes lead to the sender, or to the address that was asked
//! about. And it may lead to somebody else's address, or to an address under somebody else's name: it is dropped.
//! Replies that spokes send each other directly do not come by here.

use crate::ingress::{Ingress, v4};
use crate::locate::Place;
use crate::{DropReason, Overlay, Server};
use wire::nhrp::{Cie, CieCode, ExtensionType, PacketType};

/// The shortest prefix that an entry may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Narrow(u8);

impl Narrow {
    /// An entry as it may pass. One of length 0 stands for a host (RFC 2332 5.2.0.1), and is read as the default route
    /// by some.
    pub(crate) fn of(self, cie: Cie) -> Cie {
        match cie.prefix_len {
            0 => Cie { prefix_len: 32, ..cie },
            len if len < self.0 => Cie { prefix_len: self.0, ..cie },
            _ => cie,
        }
    }

    fn admits(self, cie: &Cie) -> bool {
        self.of(*cie) == *cie
    }
}

impl Server {
    /// Whether a resolution reply may be passed on, and if it says too much, how much it may.
    pub(crate) fn vouch(
        &mut self,
        ingress: &Ingress<'_>,
        overlay: &impl Overlay,
    ) -> Result<Option<Narrow>, DropReason> {
        let positive = |cie: &Cie| cie.code == CieCode::Ok;
        if ingress.kind() != PacketType::ResolutionReply || !ingress.packet.cies().any(|cie| positive(&cie)) {
            return Ok(None);
        }
        let nat = ingress.packet.extension(ExtensionType::Nat).filter(|extension| extension.is_list());
        let translated = nat.into_iter().flat_map(|extension| ingress.packet.list(&extension));
        if ingress.packet.cies().filter(positive).chain(translated).any(|cie| self.is_false(ingress, &cie)) {
            return Err(DropReason::ReplyDenied);
        }
        let places = self.places(ingress.tunnel, ingress.destination, overlay);
        let own = places.iter().find_map(|place| match *place {
            Place::Spoke { slot, prefix_len } => {
                self.is_at(slot, ingress.tunnel, &ingress.station).then_some(prefix_len)
            }
            _ => None,
        });
        let narrow = Narrow(own.unwrap_or(32));
        if ingress.packet.cies().filter(positive).all(|cie| narrow.admits(&cie)) {
            return Ok(None);
        }
        self.count(ingress.tunnel, |counters| counters.replies_narrowed += 1);
        Ok(Some(narrow))
    }

    /// Whether an entry names a registered tunnel address and another NBMA address than it has, real or claimed.
    fn is_false(&self, ingress: &Ingress<'_>, cie: &Cie) -> bool {
        let Some(protocol) = cie.protocol.and_then(v4) else { return false };
        let Some(nbma) = cie.nbma.and_then(v4).filter(|nbma| !nbma.is_unspecified()) else { return false };
        let binding = self.cache.binding(ingress.tunnel, protocol);
        binding.is_some_and(|binding| nbma != binding.nbma && nbma != binding.claimed)
    }
}
