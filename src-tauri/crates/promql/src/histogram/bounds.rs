//! Where buckets begin and end.

use super::{Bucket, CUSTOM_BUCKETS, Histogram};
use crate::text::float_g;

/// A bucket with its bounds.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct BucketRange {
    /// The lower bound; may be -Inf.
    pub lower: f64,
    /// The upper bound; may be +Inf.
    pub upper: f64,
    /// Whether the lower bound itself is inside.
    pub lower_inclusive: bool,
    /// Whether the upper bound itself is inside.
    pub upper_inclusive: bool,
    /// Observations in it.
    pub count: f64,
}

impl BucketRange {
    /// How much of the bucket lies below a value, between 0 and 1: by straight line, or by the
    /// logarithm where buckets grow exponentially.
    pub(crate) fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let lower = self.lower.abs().log2();
        let upper = self.upper.abs().log2();
        let at = value.abs().log2();
        if value > 0.0 {
            (at - lower) / (upper - lower)
        } else {
            1.0 - (at - upper) / (lower - upper)
        }
    }
}

impl std::fmt::Display for BucketRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}{},{}{}:{}",
            if self.lower_inclusive { '[' } else { '(' },
            float_g(self.lower),
            float_g(self.upper),
            if self.upper_inclusive { ']' } else { ')' },
            float_g(self.count)
        )
    }
}

/// The growth of buckets by schema, from 1 on, as Prometheus' tables have it. The first is one bit
/// short of the square root of two there, and so it is here: bounds are compared and printed.
#[allow(clippy::approx_constant)]
const GROWTH: [f64; 8] = [
    1.414213562373095,
    1.189207115002721,
    1.0905077326652577,
    1.0442737824274138,
    1.0218971486541166,
    1.0108892860517005,
    1.0054299011128027,
    1.0027112750502025,
];

/// 2 to the power of `part` of 2^schema parts of one, rounded as in Prometheus' tables: each
/// schema's new bounds are the ones between the coarser schema's, times that schema's growth.
fn fraction(part: i64, schema: i32) -> f64 {
    let Ok(levels) = usize::try_from(schema) else {
        return 1.0;
    };
    if levels > GROWTH.len() {
        return (part as f64 / (1i64 << levels.min(30)) as f64).exp2();
    }
    GROWTH[..levels]
        .iter()
        .enumerate()
        .filter(|(level, _)| part >> (levels - 1 - level) & 1 == 1)
        .fold(1.0, |bound, (_, growth)| bound * growth)
}

/// The upper bound of an exponential bucket.
pub(super) fn exponential_bound(index: i32, schema: i32) -> f64 {
    if schema < 0 {
        let power = i64::from(index) << schema.unsigned_abs().min(30);
        return match power {
            1024 => f64::MAX,
            power => (power as f64).exp2(),
        };
    }
    let per_doubling = 1i64 << schema.min(30);
    let power = i64::from(index).div_euclid(per_doubling);
    let part = i64::from(index).rem_euclid(per_doubling);
    let fraction = fraction(part, schema);
    match power {
        1024 if part == 0 => f64::MAX,
        1024.. => f64::INFINITY,
        // The smallest numbers have fewer digits: multiply in two steps.
        ..-1022 => fraction * (-1022f64).exp2() * ((power + 1022) as f64).exp2(),
        power => fraction * (power as f64).exp2(),
    }
}

/// The index of the bucket of a coarser schema in which a bucket lies.
pub(super) fn coarser_index(index: i32, from: i32, to: i32) -> i32 {
    ((i64::from(index) - 1) >> from.saturating_sub(to).clamp(0, 62)) as i32 + 1
}

