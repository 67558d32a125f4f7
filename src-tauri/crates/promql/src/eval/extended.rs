//! Ranges that reach beyond their ends: `anchored` takes the last sample before, `smoothed`
//! interpolates at both ends.

use std::sync::Arc;

use super::window::View;
use crate::annotations::{Annotation, Annotations, Combining};
use crate::ast::Extension;
use crate::histogram::{Histogram, IncompatibleSchemas, ResetHint};
use crate::span::Span;
use crate::value::{FloatPoint, HistogramPoint, SampleValue};

/// The functions that take `anchored` ranges.
pub(super) const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
/// The functions that take `smoothed` ranges.
pub(super) const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

/// The value on the line between two points; a counter that fell is taken to begin at zero.
pub(super) fn line(before: &FloatPoint, after: &FloatPoint, t: i64, is_counter: bool) -> f64 {
    let from = if is_counter && after.v < before.v {
        0.0
    } else {
        before.v
    };
    from + (after.v - from) * (t - before.t) as f64 / (after.t - before.t) as f64
}

/// Adds; nothing if the two do not go together.
pub(super) fn add(
    into: &mut Histogram,
    other: &Histogram,
    metric: &str,
    span: Span,
    remarks: &mut Annotations,
) -> Option<()> {
    noted(into.add(other), Combining::Addition, metric, span, remarks)
}

fn subtract(
    from: &mut Histogram,
    other: &Histogram,
    metric: &str,
    span: Span,
    remarks: &mut Annotations,
) -> Option<()> {
    let combined = from.subtract(other);
    noted(combined, Combining::Subtraction, metric, span, remarks)
}

fn noted(
    combined: Result<crate::histogram::Combined, IncompatibleSchemas>,
    combining: Combining,
    metric: &str,
    span: Span,
    remarks: &mut Annotations,
) -> Option<()> {
    match combined {
        Ok(combined) => {
            if combined.bounds_reconciled {
                remarks.add(Annotation::bounds_reconciled(combining, span));
            }
            Some(())
        }
        Err(_) => {
            remarks.add(Annotation::mixed_schemas(metric, span));
            None
        }
    }
}

/// The histogram on the line between two.
pub(super) fn interpolated(
    before: &HistogramPoint,
    after: &HistogramPoint,
    t: i64,
    is_counter: bool,
    remarks: &mut Annotations,
    (metric, span): (&str, Span),
) -> Option<Histogram> {
    if t == before.t {
        return Some((*before.v).clone());
    }
    if t == after.t {
        return Some((*after.v).clone());
    }
    let fraction = (t - before.t) as f64 / (after.t - before.t) as f64;
    let result = (*after.v).clone();
    if is_counter && after.v.detects_reset(&before.v) {
        return Some(result.multiplied(fraction));
    }
    let mut result = result;
    subtract(&mut result, &before.v, metric, span, remarks)?;
    let mut result = result.multiplied(fraction);
    add(&mut result, &before.v, metric, span, remarks)?;
    Some(result)
}

/// The first and last sample that count, by their times: the last one at or before the range's
/// start, and the last one, or the first at or after its end.
fn ends<T>(
    points: &[T],
    time: impl Fn(&T) -> i64,
    from: i64,
    to: i64,
    smooth: bool,
) -> (usize, usize) {
    let last = points.len() - 1;
    let after_start = points[..last].partition_point(|p| time(p) <= from);
    let first = after_start.saturating_sub(1);
    let last = if smooth {
        points[..last].partition_point(|p| time(p) < to)
    } else {
        last
    };
    (first, last)
}

/// A range's samples with one at each end.
pub(super) fn extended_range(
    points: &[FloatPoint],
    from: i64,
    to: i64,
    smooth: bool,
) -> Vec<FloatPoint> {
    if points.is_empty() {
        return Vec::new();
    }
    let (first, last) = ends(points, |p| p.t, from, to, smooth);
    if points[last].t <= from {
        return Vec::new();
    }
    let left = left_value(points, first, from, smooth, false);
    let right = right_value(points, last, to, smooth, false);
    let mut out = vec![FloatPoint { t: from, v: left }];
    out.extend(inner(points, first, last, from, to).iter().copied());
    out.push(FloatPoint { t: to, v: right });
    out
}

fn left_value(
    points: &[FloatPoint],
    first: usize,
    from: i64,
    smooth: bool,
    is_counter: bool,
) -> f64 {
    match points.get(first + 1) {
        Some(next) if smooth && points[first].t < from => {
            line(&points[first], next, from, is_counter)
        }
        _ => points[first].v,
    }
}

fn right_value(points: &[FloatPoint], last: usize, to: i64, smooth: bool, is_counter: bool) -> f64 {
    if smooth && last > 0 && points[last].t > to {
        line(&points[last - 1], &points[last], to, is_counter)
    } else {
        points[last].v
    }
}

/// The samples between the two ends.
fn inner(points: &[FloatPoint], first: usize, last: usize, from: i64, to: i64) -> &[FloatPoint] {
    let start = first + usize::from(points[first].t <= from);
    let end = last + 1 - usize::from(points[last].t >= to);
    points.get(start..end).unwrap_or(&[])
}

