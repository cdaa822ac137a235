//! The hub's figures beside another program's.

use super::row::Row;
use crate::spread::Spread;
use serde::Serialize;

/// The hub beside the other.
#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    /// The wire.
    pub link: &'static str,
    /// Registered spokes.
    pub spokes: u32,
    /// Octets of the inner IP packet, or `imix`.
    pub size: String,
    /// Cycles for a packet at full load, of polls that found some; `None`: one of them does not tell.
    pub cycles: Option<Pair>,
    /// Cycles of CPU time for a packet at full load, idle polls among it.
    pub cpu_cycles: Pair,
    /// Frames a second without loss; above 1 the hub is faster.
    pub rate: Pair,
    /// The generator, not the hub, was at its end.
    pub hub_generator_bound: bool,
    /// The same of the other.
    pub peer_generator_bound: bool,
    /// Rounds in which the machine moved the cores, which count all the same since there were no better ones.
    pub moved: u32,
}

/// A figure of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The hub's.
    pub hub: Spread,
    /// The other's.
    pub peer: Spread,
    /// The hub's by the other's, of each round.
    pub ratio: Spread,
}

impl Pair {
    /// Of the rounds.
    pub fn of(rounds: &[[Row; 2]], figure: impl Fn(&Row) -> f64) -> Self {
        let all = rounds.iter().map(|round| round.each_ref().map(&figure));
        Self {
            hub: Spread::of(all.clone().map(|[hub, _]| hub)),
            peer: Spread::of(all.clone().map(|[_, peer]| peer)),
            ratio: Spread::of(all.map(|[hub, peer]| hub / peer)),
        }
    }
}

impl Ratio {
    /// Of the rounds of a case, the hub's row and the other's of each; `None`: at a given rate there is latency alone.
    pub fn of(rounds: &[[Row; 2]], moved: u32) -> Option<Self> {
        let [Row { link, spokes, size, .. }, _] = rounds.first()?;
        let rate = |row: &Row| row.throughput.first().map_or(f64::NAN, |found| found.rate.median);
        let bound = |side: usize| {
            let rows = rounds.iter().filter_map(|round| round.get(side));
            rows.flat_map(|row| row.throughput.first()).any(|found| found.generator_bound)
        };
        let tells = rounds.iter().flatten().all(|row| row.cycles().is_some());
        rounds.iter().flatten().all(|row| !row.throughput.is_empty()).then(|| Self {
            link: link.name(),
            spokes: *spokes,
            size: size.clone(),
            cycles: tells.then(|| Pair::of(rounds, |row| row.cycles().unwrap_or(f64::NAN))),
            cpu_cycles: Pair::of(rounds, Row::cpu_cycles),
            rate: Pair::of(rounds, rate),
            hub_generator_bound: bound(0),
            peer_generator_bound: bound(1),
            moved,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::link::Link;
    use super::*;
    use crate::scenario::Size;

    #[test]
    fn ratios_are_of_the_two_of_a_round() {
        let row = |trials| Row { trials, ..Row::new(Link::Memif, 2, Size::Fixed(64)) };
        // The machine was twice as slow in the last round.
        let rounds = [[300, 200], [330, 200], [600, 400]].map(|round| round.map(row));
        let Pair { hub, peer, ratio } = Pair::of(&rounds, |row| row.trials as f64);
        assert_eq!((hub.median, peer.median), (330.0, 200.0));
        assert_eq!(ratio, Spread { min: 1.5, median: 1.5, max: 1.65 });
    }

    #[test]
    fn latency_alone_has_no_ratio() {
        let row = || Row::new(Link::Memif, 2, Size::Fixed(64));
        assert!(Ratio::of(&[[row(), row()]], 0).is_none());
    }
}
