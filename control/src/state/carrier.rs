//! How packets to a protected station travel: one answer for a session, whatever number of tunnels it is on.

use super::State;
use crate::outbox::{Envelope, Parcel};
use nhrp::{Session, Station};
use shm::message::{Protection, SaId};
use std::net::Ipv4Addr;

/// What carries a session's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Where the peer is.
    pub nbma: Ipv4Addr,
    /// Its port of UDP encapsulation; `None`: plain ESP.
    pub udp: Option<u16>,
    /// The child SA to send with.
    pub sa: Option<SaId>,
}

impl State {
    /// Sets what carries a session; `None`: nothing any more. Its peers follow.
    pub fn carry(&mut self, session: Session, carrier: Option<Carrier>) {
        let old = match carrier {
            Some(carrier) => self.carriers.insert(session, carrier),
            None => self.carriers.remove(&session),
        };
        if old == carrier {
            return;
        }
        let peers: Vec<_> = self.peers.of_session(session).collect();
        for id in peers {
            if let Some(carrier) = carrier {
                self.relocate(id, Station { nbma: carrier.nbma, session: Some(session) });
            }
            self.refresh_peer(id);
        }
    }

    /// Where a packet goes, and under which protection. `None`: nothing carries it, at present.
    pub fn envelope(&self, parcel: &Parcel) -> Option<Envelope> {
        match parcel {
            Parcel::Ike { path, .. } => Some(Envelope { nbma: path.remote.0, protection: None }),
            Parcel::Nhrp { to: Station { nbma, session: None }, .. } => {
                Some(Envelope { nbma: *nbma, protection: None })
            }
            Parcel::Nhrp { to: Station { session: Some(session), .. }, .. } => {
                let carrier = self.carriers.get(session).filter(|carrier| carrier.sa.is_some())?;
                Some(Envelope { nbma: carrier.nbma, protection: Some(self.protection(*session)) })
            }
        }
    }

    /// What carries a session.
    pub fn carrier(&self, session: Session) -> Option<&Carrier> {
        self.carriers.get(&session)
    }

    /// The same for the data plane. Of a session that is gone: nothing is sent.
    pub fn protection(&self, session: Session) -> Protection {
        let carrier = self.carriers.get(&session);
        Protection {
            session,
            sa: carrier.and_then(|carrier| carrier.sa),
            udp: carrier.and_then(|carrier| carrier.udp),
        }
    }
}
