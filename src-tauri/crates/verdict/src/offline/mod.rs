//! Judging what people bring: their own past releases, as text already read from files.
//!
//! Three shapes are understood, in CSV (comma, semicolon or tab) or JSON:
//! - a *series* of readings: one column `value`, or an array of numbers; one text for each side;
//! - *counts* by interval: columns `total,bad`, or an array of such objects; one text for each side;
//! - *intervals* with both sides: columns `candidate_total,candidate_bad,stable_total,stable_bad`,
//!   or an array of `{"candidate": {"total", "bad"}, "stable": {…}}`; one text for both.
//!
//! And in JSON a list of named *cases*, each with its two sides and, if wanted, parameters. What
//! cannot be read is an error with its line; nothing is guessed and nothing skipped silently.

mod cases;
mod json;
mod table;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use cases::{CaseAnswer, judge_cases};

use crate::combine::{Answer, MetricAnswer, combine};
use crate::counts::{Counts, Interval, Verdict};
use crate::gauge::{GaugeRule, judge_gauge};
use crate::judge::CountJudge;
use crate::rule::{Budget, CountRule, RuleError};

/// Texts longer than this (bytes) are refused.
const LONGEST: usize = 256 * 1024 * 1024;

/// How what is brought is judged.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OfflineOptions {
    /// What the metric is called in the answer.
    pub name: String,
    /// For counts and intervals.
    pub rule: CountRule,
    pub budget: Budget,
    /// Stable's counts from before the first interval.
    pub reference: Option<Counts>,
    /// For series. Here a gauge may fail, as it is all there is.
    pub gauge: GaugeRule,
}

impl Default for OfflineOptions {
    fn default() -> Self {
        OfflineOptions {
            name: "metric".to_owned(),
            rule: CountRule::default(),
            budget: Budget::default(),
            reference: None,
            gauge: GaugeRule {
                may_fail: true,
                ..GaugeRule::default()
            },
        }
    }
}

/// What was brought.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    Series,
    Counts,
}

/// The answer to what was brought.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OfflineAnswer {
    pub shape: Shape,
    /// Intervals, or readings of both sides.
    pub rows: u64,
    /// The interval (from 1) at which a rollout would have been failed, and the first at which it
    /// would have passed. Counts only.
    pub failed_at: Option<u64>,
    pub passed_at: Option<u64>,
    pub answer: Answer,
}

/// Which text an error is in.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    Candidate,
    Stable,
    /// The one text there is.
    Only,
}

/// What was brought cannot be read or judged.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum OfflineError {
    #[error("{}{}{message}", place_words(*place), line_words(*line))]
    Unreadable {
        place: Place,
        /// From 1; 0 is the text as a whole.
        line: usize,
        message: String,
    },
    #[error("the two files do not belong together: {0}")]
    Mismatch(String),
    #[error(transparent)]
    Rule(#[from] RuleError),
}

fn place_words(place: Place) -> &'static str {
    match place {
        Place::Candidate => "candidate's file, ",
        Place::Stable => "stable's file, ",
        Place::Only => "",
    }
}

fn line_words(line: usize) -> String {
    if line == 0 {
        String::new()
    } else {
        format!("line {line}: ")
    }
}

/// A mistake at a line (0: the text as a whole).
#[derive(Clone, PartialEq, Debug)]
struct Mistake {
    line: usize,
    message: String,
}

impl Mistake {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Mistake {
            line,
            message: message.into(),
        }
    }

    fn whole(message: impl Into<String>) -> Self {
        Mistake::new(0, message)
    }

    fn at(self, place: Place) -> OfflineError {
        OfflineError::Unreadable {
            place,
            line: self.line,
            message: self.message,
        }
    }
}

/// What one text holds.
#[derive(Clone, PartialEq, Debug)]
enum Brought {
    Series(Vec<f64>),
    Counts(Vec<Counts>),
    Intervals(Vec<Interval>),
}

