//! `show ip route`.

use super::{foreign, lines};
use api::{Origin, Route, Target};

const CODES: &str = "\
Codes: L - local, C - connected, S - static, H - NHRP, K - kernel (routing daemon or ip route)
";

/// The codes and one line per route.
pub fn routes(routes: &[Route]) -> String {
    if routes.is_empty() {
        return "No route.\n".into();
    }
    let width = routes.iter().map(|route| route.prefix.to_string().len()).max().unwrap_or(0);
    let line = |route: &Route| {
        format!("{}     {:<width$} {}", code(&route.origin), route.prefix.to_string(), way(route))
    };
    format!("{CODES}\n{}", lines(routes.iter().map(line).collect()))
}

fn code(origin: &Origin) -> char {
    match origin {
        Origin::Connected => 'C',
        Origin::Local => 'L',
        Origin::Static => 'S',
        Origin::Nhrp => 'H',
        Origin::Kernel(_) => 'K',
    }
}

fn way(route: &Route) -> String {
    let way = match &route.target {
        Target::Peer { interface, via, nbma } => format!("via {via}, {interface} (NBMA {nbma})"),
        Target::NextHop { interface, via, resolved: true } => format!("via {via}, {interface}"),
        Target::NextHop { interface, via, resolved: false } => {
            format!("via {via}, {interface} (MAC address not resolved)")
        }
        Target::Attached { interface } | Target::Receive { interface } => {
            format!("is directly connected, {interface}")
        }
        Target::Unresolved { via } => format!("via {via} (not registered: packets are dropped)"),
        Target::Discard => "is discarded, Null0".into(),
    };
    match &route.origin {
        Origin::Kernel(protocol) => format!("{way} [{}]", foreign(protocol)),
        _ => way,
    }
}
