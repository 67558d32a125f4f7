//! Prometheus' test language for PromQL: series are loaded, queries are asked, answers compared.
//!
//! ```text
//! load 1m
//!   up{job="a"} 1+0x10
//! eval instant at 5m sum(up)
//!   {} 1
//! ```
//!
//! Everything here is a function of the text: no file is read. A case that cannot be read counts
//! as failed and the next one goes on. The engine is set up as in Prometheus' own tests: all
//! experimental parts on, metric names dropped late.

mod annotate;
mod case;
mod compare;
mod histograms;
mod load;
mod script;
mod store;

use crate::error::EvalError;
use crate::head::Head;
use crate::parse::{Dialect, ParseError};
use crate::query::{Answer, Options, Query, When};
use crate::value::Value;
use case::{Case, Moments};
use script::Command;
use store::Store;

/// One `eval` of a file, and how it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseOutcome {
    /// The line of the `eval`, from 1.
    pub line: usize,
    /// The query; empty if the line itself could not be read.
    pub query: String,
    /// What was not as expected, if anything.
    pub failure: Option<String>,
    /// Whether native histograms are involved, by what was loaded and expected so far.
    pub native_histograms: bool,
}

/// How a file went.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Every case, in the order of the file.
    pub cases: Vec<CaseOutcome>,
}

impl Report {
    /// How many cases went as expected.
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|c| c.failure.is_none()).count()
    }

    /// How many cases there are.
    pub fn total(&self) -> usize {
        self.cases.len()
    }
}

/// How the tests' engine is set up.
fn options() -> Options {
    Options {
        delayed_name_removal: true,
        start_timestamps: true,
        ..Options::default()
    }
}

/// Runs a file of the test language.
pub fn run_script(text: &str) -> Report {
    let mut report = Report::default();
    let mut store = Store::default();
    let mut source = None;
    for command in script::commands(text) {
        match command {
            Command::Clear => {
                store = Store::default();
                source = None;
            }
            Command::Load(load) => {
                source = None;
                if let Err(why) = load.and_then(|load| load.into_store(&mut store)) {
                    report.cases.push(CaseOutcome {
                        line: why.line,
                        query: String::new(),
                        failure: Some(why.message),
                        native_histograms: store.has_histograms(),
                    });
                }
            }
            Command::Eval(case) => {
                let source = source.get_or_insert_with(|| store.source());
                report.cases.push(outcome(*case, source, &store));
            }
        }
    }
    report
}

fn outcome(case: Result<Case, script::Misread>, source: &Head, store: &Store) -> CaseOutcome {
    let case = match case {
        Ok(case) => case,
        Err(why) => {
            return CaseOutcome {
                line: why.line,
                query: String::new(),
                failure: Some(why.message),
                native_histograms: store.has_histograms(),
            };
        }
    };
    CaseOutcome {
        line: case.line,
        failure: check(&case, source).err(),
        native_histograms: store.has_histograms(),
        query: case.query,
    }
}

/// Why a query was not answered.
enum NoAnswer {
    Parse(ParseError),
    Eval(EvalError),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoAnswer::Parse(error) => error.fmt(f),
            NoAnswer::Eval(error) => error.fmt(f),
        }
    }
}

fn ask(text: &str, when: When, source: &Head) -> Result<Answer, NoAnswer> {
    let query = Query::new(text, Dialect::FULL).map_err(NoAnswer::Parse)?;
    query.run(when, source, &options()).map_err(NoAnswer::Eval)
}

fn check(case: &Case, source: &Head) -> Result<(), String> {
    let Moments::Instant(at) = case.moments else {
        let when = case.moments.when();
        return check_once(case, &case.query, when, source).map(|_| ());
    };
    check_instant(case, &case.query, at, source)?;
    // The same has to come of selectors that fix the moment with `@`, asked at any other one.
    let Some(fixed) = annotate::fixed_at(&case.query, at) else {
        return Ok(());
    };
    for moment in annotate::other_moments(at) {
        check_instant(case, &fixed, moment, source)
            .map_err(|why| format!("{why} (as {fixed} at {moment} ms)"))?;
    }
    Ok(())
}

/// Asks once; the answer, unless failing was expected.
fn check_once(
    case: &Case,
    query: &str,
    when: When,
    source: &Head,
) -> Result<Option<Value>, String> {
    match ask(query, when, source) {
        Err(why) => {
            case.check_failure(&why.to_string())?;
            Ok(None)
        }
        Ok(_) if case.has_to_fail() => Err("expected an error but got none".to_owned()),
        Ok(answer) => {
            case.check_annotations(query, &answer.annotations)?;
            compare::compare(case, &answer.value)?;
            Ok(Some(answer.value))
        }
    }
}

fn check_instant(case: &Case, query: &str, at: i64, source: &Head) -> Result<(), String> {
    let Some(value) = check_once(case, query, When::Instant(at), source)? else {
        return Ok(());
    };
    let constants = ["start()", "end()", "range()", "step()"];
    if case.instant_only() || constants.iter().any(|c| query.contains(c)) {
        return Ok(());
    }
    // The middle step of a range has to be the same as the moment alone.
    let minute = 60_000;
    let when = When::Range {
        start: at - minute,
        end: at + minute,
        step: minute,
    };
    let answer = ask(query, when, source).map_err(|why| format!("in range mode: {why}"))?;
    if case.is_ordered() {
        return Ok(());
    }
    let scalar = matches!(value, Value::Scalar { .. });
    let at_moment = compare::at_moment(answer.value, at, scalar)
        .map_err(|why| format!("in range mode: {why}"))?;
    compare::compare(case, &at_moment).map_err(|why| format!("in range mode: {why}"))
}

#[cfg(test)]
mod tests {
    use super::run_script;

    fn failures(text: &str) -> Vec<Option<String>> {
        let report = run_script(text);
        report.cases.into_iter().map(|c| c.failure).collect()
    }

    #[test]
    fn answers_are_compared() {
        let script = "load 1m\n  a{x=\"1\"} 1+1x5\n\neval instant at 2m a * 2\n  {x=\"1\"} 6\n\neval instant at 2m a\n  a{x=\"1\"} 4\n";
        let failures = failures(script);
        assert_eq!(failures[0], None);
        assert!(failures[1].as_ref().unwrap().contains("expected 4"));
    }

    #[test]
    fn what_cannot_be_read_fails_alone() {
        let failures =
            failures("eval instant at 1m a b\n\neval instant at 1m 1\n  1\n\nnonsense\n");
        assert!(failures[0].is_some());
        assert_eq!(failures[1], None);
        assert!(failures[2].is_some());
    }

    #[test]
    fn expected_errors_and_remarks() {
        let script = "load 1m\n  a{x=\"1\"} 1\n  a{x=\"2\"} 1\n\neval instant at 0 label_replace(a, \"x\", \"\", \"\", \"\")\n  expect fail msg: vector cannot contain metrics with the same labelset\n\neval instant at 1m rate(a[5m])\n  expect no_warn\n\neval instant at 0 quantile(2, a)\n  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)\n  {} Inf\n\neval instant at 0 quantile(2, a)\n  expect no_warn\n  {} Inf\n";
        let failures = failures(script);
        assert_eq!(failures[..3], [None, None, None]);
        assert!(failures[3].is_some());
    }
}
