//! From a query's answer to what a rule makes of it.

use std::collections::BTreeSet;

use deckwatch_promql::labels::{Labels, METRIC_NAME};
use deckwatch_promql::value::{Sample, SampleValue, Value};
use deckwatch_promql::{Answer, EvalError, Options, Query, SampleSource, When};

use super::alert::Met;
use super::standing::Standing;
use crate::rules::{Alerting, Group, Rule, Words, labels_of};
use crate::template::{Asked, Expander};

/// The label that names an alert.
pub const ALERT_NAME: &str = "alertname";

/// Why a rule gave nothing.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Query(#[from] EvalError),
    #[error("the query gives {0}; a rule needs an instant vector or a scalar")]
    Kind(&'static str),
    #[error("two series have the same labels once the rule's are applied: {0}")]
    Collision(Labels),
    #[error("more than the group's limit of {limit}: {found}")]
    Limit { limit: usize, found: usize },
}

/// The answer of a query at a moment as a vector.
pub(crate) fn instant(
    query: &Query,
    at: i64,
    source: &dyn SampleSource,
    options: &Options,
) -> Result<Vec<Sample>, Failure> {
    let Answer { value, .. } = query.run(When::Instant(at), source, options)?;
    match value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar { t, v } => Ok(vec![Sample {
            labels: Labels::default(),
            t,
            value: SampleValue::Float(v),
        }]),
        Value::String { .. } => Err(Failure::Kind("a text")),
        Value::Matrix(_) => Err(Failure::Kind("a range vector")),
    }
}

/// The labels of a recorded series.
pub(crate) fn named(labels: &Labels, name: &str, added: &Words) -> Labels {
    let named = labels.with(METRIC_NAME, name);
    added.iter().fold(named, |labels, (n, v)| labels.with(n, v))
}

pub(super) fn recorded(
    group: &Group,
    rule: &Rule,
    name: &str,
    found: Vec<Sample>,
) -> Result<Vec<Sample>, Failure> {
    let added = labels_of(group, rule);
    let mut seen = BTreeSet::new();
    let mut given = Vec::with_capacity(found.len());
    for sample in found {
        let labels = named(&sample.labels, name, &added);
        if !seen.insert(labels.clone()) {
            return Err(Failure::Collision(labels));
        }
        given.push(Sample { labels, ..sample });
    }
    let (limit, found) = (group.limit, given.len());
    match limit > 0 && found > limit {
        true => Err(Failure::Limit { limit, found }),
        false => Ok(given),
    }
}

/// The labels of the alert that a series makes; `filled` expands their templates.
pub(crate) fn alert_labels(
    series: &Labels,
    alert: &str,
    added: &Words,
    filled: &mut dyn FnMut(&str) -> String,
) -> Labels {
    let bare = series.without_one(METRIC_NAME);
    let all = added
        .iter()
        .fold(bare, |labels, (n, v)| labels.with(n, &filled(v)));
    all.with(ALERT_NAME, alert)
}

/// What alerts are made with, besides their rule.
pub(super) struct Making<'m> {
    pub group: &'m Group,
    pub at: i64,
    pub source: &'m dyn SampleSource,
    pub expander: &'m Expander,
    pub options: &'m Options,
}

impl Making<'_> {
    /// The series that meet the condition, each with the labels and annotations of its alert.
    pub fn conditions(
        &self,
        rule: &Rule,
        alerting: &Alerting,
        found: Vec<Sample>,
    ) -> Result<Vec<Met>, Failure> {
        let added = labels_of(self.group, rule);
        let mut ask = |text: &str| self.ask(text);
        let mut seen = BTreeSet::new();
        let mut met = Vec::with_capacity(found.len());
        for Sample {
            labels: series,
            value,
            ..
        } in found
        {
            // A template that does not expand keeps no alert from firing.
            let mut filled = |text: &str| {
                let expanded = self
                    .expander
                    .expand(text, &series, &value, self.at, &mut ask);
                expanded.unwrap_or_else(|why| format!("<error expanding template: {why}>"))
            };
            let labels = alert_labels(&series, &alerting.name, &added, &mut filled);
            if !seen.insert(labels.clone()) {
                return Err(Failure::Collision(labels));
            }
            let annotations = alerting.annotations.iter();
            let annotations = annotations.map(|(n, v)| (n.clone(), filled(v))).collect();
            met.push(Met {
                labels,
                annotations,
                value,
            });
        }
        Ok(met)
    }

    /// What a template asks is asked at the moment of evaluation, whatever the group's offset.
    fn ask(&self, text: &str) -> Asked {
        let query = Query::new(text, Default::default()).map_err(|e| e.to_string())?;
        instant(&query, self.at, self.source, self.options).map_err(|e| e.to_string())
    }
}

/// The two samples that tell of an alert: how it stands, and since when. A label of the rule that
/// expands to nothing, so that the alert has none, stands in them as its template: Prometheus has
/// it so, and queries and unit tests see it.
pub(super) fn told(labels: &Labels, added: &Words, standing: &Standing, t: i64) -> [Sample; 2] {
    let lacking = added.iter().filter(|(name, _)| !labels.has(name));
    let labels = lacking.fold(labels.clone(), |labels, (n, v)| labels.with(n, v));
    let sample = |labels: Labels, value: f64| Sample {
        labels,
        t,
        value: SampleValue::Float(value),
    };
    let state = labels.with(METRIC_NAME, "ALERTS");
    let since = labels.with(METRIC_NAME, "ALERTS_FOR_STATE");
    [
        sample(state.with("alertstate", standing.state.word()), 1.0),
        sample(since, standing.active_at.div_euclid(1000) as f64),
    ]
}
