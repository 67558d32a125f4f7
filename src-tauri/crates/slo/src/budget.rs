//! What may be bad, what was, and what is left.
//!
//! There are two budgets and they are not the same. The *rolling* one looks back from now over the
//! period's length: losses leave it again as they grow old. The *period's* one begins full with the
//! calendar and only goes down ([`crate::ledger`]).

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};
use serde::Serialize;

use crate::figures::{count, exact_percent, percent};
use crate::objective::{Exclusion, NoData, Objective};
use crate::period::PeriodSpan;
use crate::target::Target;
use crate::track::{Events, Prepared, Track, moments};

/// A budget of events: the ratio of sums of what was counted, never a mean of ratios.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Budget {
    /// What was counted.
    pub events: Events,
    /// How many events may be bad.
    pub allowed: f64,
    /// The share that was good; `None` without events.
    pub good: Option<f64>,
    /// The share of the budget that is left: 1 is all of it, below zero is overspent. All of it
    /// without events: nothing was spent.
    pub left: f64,
}

impl Budget {
    /// The budget of these events.
    pub fn of(events: Events, target: Target) -> Self {
        let allowed = events.total * target.budget();
        Budget {
            events,
            allowed,
            good: events.bad_share().map(|bad| 1.0 - bad),
            left: if allowed > 0.0 {
                1.0 - events.bad / allowed
            } else {
                1.0
            },
        }
    }

    /// What is left in events; below zero when overspent.
    pub fn left_events(&self) -> f64 {
        self.allowed - self.events.bad
    }

    /// In words, with the figures it is made of.
    pub fn words(&self, noun: &str) -> String {
        if self.events.total <= 0.0 {
            return format!("No {noun} was counted; nothing of the budget is spent.");
        }
        let counted = format!(
            "{} of {} {noun}s were bad, {} may be",
            count(self.events.bad),
            count(self.events.total),
            count(self.allowed)
        );
        if self.left >= 0.0 {
            format!("{counted}: {} of the budget is left.", percent(self.left))
        } else {
            format!(
                "{counted}: the budget is overspent by {}.",
                percent(-self.left)
            )
        }
    }
}

/// A target as a length of time, worked out: `0.05 % of 30d is 21.6 minutes`.
pub fn arithmetic(target: Target, period: Span) -> String {
    let minutes = target.budget() * period.as_secs_f64() / 60.0;
    let said = if minutes >= 120.0 {
        format!("{} hours", crate::figures::number(minutes / 60.0))
    } else {
        format!("{} minutes", crate::figures::number(minutes))
    };
    format!("{} of {period} is {said}", exact_percent(target.budget()))
}

/// A budget over a stretch of time, and how much of the stretch is known.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Standing {
    /// The group; empty when there is only one.
    pub labels: BTreeMap<String, String>,
    /// The stretch.
    pub span: PeriodSpan,
    /// The budget.
    pub budget: Budget,
    /// The moment that it is about: earlier than asked where the objective holds still without
    /// data.
    pub as_of: Timestamp,
    /// What exclusions took out.
    pub excluded: Events,
    /// Slots of which nothing is known.
    pub missing: usize,
    /// Slots that are known.
    pub known: usize,
}

impl Objective {
    /// The events of one group as they count for this objective. `more` are exclusions from
    /// elsewhere, such as a calendar of maintenance.
    pub fn prepare(&self, track: &Track, more: &[Exclusion]) -> Prepared {
        let mut exclusions = self.exclusions.clone();
        exclusions.extend_from_slice(more);
        track.prepare(self.no_data, &exclusions)
    }

    /// The budget over the period's length, looking back from `now`, whether the period rolls or
    /// follows the calendar.
    pub fn rolling(&self, track: &Prepared, now: Timestamp) -> Standing {
        let length = self.period.nominal();
        let as_of = track.as_of(now);
        self.standing(
            track,
            PeriodSpan {
                title: format!("last {length}"),
                from: as_of.minus(length.duration()),
                to: as_of,
            },
            as_of,
        )
    }

    /// The budget of a stretch, up to `now` if it is not over.
    pub(crate) fn standing(&self, track: &Prepared, span: PeriodSpan, now: Timestamp) -> Standing {
        let as_of = track.as_of(now);
        let to = span.to.min(as_of);
        let (known, missing) = track.coverage(span.from, to);
        Standing {
            labels: track.track().labels.clone(),
            budget: Budget::of(track.window(span.from, to), self.target),
            as_of,
            excluded: track.excluded(span.from, to),
            missing,
            known,
            span,
        }
    }

    /// The rolling budget as a line: one value at each of `points` moments up to `now`, `step`
    /// apart, the newest last.
    pub fn rolling_line(
        &self,
        track: &Prepared,
        now: Timestamp,
        step: Span,
        points: usize,
    ) -> Vec<(Timestamp, Budget)> {
        let length = self.period.nominal();
        moments(track.as_of(now), step, points)
            .map(|at| (at, Budget::of(track.last(length, at), self.target)))
            .collect()
    }
}

/// All groups, the one with the least of its budget left first; of equals, the one with more bad
/// events, then by name.
pub fn worst_first(mut groups: Vec<Standing>) -> Vec<Standing> {
    groups.sort_by(|a, b| {
        let by_left = a.budget.left.total_cmp(&b.budget.left);
        let by_bad = b.budget.events.bad.total_cmp(&a.budget.events.bad);
        by_left.then(by_bad).then_with(|| a.labels.cmp(&b.labels))
    });
    groups
}

/// What a hole counts as, in words.
pub fn policy(no_data: NoData) -> &'static str {
    match no_data {
        NoData::Bad => "a time without data counts as if every usual event had been bad",
        NoData::Ignore => "a time without data does not count",
        NoData::Hold => "without data the last known figures stand",
    }
}
