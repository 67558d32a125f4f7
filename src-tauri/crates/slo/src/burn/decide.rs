//! Whether a pair alerts, and why or why not.
//!
//! Four things must hold. The pace is above the pair's in the long window and in the short one. The
//! bad events of the long window are the pair's share of the whole period's budget, so that a
//! quiet hour is not held to a busy hour's standard. And the pace is no accident of few events:
//! the lower bound of the bad share is above the pair's as well, and it rests on two bad events at
//! the least. One bad request at three in the morning pages nobody.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};
use serde::Serialize;

use super::interval::{lower_bound, surely_above};
use super::pair::{Pair, Severity};
use super::words;
use crate::budget::Budget;
use crate::objective::Objective;
use crate::track::{Events, Prepared, moments};

/// One event is never a rate.
pub const FEWEST_BAD: f64 = 2.0;

/// Whether it alerts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloAlertState")]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // The names say it.
pub enum State {
    Firing,
    Quiet,
    /// Nothing is known of one of the windows.
    NoData,
}

/// How fast a window burnt.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloPace")]
pub struct Burn {
    /// The window.
    pub window: Span,
    /// What was counted in it.
    pub events: Events,
    /// The pace: 1 spends the budget exactly by the end of the period. `None` without events.
    pub pace: Option<f64>,
}

/// What must hold for an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloNeed")]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The long window's pace is above the pair's.
    LongPace,
    /// The short window's too.
    ShortPace,
    /// More than one event was bad.
    FewestBad,
    /// The bad events are the pair's share of the period's budget.
    BudgetSpent,
    /// The lower bound of the bad share is above the pair's.
    LowerBound,
}

/// One need, with its figures.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloCondition")]
pub struct Condition {
    /// Which.
    pub need: Need,
    /// What was found: a pace, a number of events or a share.
    pub found: f64,
    /// What it is held against, in the same unit.
    pub bound: f64,
    /// Whether it holds.
    pub holds: bool,
}

/// A pair's answer at a moment.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloDecision")]
pub struct Decision {
    /// The group; empty when there is only one.
    pub labels: BTreeMap<String, String>,
    /// The pair.
    pub pair: Pair,
    /// Its answer.
    pub state: State,
    /// The moment that it is about.
    pub as_of: Timestamp,
    /// The long window.
    pub long: Burn,
    /// The short one.
    pub short: Burn,
    /// The events of a whole period; projected where fewer are known.
    pub period_total: f64,
    /// How much of the period is known.
    pub history: Span,
    /// What must hold, in the order in which it is said.
    pub conditions: Vec<Condition>,
    /// How many bad events in the long window would alert at its traffic; `None` if no number
    /// would.
    pub needed: Option<f64>,
    /// When the rolling budget is gone at the long window's pace; zero if it is already, `None`
    /// without a pace.
    pub gone_in: Option<Span>,
    /// How the pace comes about: `14.4 = 2 % · 30d / 1h`.
    pub formula: String,
    /// In words.
    pub words: String,
}

impl Decision {
    /// Whether somebody should be woken.
    pub fn pages(&self) -> bool {
        self.state == State::Firing && self.pair.severity == Severity::Page
    }
}

/// A window's pace at a moment.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct BurnPoint {
    /// The moment.
    pub at: Timestamp,
    /// The pace; `None` without events.
    pub pace: Option<f64>,
}

impl Objective {
    /// A window's pace as a line: at each of `points` moments up to `now`, `step` apart, the
    /// newest last.
    pub fn burn_line(
        &self,
        track: &Prepared,
        window: Span,
        now: Timestamp,
        step: Span,
        points: usize,
    ) -> Vec<BurnPoint> {
        moments(track.as_of(now), step, points)
            .map(|at| BurnPoint {
                at,
                pace: self.burn_over(track, window, at).pace,
            })
            .collect()
    }

    /// What each of its pairs says of a group, in the pairs' order.
    pub fn decide(&self, track: &Prepared, now: Timestamp) -> Vec<Decision> {
        let (pairs, _) = self.pairs();
        pairs
            .into_iter()
            .map(|pair| self.decide_pair(pair, track, now))
            .collect()
    }

