//! What `/metrics` shows.

use crate::hub::Hub;
use crate::{outbox, show};
use api::{Dmvpn, Drop, Interface, NhrpTraffic, PeerFilter, Status, Workers};

/// Content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A snapshot, taken by the loop and rendered by another thread.
#[derive(Clone, Debug)]
#[allow(dead_code)]
pub struct View {
    /// The hub as a whole: rings, tables, peers up and down.
    pub status: Status,
    /// Ports and tunnels.
    pub interfaces: Vec<Interface>,
    /// NHRP by tunnel, never reset.
    pub nhrp: Vec<NhrpTraffic>,
    /// Drops by reason; `None`: not attached.
    pub drops: Option<Vec<Drop>>,
    /// Workers; `None`: not attached.
    pub workers: Option<Workers>,
    /// Peers, only where series per peer are asked for.
    pub peers: Option<Vec<Dmvpn>>,
    /// NHRP packets on their way to the data plane.
    pub outbox: outbox::Counters,
}

/// Takes a snapshot.
pub fn view(hub: &Hub, per_peer: bool, now_ms: u64) -> View {
    View {
        status: show::status(hub, now_ms),
        interfaces: show::interfaces(hub, None, now_ms),
        nhrp: show::traffic(hub, None, false, now_ms),
        drops: show::drops(hub),
        workers: show::workers(hub, now_ms),
        peers: per_peer.then(|| show::dmvpn(hub, &PeerFilter::default(), now_ms)),
        outbox: hub.outbox.counters,
    }
}

/// The text of a snapshot in Prometheus' exposition format.
pub fn render(view: &View) -> String {
    let _ = view;
    String::new()
}
