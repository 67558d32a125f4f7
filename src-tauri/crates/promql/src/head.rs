//! Series that grow while they are asked: what rules read, and where their results go.

use std::collections::HashMap;
use std::sync::Arc;

use crate::histogram::{Histogram, ResetHint};
use crate::labels::Labels;
use crate::source::{SampleSource, Selection, SeriesSamples, SourceError};
use crate::value::{FloatPoint, HistogramPoint, SampleValue, is_stale};

/// Series in memory that samples are added to, each later than the one before it.
/// A copy shares what is held.
#[derive(Clone, Default, Debug)]
pub struct Head {
    places: HashMap<Labels, usize>,
    series: Vec<Growing>,
    /// Where the series of a name are, in the order in which they came.
    named: HashMap<Box<str>, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Growing {
    samples: Arc<SeriesSamples>,
    last_at: i64,
    /// The newest sample, if it is a histogram.
    last: Option<Arc<Histogram>>,
}

/// Why a sample was not taken.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTaken {
    /// The series has a later sample.
    #[error("out of order sample")]
    OutOfOrder,
    /// The series has another value at this moment.
    #[error("duplicate sample for timestamp")]
    Duplicate,
}

impl Head {
    /// Adds a sample. `start` is when its counter began, in milliseconds; 0 if unknown. The same
    /// sample twice is one.
    ///
    /// # Errors
    /// That the series has gone on already.
    pub fn append(
        &mut self,
        labels: &Labels,
        t: i64,
        start: i64,
        value: &SampleValue,
    ) -> Result<(), NotTaken> {
        let place = match self.places.get(labels) {
            Some(place) => *place,
            None => self.begin(labels),
        };
        let growing = &mut self.series[place];
        let empty = growing.samples.floats.is_empty() && growing.samples.histograms.is_empty();
        if !empty && t <= growing.last_at {
            return match t == growing.last_at && growing.newest_is(value) {
                true => Ok(()),
                false if t == growing.last_at => Err(NotTaken::Duplicate),
                false => Err(NotTaken::OutOfOrder),
            };
        }
        growing.take(t, start, value);
        Ok(())
    }

    fn begin(&mut self, labels: &Labels) -> usize {
        let place = self.series.len();
        self.series.push(Growing {
            samples: Arc::new(SeriesSamples {
                labels: labels.clone(),
                ..SeriesSamples::default()
            }),
            last_at: 0,
            last: None,
        });
        self.places.insert(labels.clone(), place);
        let name = labels.metric_name();
        match self.named.get_mut(name) {
            Some(places) => places.push(place),
            None => {
                self.named.insert(name.into(), vec![place]);
            }
        }
        place
    }

    /// Forgets what is older than this, in milliseconds; no query may ask for it again.
    pub fn forget_before(&mut self, t: i64) {
        for growing in &mut self.series {
            let kept = |at: i64| at >= t;
            let samples = Arc::make_mut(&mut growing.samples);
            let gone = samples.floats.partition_point(|p| !kept(p.t));
            samples.floats.drain(..gone);
            if !samples.float_starts.is_empty() {
                samples.float_starts.drain(..gone);
            }
            let gone = samples.histograms.partition_point(|p| !kept(p.t));
            samples.histograms.drain(..gone);
            if !samples.histogram_starts.is_empty() {
                samples.histogram_starts.drain(..gone);
            }
        }
    }
}

impl Growing {
    fn newest_is(&self, value: &SampleValue) -> bool {
        match (value, &self.last) {
            (SampleValue::Histogram(h), Some(last)) => h == last,
            (SampleValue::Float(v), None) => {
                let newest = self.samples.floats.last();
                newest.is_some_and(|p| p.v.to_bits() == v.to_bits())
            }
            _ => false,
        }
    }

    /// A stale marker after a histogram is a histogram.
    fn take(&mut self, t: i64, start: i64, value: &SampleValue) {
        let samples = Arc::make_mut(&mut self.samples);
        self.last_at = t;
        let histogram = match value {
            SampleValue::Float(v) if is_stale(*v) && self.last.is_some() => Arc::new(Histogram {
                sum: *v,
                ..Histogram::default()
            }),
            SampleValue::Float(v) => {
                self.last = None;
                note_start(&mut samples.float_starts, samples.floats.len(), start);
                samples.floats.push(FloatPoint { t, v: *v });
                return;
            }
            SampleValue::Histogram(h) => h.clone(),
        };
        let reset_hint = chunk_hint(self.last.as_deref(), &histogram);
        self.last = Some(histogram.clone());
        note_start(
            &mut samples.histogram_starts,
            samples.histograms.len(),
            start,
        );
        let v = Arc::new(Histogram {
            reset_hint,
            ..(*histogram).clone()
        });
        samples.histograms.push(HistogramPoint { t, v });
    }
}

