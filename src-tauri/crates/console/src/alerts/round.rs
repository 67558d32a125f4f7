//! One group over a stretch of moments: from samples to what it gave. No clock; the samples are
//! fetched as they are asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deckwatch_alerting::eval::{AlertState, Change, Evaluation, Outcome, Over, RuleOutcome};
use deckwatch_alerting::replay::Due;
use deckwatch_alerting::rules::{Group, Makes, Rule};
use deckwatch_alerting::template::Expander;
use deckwatch_alerting::why::sentence;
use deckwatch_domain::{Digest, Timestamp};
use deckwatch_promql::labels::{Labels, METRIC_NAME};
use deckwatch_promql::value::{SampleValue, stale_nan};
use deckwatch_promql::{Options, SampleSource, Selection, SeriesSamples, SourceError};
use deckwatch_signals::prometheus::PrometheusError;
use deckwatch_signals::source::{FetchError, SampleSource as Fetches};
use deckwatch_signals::{Resolution, Sample};
use tokio::runtime::Handle;

use super::books::{AlertBook, GroupBook, RuleBook, labels, number, words_of};
use super::facts::Fact;

/// What came of a stretch.
pub(super) struct Rounds {
    pub evaluation: Evaluation,
    pub facts: Vec<Fact>,
    /// What is to be recorded, by moment.
    pub writes: Vec<(Timestamp, Vec<Sample>)>,
    pub rules: Vec<RuleBook>,
}

/// A group's evaluation, and what it needs.
pub(super) struct Stretch {
    pub file: String,
    pub evaluation: Evaluation,
    pub due: Vec<Due>,
    /// Alerts that were learned late, of the books before.
    pub late: Vec<String>,
    pub expander: Arc<Expander>,
}

impl Stretch {
    /// Evaluates every moment, in their order. Blocks while samples are fetched.
    pub fn run(mut self, source: &Lazy) -> Rounds {
        let options = Options::default();
        let mut samples = Over::new(source);
        let (mut facts, mut writes) = (Vec::new(), Vec::new());
        let mut last = Outcome::default();
        let mut at = 0;
        for due in &self.due {
            at = due.at_ms;
            let outcome = self
                .evaluation
                .run(at, &mut samples, &self.expander, &options);
            let changed = self.changed(&outcome, due);
            for fact in &changed {
                self.late.retain(|id| *id != fact.alert);
                if fact.late {
                    self.late.push(fact.alert.clone());
                }
            }
            facts.extend(changed);
            let read = at - self.evaluation.group().query_offset_ms.unwrap_or(0);
            let recorded: Vec<Sample> = outcome.rules.iter().flat_map(recorded).collect();
            if !recorded.is_empty() {
                writes.push((Timestamp::from_millis(read), recorded));
            }
            last = outcome;
        }
        let rules = self.books(&last, at);
        Rounds {
            evaluation: self.evaluation,
            facts,
            writes,
            rules,
        }
    }

    fn changed(&self, outcome: &Outcome, due: &Due) -> Vec<Fact> {
        let group = self.evaluation.group();
        let mut facts = Vec::new();
        for (place, (rule, outcome)) in group.rules.iter().zip(&outcome.rules).enumerate() {
            for change in &outcome.changes {
                let fires = change.to == AlertState::Firing;
                if fires || change.from == Some(AlertState::Firing) {
                    facts.push(self.fact(place, rule, change, outcome, *due));
                }
            }
        }
        facts
    }

    fn fact(
        &self,
        place: usize,
        rule: &Rule,
        change: &Change,
        outcome: &RuleOutcome,
        due: Due,
    ) -> Fact {
        let group = self.evaluation.group();
        let alert = self
            .evaluation
            .alerts(place)
            .find(|a| a.labels == change.labels);
        let words = match (alert, &outcome.failure) {
            (Some(alert), _) => sentence(group, rule, alert, due.at_ms),
            (None, Some(failure)) => {
                format!(
                    "{} is over: nothing is known of it, as its rule failed: {failure}",
                    rule.name()
                )
            }
            (None, None) => format!("{} is over.", rule.name()),
        };
        let annotations = alert.map(|a| a.annotations.clone()).unwrap_or_default();
        Fact {
            alert: alert_id(&self.file, group, rule, &change.labels),
            fires: change.to == AlertState::Firing,
            name: rule.name().to_owned(),
            from: super::books::key(&self.file, &group.name),
            severity: change.labels.get("severity").to_owned(),
            service: change.labels.get("service").to_owned(),
            labels: words_of(&change.labels),
            annotations,
            value: alert.and_then(|a| number(&a.value)),
            words,
            at: Timestamp::from_millis(due.at_ms),
            late: due.late,
        }
    }

