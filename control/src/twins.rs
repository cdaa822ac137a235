//! The kernel twins of ports and tunnels as they should be, and what is missing.
//!
//! Level-triggered: whatever happened, wanted and actual are compared and the difference is asked for. So a twin
//! that disappears with the data plane and returns gets back all it had, and what an operator removed by mistake
//! returns too. What the operator added is left alone.
//!
//! A VRF is a VRF device in the kernel: made if it is not there, and the twins of what is in the VRF put into it, so
//! that daemons and `ip vrf exec` find everything where they look. A kernel without such devices has a table only: then
//! the subnets of the VRF's twins are put into it, which is what forwarding needs; what the kernel itself sends goes by
//! its main table, which the operator is told.

use crate::kernel::{Hop, Installed, Interface, Kernel};
use crate::netlink::{Command, RouteCommand};
use crate::prefix::{self, Net, Prefix};
use config::Config;
use shm::message::{GLOBAL, VrfId};
use std::net::Ipv4Addr;

/// Routing protocol number of our routes (`RTPROT_*`; add `78 dmvpn-hub` to `/etc/iproute2/rt_protos` for a name).
pub const PROTOCOL: u8 = 78;
/// Metric of the first port's `gateway`; each further port's is one more. Higher than what operators and routing
/// daemons use, so that a management default route is never displaced.
pub const GATEWAY_METRIC: u32 = 500;
const DEFAULT: Prefix = Prefix { address: Ipv4Addr::UNSPECIFIED, len: 0 };

