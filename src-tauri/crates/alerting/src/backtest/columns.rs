//! A rule's query, asked once for the whole time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deckwatch_promql::ast::{At, Expr, Length, Shift, VectorSelector};
use deckwatch_promql::labels::{Labels, METRIC_NAME};
use deckwatch_promql::value::{FloatPoint, Series, Value, stale_nan};
use deckwatch_promql::{MatchOp, Query, SampleSource, Selection, SeriesSamples, SourceError, When};

use super::track::{Curve, Tracks, Worst};
use super::{Moments, Past, Report, RuleReport};
use crate::eval::{Lengths, alert_labels, merged, named};
use crate::rules::{Alerting, Group, Makes, Rule, Words, labels_of};
use crate::template::is_template;

/// Moments that are asked for at once: so much is held of a query at a time.
const AT_ONCE: usize = 8192;

/// Why a group has to go from moment to moment.
pub(super) fn obstacle(group: &Group) -> Option<String> {
    if group.limit > 0 {
        return Some("the group has a limit".into());
    }
    // What this rule or one after it records, from the end.
    let mut later: BTreeSet<&str> = BTreeSet::new();
    for rule in group.rules.iter().rev() {
        match &rule.makes {
            Makes::Record(name) => {
                later.insert(name);
            }
            Makes::Alert(_) => {
                if labels_of(group, rule)
                    .values()
                    .any(|text| is_template(text))
                {
                    return Some(format!("labels of {} depend on its value", rule.name()));
                }
            }
        }
        if let Some(why) = of_expr(rule.query.expr(), &later) {
            return Some(format!("{} {why}", rule.name()));
        }
    }
    None
}

fn of_expr(expr: &Expr, later: &BTreeSet<&str>) -> Option<String> {
    let own = match expr {
        Expr::Vector(selector) => of_selector(selector, later),
        Expr::Matrix(matrix) => {
            of_selector(&matrix.selector, later).or_else(|| of_length(&matrix.range))
        }
        Expr::Subquery(subquery) => {
            let step = subquery.step.as_ref();
            of_shift(&subquery.shift)
                .or_else(|| of_length(&subquery.range))
                .or_else(|| step.and_then(of_length))
        }
        Expr::Call(call) if ["start", "end", "step", "range"].contains(&call.function.name) => {
            Some(RANGE)
        }
        _ => None,
    };
    let own = own.map(str::to_owned);
    own.or_else(|| {
        expr.children()
            .into_iter()
            .find_map(|child| of_expr(child, later))
    })
}

const RANGE: &str = "depends on the range that is asked for";

fn of_selector(selector: &VectorSelector, later: &BTreeSet<&str>) -> Option<&'static str> {
    let mut matchers = selector.matchers.iter();
    let name = matchers.find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal);
    match name.map(|m| m.value()) {
        None => Some("reads series of any name"),
        Some("ALERTS" | "ALERTS_FOR_STATE") => Some("reads the states of alerts"),
        Some(name) if later.contains(name) => Some("reads what is recorded later"),
        Some(_) => of_shift(&selector.shift),
    }
}

fn of_shift(shift: &Shift) -> Option<&'static str> {
    match shift.at {
        Some(At::Start | At::End) => Some(RANGE),
        _ => of_length(&shift.offset),
    }
}

fn of_length(length: &Length) -> Option<&'static str> {
    matches!(length, Length::Expr(_)).then_some(RANGE)
}

/// What was asked for does not come out of whole columns.
pub(super) struct Unfit(pub String);

/// What the rules recorded, over the past.
pub(super) struct Recorded<'s> {
    below: &'s dyn SampleSource,
    by_name: BTreeMap<String, Vec<Arc<SeriesSamples>>>,
}

impl SampleSource for Recorded<'_> {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError> {
        let below = self.below.select(selection)?;
        let Some(above) = selection.name().and_then(|name| self.by_name.get(name)) else {
            return Ok(below);
        };
        let above = above
            .iter()
            .filter(|series| selection.wants(&series.labels));
        Ok(merged(below, above.cloned().collect()))
    }
}

pub(super) fn run(group: &Group, past: &Past<'_>) -> Result<Report, Unfit> {
    let mut recorded = Recorded::new(past);
    let mut report = Report {
        evaluations: past.moments.count(),
        ..Report::default()
    };
    for (place, rule) in group.rules.iter().enumerate() {
        match &rule.makes {
            Makes::Record(name) => recorded.record(group, rule, name, past)?,
            Makes::Alert(alerting) => {
                let found = recorded.alert(group, place, rule, alerting, past)?;
                report.rules.push(found);
            }
        }
    }
    Ok(report)
}

