//! What an operator must hear of the ports: links that come and go, and packets lost before a worker saw them.

use dpdk::{Pool, Port, PortStats};

/// Reports of losses are this many looks apart at least: a flood of losses is a line now and then.
const REPORT_EVERY: u32 = 10;

/// One port under watch.
#[derive(Debug)]
struct Watched {
    name: String,
    port: Port,
    up: Option<bool>,
    reported: PortStats,
}

/// All ports. Owned by the service thread.
#[derive(Debug)]
pub struct Health {
    ports: Vec<Watched>,
    pool: Pool,
    looks: u32,
}

impl Health {
    /// `ports` in the order of the configuration.
    pub fn new(configured: &[config::model::Port], ports: Vec<Port>, pool: Pool) -> Self {
        let watch = |(configured, port): (&config::model::Port, Port)| Watched {
            name: configured.name.clone(),
            reported: port.stats().unwrap_or_default(),
            port,
            up: None,
        };
        Self { ports: configured.iter().zip(ports).map(watch).collect(), pool, looks: 0 }
    }

    /// How many ports there are.
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    /// Looks at all ports; answers whether each one's link is up.
    pub fn look(&mut self) -> impl Iterator<Item = bool> {
        self.looks += 1;
        let report = self.looks.is_multiple_of(REPORT_EVERY);
        let available = if report { self.pool.available() } else { 0 };
        self.ports.iter_mut().map(move |watched| {
            if report {
                watched.losses(available);
            }
            watched.link()
        })
    }

    /// One line per port for the log, when the process ends.
    pub fn summary(&self) {
        for Watched { name, port, .. } in &self.ports {
            tracing::info!(port = name, stats = ?port.stats().unwrap_or_default(), "port");
        }
    }
}

impl Watched {
    /// A device that cannot tell its link's state is taken for up.
    fn link(&mut self) -> bool {
        let link = self.port.link().ok();
        let up = link.is_none_or(|link| link.up);
        if self.up != Some(up) {
            let mbps = link.and_then(|link| link.mbps);
            match up {
                true => tracing::info!(port = self.name, mbps, "link is up"),
                false => tracing::warn!(port = self.name, "link is down"),
            }
            self.up = Some(up);
        }
        up
    }

    fn losses(&mut self, available: u32) {
        let Ok(now) = self.port.stats() else { return };
        let missed = now.rx_missed.wrapping_sub(self.reported.rx_missed);
        let no_buffer = now.rx_no_buffer.wrapping_sub(self.reported.rx_no_buffer);
        let errors = now.rx_errors.wrapping_sub(self.reported.rx_errors);
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
