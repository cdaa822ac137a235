//! Says whether something may be done again for the same key, and how often it was not.

use std::collections::HashMap;
use std::hash::Hash;

/// Once per key and interval, for a bounded number of keys.
#[derive(Debug)]
pub struct Throttle<K> {
    interval_ms: u64,
    limit: usize,
    last: HashMap<K, (u64, u64)>,
    /// Refused because as many keys as there is room for were seen within the interval.
    pub full: u64,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Once per `interval_ms` for each of at most `limit` keys.
    pub fn new(interval_ms: u64, limit: usize) -> Self {
        Self { interval_ms, limit, last: HashMap::new(), full: 0 }
    }

    /// `Some(n)`: go ahead, and `n` were held back since the last time.
    pub fn pass(&mut self, now_ms: u64, key: K) -> Option<u64> {
        if let Some((at, held)) = self.last.get_mut(&key) {
            if now_ms.saturating_sub(*at) < self.interval_ms {
                *held += 1;
                return None;
            }
            *at = now_ms;
            return Some(std::mem::take(held));
        }
        if self.last.len() >= self.limit {
            self.expire(now_ms);
            if self.last.len() >= self.limit {
                self.full += 1;
                return None;
            }
        }
        self.last.insert(key, (now_ms, 0));
        Some(0)
    }

    /// Whether the key's interval still runs.
    pub fn holds(&self, now_ms: u64, key: &K) -> bool {
        self.last.get(key).is_some_and(|(at, _)| now_ms.saturating_sub(*at) < self.interval_ms)
    }

    /// Forgets keys whose interval has passed.
    pub fn expire(&mut self, now_ms: u64) {
        self.last.retain(|_, (at, _)| now_ms.saturating_sub(*at) < self.interval_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_per_interval_and_the_rest_is_counted() {
        let mut throttle = Throttle::new(10, 2);
        assert_eq!(
            (throttle.pass(0, 'a'), throttle.pass(9, 'a'), throttle.pass(10, 'a')),
            (Some(0), None, Some(1))
        );
        assert_eq!((throttle.pass(10, 'b'), throttle.pass(11, 'c'), throttle.full), (Some(0), None, 1));
        assert_eq!(throttle.pass(20, 'c'), Some(0));
    }
}
