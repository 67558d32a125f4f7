//! One group: its rules in their order, each seeing what those before it recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use deckwatch_promql::labels::{Labels, METRIC_NAME};
use deckwatch_promql::value::{Sample, SampleValue, Value, stale_nan};
use deckwatch_promql::{Answer, EvalError, Head, Options, Query, When};

use super::alert::{Alert, AlertState, Alerts, Change, Met};
use crate::rules::{Alerting, Group, Makes, Rule, Words};
use crate::template::{Ask, Context, expand};

/// The label that names an alert.
const ALERT_NAME: &str = "alertname";

/// A group that is evaluated again and again.
#[derive(Clone, Debug)]
pub struct Evaluation {
    group: Group,
    alerts: Vec<Alerts>,
    /// The series that each rule gave at its newest evaluation.
    gave: Vec<BTreeSet<Labels>>,
}

/// What came of one evaluation.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By the rules' order.
    pub rules: Vec<RuleOutcome>,
}

/// What came of one rule.
#[derive(Clone, Debug, Default)]
pub struct RuleOutcome {
    /// Alerts that stand otherwise than before.
    pub changes: Vec<Change>,
    /// What is recorded, `ALERTS` included, at the moment that was read.
    pub samples: Vec<Sample>,
    pub failure: Option<Failure>,
    /// Samples of this rule that the series had passed already, or has another value of.
    pub refused: usize,
}

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

impl Evaluation {
    pub fn new(group: Group) -> Self {
        let rules = group.rules.len();
        Evaluation {
            group,
            alerts: vec![Alerts::default(); rules],
            gave: vec![BTreeSet::new(); rules],
        }
    }

    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Alerts of the rule at this place, also those that are over but still known.
    pub fn alerts(&self, rule: usize) -> impl Iterator<Item = &Alert> {
        self.alerts.get(rule).into_iter().flat_map(|alerts| alerts.0.values())
    }

    /// Evaluates every rule at `at` (milliseconds since 1970) over what `head` holds by then, and
    /// adds to it what they record. What vanishes is marked as stale there.
    pub fn run(&mut self, at: i64, head: &mut Head, context: &Context, options: &Options) -> Outcome {
        let read = at - self.group.query_offset_ms.unwrap_or(0);
        let mut outcome = Outcome::default();
        for place in 0..self.group.rules.len() {
            let (mut one, given) = self.rule(place, at, read, head, context, options);
            let given = given.unwrap_or_default();
            self.record(place, read, head, &given, &mut one);
            one.samples = given;
            outcome.rules.push(one);
        }
        outcome
    }

    /// One rule, and what it gives; none: it failed.
    fn rule(
        &mut self,
        place: usize,
        at: i64,
        read: i64,
        head: &Head,
        context: &Context,
        options: &Options,
    ) -> (RuleOutcome, Option<Vec<Sample>>) {
        let (group, rule) = (&self.group, &self.group.rules[place]);
        let mut one = RuleOutcome::default();
        let found = vector(&rule.query, read, head, options);
        let given = match &rule.makes {
            Makes::Record(name) => {
                found.and_then(|found| recorded(group, rule, name, found))
            }
            Makes::Alert(alerting) => {
                let asks = context_of(context, rule, (at, read), head, options);
                let met = found.and_then(|found| conditions(group, rule, alerting, found, &asks));
                met.and_then(|met| {
                    let alerts = &mut self.alerts[place];
                    one.changes = alerts.take(alerting, met, at);
                    let active = alerts.active().count();
                    if group.limit > 0 && active > group.limit {
                        one.changes = alerts.forget();
                        let limit = group.limit;
                        return Err(Failure::Limit { limit, found: active });
                    }
                    Ok(told(alerts, read))
                })
            }
        };
        match given {
            Ok(given) => (one, Some(given)),
            Err(failure) => {
                one.failure = Some(failure);
                (one, None)
            }
        }
    }

    /// Into the head; what the rule gave last time and does not give now ends there.
    fn record(&mut self, place: usize, read: i64, head: &mut Head, given: &[Sample], one: &mut RuleOutcome) {
        // After an error nothing is known of the series, neither that they are there nor that
        // they are gone.
        if one.failure.is_some() {
            return;
        }
        let now: BTreeSet<Labels> = given.iter().map(|s| s.labels.clone()).collect();
        for sample in given {
            let taken = head.append(&sample.labels, read, 0, &sample.value);
            one.refused += usize::from(taken.is_err());
        }
        for vanished in self.gave[place].difference(&now) {
            let _ = head.append(vanished, read, 0, &SampleValue::Float(stale_nan()));
        }
        self.gave[place] = now;
    }
}