    fn books(&self, last: &Outcome, at: i64) -> Vec<RuleBook> {
        let group = self.evaluation.group();
        let gave = self.evaluation.remembered().gave;
        let nothing = RuleOutcome::default();
        let rules = group.rules.iter().enumerate().map(|(place, rule)| {
            let outcome = last.rules.get(place).unwrap_or(&nothing);
            let alerts = self.evaluation.alerts(place).map(|alert| {
                let id = alert_id(&self.file, group, rule, &alert.labels);
                let late = self.late.contains(&id);
                AlertBook::of(id, alert, sentence(group, rule, alert, at), late)
            });
            let gave = gave.get(place).map_or(&[][..], Vec::as_slice);
            RuleBook {
                name: rule.name().to_owned(),
                failure: outcome.failure.as_ref().map(ToString::to_string),
                refused: outcome.refused + unkept(outcome),
                alerts: alerts.collect(),
                gave: gave.iter().map(words_of).collect(),
            }
        });
        rules.collect()
    }
}

/// Sixteen digits that name an alert in addresses and in the journal: its rule and its labels.
pub(super) fn alert_id(file: &str, group: &Group, rule: &Rule, labels: &Labels) -> String {
    let kind = match rule.makes {
        Makes::Record(_) => "record",
        Makes::Alert(_) => "alert",
    };
    let labels = labels.to_string();
    let parts = [file, &group.name, kind, rule.name(), &labels];
    named(&parts)
}

/// Sixteen digits for several parts.
pub(super) fn named(parts: &[&str]) -> String {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let digest = Digest::of_parts(&parts).to_string();
    digest.chars().take(16).collect()
}

/// Samples that the store cannot hold: native histograms.
fn unkept(outcome: &RuleOutcome) -> usize {
    let samples = outcome.samples.iter();
    samples.filter(|s| kept(&s.value).is_none()).count()
}

fn kept(value: &SampleValue) -> Option<f64> {
    match value {
        SampleValue::Float(v) => Some(*v),
        SampleValue::Histogram(_) => None,
    }
}

/// What a rule gave, and where series ended.
fn recorded(outcome: &RuleOutcome) -> Vec<Sample> {
    let given = outcome.samples.iter();
    let given = given.filter_map(|sample| Some((&sample.labels, kept(&sample.value)?)));
    let ended = outcome.ended.iter().map(|labels| (labels, stale_nan()));
    given.chain(ended).map(stored).collect()
}

fn stored((labels, value): (&Labels, f64)) -> Sample {
    let pairs = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
    let pairs: Vec<(&str, &str)> = pairs.collect();
    Sample::new(labels.metric_name(), &pairs, value)
}

/// The end of everything that a group gave; the group is no more.
pub(super) fn ended(book: &GroupBook) -> Vec<Sample> {
    let series = book.rules.iter().flat_map(|rule| &rule.gave);
    let labels = series.map(labels);
    labels
        .map(|labels| stored((&labels, stale_nan())))
        .collect()
}

/// Samples that are fetched when they are first asked for, for the whole stretch. Only for threads
/// that may block.
pub(super) struct Lazy {
    runtime: Handle,
    sources: Vec<Arc<dyn Fetches>>,
    /// From the first moment of the stretch to its last, in milliseconds.
    length: i64,
    held: Mutex<HashMap<String, Held>>,
    failure: Mutex<Option<String>>,
}

struct Held {
    from_ms: i64,
    to_ms: i64,
    series: Vec<Arc<SeriesSamples>>,
}

impl Lazy {
    /// `length`: from the first moment to the last, in milliseconds.
    pub fn new(runtime: Handle, sources: Vec<Arc<dyn Fetches>>, length: i64) -> Self {
        Lazy {
            runtime,
            sources,
            length,
            held: Mutex::default(),
            failure: Mutex::default(),
        }
    }

    /// Why something that was asked for could not be had.
    pub fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone()
    }

    fn fetch(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError> {
        let mut all = Vec::new();
        for source in &self.sources {
            let found = self
                .runtime
                .block_on(source.fetch(selection, Resolution::Raw));
            let found = found.map_err(|error| {
                let why = error.to_string();
                if !is_refusal(&error) {
                    let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                    *failure = Some(why.clone());
                }
                SourceError(why)
            })?;
            all.extend(found.into_iter().map(Arc::new));
        }
        Ok(all)
    }
}

/// Whoever says no to a question says so at every moment: it is the rule that fails then.
fn is_refusal(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::Prometheus(PrometheusError::Refused { .. })
    )
}

impl SampleSource for Lazy {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesSamples>>, SourceError> {
        let conditions: Vec<String> = selection.matchers.iter().map(ToString::to_string).collect();
        let width = selection.to_ms - selection.from_ms;
        let key = format!("{width} {}", conditions.join(","));
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = held.get(&key)
            && there.from_ms <= selection.from_ms
            && selection.to_ms <= there.to_ms
        {
            return Ok(there.series.clone());
        }
        let whole = Selection {
            to_ms: selection.to_ms.saturating_add(self.length),
            ..selection.clone()
        };
        let series = self.fetch(&whole)?;
        let there = Held {
            from_ms: whole.from_ms,
            to_ms: whole.to_ms,
            series: series.clone(),
        };
        held.insert(key, there);
        Ok(series)
    }
}
