//! Packets of interfaces and of NHRP, and what was discarded.

use super::View;
use super::exposition::Family;
use api::{Interface, KernelTraffic, Medium, NhrpTraffic, PolicedClass};

/// All of them.
pub fn families(view: &View) -> Vec<Family> {
    let mut all = interfaces(&view.interfaces);
    all.extend(nhrp(&view.nhrp));
    all.extend(control(view));
    all.extend(drops(view));
    all.extend(classes(view.classes.iter().flatten()));
    all
}

fn interfaces(interfaces: &[Interface]) -> Vec<Family> {
    let family = |family: Family, value: fn(&Interface) -> u64| {
        family.each(interfaces, |family, interface| {
            family.add(&[("interface", &interface.name), ("type", kind(interface))], value(interface) as f64);
        })
    };
    vec![
        family(
            Family::gauge("interface_up", "Whether a port has a link, or a tunnel interface works."),
            |i| i.line_up.into(),
        ),
        family(Family::gauge("interface_admin_up", "Whether the interface's kernel twin is up."), |i| {
            i.admin_up.into()
        }),
        family(Family::gauge("interface_mtu_bytes", "IP MTU of the interface."), |i| i.mtu.into()),
        family(
            Family::counter(
                "interface_receive_packets_total",
                "Frames received by a port, inner packets by a tunnel.",
            ),
            |i| i.traffic.rx_packets,
        ),
        family(Family::counter("interface_receive_bytes_total", "Octets received."), |i| i.traffic.rx_bytes),
        family(
            Family::counter(
                "interface_transmit_packets_total",
                "Frames sent by a port, inner packets by a tunnel.",
            ),
            |i| i.traffic.tx_packets,
        ),
        family(Family::counter("interface_transmit_bytes_total", "Octets sent."), |i| i.traffic.tx_bytes),
        link_up(interfaces),
        speed(interfaces),
        kernel("packets", "Packets", interfaces, |k| [k.from_packets, k.to_packets]),
        kernel("bytes", "Octets", interfaces, |k| [k.from_bytes, k.to_bytes]),
        losses(interfaces),
    ]
}

fn kind(interface: &Interface) -> &'static str {
    match interface.medium {
        Medium::Port { .. } => "port",
        Medium::Tunnel { .. } => "tunnel",
    }
}

/// Only of ports whose device tells.
fn link_up(interfaces: &[Interface]) -> Family {
    Family::gauge("port_link_up", "Whether the port's device has a link.").each(
        interfaces,
        |family, interface| {
            if let Medium::Port { link_up: Some(up), .. } = interface.medium {
                family.add(&[("interface", &interface.name)], f64::from(u8::from(up)));
            }
        },
    )
}

/// Only of ports whose device tells.
fn speed(interfaces: &[Interface]) -> Family {
    Family::gauge("port_speed_bits_per_second", "Speed of the port's link.").each(
        interfaces,
        |family, interface| {
            if let Medium::Port { speed: Some(mbps), .. } = interface.medium {
                family.add(&[("interface", &interface.name)], f64::from(mbps) * 1e6);
            }
        },
    )
}

fn kernel(unit: &str, what: &str, interfaces: &[Interface], value: fn(&KernelTraffic) -> [u64; 2]) -> Family {
    let help = format!("{what} between the data plane and the interface's twin in the kernel.");
    Family::counter(&format!("interface_kernel_{unit}_total"), &help).each(interfaces, |family, interface| {
        for (direction, count) in ["from_kernel", "to_kernel"].into_iter().zip(value(&interface.kernel)) {
            let labels =
                [("interface", interface.name.as_str()), ("type", kind(interface)), ("direction", direction)];
            family.add(&labels, count as f64);
        }
    })
}

fn losses(interfaces: &[Interface]) -> Family {
    Family::counter(
        "interface_lost_packets_total",
        "Packets lost in a port's device, or between the data plane and the kernel, by cause.",
    )
    .each(interfaces, |family, interface| {
        for loss in &interface.losses {
            let labels =
                [("interface", interface.name.as_str()), ("type", kind(interface)), ("reason", &loss.reason)];
            family.add(&labels, loss.packets as f64);
        }
    })
}