impl Brought {
    fn words(&self) -> &'static str {
        match self {
            Brought::Series(_) => "a series",
            Brought::Counts(_) => "counts",
            Brought::Intervals(_) => "intervals of both sides",
        }
    }
}

fn read(text: &str) -> Result<Brought, Mistake> {
    if text.len() > LONGEST {
        return Err(Mistake::whole(format!(
            "{} bytes are more than the {LONGEST} that are read",
            text.len()
        )));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['[', '{']) {
        json::read(text)
    } else {
        table::read(text)
    }
}

/// Judges two texts, one for each side: two series, or counts of the same intervals.
pub fn judge_files(
    candidate: &str,
    stable: &str,
    options: &OfflineOptions,
) -> Result<OfflineAnswer, OfflineError> {
    let candidate = read(candidate).map_err(|m| m.at(Place::Candidate))?;
    let stable = read(stable).map_err(|m| m.at(Place::Stable))?;
    judge_sides(candidate, stable, options)
}

/// Judges one text that holds the intervals of both sides.
pub fn judge_intervals(
    text: &str,
    options: &OfflineOptions,
) -> Result<OfflineAnswer, OfflineError> {
    match read(text).map_err(|m| m.at(Place::Only))? {
        Brought::Intervals(intervals) => judge_counts(&intervals, options),
        other => Err(OfflineError::Mismatch(format!(
            "this file holds {} of one side; the other side's file is needed too",
            other.words()
        ))),
    }
}

fn judge_sides(
    candidate: Brought,
    stable: Brought,
    options: &OfflineOptions,
) -> Result<OfflineAnswer, OfflineError> {
    match (candidate, stable) {
        (Brought::Series(candidate), Brought::Series(stable)) => {
            Ok(judge_series(&candidate, &stable, options))
        }
        (Brought::Counts(candidate), Brought::Counts(stable)) => {
            if candidate.len() != stable.len() {
                return Err(OfflineError::Mismatch(format!(
                    "candidate has {} intervals and stable {}; each row of one belongs to the \
                     same row of the other",
                    candidate.len(),
                    stable.len()
                )));
            }
            let intervals: Vec<Interval> = candidate
                .into_iter()
                .zip(stable)
                .map(|(candidate, stable)| Interval { candidate, stable })
                .collect();
            judge_counts(&intervals, options)
        }
        (candidate, stable) => Err(OfflineError::Mismatch(format!(
            "candidate's holds {}, stable's {}; two series or the counts of both sides are needed",
            candidate.words(),
            stable.words()
        ))),
    }
}

fn judge_counts(
    intervals: &[Interval],
    options: &OfflineOptions,
) -> Result<OfflineAnswer, OfflineError> {
    let mut judge = CountJudge::new(options.rule.clone(), options.budget, options.reference)?;
    let (mut failed_at, mut passed_at) = (None, None);
    for (row, interval) in (1..).zip(intervals) {
        judge.look(*interval);
        match judge.verdict() {
            Verdict::Fail => failed_at = failed_at.or(Some(row)),
            Verdict::Pass => passed_at = passed_at.or(Some(row)),
            _ => {}
        }
    }
    let metric = MetricAnswer::count(options.name.clone(), true, judge.evidence());
    Ok(OfflineAnswer {
        shape: Shape::Counts,
        rows: intervals.len() as u64,
        failed_at,
        passed_at,
        answer: combine(vec![metric]),
    })
}

fn judge_series(candidate: &[f64], stable: &[f64], options: &OfflineOptions) -> OfflineAnswer {
    let answer = judge_gauge(&options.gauge, candidate, stable);
    let name = options.name.clone();
    OfflineAnswer {
        shape: Shape::Series,
        rows: (candidate.len() + stable.len()) as u64,
        failed_at: None,
        passed_at: None,
        answer: combine(vec![MetricAnswer::gauge(
            name,
            options.gauge.direction,
            true,
            answer,
        )]),
    }
}