/// The answer as a vector.
fn vector(query: &Query, at: i64, head: &Head, options: &Options) -> Result<Vec<Sample>, Failure> {
    let Answer { value, .. } = query.run(When::Instant(at), head, options)?;
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

/// The rule's labels, and the group's where the rule has none of that name.
fn labels_of(group: &Group, rule: &Rule) -> Words {
    let mut all = group.labels.clone();
    all.extend(rule.labels.clone());
    all
}

fn recorded(group: &Group, rule: &Rule, name: &str, found: Vec<Sample>) -> Result<Vec<Sample>, Failure> {
    let added = labels_of(group, rule);
    let mut seen = BTreeSet::new();
    let mut given = Vec::with_capacity(found.len());
    for mut sample in found {
        let named = sample.labels.with(METRIC_NAME, name);
        sample.labels = added.iter().fold(named, |labels, (n, v)| labels.with(n, v));
        if !seen.insert(sample.labels.clone()) {
            return Err(Failure::Collision(sample.labels));
        }
        given.push(sample);
    }
    let (limit, found) = (group.limit, given.len());
    match limit > 0 && found > limit {
        true => Err(Failure::Limit { limit, found }),
        false => Ok(given),
    }
}

/// The series that meet the condition, each with the labels and annotations of its alert.
fn conditions(
    group: &Group,
    rule: &Rule,
    alerting: &Alerting,
    found: Vec<Sample>,
    context: &Context,
) -> Result<Vec<Met>, Failure> {
    let added = labels_of(group, rule);
    let mut seen = BTreeSet::new();
    let mut met = Vec::with_capacity(found.len());
    for sample in found {
        let own: Words = sample
            .labels
            .iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        // A template that does not expand keeps no alert from firing.
        let filled = |text: &String| {
            expand(text, &own, &sample.value, context)
                .unwrap_or_else(|why| format!("<error expanding template: {why}>"))
        };
        let labels = added
            .iter()
            .fold(sample.labels.without_one(METRIC_NAME), |labels, (n, v)| labels.with(n, &filled(v)))
            .with(ALERT_NAME, &alerting.name);
        if !seen.insert(labels.clone()) {
            return Err(Failure::Collision(labels));
        }
        let annotations = alerting.annotations.iter();
        met.push(Met {
            labels,
            annotations: annotations.map(|(n, v)| (n.clone(), filled(v))).collect(),
            value: sample.value.clone(),
        });
    }
    Ok(met)
}

/// The context with its `query` answered from what is at hand, if the rule asks for anything.
fn context_of(
    context: &Context,
    rule: &Rule,
    (at, read): (i64, i64),
    head: &Head,
    options: &Options,
) -> Context {
    let annotations = match &rule.makes {
        Makes::Alert(alerting) => Some(&alerting.annotations),
        Makes::Record(_) => None,
    };
    let mut texts = rule.labels.values().chain(annotations.into_iter().flatten().map(|(_, v)| v));
    if !texts.any(|text| text.contains("query")) {
        return Context {
            at_ms: at,
            ..context.clone()
        };
    }
    let (source, options) = (Arc::new(head.clone()), options.clone());
    let ask: Ask = Arc::new(move |text: &str| {
        let query = Query::new(text, Default::default()).map_err(|e| e.to_string())?;
        let answer = query.run(When::Instant(read), source.as_ref(), &options);
        let Answer { value, .. } = answer.map_err(|e| e.to_string())?;
        let samples = match value {
            Value::Vector(samples) => samples,
            Value::Scalar { t, v } => vec![Sample {
                labels: Labels::default(),
                t,
                value: SampleValue::Float(v),
            }],
            _ => return Err("the query gives no vector".to_owned()),
        };
        Ok(samples.iter().filter_map(pair).collect())
    });
    Context {
        at_ms: at,
        ask,
        ..context.clone()
    }
}

fn pair(sample: &Sample) -> Option<(Words, f64)> {
    let SampleValue::Float(value) = sample.value else {
        return None;
    };
    let labels = sample.labels.iter();
    Some((labels.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(), value))
}

/// `ALERTS`, and since when, of everything that is pending or firing.
fn told(alerts: &Alerts, read: i64) -> Vec<Sample> {
    let both = alerts.active().flat_map(|alert| {
        let sample = |labels: Labels, value: f64| Sample {
            labels,
            t: read,
            value: SampleValue::Float(value),
        };
        let state = alert.labels.with(METRIC_NAME, "ALERTS");
        let since = alert.labels.with(METRIC_NAME, "ALERTS_FOR_STATE");
        [
            sample(state.with("alertstate", alert.state.word()), 1.0),
            sample(since, (alert.active_at as f64 / 1000.0).floor()),
        ]
    });
    both.collect()
}
