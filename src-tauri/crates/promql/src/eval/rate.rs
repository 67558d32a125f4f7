//! `rate`, `increase`, `delta` and their instant kin.
//!
//! A range rarely begins and ends at a sample: what is seen between the first and the last is
//! stretched to the range's ends if they are near (within 1.1 average intervals), else by half an
//! interval, and a counter never to below zero.

use std::sync::Arc;

use super::extended;
use super::window::View;
use crate::annotations::{Annotation, Annotations, Combining};
use crate::ast::Extension;
use crate::histogram::{Histogram, ResetHint};
use crate::value::{HistogramPoint, SampleValue};

/// Whether the counter began anew between two samples, by their start times.
pub(super) fn restarted(start_before: i64, t_before: i64, start: i64, t: i64) -> bool {
    if start == start_before || start == 0 || start >= t || start < t_before {
        return false;
    }
    if start > t_before {
        return true;
    }
    start_before <= t_before && start_before != 0 && start_before != t_before
}

/// Whether a sample claims to have begun before the one before it was taken.
fn overlaps(start_before: i64, t_before: i64, start: i64) -> bool {
    start != 0 && start < t_before && start != start_before
}

/// What is seen inside the range.
struct Seen {
    first_t: i64,
    last_t: i64,
    count: usize,
    change: f64,
    histogram: Option<Histogram>,
    /// The first value; of a histogram its count.
    first: f64,
    /// The change of the count, for a histogram.
    change_of_count: f64,
    first_start: i64,
}

