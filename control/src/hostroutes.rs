//! Host routes to spokes in the kernel's table: what FRR's users know as the routes of `redistribute nhrp`.
//!
//! The routes have a protocol number of their own. FRR's (`RTPROT_NHRP`, 191) will not do: zebra takes routes with a number of FRR's for its own
//! from an earlier life and removes them. So it sees these as kernel routes.

use crate::kernel::{Interface, Kernel};
use crate::netlink::{Command, RouteCommand};
use crate::prefix::{self, Net};
use crate::state::State;
use shm::message::{TunnelId, VrfId};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Routing protocol number of these routes (add `79 dmvpn-nhrp` to `/etc/iproute2/rt_protos` for a name).
pub const PROTOCOL: u8 = 79;
/// Their metric: a host route of the operator's without one goes first.
pub const METRIC: u32 = 200;
/// Between comparisons of everything with the kernel's table, in milliseconds.
const COMPARE: u64 = 10_000;
/// Most addresses taken up at once; more wait.
const AT_ONCE: usize = 1_000;

/// Addresses whose route may have to come or go.
#[derive(Debug, Default)]
pub struct HostRoutes {
    touched: BTreeSet<(TunnelId, Ipv4Addr)>,
    compared_ms: Option<u64>,
}

impl HostRoutes {
    /// An address was bound or unbound.
    pub fn touch(&mut self, tunnel: TunnelId, address: Ipv4Addr) {
        self.touched.insert((tunnel, address));
    }

    /// The kernel may have lost routes.
    pub fn compare(&mut self) {
        self.compared_ms = None;
    }

    /// Whether there is something to do.
    pub fn wants_turn(&self, now_ms: u64) -> bool {
        !self.touched.is_empty() || self.compared_ms.is_none_or(|last| now_ms >= last + COMPARE)
    }

    /// What the kernel is to be asked for; `send` says whether it could be.
    pub fn turn(&mut self, now_ms: u64, state: &State, mut send: impl FnMut(Command) -> bool) {
        if self.compared_ms.is_none_or(|last| now_ms >= last + COMPARE) {
            self.compared_ms = Some(now_ms);
            self.touched.extend(differing(state));
        }
        for _ in 0..AT_ONCE {
            let Some((tunnel, address)) = self.touched.pop_first() else { break };
            let Some(command) = command(state, tunnel, address) else { continue };
            if !send(command) {
                self.touched.insert((tunnel, address));
                break;
            }
        }
    }
}

/// Addresses that have a route and should have none, or the other way round.
fn differing(state: &State) -> Vec<(TunnelId, Ipv4Addr)> {
    let kernel = &state.kernel;
    let have =
        kernel.own_routes(PROTOCOL).filter_map(|route| match kernel.role(route.hops.first()?.index)? {
            Interface::Tunnel(tunnel) => Some((tunnel, route.net.prefix.address)),
            Interface::Port(_) | Interface::Loopback(_) => None,
        });
    let all: BTreeSet<_> = have.chain(state.host_routes()).collect();
    all.into_iter().filter(|(tunnel, address)| command(state, *tunnel, *address).is_some()).collect()
}

/// What is to be done about an address, if anything.
fn command(state: &State, tunnel: TunnelId, address: Ipv4Addr) -> Option<Command> {
    let link = state.kernel.link(Interface::Tunnel(tunnel)).filter(|link| link.up)?;
    let (vrf, prefix) = (state.vrf_of(tunnel), prefix::host(address));
    let route = RouteCommand {
        table: state.kernel.table(vrf),
        prefix,
        gateway: None,
        index: link.index,
        metric: METRIC,
        protocol: PROTOCOL,
        onlink: false,
    };
    match (state.wants_host_route(tunnel, address), is_there(&state.kernel, vrf, &route)) {
        (true, false) => Some(Command::Route(route)),
        (false, true) => Some(Command::RouteDelete(route)),
        _ => None,
    }
}

