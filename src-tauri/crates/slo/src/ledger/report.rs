//! A period's report, as data.

use deckwatch_domain::{Span, Timestamp};
use serde::Serialize;

use super::{Cause, CauseKind, Ledger, Part};
use crate::budget::{Budget, Standing, arithmetic, worst_first};
use crate::figures::{count, percent, rough};
use crate::objective::{Exclusion, Objective};
use crate::period::{Period, PeriodSpan};
use crate::target::Target;
use crate::track::{Events, Prepared, Track, TrackError};

/// One day.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Day {
    /// Its date where the period's midnight is.
    pub date: String,
    /// What was counted.
    pub events: Events,
    /// The share of the period's budget that it took.
    pub points: f64,
}

/// A period, told.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Report {
    /// The objective's name.
    pub objective: String,
    /// Whose.
    pub service: String,
    /// What was promised.
    pub target: Target,
    /// Whether it was kept; `None` when nothing was counted.
    pub kept: Option<bool>,
    /// The budget of all groups together.
    pub budget: Budget,
    /// The ledger of all groups together.
    pub ledger: Ledger,
    /// The groups, the worst first.
    pub groups: Vec<Standing>,
    /// The days.
    pub days: Vec<Day>,
    /// The period before, if anything is known of it.
    pub before: Option<Budget>,
    /// What was cut out, with reason and author.
    pub exclusions: Vec<Exclusion>,
    /// How long nothing was known.
    pub unknown: Span,
    /// The target worked out as a length of time.
    pub arithmetic: String,
    /// What there is to say, in sentences.
    pub words: Vec<String>,
}

impl Objective {
    /// The report of the calendar's period that `within` is in, as far as `now` knows it; a month
    /// where the objective's own period rolls.
    ///
    /// # Errors
    /// If the groups' tracks stand on different grids.
    pub fn report(
        &self,
        groups: &[Track],
        within: Timestamp,
        now: Timestamp,
        causes: &[Cause],
        more: &[Exclusion],
    ) -> Result<Report, TrackError> {
        let period = match &self.period {
            Period::Rolling(_) => Period::Calendar {
                unit: crate::period::CalendarUnit::Month,
                zone: crate::period::Zone::utc(),
            },
            calendar => calendar.clone(),
        };
        let span = period.around(within);
        let all = self.prepare(&Track::sum(groups)?, more);
        let ledger = self.ledger_of(&all, span.clone(), now, causes, more, 0);
        let budget = Budget::of(ledger.events, self.target);
        let standings = groups
            .iter()
            .map(|track| self.standing(&self.prepare(track, more), span.clone(), now));
        let groups = worst_first(standings.collect());
        let before = period.before(within);
        let known = all.coverage(before.from, before.to).0 > 0;
        let before = known.then(|| Budget::of(all.window(before.from, before.to), self.target));
        let exclusions = self.exclusions.iter().chain(more);
        let exclusions = exclusions.filter(|e| e.from < span.to && e.to > span.from);
        let until = span.to.min(ledger.as_of);
        let missing = all.coverage(span.from, until).1 as u64;
        let mut report = Report {
            objective: self.name.clone(),
            service: self.service.to_string(),
            target: self.target,
            kept: (budget.events.total > 0.0).then_some(budget.left >= 0.0),
            budget,
            groups,
            days: days(&all, &period, &span, until, ledger.allowed),
            before,
            exclusions: exclusions.cloned().collect(),
            unknown: Span::from_millis(all.track().step.as_millis().saturating_mul(missing)),
            arithmetic: arithmetic(self.target, span.length()),
            ledger,
            words: Vec::new(),
        };
        report.words = words(&report, self.indicator.noun());
        Ok(report)
    }
}

fn days(
    track: &Prepared,
    period: &Period,
    span: &PeriodSpan,
    until: Timestamp,
    allowed: f64,
) -> Vec<Day> {
    let zone = period.zone();
    let mut days = Vec::new();
    let mut from = span.from;
    while from < until && days.len() < 400 {
        let (_, next) = zone.day(from);
        if next <= from {
            break;
        }
        let events = track.window(from, next.min(until));
        days.push(Day {
            date: zone.date(from),
            events,
            points: if allowed > 0.0 {
                events.bad / allowed
            } else {
                0.0
            },
        });
        from = next;
    }
    days
}

fn words(report: &Report, noun: &str) -> Vec<String> {
    let title = &report.ledger.span.title;
    let so_far = if report.ledger.closed { "" } else { " so far" };
    let mut said = Vec::new();
    let good = report.budget.good.map(percent);
    said.push(match (report.kept, good) {
        (Some(true), Some(good)) => {
            format!("{title}{so_far}: {good} good; {} was kept.", report.target)
        }
        (Some(false), Some(good)) => {
            format!(
                "{title}{so_far}: {good} good; {} was missed.",
                report.target
            )
        }
        _ => format!("{title}{so_far}: no {noun} was counted."),
    });
    said.push(report.budget.words(noun));
    said.push(format!("{}.", report.arithmetic));
    for part in &report.ledger.parts {
        said.push(part_words(part));
    }
    if let [worst, _, ..] = report.groups.as_slice() {
        let names = worst.labels.values().cloned().collect::<Vec<_>>();
        said.push(format!(
            "The worst group is {}: {} of its budget is left.",
            names.join(", "),
            percent(worst.budget.left)
        ));
    }
    if report.unknown > Span::ZERO {
        said.push(format!("Nothing is known of {}.", rough(report.unknown)));
    }
    if let Some(before) = &report.before {
        said.push(format!(
            "The period before had {} of its budget left.",
            percent(before.left)
        ));
    }
    said
}

fn part_words(part: &Part) -> String {
    let (bad, points) = (count(part.bad), percent(part.points));
    match part.kind {
        CauseKind::Exclusion => {
            format!(
                "Cut out ({}): {bad} bad, which would have been {points}.",
                part.title
            )
        }
        CauseKind::Unknown => format!("No cause is known of {bad} bad, {points} of the budget."),
        CauseKind::Incident | CauseKind::Rollout => {
            format!("{} took {bad} bad, {points} of the budget.", part.title)
        }
    }
}
