//! Devices under watch: links that come and go, and packets lost before a worker saw them. Counted in the segment at
//! each look, for the port that has the device; logged now and then. VLAN sub-interfaces have their parent's link.

use config::Config;
use dpdk::{Pool, Port, PortStats};
use shm::service::{Device, DeviceLoss, ServiceCounters};

/// Reports of losses are this many looks apart at least: a flood of losses is a line now and then.
const REPORT_EVERY: u32 = 10;

/// One device under watch.
#[derive(Debug)]
struct Watched {
    name: String,
    /// Index of the port that has it.
    id: usize,
    port: Port,
    up: Option<bool>,
    /// At the last look.
    counted: PortStats,
    /// At the last report.
    reported: PortStats,
}

/// All ports. Owned by the service thread.
#[derive(Debug)]
pub struct Health {
    devices: Vec<Watched>,
    /// By port, the place of its device in `devices`.
    device_of: Vec<usize>,
    pools: Vec<Pool>,
    looks: u32,
}

impl Health {
    /// `devices` in the order of the ports that have one; `device_of` by port.
    pub fn new(config: &Config, devices: Vec<Port>, device_of: &[usize], pools: Vec<Pool>) -> Self {
        let watch = |((id, configured), port): ((usize, &config::model::Port), Port)| {
            let stats = port.stats().unwrap_or_default();
            Watched { name: configured.name.clone(), id, port, up: None, counted: stats, reported: stats }
        };
        let devices = config.devices().zip(devices).map(watch).collect();
        Self { devices, device_of: device_of.to_vec(), pools, looks: 0 }
    }

    /// How many ports there are.
    pub fn ports(&self) -> usize {
        self.device_of.len()
    }

    /// Looks at all devices; answers whether each port's link is up.
    pub fn look(&mut self, counters: &ServiceCounters) -> impl Iterator<Item = bool> {
        self.looks += 1;
        let report = self.looks.is_multiple_of(REPORT_EVERY);
        let buffers: u32 = self.pools.iter().map(Pool::buffers).sum();
        let available: u32 = self.pools.iter().map(Pool::available).sum();
        counters.buffers.set(buffers.into());
        counters.buffers_used.set(buffers.saturating_sub(available).into());
        for watched in &mut self.devices {
            let Some(device) = counters.devices.get(watched.id) else { continue };
            watched.count(device);
            if report {
                watched.report(available);
            }
        }
        let links: Vec<Link> = self.devices.iter_mut().map(Watched::link).collect();
        let of_port = |(id, place): (usize, &usize)| {
            let link = links.get(*place).copied().unwrap_or_default();
            if let Some(device) = counters.devices.get(id) {
                device.set_link(link.up, link.mbps);
            }
            // A device that cannot tell its link's state is taken for up.
            link.up.unwrap_or(true)
        };
        self.device_of.iter().enumerate().map(of_port).collect::<Vec<_>>().into_iter()
    }

    /// One line per port for the log, when the process ends.
    pub fn summary(&self) {
        for Watched { name, port, .. } in &self.devices {
            tracing::info!(port = name, stats = ?port.stats().unwrap_or_default(), "port");
        }
    }
}

/// What a device says of its link.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// `None`: it cannot tell.
    up: Option<bool>,
    mbps: Option<u32>,
}

impl Watched {
    fn link(&mut self) -> Link {
        let told = self.port.link().ok();
        let link = Link { up: told.map(|link| link.up), mbps: told.and_then(|link| link.mbps) };
        let (up, mbps) = (link.up.unwrap_or(true), link.mbps);
        if self.up != Some(up) {
            match up {
                true => tracing::info!(port = self.name, mbps, "link is up"),
                false => tracing::warn!(port = self.name, "link is down"),
            }
            self.up = Some(up);
        }
        link
    }

    fn count(&mut self, device: &Device) {
        let Ok(now) = self.port.stats() else { return };
        count(device, &self.counted, &now);
        self.counted = now;
    }

    fn report(&mut self, available: u32) {
        let now = self.counted;
        let missed = now.rx_missed.saturating_sub(self.reported.rx_missed);
        let no_buffer = now.rx_no_buffer.saturating_sub(self.reported.rx_no_buffer);
        let errors = now.rx_errors.saturating_sub(self.reported.rx_errors);
        if missed > 0 {
            tracing::warn!(
                port = self.name,
                missed,
                "packets lost before a worker took them: add `cores`, or raise `ring-size`"
            );
        }
        if no_buffer > 0 {
            tracing::warn!(
                port = self.name,
                no_buffer,
                available,
                "packets lost for want of buffers: raise `buffers`"
            );
        }
        if errors > 0 {
            tracing::warn!(
                port = self.name,
                errors,
                "packets damaged on the wire, or too long for the device"
            );
        }
        self.reported = now;
    }
}

/// Adds what a device lost between two looks. A device that began to count anew is counted from there on.
fn count(device: &Device, before: &PortStats, now: &PortStats) {
    for (cause, before, now) in [
        (DeviceLoss::RxMissed, before.rx_missed, now.rx_missed),
        (DeviceLoss::RxNoBuffer, before.rx_no_buffer, now.rx_no_buffer),
        (DeviceLoss::RxErrors, before.rx_errors, now.rx_errors),
        (DeviceLoss::TxErrors, before.tx_errors, now.tx_errors),
    ] {
        device.lose(cause, if now < before { now } else { now - before });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_by_cause_and_across_a_reset() {
        let device = Device::default();
        let look =
            |rx_missed, tx_errors| PortStats { rx_missed, tx_errors, rx_errors: 7, ..PortStats::default() };
        count(&device, &look(10, 1), &look(13, 1));
        count(&device, &look(13, 1), &look(2, 5));
        assert_eq!(device.lost(DeviceLoss::RxMissed), 3 + 2);
        assert_eq!(device.lost(DeviceLoss::TxErrors), 4);
        assert_eq!(device.lost(DeviceLoss::RxErrors), 0, "what was there before the first look");
        assert_eq!(device.lost(DeviceLoss::RxNoBuffer), 0);
    }
}
