//! `show crypto session`, `show crypto ikev2 sa`, `show crypto ipsec sa`, `show crypto ikev2 stats`.

use super::{ago, interfaces};
use crate::hub::Hub;
use crate::kernel::Interface;
use api::{
    ChildSa, CryptoFilter, CryptoSession, FlowMode, IkeCount, IkeSa, IkeState, IkeStats, Received, Sent,
    SessionStatus,
};
use config::model::Protection;
use ike::{ChildView, Clear, Encapsulation, Mode, SessionId, SessionState, SessionView};
use shm::message::SaInbound;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Octets of the kilobytes in which lifetimes are counted.
const KILOBYTE: u64 = 1_024;
/// Octets of an IPv4 header, of UDP's, and of SPI with sequence number; of pad length with next header.
const IP: u16 = 20;
const UDP: u16 = 8;
const ESP: u16 = 8;
const TRAILER: u16 = 2;

/// Sessions that a filter admits, sorted by remote address and port, then by number.
pub fn sessions(hub: &Hub, filter: &CryptoFilter, now_ms: u64) -> Vec<CryptoSession> {
    let Some(ike) = &hub.ike else { return Vec::new() };
    let views = match filter.session.and_then(SessionId::new) {
        Some(session) => ike.responder.session(session).into_iter().collect(),
        None => ike.responder.sessions(),
    };
    let mut tunnels = registered(hub);
    let mut found: Vec<CryptoSession> = views
        .iter()
        .map(|view| {
            let addresses = view.session.and_then(|session| tunnels.remove(&session)).unwrap_or_default();
            one(hub, view, addresses.into_iter().collect(), now_ms)
        })
        .filter(|session| admits(filter, session))
        .collect();
    found.sort_by_key(|session| (session.ike.remote, session.ike.remote_port, session.id));
    found
}

/// What is counted; `None`: no tunnel is protected.
pub fn stats(hub: &Hub) -> Option<IkeStats> {
    let ike = hub.ike.as_ref()?;
    let (load, config) = (ike.responder.load(), ike.responder.config());
    let views = ike.responder.sessions();
    let is = |state: SessionState| move |view: &&SessionView| view.state == state;
    let established = || views.iter().filter(is(SessionState::Established));
    let counts = ike.responder.counters().iter().map(|(group, name, count)| IkeCount {
        group: group.into(),
        name: name.into(),
        count,
    });
    let max_children = hub.plane.as_ref().map_or(0, |plane| plane.segment.geometry().max_sas());
    Some(IkeStats {
        sessions: load.sessions as u64,
        max_sessions: config.max_sessions as u64,
        half_open: load.half_open as u64,
        max_half_open: config.half_open as u64,
        cookie_threshold: config.cookie_threshold as u64,
        initiated: established().filter(|view| view.initiator).count() as u64,
        quantum_safe: established().filter(|view| view.suite.contains("mlkem")).count() as u64,
        children: hub.state.sync.inbound.len() as u64,
        max_children: max_children.into(),
        tasks: load.tasks as u64,
        max_tasks: config.max_tasks as u64,
        counts: counts.collect(),
    })
}

/// Deletes the sessions that a filter admits; gives how many.
pub fn clear(hub: &mut Hub, filter: &CryptoFilter, now_ms: u64) -> u64 {
    if *filter == CryptoFilter::default() {
        return hub.clear_sessions(now_ms, Clear::All) as u64;
    }
    let meant: Vec<SessionId> =
        sessions(hub, filter, now_ms).iter().filter_map(|session| SessionId::new(session.id?)).collect();
    meant.into_iter().map(|session| hub.clear_sessions(now_ms, Clear::Session(session)) as u64).sum()
}

/// Tunnel addresses by session.
fn registered(hub: &Hub) -> BTreeMap<SessionId, BTreeSet<Ipv4Addr>> {
    let mut tunnels: BTreeMap<SessionId, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    for binding in hub.server.bindings() {
        if let Some(session) = binding.session {
            tunnels.entry(session).or_default().insert(binding.protocol);
        }
    }
    tunnels
}

fn admits(filter: &CryptoFilter, session: &CryptoSession) -> bool {
    let same_identity = |wanted: &String| {
        session.identity.as_ref().is_some_and(|identity| identity.eq_ignore_ascii_case(wanted))
    };
    filter.interface.as_ref().is_none_or(|interface| session.interfaces.contains(interface))
        && filter.remote.is_none_or(|remote| remote == session.ike.remote)
        && filter.tunnel.is_none_or(|tunnel| session.tunnels.contains(&tunnel))
        && filter.identity.as_ref().is_none_or(same_identity)
        && filter.session.is_none_or(|id| session.id == Some(id))
}

