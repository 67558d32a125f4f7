//! Selectors: which sample of a series counts at a moment.

use std::sync::Arc;

use super::{Evaluator, Outcome};
use crate::annotations::{Annotation, Annotations};
use crate::ast::Extension;
use crate::error::EvalError;
use crate::histogram::{Histogram, ResetHint};
use crate::plan::{Selector, SubqueryPlan, Window};
use crate::source::SeriesSamples;
use crate::span::Span;
use crate::value::{FloatPoint, HistogramPoint, Matrix, Series, is_stale};

/// The latest sample of a series, looked up at moments that never go back.
pub(super) struct Latest<'a> {
    samples: &'a SeriesSamples,
    float: usize,
    histogram: usize,
}

/// A sample found.
pub(super) enum Found<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

impl<'a> Latest<'a> {
    /// Begins at a moment; nothing before it will be asked for but what is still fresh then.
    pub fn new(samples: &'a SeriesSamples, from: i64) -> Self {
        Latest {
            samples,
            float: samples.floats.partition_point(|p| p.t < from),
            histogram: samples.histograms.partition_point(|p| p.t < from),
        }
    }

    /// The latest sample at or before a moment if it is younger than the lookback and no stale
    /// marker: its time, its start time and its value.
    pub fn at(&mut self, t: i64, lookback: i64) -> Option<(i64, i64, Found<'a>)> {
        let samples = self.samples;
        while samples.floats.get(self.float).is_some_and(|p| p.t <= t) {
            self.float += 1;
        }
        while samples
            .histograms
            .get(self.histogram)
            .is_some_and(|p| p.t <= t)
        {
            self.histogram += 1;
        }
        let float = self.float.checked_sub(1).map(|at| (at, samples.floats[at]));
        let histogram = self
            .histogram
            .checked_sub(1)
            .map(|at| (at, &samples.histograms[at]));
        let fresh = |at: i64| at > t.saturating_sub(lookback);
        match (float, histogram) {
            (Some((at, float)), h) if h.is_none_or(|(_, h)| h.t <= float.t) => {
                let start = samples.float_starts.get(at).copied().unwrap_or(0);
                (fresh(float.t) && !is_stale(float.v)).then_some((
                    float.t,
                    start,
                    Found::Float(float.v),
                ))
            }
            (_, Some((at, histogram))) => {
                let start = samples.histogram_starts.get(at).copied().unwrap_or(0);
                (fresh(histogram.t) && !is_stale(histogram.v.sum)).then_some((
                    histogram.t,
                    start,
                    Found::Histogram(&histogram.v),
                ))
            }
            _ => None,
        }
    }
}

/// A series without its stale markers; the same one if it has none.
pub(super) fn without_stale(samples: &Arc<SeriesSamples>) -> Arc<SeriesSamples> {
    let clean = !samples.floats.iter().any(|p| is_stale(p.v))
        && !samples.histograms.iter().any(|p| is_stale(p.v.sum));
    if clean {
        return samples.clone();
    }
    let mut kept = SeriesSamples {
        labels: samples.labels.clone(),
        ..SeriesSamples::default()
    };
    for (at, point) in samples.floats.iter().enumerate() {
        if !is_stale(point.v) {
            kept.floats.push(*point);
            kept.float_starts.extend(samples.float_starts.get(at));
        }
    }
    for (at, point) in samples.histograms.iter().enumerate() {
        if !is_stale(point.v.sum) {
            kept.histograms.push(point.clone());
            kept.histogram_starts
                .extend(samples.histogram_starts.get(at));
        }
    }
    Arc::new(kept)
}

/// A histogram with count and sum alone.
fn statistics_of(histogram: &Histogram, reset_hint: ResetHint) -> Histogram {
    Histogram {
        reset_hint,
        schema: histogram.schema,
        count: histogram.count,
        sum: histogram.sum,
        ..Histogram::default()
    }
}

