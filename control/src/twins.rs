//! The kernel twins of ports and tunnels as they should be, and what is missing.
//!
//! Level-triggered: whatever happened, wanted and actual are compared and the difference is asked for. So a twin
//! that disappears with the data plane and returns gets back all it had, and what an operator removed by mistake
//! returns too. What the operator added is left alone.

use crate::kernel::{Hop, Installed, Interface, Kernel};
use crate::netlink::{Command, RouteCommand};
use crate::prefix::{self, Prefix};
use config::Config;
use std::net::Ipv4Addr;

/// Routing protocol number of our routes (`RTPROT_*`; add `78 dmvpn-hub` to `/etc/iproute2/rt_protos` for a name).
pub const PROTOCOL: u8 = 78;
/// Metric of the first port's `gateway`; each further port's is one more. Higher than what operators and routing
/// daemons use, so that a management default route is never displaced.
pub const GATEWAY_METRIC: u32 = 500;
const DEFAULT: Prefix = Prefix { address: Ipv4Addr::UNSPECIFIED, len: 0 };

/// What is missing, in an order in which it can be done; each step is taken when those before it have had effect.
pub fn missing(config: &Config, kernel: &Kernel) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut routes = Vec::new();
    for (n, port) in config.port.iter().enumerate() {
        let interface = Interface::Port(n as u8);
        twin(kernel, interface, port.mtu, &port.address, &mut commands);
        if let (Some(gateway), Some(link)) = (port.gateway, kernel.link(interface)) {
            let (metric, index) = (GATEWAY_METRIC + n as u32, link.index);
            routes.push(RouteCommand {
                prefix: DEFAULT,
                gateway: Some(gateway),
                index,
                metric,
                protocol: PROTOCOL,
                onlink: false,
            });
        }
    }
    for (n, tunnel) in config.tunnel.iter().enumerate() {
        let interface = Interface::Tunnel(n as u8);
        let Prefix { address, len } = tunnel.address;
        let on_twin = if tunnel.host_prefix { prefix::host(address) } else { tunnel.address };
        twin(kernel, interface, tunnel.ip_mtu, &[on_twin], &mut commands);
        if let (true, Some(link)) = (tunnel.host_prefix, kernel.link(interface)) {
            let prefix = prefix::network(address, len);
            let index = link.index;
            routes.push(RouteCommand {
                prefix,
                gateway: None,
                index,
                metric: 0,
                protocol: PROTOCOL,
                onlink: false,
            });
        }
    }
    for route in &config.route {
        let Some((interface, onlink)) = interface_of(config, route.via) else { continue };
        let Some(link) = kernel.link(interface) else { continue };
        let prefix = prefix::network(route.prefix.address, route.prefix.len);
        let index = link.index;
        routes.push(RouteCommand {
            prefix,
            gateway: Some(route.via),
            index,
            metric: 0,
            protocol: PROTOCOL,
            onlink,
        });
    }
    commands.extend(stale(kernel, &routes).map(Command::RouteDelete));
    // An interface that is not ready refuses routes: they follow when it is.
    let unready: Vec<u32> = commands.iter().filter_map(Command::interface).collect();
    let absent = |route: &RouteCommand| {
        !unready.contains(&route.index) && !kernel.routes_of(route.prefix).any(|have| same(route, &have))
    };
    commands.extend(routes.iter().filter(|route| absent(route)).copied().map(Command::Route));
    commands
}

/// What a twin lacks.
fn twin(kernel: &Kernel, interface: Interface, mtu: u16, addresses: &[Prefix], commands: &mut Vec<Command>) {
    let Some(link) = kernel.link(interface) else { return };
    if !link.up || link.mtu != u32::from(mtu) {
        commands.push(Command::LinkUp { index: link.index, mtu: mtu.into() });
    }
    for address in addresses {
        if !kernel.addresses().any(|have| have == (interface, *address)) {
            commands.push(Command::Address { index: link.index, prefix: *address });
        }
    }
}

/// The interface in whose subnet a next hop lies, longest first; and whether to call it on link. With a single
/// tunnel that has no subnet (/32), that tunnel.
fn interface_of(config: &Config, via: Ipv4Addr) -> Option<(Interface, bool)> {
    let ports = config.port.iter().enumerate().flat_map(|(n, port)| {
        port.address.iter().map(move |address| (*address, Interface::Port(n as u8), false))
    });
    let tunnels = config
        .tunnel
        .iter()
        .enumerate()
        .map(|(n, tunnel)| (tunnel.address, Interface::Tunnel(n as u8), true));
    let best = ports
        .chain(tunnels)
        .filter(|(subnet, ..)| prefix::contains(*subnet, via))
        .max_by_key(|(subnet, ..)| subnet.len)
        .map(|(_, interface, onlink)| (interface, onlink));
    let unnumbered = || match config.tunnel.as_slice() {
        [only] if only.address.len >= 31 => Some((Interface::Tunnel(0), true)),
        _ => None,
    };
    best.or_else(unnumbered)
}

/// Routes of ours that are no longer wanted: from an earlier configuration.
fn stale<'a>(kernel: &'a Kernel, wanted: &'a [RouteCommand]) -> impl Iterator<Item = RouteCommand> + 'a {
    kernel.own_routes(PROTOCOL).filter(move |have| !wanted.iter().any(|route| same(route, have))).filter_map(
        |have| {
            let hop = have.hops.first()?;
            Some(RouteCommand {
                prefix: have.prefix,
                gateway: hop.gateway,
                index: hop.index,
                metric: have.metric,
                protocol: PROTOCOL,
                onlink: false,
            })
        },
    )
}

