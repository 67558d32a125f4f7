//! Whether an answer is the one expected.

use super::case::{Case, Expected, Moments};
use crate::almost::almost_equal;
use crate::histogram::{Bucket, Histogram};
use crate::labels::Labels;
use crate::parse::SequenceValue;
use crate::text::float_g;
use crate::value::{Sample, SampleValue, Series, Value};

/// Numbers may differ by this part of their sum.
const PART: f64 = 0.000_001;

pub(super) fn compare(case: &Case, value: &Value) -> Result<(), String> {
    match value {
        Value::Matrix(series) => compare_matrix(case, series),
        Value::Vector(samples) => compare_vector(case, samples),
        Value::Scalar { v, .. } => match case.scalar {
            None => Err(format!(
                "expected vector or matrix result, but got {}",
                float_g(*v)
            )),
            Some(expected) if almost_equal(expected, *v, PART) => Ok(()),
            Some(expected) => Err(format!(
                "expected scalar {} but got {}",
                float_g(expected),
                float_g(*v)
            )),
        },
        Value::String { v, .. } => match &case.string {
            Some(expected) if expected == v => Ok(()),
            expected => Err(format!("expected string {expected:?} but got {v:?}")),
        },
    }
}

/// The samples that a range's answer has at one moment.
pub(super) fn at_moment(value: Value, at: i64, scalar: bool) -> Result<Value, String> {
    let Value::Matrix(matrix) = value else {
        return Err("a range did not give a matrix".to_owned());
    };
    sorted(&matrix)?;
    let mut samples = Vec::new();
    for series in matrix {
        let float = series.floats.iter().find(|p| p.t == at);
        let histogram = series.histograms.iter().find(|p| p.t == at);
        let values = float
            .map(|p| SampleValue::Float(p.v))
            .into_iter()
            .chain(histogram.map(|p| SampleValue::Histogram(p.v.clone())));
        for value in values {
            samples.push(Sample {
                labels: series.labels.clone(),
                t: at,
                value,
            });
        }
    }
    if !scalar {
        return Ok(Value::Vector(samples));
    }
    match samples.first().map(|s| &s.value) {
        Some(SampleValue::Float(v)) => Ok(Value::Scalar { t: at, v: *v }),
        _ => Err("a scalar has no value at a step".to_owned()),
    }
}

fn sorted(matrix: &[Series]) -> Result<(), String> {
    if matrix.is_sorted_by(|a, b| a.labels <= b.labels) {
        return Ok(());
    }
    Err("matrix results should always be sorted by labels, but matrix is not sorted".to_owned())
}

fn find<'a>(case: &'a Case, labels: &Labels) -> Option<(usize, &'a Expected)> {
    case.series
        .iter()
        .enumerate()
        .find(|(_, expected)| expected.labels == *labels)
}

fn all_found(case: &Case, found: &[&Labels]) -> Result<(), String> {
    match case.series.iter().find(|e| !found.contains(&&e.labels)) {
        Some(missing) => Err(format!("expected metric {} not found", missing.labels)),
        None => Ok(()),
    }
}

fn shown(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(v) => float_g(*v),
        SampleValue::Histogram(h) => h.test_expression(),
    }
}

fn shown_step(value: Option<&SequenceValue>) -> String {
    match value {
        None | Some(SequenceValue::Omitted) => "no sample".to_owned(),
        Some(SequenceValue::Float(v)) => float_g(*v),
        Some(SequenceValue::Histogram { histogram, .. }) => histogram.test_expression(),
    }
}

fn compare_vector(case: &Case, samples: &[Sample]) -> Result<(), String> {
    if case.scalar.is_some() {
        return Err("expected scalar result, but got vector".to_owned());
    }
    for (place, sample) in samples.iter().enumerate() {
        let labels = &sample.labels;
        let Some((expected_place, expected)) = find(case, labels) else {
            return Err(format!(
                "unexpected metric {labels} in result, has value {}",
                shown(&sample.value)
            ));
        };
        if case.is_ordered() && expected_place != place {
            return Err(format!(
                "expected metric {labels} at position {} but was at {}",
                expected_place + 1,
                place + 1
            ));
        }
        let wanted = expected.values.first();
        if !same(wanted, &sample.value) {
            return Err(format!(
                "expected {} for {labels} but got {}",
                shown_step(wanted),
                shown(&sample.value)
            ));
        }
    }
    all_found(case, &samples.iter().map(|s| &s.labels).collect::<Vec<_>>())
}

