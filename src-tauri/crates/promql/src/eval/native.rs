//! What native histograms say of themselves: count, sum, spread, quantiles, fractions.

use super::{Evaluator, Outcome};
use crate::annotations::{Annotation, Annotations};
use crate::histogram::{BucketRange, Histogram};
use crate::kahan::Kahan;
use crate::plan::CallPlan;
use crate::span::Span;
use crate::value::{FloatPoint, Matrix, Series};

impl Evaluator<'_> {
    pub(super) fn native_histogram(&self, call: &CallPlan) -> Outcome<Matrix> {
        let function: fn(&Histogram) -> f64 = match call.function.name {
            "histogram_count" => |h| h.count,
            "histogram_sum" => |h| h.sum,
            "histogram_avg" => |h| h.sum / h.count,
            "histogram_stddev" => |h| variance(h).sqrt(),
            "histogram_stdvar" => variance,
            name => return self.unknown_function(name),
        };
        let mapped = self
            .eval(&call.args[0])?
            .into_iter()
            .map(|series| Series {
                labels: self.without_name(&series.labels),
                floats: series
                    .histograms
                    .iter()
                    .map(|p| FloatPoint {
                        t: p.t,
                        v: function(&p.v),
                    })
                    .collect(),
                histograms: Vec::new(),
                drop_name: true,
            })
            .filter(|series| !series.is_empty())
            .collect();
        self.rejoined(mapped)
    }
}

/// The variance if all observations lay in the middle of their buckets: the geometric middle
/// where buckets grow exponentially.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut sum = Kahan::default();
    for bucket in histogram.buckets().iter().filter(|b| b.count != 0.0) {
        let middle = if histogram.uses_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = middle - mean;
        sum.add(bucket.count * delta * delta);
    }
    sum.total() / histogram.count
}

/// The zero bucket of a histogram with buckets on one side only has no other side.
fn one_sided(histogram: &Histogram, bucket: &mut BucketRange) {
    if histogram.negative.is_empty() && !histogram.positive.is_empty() {
        bucket.lower = 0.0;
    } else if histogram.positive.is_empty() && !histogram.negative.is_empty() {
        bucket.upper = 0.0;
    }
}

/// The φ-quantile of a native histogram.
pub(super) fn quantile(
    q: f64,
    histogram: &Histogram,
    metric: &str,
    span: Span,
    remarks: &mut Annotations,
) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if histogram.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    // Observations that are no numbers are in the count only; they are taken as the largest.
    let has_nan = histogram.sum.is_nan();
    let from_below = has_nan || q < 0.5;
    let mut buckets = histogram.buckets();
    if !from_below {
        buckets.reverse();
    }
    let rank = histogram.count * if from_below { q } else { 1.0 - q };
    let (mut bucket, counted, passed) = reaching(&buckets, rank);
    if histogram.uses_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        one_sided(histogram, &mut bucket);
    }
    let count = counted.min(histogram.count);
    if count < rank {
        if has_nan {
            remarks.add(Annotation::quantile_nan_result(metric, span));
            return f64::NAN;
        }
        return bucket.upper;
    }
    let rest: f64 = buckets[passed..].iter().map(|b| b.count).sum();
    if has_nan && count + rest < histogram.count {
        remarks.add(Annotation::quantile_nan_skew(metric, span));
    }
    let part = if from_below {
        rank - (count - bucket.count)
    } else {
        count - rank
    };
    inside(
        &bucket,
        part / bucket.count,
        histogram.uses_custom_buckets(),
    )
}

/// The first bucket by which a rank is reached, how many observations there are up to it, and how
/// many buckets; the last one if the rank is never reached.
fn reaching(buckets: &[BucketRange], rank: f64) -> (BucketRange, f64, usize) {
    let mut count = 0.0;
    for (at, bucket) in buckets.iter().enumerate() {
        count += bucket.count;
        if bucket.count != 0.0 && count >= rank {
            return (*bucket, count, at + 1);
        }
    }
    let last = buckets.last().copied().unwrap_or(BucketRange {
        lower: 0.0,
        upper: 0.0,
        lower_inclusive: false,
        upper_inclusive: false,
        count: 0.0,
    });
    (last, count, buckets.len())
}

/// The value below which a fraction of a bucket lies.
fn inside(bucket: &BucketRange, fraction: f64, linear: bool) -> f64 {
    if linear || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * fraction;
    }
    let lower = bucket.lower.abs().log2();
    let upper = bucket.upper.abs().log2();
    if bucket.lower > 0.0 {
        (lower + (upper - lower) * fraction).exp2()
    } else {
        -(upper + (lower - upper) * (1.0 - fraction)).exp2()
    }
}

/// The fraction of a native histogram's observations between two values.
pub(super) fn fraction(
    lower: f64,
    upper: f64,
    histogram: &Histogram,
    metric: &str,
    span: Span,
    remarks: &mut Annotations,
) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let custom = histogram.uses_custom_buckets();
    let (mut rank, mut lower_rank, mut upper_rank) = (0.0, None, None);
    let buckets = histogram.buckets();
    for bucket in &buckets {
        let mut bucket = *bucket;
        let zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if zero {
            one_sided(histogram, &mut bucket);
        }
        let rank_of = |value: f64| {
            if (custom || zero) && bucket.lower == f64::NEG_INFINITY {
                bucket.count
            } else {
                rank + bucket.count * bucket.fraction_below(value, custom || zero)
            }
        };
        for (value, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_some() {
                continue;
            }
            if bucket.lower >= value {
                *found = Some(rank);
            } else if bucket.upper > value {
                *found = Some(rank_of(value));
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank += bucket.count;
    }
    let count = if histogram.sum.is_nan() {
        let counted: f64 = buckets.iter().map(|b| b.count).sum();
        if counted < histogram.count {
            remarks.add(Annotation::fraction_nan(metric, span));
        }
        counted
    } else {
        histogram.count
    };
    let capped = |found: Option<f64>| found.filter(|rank| *rank <= count).unwrap_or(count);
    (capped(upper_rank) - capped(lower_rank)) / histogram.count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Bucket;

    fn doubling() -> Histogram {
        Histogram {
            count: 4.0,
            sum: 8.0,
            positive: (0..4).map(|index| Bucket { index, count: 1.0 }).collect(),
            ..Histogram::default()
        }
    }

    fn ask(q: f64) -> f64 {
        let mut remarks = Annotations::default();
        quantile(q, &doubling(), "", Span::default(), &mut remarks)
    }

    #[test]
    fn quantiles_lie_on_the_buckets_curve() {
        assert_eq!(ask(0.25), 1.0);
        assert!((ask(0.375) - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(ask(1.0), 8.0);
        assert_eq!(ask(0.0), 0.5);
        assert_eq!(ask(1.5), f64::INFINITY);
        assert!(ask(f64::NAN).is_nan());
    }

    #[test]
    fn fractions_are_the_other_way_round() {
        let mut remarks = Annotations::default();
        let mut ask =
            |low, high| fraction(low, high, &doubling(), "", Span::default(), &mut remarks);
        assert_eq!(ask(0.0, 1.0), 0.25);
        assert!((ask(1.0, 2f64.sqrt()) - 0.125).abs() < 1e-12);
        assert_eq!(ask(3.0, 2.0), 0.0);
        assert_eq!(ask(f64::NEG_INFINITY, f64::INFINITY), 1.0);
    }
}
