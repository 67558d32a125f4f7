//! Sums of many histograms with Neumaier's compensation, as Prometheus sums them.

use super::arithmetic::{
    Combined, above_zero_bucket, common_bounds, into_bounds, joined_hint, merged,
};
use super::bounds::coarser;
use super::{Bucket, Histogram, IncompatibleSchemas};
use crate::kahan::Kahan;

/// A sum and, bucket by bucket, what rounding has lost of it.
#[derive(Clone, Debug)]
pub(crate) struct CompensatedSum {
    sum: Histogram,
    lost: Histogram,
}

fn bump(sum: &mut f64, lost: &mut f64, by: f64) {
    let mut kahan = Kahan {
        sum: *sum,
        lost: *lost,
    };
    kahan.add(by);
    (*sum, *lost) = (kahan.sum, kahan.lost);
}

/// Adds buckets to a sum, keeping sum and loss on the same indexes.
fn merge(sum: &mut Vec<Bucket>, lost: &mut Vec<Bucket>, other: &[Bucket]) {
    let zeros = |like: &[Bucket]| -> Vec<Bucket> {
        like.iter().map(|b| Bucket { count: 0.0, ..*b }).collect()
    };
    *sum = merged(sum, &zeros(other), 1.0);
    *lost = merged(lost, &zeros(sum), 1.0);
    let mut at = 0;
    for bucket in other {
        while at < sum.len() && sum[at].index < bucket.index {
            at += 1;
        }
        if let (Some(s), Some(l)) = (sum.get_mut(at), lost.get_mut(at)) {
            bump(&mut s.count, &mut l.count, bucket.count);
        }
    }
}

impl CompensatedSum {
    pub fn new(first: Histogram) -> Self {
        let lost = Histogram {
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive: Vec::new(),
            negative: Vec::new(),
            ..first.clone()
        };
        CompensatedSum { sum: first, lost }
    }

    pub fn has_overflow(&self) -> bool {
        self.sum.has_overflow()
    }

    pub fn add(&mut self, other: &Histogram) -> Result<Combined, IncompatibleSchemas> {
        self.sum.check_compatible(other)?;
        let (hint, hints_collide) = joined_hint(self.sum.reset_hint, other.reset_hint);
        self.sum.reset_hint = hint;
        let (sum, lost) = (&mut self.sum, &mut self.lost);
        bump(&mut sum.count, &mut lost.count, other.count);
        bump(&mut sum.sum, &mut lost.sum, other.sum);
        let bounds_reconciled = if sum.uses_custom_buckets() {
            self.add_custom(other)
        } else {
            self.add_exponential(other);
            false
        };
        Ok(Combined {
            hints_collide,
            bounds_reconciled,
        })
    }

    fn add_custom(&mut self, other: &Histogram) -> bool {
        let (sum, lost) = (&mut self.sum, &mut self.lost);
        if sum.custom_bounds == other.custom_bounds {
            merge(&mut sum.positive, &mut lost.positive, &other.positive);
            return false;
        }
        let common = common_bounds(&sum.custom_bounds, &other.custom_bounds);
        sum.positive = into_bounds(&sum.positive, &sum.custom_bounds, &common);
        lost.positive = into_bounds(&lost.positive, &sum.custom_bounds, &common);
        let theirs = into_bounds(&other.positive, &other.custom_bounds, &common);
        merge(&mut sum.positive, &mut lost.positive, &theirs);
        sum.custom_bounds = common.clone();
        lost.custom_bounds = common;
        true
    }

    fn add_exponential(&mut self, other: &Histogram) {
        let (sum, lost) = (&mut self.sum, &mut self.lost);
        let zero = sum.reconcile_zero_bucket(other);
        if lost.zero_threshold < sum.zero_threshold {
            lost.widen_zero_bucket(sum.zero_threshold);
            lost.zero_threshold = sum.zero_threshold;
        }
        bump(&mut sum.zero_count, &mut lost.zero_count, zero);
        let schema = sum.schema.min(other.schema);
        for histogram in [&mut *sum, &mut *lost] {
            histogram.positive = coarser(&histogram.positive, histogram.schema, schema);
            histogram.negative = coarser(&histogram.negative, histogram.schema, schema);
            histogram.schema = schema;
        }
        let threshold = sum.zero_threshold;
        let positive = coarser(&other.positive, other.schema, schema);
        let negative = coarser(&other.negative, other.schema, schema);
        merge(
            &mut sum.positive,
            &mut lost.positive,
            above_zero_bucket(&positive, schema, threshold),
        );
        merge(
            &mut sum.negative,
            &mut lost.negative,
            above_zero_bucket(&negative, schema, threshold),
        );
    }

    /// Sum and loss times a factor.
    pub fn scaled(self, factor: f64) -> Self {
        CompensatedSum {
            sum: self.sum.multiplied(factor),
            lost: self.lost.multiplied(factor),
        }
    }

    /// Sum and loss divided.
    pub fn divided(self, divisor: f64) -> Self {
        CompensatedSum {
            sum: self.sum.divided(divisor),
            lost: self.lost.divided(divisor),
        }
    }

    /// The sum with the loss made good.
    pub fn total(self) -> Histogram {
        let mut total = self.sum;
        total.count += self.lost.count;
        total.sum += self.lost.sum;
        total.zero_count += self.lost.zero_count;
        total.positive = merged(&total.positive, &self.lost.positive, 1.0);
        total.negative = merged(&total.negative, &self.lost.negative, 1.0);
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(count: f64) -> Histogram {
        Histogram {
            count,
            sum: count,
            positive: vec![Bucket { index: 0, count }],
            ..Histogram::default()
        }
    }

    #[test]
    fn small_counts_are_not_lost_beside_large_ones() {
        let mut sum = CompensatedSum::new(one(1.0));
        for count in [1e100, 1.0, -1e100] {
            sum.add(&one(count)).unwrap();
        }
        let total = sum.total();
        assert_eq!(total.count, 2.0);
        assert_eq!(total.positive[0].count, 2.0);
    }

    #[test]
    fn a_mean_is_divided_once() {
        let mut sum = CompensatedSum::new(one(1.0));
        sum.add(&one(3.0)).unwrap();
        assert_eq!(sum.clone().divided(2.0).total().count, 2.0);
        assert_eq!(sum.scaled(0.5).total().sum, 2.0);
    }
}
