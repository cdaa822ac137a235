//! `show ip route`.

use super::{foreign, lines};
use api::{Origin, Route, Target, Way};

const CODES: &str = "\
Codes: L - local, C - connected, S - static, H - NHRP, B - BGP, D - EIGRP, O - OSPF, R - RIP, i - IS-IS,
       K - another routing daemon or ip route; [protocol], * weight
";

/// The codes and one line per route.
pub fn routes(routes: &[Route]) -> String {
    if routes.is_empty() {
        return "No route.\n".into();
    }
    let width = routes.iter().map(|route| route.prefix.to_string().len()).max().unwrap_or(0);
    let all = routes.iter().flat_map(|route| rows(route, width));
    let heading = match routes.first().and_then(|route| route.vrf.as_deref()) {
        Some(vrf) => format!("Routing Table: {}\n", foreign(vrf)),
        None => String::new(),
    };
    format!("{heading}{CODES}\n{}", lines(all.collect()))
}

fn code(origin: &Origin) -> char {
    match origin {
        Origin::Connected => 'C',
        Origin::Local => 'L',
        Origin::Static => 'S',
        Origin::Nhrp => 'H',
        Origin::Kernel(protocol) => match protocol.as_str() {
            "bgp" => 'B',
            "eigrp" => 'D',
            "ospf" => 'O',
            "rip" => 'R',
            "isis" => 'i',
            _ => 'K',
        },
    }
}

/// A line for each way.
fn rows(route: &Route, width: usize) -> Vec<String> {
    let (code, prefix) = (code(&route.origin), route.prefix.to_string());
    let origin = match &route.origin {
        Origin::Kernel(protocol) => format!(" [{}]", foreign(protocol)),
        _ => String::new(),
    };
    let origin = match route.recursive {
        Some(nbma) => format!("{origin} (recursive: covers NBMA {nbma}, refused as a way there)"),
        None => origin,
    };
    let Target::Multipath { ways } = &route.target else {
        return vec![format!("{code}     {prefix:<width$} {}{origin}", way(&route.target))];
    };
    let line = |(n, one): (usize, &Way)| {
        let (code, prefix) = if n == 0 { (code, prefix.as_str()) } else { (' ', "") };
        let weight = if one.weight == 1 { String::new() } else { format!(" * {}", one.weight) };
        format!("{code}     {prefix:<width$} {}{weight}{origin}", way(&one.target))
    };
    ways.iter().enumerate().map(line).collect()
}

fn way(target: &Target) -> String {
    match target {
        Target::Peer { interface, via, nbma } => format!("via {via}, {interface} (NBMA {nbma})"),
        Target::NextHop { interface, via, resolved: true } => format!("via {via}, {interface}"),
        Target::NextHop { interface, via, resolved: false } => {
            format!("via {via}, {interface} (MAC address not resolved)")
        }
        Target::Attached { interface } | Target::Receive { interface } => {
            format!("is directly connected, {interface}")
        }
        Target::Unresolved { via } => format!("via {via} (not registered: packets are dropped)"),
        Target::Multipath { ways } => format!("{} ways", ways.len()),
        Target::Discard => "is discarded, Null0".into(),
    }
}
