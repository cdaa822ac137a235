//! `show dmvpn`.
//!
//! An interface without peers is left out, as on Cisco: Genie has no schema for one.

use super::lines;
use super::uptime::since;
use api::{Dmvpn, Kind, Peer};

/// What the columns and letters mean.
const LEGEND: &str = "\
Legend: Attrb --> S - Static, D - Dynamic, I - Incomplete
        N - NATed, L - Local, X - No Socket
        T1 - Route Installed, T2 - Nexthop-override, B - BGP
        C - CTS Capable, I2 - Temporary
        # Ent --> Number of NHRP entries with same NBMA peer
        NHS Status: E --> Expecting Replies, R --> Responding, W --> Waiting
        UpDn Time --> Up or Down Time for a Tunnel
==========================================================================
";

/// The legend and a table for each interface that has peers.
pub fn brief(interfaces: &[Dmvpn]) -> String {
    LEGEND.to_string() + &tables(interfaces)
}

/// A table for each interface that has peers.
pub(super) fn tables(interfaces: &[Dmvpn]) -> String {
    let with_peers = interfaces.iter().filter(|interface| !interface.peers.is_empty());
    with_peers.map(|interface| format!("\n{}", table(interface))).collect()
}

/// The table of one interface.
fn table(interface: &Dmvpn) -> String {
    let mut out = vec![
        format!("Interface: {}, IPv4 NHRP Details ", interface.interface),
        format!("Type:Hub, NHRP Peers:{}, ", nbma_peers(&interface.peers)),
        String::new(),
        " # Ent  Peer NBMA Addr Peer Tunnel Add State  UpDn Tm Attrb".into(),
        " ----- --------------- --------------- ----- -------- -----".into(),
    ];
    out.extend(rows(&interface.peers).map(|row| {
        let (entries, nbma) = (row.entries, row.nbma);
        let peer = row.peer;
        let (tunnel, state) = (peer.tunnel.to_string(), peer.state.word());
        format!(
            " {entries:>5} {nbma:<15} {tunnel:>15} {state:>5} {:>8} {:>5}",
            since(peer.since),
            attributes(peer)
        )
    }));
    lines(out)
}

/// A peer with the first two columns of its row.
pub(super) struct Row<'a> {
    /// Number of entries with the same NBMA address; blank below its first row.
    pub(super) entries: String,
    /// NBMA address; blank below its first row.
    pub(super) nbma: String,
    /// The rest.
    pub(super) peer: &'a Peer,
}

/// The rows of a table. Peers of one NBMA address follow each other; the first of them names it. One whose attributes
/// differ from those above names it again: Genie takes such a row without a name for a second state of the tunnel
/// address above.
pub(super) fn rows(peers: &[Peer]) -> impl Iterator<Item = Row<'_>> {
    let same = |peer: &Peer| peers.iter().filter(|other| other.nbma == peer.nbma).count();
    let mut counts = (None, 0);
    peers.iter().enumerate().map(move |(index, peer)| {
        let above = index.checked_sub(1).and_then(|above| peers.get(above));
        let below = above.is_some_and(|above| above.nbma == peer.nbma && peer.nbma.is_some());
        if !below {
            counts = (peer.nbma, if peer.nbma.is_some() { same(peer) } else { 1 });
        }
        let name = !below || above.map(attributes) != Some(attributes(peer));
        Row {
            entries: if name { counts.1.to_string() } else { String::new() },
            nbma: match (name, peer.nbma) {
                (false, _) => String::new(),
                (true, Some(nbma)) => nbma.to_string(),
                (true, None) => "UNKNOWN".into(),
            },
            peer,
        }
    })
}

/// Different NBMA addresses; each unknown one counts.
pub(super) fn nbma_peers(peers: &[Peer]) -> usize {
    let known: std::collections::BTreeSet<_> = peers.iter().filter_map(|peer| peer.nbma).collect();
    known.len() + peers.iter().filter(|peer| peer.nbma.is_none()).count()
}

/// Letters of the Attrb column.
pub(super) fn attributes(peer: &Peer) -> String {
    let kind = match peer.kind {
        Kind::Static => "S",
        Kind::Dynamic => "D",
        Kind::Incomplete => "I",
    };
    let nated = if peer.claimed_nbma.is_some() { "N" } else { "" };
    // Nothing can be sent to a peer that is not registered: what Cisco shows as one without a socket.
    let no_socket = if peer.kind == Kind::Incomplete { "X" } else { "" };
    format!("{kind}{nated}{no_socket}")
}
