//! `hub-perf crypto`: what the engines cost by themselves, per transform, packet size and number of SAs.
//!
//! Packets of GRE in transport mode are sealed and opened again in bursts, each with the keys of an SA drawn at random, and
//! the time-stamp counter is read around each. Engines take turns within a run, so that a machine that slows down slows
//! them all.

mod raw;
mod report;

use crate::machine::{Machine, pin};
use crate::scenario::Size;
use forwarding::crypto::{CONTEXT_OCTETS, Choice, Engine, EngineError, Transform, Wish};
pub use raw::{Raw, RawCost, RawError};
use report::{Report, Row};
use std::process::ExitCode;

/// Most SA pairs.
pub const MAX_SAS: u32 = 1 << 17;

/// A transform by strongSwan's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named(pub Transform);

impl Named {
    fn name(self) -> &'static str {
        match self.0 {
            Transform::Gcm128 => "aes128gcm16",
            Transform::Gcm256 => "aes256gcm16",
            Transform::Cbc128Sha1 => "aes128-sha1",
            Transform::Cbc128Sha256 => "aes128-sha256",
            Transform::Cbc128Sha384 => "aes128-sha384",
            Transform::Cbc128Sha512 => "aes128-sha512",
            Transform::Cbc256Sha1 => "aes256-sha1",
            Transform::Cbc256Sha256 => "aes256-sha256",
            Transform::Cbc256Sha384 => "aes256-sha384",
            Transform::Cbc256Sha512 => "aes256-sha512",
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Named {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Transform::ALL.iter().copied().map(Named);
        all.find(|named| named.name() == text).ok_or_else(|| {
            let names: Vec<_> = Transform::ALL.iter().map(|transform| Named(*transform).name()).collect();
            format!("`{text}` is none of {}", names.join(", "))
        })
    }
}

/// Options of `hub-perf crypto`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Engines: portable, ring, ipsec-mb, or `auto` for what the hub would choose.
    #[arg(long, value_delimiter = ',', default_value = "portable,ring,ipsec-mb")]
    engines: Vec<Wish>,
    /// Transforms, in strongSwan's words.
    #[arg(long, value_delimiter = ',', default_value = "aes128gcm16,aes256gcm16,aes256-sha256")]
    transforms: Vec<Named>,
    /// Sizes of the inner IP packet, in octets, or `imix`.
    #[arg(long, value_delimiter = ',', default_value = "64,128,256,512,1024,1400,imix")]
    sizes: Vec<Size>,
    /// Numbers of SA pairs.
    #[arg(long, value_delimiter = ',', default_value = "1",
          value_parser = clap::value_parser!(u32).range(1..=MAX_SAS as i64))]
    sas: Vec<u32>,
    /// Packets of a burst.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    burst: u16,
    /// Packets of one repetition.
    #[arg(long, default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(64..))]
    packets: u32,
    /// Repetitions; the first is not counted.
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    repetitions: u16,
    /// Core to run on.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<ExitCode, RawError> {
    let mut report = Report::new(Machine::describe(), pin(args.core), args, CONTEXT_OCTETS);
    let mut choices = Vec::new();
    for wish in &args.engines {
        match Choice::new(*wish) {
            Ok(choice) => choices.push(choice),
            Err(error @ EngineError::Unavailable(_)) => report.note(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    for choice in &choices {
        choice.findings().iter().for_each(|finding| report.note(finding.clone()));
    }
    for &Named(transform) in &args.transforms {
        // ring has no CBC; the portable engine's figures are not to be shown under its name.
        let has = |choice: &&Choice| transform.is_gcm() || choice.engine(Transform::Gcm128) != Engine::Ring;
        for &sas in &args.sas {
            let choices: Vec<_> = choices.iter().filter(has).collect();
            let mut raws = Vec::new();
            for choice in &choices {
                raws.push(Raw::new(choice, transform, sas, usize::from(args.burst))?);
            }
            for &size in &args.sizes {
                let mut costs = vec![Vec::new(); raws.len()];
                for repetition in 0..args.repetitions {
                    for (raw, costs) in raws.iter_mut().zip(&mut costs) {
                        let cost = raw.repetition(size, args.packets)?;
                        costs.extend((repetition > 0).then_some(cost));
                    }
                }
                for (choice, costs) in choices.iter().zip(&costs) {
                    let engine = choice.implementation(transform);
                    report.add(Row::new(engine, Named(transform), sas, size, costs, report.tsc_hz()));
                }
            }
        }
    }
    report.print(args.json);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_have_names() {
        for transform in Transform::ALL {
            assert_eq!(Named(*transform).to_string().parse(), Ok(Named(*transform)));
        }
        assert!("aes192gcm16".parse::<Named>().is_err());
    }
}