fn is_there(kernel: &Kernel, vrf: VrfId, route: &RouteCommand) -> bool {
    let same = |index: Option<u32>| index == Some(route.index);
    kernel
        .routes_of(Net { vrf, prefix: route.prefix })
        .any(|have| have.protocol == PROTOCOL && same(have.hops.first().map(|hop| hop.index)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Fact, Hop, Link, Route};
    use config::Config;

    const CONFIG: &str = r#"
[hub]
name = "test"
[[port]]
name = "wan0"
device = "none"
role = "underlay"
address = ["203.0.113.1/24"]
[[tunnel]]
name = "Tunnel0"
interface = "gre0"
source = "203.0.113.1"
address = "10.255.0.1/24"
nhrp = { network-id = 1, host-routes = true }
"#;

    fn commands(routes: &mut HostRoutes, now_ms: u64, state: &State) -> Vec<Command> {
        let mut commands = Vec::new();
        routes.turn(now_ms, state, |command| {
            commands.push(command);
            true
        });
        commands
    }

    fn obey(state: &mut State, commands: &[Command]) {
        for command in commands {
            let told = |route: &RouteCommand| Route {
                table: route.table,
                prefix: route.prefix,
                metric: route.metric,
                protocol: route.protocol,
                hops: vec![Hop { index: route.index, gateway: route.gateway, weight: 1 }],
                nexthop: None,
            };
            match command {
                Command::Route(route) => state.fact(Fact::Route(told(route), false)),
                Command::RouteDelete(route) => state.fact(Fact::RouteGone(told(route))),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn spokes_have_routes_while_they_are_registered_and_leftovers_are_swept() {
        let config = Config::parse("hub.toml", CONFIG).unwrap();
        let mut state = State::new(&config);
        let link =
            |index, name: &str| Link { index, name: name.into(), up: true, mtu: 1400, ..Link::default() };
        state.fact(Fact::Link(link(2, "wan0")));
        state.fact(Fact::Link(link(3, "gre0")));
        state.fact(Fact::Address(2, "203.0.113.1/24".parse().unwrap()));
        state.fact(Fact::Address(3, "10.255.0.1/24".parse().unwrap()));
        let mut routes = HostRoutes::default();
        let spokes: [Ipv4Addr; 2] = [[10, 255, 0, 11].into(), [10, 255, 0, 12].into()];
        // The hub's own address and one of the transport's are nobody's to claim.
        for claimed in spokes.into_iter().chain([[10, 255, 0, 1].into(), [203, 0, 113, 77].into()]) {
            state.bind(0, claimed, Ipv4Addr::new(198, 18, 0, 1), false);
        }
        let first = commands(&mut routes, 0, &state);
        let to = |command: &Command| match command {
            Command::Route(route) => (true, route.prefix.address),
            Command::RouteDelete(route) => (false, route.prefix.address),
            other => panic!("{other:?}"),
        };
        assert_eq!(first.iter().map(to).collect::<Vec<_>>(), [(true, spokes[0]), (true, spokes[1])]);
        obey(&mut state, &first);
        // Another life of control finds them there and leaves them alone.
        assert_eq!(commands(&mut HostRoutes::default(), 0, &state), []);
        state.unbind(0, spokes[0]);
        routes.touch(0, spokes[0]);
        let second = commands(&mut routes, 1, &state);
        assert_eq!(second.iter().map(to).collect::<Vec<_>>(), [(false, spokes[0])]);
        assert_eq!(commands(&mut HostRoutes::default(), 1, &state), second, "a leftover");
        obey(&mut state, &second);
        assert_eq!(commands(&mut routes, COMPARE, &state), []);
        // The operator removes one: it returns.
        state.fact(Fact::RouteGone(Route {
            table: 254,
            prefix: prefix::host(spokes[1]),
            metric: METRIC,
            protocol: PROTOCOL,
            hops: vec![Hop { index: 3, gateway: None, weight: 1 }],
            nexthop: None,
        }));
        let third = commands(&mut routes, 2 * COMPARE, &state);
        assert_eq!(third.iter().map(to).collect::<Vec<_>>(), [(true, spokes[1])]);
    }
}
