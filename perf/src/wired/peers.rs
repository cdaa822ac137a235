//! `hub-perf peers`: the hub and a DPDK program in turn on the same wire, with the same generator: in the clear
//! `dpdk-testpmd`, which only passes frames on; with `--esp` DPDK's `ipsec-secgw`, which does to ESP what the hub does.

use super::distance::alike;
use super::link::Link;
use super::peer::Program;
use super::ratio::{Pair, Ratio};
use super::report::Report;
use super::row::Row;
use super::{Error, Setting, measure, plots};
use crate::output::save;
use crate::scenario::Size;
use forwarding::crypto::Transform;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `hub-perf peers`.
///
/// In the clear the other is `dpdk-testpmd --forward-mode=io`: it touches no octet of a frame, so that what the hub costs
/// beyond it is what the hub does. With `--esp` it is ipsec-secgw, which opens what a spoke sent, looks up and seals for
/// another spoke on one core as the hub does. What differs: it does so in tunnel mode and has no GRE, so that frames are
/// 4 octets shorter; it looks up policies, by the inner source after opening and by the inner destination before sealing,
/// and has neither routes to spokes nor a TEIB; it leaves the inner TTL alone; and packets pass a ring between opening and
/// sealing.
///
/// A round is the hub and then the other. It counts if the machine left both cores where they were, as far as the time
/// shows that a cache line takes from one to the other and back; else there is another round.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
#[command(mut_arg("spokes", |spokes| spokes.default_value("1000,2,10000")))]
pub struct Args {
    /// As of `hub-perf wire`; every run has a process of its own.
    #[command(flatten)]
    wire: super::Args,
    /// DPDK's ipsec-secgw; unless given, where `scripts/perf-peers` puts it.
    #[arg(long)]
    secgw: Option<PathBuf>,
}

/// Where the other is at its end.
#[derive(Debug, Serialize)]
pub struct Limit {
    /// The wire.
    link: &'static str,
    /// Spokes that it does not work with.
    spokes: u32,
    /// What it said.
    why: String,
}

