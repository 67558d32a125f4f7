//! A world of series and one group, minute by minute.

use deckwatch_alerting::eval::{AlertState, Evaluation, Outcome};
use deckwatch_alerting::rules::{Group, read};
use deckwatch_alerting::template::{Expander, Scene};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::{SequenceValue, parse_series};
use deckwatch_promql::value::{SampleValue, Value, is_stale};
use deckwatch_promql::{Head, Matcher, Options, Query, SampleSource, Selection, When};

pub const MINUTE: i64 = 60_000;

pub struct World {
    pub head: Head,
    pub evaluation: Evaluation,
    pub expander: Expander,
}

/// The first group of a file.
pub fn group(text: &str) -> Group {
    let reading = read(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    reading.file.groups.into_iter().next().unwrap()
}

/// A group around the rules, which are written as in a file.
pub fn group_of(head: &str, rules: &str) -> Group {
    let rules: String = rules
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    group(&format!(
        "groups:\n  - name: g\n    {head}\n    rules:\n{rules}"
    ))
}

pub fn load(head: &mut Head, series: &[&str]) {
    for line in series {
        let (labels, values) = parse_series(line).unwrap();
        for (value, minute) in values.into_iter().zip(0i64..) {
            let value = match value {
                SequenceValue::Omitted => continue,
                SequenceValue::Float(v) => SampleValue::Float(v),
                SequenceValue::Histogram { histogram, .. } => SampleValue::Histogram(histogram),
            };
            head.append(&labels, minute * MINUTE, 0, &value).unwrap();
        }
    }
}

impl World {
    /// Series with a sample every minute.
    pub fn new(group: Group, series: &[&str]) -> Self {
        let mut head = Head::default();
        load(&mut head, series);
        World {
            head,
            evaluation: Evaluation::new(group),
            expander: Expander::new(Scene::default()),
        }
    }

    pub fn run(&mut self, minute: i64) -> Outcome {
        self.run_at(minute * MINUTE)
    }

    pub fn run_at(&mut self, at: i64) -> Outcome {
        let options = Options::default();
        self.evaluation
            .run(at, &mut self.head, &self.expander, &options)
    }

    pub fn reload(&mut self, group: Group) {
        let empty = Evaluation::new(group.clone());
        let evaluation = std::mem::replace(&mut self.evaluation, empty);
        self.evaluation = evaluation.reloaded(group);
    }

    /// How the rule's only alert stands.
    pub fn letter(&self, rule: usize) -> char {
        match self
            .evaluation
            .alerts(rule)
            .next()
            .map(|a| a.standing.state)
        {
            None => '-',
            Some(AlertState::Inactive) => 'i',
            Some(AlertState::Pending) => 'p',
            Some(AlertState::Firing) => 'F',
        }
    }

    /// What a query gives at a minute, sorted.
    pub fn ask(&self, query: &str, minute: i64) -> Vec<String> {
        let query = Query::new(query, Default::default()).unwrap();
        let when = When::Instant(minute * MINUTE);
        let answer = query.run(when, &self.head, &Options::default()).unwrap();
        let Value::Vector(samples) = answer.value else {
            panic!("no vector");
        };
        let mut said: Vec<String> = samples
            .iter()
            .map(|sample| match &sample.value {
                SampleValue::Float(v) => format!("{} {v}", sample.labels),
                SampleValue::Histogram(h) => format!("{} {h}", sample.labels),
            })
            .collect();
        said.sort();
        said
    }

    /// The samples of the series of one name, minute by minute; `s` where one ends.
    pub fn held(&self, name: &str) -> Vec<(Labels, String)> {
        let all = Selection {
            matchers: vec![Matcher::equal("__name__", name)],
            from_ms: i64::MIN,
            to_ms: i64::MAX,
        };
        let series = self.head.select(&all).unwrap();
        let told = series.iter().map(|series| {
            let values = series.floats.iter().map(|p| match is_stale(p.v) {
                true => format!("{}s", p.t / MINUTE),
                false => format!("{}={}", p.t / MINUTE, p.v),
            });
            (series.labels.clone(), values.collect::<Vec<_>>().join(" "))
        });
        told.collect()
    }
}
