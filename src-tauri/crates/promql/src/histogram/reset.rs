//! Whether a counter was reset between two histograms.

use super::bounds::coarser;
use super::{Bucket, Histogram, ResetHint};

impl Histogram {
    /// Whether this histogram cannot have followed `previous` without a reset: some count went
    /// down, or the buckets became finer, which only a restart does. A hint decides at once.
    pub fn detects_reset(&self, previous: &Histogram) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() {
            if !previous.uses_custom_buckets() {
                return true;
            }
            if self.custom_bounds != previous.custom_bounds {
                return self.fell_in_common_bounds(previous);
            }
            return fell(&self.positive, &previous.positive);
        }
        if previous.uses_custom_buckets()
            || self.schema > previous.schema
            || self.zero_threshold < previous.zero_threshold
        {
            return true;
        }
        let (zero_count, threshold) = previous.zero_count_at(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let side = |mine: &[Bucket], theirs: &[Bucket]| {
            let theirs = coarser(theirs, previous.schema, self.schema);
            let outside = |buckets| {
                super::arithmetic::above_zero_bucket(buckets, self.schema, self.zero_threshold)
            };
            fell(outside(mine), outside(&theirs))
        };
        side(&self.positive, &previous.positive) || side(&self.negative, &previous.negative)
    }

    /// With different bounds, what can be compared is the count up to each bound that both have.
    fn fell_in_common_bounds(&self, previous: &Histogram) -> bool {
        let common = super::arithmetic::common_bounds(&self.custom_bounds, &previous.custom_bounds);
        let mine = super::arithmetic::into_bounds(&self.positive, &self.custom_bounds, &common);
        let theirs =
            super::arithmetic::into_bounds(&previous.positive, &previous.custom_bounds, &common);
        fell(&mine, &theirs)
    }
}

/// Whether any bucket counts less than before.
fn fell(now: &[Bucket], before: &[Bucket]) -> bool {
    before.iter().any(|then| {
        let count = now
            .binary_search_by_key(&then.index, |b| b.index)
            .map_or(0.0, |at| now[at].count);
        count < then.count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(count: f64, buckets: &[(i32, f64)]) -> Histogram {
        Histogram {
            count,
            positive: buckets
                .iter()
                .map(|(index, count)| Bucket {
                    index: *index,
                    count: *count,
                })
                .collect(),
            ..Histogram::default()
        }
    }

    #[test]
    fn a_falling_bucket_is_a_reset() {
        let before = with(3.0, &[(0, 1.0), (1, 2.0)]);
        assert!(!with(4.0, &[(0, 2.0), (1, 2.0)]).detects_reset(&before));
        assert!(with(4.0, &[(0, 4.0)]).detects_reset(&before));
        assert!(with(2.0, &[(0, 1.0), (1, 2.0)]).detects_reset(&before));
    }

    #[test]
    fn a_hint_decides() {
        let before = with(3.0, &[]);
        let mut now = with(1.0, &[]);
        now.reset_hint = ResetHint::NotReset;
        assert!(!now.detects_reset(&before));
        now = with(9.0, &[]);
        now.reset_hint = ResetHint::Reset;
        assert!(now.detects_reset(&before));
    }

    #[test]
    fn finer_buckets_mean_a_restart() {
        let before = with(3.0, &[(1, 3.0)]);
        let mut now = with(9.0, &[(1, 9.0)]);
        now.schema = 1;
        assert!(now.detects_reset(&before));
        // Coarser ones do not: what was there is merged first.
        let mut fine = with(3.0, &[(1, 1.0), (2, 2.0)]);
        fine.schema = 1;
        assert!(!with(3.0, &[(1, 3.0)]).detects_reset(&fine));
    }
}