pub(super) fn extrapolated(
    view: &View<'_>,
    is_counter: bool,
    is_rate: bool,
    use_starts: bool,
    remarks: &mut Annotations,
) -> Option<SampleValue> {
    if view.is_mixed() {
        remarks.add(Annotation::mixed_floats_histograms(view.metric, view.span));
        return None;
    }
    if view.extension != Extension::None {
        return extended::rate(view, is_counter, is_rate, remarks);
    }
    let mut seen = if view.histograms.is_empty() {
        seen_floats(view, is_counter, use_starts, remarks)
    } else {
        seen_histograms(view, is_counter, use_starts, remarks)?
    };
    let mut to_start = (seen.first_t - view.from) as f64 / 1000.0;
    let mut to_end = (view.to - seen.last_t) as f64 / 1000.0;
    let mut sampled = (seen.last_t - seen.first_t) as f64 / 1000.0;
    let average = if seen.count > 1 {
        sampled / (seen.count - 1) as f64
    } else {
        0.0
    };
    let threshold = average * 1.1;
    let start = seen.first_start;
    if is_counter && start != 0 && start > view.from && start < seen.first_t {
        // The counter began inside the range: nothing lies before, and all of the first sample
        // was counted since.
        to_start = 0.0;
        sampled = (seen.last_t - start) as f64 / 1000.0;
        add_first(view, &mut seen, remarks)?;
    } else if seen.count < 2 {
        return None;
    } else {
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if is_counter {
            to_start = to_start.min(to_zero(&seen, sampled, to_start));
        }
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let mut factor = 1.0;
    if sampled != 0.0 {
        factor = (sampled + to_start + to_end) / sampled;
    }
    if is_rate {
        factor /= view.seconds();
    }
    Some(match seen.histogram {
        Some(histogram) => SampleValue::Histogram(Arc::new(histogram.multiplied(factor))),
        None => SampleValue::Float(seen.change * factor),
    })
}

/// How long before the first sample the counter was at zero, going as it went.
fn to_zero(seen: &Seen, sampled: f64, otherwise: f64) -> f64 {
    let change = if seen.histogram.is_some() {
        seen.change_of_count
    } else {
        seen.change
    };
    if change > 0.0 && seen.first >= 0.0 {
        sampled * (seen.first / change)
    } else {
        otherwise
    }
}

fn add_first(view: &View<'_>, seen: &mut Seen, remarks: &mut Annotations) -> Option<()> {
    if let Some(first) = view.floats.first() {
        seen.change += first.v;
    } else if let Some(first) = view.histograms.first() {
        match &mut seen.histogram {
            None => seen.histogram = Some((*first.v).clone()),
            Some(histogram) => extended::add(histogram, &first.v, view.metric, view.span, remarks)?,
        }
    }
    Some(())
}

fn seen_floats(
    view: &View<'_>,
    is_counter: bool,
    use_starts: bool,
    remarks: &mut Annotations,
) -> Seen {
    let floats = view.floats;
    let (first, last) = (floats[0], floats[floats.len() - 1]);
    let mut change = last.v - first.v;
    let starts = if use_starts && is_counter {
        view.float_starts
    } else {
        &[]
    };
    if is_counter && starts.is_empty() && view.all.float_starts.is_empty() {
        // Places where the whole series falls are known: only those inside matter.
        let begin = view.falls.partition_point(|at| *at <= view.first_float);
        let end = view.first_float + floats.len();
        for at in view.falls[begin..].iter().take_while(|at| **at < end) {
            change += view.all.floats[at - 1].v;
        }
    } else if is_counter {
        let mut overlap = false;
        for (at, pair) in floats.windows(2).enumerate() {
            let restart = match (starts.get(at), starts.get(at + 1)) {
                (Some(before), Some(now)) => {
                    if !overlap && overlaps(*before, pair[0].t, *now) {
                        remarks.add(Annotation::start_overlap(view.metric, view.span));
                        overlap = true;
                    }
                    restarted(*before, pair[0].t, *now, pair[1].t)
                }
                _ => false,
            };
            if pair[1].v < pair[0].v || restart {
                change += pair[0].v;
            }
        }
    }
    Seen {
        first_t: first.t,
        last_t: last.t,
        count: floats.len(),
        change,
        histogram: None,
        first: first.v,
        change_of_count: 0.0,
        first_start: starts.first().copied().unwrap_or(0),
    }
}

fn seen_histograms(
    view: &View<'_>,
    is_counter: bool,
    use_starts: bool,
    remarks: &mut Annotations,
) -> Option<Seen> {
    let points = view.histograms;
    let starts = if use_starts && is_counter {
        view.histogram_starts
    } else {
        &[]
    };
    let histogram = if points.len() > 1 {
        let mut own = Annotations::default();
        let change = histogram_change(view, starts, is_counter, &mut own);
        remarks.merge(own);
        Some(change?)
    } else {
        None
    };
    Some(Seen {
        first_t: points[0].t,
        last_t: points[points.len() - 1].t,
        count: points.len(),
        change: 0.0,
        first: points[0].v.count,
        change_of_count: histogram.as_ref().map_or(0.0, |h| h.count),
        histogram,
        first_start: starts.first().copied().unwrap_or(0),
    })
}

/// Only this remark remains of what was said so far.
fn alone(remarks: &mut Annotations, annotation: Annotation) {
    *remarks = Annotations::default();
    remarks.add(annotation);
}

/// Whether the counter restarted between a histogram and the next one, by their start times.
fn restarts(points: &[HistogramPoint], starts: &[i64], at: usize) -> bool {
    match (starts.get(at), starts.get(at + 1)) {
        (Some(before), Some(now)) => restarted(*before, points[at].t, *now, points[at + 1].t),
        _ => false,
    }
}

/// The change between the first and the last histogram, resets made good.
fn histogram_change(
    view: &View<'_>,
    starts: &[i64],
    is_counter: bool,
    remarks: &mut Annotations,
) -> Option<Histogram> {
    let (points, span, metric) = (view.histograms, view.span, view.metric);
    let gauge = |p: &HistogramPoint| p.v.reset_hint == ResetHint::Gauge;
    let (first, second, last) = (&points[0], &points[1], &points[points.len() - 1]);
    if is_counter && (gauge(first) || gauge(last)) {
        remarks.add(Annotation::not_counter(metric, span));
    }
    let mut previous = first.v.clone();
    if is_counter && (restarts(points, starts, 0) || second.v.detects_reset(&previous)) {
        // What was before the reset does not matter, its resolution included.
        previous = Arc::new(Histogram {
            schema: second.v.schema,
            custom_bounds: second.v.custom_bounds.clone(),
            ..Histogram::default()
        });
    }
    let custom = previous.uses_custom_buckets();
    if last.v.uses_custom_buckets() != custom {
        remarks.add(Annotation::mixed_schemas(metric, span));
        return None;
    }
    let mut schema = last.v.schema.min(previous.schema);
    for point in points[1..points.len() - 1].iter().filter(|_| is_counter) {
        if gauge(point) {
            remarks.add(Annotation::not_counter(metric, span));
        }
        schema = schema.min(point.v.schema);
        if point.v.uses_custom_buckets() != custom {
            alone(remarks, Annotation::mixed_schemas(metric, span));
            return None;
        }
    }
    let mut change = last.v.at_schema(schema);
    if !combine(
        &mut change,
        &previous,
        Combining::Subtraction,
        view,
        remarks,
    ) {
        return None;
    }
    if is_counter {
        add_lost(&mut change, previous, view, starts, remarks)?;
    } else if !gauge(first) || !gauge(last) {
        remarks.add(Annotation::not_gauge(metric, span));
    }
    change.reset_hint = ResetHint::Gauge;
    Some(change.compacted())
}

/// Adds what each reset has lost; nothing if it cannot be added.
fn add_lost(
    change: &mut Histogram,
    mut previous: Arc<Histogram>,
    view: &View<'_>,
    starts: &[i64],
    remarks: &mut Annotations,
) -> Option<()> {
    let points = view.histograms;
    let mut overlap = false;
    for at in 0..points.len() - 1 {
        let now = &points[at + 1];
        if let (Some(before), Some(start)) = (starts.get(at), starts.get(at + 1))
            && !overlap
            && overlaps(*before, points[at].t, *start)
        {
            remarks.add(Annotation::start_overlap(view.metric, view.span));
            overlap = true;
        }
        let reset = restarts(points, starts, at) || now.v.detects_reset(&previous);
        if reset && !combine(change, &previous, Combining::Addition, view, remarks) {
            return None;
        }
        previous = now.v.clone();
    }
    Some(())
}

/// Adds or subtracts; whether that was possible.
fn combine(
    into: &mut Histogram,
    other: &Histogram,
    combining: Combining,
    view: &View<'_>,
    remarks: &mut Annotations,
) -> bool {
    let combined = match combining {
        Combining::Subtraction => into.subtract(other),
        _ => into.add(other),
    };
    match combined {
        Ok(combined) => {
            if combined.bounds_reconciled {
                remarks.add(Annotation::bounds_reconciled(combining, view.span));
            }
            true
        }
        Err(_) => {
            alone(remarks, Annotation::mixed_schemas(view.metric, view.span));
            false
        }
    }
}

/// A sample of either kind with its start time.
struct Last<'a> {
    t: i64,
    start: i64,
    float: f64,
    histogram: Option<&'a Arc<Histogram>>,
}

