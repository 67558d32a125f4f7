//! What queries give: samples, series, results.

use std::sync::Arc;

use crate::histogram::Histogram;
use crate::labels::Labels;

/// The bits of the number that marks a series as stale.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// The number that marks a series as stale: a NaN that no calculation gives.
pub fn stale_nan() -> f64 {
    f64::from_bits(STALE)
}

/// Whether a number is the stale marker.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// A number at a moment.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct FloatPoint {
    /// Milliseconds since 1970.
    pub t: i64,
    /// The number.
    pub v: f64,
}

/// A histogram at a moment.
#[derive(Clone, PartialEq, Debug)]
pub struct HistogramPoint {
    /// Milliseconds since 1970.
    pub t: i64,
    /// The histogram.
    pub v: Arc<Histogram>,
}

/// A sample's value.
#[derive(Clone, PartialEq, Debug)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// One sample of one series.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Whose.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub t: i64,
    /// Its value.
    pub value: SampleValue,
}

/// Samples of one series in the order of time; it may change between numbers and histograms.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Series {
    /// Whose.
    pub labels: Labels,
    /// The numbers.
    pub floats: Vec<FloatPoint>,
    /// The histograms.
    pub histograms: Vec<HistogramPoint>,
    /// The metric's name no longer fits and goes at the end, where names are dropped late.
    pub(crate) drop_name: bool,
}

impl Series {
    /// Samples, a histogram counting by its size.
    pub(crate) fn weight(&self) -> usize {
        self.floats.len() + self.histograms.iter().map(|h| h.v.weight()).sum::<usize>()
    }

    /// Whether it has no sample.
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }
}

/// Many series.
pub(crate) type Matrix = Vec<Series>;

/// What a query gives.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// One number.
    Scalar {
        /// Milliseconds since 1970.
        t: i64,
        /// The number.
        v: f64,
    },
    /// A text; bytes that are no text are replaced.
    String {
        /// Milliseconds since 1970.
        t: i64,
        /// The text.
        v: String,
    },
    /// One sample per series, in the order the query gives them.
    Vector(Vec<Sample>),
    /// Many samples per series, sorted by labels.
    Matrix(Vec<Series>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_is_stale() {
        assert!(is_stale(stale_nan()) && stale_nan().is_nan());
        assert!(!is_stale(f64::NAN));
    }
}
