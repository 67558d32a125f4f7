//! The period's ledger: a budget that begins full with the calendar and only goes down, and who
//! took what of it.
//!
//! How many events a whole period allows to be bad is known only at its end. Until then what has
//! been counted is carried on at its own rate, so that the line falls with each loss and does not
//! rise with traffic.

mod attribute;
mod forecast;
mod report;

use deckwatch_domain::{Span, Timestamp};
use serde::Serialize;

use crate::figures::{number, of, percent};
use crate::objective::{Exclusion, Objective};
use crate::period::PeriodSpan;
use crate::track::{Events, Prepared};

pub use attribute::{Cause, CauseKind, Part};
pub use forecast::{Forecast, Horizon};
pub use report::{Day, Report};

/// One moment of the line.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "LedgerPoint")]
pub struct Point {
    /// The moment.
    pub at: Timestamp,
    /// The share of the period's budget left then.
    pub left: f64,
    /// The bad events so far.
    pub bad: f64,
}

/// A period's budget and what became of it.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloLedger")]
pub struct Ledger {
    /// The period.
    pub span: PeriodSpan,
    /// The moment that it is about.
    pub as_of: Timestamp,
    /// Whether the period is over.
    pub closed: bool,
    /// What was counted, exclusions left out.
    pub events: Events,
    /// What exclusions took out.
    pub excluded: Events,
    /// The events of the whole period; carried on while it runs.
    pub expected: f64,
    /// How many of them may be bad.
    pub allowed: f64,
    /// The budget as minutes in which everything fails.
    pub allowed_minutes: f64,
    /// The share that is left; below zero when overspent.
    pub left: f64,
    /// The moment from which nothing was left.
    pub gone_at: Option<Timestamp>,
    /// Who took what, the largest first, "unknown" last. Their bad events are exactly those
    /// counted and those excluded.
    pub parts: Vec<Part>,
    /// The line, oldest first.
    pub line: Vec<Point>,
}

impl Objective {
    /// The ledger of the period that `at` is in. `causes` are the incidents and rollouts that may
    /// have spent it, `more` exclusions from elsewhere (those that `track` was prepared with).
    pub fn ledger(
        &self,
        track: &Prepared,
        at: Timestamp,
        causes: &[Cause],
        more: &[Exclusion],
        points: usize,
    ) -> Ledger {
        self.ledger_of(track, self.period.around(at), at, causes, more, points)
    }

    /// The ledger of any stretch.
    pub fn ledger_of(
        &self,
        track: &Prepared,
        span: PeriodSpan,
        now: Timestamp,
        causes: &[Cause],
        more: &[Exclusion],
        points: usize,
    ) -> Ledger {
        let mut exclusions = self.exclusions.clone();
        exclusions.extend_from_slice(more);
        let standing = self.standing(track, span.clone(), now);
        let events = standing.budget.events;
        let until = span.to.min(standing.as_of);
        let closed = now >= span.to;
        let expected = if closed {
            events.total
        } else {
            let known = track.counted_time(span.from, until).as_secs_f64();
            let open = open_seconds(until, span.to, &exclusions);
            if known > 0.0 {
                events.total + events.total / known * open
            } else {
                events.total
            }
        };
        let allowed = expected * self.target.budget();
        let line = line(track, &span, until, allowed, points);
        Ledger {
            as_of: standing.as_of,
            closed,
            events,
            excluded: standing.excluded,
            expected,
            allowed,
            allowed_minutes: self.target.budget() * span.length().as_secs_f64() / 60.0,
            left: share_left(events.bad, allowed),
            gone_at: gone_at(track, &span, until, allowed),
            parts: attribute::parts(track, &exclusions, causes, span.from, until, allowed),
            line,
            span,
        }
    }
}

fn share_left(bad: f64, allowed: f64) -> f64 {
    if allowed > 0.0 {
        1.0 - bad / allowed
    } else {
        1.0
    }
}

fn line(
    track: &Prepared,
    span: &PeriodSpan,
    until: Timestamp,
    allowed: f64,
    points: usize,
) -> Vec<Point> {
    let length = until.since(span.from).as_millis() as u64;
    if points < 2 || length == 0 {
        return Vec::new();
    }
    let last = points as u64 - 1;
    let moments = (0..=last).map(|i| {
        let since = u128::from(length) * u128::from(i) / u128::from(last);
        span.from.plus(Span::from_millis(since as u64).duration())
    });
    moments
        .map(|at| {
            let bad = track.window(span.from, at).bad;
            Point {
                at,
                left: share_left(bad, allowed),
                bad,
            }
        })
        .collect()
}

fn gone_at(
    track: &Prepared,
    span: &PeriodSpan,
    until: Timestamp,
    allowed: f64,
) -> Option<Timestamp> {
    let slots = track.track().slots_between(span.from, until);
    let mut bad = 0.0;
    for slot in slots {
        if !track.is_excluded(slot) {
            bad += track.slot(slot).bad;
        }
        if bad > 0.0 && bad >= allowed {
            return Some(track.track().start(slot + 1).min(until));
        }
    }
    None
}

/// The seconds between two moments that no exclusion covers.
fn open_seconds(from: Timestamp, to: Timestamp, exclusions: &[Exclusion]) -> f64 {
    let mut cuts: Vec<(Timestamp, Timestamp)> = exclusions
        .iter()
        .map(|e| (e.from.max(from), e.to.min(to)))
        .filter(|(a, b)| a < b)
        .collect();
    cuts.sort();
    let mut open = to.since(from).as_secs_f64();
    let mut reached = from;
    for (a, b) in cuts {
        open -= b.since(a.max(reached)).as_secs_f64();
        reached = reached.max(b);
    }
    open.max(0.0)
}

impl Ledger {
    /// What there is to say first: how it stands, where it goes, and who took it. A point is a
    /// hundredth of the period's budget.
    pub fn headline(&self, forecast: Option<&Forecast>) -> String {
        let title = &self.span.title;
        let stands = if self.left < 0.0 {
            format!("already overspent by {}", percent(-self.left))
        } else {
            format!("of which {} is left", percent(self.left))
        };
        let mut said = match forecast.filter(|f| !self.closed && f.points_per_hour > 0.0) {
            Some(forecast) => format!(
                "At this pace the budget of {title}, {stands}, loses another {} points an hour.",
                number(forecast.points_per_hour * 100.0)
            ),
            None if self.left < 0.0 => {
                format!(
                    "The budget of {title} is overspent by {}.",
                    percent(-self.left)
                )
            }
            None => format!("Of the budget of {title} {} is left.", percent(self.left)),
        };
        let taken: Vec<String> = [
            (CauseKind::Incident, "incident"),
            (CauseKind::Rollout, "rollout"),
        ]
        .into_iter()
        .filter_map(|(kind, noun)| {
            let parts = self.parts.iter().filter(|p| p.kind == kind);
            let points: f64 = parts.clone().map(|p| p.points * 100.0).sum();
            let n = parts.count() as f64;
            (n > 0.0).then(|| format!("{} took {}", of(n, noun), number(points)))
        })
        .collect();
        if !taken.is_empty() {
            said.push_str(&format!(" Of its points {}.", taken.join(" and ")));
        }
        said
    }
}
