//! Building metric families and writing them out.

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// What every name begins with.
pub const PREFIX: &str = "dmvpn_";

/// Labels of one series.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A family: all series of one name.
pub struct Family {
    family: MetricFamily,
    kind: MetricType,
    metrics: Vec<Metric>,
}

impl Family {
    /// A value that only grows. `name` ends in `_total`; a start of the process that counts sets it to zero.
    pub fn counter(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::COUNTER)
    }

    /// A value that comes and goes.
    pub fn gauge(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::GAUGE)
    }

    /// A distribution.
    pub fn histogram(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::HISTOGRAM)
    }

    fn new(name: &str, help: &str, kind: MetricType) -> Self {
        let mut family = MetricFamily::default();
        family.set_name(format!("{PREFIX}{name}"));
        family.set_help(help.into());
        family.set_field_type(kind);
        Self { family, kind, metrics: Vec::new() }
    }

    /// Adds a series.
    pub fn with(mut self, labels: Labels<'_>, value: u64) -> Self {
        self.add(labels, value as f64);
        self
    }

    /// Adds a series.
    pub fn add(&mut self, labels: Labels<'_>, value: f64) {
        let mut metric = Metric::from_label(pairs(labels));
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    /// Adds a series for each item.
    pub fn each<T>(mut self, items: impl IntoIterator<Item = T>, add: impl Fn(&mut Self, T)) -> Self {
        items.into_iter().for_each(|item| add(&mut self, item));
        self
    }

    /// Adds a distribution: how many values were at most each bound and above the bound before, and those above all
    /// bounds last; and the sum of the values.
    pub fn distribution(&mut self, labels: Labels<'_>, bounds: &[f64], counts: &[u64], sum: u64) {
        let mut histogram = Histogram::default();
        let mut below = 0;
        let mut buckets = Vec::with_capacity(bounds.len());
        for (bound, count) in bounds.iter().zip(counts) {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(below);
            buckets.push(bucket);
        }
        histogram.set_bucket(buckets);
        // The sum of the buckets and not a counter of its own: a worker counts while this is read.
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum as f64);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }
}

fn pairs(labels: Labels<'_>) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).into());
        pair.set_value((*value).into());
        pair
    };
    labels.iter().map(pair).collect()
}

/// The exposition format's text, families in the order of their names. One without series is left out.
pub fn text(families: Vec<Family>) -> String {
    let mut families: Vec<MetricFamily> = families
        .into_iter()
        .filter(|family| !family.metrics.is_empty())
        .map(|mut family| {
            family.family.set_metric(family.metrics);
            family.family
        })
        .collect();
    families.sort_by(|a, b| a.name().cmp(b.name()));
    let mut text = String::new();
    // The encoder refuses families without a name or a series; there is none.
    if let Err(error) = TextEncoder::new().encode_utf8(&families, &mut text) {
        tracing::error!("metrics: {error}");
    }
    text
}