/// A range's histograms with count and sum alone. Resets are found out while buckets are there.
pub(super) fn only_statistics(samples: &Arc<SeriesSamples>) -> Arc<SeriesSamples> {
    if samples.histograms.is_empty() {
        return samples.clone();
    }
    let mut stripped = (**samples).clone();
    for (at, point) in samples.histograms.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| &samples.histograms[at].v);
        let hint = match (point.v.reset_hint, before) {
            (ResetHint::Unknown, Some(before)) if point.v.detects_reset(before) => ResetHint::Reset,
            (ResetHint::Unknown, Some(_)) => ResetHint::NotReset,
            (hint, _) => hint,
        };
        stripped.histograms[at].v = Arc::new(statistics_of(&point.v, hint));
    }
    Arc::new(stripped)
}

impl Evaluator<'_> {
    pub(super) fn select(&self, selector: &Selector) -> Outcome<Vec<Arc<SeriesSamples>>> {
        Ok(self.shared.source.select(&selector.selection)?)
    }

    pub(super) fn vector_selector(&self, selector: &Selector, span: Span) -> Outcome<Matrix> {
        let found = self.select(selector)?;
        if selector.extension == Extension::Smoothed {
            return self.smoothed(selector, &found, span);
        }
        let lookback = self.shared.options.lookback_ms;
        let mut matrix = Matrix::new();
        for samples in found {
            self.check()?;
            let mut latest = Latest::new(&samples, selector.selection.from_ms);
            let mut series = Series {
                labels: samples.labels.clone(),
                ..Series::default()
            };
            for t in self.scope.moments() {
                match latest.at(selector.shift.moment(t), lookback) {
                    Some((_, _, Found::Float(v))) => series.floats.push(FloatPoint { t, v }),
                    Some((_, _, Found::Histogram(v))) => {
                        let v = if selector.statistics {
                            Arc::new(statistics_of(v, v.reset_hint))
                        } else {
                            v.clone()
                        };
                        series.histograms.push(HistogramPoint { t, v });
                    }
                    None => {}
                }
            }
            if !series.is_empty() {
                self.hold(series.weight())?;
                matrix.push(series);
            }
        }
        Ok(matrix)
    }

    /// Values between two samples, by straight line.
    fn smoothed(
        &self,
        selector: &Selector,
        found: &[Arc<SeriesSamples>],
        span: Span,
    ) -> Outcome<Matrix> {
        let lookback = self.shared.options.lookback_ms;
        let mut matrix = Matrix::new();
        for samples in found {
            let samples = without_stale(samples);
            let mut series = Series {
                labels: samples.labels.clone(),
                ..Series::default()
            };
            for t in self.scope.moments() {
                let moment = selector.shift.moment(t);
                let floats = between(
                    &samples.floats,
                    |p| p.t,
                    moment.saturating_sub(lookback),
                    moment.saturating_add(lookback),
                );
                let histograms = between(
                    &samples.histograms,
                    |p| p.t,
                    moment.saturating_sub(lookback),
                    moment.saturating_add(lookback),
                );
                if !floats.is_empty() && !histograms.is_empty() {
                    let metric = samples.labels.metric_name();
                    self.remark(Annotation::mixed_floats_histograms(metric, span));
                } else if let Some(v) = smoothed_float(floats, moment) {
                    series.floats.push(FloatPoint { t, v });
                } else if let Some(v) =
                    self.smoothed_histogram(histograms, moment, samples.labels.metric_name(), span)
                {
                    series.histograms.push(HistogramPoint { t, v: Arc::new(v) });
                }
            }
            if !series.is_empty() {
                self.hold(series.weight())?;
                matrix.push(series);
            }
        }
        Ok(matrix)
    }

    fn smoothed_histogram(
        &self,
        points: &[HistogramPoint],
        t: i64,
        metric: &str,
        span: Span,
    ) -> Option<Histogram> {
        let next = points.partition_point(|p| p.t < t);
        if let Some(point) = points.get(next)
            && point.t == t
        {
            return Some((*point.v).clone());
        }
        let before = points.get(next.checked_sub(1)?)?;
        let Some(after) = points.get(next) else {
            let mut histogram = (*before.v).clone();
            histogram.reset_hint = ResetHint::Unknown;
            return Some(histogram);
        };
        if before.v.uses_custom_buckets() != after.v.uses_custom_buckets() {
            self.remark(Annotation::mixed_schemas(metric, span));
            return None;
        }
        let gauge = |p: &HistogramPoint| p.v.reset_hint == ResetHint::Gauge;
        let is_counter = !gauge(before) || !gauge(after);
        let mut remarks = Annotations::default();
        let between = super::extended::interpolated(
            before,
            after,
            t,
            is_counter,
            &mut remarks,
            (metric, span),
        );
        self.remarks(remarks);
        between
    }

    /// A range of each series as it is; only at a single moment.
    pub(super) fn matrix_selector(&self, window: &Window) -> Outcome<Matrix> {
        if !self.scope.is_single() {
            return Err(EvalError::execution(
                "cannot do range evaluation of matrix selector",
            ));
        }
        let selector = &window.selector;
        let lookback = self.shared.options.lookback_ms;
        let to = selector.shift.moment(self.scope.start);
        let from = to.saturating_sub(window.range);
        let (back, ahead) = match selector.extension {
            Extension::None => (0, 0),
            Extension::Anchored => (lookback, 0),
            Extension::Smoothed => (lookback, lookback),
        };
        let mut matrix = Matrix::new();
        for samples in self.select(selector)? {
            self.check()?;
            let samples = without_stale(&samples);
            let mut series = Series {
                labels: samples.labels.clone(),
                floats: between(
                    &samples.floats,
                    |p| p.t,
                    from.saturating_sub(back),
                    to.saturating_add(ahead),
                )
                .to_vec(),
                histograms: between(
                    &samples.histograms,
                    |p| p.t,
                    from.saturating_sub(back),
                    to.saturating_add(ahead),
                )
                .to_vec(),
                drop_name: false,
            };
            if selector.extension != Extension::None {
                let smooth = selector.extension == Extension::Smoothed;
                if !series.histograms.is_empty() {
                    let word = if smooth { "smoothed" } else { "anchored" };
                    return Err(EvalError::execution(format!(
                        "{word} modifier is not supported with histograms"
                    )));
                }
                series.floats = super::extended::extended_range(&series.floats, from, to, smooth);
            }
            if !series.is_empty() {
                self.hold(series.weight())?;
                matrix.push(series);
            }
        }
        Ok(matrix)
    }

    /// The series of a subquery at its own steps.
    pub(super) fn subquery(&self, subquery: &SubqueryPlan) -> Outcome<Matrix> {
        let mut matrix = self.with_scope(subquery.scope).eval(&subquery.inner)?;
        // What the samples knew about resets between them was about other samples.
        for point in matrix.iter_mut().flat_map(|s| &mut s.histograms) {
            if matches!(point.v.reset_hint, ResetHint::Reset | ResetHint::NotReset) {
                let mut histogram = (*point.v).clone();
                histogram.reset_hint = ResetHint::Unknown;
                point.v = Arc::new(histogram);
            }
        }
        Ok(matrix)
    }
}

/// The part after `from`, up to and with `to`.
pub(super) fn between<T>(points: &[T], time: impl Fn(&T) -> i64, from: i64, to: i64) -> &[T] {
    let start = points.partition_point(|p| time(p) <= from);
    let end = points.partition_point(|p| time(p) <= to);
    &points[start.min(end)..end]
}

fn smoothed_float(points: &[FloatPoint], t: i64) -> Option<f64> {
    let next = points.partition_point(|p| p.t < t);
    match (next.checked_sub(1).map(|at| points[at]), points.get(next)) {
        (_, Some(point)) if point.t == t => Some(point.v),
        (Some(before), Some(after)) => Some(super::extended::line(&before, after, t, false)),
        (Some(before), None) => Some(before.v),
        (None, _) => None,
    }
}
