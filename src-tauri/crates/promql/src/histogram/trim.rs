//! Cutting a histogram off above or below a value.

use super::{BucketRange, Histogram};

/// Which side of the value is kept.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Keep {
    /// What lies below.
    Below,
    /// What lies above.
    Above,
}

/// What a bucket keeps: how many observations, and where they lie on average.
struct Kept {
    count: f64,
    midpoint: f64,
}

impl Histogram {
    /// Keeps what lies on one side of a value. A bucket that the value cuts keeps its share, and
    /// the sum becomes an estimate from the buckets' middles.
    pub fn trimmed(mut self, value: f64, keep: Keep) -> Histogram {
        let linear = self.uses_custom_buckets();
        let (mut count, mut sum, mut changed) = (0.0, 0.0, false);
        let (mut has_positive, mut has_negative) = (false, false);
        for positive in [true, false] {
            let mut buckets = std::mem::take(if positive {
                &mut self.positive
            } else {
                &mut self.negative
            });
            for bucket in buckets.iter_mut().filter(|b| b.count != 0.0) {
                let range = if positive {
                    has_positive = true;
                    self.positive_range(bucket)
                } else {
                    has_negative = true;
                    self.negative_range(bucket)
                };
                let kept = trim(&range, value, keep, positive, linear);
                count += kept.count;
                sum += kept.midpoint * kept.count;
                changed |= bucket.count != kept.count;
                bucket.count = kept.count;
            }
            if positive {
                self.positive = buckets;
            } else {
                self.negative = buckets;
            }
        }
        if self.zero_count > 0.0 {
            let kept = trim_zero(&self.zero_range(), value, keep, has_negative, has_positive);
            changed |= self.zero_count != kept.count;
            self.zero_count = kept.count;
            count += kept.count;
            sum += kept.midpoint * kept.count;
        }
        if changed {
            self.count = count;
            self.sum = sum;
            self.compact();
        }
        self
    }
}

fn trim(range: &BucketRange, value: f64, keep: Keep, positive: bool, linear: bool) -> Kept {
    let (all, cut) = match keep {
        Keep::Below => (range.upper <= value, range.lower < value),
        Keep::Above => (range.lower >= value, range.upper > value),
    };
    if all {
        return Kept {
            count: range.count,
            midpoint: midpoint(range.lower, range.upper, positive, linear),
        };
    }
    if !cut {
        return Kept {
            count: 0.0,
            midpoint: 0.0,
        };
    }
    if range.lower == f64::NEG_INFINITY || range.upper == f64::INFINITY {
        return trim_endless(range, value, keep);
    }
    let below = if value <= range.lower {
        0.0
    } else if value >= range.upper {
        range.count
    } else {
        range.count * range.fraction_below(value, linear)
    };
    match keep {
        Keep::Below => Kept {
            count: below,
            midpoint: midpoint(range.lower, value, positive, linear),
        },
        Keep::Above => Kept {
            count: range.count - below,
            midpoint: midpoint(value, range.upper, positive, linear),
        },
    }
}

/// A bucket without end on one side: its observations are taken to lie between zero and its other
/// bound if that is possible, else at that bound.
fn trim_endless(range: &BucketRange, value: f64, keep: Keep) -> Kept {
    let (lower, upper, count) = (range.lower, range.upper, range.count);
    let finite = |x: f64| if x.is_infinite() { 0.0 } else { x };
    let kept = |count, midpoint| Kept { count, midpoint };
    if lower == f64::NEG_INFINITY {
        let bounded = upper != f64::INFINITY;
        return match keep {
            Keep::Below if value >= upper => kept(count, 0.0),
            Keep::Below if value > 0.0 && upper > 0.0 && bounded => {
                kept(count * value / upper, value / 2.0)
            }
            Keep::Below if upper <= 0.0 => kept(count, value),
            Keep::Above if value <= lower => kept(count, 0.0),
            Keep::Above if value >= 0.0 && upper > value && bounded => {
                kept(count * (1.0 - value / upper), (value + upper) / 2.0)
            }
            _ => kept(0.0, finite(upper)),
        };
    }
    match keep {
        Keep::Above if value >= lower => kept(count, value),
        _ => kept(0.0, finite(lower)),
    }
}

fn trim_zero(
    zero: &BucketRange,
    value: f64,
    keep: Keep,
    has_negative: bool,
    has_positive: bool,
) -> Kept {
    // With buckets on one side only, nothing lies on the other side of zero.
    let lower = if has_positive && !has_negative {
        0.0
    } else {
        zero.lower
    };
    let upper = if has_negative && !has_positive {
        0.0
    } else {
        zero.upper
    };
    let whole = Kept {
        count: zero.count,
        midpoint: (lower + upper) / 2.0,
    };
    let nothing = Kept {
        count: 0.0,
        midpoint: 0.0,
    };
    match keep {
        Keep::Below if value <= lower => nothing,
        Keep::Below if value >= upper => whole,
        Keep::Below => Kept {
            count: zero.count * (value - lower) / (upper - lower),
            midpoint: (lower + value) / 2.0,
        },
        Keep::Above if value <= lower => whole,
        Keep::Above if value >= upper => nothing,
        Keep::Above => Kept {
            count: zero.count * (upper - value) / (upper - lower),
            midpoint: (value + upper) / 2.0,
        },
    }
}

fn midpoint(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    if lower.is_infinite() {
        return match upper {
            u if u.is_infinite() => 0.0,
            u if u > 0.0 => u / 2.0,
            u => u,
        };
    }
    if upper.is_infinite() {
        return lower;
    }
    if linear {
        return (lower + upper) / 2.0;
    }
    let mean = (lower * upper).abs().sqrt();
    if positive { mean } else { -mean }
}

#[cfg(test)]
mod tests {
    use super::super::{Bucket, CUSTOM_BUCKETS};
    use super::*;

    fn sample() -> Histogram {
        let counts = [2.0, 4.0, 6.0];
        Histogram {
            schema: CUSTOM_BUCKETS,
            count: 12.0,
            sum: 100.0,
            custom_bounds: [5.0, 10.0].into(),
            positive: (0..)
                .zip(counts)
                .map(|(index, count)| Bucket { index, count })
                .collect(),
            ..Histogram::default()
        }
    }

    #[test]
    fn a_cut_bucket_keeps_its_share() {
        let below = sample().trimmed(7.5, Keep::Below);
        assert_eq!(below.count, 4.0);
        assert_eq!(below.sum, 2.0 * 2.5 + 2.0 * 6.25);
        let above = sample().trimmed(7.5, Keep::Above);
        assert_eq!(above.count, 8.0);
    }

    #[test]
    fn nothing_cut_is_nothing_changed() {
        let same = sample().trimmed(f64::INFINITY, Keep::Below);
        assert_eq!(same, sample());
    }
}
