//! Which engine does the work of which transform: chosen once, at start.
//!
//! Every candidate first has to give known answers; one that does not is never used, and the findings say so. Asked for
//! `auto`, the fastest of those left is taken: each seals and opens a few bursts of the simple IMIX, and the lowest cost
//! of several runs counts. It takes some milliseconds and follows what the processor is best at, which no list of
//! processors would (ipsec-mb's AVX2 hashes have no SHA extensions, its SSE ones have; `ring` has VAES with AVX2, ipsec-mb
//! 1.3 only with AVX-512).

use super::calibrate::cost;
use super::engine::{Engine, EngineError, Wish};
use super::known::passes;
use super::multi_buffer::Managers;
use super::transform::{Integrity, Kind};
use ipsec_mb::{Arch, Manager};
use shm::message::Transform;
use std::sync::Arc;

/// An engine, and which of its implementations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    Portable,
    Ring,
    MultiBuffer(Arch),
}

impl With {
    const fn engine(self) -> Engine {
        match self {
            With::Portable => Engine::Portable,
            With::Ring => Engine::Ring,
            With::MultiBuffer(_) => Engine::IpsecMb,
        }
    }
}

impl std::fmt::Display for With {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            With::MultiBuffer(arch) => write!(f, "{} ({arch})", self.engine()),
            With::Portable | With::Ring => self.engine().fmt(f),
        }
    }
}

/// Transforms that are chosen for apart: by what is authenticated, since that is what costs. With CBC the key length
/// changes no ranking, so the shorter key speaks for both.
const SLOTS: [[Transform; 2]; 5] = [
    [Transform::Gcm128, Transform::Gcm256],
    [Transform::Cbc128Sha1, Transform::Cbc256Sha1],
    [Transform::Cbc128Sha256, Transform::Cbc256Sha256],
    [Transform::Cbc128Sha384, Transform::Cbc256Sha384],
    [Transform::Cbc128Sha512, Transform::Cbc256Sha512],
];

const fn slot(transform: Transform) -> usize {
    match Kind::of(transform) {
        Kind::Gcm(_) => 0,
        Kind::Cbc(_, Integrity::Sha1) => 1,
        Kind::Cbc(_, Integrity::Sha256) => 2,
        Kind::Cbc(_, Integrity::Sha384) => 3,
        Kind::Cbc(_, Integrity::Sha512) => 4,
    }
}

/// The engines of this process.
#[derive(Clone, Debug)]
pub struct Choice {
    by_slot: [With; SLOTS.len()],
    /// To expand keys with; workers have managers of their own.
    managers: Arc<Managers>,
    findings: Vec<String>,
}

impl Choice {
    /// Chooses by what the processor can and the operator wished.
    pub fn new(wish: Wish) -> Result<Self, EngineError> {
        let portable = Self::uniform(With::Portable, &Arc::default());
        for transform in Transform::ALL {
            if !passes(&portable, &portable, *transform) {
                return Err(EngineError::SelfTest(Engine::Portable));
            }
        }
        let archs = Arch::ALL.into_iter().filter(|arch| Manager::new(*arch).is_some());
        let archs: Vec<Arch> = if wants(wish, Engine::IpsecMb) { archs.collect() } else { Vec::new() };
        let managers = Managers::new(archs.iter().copied()).ok_or(EngineError::Memory(Engine::IpsecMb))?;
        let managers = Arc::new(managers);
        if wish == Wish::Only(Engine::IpsecMb) && archs.is_empty() {
            return Err(EngineError::Unavailable(Engine::IpsecMb));
        }

        let mut chosen = Self { managers: Arc::clone(&managers), ..portable.clone() };
        for (at, transforms) in SLOTS.into_iter().enumerate() {
            let [first, _] = transforms;
            let mut candidates: Vec<With> = archs.iter().map(|arch| With::MultiBuffer(*arch)).collect();
            if first.is_gcm() && wants(wish, Engine::Ring) {
                candidates.push(With::Ring);
            }
            let of_wish = candidates.len();
            candidates.retain(|with| {
                let trial = Self::uniform(*with, &managers);
                let good = transforms.iter().all(|transform| passes(&trial, &portable, *transform));
                if !good {
                    chosen.findings.push(format!("{with} failed its self-test with {first:?}: not used"));
                }
                good
            });
            if let Wish::Only(engine) = wish
                && of_wish > 0
                && candidates.is_empty()
            {
                return Err(EngineError::SelfTest(engine));
            }
            if wish == Wish::Auto || candidates.is_empty() {
                candidates.push(With::Portable);
            }
            chosen.settle(at, first, &candidates);
        }
        Ok(chosen)
    }

    /// Takes the fastest.
    fn settle(&mut self, at: usize, transform: Transform, candidates: &[With]) {
        let mut costs: Vec<(u64, With)> = match candidates {
            [only] => vec![(0, *only)],
            several => {
                let of = |with: &With| Some((cost(&Self::uniform(*with, &self.managers), transform)?, *with));
                several.iter().filter_map(of).collect()
            }
        };
        costs.sort_by_key(|(cost, _)| *cost);
        let Some((_, fastest)) = costs.first() else { return };
        if let Some(place) = self.by_slot.get_mut(at) {
            *place = *fastest;
        }
        let told: Vec<String> = match costs.as_slice() {
            [(_, only)] => vec![only.to_string()],
            several => several.iter().map(|(cost, with)| format!("{with} {cost}")).collect(),
        };
        let unit = if told.len() > 1 { ", cycles to relay a packet of the IMIX" } else { "" };
        self.findings.push(format!("{}: {}{unit}", name(transform), told.join(", ")));
    }

