//! What the NHRP server may ask: where addresses are, and who may have them.

use crate::ike::claims::Claims;
use crate::ike::sessions::Sessions;
use crate::state::State;
use nhrp::{Overlay, Reach, Station};
use shm::message::TunnelId;
use std::net::Ipv4Addr;

/// A view of the state for the time of one packet.
pub(super) struct Rules<'a> {
    pub(super) state: &'a State,
    /// `None`: no tunnel is protected.
    pub(super) ike: Option<(&'a Sessions, &'a Claims)>,
}

impl Overlay for Rules<'_> {
    fn lookup(&self, from: TunnelId, destination: Ipv4Addr) -> Reach {
        self.state.lookup(from, destination)
    }

    fn ways(&self, from: TunnelId, destination: Ipv4Addr) -> Vec<Reach> {
        self.state.ways(from, destination)
    }

    fn undivided(&self, from: TunnelId, destination: Ipv4Addr, route_len: u8) -> u8 {
        self.state.undivided(from, destination, route_len)
    }

    fn may_claim(
        &self,
        station: &Station,
        tunnel: TunnelId,
        protocol: Ipv4Addr,
        holder: Option<&Station>,
    ) -> Result<(), &'static str> {
        let (Some((sessions, claims)), Some(session)) = (self.ike, station.session) else { return Ok(()) };
        let identity = |session| sessions.get(session).map(|session| session.identity.as_str());
        let Some(claimant) = identity(session) else { return Err("its session is gone") };
        let holder = holder.and_then(|holder| holder.session).and_then(identity);
        claims.check(claimant, tunnel, protocol, holder)
    }
}
