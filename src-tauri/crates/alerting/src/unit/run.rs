//! Running unit tests.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::{Dialect, SequenceValue, parse_selector, parse_series};
use deckwatch_promql::value::{Sample, SampleValue, Value};
use deckwatch_promql::{Head, MatchOp, Options, Query, When, format_duration};

use super::{
    AlertTest, ExpectedAlert, ExpectedSample, QueryTest, RuleFiles, UnitFailure, UnitFile,
    UnitReport, UnitTest,
};
use crate::eval::{AlertState, Evaluation};
use crate::rules::{Makes, Words};
use crate::template::{Expander, Scene};

/// Asked now and then whether to go on: how many evaluations are done, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Runs one test over these rules. `go_on` may end it, and then it has failed.
pub fn run(file: &UnitFile, test: &UnitTest, rules: &RuleFiles, go_on: Progress<'_>) -> UnitReport {
    let mut report = UnitReport {
        name: test.name.clone(),
        line: test.line,
        checks: test.alerts.len() + test.queries.len(),
        failures: Vec::new(),
    };
    match Bench::new(file, test, rules) {
        Ok(bench) => report.failures = bench.run(go_on),
        Err(failure) => report.failures.push(*failure),
    }
    report
}

struct Bench<'t> {
    file: &'t UnitFile,
    test: &'t UnitTest,
    groups: Vec<Evaluation>,
    head: Head,
    expander: Expander,
    /// Samples that are not in the head yet, by their moment from the last to the first.
    coming: Vec<(i64, Labels, SampleValue)>,
    options: Options,
}

fn broken(line: usize, what: &str, error: impl ToString) -> Box<UnitFailure> {
    Box::new(UnitFailure {
        line,
        what: what.to_owned(),
        expected: Vec::new(),
        got: Vec::new(),
        error: Some(error.to_string()),
    })
}

impl<'t> Bench<'t> {
    fn new(
        file: &'t UnitFile,
        test: &'t UnitTest,
        rules: &RuleFiles,
    ) -> Result<Self, Box<UnitFailure>> {
        let mut coming = Vec::new();
        for series in &test.series {
            let (labels, values) =
                parse_series(&series.text).map_err(|e| broken(series.line, "input series", e))?;
            for (value, place) in values.into_iter().zip(0i64..) {
                let value = match value {
                    SequenceValue::Omitted => continue,
                    SequenceValue::Float(v) => SampleValue::Float(v),
                    SequenceValue::Histogram { histogram, .. } => SampleValue::Histogram(histogram),
                };
                coming.push((
                    test.start_ms + place * test.interval_ms,
                    labels.clone(),
                    value,
                ));
            }
        }
        // Taken from the end; of the same moment, in the order in which they were written.
        coming.reverse();
        coming.sort_by_key(|(t, ..)| std::cmp::Reverse(*t));
        let mut groups: Vec<Evaluation> = rules
            .values()
            .flat_map(|file| file.groups.iter().cloned().map(Evaluation::new))
            .collect();
        // As there: what the order does not name has the place of the first.
        groups.sort_by_key(|evaluation| {
            let name = &evaluation.group().name;
            let named = file.group_order.iter().position(|n| n == name);
            (named.unwrap_or(0), named.is_none())
        });
        Ok(Bench {
            file,
            test,
            groups,
            head: Head::default(),
            expander: Expander::new(Scene {
                external_labels: test.external_labels.clone(),
                external_url: test.external_url.clone(),
            }),
            coming,
            options: Options {
                subquery_step_ms: file.evaluation_interval_ms,
                ..Options::default()
            },
        })
    }

