//! Traffic selectors: GRE between one peer and one tunnel source, and nothing else (RFC 7296 2.9, 2.23.1).

use crate::nat::Nat;
use crate::{Mode, Path};
use std::net::{IpAddr, Ipv4Addr};
use wire::ike::{Selectors, TrafficSelector};

/// IP protocol of GRE.
pub(crate) const GRE: u8 = 47;

/// The two ends of a child SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Ours, as the child SA's selectors have it.
    pub(crate) local: Ipv4Addr,
    /// The peer's.
    pub(crate) remote: Ipv4Addr,
}

impl Ends {
    /// Narrows what a peer wants (its own side, our side) to GRE between two hosts. Ports mean nothing to GRE: what a
    /// kernel puts there is half of the GRE key.
    ///
    /// In transport mode behind NAT the peer names the address that it has, not the one that we see: the latter is what
    /// the packets will have, and what is answered (RFC 7296 2.23.1). In tunnel mode the inner header keeps the peer's.
    pub(crate) fn narrow(
        theirs: &Selectors<'_>,
        ours: &Selectors<'_>,
        transport: bool,
        nat: Nat,
        path: &Path,
    ) -> Option<Self> {
        let remote = host(theirs, |address| transport && nat.remote || address == path.remote.0)
            .or_else(|| host(theirs, |_| !transport))?;
        let local = host(ours, |address| nat.local || address == path.local.0)?;
        if transport {
            return Some(Self { local: path.local.0, remote: path.remote.0 });
        }
        Some(Self { local, remote })
    }

    /// Whether a response to a request of ours gives what we asked for.
    pub(crate) fn are_granted(self, ours: &Selectors<'_>, theirs: &Selectors<'_>, transport: bool) -> bool {
        // A peer behind NAT names its side as it sees it (RFC 7296 2.23.1).
        let local = host(ours, |address| transport || address == self.local);
        let remote = host(theirs, |address| transport || address == self.remote);
        local.is_some() && remote.is_some()
    }

    /// Selector of our side.
    pub(crate) fn local_selector(self) -> TrafficSelector {
        TrafficSelector::host(GRE, self.local)
    }

    /// Selector of the peer's side.
    pub(crate) fn remote_selector(self) -> TrafficSelector {
        TrafficSelector::host(GRE, self.remote)
    }

    /// The mode with its addresses.
    pub(crate) fn mode(self, transport: bool) -> Mode {
        if transport { Mode::Transport } else { Mode::Tunnel { local: self.local, remote: self.remote } }
    }
}

/// The first single IPv4 host among GRE selectors that will do.
fn host(selectors: &Selectors<'_>, will_do: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
    let hosts = selectors.iter().flatten().filter_map(|selector| match (selector.start, selector.end) {
        (IpAddr::V4(start), IpAddr::V4(end)) if start == end && selector.protocol == GRE => Some(start),
        _ => None,
    });
    hosts.into_iter().find(|address| will_do(*address))
}

/// For operators.
pub(crate) fn describe(selectors: &Selectors<'_>) -> String {
    let mut words: Vec<String> =
        selectors.iter().flatten().take(4).map(|selector| selector.to_string()).collect();
    if selectors.count() > words.len() {
        words.push("...".into());
    }
    words.join(", ")
}
