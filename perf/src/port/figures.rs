//! A trial in figures that people read.

use crate::probe::Trial;
use serde::Serialize;

/// What a measurement gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Frames the device took.
    pub sent: u64,
    /// Frames that came back.
    pub received: u64,
    /// The difference.
    pub lost: u64,
    /// Frames that were due and not sent because the device or the machine was too slow.
    pub behind: u64,
    /// Shortest time from sending to receiving, in microseconds.
    pub min_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Longest.
    pub max_us: f64,
}

impl Figures {
    /// Of a trial on a machine whose counter runs at `tsc_hz`.
    pub fn of(trial: &Trial, tsc_hz: u64) -> Self {
        let us = |cycles: u64| cycles as f64 * 1e6 / tsc_hz as f64;
        let at = |quantile| us(trial.latency.value_at_quantile(quantile));
        Self {
            sent: trial.sent,
            received: trial.received,
            lost: trial.sent.saturating_sub(trial.received),
            behind: trial.due.saturating_sub(trial.sent),
            min_us: us(trial.latency.min()),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: us(trial.latency.max()),
        }
    }
}