    fn run(mut self, go_on: Progress<'_>) -> Vec<UnitFailure> {
        let mut failures = Vec::new();
        let moments = self.test.alerts.iter().map(|a| a.at_ms);
        let last = moments
            .chain(self.test.queries.iter().map(|q| q.at_ms))
            .max()
            .unwrap_or(0);
        let step = self.file.evaluation_interval_ms;
        let wanted: BTreeMap<i64, Vec<&AlertTest>> =
            self.test
                .alerts
                .iter()
                .fold(BTreeMap::new(), |mut by, test| {
                    by.entry(test.at_ms).or_insert_with(Vec::new).push(test);
                    by
                });
        let evaluations = u64::try_from(last / step).unwrap_or(0) + 1;
        for done in 0..evaluations {
            if done % 256 == 0 && !go_on(done, evaluations) {
                failures.push(*broken(self.test.line, "the test", "it was ended"));
                return failures;
            }
            let since = i64::try_from(done).unwrap_or(i64::MAX).saturating_mul(step);
            let broke = self.evaluate(since);
            if !broke.is_empty() {
                failures.extend(broke);
                return failures;
            }
            for (_, tests) in wanted.range(since..since.saturating_add(step)) {
                failures.extend(tests.iter().filter_map(|test| self.check_alerts(test)));
            }
        }
        failures.extend(
            self.test
                .queries
                .iter()
                .filter_map(|test| self.check_query(test)),
        );
        failures
    }

    /// All groups at this moment from the start; what failed.
    fn evaluate(&mut self, since: i64) -> Vec<UnitFailure> {
        let at = self.test.start_ms + since;
        while self.coming.last().is_some_and(|(t, ..)| *t <= at) {
            if let Some((t, labels, value)) = self.coming.pop() {
                // A moment that is there already keeps its sample.
                let _ = self.head.append(&labels, t, 0, &value);
            }
        }
        let mut failures = Vec::new();
        for evaluation in &mut self.groups {
            let outcome = evaluation.run(at, &mut self.head, &self.expander, &self.options);
            let rules = evaluation.group().rules.iter().zip(outcome.rules);
            failures.extend(rules.filter_map(|(rule, outcome)| {
                let refused = || {
                    let why = "the series have other values at this moment, or later ones";
                    (outcome.refused > 0)
                        .then(|| format!("{} samples refused: {why}", outcome.refused))
                };
                let why = outcome
                    .failure
                    .as_ref()
                    .map(ToString::to_string)
                    .or_else(refused)?;
                let what = format!("rule {} at {}", rule.name(), format_duration(since));
                Some(*broken(self.test.line, &what, why))
            }));
        }
        failures
    }

    fn firing(&self, name: &str) -> Vec<ExpectedAlert> {
        let mut found = Vec::new();
        for evaluation in &self.groups {
            for (place, rule) in evaluation.group().rules.iter().enumerate() {
                if matches!(&rule.makes, Makes::Alert(a) if a.name == name) {
                    let alerts = evaluation.alerts(place);
                    let firing = alerts.filter(|a| a.standing.state == AlertState::Firing);
                    found.extend(firing.map(|alert| ExpectedAlert {
                        labels: words(&alert.labels),
                        annotations: alert.annotations.clone(),
                    }));
                }
            }
        }
        found.sort();
        found
    }

    fn check_alerts(&self, test: &AlertTest) -> Option<UnitFailure> {
        let bare = |words: &Words| -> Words {
            let filled = words.iter().filter(|(_, v)| !v.is_empty());
            filled.map(|(n, v)| (n.clone(), v.clone())).collect()
        };
        let expected = test.expected.iter().map(|alert| {
            let mut labels = bare(&alert.labels);
            labels.insert("alertname".into(), test.alert.clone());
            ExpectedAlert {
                labels,
                annotations: bare(&alert.annotations),
            }
        });
        let mut expected: Vec<ExpectedAlert> = expected.collect();
        expected.sort();
        let mut got = self.firing(&test.alert);
        for alert in &mut got {
            alert.annotations = bare(&alert.annotations);
        }
        if expected == got {
            return None;
        }
        let line = |alert: &ExpectedAlert| {
            format!(
                "labels {:?}, annotations {:?}",
                alert.labels, alert.annotations
            )
        };
        Some(UnitFailure {
            line: test.line,
            what: format!("alert {} at {}", test.alert, format_duration(test.at_ms)),
            expected: expected.iter().map(line).collect(),
            got: got.iter().map(line).collect(),
            error: None,
        })
    }