fn same(wanted: &RouteCommand, have: &Installed<'_>) -> bool {
    have.protocol == PROTOCOL
        && have.metric == wanted.metric
        && prefix::key(have.prefix) == prefix::key(wanted.prefix)
        && have.hops == [Hop { index: wanted.index, gateway: wanted.gateway, weight: 1 }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Fact, Link, Route};

    const CONFIG: &str = r#"
[hub]
name = "test"
[[port]]
name = "wan0"
device = "none"
role = "underlay"
address = ["203.0.113.1/24"]
gateway = "203.0.113.254"
[[tunnel]]
name = "Tunnel0"
interface = "gre0"
source = "203.0.113.1"
address = "10.255.0.1/24"
nhrp = { network-id = 1 }
[[route]]
prefix = "10.100.1.0/24"
via = "10.255.0.11"
"#;

    /// Does what was asked for, as the kernel would.
    fn obey(kernel: &mut Kernel, commands: &[Command]) {
        let mut changes = Vec::new();
        for command in commands {
            let fact = match command {
                Command::LinkUp { index, mtu } => {
                    let name = if *index == 2 { "wan0" } else { "gre0" };
                    Fact::Link(Link {
                        index: *index,
                        name: name.into(),
                        up: true,
                        mtu: *mtu,
                        ..Link::default()
                    })
                }
                Command::Address { index, prefix } => Fact::Address(*index, *prefix),
                Command::Route(route) => Fact::Route(kernel_route(route), false),
                Command::RouteDelete(route) => Fact::RouteGone(kernel_route(route)),
            };
            kernel.apply(fact, &mut changes);
        }
    }

    fn kernel_route(route: &RouteCommand) -> Route {
        let hops = vec![Hop { index: route.index, gateway: route.gateway, weight: 1 }];
        Route { prefix: route.prefix, metric: route.metric, protocol: PROTOCOL, hops, nexthop: None }
    }

    fn appear(kernel: &mut Kernel, index: u32, name: &str) {
        kernel.apply(
            Fact::Link(Link { index, name: name.into(), up: false, mtu: 9000, ..Link::default() }),
            &mut Vec::new(),
        );
    }

    #[test]
    fn twins_are_set_up_step_by_step_and_again_when_they_return() {
        let config: Config = Config::parse("hub.toml", CONFIG).unwrap();
        let mut kernel = Kernel::new(&config);
        assert_eq!(missing(&config, &kernel), []);
        for _ in 0..2 {
            appear(&mut kernel, 2, "wan0");
            appear(&mut kernel, 3, "gre0");
            let first = missing(&config, &kernel);
            assert_eq!(first.len(), 4, "{first:?}");
            obey(&mut kernel, &first);
            let second = missing(&config, &kernel);
            assert!(matches!(second.as_slice(), [Command::Route(a), Command::Route(b)]
                if a.metric == GATEWAY_METRIC && !a.onlink && b.onlink && b.index == 3));
            obey(&mut kernel, &second);
            assert_eq!(missing(&config, &kernel), []);
            kernel.apply(Fact::LinkGone(2), &mut Vec::new());
            kernel.apply(Fact::LinkGone(3), &mut Vec::new());
            assert_eq!(missing(&config, &kernel), []);
        }
    }

    #[test]
    fn a_twin_with_a_host_prefix_has_its_subnet_as_a_route() {
        let text = CONFIG.replace("nhrp =", "host-prefix = true\nnhrp =");
        let config: Config = Config::parse("hub.toml", &text).unwrap();
        let mut kernel = Kernel::new(&config);
        appear(&mut kernel, 3, "gre0");
        let first = missing(&config, &kernel);
        let host = "10.255.0.1/32".parse().unwrap();
        assert!(first.contains(&Command::Address { index: 3, prefix: host }), "{first:?}");
        obey(&mut kernel, &first);
        let second = missing(&config, &kernel);
        assert!(matches!(second.as_slice(), [Command::Route(subnet), Command::Route(_)]
            if subnet.prefix == "10.255.0.0/24".parse().unwrap() && subnet.gateway.is_none()));
        obey(&mut kernel, &second);
        assert_eq!(missing(&config, &kernel), []);
    }

    #[test]
    fn a_route_of_an_earlier_configuration_goes_and_the_operator_s_stays() {
        let config: Config = Config::parse("hub.toml", CONFIG).unwrap();
        let mut kernel = Kernel::new(&config);
        appear(&mut kernel, 3, "gre0");
        let first = missing(&config, &kernel);
        obey(&mut kernel, &first);
        let second = missing(&config, &kernel);
        obey(&mut kernel, &second);
        let old = Route {
            prefix: "10.9.0.0/16".parse().unwrap(),
            metric: 0,
            protocol: PROTOCOL,
            hops: vec![Hop { index: 3, gateway: Some([10, 255, 0, 9].into()), weight: 1 }],
            nexthop: None,
        };
        let theirs = Route { protocol: 4, prefix: "10.8.0.0/16".parse().unwrap(), ..old.clone() };
        kernel.apply(Fact::Route(theirs, false), &mut Vec::new());
        kernel.apply(Fact::Route(old.clone(), false), &mut Vec::new());
        let commands = missing(&config, &kernel);
        assert!(matches!(commands.as_slice(), [Command::RouteDelete(route)] if route.prefix == old.prefix));
    }
}