impl<'s> Recorded<'s> {
    pub fn new(past: &Past<'s>) -> Self {
        Recorded {
            below: past.source,
            by_name: BTreeMap::new(),
        }
    }

    /// Asks in parts, and hands each on with its moments (first and one past the last).
    pub fn ask(
        &self,
        query: &Query,
        group: &Group,
        past: &Past<'_>,
        take: &mut dyn FnMut((usize, usize), Vec<Series>) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        let (moments, offset) = (past.moments, group.query_offset_ms.unwrap_or(0));
        let count = moments.count();
        for first in (0..count).step_by(AT_ONCE) {
            let end = count.min(first + AT_ONCE);
            let when = When::Range {
                start: moments.at(first).saturating_sub(offset),
                end: moments.at(end - 1).saturating_sub(offset),
                step: moments.step_ms,
            };
            let answer = query.run(when, self, past.options);
            match answer.map_err(|why| Unfit(why.to_string()))?.value {
                Value::Matrix(series) => take((first, end), series)?,
                _ => return Err(Unfit("the query gives no series".into())),
            }
        }
        Ok(())
    }

    pub fn record(
        &mut self,
        group: &Group,
        rule: &Rule,
        name: &str,
        past: &Past<'_>,
    ) -> Result<(), Unfit> {
        let added = labels_of(group, rule);
        let mut all: BTreeMap<Labels, Vec<FloatPoint>> = BTreeMap::new();
        self.ask(&rule.query, group, past, &mut |_, found| {
            let mut seen = BTreeSet::new();
            for series in found {
                let labels = named(&series.labels, name, &added);
                if !series.histograms.is_empty() || !seen.insert(labels.clone()) {
                    return Err(Unfit(format!("{labels} is recorded twice, or a histogram")));
                }
                all.entry(labels).or_default().extend(series.floats);
            }
            Ok(())
        })?;
        let last = past.moments.at(past.moments.count().saturating_sub(1));
        let last = last.saturating_sub(group.query_offset_ms.unwrap_or(0));
        let kept = self.by_name.entry(name.to_owned()).or_default();
        for (labels, points) in all {
            if kept.iter().any(|series| series.labels == labels) {
                return Err(Unfit(format!("{labels} is recorded by two rules")));
            }
            kept.push(Arc::new(SeriesSamples {
                labels,
                floats: ended(&points, past.moments.step_ms, last),
                ..SeriesSamples::default()
            }));
        }
        Ok(())
    }

    fn alert(
        &self,
        group: &Group,
        place: usize,
        rule: &Rule,
        alerting: &Alerting,
        past: &Past<'_>,
    ) -> Result<RuleReport, Unfit> {
        let added = labels_of(group, rule);
        let offset = group.query_offset_ms.unwrap_or(0);
        let mut tracks = Tracks::new(place, Lengths::from(alerting), Worst::of(rule));
        self.ask(&rule.query, group, past, &mut |part, found| {
            let curves = labelled(found, &alerting.name, &added)?;
            let curves = curves.iter().map(|(labels, points)| Curve {
                labels: labels.clone(),
                points,
            });
            tracks.feed(&past.moments, part, offset, curves, &|_| true);
            Ok(())
        })?;
        Ok(tracks.report())
    }
}

/// The series with the labels of their alerts.
pub(super) fn labelled(
    found: Vec<Series>,
    alert: &str,
    added: &Words,
) -> Result<Vec<(Labels, Vec<FloatPoint>)>, Unfit> {
    let mut seen = BTreeSet::new();
    let labelled = found.into_iter().map(|series| {
        // None of them is a template.
        let labels = alert_labels(&series.labels, alert, added, &mut str::to_owned);
        if !series.histograms.is_empty() || !seen.insert(labels.clone()) {
            return Err(Unfit(format!("{labels} is there twice, or a histogram")));
        }
        Ok((labels, series.floats))
    });
    labelled.collect()
}

/// With a marker where the series is not given any more at the next moment.
fn ended(points: &[FloatPoint], step_ms: i64, last: i64) -> Vec<FloatPoint> {
    let mut out = Vec::with_capacity(points.len() + 8);
    for (nth, point) in points.iter().enumerate() {
        out.push(*point);
        let due = point.t + step_ms;
        let next = points.get(nth + 1).map(|p| p.t);
        if next != Some(due) && due <= last {
            out.push(FloatPoint {
                t: due,
                v: stale_nan(),
            });
        }
    }
    out
}

impl Moments {
    /// All of them in one part.
    pub(super) fn whole(&self) -> (usize, usize) {
        (0, self.count())
    }
}