fn compare_matrix(case: &Case, matrix: &[Series]) -> Result<(), String> {
    if case.is_ordered() {
        return Err("expected ordered result, but query returned a matrix".to_owned());
    }
    if case.scalar.is_some() {
        return Err("expected scalar result, but got matrix".to_owned());
    }
    sorted(matrix)?;
    let (start, end, step) = match (case.range, case.moments) {
        (Some(range), _) => range,
        (None, Moments::Range { start, end, step }) => (start, end, step),
        (None, Moments::Instant(t)) => (t, t, 0),
    };
    for series in matrix {
        let labels = &series.labels;
        let Some((_, expected)) = find(case, labels) else {
            return Err(format!("unexpected metric {labels} in result"));
        };
        compare_series(series, expected, start, end, step)?;
    }
    all_found(case, &matrix.iter().map(|s| &s.labels).collect::<Vec<_>>())
}

fn compare_series(
    series: &Series,
    expected: &Expected,
    start: i64,
    end: i64,
    step: i64,
) -> Result<(), String> {
    let labels = &series.labels;
    let mut floats = series.floats.iter().peekable();
    let mut histograms = series.histograms.iter().peekable();
    for (at, wanted) in (0..).zip(&expected.values) {
        let t = start + at * step;
        if t > end {
            return Err(format!(
                "expected {} points for {labels}, but query time range cannot return this many points",
                expected.values.len()
            ));
        }
        let found = if floats.peek().is_some_and(|p| p.t == t) {
            floats.next().map(|p| SampleValue::Float(p.v))
        } else if histograms.peek().is_some_and(|p| p.t == t) {
            histograms
                .next()
                .map(|p| SampleValue::Histogram(p.v.clone()))
        } else {
            None
        };
        let agree = match (&found, wanted) {
            (None, SequenceValue::Omitted) => true,
            (Some(found), wanted) => same(Some(wanted), found),
            (None, _) => false,
        };
        if !agree {
            return Err(format!(
                "expected {} at index {at} (t={t}) for {labels} but got {}",
                shown_step(Some(wanted)),
                found.as_ref().map_or("no sample".to_owned(), shown)
            ));
        }
    }
    match (floats.next(), histograms.next()) {
        (None, None) => Ok(()),
        _ => Err(format!("more points than expected for {labels}")),
    }
}

fn same(wanted: Option<&SequenceValue>, found: &SampleValue) -> bool {
    match (wanted, found) {
        (Some(SequenceValue::Float(a)), SampleValue::Float(b)) => almost_equal(*a, *b, PART),
        (
            Some(SequenceValue::Histogram {
                histogram,
                hint_written,
            }),
            SampleValue::Histogram(found),
        ) => same_histogram(histogram, found, *hint_written),
        _ => false,
    }
}

fn same_histogram(wanted: &Histogram, found: &Histogram, with_hint: bool) -> bool {
    let (wanted, found) = (wanted.clone().compacted(), found.clone().compacted());
    let near = |a: f64, b: f64| almost_equal(a, b, PART);
    let same_buckets = |a: &[Bucket], b: &[Bucket]| {
        a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|(a, b)| a.index == b.index && near(a.count, b.count))
    };
    wanted.schema == found.schema
        && near(wanted.count, found.count)
        && near(wanted.sum, found.sum)
        && (!wanted.uses_custom_buckets() || wanted.custom_bounds == found.custom_bounds)
        && wanted.zero_threshold == found.zero_threshold
        && near(wanted.zero_count, found.zero_count)
        && same_buckets(&wanted.negative, &found.negative)
        && same_buckets(&wanted.positive, &found.positive)
        && (!with_hint || wanted.reset_hint == found.reset_hint)
}
