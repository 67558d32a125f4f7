//! What a case expects.

use regex::Regex;

use crate::annotations::{Annotations, Severity};
use crate::labels::Labels;
use crate::parse::SequenceValue;
use crate::query::When;

/// When a case asks.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Moments {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

impl Moments {
    pub fn when(self) -> When {
        match self {
            Moments::Instant(t) => When::Instant(t),
            Moments::Range { start, end, step } => When::Range { start, end, step },
        }
    }
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Expectation {
    Ordered,
    Fail,
    Warn,
    NoWarn,
    Info,
    NoInfo,
}

/// How a message is recognised.
#[derive(Debug)]
enum Match {
    Any,
    Exactly(String),
    Pattern(Regex),
}

impl Match {
    fn matches(&self, text: &str) -> bool {
        match self {
            Match::Any => true,
            Match::Exactly(message) => message == text,
            Match::Pattern(pattern) => pattern.is_match(text),
        }
    }

    fn describe(&self) -> &str {
        match self {
            Match::Any => "anything",
            Match::Exactly(message) => message,
            Match::Pattern(pattern) => pattern.as_str(),
        }
    }
}

/// A series that has to be in the answer.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub labels: Labels,
    pub values: Vec<SequenceValue>,
}

#[derive(Debug)]
pub(super) struct Case {
    /// From 1.
    pub line: usize,
    pub query: String,
    pub moments: Moments,
    expectations: Vec<(Expectation, Match)>,
    /// In the order they have to have, if they have to have one.
    pub series: Vec<Expected>,
    pub scalar: Option<f64>,
    pub string: Option<String>,
    /// When the samples of an expected range are, if not at the case's own moments.
    pub range: Option<(i64, i64, i64)>,
}

impl Case {
    pub fn new(query: &str, moments: Moments, line: usize) -> Self {
        Case {
            line,
            query: query.to_owned(),
            moments,
            expectations: Vec::new(),
            series: Vec::new(),
            scalar: None,
            string: None,
            range: None,
        }
    }

    pub fn expect_any(&mut self, kind: Expectation) {
        self.expectations.push((kind, Match::Any));
    }

    pub fn expect_message(&mut self, kind: Expectation, message: &str) {
        // Said again with words, an old expectation of any failure gives way.
        self.expectations
            .retain(|(k, m)| !(*k == kind && kind == Expectation::Fail && matches!(m, Match::Any)));
        self.expectations
            .push((kind, Match::Exactly(message.to_owned())));
    }

    pub fn expect_pattern(&mut self, kind: Expectation, pattern: &str) -> Result<(), String> {
        let regex = Regex::new(pattern).map_err(|_| format!("invalid regex {pattern}"))?;
        self.expectations
            .retain(|(k, m)| !(*k == kind && kind == Expectation::Fail && matches!(m, Match::Any)));
        self.expectations.push((kind, Match::Pattern(regex)));
        Ok(())
    }

    pub fn expect_range(&mut self, start: i64, end: i64, step: i64) {
        self.range = Some((start, end, step));
        self.moments = Moments::Instant(end);
    }

    pub fn expect_string(&mut self, text: String) {
        self.string = Some(text);
    }

    pub fn expect_scalar(&mut self, value: f64) {
        self.scalar = Some(value);
    }

    pub fn expect_series(&mut self, expected: Expected) -> Result<(), String> {
        let instant = matches!(self.moments, Moments::Instant(_)) && self.range.is_none();
        if instant && expected.values.len() > 1 {
            return Err("expecting multiple values in instant evaluation not allowed. consider using 'expect range vector' directive to enable a range vector result for an instant query".to_owned());
        }
        self.series.retain(|e| e.labels != expected.labels);
        self.series.push(expected);
        Ok(())
    }

    fn has(&self, kind: Expectation) -> bool {
        self.expectations.iter().any(|(k, _)| *k == kind)
    }

    pub fn has_to_fail(&self) -> bool {
        self.has(Expectation::Fail)
    }

    pub fn is_ordered(&self) -> bool {
        self.has(Expectation::Ordered)
    }

    /// The answer has no counterpart over a range of time.
    pub fn instant_only(&self) -> bool {
        self.range.is_some() || self.string.is_some()
    }

    /// Expectations that exclude each other.
    pub fn contradiction(&self) -> Option<String> {
        for (kind, other, words) in [
            (Expectation::Info, Expectation::NoInfo, "info and no_info"),
            (Expectation::Warn, Expectation::NoWarn, "warn and no_warn"),
        ] {
            if self.has(kind) && self.has(other) {
                return Some(format!(
                    "invalid expect lines, {words} cannot be used together"
                ));
            }
        }
        let fails = self
            .expectations
            .iter()
            .filter(|(k, _)| *k == Expectation::Fail);
        (fails.count() > 1)
            .then(|| "invalid expect lines, multiple expect fail lines are not allowed".to_owned())
    }

    pub fn check_failure(&self, message: &str) -> Result<(), String> {
        let mut fails = self
            .expectations
            .iter()
            .filter(|(k, _)| *k == Expectation::Fail)
            .peekable();
        if fails.peek().is_none() {
            return Err(format!("error evaluating query: {message}"));
        }
        for (_, wanted) in fails {
            if !wanted.matches(message) {
                return Err(format!(
                    "expected error matching {:?}, but got: {message}",
                    wanted.describe()
                ));
            }
        }
        Ok(())
    }

    pub fn check_annotations(&self, query: &str, found: &Annotations) -> Result<(), String> {
        for (kind, none, severity, word) in [
            (
                Expectation::Warn,
                Expectation::NoWarn,
                Severity::Warning,
                "warn",
            ),
            (
                Expectation::Info,
                Expectation::NoInfo,
                Severity::Info,
                "info",
            ),
        ] {
            let words = found.words(severity, query);
            if self.has(none) && !words.is_empty() {
                return Err(format!("unexpected {word} annotations: {words:?}"));
            }
            let wanted: Vec<&Match> = self
                .expectations
                .iter()
                .filter(|(k, _)| *k == kind)
                .map(|(_, m)| m)
                .collect();
            if wanted.is_empty() {
                continue;
            }
            if words.is_empty() {
                return Err(format!("expected {word} annotations but none were found"));
            }
            for wanted in &wanted {
                if !words.iter().any(|w| wanted.matches(w)) {
                    return Err(format!(
                        "expected {word} annotation matching {:?}, found: {words:?}",
                        wanted.describe()
                    ));
                }
            }
            if let Some(other) = words.iter().find(|w| !wanted.iter().any(|m| m.matches(w))) {
                return Err(format!("unexpected {word} annotation {other:?}"));
            }
        }
        Ok(())
    }
}