/// Starts are kept for all samples of a series, or for none.
fn note_start(starts: &mut Vec<i64>, before: usize, start: i64) {
    if starts.is_empty() && start == 0 {
        return;
    }
    starts.resize(before, 0);
    starts.push(start);
}

/// What a database tells of a reset: only what it knows, within a chunk. None where a new chunk
/// has to begin.
fn chunk_hint(last: Option<&Histogram>, now: &Histogram) -> ResetHint {
    if now.reset_hint == ResetHint::Gauge {
        return ResetHint::Gauge;
    }
    let Some(last) = last else {
        return ResetHint::Unknown;
    };
    let same_layout = now.schema == last.schema && now.zero_threshold == last.zero_threshold;
    let mut plain = now.clone();
    plain.reset_hint = ResetHint::Unknown;
    let begins = last.reset_hint == ResetHint::Gauge
        || now.reset_hint == ResetHint::Reset
        || is_stale(last.sum)
        || !same_layout
        || now.custom_bounds != last.custom_bounds
        || plain.detects_reset(last);
    if begins && !is_stale(now.sum) {
        ResetHint::Unknown
    } else {
        ResetHint::NotReset
    }
}

impl SampleSource for Head {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError> {
        let wanted = |growing: &Growing| {
            let wanted = selection.wants(&growing.samples.labels);
            let samples = wanted.then_some(&growing.samples)?;
            samples.within(selection.from_ms, selection.to_ms)
        };
        Ok(match selection.name() {
            None => self.series.iter().filter_map(wanted).collect(),
            Some(name) => {
                let places = self.named.get(name).map_or(&[][..], Vec::as_slice);
                let series = places.iter().filter_map(|place| self.series.get(*place));
                series.filter_map(wanted).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::Matcher;
    use crate::value::stale_nan;

    fn labels(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name), ("job", "shop")])
    }

    fn held(head: &Head, name: &str) -> Vec<(i64, f64)> {
        let all = Selection {
            matchers: vec![Matcher::equal("__name__", name)],
            from_ms: 0,
            to_ms: 10,
        };
        let series = head.select(&all).unwrap();
        series
            .iter()
            .flat_map(|s| s.floats.iter().map(|p| (p.t, p.v)))
            .collect()
    }

    #[test]
    fn series_grow_and_never_back() {
        let mut head = Head::default();
        let float = SampleValue::Float;
        assert_eq!(head.append(&labels("a"), 1, 0, &float(1.0)), Ok(()));
        assert_eq!(head.append(&labels("a"), 2, 0, &float(2.0)), Ok(()));
        assert_eq!(head.append(&labels("a"), 2, 0, &float(2.0)), Ok(()));
        assert_eq!(
            head.append(&labels("a"), 2, 0, &float(3.0)),
            Err(NotTaken::Duplicate)
        );
        assert_eq!(
            head.append(&labels("a"), 1, 0, &float(1.0)),
            Err(NotTaken::OutOfOrder)
        );
        assert_eq!(head.append(&labels("b"), 1, 0, &float(stale_nan())), Ok(()));
        assert_eq!(held(&head, "a"), [(1, 1.0), (2, 2.0)]);
        assert_eq!(held(&head, "b").len(), 1);
        head.forget_before(2);
        assert_eq!(held(&head, "a"), [(2, 2.0)]);
        assert!(held(&head, "b").is_empty());
    }

    #[test]
    fn a_stale_marker_after_a_histogram_is_one() {
        let mut head = Head::default();
        let histogram = SampleValue::Histogram(Arc::new(Histogram::default()));
        head.append(&labels("h"), 1, 5, &histogram).unwrap();
        head.append(&labels("h"), 2, 5, &SampleValue::Float(stale_nan()))
            .unwrap();
        let series = &head.series[0].samples;
        assert_eq!((series.floats.len(), series.histograms.len()), (0, 2));
        assert_eq!(series.histogram_starts, [5, 5]);
    }
}
