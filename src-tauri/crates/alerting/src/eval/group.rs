//! One group: its rules in their order, each seeing what those before it recorded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deckwatch_promql::Options;
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::{Sample, SampleValue, stale_nan};

use super::alert::{Alert, Alerts, Change, Due};
use super::recorder::Recorder;
use super::vector::{Failure, Making, instant, recorded, told};
use crate::rules::{Group, INTERVAL_MS, Makes, Rule, Words, labels_of};
use crate::template::Expander;

/// A group that is evaluated again and again.
#[derive(Clone, Debug)]
pub struct Evaluation {
    pub(super) group: Group,
    /// By the rules' order.
    pub(super) kept: Vec<Kept>,
    /// Series of rules that are no more; their end is not recorded yet.
    orphans: BTreeSet<Labels>,
    /// Evaluations to come before what was pending is known again; until then nothing is told of
    /// alerts in samples.
    pub(super) awaits: u8,
}

/// What is kept of a rule from evaluation to evaluation.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub alerts: Alerts,
    /// The series that it gave at its newest evaluation.
    pub gave: BTreeSet<Labels>,
}

/// What has to be known of a group to go on with it, by the rules' order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Remembered {
    pub alerts: Vec<Vec<Alert>>,
    /// The series that each rule gave at its newest evaluation.
    pub gave: Vec<Vec<Labels>>,
}

/// What came of one evaluation.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// By the rules' order.
    pub rules: Vec<RuleOutcome>,
}

/// What came of one rule.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleOutcome {
    /// Alerts that stand otherwise than before.
    pub changes: Vec<Change>,
    /// Alerts that whoever is told of alerts is to be told of now.
    pub due: Vec<Due>,
    /// What is recorded, `ALERTS` included, at the moment that was read.
    pub samples: Vec<Sample>,
    /// Series that ended, at the same moment.
    pub ended: Vec<Labels>,
    pub failure: Option<Failure>,
    /// Samples of this rule that the series had passed already, or has another value of.
    pub refused: usize,
}

impl Evaluation {
    /// A group that nothing is known of yet.
    pub fn new(group: Group) -> Self {
        let rules = group.rules.len();
        Evaluation {
            group,
            kept: vec![Kept::default(); rules],
            orphans: BTreeSet::new(),
            awaits: 0,
        }
    }

    /// A group that was evaluated before, by somebody whose memory is lost. What was pending then
    /// is looked for in the recorded samples after the second evaluation: at the first one not
    /// all samples may be there again.
    pub fn resuming(group: Group) -> Self {
        Evaluation {
            awaits: 2,
            ..Self::new(group)
        }
    }

    /// A group that goes on where it was. What is remembered beyond its rules is passed over.
    pub fn remembering(group: Group, remembered: Remembered) -> Self {
        let mut evaluation = Self::new(group);
        for (kept, alerts) in evaluation.kept.iter_mut().zip(remembered.alerts) {
            kept.alerts.0 = alerts.into_iter().map(|a| (a.labels.clone(), a)).collect();
        }
        for (kept, gave) in evaluation.kept.iter_mut().zip(remembered.gave) {
            kept.gave = gave.into_iter().collect();
        }
        evaluation
    }

    /// What has to be known to go on from here.
    pub fn remembered(&self) -> Remembered {
        let kept = self.kept.iter();
        Remembered {
            alerts: kept
                .clone()
                .map(|k| k.alerts.0.values().cloned().collect())
                .collect(),
            gave: kept.map(|k| k.gave.iter().cloned().collect()).collect(),
        }
    }

    /// The same group as it reads now. A rule of the same name and labels goes on with its
    /// alerts; the first of several with the first, the second with the second.
    pub fn reloaded(self, group: Group) -> Self {
        let mut old: BTreeMap<(String, Words), VecDeque<Kept>> = BTreeMap::new();
        for (rule, kept) in self.group.rules.iter().zip(self.kept) {
            old.entry(identity(&self.group, rule))
                .or_default()
                .push_back(kept);
        }
        let mut kept = Vec::with_capacity(group.rules.len());
        for rule in &group.rules {
            let found = old
                .get_mut(&identity(&group, rule))
                .and_then(VecDeque::pop_front);
            let mut found = found.unwrap_or_default();
            if matches!(rule.makes, Makes::Record(_)) {
                found.alerts = Alerts::default();
            }
            kept.push(found);
        }
        let mut orphans = self.orphans;
        orphans.extend(old.into_values().flatten().flat_map(|kept| kept.gave));
        Evaluation {
            group,
            kept,
            orphans,
            awaits: self.awaits,
        }
    }

    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Alerts of the rule at this place, also those that are over but still known.
    pub fn alerts(&self, rule: usize) -> impl Iterator<Item = &Alert> {
        self.kept
            .get(rule)
            .into_iter()
            .flat_map(|kept| kept.alerts.0.values())
    }