/// The last two samples of the window.
fn last_two<'a>(view: &View<'a>, use_starts: bool) -> Option<[Last<'a>; 2]> {
    let start = |starts: &[i64], at: usize| {
        if use_starts {
            starts.get(at).copied().unwrap_or(0)
        } else {
            0
        }
    };
    let mut found: Vec<Last<'a>> = Vec::with_capacity(4);
    for at in view.floats.len().saturating_sub(2)..view.floats.len() {
        found.push(Last {
            t: view.floats[at].t,
            start: start(view.float_starts, at),
            float: view.floats[at].v,
            histogram: None,
        });
    }
    for at in view.histograms.len().saturating_sub(2)..view.histograms.len() {
        found.push(Last {
            t: view.histograms[at].t,
            start: start(view.histogram_starts, at),
            float: 0.0,
            histogram: Some(&view.histograms[at].v),
        });
    }
    found.sort_by_key(|last| last.t);
    let last = found.pop()?;
    Some([found.pop()?, last])
}

/// The change between the last two samples, per second if it is a rate.
pub(super) fn instant(
    view: &View<'_>,
    is_rate: bool,
    use_starts: bool,
    remarks: &mut Annotations,
) -> Option<SampleValue> {
    let [before, last] = last_two(view, use_starts)?;
    let seconds = (last.t - before.t) as f64 / 1000.0;
    if seconds == 0.0 {
        return None;
    }
    let restart = restarted(before.start, before.t, last.start, last.t);
    let (Some(h), Some(h_before)) = (last.histogram, before.histogram) else {
        if last.histogram.is_some() || before.histogram.is_some() {
            remarks.add(Annotation::mixed_floats_histograms(view.metric, view.span));
            return None;
        }
        let mut value = last.float;
        if !is_rate || !(last.float < before.float || restart) {
            value -= before.float;
        }
        return Some(SampleValue::Float(if is_rate {
            value / seconds
        } else {
            value
        }));
    };
    let [is_gauge, was_gauge] = [h, h_before].map(|h| h.reset_hint == ResetHint::Gauge);
    if is_rate && (is_gauge || was_gauge) {
        remarks.add(Annotation::not_counter(view.metric, view.span));
    }
    if !is_rate && (!is_gauge || !was_gauge) {
        remarks.add(Annotation::not_gauge(view.metric, view.span));
    }
    let mut result = (**h).clone();
    if !is_rate || !(restart || h.detects_reset(h_before)) {
        match result.subtract(h_before) {
            Err(_) => {
                remarks.add(Annotation::mixed_schemas(view.metric, view.span));
                return None;
            }
            Ok(combined) if combined.bounds_reconciled => remarks.add(
                Annotation::bounds_reconciled(Combining::Subtraction, view.span),
            ),
            Ok(_) => {}
        }
    }
    result.reset_hint = ResetHint::Gauge;
    result.compact();
    if is_rate {
        result = result.divided(seconds);
    }
    Some(SampleValue::Histogram(Arc::new(result)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_tell_restarts() {
        assert!(restarted(10, 20, 25, 30));
        assert!(!restarted(10, 20, 10, 30));
        assert!(!restarted(10, 20, 0, 30));
        assert!(!restarted(10, 20, 15, 30));
        assert!(restarted(10, 20, 20, 30));
        assert!(!restarted(0, 20, 20, 30));
        assert!(overlaps(10, 20, 15) && !overlaps(10, 20, 10));
    }
}
