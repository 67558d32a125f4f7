//! What a file has loaded, kept as a database would keep it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::histogram::{Histogram, ResetHint};
use crate::labels::Labels;
use crate::source::{MemorySource, SeriesSamples};
use crate::value::{FloatPoint, HistogramPoint, SampleValue, is_stale};

/// A sample to store.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub t: i64,
    /// When its counter began; 0 if unknown.
    pub start: i64,
    pub value: SampleValue,
}

#[derive(Default)]
pub(super) struct Store {
    places: HashMap<Labels, usize>,
    series: Vec<(Labels, Vec<Stored>)>,
}

impl Store {
    /// Adds samples to a series. A moment that is there already keeps its sample.
    pub fn append(&mut self, labels: Labels, samples: Vec<Stored>) {
        let place = *self.places.entry(labels).or_insert_with_key(|labels| {
            self.series.push((labels.clone(), Vec::new()));
            self.series.len() - 1
        });
        let kept = &mut self.series[place].1;
        kept.extend(samples);
        kept.sort_by_key(|sample| sample.t);
        kept.dedup_by_key(|sample| sample.t);
    }

    /// Whether any histogram was loaded.
    pub fn has_histograms(&self) -> bool {
        self.series
            .iter()
            .flat_map(|(_, samples)| samples)
            .any(|s| matches!(s.value, SampleValue::Histogram(_)))
    }

    /// The series as queries find them.
    pub fn source(&self) -> MemorySource {
        let stored = self
            .series
            .iter()
            .filter(|(_, samples)| !samples.is_empty());
        MemorySource::new(stored.map(|(labels, samples)| read_back(labels, samples)))
    }
}

/// A series as a database gives it back: of a histogram it tells whether there was a reset only
/// where it knows, within a chunk; a stale marker after a histogram is a histogram.
fn read_back(labels: &Labels, samples: &[Stored]) -> SeriesSamples {
    let mut series = SeriesSamples {
        labels: labels.clone(),
        ..SeriesSamples::default()
    };
    let has_starts = samples.iter().any(|s| s.start != 0);
    let mut last: Option<Arc<Histogram>> = None;
    for sample in samples {
        let histogram = match &sample.value {
            SampleValue::Float(v) if is_stale(*v) && last.is_some() => Arc::new(Histogram {
                sum: *v,
                ..Histogram::default()
            }),
            SampleValue::Float(v) => {
                last = None;
                series.floats.push(FloatPoint { t: sample.t, v: *v });
                if has_starts {
                    series.float_starts.push(sample.start);
                }
                continue;
            }
            SampleValue::Histogram(h) => h.clone(),
        };
        let hint = chunk_hint(last.as_deref(), &histogram);
        last = Some(histogram.clone());
        series.histograms.push(HistogramPoint {
            t: sample.t,
            v: Arc::new(Histogram {
                reset_hint: hint,
                ..(*histogram).clone()
            }),
        });
        if has_starts {
            series.histogram_starts.push(sample.start);
        }
    }
    series
}

/// The hint of a histogram that follows another: none where a new chunk has to begin.
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
