//! Where rules read, and where what they record goes.

use std::collections::HashMap;
use std::sync::Arc;

use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::{FloatPoint, HistogramPoint, SampleValue};
use deckwatch_promql::{Head, NotTaken, SampleSource, Selection, SeriesSamples, SourceError};

/// Samples that rules read and add to.
pub trait Recorder: SampleSource {
    /// Adds a sample at `t`, in milliseconds since 1970.
    ///
    /// # Errors
    /// That the series has gone on already, or has another value at this moment.
    fn record(&mut self, labels: &Labels, t: i64, value: &SampleValue) -> Result<(), NotTaken>;
}

impl Recorder for Head {
    fn record(&mut self, labels: &Labels, t: i64, value: &SampleValue) -> Result<(), NotTaken> {
        self.append(labels, t, 0, value)
    }
}

/// Recorded samples over others that are only read. Where a series is in both, what lies below
/// counts up to the first recorded sample.
pub struct Over<'s> {
    below: &'s dyn SampleSource,
    head: Head,
}

impl<'s> Over<'s> {
    pub fn new(below: &'s dyn SampleSource) -> Self {
        Over {
            below,
            head: Head::default(),
        }
    }

    /// What was recorded.
    pub fn recorded(&self) -> &Head {
        &self.head
    }
}

impl Recorder for Over<'_> {
    fn record(&mut self, labels: &Labels, t: i64, value: &SampleValue) -> Result<(), NotTaken> {
        self.head.append(labels, t, 0, value)
    }
}

impl SampleSource for Over<'_> {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError> {
        Ok(merged(
            self.below.select(selection)?,
            self.head.select(selection)?,
        ))
    }
}

/// Series of two sources. Where one is in both, what lies below counts up to the first sample
/// above.
pub(crate) fn merged(
    mut below: Vec<Arc<SeriesSamples>>,
    above: Vec<Arc<SeriesSamples>>,
) -> Vec<Arc<SeriesSamples>> {
    if above.is_empty() {
        return below;
    }
    let places: HashMap<Labels, usize> = below
        .iter()
        .enumerate()
        .map(|(at, s)| (s.labels.clone(), at))
        .collect();
    for series in above {
        match places.get(&series.labels).and_then(|at| below.get_mut(*at)) {
            Some(old) => *old = Arc::new(joined(old, &series)),
            None => below.push(series),
        }
    }
    below
}

/// The old series up to where the new one begins. Starts are not known of what rules record.
fn joined(old: &SeriesSamples, new: &SeriesSamples) -> SeriesSamples {
    let floats = new.floats.first().map(|p| p.t);
    let histograms = new.histograms.first().map(|p| p.t);
    let begins = floats
        .into_iter()
        .chain(histograms)
        .min()
        .unwrap_or(i64::MAX);
    let before = |t: i64| t < begins;
    let old_floats: Vec<FloatPoint> = old.floats.iter().copied().filter(|p| before(p.t)).collect();
    let old_histograms = old.histograms.iter().filter(|p| before(p.t)).cloned();
    let old_histograms: Vec<HistogramPoint> = old_histograms.collect();
    SeriesSamples {
        labels: new.labels.clone(),
        floats: [&old_floats[..], &new.floats[..]].concat(),
        histograms: [&old_histograms[..], &new.histograms[..]].concat(),
        float_starts: Vec::new(),
        histogram_starts: Vec::new(),
    }
}
