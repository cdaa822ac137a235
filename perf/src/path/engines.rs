//! The crypto engines alone, in turn with the path, so that a machine that slows down slows them all.

use super::Error;
use crate::crypto::{Named, Raw};
use crate::scenario::Size;
use crate::spread::Spread;
use forwarding::crypto::{Choice, Engine, EngineError, Wish};
use serde::Serialize;

/// Repetitions that count of each turn; the one before them, which finds the cache as others left it, does not.
const REPETITIONS: u32 = 4;

/// What an engine costs by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Transform.
    pub esp: String,
    /// Engine, and for which processor it is made.
    pub engine: String,
    /// The path uses it.
    pub used: bool,
    /// SA pairs, of which each packet takes one at random.
    pub sas: u32,
    /// Spokes of the path that it took turns with.
    pub beside: u32,
    /// Size of the inner packets.
    pub size: String,
    /// Cycles to open and seal a packet, lowest repetition.
    pub cycles_min: f64,
    /// The same, median repetition.
    pub cycles_median: f64,
}

/// One of them with its SAs.
struct Alone {
    engine: String,
    used: bool,
    sas: u32,
    raw: Raw,
    cycles: Vec<f64>,
}

/// Those that take turns.
pub struct Engines {
    transform: Named,
    spokes: u32,
    all: Vec<Alone>,
}

impl Engines {
    /// The engine of `choice`, with one SA pair and with as many as the path has.
    pub fn used(choice: &Choice, transform: Named, spokes: u32, burst: usize) -> Result<Self, Error> {
        let mut engines = Self { transform, spokes, all: Vec::new() };
        engines.add(choice, true, 1, burst)?;
        if spokes > 1 {
            engines.add(choice, true, spokes, burst)?;
        }
        Ok(engines)
    }

    /// All others that this machine has, with one SA pair.
    pub fn with_others(mut self, burst: usize) -> Result<Self, Error> {
        for engine in Engine::ALL {
            let choice = match Choice::new(Wish::Only(engine)) {
                Ok(choice) => choice,
                Err(EngineError::Unavailable(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let name = choice.implementation(self.transform.0);
            // Another stands in for an engine that lacks the transform.
            if choice.engine(self.transform.0) == engine && self.all.iter().all(|known| known.engine != name)
            {
                self.add(&choice, false, 1, burst)?;
            }
        }
        Ok(self)
    }

    fn add(&mut self, choice: &Choice, used: bool, sas: u32, burst: usize) -> Result<(), Error> {
        let engine = choice.implementation(self.transform.0);
        let raw = Raw::new(choice, self.transform.0, sas, burst)?;
        self.all.push(Alone { engine, used, sas, raw, cycles: Vec::new() });
        Ok(())
    }

    /// A turn of each, with so many packets in a repetition.
    pub fn turn(&mut self, size: Size, packets: u32) -> Result<(), Error> {
        for alone in &mut self.all {
            alone.raw.repetition(size, packets)?;
            for _ in 0..REPETITIONS {
                let cost = alone.raw.repetition(size, packets)?;
                alone.cycles.push(cost.seal + cost.open);
            }
        }
        Ok(())
    }

    /// What they cost since the last time this was asked.
    pub fn costs(&mut self, size: Size) -> Vec<Cost> {
        let cost = |alone: &mut Alone| {
            let spread = Spread::of(std::mem::take(&mut alone.cycles));
            Cost {
                esp: self.transform.to_string(),
                engine: alone.engine.clone(),
                used: alone.used,
                sas: alone.sas,
                beside: self.spokes,
                size: size.to_string(),
                cycles_min: spread.min,
                cycles_median: spread.median,
            }
        };
        self.all.iter_mut().map(cost).collect()
    }
}