fn one(hub: &Hub, view: &SessionView, tunnels: Vec<Ipv4Addr>, now_ms: u64) -> CryptoSession {
    let local = view.path.local.0;
    let ours = || hub.config.tunnel.iter().filter(|tunnel| tunnel.source == local);
    let protection = ours().find_map(|tunnel| hub.config.protection_of(tunnel));
    let mut children: Vec<ChildSa> =
        view.children.iter().map(|child| self::child(hub, view, child, protection, now_ms)).collect();
    children.sort_by_key(|child| (!child.in_use, child.age));
    let fvrf = hub.config.vrf_of_source(local);
    let ivrf: BTreeSet<String> = ours().filter_map(|tunnel| interfaces::vrf(hub, tunnel.vrf)).collect();
    CryptoSession {
        id: view.session.map(SessionId::get),
        interfaces: ours().filter(|t| t.protection.is_some()).map(|tunnel| tunnel.name.clone()).collect(),
        fvrf: fvrf.and_then(|fvrf| interfaces::vrf(hub, fvrf)),
        ivrf: ivrf.into_iter().collect(),
        protection: protection.map(|protection| protection.name.clone()).unwrap_or_default(),
        status: status(view.state, !children.is_empty()),
        identity: view.identity.clone(),
        tunnels,
        uptime: view.session.map(|_| ago(now_ms, view.up_ms)),
        ike: ike_sa(hub, view, now_ms),
        children,
    }
}

fn status(state: SessionState, has_child: bool) -> SessionStatus {
    match (state, has_child) {
        (SessionState::HalfOpen, _) => SessionStatus::DownNegotiating,
        (SessionState::Established, true) => SessionStatus::UpActive,
        (SessionState::Established, false) => SessionStatus::UpIdle,
        (SessionState::Deleting, true) => SessionStatus::UpNoIke,
        (SessionState::Deleting, false) => SessionStatus::Down,
    }
}

fn ike_sa(hub: &Hub, view: &SessionView, now_ms: u64) -> IkeSa {
    let spi = |spi: u64| format!("{spi:016X}");
    let (initiator, responder) = view.spis;
    let (local_spi, remote_spi) =
        if view.initiator { (initiator, responder) } else { (responder, initiator) };
    let word = |word: &str| (!word.is_empty()).then(|| word.to_string());
    IkeSa {
        state: match view.state {
            SessionState::HalfOpen => IkeState::Negotiating,
            SessionState::Established => IkeState::Ready,
            SessionState::Deleting => IkeState::Deleting,
        },
        local: view.path.local.0,
        local_port: view.path.local.1,
        remote: view.path.remote.0,
        remote_port: view.path.remote.1,
        local_spi: spi(local_spi),
        remote_spi: spi(remote_spi),
        initiator: view.initiator,
        suite: view.suite.clone(),
        local_identity: view.local_identity.clone(),
        local_auth: word(view.auth_local),
        remote_auth: word(view.auth_remote),
        age: ago(now_ms, view.keyed_ms),
        lifetime: view.rekey_ms.map(|at| at.saturating_sub(view.keyed_ms) / 1_000),
        idle: ago(now_ms, view.heard_ms),
        rekeys: view.rekeys,
        dpd: hub.config.ike.dpd,
        fragmentation: view.fragmentation,
        nat_remote: view.nat_remote,
        nat_local: view.nat_local,
    }
}

