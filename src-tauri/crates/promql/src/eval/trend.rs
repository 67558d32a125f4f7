//! Lines through samples: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use super::Outcome;
use super::window::View;
use crate::annotations::{Annotation, Annotations};
use crate::error::EvalError;
use crate::kahan::Kahan;
use crate::value::{FloatPoint, SampleValue};

/// Slope per second and value at a moment, by least squares.
fn regression(points: &[FloatPoint], moment: i64) -> (f64, f64) {
    let first = points[0].v;
    if points.iter().skip(1).all(|p| p.v == first) {
        // Rounding must not give a level line a slope.
        return if first.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, first)
        };
    }
    let n = points.len() as f64;
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [Kahan::default(); 4];
    for point in points {
        let x = (point.t - moment) as f64 / 1e3;
        x_sum.add(x);
        y_sum.add(point.v);
        xy_sum.add(x * point.v);
        xx_sum.add(x * x);
    }
    let [x, y, xy, xx] = [x_sum, y_sum, xy_sum, xx_sum].map(|s| s.total());
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

/// Whether there are enough numbers; says if histograms are passed over.
fn enough(view: &View<'_>, remarks: &mut Annotations) -> bool {
    if !view.floats.is_empty() && !view.histograms.is_empty() {
        remarks.add(Annotation::ignored_in_range(view.metric, view.span));
    }
    view.floats.len() >= 2
}

pub(super) fn derivative(view: &View<'_>, remarks: &mut Annotations) -> Option<SampleValue> {
    if !enough(view, remarks) {
        return None;
    }
    let (slope, _) = regression(view.floats, view.floats[0].t);
    Some(SampleValue::Float(slope))
}

pub(super) fn predicted(
    view: &View<'_>,
    seconds: f64,
    remarks: &mut Annotations,
) -> Option<SampleValue> {
    if !enough(view, remarks) {
        return None;
    }
    let (slope, now) = regression(view.floats, view.t);
    Some(SampleValue::Float(slope * seconds + now))
}

/// Holt's smoothing with a trend.
pub(super) fn smoothed(
    view: &View<'_>,
    factor: f64,
    trend_factor: f64,
    remarks: &mut Annotations,
) -> Outcome<Option<SampleValue>> {
    for (name, letter, value) in [("smoothing", 's', factor), ("trend", 't', trend_factor)] {
        if value <= 0.0 || value >= 1.0 {
            return Err(EvalError::execution(format!(
                "invalid {name} factor. Expected: 0 < {letter}f < 1, got: {value:.6}"
            )));
        }
    }
    if !enough(view, remarks) {
        return Ok(None);
    }
    let points = view.floats;
    let (mut before, mut level) = (0.0, points[0].v);
    let mut trend = points[1].v - points[0].v;
    for (at, point) in points.iter().enumerate().skip(1) {
        if at > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        let next = factor * point.v + (1.0 - factor) * (level + trend);
        (before, level) = (level, next);
    }
    Ok(Some(SampleValue::Float(level)))
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
    fn a_line_is_found_again() {
        let (slope, at) = regression(&points(&[1.0, 3.0, 5.0]), 2000);
        assert!((slope - 2.0).abs() < 1e-12 && (at - 5.0).abs() < 1e-12);
    }

    #[test]
    fn level_lines_stay_level() {
        assert_eq!(regression(&points(&[0.1, 0.1, 0.1]), 0), (0.0, 0.1));
        assert!(regression(&points(&[f64::INFINITY; 2]), 0).0.is_nan());
    }
}
