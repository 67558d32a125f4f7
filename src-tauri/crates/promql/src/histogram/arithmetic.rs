//! Adding and subtracting histograms.

use std::sync::Arc;

use super::bounds::{coarser, exponential_bound};
use super::{Bucket, Histogram, IncompatibleSchemas, ResetHint};

/// What was noticed while two histograms were combined.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub struct Combined {
    /// One said that the counter was reset, the other that it was not.
    pub hints_collide: bool,
    /// The bounds differed; only those that both have remain.
    pub bounds_reconciled: bool,
}

/// The hint of a combination, and whether the two collide.
pub(super) fn joined_hint(a: ResetHint, b: ResetHint) -> (ResetHint, bool) {
    use ResetHint::{Gauge, Unknown};
    match (a, b) {
        _ if a == b => (a, false),
        (Gauge, _) | (_, Gauge) => (Gauge, false),
        (Unknown, _) | (_, Unknown) => (Unknown, false),
        _ => (Unknown, true),
    }
}

/// The bounds that both have.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    a.iter().filter(|x| b.contains(x)).copied().collect()
}

/// The buckets counted into fewer bounds.
pub(super) fn into_bounds(buckets: &[Bucket], bounds: &[f64], common: &[f64]) -> Vec<Bucket> {
    let mut out: Vec<Bucket> = Vec::new();
    for bucket in buckets {
        let upper = usize::try_from(bucket.index)
            .ok()
            .and_then(|at| bounds.get(at))
            .copied()
            .unwrap_or(f64::INFINITY);
        let index = common.partition_point(|bound| *bound < upper) as i32;
        match out.last_mut() {
            Some(last) if last.index == index => last.count += bucket.count,
            _ => out.push(Bucket {
                index,
                count: bucket.count,
            }),
        }
    }
    out
}

/// Without the leading buckets that lie in the zero bucket.
pub(super) fn above_zero_bucket(buckets: &[Bucket], schema: i32, threshold: f64) -> &[Bucket] {
    let inside = buckets
        .iter()
        .take_while(|b| exponential_bound(b.index, schema) <= threshold)
        .count();
    &buckets[inside..]
}

/// Two sorted lists as one, equal indexes combined.
pub(super) fn merged(a: &[Bucket], b: &[Bucket], sign: f64) -> Vec<Bucket> {
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.index == y.index => Bucket {
                index: x.index,
                count: x.count + sign * y.count,
            },
            (Some(x), Some(y)) if x.index < y.index => **x,
            (Some(x), None) => **x,
            (_, Some(y)) => Bucket {
                index: y.index,
                count: sign * y.count,
            },
            (None, None) => return out,
        };
        if a.peek().is_some_and(|x| x.index == next.index) {
            a.next();
        }
        if b.peek().is_some_and(|y| y.index == next.index) {
            b.next();
        }
        out.push(next);
    }
}

impl Histogram {
    pub(super) fn check_compatible(&self, other: &Histogram) -> Result<(), IncompatibleSchemas> {
        if self.uses_custom_buckets() == other.uses_custom_buckets() {
            Ok(())
        } else {
            Err(IncompatibleSchemas)
        }
    }

    /// The same histogram with coarser buckets; finer ones are left as they are.
    pub(crate) fn at_schema(&self, schema: i32) -> Histogram {
        if self.uses_custom_buckets() || schema >= self.schema {
            return self.clone();
        }
        Histogram {
            // What was known about resets was known of the finer buckets.
            reset_hint: ResetHint::Unknown,
            schema,
            positive: coarser(&self.positive, self.schema, schema),
            negative: coarser(&self.negative, self.schema, schema),
            ..self.clone()
        }
    }