    /// What one pair says of a group.
    pub fn decide_pair(&self, pair: Pair, track: &Prepared, now: Timestamp) -> Decision {
        let period = self.period.nominal();
        let as_of = track.as_of(now);
        let (long, short) = (
            self.burn_over(track, pair.long, as_of),
            self.burn_over(track, pair.short, as_of),
        );
        let history = track.counted_time(as_of.minus(period.duration()), as_of);
        let spent = track.last(period, as_of);
        let period_total = projected(spent.total, history, period);
        let traffic = Traffic {
            pair,
            budget: self.target.budget(),
            share: pair.share(period),
            long_total: long.events.total,
            period_total,
        };
        let conditions = traffic.conditions(long.events.bad, short.pace);
        let unknown = |window: Span| !track.answers(as_of.minus(window.duration()), as_of);
        let state = if unknown(pair.long) || unknown(pair.short) {
            State::NoData
        } else if conditions.iter().all(|c| c.holds) {
            State::Firing
        } else {
            State::Quiet
        };
        let left = Budget::of(spent, self.target).left;
        let mut decision = Decision {
            labels: track.track().labels.clone(),
            pair,
            state,
            as_of,
            long,
            short,
            period_total,
            history,
            conditions,
            needed: traffic.needed(),
            gone_in: long.pace.and_then(|pace| gone_in(left, pace, period)),
            formula: pair.formula(period),
            words: String::new(),
        };
        decision.words = words::decision(&decision, self);
        decision
    }

    /// How fast the budget burnt in the last `window`.
    pub fn burn_over(&self, track: &Prepared, window: Span, to: Timestamp) -> Burn {
        let events = track.last(window, to);
        Burn {
            window,
            events,
            pace: events.bad_share().map(|bad| bad / self.target.budget()),
        }
    }
}

/// The events of a whole period from those of a part of it.
fn projected(total: f64, history: Span, period: Span) -> f64 {
    if history >= period || history == Span::ZERO {
        total
    } else {
        total * period.as_secs_f64() / history.as_secs_f64()
    }
}

/// Ten years: what lasts longer is not worth telling.
const LONGEST: f64 = 3_650.0 * 86_400.0;

fn gone_in(left: f64, pace: f64, period: Span) -> Option<Span> {
    if left <= 0.0 {
        return Some(Span::ZERO);
    }
    if pace <= 0.0 {
        return None;
    }
    let seconds = left * period.as_secs_f64() / pace;
    (seconds <= LONGEST).then(|| Span::from_millis((seconds * 1000.0) as u64))
}

/// What a pair is held against at some traffic.
struct Traffic {
    pair: Pair,
    budget: f64,
    share: f64,
    long_total: f64,
    period_total: f64,
}

impl Traffic {
    /// The bad events that are the pair's share of the period's budget.
    fn spent(&self) -> f64 {
        self.share * self.budget * self.period_total
    }

    /// The pace of the long window with so many bad events.
    fn pace(&self, bad: f64) -> f64 {
        if self.long_total > 0.0 {
            bad / self.long_total / self.budget
        } else {
            0.0
        }
    }

    /// Counts that come out of rates are no whole numbers: half a percent of an event is rounding.
    fn enough(found: f64, bound: f64) -> bool {
        found + 0.005 >= bound
    }

    fn conditions(&self, bad: f64, short_pace: Option<f64>) -> Vec<Condition> {
        let factor = self.pair.factor;
        let (pace, short) = (self.pace(bad), short_pace.unwrap_or(0.0));
        let (alerting, spent) = (factor * self.budget, self.spent());
        let lower = lower_bound(bad, self.long_total);
        let enough = Self::enough;
        [
            (Need::LongPace, pace, factor, pace > factor),
            (Need::ShortPace, short, factor, short > factor),
            (Need::FewestBad, bad, FEWEST_BAD, enough(bad, FEWEST_BAD)),
            (Need::BudgetSpent, bad, spent, enough(bad, spent)),
            (Need::LowerBound, lower, alerting, lower > alerting),
        ]
        .into_iter()
        .map(|(need, found, bound, holds)| Condition {
            need,
            found,
            bound,
            holds,
        })
        .collect()
    }

    /// Whether so many bad events in the long window would alert, if the short one agreed.
    fn alerts(&self, bad: f64) -> bool {
        self.pace(bad) > self.pair.factor
            && Self::enough(bad, FEWEST_BAD)
            && Self::enough(bad, self.spent())
            && surely_above(bad, self.long_total, self.pair.factor * self.budget)
    }

    /// The fewest bad events in the long window that would alert at its traffic. More bad events
    /// never undo a condition, so halving finds it.
    fn needed(&self) -> Option<f64> {
        let (mut low, mut high) = (0.0, self.long_total.floor());
        if high < 1.0 || !self.alerts(high) {
            return None;
        }
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0_f64).floor();
            if self.alerts(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }
}
