//! The greatest rate at which no more than so much is lost: RFC 2544 26.1, in the manner of MLRsearch
//! (draft-ietf-bmwg-mlrsearch): short trials first, longer ones near the answer, and several goals that share trials.
//! Knows nothing of packets.

/// What a trial showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Frames a second that were offered.
    pub offered: f64,
    /// Part of them that was lost.
    pub loss: f64,
    /// The machine took the hub's core, or the generator's, for longer than the wire can hold: a loss says nothing then.
    pub disturbed: bool,
}

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Seconds of the shortest trials.
    pub first: f64,
    /// Seconds of those that count.
    pub last: f64,
    /// The answer is known when the next greater rate that fails is no further away, as a part of it.
    pub width: f64,
    /// Trials of the longest kind at one rate: most of them decide. Odd.
    pub tries: usize,
}

/// Steps from the shortest trials to the longest.
const PHASES: i32 = 3;
/// Trials that lost and were disturbed, and are not counted, at one rate.
const DISTURBED: usize = 6;
/// Below so many frames a second nothing is looked for.
const LEAST: f64 = 1_000.0;
/// A generator that offers less than this part of what it should is at its end.
const OFFERED: f64 = 0.98;

/// What was found for one goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Frames a second; 0: even the least rate loses more.
    pub rate: f64,
    /// No rate failed that the generator could offer: the hub can do more.
    pub generator_bound: bool,
}

/// Searches. `trial` runs one, at a rate or, at `None`, as fast as it can, for so many seconds. `goals`: greatest loss of
/// each, as a part, the strictest first.
pub fn search<E>(
    plan: &Plan,
    goals: &[f64],
    mut trial: impl FnMut(Option<f64>, f64) -> Result<Outcome, E>,
) -> Result<Vec<Found>, E> {
    let all = trial(None, plan.first)?;
    let mut search = Search { plan, trial, known: Vec::new(), most: all.offered.max(LEAST) };
    // What comes through when all is offered is near what comes through without loss.
    let guess = (all.offered * (1.0 - all.loss)).clamp(LEAST, search.most);
    let mut found = Vec::<Found>::new();
    for goal in goals {
        // What a stricter goal found meets this one too.
        let least = found.last().map_or(0.0, |found| found.rate);
        found.push(search.find(*goal, guess, least)?);
    }
    Ok(found)
}

struct Search<'p, T> {
    plan: &'p Plan,
    trial: T,
    /// Trials so far: phase, rate, outcome.
    known: Vec<(i32, f64, Outcome)>,
    /// The most that the generator offers.
    most: f64,
}

