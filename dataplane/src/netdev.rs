//! What the kernel dropped because a twin's queue was full: it tells nobody but `/proc/net/dev`.

/// Of the thread's own network namespace.
const PATH: &str = "/proc/thread-self/net/dev";
/// Column of packets dropped on their way out, behind the name: eight columns of reception, then octets, packets and
/// errors.
const TX_DROPPED: usize = 11;

/// One reading of all interfaces.
#[derive(Debug)]
pub struct NetDev(String);

impl NetDev {
    /// `None`: there is no such file.
    pub fn read() -> Option<Self> {
        std::fs::read_to_string(PATH).ok().map(Self)
    }

    /// Packets that the interface did not take, since it was made; `None`: there is no such interface.
    pub fn dropped(&self, name: &str) -> Option<u64> {
        let lines = self.0.lines().filter_map(|line| line.split_once(':'));
        let columns = lines.filter(|(of, _)| of.trim() == name).map(|(_, columns)| columns).next()?;
        columns.split_ascii_whitespace().nth(TX_DROPPED)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table() {
        let text = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  704930    5171    0    0    0     0          0         0   704930    5171    0    0    0     0       0          0
  tun0:12345678901 77    0    3    0     0          0         0  1200       12    0   41    0     0       0          0
";
        let table = NetDev(text.into());
        assert_eq!(
            (table.dropped("tun0"), table.dropped("lo"), table.dropped("tun")),
            (Some(41), Some(0), None)
        );
        assert_eq!(NetDev("tun0: 1 2".into()).dropped("tun0"), None);
    }

    #[test]
    fn this_machines_loopback_is_found() {
        assert!(NetDev::read().unwrap().dropped("lo").is_some());
    }
}