    fn check_query(&self, test: &QueryTest) -> Option<UnitFailure> {
        let what = format!("{} at {}", test.query, format_duration(test.at_ms));
        let failed = |why: String| Some(*broken(test.line, &what, why));
        let query = match Query::new(&test.query, Dialect::default()) {
            Ok(query) => query,
            Err(error) => return failed(error.to_string()),
        };
        let when = When::Instant(self.test.start_ms + test.at_ms);
        let got = match query.run(when, &self.head, &self.options).map(|a| a.value) {
            Ok(Value::Vector(samples)) => samples,
            Ok(Value::Scalar { t, v }) => vec![Sample {
                labels: Labels::default(),
                t,
                value: SampleValue::Float(v),
            }],
            Ok(_) => {
                return failed("the query gives neither an instant vector nor a scalar".into());
            }
            Err(error) => return failed(error.to_string()),
        };
        let expected: Result<Vec<_>, String> = test.expected.iter().map(expected_sample).collect();
        let mut expected = match expected {
            Ok(expected) => expected,
            Err(why) => return failed(why),
        };
        let mut got: Vec<(Labels, Number)> = got
            .into_iter()
            .map(|s| (s.labels, Number::of(&s.value)))
            .collect();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        got.sort_by(|a, b| a.0.cmp(&b.0));
        let fuzzy = self.file.fuzzy;
        let mut pairs = expected.iter().zip(&got);
        let same =
            expected.len() == got.len() && pairs.all(|(e, g)| e.0 == g.0 && e.1.same(&g.1, fuzzy));
        let line = |(labels, value): &(Labels, Number)| format!("{labels} {value}");
        (!same).then(|| UnitFailure {
            line: test.line,
            what,
            expected: expected.iter().map(line).collect(),
            got: got.iter().map(line).collect(),
            error: None,
        })
    }
}

fn words(labels: &Labels) -> Words {
    let pairs = labels.iter();
    pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// A value as it is compared.
#[derive(Clone, PartialEq, Debug)]
enum Number {
    Float(f64),
    /// As the test language writes it.
    Histogram(String),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Float(v) => write!(f, "{v}"),
            Number::Histogram(text) => f.write_str(text),
        }
    }
}

impl Number {
    fn of(value: &SampleValue) -> Self {
        match value {
            SampleValue::Float(v) => Number::Float(*v),
            SampleValue::Histogram(h) => Number::Histogram(h.test_expression()),
        }
    }

    fn same(&self, other: &Number, fuzzy: bool) -> bool {
        match (self, other) {
            (Number::Float(a), Number::Float(b)) => {
                // As there: no NaN is expected, since none equals another.
                a == b || (fuzzy && (a.next_up() == *b || a.next_down() == *b))
            }
            (a, b) => a == b,
        }
    }
}

fn expected_sample(sample: &ExpectedSample) -> Result<(Labels, Number), String> {
    let value = match &sample.histogram {
        None => Number::Float(sample.value),
        Some(text) => {
            let read = parse_series(&format!("{{}} {text}")).map_err(|e| e.to_string())?;
            match read.1.as_slice() {
                [SequenceValue::Histogram { histogram, .. }] => {
                    Number::Histogram(histogram.test_expression())
                }
                _ => return Err(format!("`{text}` is not one histogram")),
            }
        }
    };
    Ok((series_labels(&sample.labels)?, value))
}

/// The labels of a series as it is written in a selector.
fn series_labels(text: &str) -> Result<Labels, String> {
    let text = text.trim();
    if text.is_empty() || text == "{}" {
        return Ok(Labels::default());
    }
    let wrong = |why: String| format!("labels `{text}`: {why}");
    let matchers = parse_selector(text).map_err(|e| wrong(e.to_string()))?;
    let mut names = BTreeSet::new();
    for matcher in &matchers {
        if matcher.op() != MatchOp::Equal || !names.insert(matcher.name()) {
            return Err(wrong("these are not the labels of one series".into()));
        }
    }
    let pairs = matchers.iter().map(|m| (m.name(), m.value()));
    Ok(Labels::from_pairs(pairs))
}
