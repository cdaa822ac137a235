//! What an interactive `dpdk-testpmd` counts.

use super::hub::Work;

/// Asks it.
pub const QUESTION: &str = "show fwd stats all";
/// It waits for the next.
const PROMPT: &str = "testpmd> ";
/// Begins the sums of all ports.
const SUMS: &str = "Accumulated forward statistics";

/// The answer in what it said since; `None`: not yet whole.
pub fn answer(said: &str) -> Option<Work> {
    let (_, sums) = said.rsplit_once(SUMS)?;
    let (sums, _) = sums.rsplit_once(PROMPT)?;
    let number = |name: &str| {
        let rest = sums.split_once(name)?.1.trim_start();
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    };
    // Before the first packet there are no cycles.
    let busy = number("(total cycles=").unwrap_or(0);
    Some(Work { packets: number("RX-packets:")?, busy, dropped: number("TX-dropped:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: &str = "show fwd stats all\n
  ---------------------- Forward statistics for port 0  ----------------------
  RX-packets: 0              RX-dropped: 0             RX-total: 0
  TX-packets: 0              TX-dropped: 0             TX-total: 0
  ----------------------------------------------------------------------------

  +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++
  RX-packets: 0              RX-dropped: 0             RX-total: 0
  TX-packets: 0              TX-dropped: 0             TX-total: 0
  ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
testpmd> ";

    #[test]
    fn answers_are_read_when_they_are_whole() {
        assert_eq!(answer(NOTHING), Some(Work::default()));
        assert_eq!(answer(NOTHING.trim_end_matches(PROMPT)), None);
        let some =
            NOTHING.replace("TX-dropped: 0 ", "TX-dropped: 7 ").replace("RX-packets: 0", "RX-packets: 123");
        let cycles =
            "\n  CPU cycles/packet=68.29 (total cycles=8400 / total io packets=123) at 2595 MHz Clock\n";
        let some = some.replace(PROMPT, &format!("{cycles}{PROMPT}"));
        assert_eq!(answer(&some), Some(Work { packets: 123, busy: 8_400, dropped: 7 }));
    }
}
