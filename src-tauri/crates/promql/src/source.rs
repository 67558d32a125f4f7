//! Where samples come from: the caller has them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::{MatchOp, Matcher};
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

    /// The one metric's name that is meant, if it is one.
    pub fn name(&self) -> Option<&str> {
        let named = |m: &&Matcher| m.name() == METRIC_NAME && m.op() == MatchOp::Equal;
        self.matchers.iter().find(named).map(Matcher::value)
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

impl SeriesSamples {
    /// The samples of a range of time, or the whole series where most of it lies within: what
    /// reads it goes through all of it. None: there is no sample within.
    pub(crate) fn within(self: &Arc<Self>, from_ms: i64, to_ms: i64) -> Option<Arc<Self>> {
        let floats = part(&self.floats, |p| p.t, from_ms, to_ms);
        let histograms = part(&self.histograms, |p| p.t, from_ms, to_ms);
        let kept = floats.len() + histograms.len();
        if kept == 0 {
            return None;
        }
        if kept * 2 >= self.floats.len() + self.histograms.len() {
            return Some(self.clone());
        }
        let starts = |starts: &[i64], of: Range<usize>| starts.get(of).unwrap_or_default().to_vec();
        Some(Arc::new(SeriesSamples {
            labels: self.labels.clone(),
            floats: self.floats.get(floats.clone()).unwrap_or_default().to_vec(),
            histograms: self
                .histograms
                .get(histograms.clone())
                .unwrap_or_default()
                .to_vec(),
            float_starts: starts(&self.float_starts, floats),
            histogram_starts: starts(&self.histogram_starts, histograms),
        }))
    }
}

/// Where the points of a range of time are.
fn part<P>(points: &[P], time: impl Fn(&P) -> i64, from_ms: i64, to_ms: i64) -> Range<usize> {
    let first = points.partition_point(|p| time(p) < from_ms);
    let end = points.partition_point(|p| time(p) <= to_ms);
    first..end.max(first)
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
    /// Where the series of a name are.
    named: HashMap<Box<str>, Vec<usize>>,
}

impl MemorySource {
    /// A source of these series.
    pub fn new(series: impl IntoIterator<Item = SeriesSamples>) -> Self {
        let series: Vec<_> = series.into_iter().map(Arc::new).collect();
        let mut named: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (place, one) in series.iter().enumerate() {
            let name = one.labels.metric_name();
            named.entry(name.into()).or_default().push(place);
        }
        MemorySource { series, named }
    }
}

impl SampleSource for MemorySource {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError> {
        let wanted = |series: &Arc<SeriesSamples>| {
            let wanted = selection.wants(&series.labels).then_some(series)?;
            wanted.within(selection.from_ms, selection.to_ms)
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

    #[test]
    fn only_what_is_asked_for_is_handed_out() {
        let whole = Arc::new(SeriesSamples {
            labels: Labels::from_pairs([("__name__", "a")]),
            floats: (0..100).map(|t| FloatPoint { t, v: t as f64 }).collect(),
            float_starts: (0..100).map(|t| t + 1000).collect(),
            ..SeriesSamples::default()
        });
        let some = whole.within(10, 12).unwrap();
        let times: Vec<i64> = some.floats.iter().map(|p| p.t).collect();
        assert_eq!(times, [10, 11, 12]);
        assert_eq!(some.float_starts, [1010, 1011, 1012]);
        assert!(some.histogram_starts.is_empty());
        assert!(Arc::ptr_eq(&whole.within(0, 60).unwrap(), &whole));
        assert!(whole.within(100, 200).is_none() && whole.within(50, 40).is_none());
        let source = MemorySource::new([(*whole).clone()]);
        let selection = |name: &str| Selection {
            matchers: vec![Matcher::equal("__name__", name)],
            from_ms: 0,
            to_ms: 5,
        };
        assert_eq!(source.select(&selection("a")).unwrap()[0].floats.len(), 6);
        assert!(source.select(&selection("b")).unwrap().is_empty());
    }
}