    fn combine(&mut self, other: &Histogram, sign: f64) -> Result<Combined, IncompatibleSchemas> {
        self.check_compatible(other)?;
        let (hint, hints_collide) = joined_hint(self.reset_hint, other.reset_hint);
        self.reset_hint = hint;
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        let mut combined = Combined {
            hints_collide,
            bounds_reconciled: false,
        };
        if self.uses_custom_buckets() {
            combined.bounds_reconciled = self.combine_custom(other, sign);
            return Ok(combined);
        }
        let zero = self.reconcile_zero_bucket(other);
        self.zero_count += sign * zero;
        let schema = self.schema.min(other.schema);
        let threshold = self.zero_threshold;
        let side = |mine: &[Bucket], theirs: &[Bucket]| {
            let mine = coarser(mine, self.schema, schema);
            let theirs = coarser(theirs, other.schema, schema);
            merged(&mine, above_zero_bucket(&theirs, schema, threshold), sign)
        };
        let positive = side(&self.positive, &other.positive);
        let negative = side(&self.negative, &other.negative);
        self.positive = positive;
        self.negative = negative;
        self.schema = schema;
        Ok(combined)
    }

    /// Whether the bounds had to be reconciled.
    fn combine_custom(&mut self, other: &Histogram, sign: f64) -> bool {
        if self.custom_bounds == other.custom_bounds {
            self.positive = merged(&self.positive, &other.positive, sign);
            return false;
        }
        let common = common_bounds(&self.custom_bounds, &other.custom_bounds);
        let mine = into_bounds(&self.positive, &self.custom_bounds, &common);
        let theirs = into_bounds(&other.positive, &other.custom_bounds, &common);
        self.positive = merged(&mine, &theirs, sign);
        self.positive.retain(|b| b.count != 0.0);
        self.custom_bounds = common;
        true
    }

    /// Adds another histogram.
    ///
    /// # Errors
    /// Exponential and custom buckets cannot be combined.
    pub fn add(&mut self, other: &Histogram) -> Result<Combined, IncompatibleSchemas> {
        self.combine(other, 1.0)
    }

    /// Subtracts another histogram.
    ///
    /// # Errors
    /// Exponential and custom buckets cannot be combined.
    pub fn subtract(&mut self, other: &Histogram) -> Result<Combined, IncompatibleSchemas> {
        self.combine(other, -1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(i32, f64)]) -> Vec<Bucket> {
        pairs
            .iter()
            .map(|(index, count)| Bucket {
                index: *index,
                count: *count,
            })
            .collect()
    }

    fn custom(bounds: &[f64], counts: &[(i32, f64)]) -> Histogram {
        Histogram {
            schema: super::super::CUSTOM_BUCKETS,
            custom_bounds: bounds.into(),
            positive: buckets(counts),
            ..Histogram::default()
        }
    }

    #[test]
    fn the_coarser_schema_wins() {
        let mut fine = Histogram {
            schema: 1,
            count: 2.0,
            positive: buckets(&[(1, 1.0), (2, 1.0)]),
            ..Histogram::default()
        };
        let coarse = Histogram {
            count: 3.0,
            positive: buckets(&[(1, 3.0)]),
            ..Histogram::default()
        };
        fine.add(&coarse).unwrap();
        assert_eq!(fine.schema, 0);
        assert_eq!(fine.positive, buckets(&[(1, 5.0)]));
        assert_eq!(fine.count, 5.0);
    }

    #[test]
    fn bounds_that_both_have_remain() {
        let mut a = custom(&[1.0, 2.0, 5.0], &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]);
        let b = custom(&[2.0, 5.0], &[(0, 1.0), (2, 1.0)]);
        let combined = a.subtract(&b).unwrap();
        assert!(combined.bounds_reconciled);
        assert_eq!(&*a.custom_bounds, &[2.0, 5.0]);
        assert_eq!(a.positive, buckets(&[(0, 1.0), (1, 1.0)]));
    }

    #[test]
    fn kinds_do_not_mix_and_hints_collide() {
        let mut a = custom(&[1.0], &[]);
        assert_eq!(a.add(&Histogram::default()), Err(IncompatibleSchemas));
        let (hint, collide) = joined_hint(ResetHint::Reset, ResetHint::NotReset);
        assert_eq!((hint, collide), (ResetHint::Unknown, true));
        let (hint, collide) = joined_hint(ResetHint::Gauge, ResetHint::NotReset);
        assert_eq!((hint, collide), (ResetHint::Gauge, false));
    }
}