impl<E, T: FnMut(Option<f64>, f64) -> Result<Outcome, E>> Search<'_, T> {
    fn find(&mut self, goal: f64, guess: f64, least: f64) -> Result<Found, E> {
        let mut low = guess.max(least);
        let mut found = Found { rate: 0.0, generator_bound: false };
        for phase in 0..PHASES {
            let width = self.plan.width * f64::from(1 << (PHASES - 1 - phase));
            found = self.narrow(goal, phase, low, width)?;
            low = found.rate.max(least).max(LEAST);
        }
        Ok(found)
    }

    /// Looks from `start` downwards until a rate passes and upwards until one fails, and then in the middle.
    fn narrow(&mut self, goal: f64, phase: i32, start: f64, width: f64) -> Result<Found, E> {
        let (mut low, mut high) = (start.min(self.most), None);
        let mut step = width;
        while !self.passes(goal, phase, low)? {
            high = Some(low);
            if low <= LEAST {
                return Ok(Found { rate: 0.0, generator_bound: false });
            }
            low = (low / (1.0 + step)).max(LEAST);
            step *= 2.0;
        }
        step = width;
        let mut high = match high {
            Some(high) => high,
            None => loop {
                if low >= self.most {
                    return Ok(Found { rate: low, generator_bound: true });
                }
                let next = (low * (1.0 + step)).min(self.most);
                if !self.passes(goal, phase, next)? {
                    break next;
                }
                low = next;
                step *= 2.0;
            },
        };
        while high > low * (1.0 + width) {
            // Of rates, which differ by factors, the middle is the geometric mean.
            let middle = (low * high).sqrt();
            if self.passes(goal, phase, middle)? { low = middle } else { high = middle }
        }
        // A generator at its end offers no more, whatever the rate says.
        Ok(Found { rate: low, generator_bound: high >= self.most && self.is_short(phase, high) })
    }

    /// Whether the goal is met at a rate, by most of the trials that say something.
    fn passes(&mut self, goal: f64, phase: i32, rate: f64) -> Result<bool, E> {
        let last = phase == PHASES - 1;
        let need = if last { self.plan.tries / 2 + 1 } else { 1 };
        let growth = (self.plan.last / self.plan.first).powf(f64::from(phase) / f64::from(PHASES - 1));
        loop {
            let (mut good, mut bad, mut disturbed) = (0, 0, 0);
            for (_, _, outcome) in self.known.iter().filter(|known| (known.0, known.1) == (phase, rate)) {
                if outcome.loss <= goal && outcome.offered >= rate * OFFERED {
                    good += 1;
                } else if outcome.disturbed && disturbed < DISTURBED {
                    disturbed += 1;
                } else {
                    bad += 1;
                }
            }
            if good >= need || bad >= need {
                return Ok(good >= need);
            }
            let outcome = (self.trial)(Some(rate), self.plan.first * growth)?;
            self.known.push((phase, rate, outcome));
        }
    }

    fn is_short(&self, phase: i32, rate: f64) -> bool {
        let mut known = self.known.iter().filter(|known| (known.0, known.1) == (phase, rate));
        known.any(|(_, _, outcome)| outcome.offered < rate * OFFERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const PLAN: Plan = Plan { first: 0.05, last: 0.4, width: 0.01, tries: 3 };

    /// A device that forwards up to `most` and drops the rest, from `clean` on a little; offered at most `offered`.
    fn device(
        offered: f64,
        clean: f64,
        most: f64,
    ) -> impl FnMut(Option<f64>, f64) -> Result<Outcome, Infallible> {
        move |rate, _| {
            let offered = rate.unwrap_or(offered).min(offered);
            let through = if offered <= clean { offered } else { (offered * 0.998).min(most) };
            Ok(Outcome { offered, loss: 1.0 - through / offered, disturbed: false })
        }
    }

    fn find(trial: impl FnMut(Option<f64>, f64) -> Result<Outcome, Infallible>) -> Vec<Found> {
        let Ok(found) = search(&PLAN, &[0.0, 0.005], trial);
        found
    }

    #[test]
    fn finds_the_rate_of_each_goal() {
        for (clean, most) in [(1e6, 2e6), (1.9e6, 2e6), (30_000.0, 50_000.0)] {
            let found = find(device(8e6, clean, most));
            let expected = [clean, most / 0.995];
            for (found, expected) in found.iter().zip(expected) {
                assert!(!found.generator_bound);
                assert!(found.rate <= expected && found.rate >= expected / 1.011, "{found:?} {expected}");
            }
        }
    }

    #[test]
    fn says_when_the_generator_is_the_limit_or_nothing_passes() {
        let found = find(device(1e6, 2e6, 3e6));
        assert_eq!(found, [Found { rate: 1e6, generator_bound: true }; 2]);
        let found = find(|_, _| Ok(Outcome { offered: 1e6, loss: 0.5, disturbed: false }));
        assert_eq!(found, [Found { rate: 0.0, generator_bound: false }; 2]);
    }

    #[test]
    fn one_bad_trial_of_three_and_disturbed_ones_decide_nothing() {
        let mut quiet = device(8e6, 1e6, 2e6);
        let mut number = 0;
        let found = find(|rate, seconds| {
            number += 1;
            let mut outcome = quiet(rate, seconds)?;
            // Only trials that count are repeated.
            if seconds >= PLAN.last && number % 7 == 0 {
                outcome.loss = outcome.loss.max(0.2);
            } else if number % 3 == 0 {
                outcome = Outcome { loss: outcome.loss.max(0.1), disturbed: true, ..outcome };
            }
            Ok(outcome)
        });
        assert!(found[0].rate > 0.98e6 && found[0].rate <= 1e6, "{found:?}");
    }

    #[test]
    fn trials_grow_and_goals_share_them() {
        let mut quiet = device(8e6, 1.99e6, 2e6);
        let (mut lengths, mut rates) = (Vec::new(), Vec::new());
        find(|rate, seconds| {
            lengths.push(seconds);
            rates.push(rate);
            quiet(rate, seconds)
        });
        assert!(
            lengths.contains(&PLAN.first) && lengths.iter().any(|length| (length - PLAN.last).abs() < 1e-9)
        );
        assert!(lengths.len() < 60, "{}", lengths.len());
        assert_eq!(rates[0], None);
    }
}
