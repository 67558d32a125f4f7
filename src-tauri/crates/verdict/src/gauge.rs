//! Gauges: what cannot be counted (CPU, memory, queue length), compared once at the end of a bake.
//!
//! Two claims are tested at the gauge's own share of α, each by rank so that one wild reading does
//! not decide: that the candidate is not worse at all (refuted: it is worse), and that it is worse
//! by the stated effect (refuted: it is good enough). "No difference was found" is not good
//! enough; it is `Inconclusive`. This may be asked once: asked again after every scrape its error
//! rates do not hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::Direction;
use crate::counts::Verdict;
use crate::figures::{number, percent};
use crate::mann_whitney::{Shift, Side, TwoSamples};

/// Under this many points a side nothing is said: no ordering of them would be surprising enough.
pub const FEWEST_POINTS: usize = 5;
/// More points than this a side are not an end-of-bake gauge but a mistake.
pub const MOST_POINTS: usize = 1_000_000;

/// How one gauge is judged.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GaugeRule {
    pub direction: Direction,
    /// The gauge's share of α: the chance of each wrong answer.
    pub alpha: f64,
    /// The shift that matters, as a share of stable's median (0.25 is a quarter more).
    pub effect: f64,
    /// Whether this gauge may fail a rollout. Else what would fail it is `Inconclusive`, for a
    /// person to look at.
    pub may_fail: bool,
}

impl Default for GaugeRule {
    fn default() -> Self {
        GaugeRule {
            direction: Direction::HigherIsWorse,
            alpha: 0.01,
            effect: 0.25,
            may_fail: false,
        }
    }
}

/// What a gauge's answer rests on. Units are the gauge's own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
pub struct GaugeAnswer {
    pub verdict: Verdict,
    /// Points of each side.
    pub candidate: u64,
    pub stable: u64,
    /// Chance of a difference this large, in the direction that is worse, when there is none.
    pub p: Option<f64>,
    /// Candidate's shift against stable (Hodges–Lehmann), with its interval at confidence 1−2α:
    /// each end is wrong with a chance of at most α.
    pub shift: Option<f64>,
    pub shift_low: Option<f64>,
    pub shift_high: Option<f64>,
    /// `shift` as a share of stable's median, `None` where that is 0.
    pub relative: Option<f64>,
    /// Ratio of the means, `None` where stable's is 0.
    pub mean_ratio: Option<f64>,
    /// Chance that a candidate's reading is above one of stable's: 0.5 is no difference.
    pub superiority: Option<f64>,
    pub words: String,
}

/// Compares a gauge's readings. Values that are not finite are an `Error`, no reading on a side is
/// `NoData`, fewer than [`FEWEST_POINTS`] are `Inconclusive`.
pub fn judge_gauge(rule: &GaugeRule, candidate: &[f64], stable: &[f64]) -> GaugeAnswer {
    let without = |verdict, words: String| GaugeAnswer {
        verdict,
        candidate: candidate.len() as u64,
        stable: stable.len() as u64,
        p: None,
        shift: None,
        shift_low: None,
        shift_high: None,
        relative: None,
        mean_ratio: None,
        superiority: None,
        words,
    };
    if let Some(problem) = mistake(rule, candidate, stable) {
        return without(Verdict::Error, problem);
    }
    let Some(samples) = TwoSamples::new(candidate, stable) else {
        return without(Verdict::NoData, "A side has no reading.".to_owned());
    };
    let fewest = candidate.len().min(stable.len());
    if fewest < FEWEST_POINTS {
        let words = format!(
            "{} and {} readings; at least {FEWEST_POINTS} a side are compared.",
            candidate.len(),
            stable.len()
        );
        return without(Verdict::Inconclusive, words);
    }
    compared(
        rule,
        &samples,
        without(Verdict::Inconclusive, String::new()),
        candidate,
        stable,
    )
}

