//! NAT detection (RFC 7296 2.23).

use crate::{Encapsulation, Path};
use std::net::Ipv4Addr;
use wire::ike::{Notify, NotifyType};

/// Which of the two ends is behind a NAT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nat {
    pub(crate) local: bool,
    pub(crate) remote: bool,
}

impl Nat {
    /// From the notifies of the peer's first message, whose responder's SPI is 0. A hash of another length than SHA-1's
    /// is no hash. Of several sources one has to match; a peer that sends none speaks no NAT traversal.
    pub(crate) fn detect<'a>(
        spis: (u64, u64),
        path: &Path,
        notifies: impl Iterator<Item = Notify<'a>>,
    ) -> Self {
        let (mut sources, mut destinations) = (Seen::default(), Seen::default());
        for notify in notifies {
            let Some(hash) = notify.nat_detection() else { continue };
            match notify.kind {
                NotifyType::NatDetectionSource => sources.note(hash == &digest(spis, path.remote)),
                NotifyType::NatDetectionDestination => destinations.note(hash == &digest(spis, path.local)),
                _ => {}
            }
        }
        Self { local: destinations.only_others(), remote: sources.only_others() }
    }

    /// How ESP travels to a peer at `path`. A NAT keeps one mapping for IKE and ESP, which share port 4500.
    pub(crate) fn encapsulation(self, path: &Path) -> Encapsulation {
        if !self.local && !self.remote {
            return Encapsulation::Plain;
        }
        // The peer has to float before it sends any ESP; until then there is no port but the well-known one.
        let floated = path.local.1 == crate::path::PORT_NAT;
        Encapsulation::Udp(if floated { path.remote.1 } else { crate::path::PORT_NAT })
    }
}

#[derive(Default)]
struct Seen {
    any: bool,
    matched: bool,
}

impl Seen {
    fn note(&mut self, matched: bool) {
        self.any = true;
        self.matched |= matched;
    }

    fn only_others(&self) -> bool {
        self.any && !self.matched
    }
}

/// SHA-1 of SPIs, address and port, as the RFC has it; nobody relies on SHA-1 here for more than a check sum.
pub(crate) fn digest((initiator, responder): (u64, u64), (address, port): (Ipv4Addr, u16)) -> [u8; 20] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&initiator.to_be_bytes());
    context.update(&responder.to_be_bytes());
    context.update(&address.octets());
    context.update(&port.to_be_bytes());
    context.finish().as_ref().try_into().unwrap_or_default()
}
