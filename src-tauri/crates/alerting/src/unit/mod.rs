//! Unit tests of rules, in the files that `promtool` reads: series that are made up, moments, and
//! the alerts and samples that are expected then.
//!
//! As there, all groups are evaluated at the test's interval, whatever their own says, and an alert
//! test looks at the evaluation at its moment or, between two, at the one before.

mod read;
mod run;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::rules::Words;

pub use read::read;
pub use run::{Progress, run};

/// A file of unit tests.
#[derive(Clone, PartialEq, Debug)]
pub struct UnitFile {
    /// Files of rules, by path or pattern, from where the test's file lies.
    pub rule_files: Vec<String>,
    /// From evaluation to evaluation, in milliseconds.
    pub evaluation_interval_ms: i64,
    /// Groups by name, in the order in which they are evaluated; others come right after the first.
    pub group_order: Vec<String>,
    /// Numbers may be neighbours instead of the same.
    pub fuzzy: bool,
    pub tests: Vec<UnitTest>,
}

/// One test: its own samples and its own alerts.
#[derive(Clone, PartialEq, Debug)]
pub struct UnitTest {
    pub name: String,
    /// Where it begins in its file, from 1.
    pub line: usize,
    /// From sample to sample of its series, in milliseconds.
    pub interval_ms: i64,
    /// The moment that every other one is counted from, in milliseconds since 1970.
    pub start_ms: i64,
    pub series: Vec<InputSeries>,
    pub alerts: Vec<AlertTest>,
    pub queries: Vec<QueryTest>,
    pub external_labels: Words,
    pub external_url: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct InputSeries {
    /// The series and its values, in the test language.
    pub text: String,
    pub line: usize,
}

/// The alerts of one name that fire at a moment: these and no others.
#[derive(Clone, PartialEq, Debug)]
pub struct AlertTest {
    pub line: usize,
    /// From the test's start, in milliseconds.
    pub at_ms: i64,
    pub alert: String,
    pub expected: Vec<ExpectedAlert>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct ExpectedAlert {
    pub labels: Words,
    pub annotations: Words,
}

/// What a query gives at a moment.
#[derive(Clone, PartialEq, Debug)]
pub struct QueryTest {
    pub line: usize,
    pub query: String,
    pub at_ms: i64,
    pub expected: Vec<ExpectedSample>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ExpectedSample {
    /// A selector of one series.
    pub labels: String,
    pub value: f64,
    /// A native histogram in the test language, instead of the number.
    pub histogram: Option<String>,
}

/// How one test went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct UnitReport {
    pub name: String,
    pub line: usize,
    /// What was looked at: alert tests and queries.
    pub checks: usize,
    pub failures: Vec<UnitFailure>,
}

/// What was expected and not found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UnitFailure {
    /// Of the check, from 1.
    pub line: usize,
    /// `alert HighErrorRate at 10m`
    pub what: String,
    pub expected: Vec<String>,
    pub got: Vec<String>,
    /// Why nothing could be compared.
    pub error: Option<String>,
}

impl UnitReport {
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Rules by the name of their file.
pub type RuleFiles = BTreeMap<String, crate::rules::RuleFile>;