/// Buckets merged to a coarser schema.
pub(super) fn coarser(buckets: &[Bucket], from: i32, to: i32) -> Vec<Bucket> {
    if from <= to {
        return buckets.to_vec();
    }
    let mut merged: Vec<Bucket> = Vec::new();
    for bucket in buckets {
        let index = coarser_index(bucket.index, from, to);
        match merged.last_mut() {
            Some(last) if last.index == index => last.count += bucket.count,
            _ => merged.push(Bucket {
                index,
                count: bucket.count,
            }),
        }
    }
    merged
}

impl Histogram {
    fn bound(&self, index: i32) -> f64 {
        if self.schema != CUSTOM_BUCKETS {
            return exponential_bound(index, self.schema);
        }
        match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(at) => self.custom_bounds.get(at).copied().unwrap_or(f64::INFINITY),
        }
    }

    pub(super) fn positive_range(&self, bucket: &Bucket) -> BucketRange {
        let custom = self.uses_custom_buckets();
        let (lower, upper) = (
            self.bound(bucket.index.saturating_sub(1)),
            self.bound(bucket.index),
        );
        BucketRange {
            lower,
            upper,
            lower_inclusive: if custom {
                bucket.index == 0
            } else {
                lower < 0.0
            },
            upper_inclusive: custom || upper > 0.0,
            count: bucket.count,
        }
    }

    pub(super) fn negative_range(&self, bucket: &Bucket) -> BucketRange {
        let (lower, upper) = (
            -self.bound(bucket.index),
            -self.bound(bucket.index.saturating_sub(1)),
        );
        BucketRange {
            lower,
            upper,
            lower_inclusive: lower < 0.0,
            upper_inclusive: upper > 0.0,
            count: bucket.count,
        }
    }

    pub(super) fn zero_range(&self) -> BucketRange {
        BucketRange {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    /// All buckets from the lowest to the highest; those beside the zero bucket end where it
    /// begins.
    pub fn buckets(&self) -> Vec<BucketRange> {
        let zero = self.zero_threshold;
        let mut all: Vec<BucketRange> = self
            .negative
            .iter()
            .rev()
            .map(|b| self.negative_range(b))
            .collect();
        if self.zero_count > 0.0 {
            all.push(self.zero_range());
        }
        all.extend(self.positive.iter().map(|b| self.positive_range(b)));
        for bucket in &mut all {
            if bucket.upper < 0.0 && bucket.upper > -zero {
                bucket.upper = -zero;
            } else if bucket.lower > 0.0 && bucket.lower < zero {
                bucket.lower = zero;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_every_two_to_the_schema() {
        assert_eq!(exponential_bound(0, 0), 1.0);
        assert_eq!(exponential_bound(3, 0), 8.0);
        assert_eq!(exponential_bound(4, 2), 2.0);
        assert_eq!(exponential_bound(-4, 2), 0.5);
        assert!((exponential_bound(1, 2) - 2f64.powf(0.25)).abs() < 1e-15);
        assert_eq!(exponential_bound(-1, 1), GROWTH[0] / 2.0);
        assert_ne!(exponential_bound(-1, 1), std::f64::consts::FRAC_1_SQRT_2);
        assert!((exponential_bound(255, 8) - 2f64.powf(255.0 / 256.0)).abs() < 1e-15);
        assert!((exponential_bound(3, 12) - 2f64.powf(3.0 / 4096.0)).abs() < 1e-15);
        assert_eq!(exponential_bound(2, -1), 16.0);
        assert_eq!(exponential_bound(1024, 0), f64::MAX);
        assert!(exponential_bound(-1074, 0) > 0.0);
    }

    #[test]
    fn coarser_buckets_hold_the_finer() {
        let fine: Vec<Bucket> = (1..=4).map(|index| Bucket { index, count: 1.0 }).collect();
        let coarse = coarser(&fine, 1, 0);
        assert_eq!(coarse.len(), 2);
        assert!(coarse.iter().all(|b| b.count == 2.0));
        assert_eq!(coarser_index(0, 1, 0), 0);
        assert_eq!(coarser_index(-1, 1, 0), 0);
    }
}
