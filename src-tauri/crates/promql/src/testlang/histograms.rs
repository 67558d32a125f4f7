//! Classic histograms as native ones with the same bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::store::Stored;
use crate::histogram::{Bucket, CUSTOM_BUCKETS, Histogram};
use crate::labels::{BUCKET, Labels, METRIC_NAME};
use crate::text::{float_g, parse_float};
use crate::value::SampleValue;

/// A classic histogram at one moment.
#[derive(Clone, Default)]
struct Classic {
    /// Bounds with cumulated counts, by bound.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
    broken: Option<String>,
}

impl Classic {
    fn set_bucket(&mut self, bound: f64, count: f64) {
        if count < 0.0 {
            self.broken.get_or_insert_with(|| {
                format!(
                    "bucket count must be non-negative: le={}, count={}",
                    float_g(bound),
                    float_g(count)
                )
            });
        }
        let place = self.buckets.partition_point(|(have, _)| *have < bound);
        if self
            .buckets
            .get(place)
            .is_some_and(|(have, _)| *have == bound)
        {
            return;
        }
        self.buckets.insert(place, (bound, count));
    }

    fn native(mut self) -> Result<Histogram, String> {
        if let Some(why) = self.broken {
            return Err(why);
        }
        let cumulative = self.buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        if !cumulative {
            return Err("count is not cumulative".to_owned());
        }
        let count = self
            .count
            .or(self.buckets.last().map(|(_, count)| *count))
            .unwrap_or(0.0);
        if self
            .buckets
            .last()
            .is_none_or(|(bound, _)| *bound != f64::INFINITY)
        {
            self.buckets.push((f64::INFINITY, count));
        }
        let all = self.buckets.last().map_or(0.0, |(_, count)| *count);
        if all != count {
            return Err(format!(
                "count mismatch: count={} != le=+Inf count={}",
                float_g(count),
                float_g(all)
            ));
        }
        let mut before = 0.0;
        let positive = (0..)
            .zip(&self.buckets)
            .map(|(index, (_, cumulated))| {
                let count = cumulated - before;
                before = *cumulated;
                Bucket { index, count }
            })
            .collect();
        let bounds = self.buckets.iter().map(|(bound, _)| *bound);
        Ok(Histogram {
            schema: CUSTOM_BUCKETS,
            count,
            sum: self.sum,
            positive,
            custom_bounds: bounds.filter(|b| b.is_finite()).collect(),
            ..Histogram::default()
        }
        .compacted())
    }
}

/// Which part of a classic histogram a series is.
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

fn part(labels: &Labels) -> Option<(&str, Part)> {
    let name = labels.metric_name();
    if let Some(base) = name.strip_suffix("_bucket") {
        let bound = parse_float(labels.get(BUCKET)).filter(|b| !b.is_nan())?;
        return Some((base, Part::Bucket(bound)));
    }
    if let Some(base) = name.strip_suffix("_count") {
        return Some((base, Part::Count));
    }
    name.strip_suffix("_sum").map(|base| (base, Part::Sum))
}

/// The native histograms that the classic ones among the series make.
pub(super) fn native_histograms(
    series: &[(Labels, Vec<Stored>)],
) -> Result<Vec<(Labels, Vec<Stored>)>, String> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, samples) in series {
        let Some((base, part)) = part(labels) else {
            continue;
        };
        let own = labels.with(METRIC_NAME, base).without_one(BUCKET);
        let moments = found.entry(own).or_default();
        for sample in samples {
            let SampleValue::Float(v) = sample.value else {
                continue;
            };
            let classic = moments.entry(sample.t).or_default();
            match part {
                Part::Bucket(bound) => classic.set_bucket(bound, v),
                Part::Count => classic.count = Some(v),
                Part::Sum => classic.sum = v,
            }
        }
    }
    let mut native = Vec::new();
    for (labels, moments) in found {
        let mut samples = Vec::new();
        for (t, classic) in moments {
            samples.push(Stored {
                t,
                start: 0,
                value: SampleValue::Histogram(Arc::new(classic.native()?)),
            });
        }
        native.push((labels, samples));
    }
    Ok(native)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cumulated_counts_become_single_ones() {
        let mut classic = Classic::default();
        for (bound, count) in [(f64::INFINITY, 6.0), (1.0, 2.0), (2.0, 5.0)] {
            classic.set_bucket(bound, count);
        }
        let native = classic.native().unwrap();
        assert_eq!(&*native.custom_bounds, &[1.0, 2.0]);
        assert_eq!(native.count, 6.0);
        let counts: Vec<f64> = native.positive.iter().map(|b| b.count).collect();
        assert_eq!(counts, [2.0, 3.0, 1.0]);
    }

    #[test]
    fn falling_counts_are_refused() {
        let mut classic = Classic::default();
        classic.set_bucket(1.0, 2.0);
        classic.set_bucket(f64::INFINITY, 1.0);
        assert!(classic.native().is_err());
    }
}
