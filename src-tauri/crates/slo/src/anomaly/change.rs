//! Where the level of a series changed: seasons taken away, half a season before and after are
//! compared by their medians, so that neither a spike nor a slow trend counts as a change.

use deckwatch_domain::Timestamp;
use serde::Serialize;

use super::{Work, median, spread};

/// A step in the level.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "LevelChange")]
pub struct Change {
    /// The first point at the new level.
    pub at: Timestamp,
    /// The level before, without seasons.
    pub before: f64,
    /// The level after.
    pub after: f64,
}

/// A step is at least this many standard deviations of single points.
const STEP: f64 = 3.0;

pub(super) fn changes(
    level: &[f64],
    window: usize,
    work: &Work,
    at: impl Fn(usize) -> Timestamp,
) -> Vec<Change> {
    // From point to point, so that a step in the level does not widen what it is held against.
    let differences: Vec<f64> = level
        .iter()
        .skip(1)
        .zip(level)
        .map(|(b, a)| b - a)
        .collect();
    let least = (STEP * spread(&differences) / std::f64::consts::SQRT_2).max(2.0 * work.least());
    let sides = |i: usize| {
        let before = level.get(i.checked_sub(window)?..i)?;
        let after = level.get(i..i + window)?;
        Some((median(before.to_vec()), median(after.to_vec())))
    };
    let mut found = Vec::new();
    let mut best: Option<(usize, f64, f64)> = None;
    for i in window..level.len() {
        let step = sides(i).filter(|(before, after)| (after - before).abs() > least);
        match (step, best) {
            (Some((before, after)), Some((_, b, a))) => {
                if (after - before).abs() > (a - b).abs() {
                    best = Some((i, before, after));
                }
            }
            (Some((before, after)), None) => best = Some((i, before, after)),
            (None, Some(step)) => {
                found.push(step);
                best = None;
            }
            (None, None) => {}
        }
    }
    found.extend(best);
    found
        .into_iter()
        .map(|(i, before, after)| Change {
            at: at(located(level, i, window, before, after)),
            before: work.back(before),
            after: work.back(after),
        })
        .collect()
}

/// Medians give way before the step itself: the split with the smallest distance to both levels is
/// where it was.
fn located(level: &[f64], near: usize, window: usize, before: f64, after: f64) -> usize {
    let (from, to) = (
        near.saturating_sub(window / 2),
        (near + window / 2).min(level.len()),
    );
    let off = |values: &[f64], from: f64| values.iter().map(|v| (v - from).abs()).sum::<f64>();
    let cost = |split: usize| {
        let (left, right) = (level.get(from..split), level.get(split..to));
        off(left.unwrap_or_default(), before) + off(right.unwrap_or_default(), after)
    };
    (from..=to)
        .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
        .unwrap_or(near)
}
