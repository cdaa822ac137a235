//! `[dataplane]`: are there such cores, and enough buffers?

use crate::model::Config;
use crate::reader::Findings;
use crate::{BUFFERS_PER_WORKER, FRAGMENT_SHARE};

/// Cores, and buffers.
pub(super) fn check(config: &Config, cores: Option<&[usize]>, findings: &mut Findings) {
    buffers(config, findings);
    let chosen = &config.dataplane.cores;
    for (index, core) in chosen.iter().enumerate() {
        let place = format!("dataplane.cores[{index}]");
        if chosen[..index].contains(core) {
            findings.error(&place, format!("core {core} is named twice"));
        }
        absent(*core, cores, &place, findings);
    }
    if let Some(core) = config.dataplane.service_core {
        absent(core, cores, "dataplane.service-core", findings);
        if chosen.contains(&core) && config.dataplane.idle_sleep == 0 {
            let message =
                format!("core {core} is a worker's, which never sleeps: the service thread would starve");
            findings.warning("dataplane.service-core", message);
        }
    }
}

/// Whether there are buffers for all queues at once, so that one that is full never takes from another what it needs.
fn buffers(config: &Config, findings: &mut Findings) {
    let dataplane = &config.dataplane;
    let devices = config.devices().count();
    let rings = 2 * devices as u64 * u64::from(dataplane.ring_size);
    let queues = dataplane.cores.len() as u64 * (rings + u64::from(BUFFERS_PER_WORKER));
    let share = u64::from(FRAGMENT_SHARE);
    let needed = (queues * share).div_ceil(share - 1).next_multiple_of(1024);
    if u64::from(dataplane.buffers) < needed {
        let message = format!(
            "{} buffers may run out when all queues are full ({} workers, {} ports, ring-size {}): raise it to \
             {needed}, and `memory` with it, or lower `ring-size`",
            dataplane.buffers,
            dataplane.cores.len(),
            devices,
            dataplane.ring_size,
        );
        findings.warning("dataplane.buffers", message);
    }
}

fn absent(core: usize, cores: Option<&[usize]>, place: &str, findings: &mut Findings) {
    if cores.is_some_and(|cores| !cores.contains(&core)) {
        findings.warning(place, format!("this machine has no core {core}"));
    }
}