/// What is missing, in an order in which it can be done; each step is taken when those before it have had effect.
/// `plain`: the kernel has no VRF devices.
pub fn missing(config: &Config, kernel: &Kernel, plain: bool) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut routes = Vec::new();
    for (vrf, id) in config.vrf.iter().zip(1..) {
        match kernel.link(Interface::Loopback(id)) {
            Some(device) if !device.up => {
                commands.push(Command::LinkUp { index: device.index, mtu: device.mtu });
            }
            Some(_) => {}
            None if plain => routes.extend(connected(config, kernel, id)),
            None => commands.push(Command::Vrf { name: vrf.name.clone(), table: vrf.table }),
        }
    }
    for (n, port) in config.port.iter().enumerate() {
        let interface = Interface::Port(n as u8);
        master(kernel, interface, &mut commands);
        twin(kernel, interface, port.mtu, &port.address, &mut commands);
        if let (Some(gateway), Some(link)) = (port.gateway, kernel.link(interface)) {
            let (metric, index) = (GATEWAY_METRIC + n as u32, link.index);
            routes.push(RouteCommand {
                table: kernel.table(port.vrf),
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
        master(kernel, interface, &mut commands);
        twin(kernel, interface, tunnel.ip_mtu, &[on_twin], &mut commands);
        if let (true, Some(link)) = (tunnel.host_prefix, kernel.link(interface)) {
            let prefix = prefix::network(address, len);
            let index = link.index;
            routes.push(RouteCommand {
                table: kernel.table(tunnel.vrf),
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
        let Some((interface, onlink)) = interface_of(config, route.vrf, route.via) else { continue };
        let Some(link) = kernel.link(interface) else { continue };
        let prefix = prefix::network(route.prefix.address, route.prefix.len);
        let index = link.index;
        routes.push(RouteCommand {
            table: kernel.table(route.vrf),
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
    let absent = |route: &RouteCommand| !unready.contains(&route.index) && !have(kernel, route);
    commands.extend(routes.iter().filter(|route| absent(route)).copied().map(Command::Route));
    commands
}

/// Puts a twin into the device of its VRF, or out of one of ours that it is not in any more. Where an operator put one
/// that is in none (a bridge, say) is left alone.
fn master(kernel: &Kernel, interface: Interface, commands: &mut Vec<Command>) {
    let Some(link) = kernel.link(interface) else { return };
    let wanted = match kernel.vrf_of(interface) {
        GLOBAL => {
            let ours = |index| matches!(kernel.role(index), Some(Interface::Loopback(_)));
            link.master.filter(|index| ours(*index)).map(|_| 0)
        }
        vrf => {
            let device = kernel.link(Interface::Loopback(vrf)).map(|device| device.index);
            device.filter(|device| link.master != Some(*device))
        }
    };
    commands.extend(wanted.map(|master| Command::Enslave { index: link.index, master }));
}

/// The subnets of a VRF's twins, for a table that no VRF device fills.
fn connected(config: &Config, kernel: &Kernel, vrf: VrfId) -> Vec<RouteCommand> {
    let ports = config.port.iter().zip(0..).filter(|(port, _)| port.vrf == vrf);
    let ports =
        ports.flat_map(|(port, n)| port.address.iter().map(move |address| (Interface::Port(n), *address)));
    // With a host prefix the subnet is a route anyway.
    let tunnels =
        config.tunnel.iter().zip(0..).filter(|(tunnel, _)| tunnel.vrf == vrf && !tunnel.host_prefix);
    let tunnels = tunnels.map(|(tunnel, n)| (Interface::Tunnel(n), tunnel.address));
    let route = |(interface, address): (Interface, Prefix)| {
        Some(RouteCommand {
            table: kernel.table(vrf),
            prefix: prefix::network(address.address, address.len),
            gateway: None,
            index: kernel.link(interface)?.index,
            metric: 0,
            protocol: PROTOCOL,
            onlink: false,
        })
    };
    ports.chain(tunnels).filter_map(route).collect()
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

/// The interface of a VRF in whose subnet a next hop lies, longest first; and whether to call it on link. With a single
/// tunnel that has no subnet (/32), that tunnel.
fn interface_of(config: &Config, vrf: VrfId, via: Ipv4Addr) -> Option<(Interface, bool)> {
    let ports = config.port.iter().enumerate().filter(|(_, port)| port.vrf == vrf).flat_map(|(n, port)| {
        port.address.iter().map(move |address| (*address, Interface::Port(n as u8), false))
    });
    let tunnels = config
        .tunnel
        .iter()
        .enumerate()
        .filter(|(_, tunnel)| tunnel.vrf == vrf)
        .map(|(n, tunnel)| (tunnel.address, Interface::Tunnel(n as u8), true));
    let best = ports
        .chain(tunnels)
        .filter(|(subnet, ..)| prefix::contains(*subnet, via))
        .max_by_key(|(subnet, ..)| subnet.len)
        .map(|(_, interface, onlink)| (interface, onlink));
    let unnumbered = || match config.tunnel.as_slice() {
        [only] if only.address.len >= 31 && only.vrf == vrf => Some((Interface::Tunnel(0), true)),
        _ => None,
    };
    best.or_else(unnumbered)
}

/// Routes of ours that are no longer wanted: from an earlier configuration.
fn stale<'a>(kernel: &'a Kernel, wanted: &'a [RouteCommand]) -> impl Iterator<Item = RouteCommand> + 'a {
    let other = move |have: &Installed<'_>| !wanted.iter().any(|route| same(kernel, route, have));
    kernel.own_routes(PROTOCOL).filter(other).filter_map(move |have| {
        let hop = have.hops.first()?;
        Some(RouteCommand {
            table: kernel.table(have.net.vrf),
            prefix: have.net.prefix,
            gateway: hop.gateway,
            index: hop.index,
            metric: have.metric,
            protocol: PROTOCOL,
            onlink: false,
        })
    })
}

/// Whether the kernel has a route of ours.
fn have(kernel: &Kernel, route: &RouteCommand) -> bool {
    let vrf = kernel.vrf_with(route.table);
    let of = |vrf| kernel.routes_of(Net { vrf, prefix: route.prefix });
    vrf.into_iter().flat_map(of).any(|have| same(kernel, route, &have))
}

fn same(kernel: &Kernel, wanted: &RouteCommand, have: &Installed<'_>) -> bool {
    kernel.table(have.net.vrf) == wanted.table
        && have.protocol == PROTOCOL
        && have.metric == wanted.metric
        && prefix::key(have.net.prefix) == prefix::key(wanted.prefix)
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
                other => panic!("{other:?}"),
            };
            kernel.apply(fact, &mut changes);
        }
    }

    fn kernel_route(route: &RouteCommand) -> Route {
        let hops = vec![Hop { index: route.index, gateway: route.gateway, weight: 1 }];
        Route {
            table: route.table,
            prefix: route.prefix,
            metric: route.metric,
            protocol: PROTOCOL,
            hops,
            nexthop: None,
        }
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
        assert_eq!(missing(&config, &kernel, false), []);
        for _ in 0..2 {
            appear(&mut kernel, 2, "wan0");
            appear(&mut kernel, 3, "gre0");
            let first = missing(&config, &kernel, false);
            assert_eq!(first.len(), 4, "{first:?}");
            obey(&mut kernel, &first);
            let second = missing(&config, &kernel, false);
            assert!(matches!(second.as_slice(), [Command::Route(a), Command::Route(b)]
                if a.metric == GATEWAY_METRIC && !a.onlink && b.onlink && b.index == 3));
            obey(&mut kernel, &second);
            assert_eq!(missing(&config, &kernel, false), []);
            kernel.apply(Fact::LinkGone(2), &mut Vec::new());
            kernel.apply(Fact::LinkGone(3), &mut Vec::new());
            assert_eq!(missing(&config, &kernel, false), []);
        }
    }

    #[test]
    fn a_twin_with_a_host_prefix_has_its_subnet_as_a_route() {
        let text = CONFIG.replace("nhrp =", "host-prefix = true\nnhrp =");
        let config: Config = Config::parse("hub.toml", &text).unwrap();
        let mut kernel = Kernel::new(&config);
        appear(&mut kernel, 3, "gre0");
        let first = missing(&config, &kernel, false);
        let host = "10.255.0.1/32".parse().unwrap();
        assert!(first.contains(&Command::Address { index: 3, prefix: host }), "{first:?}");
        obey(&mut kernel, &first);
        let second = missing(&config, &kernel, false);
        assert!(matches!(second.as_slice(), [Command::Route(subnet), Command::Route(_)]
            if subnet.prefix == "10.255.0.0/24".parse().unwrap() && subnet.gateway.is_none()));
        obey(&mut kernel, &second);
        assert_eq!(missing(&config, &kernel, false), []);
    }

    #[test]
    fn a_route_of_an_earlier_configuration_goes_and_the_operator_s_stays() {
        let config: Config = Config::parse("hub.toml", CONFIG).unwrap();
        let mut kernel = Kernel::new(&config);
        appear(&mut kernel, 3, "gre0");
        let first = missing(&config, &kernel, false);
        obey(&mut kernel, &first);
        let second = missing(&config, &kernel, false);
        obey(&mut kernel, &second);
        let old = Route {
            table: 254,
            prefix: "10.9.0.0/16".parse().unwrap(),
            metric: 0,
            protocol: PROTOCOL,
            hops: vec![Hop { index: 3, gateway: Some([10, 255, 0, 9].into()), weight: 1 }],
            nexthop: None,
        };
        let theirs = Route { protocol: 4, prefix: "10.8.0.0/16".parse().unwrap(), ..old.clone() };
        kernel.apply(Fact::Route(theirs, false), &mut Vec::new());
        kernel.apply(Fact::Route(old.clone(), false), &mut Vec::new());
        let commands = missing(&config, &kernel, false);
        assert!(matches!(commands.as_slice(), [Command::RouteDelete(route)] if route.prefix == old.prefix));
    }

    const IN_VRFS: &str = r#"
[hub]
name = "test"
[[vrf]]
name = "FVRF"
table = 1010
[[port]]
name = "wan0"
device = "none"
role = "underlay"
vrf = "FVRF"
address = ["203.0.113.1/24"]
gateway = "203.0.113.254"
[[tunnel]]
name = "Tunnel0"
interface = "gre0"
source = "203.0.113.1"
address = "10.255.0.1/24"
nhrp = { network-id = 1 }
"#;

    fn link(kernel: &mut Kernel, index: u32, name: &str, more: Link) {
        let link = Link { index, name: name.into(), up: true, mtu: 1500, ..more };
        kernel.apply(Fact::Link(link), &mut Vec::new());
    }

    #[test]
    fn a_vrf_gets_its_device_and_its_twins_are_put_into_it() {
        let config: Config = Config::parse("hub.toml", IN_VRFS).unwrap();
        let mut kernel = Kernel::new(&config);
        let device = Command::Vrf { name: "FVRF".into(), table: 1010 };
        assert_eq!(missing(&config, &kernel, false), std::slice::from_ref(&device));
        link(&mut kernel, 2, "wan0", Link::default());
        link(&mut kernel, 9, "FVRF", Link { table: Some(1010), ..Link::default() });
        let commands = missing(&config, &kernel, false);
        let address = Command::Address { index: 2, prefix: "203.0.113.1/24".parse().unwrap() };
        assert_eq!(
            commands,
            [Command::Enslave { index: 2, master: 9 }, address],
            "no route before it is there"
        );
        link(&mut kernel, 2, "wan0", Link { master: Some(9), ..Link::default() });
        kernel.apply(Fact::Address(2, "203.0.113.1/24".parse().unwrap()), &mut Vec::new());
        let commands = missing(&config, &kernel, false);
        assert!(
            matches!(commands.as_slice(), [Command::Route(route)] if route.table == 1010),
            "{commands:?}"
        );
        obey(&mut kernel, &commands);
        assert_eq!(missing(&config, &kernel, false), []);
        // Out of the VRF again when the configuration has it in none.
        let without = IN_VRFS.replace("vrf = \"FVRF\"\n", "");
        let config: Config = Config::parse("hub.toml", &without).unwrap();
        let mut kernel = Kernel::new(&config);
        link(&mut kernel, 9, "FVRF", Link { table: Some(1010), ..Link::default() });
        link(&mut kernel, 2, "wan0", Link { master: Some(9), ..Link::default() });
        assert!(missing(&config, &kernel, false).contains(&Command::Enslave { index: 2, master: 0 }));
        // Where an operator put it is the operator's affair.
        link(&mut kernel, 2, "wan0", Link { master: Some(77), ..Link::default() });
        let commands = missing(&config, &kernel, false);
        assert!(!commands.iter().any(|command| matches!(command, Command::Enslave { .. })), "{commands:?}");
    }

    #[test]
    fn without_vrf_devices_the_table_gets_the_subnets() {
        let config: Config = Config::parse("hub.toml", IN_VRFS).unwrap();
        let mut kernel = Kernel::new(&config);
        link(&mut kernel, 2, "wan0", Link::default());
        kernel.apply(Fact::Address(2, "203.0.113.1/24".parse().unwrap()), &mut Vec::new());
        let commands = missing(&config, &kernel, true);
        let routes: Vec<_> = commands
            .iter()
            .map(|command| match command {
                Command::Route(route) => (route.table, route.prefix.to_string(), route.gateway.is_some()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(routes, [(1010, "203.0.113.0/24".into(), false), (1010, "0.0.0.0/0".into(), true)]);
        obey(&mut kernel, &commands);
        assert_eq!(missing(&config, &kernel, true), []);
    }
}
