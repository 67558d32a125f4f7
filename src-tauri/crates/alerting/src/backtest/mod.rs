//! What a group would have done in the past: its transitions, and its episodes.
//!
//! A rule's query is asked once for the whole time, and the states follow from where it has
//! values. Groups for which that is not the same as going from moment to moment (a rule that
//! reads what a later one records, a label made of the value, a limit) go from moment to moment,
//! with the evaluation that the present has.

mod columns;
mod steps;
mod track;
mod variant;

use deckwatch_promql::labels::Labels;
use deckwatch_promql::{Options, SampleSource};
use serde::Serialize;

use crate::eval::{AlertState, Failure};
use crate::rules::{Group, INTERVAL_MS, Makes};

pub use variant::{NotPrepared, Prepared, Variant, varied};

/// The moments of a backtest.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Moments {
    /// The first evaluation, in milliseconds since 1970.
    pub from_ms: i64,
    /// No evaluation is later.
    pub to_ms: i64,
    /// From evaluation to evaluation, more than nothing.
    pub step_ms: i64,
}

impl Moments {
    /// A group's own, or every minute.
    pub fn of(group: &Group, from_ms: i64, to_ms: i64) -> Self {
        let step = group.interval_ms.filter(|ms| *ms > 0);
        Moments {
            from_ms,
            to_ms,
            step_ms: step.unwrap_or(INTERVAL_MS),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        if self.step_ms <= 0 || self.to_ms < self.from_ms {
            return 0;
        }
        let steps = (self.to_ms - self.from_ms) / self.step_ms;
        usize::try_from(steps).map_or(usize::MAX, |n| n.saturating_add(1))
    }

    fn at(&self, nth: usize) -> i64 {
        let nth = i64::try_from(nth).unwrap_or(i64::MAX);
        self.from_ms
            .saturating_add(nth.saturating_mul(self.step_ms))
    }
}

/// The past, as far as it is known.
#[derive(Copy, Clone)]
pub struct Past<'s> {
    pub moments: Moments,
    pub source: &'s dyn SampleSource,
    pub options: &'s Options,
}

/// What a group would have done.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// How often the group would have been evaluated.
    pub evaluations: usize,
    /// Of its alerting rules, in their order.
    pub rules: Vec<RuleReport>,
    /// Rules that would have failed, recording rules too.
    pub failures: Vec<RuleFailure>,
}

/// What one alerting rule would have done.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleReport {
    /// Its place in the group.
    pub place: usize,
    /// By their moments.
    pub transitions: Vec<Transition>,
    /// By when they begin.
    pub episodes: Vec<Episode>,
}

/// A rule that would have failed.
#[derive(Clone, PartialEq, Debug)]
pub struct RuleFailure {
    pub place: usize,
    /// The first time, in milliseconds since 1970.
    pub at_ms: i64,
    pub times: usize,
    /// Why, the first time.
    pub why: Failure,
}

/// An alert that stands otherwise than before.
#[derive(Clone, PartialEq, Debug)]
pub struct Transition {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub labels: Labels,
    /// None: it was not known.
    pub from: Option<AlertState>,
    pub to: AlertState,
}

/// From the moment at which an alert's condition begins to hold to its end. Moments are
/// milliseconds since 1970.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Episode {
    #[serde(serialize_with = "as_text")]
    pub labels: Labels,
    pub pending_since_ms: i64,
    /// None: it was over before it fired.
    pub firing_since_ms: Option<i64>,
    /// None: it lasts to the end of what was looked at.
    pub resolved_at_ms: Option<i64>,
    /// The value furthest beyond the threshold; none of histograms.
    pub peak: Option<f64>,
}

fn as_text<S: serde::Serializer>(labels: &Labels, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(labels)
}

impl RuleReport {
    /// Those that fired: what somebody would have been told of.
    pub fn fired(&self) -> impl Iterator<Item = &Episode> {
        let episodes = self.episodes.iter();
        episodes.filter(|episode| episode.firing_since_ms.is_some())
    }
}

/// What the group would have done in the past.
pub fn run(group: &Group, past: &Past<'_>) -> Report {
    // Nobody reads what it would have said.
    let mut group = group.clone();
    for rule in &mut group.rules {
        if let Makes::Alert(alerting) = &mut rule.makes {
            alerting.annotations.clear();
        }
    }
    let at_once = columns::obstacle(&group).is_none();
    let report = at_once
        .then(|| columns::run(&group, past))
        .and_then(Result::ok);
    report.unwrap_or_else(|| steps::run(&group, past))
}
