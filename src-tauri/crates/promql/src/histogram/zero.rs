//! The zero bucket: two histograms are combined only once it is equally wide in both.

use super::Histogram;

impl Histogram {
    /// The zero bucket's count if it reached up to a larger threshold, and the threshold it then
    /// has: a filled bucket that would be cut is taken in whole.
    pub(super) fn zero_count_at(&self, mut threshold: f64) -> (f64, f64) {
        if threshold <= self.zero_threshold {
            return (self.zero_count, threshold);
        }
        'widen: loop {
            let mut count = self.zero_count;
            for range in self.positive.iter().map(|b| self.positive_range(b)) {
                if range.lower >= threshold {
                    break;
                }
                count += range.count;
                if range.upper > threshold {
                    if range.count != 0.0 {
                        threshold = range.upper;
                    }
                    break;
                }
            }
            for range in self.negative.iter().map(|b| self.negative_range(b)) {
                if range.upper <= -threshold {
                    break;
                }
                count += range.count;
                if range.lower < -threshold {
                    if range.count != 0.0 {
                        // The positive side has to be looked at again.
                        threshold = -range.lower;
                        continue 'widen;
                    }
                    break;
                }
            }
            return (count, threshold);
        }
    }

    /// Widens the zero bucket and empties the buckets that it swallows.
    pub(super) fn widen_zero_bucket(&mut self, threshold: f64) {
        let (count, threshold) = self.zero_count_at(threshold);
        self.zero_count = count;
        self.zero_threshold = threshold;
        let swallowed = |lower: f64| lower < threshold;
        let outside: Vec<bool> = self
            .positive
            .iter()
            .map(|b| !swallowed(self.positive_range(b).lower))
            .collect();
        let mut outside = outside.into_iter();
        self.positive
            .retain(|b| outside.next().unwrap_or(true) && b.count != 0.0);
        let outside: Vec<bool> = self
            .negative
            .iter()
            .map(|b| !swallowed(-self.negative_range(b).upper))
            .collect();
        let mut outside = outside.into_iter();
        self.negative
            .retain(|b| outside.next().unwrap_or(true) && b.count != 0.0);
    }

    /// Makes the zero bucket wide enough for both and gives the other's count at that width.
    pub(super) fn reconcile_zero_bucket(&mut self, other: &Histogram) -> f64 {
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        // Each turn makes one of the two wider, and both end at one of the bounds that there are.
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (count, threshold) = other.zero_count_at(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                self.widen_zero_bucket(threshold);
            }
            if threshold.is_nan() || self.zero_threshold.is_nan() {
                break;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;

    #[test]
    fn a_cut_bucket_is_taken_in_whole() {
        let mut narrow = Histogram {
            zero_threshold: 0.25,
            zero_count: 1.0,
            positive: vec![Bucket {
                index: 0,
                count: 2.0,
            }],
            ..Histogram::default()
        };
        let wide = Histogram {
            zero_threshold: 0.75,
            zero_count: 4.0,
            ..Histogram::default()
        };
        // (0.5, 1] is cut by 0.75, so both become 1 wide.
        assert_eq!(narrow.reconcile_zero_bucket(&wide), 4.0);
        assert_eq!(narrow.zero_threshold, 1.0);
        assert_eq!(narrow.zero_count, 3.0);
        assert!(narrow.positive.is_empty());
    }

    #[test]
    fn an_empty_bucket_may_be_cut() {
        let narrow = Histogram {
            positive: vec![Bucket {
                index: 0,
                count: 0.0,
            }],
            ..Histogram::default()
        };
        assert_eq!(narrow.zero_count_at(0.75), (0.0, 0.75));
    }
}
