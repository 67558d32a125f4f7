//! The `_over_time` functions.

use std::sync::Arc;

use super::reduce::{mean_of, quantile, sum_of};
use super::window::View;
use crate::annotations::{Annotation, Annotations};
use crate::kahan::{Kahan, Mean};
use crate::value::{FloatPoint, SampleValue};

/// The function's value; `None` if there is no such function.
pub(super) fn over_time(
    name: &str,
    view: &View<'_>,
    parameters: &[f64],
    remarks: &mut Annotations,
) -> Option<Option<SampleValue>> {
    let float = |v: f64| Some(SampleValue::Float(v));
    Some(match name {
        "count_over_time" => float((view.floats.len() + view.histograms.len()) as f64),
        "present_over_time" | "absent_over_time" => float(1.0),
        "first_over_time" => first(view),
        "last_over_time" => last(view),
        "ts_of_first_over_time" => float(first_moment(view) as f64 / 1000.0),
        "ts_of_last_over_time" => float(last_moment(view) as f64 / 1000.0),
        "sum_over_time" => sum(view, remarks),
        "avg_over_time" => average(view, remarks),
        "quantile_over_time" => quantile_over(view, *parameters.first()?, remarks),
        _ => {
            let function = on_floats(name)?;
            if view.floats.is_empty() {
                return Some(None);
            }
            if !view.histograms.is_empty() {
                remarks.add(Annotation::ignored_in_range(view.metric, view.span));
            }
            float(function(view.floats))
        }
    })
}

/// Functions that take no notice of histograms.
fn on_floats(name: &str) -> Option<fn(&[FloatPoint]) -> f64> {
    Some(match name {
        "min_over_time" => |points| extreme(points, |v, best| v < best).v,
        "max_over_time" => |points| extreme(points, |v, best| v > best).v,
        "ts_of_min_over_time" => |points| extreme(points, |v, best| v <= best).t as f64 / 1000.0,
        "ts_of_max_over_time" => |points| extreme(points, |v, best| v >= best).t as f64 / 1000.0,
        "stddev_over_time" => |points| variance(points).sqrt(),
        "stdvar_over_time" => variance,
        "mad_over_time" => median_deviation,
        _ => return None,
    })
}

/// The point that no other one is better than; numbers before what is none.
fn extreme(points: &[FloatPoint], better: impl Fn(f64, f64) -> bool) -> FloatPoint {
    let mut best = points[0];
    for point in points {
        if better(point.v, best.v) || best.v.is_nan() {
            best = *point;
        }
    }
    best
}

fn variance(points: &[FloatPoint]) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, Kahan::default(), Kahan::default());
    for point in points {
        count += 1.0;
        let delta = point.v - mean.total();
        mean.add(delta / count);
        squares.add(delta * (point.v - mean.total()));
    }
    squares.total() / count
}

fn median_deviation(points: &[FloatPoint]) -> f64 {
    if points.iter().any(|p| p.v.is_nan()) {
        return f64::NAN;
    }
    let mut values: Vec<f64> = points.iter().map(|p| p.v).collect();
    let median = quantile(0.5, &mut values);
    for value in &mut values {
        *value = (*value - median).abs();
    }
    quantile(0.5, &mut values)
}

fn quantile_over(view: &View<'_>, q: f64, remarks: &mut Annotations) -> Option<SampleValue> {
    if view.floats.is_empty() {
        return None;
    }
    if !(0.0..=1.0).contains(&q) {
        remarks.add(Annotation::invalid_quantile(q, view.span));
    }
    if !view.histograms.is_empty() {
        remarks.add(Annotation::ignored_in_range(view.metric, view.span));
    }
    let mut values: Vec<f64> = view.floats.iter().map(|p| p.v).collect();
    Some(SampleValue::Float(quantile(q, &mut values)))
}

fn sum(view: &View<'_>, remarks: &mut Annotations) -> Option<SampleValue> {
    if view.is_mixed() {
        remarks.add(Annotation::mixed_floats_histograms(view.metric, view.span));
        return None;
    }
    if view.floats.is_empty() {
        let points = view.histograms.iter().map(|p| &p.v);
        let sum = sum_of(points, view.metric, view.span, remarks)?;
        return Some(SampleValue::Histogram(Arc::new(sum)));
    }
    let mut sum = Kahan::default();
    for point in view.floats {
        sum.add(point.v);
    }
    Some(SampleValue::Float(if sum.sum.is_infinite() {
        sum.sum
    } else {
        sum.total()
    }))
}

fn average(view: &View<'_>, remarks: &mut Annotations) -> Option<SampleValue> {
    if view.is_mixed() {
        remarks.add(Annotation::mixed_floats_histograms(view.metric, view.span));
        return None;
    }
    let Some((first, rest)) = view.floats.split_first() else {
        let points = view.histograms.iter().map(|p| &p.v);
        let mean = mean_of(points, view.metric, view.span, remarks)?;
        return Some(SampleValue::Histogram(Arc::new(mean)));
    };
    let mut mean = Mean::from(first.v);
    for point in rest {
        mean.add(point.v);
    }
    Some(SampleValue::Float(mean.value()))
}

fn first_moment(view: &View<'_>) -> i64 {
    let floats = view.floats.first().map(|p| p.t);
    let histograms = view.histograms.first().map(|p| p.t);
    floats.into_iter().chain(histograms).min().unwrap_or(0)
}

fn last_moment(view: &View<'_>) -> i64 {
    let floats = view.floats.last().map(|p| p.t);
    let histograms = view.histograms.last().map(|p| p.t);
    floats.into_iter().chain(histograms).max().unwrap_or(0)
}

fn first(view: &View<'_>) -> Option<SampleValue> {
    match (view.floats.first(), view.histograms.first()) {
        (Some(f), h) if h.is_none_or(|h| f.t < h.t) => Some(SampleValue::Float(f.v)),
        (_, h) => h.map(|h| SampleValue::Histogram(h.v.clone())),
    }
}

fn last(view: &View<'_>) -> Option<SampleValue> {
    match (view.floats.last(), view.histograms.last()) {
        (Some(f), h) if h.is_none_or(|h| h.t < f.t) => Some(SampleValue::Float(f.v)),
        (_, h) => h.map(|h| SampleValue::Histogram(h.v.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<FloatPoint> {
        (0..)
            .zip(values)
            .map(|(t, v)| FloatPoint { t: t * 1000, v: *v })
            .collect()
    }

    #[test]
    fn numbers_come_before_what_is_none() {
        let p = points(&[f64::NAN, 3.0, 1.0, 1.0]);
        let min = on_floats("min_over_time").unwrap();
        assert_eq!(min(&p), 1.0);
        assert_eq!(on_floats("max_over_time").unwrap()(&p), 3.0);
        assert_eq!(on_floats("ts_of_min_over_time").unwrap()(&p), 3.0);
        assert!(min(&points(&[f64::NAN])).is_nan());
    }

    #[test]
    fn spread() {
        let p = points(&[0.0, 8.0, 8.0, 2.0, 3.0]);
        assert!((variance(&p) - 10.56).abs() < 1e-12);
        assert_eq!(
            median_deviation(&points(&[4.0, 6.0, 2.0, 1.0, 999.0, 1.0, 2.0])),
            1.0
        );
        assert!(median_deviation(&points(&[1.0, f64::NAN])).is_nan());
    }
}