fn nhrp(interfaces: &[NhrpTraffic]) -> Vec<Family> {
    let packets = Family::counter(
        "nhrp_packets_total",
        "NHRP packets by type; sent are those the hub made, forwarded those it passed on.",
    )
    .each(interfaces, |family, traffic| {
        let forwarded = traffic.forwarded.named();
        let own = traffic
            .sent
            .named()
            .into_iter()
            .zip(forwarded)
            .map(|((kind, all), (_, passed))| (kind, all.saturating_sub(passed)));
        let own: Vec<_> = own.collect();
        for (direction, counts) in
            [("received", &traffic.received.named()[..]), ("sent", &own), ("forwarded", &forwarded)]
        {
            for (kind, count) in counts {
                let labels =
                    [("interface", traffic.interface.as_str()), ("direction", direction), ("type", kind)];
                family.add(&labels, *count as f64);
            }
        }
    });
    let refused = Family::counter(
        "nhrp_refused_packets_total",
        "NHRP packets discarded or not sent, by reason.",
    )
    .each(interfaces, |family, traffic| {
        for refused in &traffic.refused {
            let labels = [("interface", traffic.interface.as_str()), ("reason", &refused.reason)];
            family.add(&labels, refused.packets as f64);
        }
    });
    let suppressed = Family::counter(
        "nhrp_redirects_suppressed_total",
        "Redirects not sent because the pair had one recently.",
    )
    .each(interfaces, |family, traffic| {
        family.add(&[("interface", &traffic.interface)], traffic.sent.redirect_suppressed as f64);
    });
    let narrowed = Family::counter(
        "nhrp_replies_narrowed_total",
        "Resolution replies passed on about less than the spoke claimed, which is not routed to it.",
    )
    .each(interfaces, |family, traffic| {
        family.add(&[("interface", &traffic.interface)], traffic.replies_narrowed as f64);
    });
    let full = Family::counter(
        "nhrp_requesters_full_total",
        "Answers whose receivers could not be remembered, so that they hear no purge.",
    )
    .each(interfaces, |family, traffic| {
        family.add(&[("interface", &traffic.interface)], traffic.requesters_full as f64);
    });
    vec![packets, refused, suppressed, narrowed, full]
}

fn control(view: &View) -> Vec<Family> {
    let (outbox, events) = (&view.outbox, &view.events);
    vec![
        Family::counter("control_events_total", "Events that control took from the workers.")
            .with(&[("event", "nhrp")], events.nhrp)
            .with(&[("event", "redirect")], events.redirects)
            .with(&[("event", "refused")], events.refused)
            .with(&[("event", "glean")], events.gleans),
        Family::counter("control_sent_packets_total", "NHRP packets given to the dataplane.")
            .with(&[], outbox.sent),
        Family::counter(
            "control_unsent_packets_total",
            "NHRP packets that control could not send, by reason.",
        )
        .with(&[("reason", "queue_full")], outbox.full)
        .with(&[("reason", "no_underlay_route")], outbox.no_route)
        .with(&[("reason", "timeout")], outbox.timeout)
        .with(&[("reason", "ring_full")], outbox.ring_full),
    ]
}

fn drops(view: &View) -> Vec<Family> {
    let drops = view.drops.iter().flatten();
    vec![
        Family::counter(
            "dropped_packets_total",
            "Packets that the workers discarded; `hubctl show drops` explains the reasons.",
        )
        .each(drops, |family, drop| family.add(&[("reason", &drop.reason)], drop.packets as f64)),
    ]
}

fn classes<'v>(classes: impl Iterator<Item = &'v PolicedClass> + Clone) -> Vec<Family> {
    let allowed = |family: Family, value: fn(&PolicedClass) -> u32| {
        family.each(classes.clone(), |family, class| {
            family.add(&[("class", &class.class)], value(class).into())
        })
    };
    let packets = Family::counter(
        "control_plane_packets_total",
        "Packets to the hub itself by class: conformed, dropped over the class's rate or one sender's share, and those \
         of the conformed that were dropped because the class's place in a queue was full.",
    )
    .each(classes.clone(), |family, class| {
        let counts = &class.packets;
        for (result, packets) in [
            ("conformed", counts.conformed),
            ("exceeded", counts.exceeded),
            ("source_exceeded", counts.source_exceeded),
            ("queue_full", counts.queue_full),
        ] {
            family.add(&[("class", &class.class), ("result", result)], packets as f64);
        }
    });
    vec![
        packets,
        allowed(
            Family::gauge("control_plane_rate_packets_per_second", "Packets a second that a class may have."),
            |class| class.rate,
        ),
        allowed(
            Family::gauge("control_plane_burst_packets", "Packets of a class that may come at once."),
            |class| class.burst,
        ),
    ]
}
