//! Where samples come from: the caller has them.

use std::sync::Arc;

use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::value::{FloatPoint, HistogramPoint};

/// What an evaluation reads: series that meet all conditions, in a range of time.
#[derive(Clone, PartialEq, Debug)]
pub struct Selection {
    /// The conditions.
    pub matchers: Vec<Matcher>,
    /// First moment read, in milliseconds since 1970.
    pub from_ms: i64,
    /// Last moment read.
    pub to_ms: i64,
}

impl Selection {
    /// Whether a series is meant.
    pub fn wants(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|m| m.matches_labels(labels))
    }
}

/// A stored series. Samples are in the order of time, at most one per moment; stale markers are
/// numbers like any other (see [`crate::value::stale_nan`]).
#[derive(Clone, PartialEq, Default, Debug)]
pub struct SeriesSamples {
    /// Its name and labels.
    pub labels: Labels,
    /// Its numbers.
    pub floats: Vec<FloatPoint>,
    /// Its native histograms.
    pub histograms: Vec<HistogramPoint>,
    /// When the counter behind each number began, in milliseconds, 0 if unknown; empty if nothing
    /// is known of any.
    pub float_starts: Vec<i64>,
    /// The same for the histograms.
    pub histogram_starts: Vec<i64>,
}

/// Why samples could not be had, in words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Samples at hand. Nothing is fetched here: what will be read is known beforehand from
/// [`crate::needs`].
pub trait SampleSource {
    /// The series that are meant. Samples outside the range may be among them; they are not read.
    ///
    /// # Errors
    /// If a source does not have what is asked for.
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError>;
}

/// Series in memory.
#[derive(Clone, Default, Debug)]
pub struct MemorySource {
    series: Vec<Arc<SeriesSamples>>,
}

impl MemorySource {
    /// A source of these series.
    pub fn new(series: impl IntoIterator<Item = SeriesSamples>) -> Self {
        MemorySource {
            series: series.into_iter().map(Arc::new).collect(),
        }
    }
}

impl SampleSource for MemorySource {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError> {
        Ok(self
            .series
            .iter()
            .filter(|series| selection.wants(&series.labels))
            .cloned()
            .collect())
    }
}
