//! What a process has used, from `/proc`.

use serde::Serialize;

/// At one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Time on a CPU of all threads, in nanoseconds.
    cpu_ns: u64,
    /// Resident memory, in octets.
    resident: u64,
}

/// From one moment to another, for each spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Time on a CPU for each spoke, in microseconds.
    pub cpu_us_per_spoke: f64,
    /// Resident memory that came for each spoke, in octets.
    pub resident_per_spoke: f64,
    /// Resident memory now, in octets.
    pub resident: u64,
}

impl Sample {
    /// Of a process; `None`: there is none, or no right to look at it.
    pub fn of(pid: u32) -> Option<Self> {
        let mut cpu_ns = 0;
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
            // A thread may have ended since.
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            cpu_ns += text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        }
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = resident.split_whitespace().next()?.parse().ok()?;
        Some(Self { cpu_ns, resident: kib * 1024 })
    }

    /// From this moment to `later`.
    pub fn until(&self, later: &Self, spokes: u32) -> Cost {
        let spokes = f64::from(spokes.max(1));
        Cost {
            cpu_us_per_spoke: later.cpu_ns.saturating_sub(self.cpu_ns) as f64 / 1_000.0 / spokes,
            resident_per_spoke: later.resident.saturating_sub(self.resident) as f64 / spokes,
            resident: later.resident,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let before = Sample::of(std::process::id()).unwrap();
        assert!(before.resident > 0);
        while Sample::of(std::process::id()).unwrap().cpu_ns == before.cpu_ns {}
        let later = Sample { cpu_ns: before.cpu_ns + 3_000_000, resident: before.resident + 4_096 };
        let cost = before.until(&later, 2);
        assert_eq!((cost.cpu_us_per_spoke, cost.resident_per_spoke), (1_500.0, 2_048.0));
        assert_eq!(Sample::of(u32::MAX), None);
    }
}