fn mistake(rule: &GaugeRule, candidate: &[f64], stable: &[f64]) -> Option<String> {
    if !(rule.alpha > 0.0 && rule.alpha <= 0.5) {
        return Some(format!(
            "alpha must lie between 0 and 0.5; it is {}.",
            rule.alpha
        ));
    }
    if !(rule.effect > 0.0 && rule.effect.is_finite()) {
        return Some(format!(
            "The effect must be above 0; it is {}.",
            rule.effect
        ));
    }
    if candidate.len().max(stable.len()) > MOST_POINTS {
        return Some(format!(
            "More than {MOST_POINTS} readings a side are not compared."
        ));
    }
    // Differences must be finite too, so half of what a float holds is the most.
    let readable = |v: &f64| v.is_finite() && v.abs() <= 0.5 * f64::MAX;
    let broken = candidate.iter().chain(stable).find(|v| !readable(v))?;
    Some(format!(
        "A reading is {broken}, which is no number that can be compared."
    ))
}

fn compared(
    rule: &GaugeRule,
    samples: &TwoSamples,
    mut answer: GaugeAnswer,
    candidate: &[f64],
    stable: &[f64],
) -> GaugeAnswer {
    let side = match rule.direction {
        Direction::HigherIsWorse => Side::Greater,
        Direction::LowerIsWorse => Side::Less,
        Direction::Either => Side::Both,
    };
    let p = samples.p_value(side);
    let shift = samples.shift(1.0 - 2.0 * rule.alpha);
    let middle = median(stable);
    let matters = rule.effect * middle.abs();
    let is_worse = p <= rule.alpha && worst(rule.direction, shift.estimate) >= matters;
    let is_good = samples.all_equal() || worst_end(rule.direction, shift) < matters;
    answer.verdict = match (is_worse, is_good) {
        (true, _) if rule.may_fail => Verdict::Fail,
        (false, true) => Verdict::Pass,
        _ => Verdict::Inconclusive,
    };
    answer.p = Some(p);
    answer.shift = Some(shift.estimate);
    answer.shift_low = Some(shift.low);
    answer.shift_high = Some(shift.high);
    answer.relative = Some(shift.estimate / middle.abs()).filter(|r| r.is_finite());
    answer.mean_ratio = Some(mean(candidate) / mean(stable)).filter(|r| r.is_finite());
    answer.superiority = Some(samples.superiority());
    answer.words = words(rule, &answer, shift, middle, is_worse);
    answer
}

/// How far a shift goes in the direction that is worse.
fn worst(direction: Direction, shift: f64) -> f64 {
    match direction {
        Direction::HigherIsWorse => shift,
        Direction::LowerIsWorse => -shift,
        Direction::Either => shift.abs(),
    }
}

/// The same for the far end of an interval.
fn worst_end(direction: Direction, shift: Shift) -> f64 {
    worst(direction, shift.low).max(worst(direction, shift.high))
}

fn words(rule: &GaugeRule, answer: &GaugeAnswer, shift: Shift, middle: f64, worse: bool) -> String {
    let sure = percent(1.0 - 2.0 * rule.alpha);
    let by = match answer.relative {
        Some(relative) => format!(
            "{} of stable's median {} ({sure}: {} to {})",
            percent(relative),
            number(middle),
            percent(shift.low / middle.abs()),
            percent(shift.high / middle.abs()),
        ),
        None => format!(
            "{} ({sure}: {} to {}) where stable's median is 0",
            number(shift.estimate),
            number(shift.low),
            number(shift.high)
        ),
    };
    let end = match answer.verdict {
        Verdict::Pass => format!("a shift of {} is ruled out", percent(rule.effect)),
        Verdict::Fail => "that is worse".to_owned(),
        _ if worse => "that is worse, but this gauge may not fail a rollout alone".to_owned(),
        _ => format!(
            "a shift of {} is neither shown nor ruled out",
            percent(rule.effect)
        ),
    };
    let p = number(answer.p.unwrap_or(1.0));
    format!("candidate is shifted by {by}, p = {p}; {end}.")
}

fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    values.iter().map(|v| v / n).sum()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.get(half.wrapping_sub(1)), sorted.get(half)) {
        (Some(a), Some(b)) if sorted.len().is_multiple_of(2) => 0.5 * a + 0.5 * b,
        (_, Some(b)) => *b,
        _ => 0.0,
    }
}