pub(super) fn rate(
    view: &View<'_>,
    is_counter: bool,
    is_rate: bool,
    remarks: &mut Annotations,
) -> Option<SampleValue> {
    if !view.histograms.is_empty() {
        return histogram_rate(view, is_counter, is_rate, remarks);
    }
    let points = view.floats;
    let smooth = view.extension == Extension::Smoothed;
    let (first, last) = ends(points, |p| p.t, view.from, view.to, smooth);
    if points[last].t <= view.from || (smooth && points[first].t > view.to) {
        return None;
    }
    let left = left_value(points, first, view.from, smooth, is_counter);
    let right = right_value(points, last, view.to, smooth, is_counter);
    let mut change = right - left;
    if is_counter {
        let mut previous = left;
        let between = inner(points, first, last, view.from, view.to);
        for value in between.iter().map(|p| p.v).chain([right]) {
            if value < previous {
                change += previous;
            }
            previous = value;
        }
    }
    if is_rate {
        change /= view.seconds();
    }
    Some(SampleValue::Float(change))
}

fn histogram_rate(
    view: &View<'_>,
    is_counter: bool,
    is_rate: bool,
    remarks: &mut Annotations,
) -> Option<SampleValue> {
    let (points, span, metric) = (view.histograms, view.span, view.metric);
    let smooth = view.extension == Extension::Smoothed;
    let (first, last) = ends(points, |p| p.t, view.from, view.to, smooth);
    if points[last].t <= view.from || (smooth && points[first].t > view.to) {
        return None;
    }
    let custom = points[first].v.uses_custom_buckets();
    for point in &points[first..=last] {
        if point.v.uses_custom_buckets() != custom {
            remarks.add(Annotation::mixed_schemas(metric, span));
            return None;
        }
        if is_counter && point.v.reset_hint == ResetHint::Gauge {
            remarks.add(Annotation::not_counter(metric, span));
        }
    }
    let left = match points.get(first + 1) {
        Some(next) if smooth && points[first].t < view.from => interpolated(
            &points[first],
            next,
            view.from,
            is_counter,
            remarks,
            (metric, span),
        )?,
        _ => (*points[first].v).clone(),
    };
    let right = if smooth && last > 0 && points[last].t > view.to {
        let (before, after) = (&points[last - 1], &points[last]);
        interpolated(before, after, view.to, is_counter, remarks, (metric, span))?
    } else {
        (*points[last].v).clone()
    };
    let is_gauge = |h: &Histogram| h.reset_hint == ResetHint::Gauge;
    let gauges = is_gauge(&left) && is_gauge(&right);
    if !is_counter && !gauges {
        remarks.add(Annotation::not_gauge(metric, span));
    }
    let mut change = right.clone();
    subtract(&mut change, &left, metric, span, remarks)?;
    if is_counter && let Some(lost) = lost_in_resets(view, first, last, &left, &right, remarks)? {
        add(&mut change, &lost, metric, span, remarks)?;
    }
    if is_rate {
        change = change.divided(view.seconds());
    }
    change.reset_hint = ResetHint::Gauge;
    Some(SampleValue::Histogram(Arc::new(change.compacted())))
}

/// What was counted before each reset; nothing at all if it cannot be added up.
fn lost_in_resets(
    view: &View<'_>,
    first: usize,
    last: usize,
    left: &Histogram,
    right: &Histogram,
    remarks: &mut Annotations,
) -> Option<Option<Histogram>> {
    let points = view.histograms;
    let smooth = view.extension == Extension::Smoothed;
    let mut previous = left;
    let mut from = first + 1;
    if smooth
        && points[first].t < view.from
        && let Some(next) = points.get(first + 1)
        && next.v.detects_reset(&points[first].v)
    {
        // The reset lies in the part that was interpolated.
        previous = &next.v;
        from += 1;
    }
    if from > last {
        return Some(None);
    }
    let mut lost: Option<Histogram> = None;
    let between = points[from..last].iter().map(|p| &*p.v);
    for histogram in between.chain([right]) {
        if histogram.detects_reset(previous) {
            match &mut lost {
                None => lost = Some(previous.clone()),
                Some(lost) => add(lost, previous, view.metric, view.span, remarks)?,
            }
        }
        previous = histogram;
    }
    Some(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(i64, f64)]) -> Vec<FloatPoint> {
        pairs
            .iter()
            .map(|(t, v)| FloatPoint { t: *t, v: *v })
            .collect()
    }

    #[test]
    fn the_ends_are_anchored_or_interpolated() {
        let p = points(&[(0, 0.0), (10, 10.0), (20, 20.0)]);
        assert_eq!(
            extended_range(&p[..2], 5, 15, false),
            points(&[(5, 0.0), (10, 10.0), (15, 10.0)])
        );
        assert_eq!(
            extended_range(&p, 5, 15, true),
            points(&[(5, 5.0), (10, 10.0), (15, 15.0)])
        );
        assert!(extended_range(&p[..1], 5, 15, false).is_empty());
    }

    #[test]
    fn a_counter_that_fell_began_at_zero() {
        let p = points(&[(0, 8.0), (10, 4.0)]);
        assert_eq!(line(&p[0], &p[1], 5, true), 2.0);
        assert_eq!(line(&p[0], &p[1], 5, false), 6.0);
    }
}
