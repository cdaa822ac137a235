//! `show ip mroute`.

use super::lines;
use super::uptime::uptime;
use api::{Mroute, MrouteInterface};

/// A paragraph for each route.
pub fn mroutes(routes: &[Mroute]) -> String {
    if routes.is_empty() {
        return "No multicast route.\n".into();
    }
    let paragraphs = routes.iter().map(|route| lines(paragraph(route)));
    format!("IP Multicast Routing Table\n\n{}", paragraphs.collect::<Vec<_>>().join("\n"))
}

fn paragraph(route: &Mroute) -> Vec<String> {
    let source = route.source.map_or_else(|| "*".into(), |source| source.to_string());
    let incoming = route.incoming.as_deref().unwrap_or("of the kernel");
    let mut all = vec![
        format!("({source}, {})", route.group),
        format!("  Incoming interface: {incoming}"),
        "  Outgoing interface list:".into(),
    ];
    all.extend(route.outgoing.iter().flat_map(outgoing));
    if route.kernel {
        all.push("    others of the kernel".into());
    }
    if route.outgoing.is_empty() && !route.kernel {
        all.push("    Null".into());
    }
    all.push(format!(
        "  Packets: {} ({} bytes), copies: {}, wrong interface: {}, dropped: {}",
        route.packets, route.bytes, route.copies, route.wrong_interface, route.dropped
    ));
    all
}

fn outgoing(interface: &MrouteInterface) -> Vec<String> {
    let name = &interface.interface;
    if interface.spokes.is_empty() {
        return vec![format!("    {name}")];
    }
    let spokes = interface.spokes.iter().map(|spoke| {
        let tunnel = spoke.tunnel.map_or_else(|| "-".into(), |tunnel| tunnel.to_string());
        let expires = spoke.expires.map_or_else(|| "never".into(), uptime);
        format!("    {name}, {tunnel} (NBMA {}), expires {expires}", spoke.nbma)
    });
    spokes.collect()
}
