//! Who sends packets and registers.
//!
//! In the clear a station is its NBMA address. Under IPsec it is the authenticated peer, known by the number of its
//! session: several of them may share one NBMA address (a NAT), and one may change it without becoming another.

use std::fmt;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;

/// Number of an authenticated peer.
pub type Session = NonZeroU32;

/// A station, with where it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Station {
    /// Outer source address of its packets, and where packets for it go.
    pub nbma: Ipv4Addr,
    /// Its session; `None` on a tunnel without protection.
    pub session: Option<Session>,
}

/// What makes two stations the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// An address in the clear.
    Nbma(Ipv4Addr),
    /// An authenticated peer, wherever it is.
    Session(Session),
}

impl Station {
    /// Who it is.
    pub fn owner(&self) -> Owner {
        self.session.map_or(Owner::Nbma(self.nbma), Owner::Session)
    }

    /// Whether both are the same station, perhaps at another address.
    pub fn is(&self, other: &Self) -> bool {
        self.owner() == other.owner()
    }

    /// Whether they are two behind one address: a NAT that will not send packets from one of them to the other.
    pub fn is_neighbour(&self, other: &Self) -> bool {
        self.nbma == other.nbma && !self.is(other)
    }
}

/// A station of a tunnel without protection.
impl From<Ipv4Addr> for Station {
    fn from(nbma: Ipv4Addr) -> Self {
        Self { nbma, session: None }
    }
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.session {
            Some(session) => write!(f, "{} (session {session})", self.nbma),
            None => write!(f, "{}", self.nbma),
        }
    }
}
