//! Whether the kernel's neighbour table holds all the next hops that the hub follows.
//!
//! Where spokes are neighbours on one subnet each has an entry. The kernel keeps `gc_thresh3` of them (1,024 unless
//! told otherwise), resolves none beyond, and says so in its own log only ("neighbor table overflow").

/// Where the limit stands. It belongs to the machine: other network namespaces do not show it.
const LIMIT: &str = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";
/// Part of the limit that next hops may take, in percent: the table has other entries, too.
const SHARE: u64 = 75;

/// The limit, and what was said about it.
#[derive(Debug, Default)]
pub struct Neighbours {
    /// Entries that the kernel keeps at most; `None`: not to be seen from here.
    pub limit: Option<u64>,
    advised: u64,
}

impl Neighbours {
    /// Looks again; gives a line for the operator when there is something new to say.
    pub fn check(&mut self, next_hops: u64) -> Option<String> {
        self.limit = std::fs::read_to_string(LIMIT).ok().and_then(|text| text.trim().parse().ok());
        self.advice(next_hops)
    }

    fn advice(&mut self, next_hops: u64) -> Option<String> {
        let limit = self.limit?;
        if next_hops <= limit.saturating_mul(SHARE) / 100 {
            self.advised = 0;
            return None;
        }
        let wanted = next_hops.saturating_mul(2).next_power_of_two();
        if wanted <= self.advised {
            return None;
        }
        self.advised = wanted;
        Some(format!(
            "{next_hops} next hops are neighbours of the hub and the kernel keeps {limit} neighbours at most, beyond \
             which no spoke can be reached: sysctl -w net.ipv4.neigh.default.gc_thresh3={wanted} \
             net.ipv4.neigh.default.gc_thresh2={} net.ipv4.neigh.default.gc_thresh1={}",
            wanted / 2,
            wanted / 4
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_up_before_the_table_is_full_and_not_every_second() {
        let mut neighbours = Neighbours { limit: Some(1_024), advised: 0 };
        assert_eq!(neighbours.advice(768), None);
        let line = neighbours.advice(769).unwrap();
        assert!(line.contains("769 next hops") && line.contains("gc_thresh3=2048"), "{line}");
        assert!((770..=1_024).all(|n| neighbours.advice(n).is_none()), "said already");
        assert!(neighbours.advice(1_025).unwrap().contains("gc_thresh3=4096"));
        neighbours.limit = Some(4_096);
        assert_eq!(neighbours.advice(1_025), None);
        neighbours.limit = Some(1_024);
        assert!(neighbours.advice(1_025).is_some(), "set back");
        neighbours.limit = None;
        assert_eq!(neighbours.advice(100_000), None);
    }
}