    /// Evaluates every rule at `at` (milliseconds since 1970) over what `samples` hold by then,
    /// and adds to them what the rules record. What vanishes is marked as stale there.
    pub fn run(
        &mut self,
        at: i64,
        samples: &mut dyn Recorder,
        expander: &Expander,
        options: &Options,
    ) -> Outcome {
        let read = at - self.group.query_offset_ms.unwrap_or(0);
        let mut outcome = Outcome::default();
        let Evaluation { group, kept, .. } = self;
        for (rule, kept) in group.rules.iter().zip(kept) {
            let making = Making {
                group,
                at,
                source: &*samples,
                expander,
                options,
            };
            let mut one = RuleOutcome::default();
            match kept.evaluate(rule, read, &making, self.awaits == 0, &mut one) {
                Ok(given) => kept.record(read, samples, given, &mut one),
                // Nothing is known of the series then, neither that they are there nor that they
                // are gone.
                Err(failure) => one.failure = Some(failure),
            }
            outcome.rules.push(one);
        }
        for orphan in std::mem::take(&mut self.orphans) {
            // Another rule may have given it.
            let _ = samples.record(&orphan, read, &SampleValue::Float(stale_nan()));
        }
        if self.awaits > 0 {
            self.awaits -= 1;
            if self.awaits == 0 {
                self.restore(at, samples);
            }
        }
        outcome
    }

    /// The group is no more: marks everything that it gave as stale at `at`.
    pub fn end(self, at: i64, samples: &mut dyn Recorder) {
        let gave = self.kept.into_iter().flat_map(|kept| kept.gave);
        for series in self.orphans.into_iter().chain(gave) {
            let _ = samples.record(&series, at, &SampleValue::Float(stale_nan()));
        }
    }
}

fn identity(group: &Group, rule: &Rule) -> (String, Words) {
    (rule.name().to_owned(), labels_of(group, rule).into_owned())
}

impl Kept {
    fn evaluate(
        &mut self,
        rule: &Rule,
        read: i64,
        making: &Making<'_>,
        tells: bool,
        one: &mut RuleOutcome,
    ) -> Result<Vec<Sample>, Failure> {
        let (group, at) = (making.group, making.at);
        let found = instant(&rule.query, read, making.source, making.options)?;
        let alerting = match &rule.makes {
            Makes::Record(name) => return recorded(group, rule, name, found),
            Makes::Alert(alerting) => alerting,
        };
        let met = making.conditions(rule, alerting, found)?;
        one.changes = self.alerts.take(alerting, met, at);
        let active = self.alerts.active().count();
        if group.limit > 0 && active > group.limit {
            one.changes = self.alerts.forget();
            return Err(Failure::Limit {
                limit: group.limit,
                found: active,
            });
        }
        one.due = self
            .alerts
            .due(at, group.interval_ms.unwrap_or(INTERVAL_MS));
        let added = labels_of(group, rule);
        let active = self.alerts.active().filter(|_| tells);
        Ok(active
            .flat_map(|alert| told(&alert.labels, &added, &alert.standing, read))
            .collect())
    }

    /// What the rule gave last time and does not give now ends there.
    fn record(
        &mut self,
        read: i64,
        samples: &mut dyn Recorder,
        given: Vec<Sample>,
        one: &mut RuleOutcome,
    ) {
        let mut now = BTreeSet::new();
        for sample in &given {
            match samples.record(&sample.labels, read, &sample.value) {
                Ok(()) => {
                    now.insert(sample.labels.clone());
                }
                Err(_) => one.refused += 1,
            }
        }
        for vanished in self.gave.difference(&now) {
            let ended = samples.record(vanished, read, &SampleValue::Float(stale_nan()));
            if ended.is_ok() {
                one.ended.push(vanished.clone());
            }
        }
        self.gave = now;
        one.samples = given;
    }
}
