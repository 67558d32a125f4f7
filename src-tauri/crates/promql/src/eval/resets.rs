//! How often a counter began anew, and how often a value changed.

use super::collect::Held;
use super::rate::restarted;
use super::window::View;
use crate::ast::Extension;
use crate::value::SampleValue;

/// A sample with its moment and its start time.
struct Taken<'a> {
    t: i64,
    start: i64,
    value: Held<'a>,
}

/// All samples of the window in the order of time, from the last one before the range on if it is
/// anchored. Nothing if none lies inside an anchored range.
fn taken<'a>(view: &View<'a>, use_starts: bool) -> Option<Vec<Taken<'a>>> {
    let start = |starts: &[i64], at: usize| {
        if use_starts {
            starts.get(at).copied().unwrap_or(0)
        } else {
            0
        }
    };
    let mut all: Vec<Taken<'a>> = Vec::with_capacity(view.floats.len() + view.histograms.len());
    for (at, point) in view.floats.iter().enumerate() {
        all.push(Taken {
            t: point.t,
            start: start(view.float_starts, at),
            value: Held::Float(point.v),
        });
    }
    for (at, point) in view.histograms.iter().enumerate() {
        all.push(Taken {
            t: point.t,
            start: start(view.histogram_starts, at),
            value: Held::Histogram(&point.v),
        });
    }
    if view.is_mixed() {
        all.sort_by_key(|sample| sample.t);
    }
    if view.extension == Extension::Anchored {
        let before = all.partition_point(|sample| sample.t <= view.from);
        if before == all.len() {
            return None;
        }
        all.drain(..before.saturating_sub(1));
    }
    Some(all)
}

fn count(pairs: &[Taken<'_>], differ: impl Fn(&Taken<'_>, &Taken<'_>) -> bool) -> SampleValue {
    let found = pairs.windows(2).filter(|p| differ(&p[0], &p[1])).count();
    SampleValue::Float(found as f64)
}

/// How often the counter was reset; a change between numbers and histograms is a reset.
pub(super) fn resets(view: &View<'_>, use_starts: bool) -> Option<SampleValue> {
    let all = taken(view, use_starts)?;
    Some(count(&all, |before, now| {
        let restart = restarted(before.start, before.t, now.start, now.t);
        match (before.value, now.value) {
            (Held::Float(a), Held::Float(b)) => b < a || restart,
            (Held::Histogram(a), Held::Histogram(b)) => restart || b.detects_reset(a),
            _ => true,
        }
    }))
}

/// How often the value changed.
pub(super) fn changes(view: &View<'_>) -> Option<SampleValue> {
    let all = taken(view, false)?;
    Some(count(&all, |before, now| match (before.value, now.value) {
        (Held::Float(a), Held::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
        (Held::Histogram(a), Held::Histogram(b)) => !b.equals(a),
        _ => true,
    }))
}