/// All that was found.
#[derive(Serialize)]
pub struct Both {
    /// What the hub is held against.
    pub program: &'static str,
    /// By case.
    pub ratios: Vec<Ratio>,
    /// What the other does not do.
    pub limits: Vec<Limit>,
    /// The hub's own figures.
    pub hub: Report,
    /// The other's.
    pub peer: Report,
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let wire = args.wire.prepared();
    if wire.over.contains(&Link::Cable) {
        return Err(Error::PeerByCable);
    }
    let wanted = wire.runs;
    let wire = super::Args { runs: 1, ..wire };
    let other = args.other()?;
    let setting = Setting::new(&wire)?;
    let mut both = Both {
        program: other.name(),
        ratios: Vec::new(),
        limits: Vec::new(),
        hub: setting.report(wanted),
        peer: setting.report(wanted),
    };
    both.peer.case = wire.esp.map_or_else(
        || "the same frames, passed on as they are by testpmd, one port, one worker".into(),
        |esp| {
            format!(
                "spoke to spoke through ipsec-secgw, ESP {esp} in tunnel mode, no GRE, one port, one core"
            )
        },
    );
    for (link, spokes, sizes) in wire.cases() {
        for size in sizes {
            let (rounds, moved) = match rounds(&setting, (link, spokes, *size), &other, wanted) {
                Ok(rounds) => rounds,
                // What was measured before is worth having all the same.
                Err(Failed::Peer(why)) => {
                    both.limits.push(Limit { link: link.name(), spokes, why: why.to_string() });
                    break;
                }
                Err(Failed::Hub(error)) => return Err(error),
            };
            both.ratios.extend(Ratio::of(&rounds, moved));
            for [hub, peer] in rounds {
                merge(&mut both.hub.rows, hub);
                merge(&mut both.peer.rows, peer);
            }
        }
    }
    let json = serde_json::to_string_pretty(&both).unwrap_or_default();
    if let Some(directory) = &wire.output {
        save(directory, ("peers.json", &json), &plots::beside(&both))
            .map_err(|error| Error::File(directory.clone(), error))?;
    }
    if wire.json {
        println!("{json}");
    } else {
        print!("{both}");
    }
    let nothing = both.peer.rows.is_empty() && !both.limits.is_empty();
    Ok(if nothing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Why there is no figure.
enum Failed {
    /// For this the hub is not to blame, nor are we: the other did not start, or let nothing through.
    Peer(Error),
    /// Anything else.
    Hub(Error),
}

/// The hub and the other in turn, so that a machine that slows down slows both, and how many of the rounds count although
/// the machine moved the cores meanwhile.
fn rounds(
    setting: &Setting<'_>,
    (link, spokes, size): (Link, u32, Size),
    other: &Program,
    wanted: u32,
) -> Result<(Vec<[Row; 2]>, u32), Failed> {
    let (mut rounds, mut moved) = (Vec::new(), Vec::new());
    while rounds.len() < wanted as usize && moved.len() <= wanted as usize {
        let one =
            |program| measure(setting, (link, spokes), &[size], program).map(|rows| rows.into_iter().next());
        let hub = one(None).map_err(Failed::Hub)?;
        let peer = one(Some(other)).map_err(|error| match error {
            error @ (Error::Hub(_) | Error::Silent { .. }) => Failed::Peer(error),
            error => Failed::Hub(error),
        })?;
        let (Some(hub), Some(peer)) = (hub, peer) else { break };
        let still = alike(hub.distance.iter().chain(&peer.distance).copied());
        if still { &mut rounds } else { &mut moved }.push([hub, peer]);
    }
    let missing = (wanted as usize).saturating_sub(rounds.len()).min(moved.len());
    rounds.extend(moved.drain(..missing));
    Ok((rounds, missing as u32))
}

impl Args {
    fn other(&self) -> Result<Program, Error> {
        match self.wire.esp.map(|named| named.0) {
            None => Ok(Program::Testpmd),
            Some(_) if self.wire.over.contains(&Link::Virtio) => Err(Error::NoGuest),
            Some(Transform::Gcm128 | Transform::Gcm256) => {
                let path = self.secgw.clone().unwrap_or_else(built);
                if path.is_file() { Ok(Program::Secgw(path)) } else { Err(Error::NoPeer(path)) }
            }
            Some(_) => Err(Error::OnlyGcm),
        }
    }
}

/// Where `scripts/perf-peers` puts ipsec-secgw: `peers` beside this build.
fn built() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors().nth(2).unwrap_or(&own).join("peers").join("ipsec-secgw")
}

/// Adds a run to those of the same case.
fn merge(rows: &mut Vec<Row>, row: Row) {
    let case = |row: &Row| (row.link, row.spokes, row.size.clone());
    match rows.iter_mut().find(|other| case(other) == case(&row)) {
        Some(known) => known.add(row),
        None => rows.push(row),
    }
}

impl std::fmt::Display for Both {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { program, ratios, limits, hub, peer } = self;
        writeln!(f, "{hub}\n{peer}")?;
        for Limit { link, spokes, why } in limits {
            writeln!(f, "{program} does not do {spokes} spokes over {link}: {why}\n")?;
        }
        if ratios.is_empty() {
            return Ok(());
        }
        let busy = ratios.iter().all(|ratio| ratio.cycles.is_some());
        let kind = if busy { "polls that found packets" } else { "CPU time, idle polls among it" };
        writeln!(
            f,
            "The hub beside {program}; cycles are of {kind}; ratios are medians of the rounds' own:\n"
        )?;
        writeln!(
            f,
            "{:19}{:^46}  {:^32}",
            "", "cycles for a packet: least, median", "frames/s, no loss: median"
        )?;
        writeln!(
            f,
            "wire   spokes size {0:>15}  {1:>15} {2:>8}   {0:>10} {1:>10} {2:>8}",
            "hub", "other", "ratio"
        )?;
        for ratio in ratios {
            let Ratio { link, spokes, size, cpu_cycles, rate, moved, .. } = ratio;
            let Pair { hub, peer, ratio: times } = ratio.cycles.filter(|_| busy).unwrap_or(*cpu_cycles);
            write!(f, "{link:<6} {spokes:>6} {size:>4} {:>7.0} {:>7.0}  ", hub.min, hub.median)?;
            write!(f, "{:>7.0} {:>7.0} {:>8.2}   ", peer.min, peer.median, times.median)?;
            let Pair { hub, peer, ratio: times } = rate;
            write!(f, "{:>10.0} {:>10.0} {:>8.2}", hub.median, peer.median, times.median)?;
            f.write_str(match (ratio.hub_generator_bound, ratio.peer_generator_bound) {
                (false, false) => "",
                (true, false) => "  generator's limit: hub",
                (false, true) => "  generator's limit: other",
                (true, true) => "  generator's limit: both",
            })?;
            match moved {
                0 => writeln!(f)?,
                _ => writeln!(f, "  cores moved: {moved}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_case_are_one_row() {
        let mut rows = Vec::new();
        for (spokes, size) in [(2, 64), (2, 512), (9, 64), (2, 64)] {
            merge(&mut rows, Row { trials: 1, ..Row::new(Link::Memif, spokes, Size::Fixed(size)) });
        }
        assert_eq!(rows.iter().map(|row| row.trials).collect::<Vec<_>>(), [2, 1, 1]);
    }
}