fn child(
    hub: &Hub,
    view: &SessionView,
    child: &ChildView,
    protection: Option<&Protection>,
    now_ms: u64,
) -> ChildSa {
    let inbound = hub.state.sync.inbound.get(&child.sa);
    let cells = inbound.and_then(|row| {
        let cells = hub.plane.as_ref()?.segment.sa(child.sa)?;
        cells.inbound.is_armed(row.tag).then_some(cells)
    });
    let received = cells.map(|cells| Received {
        packets: cells.inbound.packets.get(),
        bytes: cells.inbound.bytes.get(),
        replay_old: cells.inbound.replay_old.get(),
        replay_dup: cells.inbound.replay_dup.get(),
        icv_failed: cells.inbound.icv_failed.get(),
        idle: Some(cells.inbound.last_ms.get()).filter(|ms| *ms > 0).map(|ms| ago(now_ms, ms)),
    });
    let outbound = hub.state.sync.outbound.get(&child.sa);
    let sent = cells.filter(|_| outbound.is_some()).map(|cells| {
        let failed = cells.outbound.failed();
        let packets = cells.outbound.sequence().saturating_sub(failed);
        Sent { packets, bytes: cells.outbound.bytes(), failed }
    });
    let busier = received.map_or(0, |r| r.bytes).max(sent.map_or(0, |s| s.bytes));
    let kilobytes = protection.map(|protection| protection.lifetime_kilobytes).filter(|limit| *limit > 0);
    let (local, remote) = match child.mode {
        Mode::Transport => (view.path.local.0, view.path.remote.0),
        Mode::Tunnel { local, remote } => (local, remote),
    };
    let path_mtu = path_mtu(hub, view.path.local.0, view.path.remote.0);
    ChildSa {
        id: child.sa,
        spi_in: child.spi_in,
        spi_out: child.spi_out,
        in_use: child.in_use,
        lingering: child.lingering,
        transform: child.transform.to_string(),
        pfs: child.pfs.clone(),
        esn: child.esn,
        mode: match child.mode {
            Mode::Transport => FlowMode::Transport,
            Mode::Tunnel { .. } => FlowMode::Tunnel,
        },
        udp: matches!(view.encapsulation, Encapsulation::Udp(_)),
        local,
        remote,
        plaintext_mtu: path_mtu.zip(inbound).map(|(mtu, row)| plaintext_mtu(mtu, row, child.mode)),
        path_mtu,
        replay_window: inbound.map_or(0, |row| row.window),
        age: ago(now_ms, child.made_ms),
        remaining_seconds: child.rekey_ms.map(|at| at.saturating_sub(now_ms) / 1_000),
        remaining_kilobytes: kilobytes.map(|limit| limit.saturating_sub(busier / KILOBYTE)),
        received,
        sent,
    }
}

/// MTU of the port that leads to a peer.
fn path_mtu(hub: &Hub, local: Ipv4Addr, remote: Ipv4Addr) -> Option<u16> {
    let vrf = hub.config.vrf_of_source(local)?;
    let (port, _) = hub.state.rib.underlay(vrf, remote)?;
    let link = hub.state.kernel.link(Interface::Port(port))?;
    Some(u16::try_from(link.mtu).unwrap_or(u16::MAX))
}

/// Octets of what can be encrypted so that the packet fits (RFC 4303 2.4: padding to the block, and to four octets).
fn plaintext_mtu(mtu: u16, row: &SaInbound, mode: Mode) -> u16 {
    let transform = row.keys.transform();
    let around = (transform.iv_len() + transform.icv_len()) as u16 + IP + ESP;
    let udp = row.udp.map_or(0, |_| UDP);
    let block = transform.block_len() as u16;
    let sealed = mtu.saturating_sub(around + udp) / block * block;
    let inner = if matches!(mode, Mode::Tunnel { .. }) { IP } else { 0 };
    sealed.saturating_sub(TRAILER + inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_session() {
        use SessionState::{Deleting, Established, HalfOpen};
        let words = [(HalfOpen, false), (Established, true), (Established, false), (Deleting, true)]
            .map(|(state, child)| status(state, child).word());
        assert_eq!(words, ["DOWN-NEGOTIATING", "UP-ACTIVE", "UP-IDLE", "UP-NO-IKE"]);
    }

    #[test]
    fn what_fits_is_what_is_encrypted() {
        use shm::message::{Encap, Keys, Mode as Told, Transform};
        let at = Ipv4Addr::LOCALHOST;
        let mut row = SaInbound {
            id: 0,
            spi: 0x0100_0000,
            tag: std::num::NonZeroU64::MIN,
            session: SessionId::MIN,
            local: at,
            nbma: at,
            udp: None,
            encap: Encap::Plain,
            mode: Told::Transport,
            esn: false,
            window: 64,
            keys: Keys::new(Transform::Gcm128, &[0; 20]).unwrap(),
        };
        // 1500 - 20 - 8 - 8 - 16 = 1448, a multiple of four, less the trailer.
        assert_eq!(plaintext_mtu(1500, &row, Mode::Transport), 1446);
        assert_eq!(plaintext_mtu(1500, &row, Mode::Tunnel { local: at, remote: at }), 1426);
        row.udp = Some(4500);
        assert_eq!(plaintext_mtu(1500, &row, Mode::Transport), 1438);
        row.keys = Keys::new(Transform::Cbc256Sha256, &[0; 64]).unwrap();
        // 1500 - 20 - 8 - 8 - 16 - 16 = 1432, 1424 in whole blocks.
        assert_eq!(plaintext_mtu(1500, &row, Mode::Transport), 1422);
        assert_eq!(plaintext_mtu(0, &row, Mode::Transport), 0);
    }
}
