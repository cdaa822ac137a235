//! Whatever is at the other end of the wire.

use super::hub::{Hub, Reading};
use super::peer::Peer;

/// It.
pub enum Subject {
    /// The hub.
    Hub(Hub),
    /// Another program.
    Peer(Peer),
}

impl Subject {
    /// What it has done so far, as far as it tells.
    pub fn read(&self) -> Reading {
        match self {
            Self::Hub(hub) => hub.read(),
            Self::Peer(peer) => peer.read(),
        }
    }

    /// Its drops by reason, as far as it tells.
    pub fn drops(&self) -> String {
        match self {
            Self::Hub(hub) => hub.drops(),
            Self::Peer(_) => "unknown".into(),
        }
    }

    /// The last lines of what it said.
    pub fn log(&self) -> String {
        match self {
            Self::Hub(hub) => hub.log(),
            Self::Peer(peer) => peer.log(),
        }
    }
}
