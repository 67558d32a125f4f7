//! Latencies in buckets that are 3 % wide: small, quick, and honest at both ends.

use serde::{Deserialize, Serialize};

/// Steps per doubling: neighbouring bounds differ by at most 1/32.
const STEPS: usize = 32;
/// Doublings from 32 µs: up to 38 minutes.
const DOUBLINGS: usize = 26;

/// Counts of durations in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

/// What a histogram says, in milliseconds. A figure is at most 3.2 % above the true one.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub count: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: vec![0; STEPS * DOUBLINGS],
            total: 0,
            max: 0,
        }
    }
}

impl Histogram {
    pub(super) fn record(&mut self, took: std::time::Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[index(micros)] += 1;
        self.total += 1;
        self.max = self.max.max(micros);
    }

    pub(super) fn latency(&self) -> Latency {
        Latency {
            count: self.total,
            p50_ms: self.quantile(0.5),
            p95_ms: self.quantile(0.95),
            p99_ms: self.quantile(0.99),
            max_ms: self.max as f64 / 1000.0,
        }
    }

    /// The upper bound of the bucket that holds the quantile, never above the maximum.
    fn quantile(&self, q: f64) -> f64 {
        let rank = ((q * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper(index).min(self.max) as f64 / 1000.0;
            }
        }
        0.0
    }
}

/// Below 32 µs every microsecond has a bucket of its own; above, every doubling has 32.
fn index(micros: u64) -> usize {
    let steps = STEPS as u64;
    if micros < steps {
        return micros as usize;
    }
    let doubling = micros.ilog2() - STEPS.ilog2();
    let step = (micros >> doubling) - steps;
    let index = (u64::from(doubling) + 1) * steps + step;
    (index as usize).min(STEPS * DOUBLINGS - 1)
}

/// The highest number of microseconds in a bucket.
fn upper(index: usize) -> u64 {
    let (doubling, step) = (index / STEPS, (index % STEPS) as u64);
    match doubling {
        0 => step,
        n => ((STEPS as u64 + step + 1) << (n - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn buckets_are_narrow_and_without_gaps() {
        let mut last = 0;
        for micros in 0..200_000 {
            let at = index(micros);
            assert!(at == last || at == last + 1, "{micros}");
            assert!(
                upper(at) >= micros && upper(at) as f64 <= micros as f64 * 1.032,
                "{micros}"
            );
            last = at;
        }
        assert_eq!(index(u64::MAX), STEPS * DOUBLINGS - 1);
    }

    #[test]
    fn quantiles_of_a_known_set() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.latency(), Latency::default());
        for ms in 1..=100 {
            histogram.record(Duration::from_millis(ms));
        }
        histogram.record(Duration::MAX);
        let latency = histogram.latency();
        for (found, expected) in [
            (latency.p50_ms, 51.0),
            (latency.p95_ms, 96.0),
            (latency.p99_ms, 100.0),
        ] {
            assert!(
                found >= expected && found < expected * 1.032,
                "{found} for {expected}"
            );
        }
    }
}
