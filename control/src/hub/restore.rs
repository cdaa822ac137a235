//! The journal's records and what they stand for.

use super::{Hub, wall_ms};
use crate::ike::Ike;
use crate::joins::{Joined, Key};
use crate::journal::{Binding, Record};
use crate::state::{GroupTotals, State};
use config::Config;
use nhrp::{Kind, Restored, Server, Station};
use shm::message::{GroupId, TunnelId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What was alive when the journal was written last.
#[derive(Debug, Default)]
struct Survivors {
    bindings: BTreeMap<(TunnelId, Ipv4Addr), Binding>,
    peers: BTreeMap<u32, (TunnelId, Station, crate::peers::Totals)>,
    pins: BTreeMap<(TunnelId, Ipv4Addr), String>,
    joins: BTreeMap<Key, Joined>,
    groups: BTreeMap<GroupId, (Ipv4Addr, Option<Ipv4Addr>, GroupTotals)>,
}

impl Hub {
    /// Brings back registrations, the numbers of peers and multicast routes, and joins; then the static maps. Only then
    /// may the data plane be told.
    pub(super) fn restore(&mut self, now_ms: u64) {
        let contents = match self.journal.read() {
            Ok(contents) => contents,
            Err(error) => {
                tracing::error!("journal: {error}: registrations are lost, spokes will register again");
                Default::default()
            }
        };
        if contents.lost > 0 {
            tracing::warn!("journal: the last {} octets are torn and were left out", contents.lost);
        }
        let survivors = survivors(&self.config, contents.records);
        self.restore_sessions(now_ms);
        for ((tunnel, protocol), identity) in survivors.pins {
            self.ike.iter_mut().for_each(|ike| ike.claims.pin(tunnel, protocol, &identity));
        }
        for (id, (tunnel, station, base)) in survivors.peers {
            self.state.restore_peer(id, tunnel, station, base);
        }
        self.server.start(now_ms, &mut self.actions);
        let (mut count, wall) = (0, wall_ms());
        for binding in survivors.bindings.values() {
            // Under IPsec a registration lives as long as its session.
            let Some(restored) = self
                .admits(usize::from(binding.tunnel), binding.session)
                .then(|| revive(binding, wall))
                .flatten()
            else {
                continue;
            };
            self.server.restore(now_ms, &restored, &mut self.actions);
            count += 1;
        }
        self.act(now_ms);
        for (tunnel, config) in self.config.tunnel.iter().enumerate() {
            for nbma in &config.nhrp.map_multicast {
                if !self.state.map_multicast(tunnel as TunnelId, *nbma) {
                    self.counters.peers_full += 1;
                }
            }
        }
        let groups = survivors.groups.into_iter();
        self.state.restore_groups(groups.map(|(id, (group, source, base))| (id, (group, source), base)));
        for (key, joined) in survivors.joins {
            self.state.restore_join(now_ms, key, joined);
        }
        self.state.drop_orphans();
        self.take_effects(now_ms);
        tracing::info!("{count} registrations brought back, {} peers", self.state.peers.len());
        let live = live(&self.config, &self.server, &self.state, self.ike.as_ref(), now_ms, wall);
        if let Err(error) = self.journal.compact(live) {
            self.complain(now_ms, &format!("journal: {error}"));
        }
    }
}

/// Plays the records. Tunnels are matched by the name of their interface; those that are gone take theirs along.
fn survivors(config: &Config, records: Vec<Record>) -> Survivors {
    let mut tunnels: BTreeMap<TunnelId, TunnelId> = BTreeMap::new();
    let mut alive = Survivors::default();
    for record in records {
        match record {
            Record::Tunnel(then, name) => {
                match config.tunnel.iter().position(|tunnel| tunnel.interface == name) {
                    Some(now) => tunnels.insert(then, now as TunnelId),
                    None => tunnels.remove(&then),
                };
            }
            Record::Bind(mut binding) => {
                if let Some(tunnel) = tunnels.get(&binding.tunnel) {
                    binding.tunnel = *tunnel;
                    alive.bindings.insert((*tunnel, binding.protocol), binding);
                }
            }
            Record::Unbind(then, protocol) => {
                if let Some(tunnel) = tunnels.get(&then) {
                    alive.bindings.remove(&(*tunnel, protocol));
                }
            }
            Record::Peer(id, then, station, base) => {
                if let Some(tunnel) = tunnels.get(&then) {
                    alive.peers.insert(id, (*tunnel, station, base));
                }
            }
            Record::PeerGone(id) => {
                alive.peers.remove(&id);
                let joins = alive.joins.range((id, Ipv4Addr::UNSPECIFIED, None)..);
                let of: Vec<Key> = joins.map(|(key, _)| *key).take_while(|key| key.0 == id).collect();
                for key in of {
                    alive.joins.remove(&key);
                }
            }
            Record::Join(key, joined) if joined == Joined::default() => {
                alive.joins.remove(&key);
            }
            Record::Join(key, joined) => {
                alive.joins.insert(key, joined);
            }
            Record::Group(id, group, source, base) => {
                alive.groups.insert(id, (group, source, base));
            }
            Record::GroupGone(id) => {
                alive.groups.remove(&id);
            }
            Record::Pin(then, protocol, identity) => {
                if let Some(tunnel) = tunnels.get(&then) {
                    alive.pins.insert((*tunnel, protocol), identity);
                }
            }
            Record::Unpin(then, protocol) => {
                if let Some(tunnel) = tunnels.get(&then) {
                    alive.pins.remove(&(*tunnel, protocol));
                }
            }
        }
    }
    // A peer of a tunnel that is gone left its number to somebody else.
    alive.joins.retain(|key, _| alive.peers.contains_key(&key.0));
    alive
}

/// A binding with the time it has left; `None`: none. A wall clock that was set back meanwhile gives no binding
/// more time than its holding time.
fn revive(binding: &Binding, wall: u64) -> Option<Restored> {
    let longest = u64::from(binding.holding_time) * 1_000;
    let remaining_ms = binding.expires.checked_sub(wall).filter(|left| *left > 0)?.min(longest);
    Some(Restored {
        binding: nhrp::Binding {
            tunnel: binding.tunnel,
            protocol: binding.protocol,
            nbma: binding.nbma,
            session: binding.session,
            claimed: binding.claimed,
            kind: Kind::Dynamic,
            unique: binding.unique,
            nat_capable: binding.nat_capable,
            multicast: binding.multicast,
            mtu: binding.mtu,
            holding_time: binding.holding_time,
            request_id: binding.request_id,
            created_ms: 0,
            refreshed_ms: 0,
            expires_ms: None,
        },
        age_ms: wall.saturating_sub(binding.created),
        remaining_ms,
    })
}

/// A binding for the journal.
pub(super) fn record(binding: &nhrp::Binding, now_ms: u64, wall: u64) -> Binding {
    let longest = u64::from(binding.holding_time) * 1_000;
    let remaining = binding.expires_ms.map_or(longest, |expires| expires.saturating_sub(now_ms));
    Binding {
        tunnel: binding.tunnel,
        protocol: binding.protocol,
        nbma: binding.nbma,
        session: binding.session,
        claimed: binding.claimed,
        unique: binding.unique,
        nat_capable: binding.nat_capable,
        multicast: binding.multicast,
        mtu: binding.mtu,
        holding_time: binding.holding_time,
        request_id: binding.request_id,
        created: wall.saturating_sub(now_ms.saturating_sub(binding.created_ms)),
        expires: wall.saturating_add(remaining),
    }
}

/// Everything the journal should hold now.
pub(super) fn live<'a>(
    config: &'a Config,
    server: &'a Server,
    state: &'a State,
    ike: Option<&'a Ike>,
    now_ms: u64,
    wall: u64,
) -> impl Iterator<Item = Record> + 'a {
    let pins = ike.into_iter().flat_map(|ike| ike.claims.pins());
    let pins = pins.map(|((tunnel, protocol), identity)| Record::Pin(tunnel, protocol, identity.into()));
    let tunnels = config.tunnel.iter().enumerate();
    let tunnels = tunnels.map(|(id, tunnel)| Record::Tunnel(id as TunnelId, tunnel.interface.clone()));
    let peers = state.peers.iter().map(|(id, peer)| Record::Peer(id, peer.tunnel, peer.station, peer.base));
    let bindings = server.bindings().filter(|binding| binding.kind == Kind::Dynamic);
    let multicast = &state.multicast;
    let groups = multicast.routes();
    let groups = groups.map(|((group, source), id)| Record::Group(id, group, source, multicast.base(id)));
    let joins = multicast.joins.all().map(|(key, joined)| Record::Join(key, joined));
    tunnels
        .chain(pins)
        .chain(peers)
        .chain(bindings.map(move |binding| Record::Bind(record(binding, now_ms, wall))))
        .chain(groups)
        .chain(joins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(holding_time: u16, expires: u64) -> Binding {
        let at = Ipv4Addr::new(10, 255, 0, 11);
        Binding {
            tunnel: 0,
            protocol: at,
            nbma: at,
            session: None,
            claimed: at,
            unique: false,
            nat_capable: false,
            multicast: true,
            mtu: 0,
            holding_time,
            request_id: 1,
            created: 1_000_000,
            expires,
        }
    }

    #[test]
    fn time_left_comes_from_the_wall_clock_and_never_exceeds_the_holding_time() {
        let revived = revive(&binding(60, 1_060_000), 1_020_000).unwrap();
        assert_eq!((revived.remaining_ms, revived.age_ms), (40_000, 20_000));
        assert_eq!(revive(&binding(60, 1_060_000), 1_060_000), None);
        assert_eq!(revive(&binding(60, 1_060_000), 2_000_000), None);
        // Set back by a day.
        assert_eq!(revive(&binding(60, 100_000_000), 1_020_000).map(|r| r.remaining_ms), Some(60_000));
    }

    #[test]
    fn tunnels_are_found_again_by_name() {
        let config = Config::parse(
            "hub.toml",
            r#"
[hub]
name = "test"
[[port]]
name = "wan0"
device = "none"
role = "underlay"
address = ["203.0.113.1/24"]
[[tunnel]]
name = "Tunnel0"
interface = "gre7"
source = "203.0.113.1"
address = "10.255.0.1/24"
nhrp = { network-id = 1 }
"#,
        )
        .unwrap();
        let at = Ipv4Addr::new(10, 255, 0, 11);
        let other = Binding { tunnel: 1, ..binding(60, 5) };
        const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
        let joined = Joined { igmp: true, ..Joined::default() };
        let records = vec![
            Record::Tunnel(0, "gone".into()),
            Record::Tunnel(1, "gre7".into()),
            Record::Bind(binding(60, 5)),
            Record::Bind(other),
            Record::Peer(3, 1, at.into(), Default::default()),
            Record::Peer(4, 0, at.into(), Default::default()),
            Record::Join((3, GROUP, None), joined),
            Record::Join((4, GROUP, None), joined),
            Record::PeerGone(9),
        ];
        let alive = survivors(&config, records);
        assert_eq!(alive.bindings.keys().collect::<Vec<_>>(), [&(0, at)]);
        assert_eq!(alive.peers.keys().collect::<Vec<_>>(), [&3]);
        // Number 4 is free for somebody else, who has joined nothing.
        assert_eq!(alive.joins.keys().collect::<Vec<_>>(), [&(3, GROUP, None)]);
    }
}