    /// One engine for all that it has.
    fn uniform(with: With, managers: &Arc<Managers>) -> Self {
        let gcm = with;
        let cbc = if with == With::Ring { With::Portable } else { with };
        Self { by_slot: [gcm, cbc, cbc, cbc, cbc], managers: Arc::clone(managers), findings: Vec::new() }
    }

    /// Each engine in each implementation that this processor can run, the portable one first.
    #[cfg(test)]
    pub fn every() -> Vec<Self> {
        let archs = Arch::ALL.into_iter().filter(|arch| Manager::new(*arch).is_some());
        let archs: Vec<Arch> = archs.collect();
        let managers = Arc::new(Managers::new(archs.iter().copied()).unwrap_or_default());
        let multi_buffer = archs.into_iter().map(With::MultiBuffer);
        let all = [With::Portable, With::Ring].into_iter().chain(multi_buffer);
        all.map(|with| Self::uniform(with, &managers)).collect()
    }

    #[inline]
    pub(super) fn with(&self, transform: Transform) -> With {
        self.by_slot.get(slot(transform)).copied().unwrap_or(With::Portable)
    }

    /// The engine of a transform.
    pub fn engine(&self, transform: Transform) -> Engine {
        self.with(transform).engine()
    }

    /// The implementation of a transform, for people.
    pub fn implementation(&self, transform: Transform) -> String {
        self.with(transform).to_string()
    }

    /// What was found out, one line each, for the log of the start.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// To expand keys with.
    pub(super) fn manager(&self, arch: Arch) -> Option<&Manager> {
        self.managers.get(arch)
    }

    /// For a worker: managers of its own, of every implementation that contexts are made for.
    pub(super) fn managers(&self) -> Result<Managers, EngineError> {
        let archs = self.by_slot.iter().filter_map(|with| match with {
            With::MultiBuffer(arch) => Some(*arch),
            With::Portable | With::Ring => None,
        });
        Managers::new(archs).ok_or(EngineError::Memory(Engine::IpsecMb))
    }

    /// The implementation of AES-GCM within ipsec-mb, where that is the engine.
    pub(super) fn gcm_arch(&self) -> Option<Arch> {
        match self.with(Transform::Gcm128) {
            With::MultiBuffer(arch) => Some(arch),
            With::Portable | With::Ring => None,
        }
    }
}

fn wants(wish: Wish, engine: Engine) -> bool {
    wish == Wish::Auto || wish == Wish::Only(engine)
}

fn name(transform: Transform) -> &'static str {
    match Kind::of(transform) {
        Kind::Gcm(_) => "AES-GCM",
        Kind::Cbc(_, Integrity::Sha1) => "AES-CBC with HMAC-SHA1-96",
        Kind::Cbc(_, Integrity::Sha256) => "AES-CBC with HMAC-SHA-256-128",
        Kind::Cbc(_, Integrity::Sha384) => "AES-CBC with HMAC-SHA-384-192",
        Kind::Cbc(_, Integrity::Sha512) => "AES-CBC with HMAC-SHA-512-256",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transform_has_its_slot() {
        for (at, transforms) in SLOTS.into_iter().enumerate() {
            assert!(transforms.into_iter().all(|transform| slot(transform) == at));
        }
        assert_eq!(SLOTS.as_flattened().len(), Transform::ALL.len());
    }

    #[test]
    fn a_wish_is_obeyed_for_what_the_engine_has() {
        let portable = Choice::new(Wish::Only(Engine::Portable)).unwrap();
        assert!(Transform::ALL.iter().all(|transform| portable.engine(*transform) == Engine::Portable));
        let ring = Choice::new(Wish::Only(Engine::Ring)).unwrap();
        assert_eq!(ring.engine(Transform::Gcm256), Engine::Ring);
        assert_eq!(ring.engine(Transform::Cbc128Sha1), Engine::Portable);
        match Choice::new(Wish::Only(Engine::IpsecMb)) {
            Ok(choice) => {
                assert!(Transform::ALL.iter().all(|transform| choice.engine(*transform) == Engine::IpsecMb));
            }
            Err(error) => {
                assert_eq!((error, ipsec_mb::version()), (EngineError::Unavailable(Engine::IpsecMb), None));
            }
        }
    }

    #[test]
    fn auto_measures_and_says_what_it_found() {
        let auto = Choice::new(Wish::Auto).unwrap();
        assert_eq!(auto.findings().len(), SLOTS.len(), "{:?}", auto.findings());
        assert!(auto.findings().iter().all(|line| !line.contains("failed")), "{:?}", auto.findings());
    }

    #[test]
    fn words() {
        for engine in Engine::ALL {
            assert_eq!(engine.name().parse(), Ok(Wish::Only(engine)));
        }
        assert_eq!("auto".parse(), Ok(Wish::Auto));
        assert!("openssl".parse::<Wish>().is_err());
    }
}
