//! Putting results together: one series per set of labels.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Evaluator, Outcome};
use crate::error::EvalError;
use crate::histogram::Histogram;
use crate::labels::Labels;
use crate::value::{FloatPoint, HistogramPoint, Matrix, SampleValue, Series};

/// A sample's value, borrowed.
#[derive(Copy, Clone, Debug)]
pub(super) enum Held<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

/// Walks through a series in the order of its moments.
#[derive(Copy, Clone, Debug)]
pub(super) struct Walk<'a> {
    series: &'a Series,
    float: usize,
    histogram: usize,
}

impl<'a> Walk<'a> {
    pub fn new(series: &'a Series) -> Self {
        Walk {
            series,
            float: 0,
            histogram: 0,
        }
    }

    /// The sample at a moment, if there is one; moments have to be asked for in order.
    pub fn at(&mut self, t: i64) -> Option<Held<'a>> {
        if let Some(point) = self.series.floats.get(self.float)
            && point.t == t
        {
            self.float += 1;
            return Some(Held::Float(point.v));
        }
        if let Some(point) = self.series.histograms.get(self.histogram)
            && point.t == t
        {
            self.histogram += 1;
            return Some(Held::Histogram(&point.v));
        }
        None
    }
}

pub(super) fn walks(matrix: &Matrix) -> Vec<Walk<'_>> {
    matrix.iter().map(Walk::new).collect()
}

impl Series {
    pub(super) fn push(&mut self, t: i64, value: SampleValue) {
        match value {
            SampleValue::Float(v) => self.floats.push(FloatPoint { t, v }),
            SampleValue::Histogram(v) => self.histograms.push(HistogramPoint { t, v }),
        }
    }
}

/// Series that grow step by step, found by their labels.
///
/// Over several steps two samples with the same labels at the same moment are an error. At a
/// single moment they stay apart, since the name that tells them apart later may not be gone yet.
pub(super) struct Collector {
    single: bool,
    slots: HashMap<Labels, usize>,
    series: Matrix,
    last: Vec<Option<i64>>,
}

impl Collector {
    pub fn new(evaluator: &Evaluator<'_>) -> Self {
        Collector {
            single: evaluator.scope.is_single(),
            slots: HashMap::new(),
            series: Matrix::new(),
            last: Vec::new(),
        }
    }

    /// The place of a series with these labels; it can be kept over steps.
    pub fn slot(&mut self, labels: &Labels, drop_name: bool) -> usize {
        if !self.single
            && let Some(slot) = self.slots.get(labels)
        {
            return *slot;
        }
        let slot = self.series.len();
        self.series.push(Series {
            labels: labels.clone(),
            drop_name,
            ..Series::default()
        });
        self.last.push(None);
        if !self.single {
            self.slots.insert(labels.clone(), slot);
        }
        slot
    }

    pub fn push(&mut self, slot: usize, t: i64, value: SampleValue) -> Outcome<()> {
        if self.last[slot] == Some(t) {
            return Err(EvalError::same_labels());
        }
        self.last[slot] = Some(t);
        self.series[slot].push(t, value);
        Ok(())
    }

    /// The series that got any sample.
    pub fn finish(self, evaluator: &Evaluator<'_>) -> Outcome<Matrix> {
        let series: Matrix = self.series.into_iter().filter(|s| !s.is_empty()).collect();
        if self.single && !evaluator.delayed_names() {
            refuse_same_labels(&series)?;
        }
        Ok(series)
    }
}

/// Whether two series have the same labels.
fn has_same_labels(matrix: &[Series]) -> bool {
    let mut seen = std::collections::HashSet::with_capacity(matrix.len());
    !matrix.iter().all(|series| seen.insert(&series.labels))
}

/// An error if two series have the same labels.
pub(super) fn refuse_same_labels(matrix: &[Series]) -> Outcome<()> {
    if has_same_labels(matrix) {
        return Err(EvalError::same_labels());
    }
    Ok(())
}

/// Series with the same labels as one; an error if two have a sample at the same moment.
pub(crate) fn merge_same_labels(matrix: Matrix) -> Outcome<Matrix> {
    if matrix.len() <= 1 || !has_same_labels(&matrix) {
        return Ok(matrix);
    }
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut merged: Matrix = Vec::new();
    let mut changed: Vec<bool> = Vec::new();
    for series in matrix {
        match places.get(&series.labels) {
            Some(at) => {
                merged[*at].floats.extend(series.floats);
                merged[*at].histograms.extend(series.histograms);
                changed[*at] = true;
            }
            None => {
                places.insert(series.labels.clone(), merged.len());
                merged.push(series);
                changed.push(false);
            }
        }
    }
    for (series, _) in merged.iter_mut().zip(changed).filter(|(_, c)| *c) {
        series.floats.sort_by_key(|p| p.t);
        series.histograms.sort_by_key(|p| p.t);
        let twice = series.floats.windows(2).any(|p| p[0].t == p[1].t)
            || series.histograms.windows(2).any(|p| p[0].t == p[1].t);
        if twice {
            return Err(EvalError::same_labels());
        }
    }
    Ok(merged)
}

impl Evaluator<'_> {
    /// The labels of a result that is no longer the metric itself: without its name, now or at
    /// the end.
    pub(super) fn without_name(&self, labels: &Labels) -> Labels {
        if self.delayed_names() {
            labels.clone()
        } else {
            labels.without_metadata()
        }
    }

    /// Puts together series of which each came from one, with labels that may have become the
    /// same.
    pub(super) fn rejoined(&self, matrix: Matrix) -> Outcome<Matrix> {
        if self.delayed_names() && self.scope.is_single() {
            return Ok(matrix);
        }
        merge_same_labels(matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(t: i64) -> Series {
        Series {
            floats: vec![FloatPoint { t, v: 1.0 }],
            ..Series::default()
        }
    }

    #[test]
    fn the_same_labels_at_different_moments_are_one_series() {
        let merged = merge_same_labels(vec![series(2), series(1)]).unwrap();
        assert_eq!(merged.len(), 1);
        assert_eq!(merged[0].floats[0].t, 1);
        assert!(merge_same_labels(vec![series(1), series(1)]).is_err());
    }
}
