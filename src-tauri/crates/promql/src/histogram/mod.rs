//! Native histograms: counts in buckets that grow exponentially, or with bounds of one's own.
//!
//! A histogram here is sparse: only the buckets that were written are held, each with its index.
//! Arithmetic follows Prometheus: two histograms are brought to the coarser resolution and the
//! wider zero bucket before they are added, bounds of one's own to those that both have.

mod arithmetic;
mod bounds;
mod compensated;
mod reset;
mod text;
mod trim;
mod zero;

use std::sync::Arc;

pub use arithmetic::Combined;
pub use bounds::BucketRange;
pub(crate) use compensated::CompensatedSum;
pub use trim::Keep;

/// The schema that means bounds of one's own.
pub const CUSTOM_BUCKETS: i32 = -53;

/// What is known about a counter's reset between this histogram and the one before.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub enum ResetHint {
    /// Nothing; it has to be found out by comparing.
    #[default]
    Unknown,
    /// There was one.
    Reset,
    /// There was none.
    NotReset,
    /// It is no counter.
    Gauge,
}

/// A bucket's index with its count.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Bucket {
    /// Its place: with exponential schemas the power of the upper bound, else its place among
    /// the custom bounds.
    pub index: i32,
    /// Observations in it, not cumulated.
    pub count: f64,
}

/// A histogram with float counts.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Histogram {
    /// What is known about resets.
    pub reset_hint: ResetHint,
    /// Resolution: 2^(2^-schema) is the growth from bucket to bucket; [`CUSTOM_BUCKETS`] for
    /// bounds of one's own.
    pub schema: i32,
    /// Half the zero bucket's width.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// The sum of all observations.
    pub sum: f64,
    /// Buckets above zero, by ascending index.
    pub positive: Vec<Bucket>,
    /// Buckets below zero, by ascending index, that is away from zero.
    pub negative: Vec<Bucket>,
    /// Upper bounds of the buckets with schema [`CUSTOM_BUCKETS`], without +Inf.
    pub custom_bounds: Arc<[f64]>,
}

/// Exponential buckets and buckets with bounds of one's own cannot be combined.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas"
)]
pub struct IncompatibleSchemas;

impl Histogram {
    /// Whether the bounds are of one's own.
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }

    /// Without its empty buckets.
    pub fn compact(&mut self) {
        self.positive.retain(|b| b.count != 0.0);
        self.negative.retain(|b| b.count != 0.0);
    }

    /// [`Histogram::compact`] by value.
    pub fn compacted(mut self) -> Self {
        self.compact();
        self
    }

    /// All counts and the sum times a factor. A negative one makes it a gauge.
    pub fn multiplied(mut self, factor: f64) -> Self {
        self.scale(|v| v * factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        self
    }

    /// All counts and the sum divided. By zero no bucket remains: the counts are not numbers.
    pub fn divided(mut self, divisor: f64) -> Self {
        self.scale(|v| v / divisor);
        if divisor == 0.0 {
            self.positive.clear();
            self.negative.clear();
        }
        if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        self
    }

    fn scale(&mut self, f: impl Fn(f64) -> f64) {
        for value in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *value = f(*value);
        }
        for bucket in self.positive.iter_mut().chain(&mut self.negative) {
            bucket.count = f(bucket.count);
        }
    }

    /// The same observations to the bit, in the same buckets.
    pub fn equals(&self, other: &Histogram) -> bool {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let same_buckets = |a: &[Bucket], b: &[Bucket]| {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| a.index == b.index && same(a.count, b.count))
        };
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && (!self.uses_custom_buckets() || self.custom_bounds == other.custom_bounds)
            && self.zero_threshold == other.zero_threshold
            && same(self.zero_count, other.zero_count)
            && same_buckets(&self.negative, &other.negative)
            && same_buckets(&self.positive, &other.positive)
    }

    /// Whether any count or the sum is infinite.
    pub(crate) fn has_overflow(&self) -> bool {
        self.zero_count.is_infinite()
            || self.count.is_infinite()
            || self.sum.is_infinite()
            || self
                .positive
                .iter()
                .chain(&self.negative)
                .any(|b| b.count.is_infinite())
            || self.custom_bounds.iter().any(|b| b.is_infinite())
    }

    /// How many float samples it weighs against the limit of samples.
    pub(crate) fn weight(&self) -> usize {
        let spans = |buckets: &[Bucket]| {
            let breaks = buckets
                .windows(2)
                .filter(|pair| pair[1].index != pair[0].index.saturating_add(1))
                .count();
            if buckets.is_empty() { 0 } else { breaks + 1 }
        };
        let words = spans(&self.positive)
            + spans(&self.negative)
            + self.positive.len()
            + self.negative.len()
            + self.custom_bounds.len();
        (168 + 8 * words + 8) / 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(counts: &[f64]) -> Vec<Bucket> {
        (0..)
            .zip(counts)
            .map(|(index, count)| Bucket {
                index,
                count: *count,
            })
            .collect()
    }

    #[test]
    fn division_by_zero_leaves_no_bucket() {
        let h = Histogram {
            count: 2.0,
            positive: buckets(&[1.0, 1.0]),
            ..Histogram::default()
        };
        assert_eq!(h.clone().divided(2.0).positive, buckets(&[0.5, 0.5]));
        let broken = h.divided(0.0);
        assert!(broken.positive.is_empty() && broken.count.is_infinite());
    }

    #[test]
    fn a_negative_factor_makes_a_gauge() {
        let h = Histogram::default().multiplied(-1.0);
        assert_eq!(h.reset_hint, ResetHint::Gauge);
    }

    #[test]
    fn empty_buckets_go() {
        let h = Histogram {
            positive: buckets(&[0.0, 1.0, 0.0]),
            ..Histogram::default()
        };
        assert_eq!(h.compacted().positive.len(), 1);
    }
}
