//! Unit tests of rules, run where the rules are written.

use std::collections::BTreeMap;

use deckwatch_alerting::rules as parsed;
use deckwatch_alerting::unit;
use serde::{Deserialize, Serialize};

use super::files;
use crate::console::Console;
use crate::problem::{Problem, invalid};

/// A file of unit tests, as promtool reads them.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct TestRules {
    pub yaml: String,
    /// The rules that are being written; none: the file as it is saved.
    #[serde(default)]
    #[ts(optional)]
    pub rules: Option<String>,
}

/// What was expected and not found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
pub struct UnitWrong {
    pub line: usize,
    pub what: String,
    pub expected: Vec<String>,
    pub got: Vec<String>,
    pub error: Option<String>,
}

/// How one test went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
pub struct UnitResult {
    pub name: String,
    pub line: usize,
    pub checks: usize,
    pub passed: bool,
    pub wrong: Vec<UnitWrong>,
}

/// # Errors
/// What is wrong with the tests or the rules.
pub async fn test(console: &Console, ask: TestRules) -> Result<Vec<UnitResult>, Problem> {
    let tests = unit::read(&ask.yaml).map_err(|p| invalid("rules.tests", &p))?;
    let mut rules: unit::RuleFiles = BTreeMap::new();
    match &ask.rules {
        Some(text) => {
            let reading = parsed::read(text).map_err(|p| invalid("rules", &p))?;
            rules.insert("rules".into(), reading.file);
        }
        None => {
            for file in files::found(console) {
                let named = file
                    .path
                    .file_name()
                    .map(|n| n.to_string_lossy().into_owned());
                let name = named.unwrap_or_default();
                if !tests.rule_files.contains(&name) {
                    continue;
                }
                let text = file.text.map_err(|why| Problem::new("rules.file", why))?;
                let reading = parsed::read(&text).map_err(|p| invalid("rules", &p))?;
                rules.insert(name, reading.file);
            }
            if rules.is_empty() {
                let named = tests.rule_files.join(", ");
                let folder = console.folder.rules();
                let why = format!("none of {named} is in {}", folder.display());
                return Err(Problem::new("rules.unknown", why));
            }
        }
    }
    let ran = tokio::task::spawn_blocking(move || {
        let run = |test| unit::run(&tests, test, &rules, &mut |_, _| true);
        tests.tests.iter().map(run).collect::<Vec<_>>()
    });
    let ran = ran
        .await
        .map_err(|e| Problem::new("rules.tests", e.to_string()))?;
    Ok(ran.into_iter().map(result).collect())
}

fn result(report: unit::UnitReport) -> UnitResult {
    UnitResult {
        passed: report.passed(),
        name: report.name,
        line: report.line,
        checks: report.checks,
        wrong: report.failures.into_iter().map(wrong).collect(),
    }
}

fn wrong(failure: unit::UnitFailure) -> UnitWrong {
    UnitWrong {
        line: failure.line,
        what: failure.what,
        expected: failure.expected,
        got: failure.got,
        error: failure.error,
    }
}
