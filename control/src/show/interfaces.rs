//! `show interfaces`.

use crate::hub::Hub;
use crate::kernel::Interface as Twin;
use api::{Interface, KernelTraffic, Loss, Medium, Prefix, Traffic};
use config::model::Role;
use shm::counters::WorkerCounters;
use shm::message::{TunnelId, VrfId};
use shm::service::{Device, DeviceLoss, ServiceCounters, Twin as TwinCounters, TwinLoss};

/// Ports, then tunnels; all or one.
pub fn interfaces(hub: &Hub, only: Option<&str>, now_ms: u64) -> Vec<Interface> {
    let ports = (0..hub.config.port.len()).filter_map(|id| port(hub, id, now_ms));
    let tunnels = (0..hub.config.tunnel.len()).filter_map(|id| tunnel(hub, id, now_ms));
    ports.chain(tunnels).filter(|interface| only.is_none_or(|name| name == interface.name)).collect()
}

/// Whether a tunnel works: its twin is up, the data plane lives, and a port that is up has its source address.
pub fn tunnel_line(hub: &Hub, id: TunnelId, now_ms: u64) -> bool {
    let kernel = &hub.state.kernel;
    let up = |twin| kernel.link(twin).is_some_and(|link| link.up);
    let Some(tunnel) = hub.config.tunnel.get(usize::from(id)) else { return false };
    let mut ports = kernel
        .addresses()
        .filter(|(twin, at)| at.address == tunnel.source && kernel.vrf_of(*twin) == tunnel.tunnel_vrf)
        .map(|(twin, _)| twin);
    up(Twin::Tunnel(id)) && alive(hub, now_ms) && ports.any(up)
}

fn alive(hub: &Hub, now_ms: u64) -> bool {
    hub.plane.as_ref().is_some_and(|plane| plane.is_alive(now_ms))
}

fn port(hub: &Hub, id: usize, now_ms: u64) -> Option<Interface> {
    let port = hub.config.port.get(id)?;
    let twin = Twin::Port(id as u8);
    let link = hub.state.kernel.link(twin);
    let service = service(hub);
    let device = service.and_then(|service| service.devices.get(id));
    // Of a data plane that is gone, the link says nothing.
    let living = device.filter(|_| alive(hub, now_ms));
    let counters = service.and_then(|service| service.port_twins.get(id));
    Some(Interface {
        name: port.name.clone(),
        vrf: vrf(hub, port.vrf),
        kernel_interface: port.name.clone(),
        admin_up: link.is_some_and(|link| link.up),
        line_up: link.is_some_and(|link| link.up && link.running) && alive(hub, now_ms),
        addresses: addresses(hub, twin),
        mtu: link.map_or(port.mtu, |link| link.mtu as u16),
        traffic: sum(hub, |worker| worker.ports.get(id)),
        kernel: counters.map(kernel_traffic).unwrap_or_default(),
        losses: device.map(device_losses).into_iter().chain(counters.map(twin_losses)).flatten().collect(),
        medium: Medium::Port {
            device: port.device.clone(),
            role: match port.role {
                Role::Underlay => "underlay".into(),
                Role::Lan => "lan".into(),
            },
            mac: link.and_then(|link| link.mac).map(|mac| mac.map(|octet| format!("{octet:02x}")).join(":")),
            vlan: port.vlan,
            link_up: living.and_then(Device::link_up),
            speed: living.and_then(Device::mbps),
        },
    })
}

fn tunnel(hub: &Hub, id: usize, now_ms: u64) -> Option<Interface> {
    let tunnel = hub.config.tunnel.get(id)?;
    let twin = Twin::Tunnel(id as u8);
    let link = hub.state.kernel.link(twin);
    let counters = service(hub).and_then(|service| service.tunnel_twins.get(id));
    let bound = hub.server.bindings().filter(|binding| usize::from(binding.tunnel) == id);
    Some(Interface {
        name: tunnel.name.clone(),
        vrf: vrf(hub, tunnel.vrf),
        kernel_interface: tunnel.interface.clone(),
        admin_up: link.is_some_and(|link| link.up),
        line_up: tunnel_line(hub, id as u8, now_ms),
        addresses: addresses(hub, twin),
        mtu: link.map_or(tunnel.ip_mtu, |link| link.mtu as u16),
        traffic: sum(hub, |worker| worker.tunnels.get(id)),
        kernel: counters.map(kernel_traffic).unwrap_or_default(),
        losses: counters.map(twin_losses).unwrap_or_default(),
        medium: Medium::Tunnel {
            source: tunnel.source,
            tunnel_vrf: vrf(hub, tunnel.tunnel_vrf),
            key: tunnel.key,
            ttl: tunnel.ttl,
            tcp_adjust_mss: tunnel.tcp_adjust_mss,
            network_id: tunnel.nhrp.network_id,
            peers_up: bound.count() as u32,
        },
    })
}

/// A VRF's name, if it is not the global one.
pub fn vrf(hub: &Hub, id: VrfId) -> Option<String> {
    hub.config.vrf(id).map(|vrf| vrf.name.clone())
}

fn addresses(hub: &Hub, twin: Twin) -> Vec<Prefix> {
    let ours = hub.state.kernel.addresses().filter(|(at, _)| *at == twin);
    ours.map(|(_, at)| Prefix { address: at.address, len: at.len }).collect()
}

fn service(hub: &Hub) -> Option<&ServiceCounters> {
    hub.plane.as_ref().map(|plane| plane.segment.service())
}

fn kernel_traffic(twin: &TwinCounters) -> KernelTraffic {
    KernelTraffic {
        from_packets: twin.from_kernel_packets.get(),
        from_bytes: twin.from_kernel_bytes.get(),
        to_packets: twin.to_kernel_packets.get(),
        to_bytes: twin.to_kernel_bytes.get(),
    }
}

fn twin_losses(twin: &TwinCounters) -> Vec<Loss> {
    let loss = |cause: &TwinLoss| Loss {
        reason: cause.name().into(),
        meaning: cause.meaning().into(),
        packets: twin.lost(*cause),
    };
    TwinLoss::ALL.iter().map(loss).collect()
}

fn device_losses(device: &Device) -> Vec<Loss> {
    let loss = |cause: &DeviceLoss| Loss {
        reason: cause.name().into(),
        meaning: cause.meaning().into(),
        packets: device.lost(*cause),
    };
    DeviceLoss::ALL.iter().map(loss).collect()
}

fn sum(hub: &Hub, of: impl Fn(&WorkerCounters) -> Option<&shm::counters::Traffic>) -> Traffic {
    let mut sum = Traffic::default();
    let workers = hub.plane.iter().flat_map(|plane| plane.segment.workers());
    for traffic in workers.filter_map(of) {
        sum.rx_packets = sum.rx_packets.wrapping_add(traffic.rx_packets.get());
        sum.rx_bytes = sum.rx_bytes.wrapping_add(traffic.rx_bytes.get());
        sum.tx_packets = sum.tx_packets.wrapping_add(traffic.tx_packets.get());
        sum.tx_bytes = sum.tx_bytes.wrapping_add(traffic.tx_bytes.get());
    }
    sum
}
