//! What a rule cannot do although it says so, and what its author will wish to have thought of.
//!
//! Nothing here is an error: every rule can be evaluated. What is known of real series is given
//! ([`Facts`]); where nothing is known, nothing is said.

mod bounds;
mod buckets;
mod cover;
mod dead;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_promql::Span;
use deckwatch_promql::ast::Expr;
use serde::Serialize;

use crate::backtest::{Moments, RuleReport};
use crate::rules::{Alerting, Group, Makes, Rule, RuleFile};

/// What is known of the series that rules read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// Names of the metrics that have samples. None: not known.
    pub metrics: Option<BTreeSet<String>>,
    /// The upper bounds of classic buckets, by the name with `_bucket`, in the metric's unit.
    /// None: not known.
    pub buckets: Option<BTreeMap<String, Vec<f64>>>,
    /// Names of the metrics that have native histograms.
    pub native: BTreeSet<String>,
    /// How long samples are kept, in milliseconds.
    pub retention_ms: Option<i64>,
    /// What the past says, by the group's name and the rule's place in it.
    pub past: BTreeMap<(String, usize), Past>,
}

/// How often a condition began to hold.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Past {
    pub times: usize,
    /// In how long a time, in milliseconds.
    pub over_ms: i64,
}

impl Past {
    /// What a backtest has found of a rule.
    pub fn of(report: &RuleReport, moments: &Moments) -> Self {
        Past {
            times: report.episodes.len(),
            over_ms: moments.to_ms.saturating_sub(moments.from_ms),
        }
    }
}

/// What kind a finding is of.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The alert can never fire.
    DeadAlert,
    /// A quantile of series that have no buckets.
    QuantileWithoutBuckets,
    /// A quantile of buckets whose bounds were aggregated away.
    BoundsLost,
    /// A threshold between two bounds, where a quantile is a guess.
    OffBucketBound,
    /// Something per second is shown as a share of a hundred.
    RateAsPercentage,
    /// More is read than is kept.
    WindowOverRetention,
    /// Nobody notices when the series is gone.
    MissingAbsent,
    /// It would come and go.
    Flapping,
    NoSeverity,
    NoSummary,
}

impl Code {
    /// As it is written: `dead-alert`.
    pub const fn word(self) -> &'static str {
        match self {
            Code::DeadAlert => "dead-alert",
            Code::QuantileWithoutBuckets => "quantile-without-buckets",
            Code::BoundsLost => "bounds-lost",
            Code::OffBucketBound => "off-bucket-bound",
            Code::RateAsPercentage => "rate-as-percentage",
            Code::WindowOverRetention => "window-over-retention",
            Code::MissingAbsent => "missing-absent",
            Code::Flapping => "flapping",
            Code::NoSeverity => "no-severity",
            Code::NoSummary => "no-summary",
        }
    }
}

/// Something to think about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    pub code: Code,
    pub group: String,
    /// The alert's or the recorded metric's name.
    pub rule: String,
    /// Where the rule begins in its file, from 1.
    pub line: usize,
    /// The part of the query that is meant, in bytes from its beginning.
    pub part: Option<(usize, usize)>,
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// What there is to say of the rules of a file, in the order of their lines.
pub fn lint(file: &RuleFile, facts: &Facts) -> Vec<Finding> {
    let recorded = file.rules().filter_map(|(_, rule)| match &rule.makes {
        Makes::Record(name) => Some(name.as_str()),
        Makes::Alert(_) => None,
    });
    let recorded: BTreeSet<&str> = recorded.collect();
    let watched = cover::watched(file);
    let mut findings = Vec::new();
    for group in &file.groups {
        for (place, rule) in group.rules.iter().enumerate() {
            let mut look = Look {
                facts,
                recorded: &recorded,
                group,
                rule,
                findings: &mut findings,
            };
            look.retention();
            look.quantiles();
            if let Makes::Alert(alerting) = &rule.makes {
                look.dead();
                look.thresholds();
                look.percentages(alerting);
                look.absence(&watched);
                look.flapping(alerting, place);
                look.labels(alerting);
            }
        }
    }
    findings.sort_by_key(|finding| (finding.line, finding.code));
    findings
}

/// A look at one rule.
struct Look<'l> {
    facts: &'l Facts,
    /// What the rules of the file record.
    recorded: &'l BTreeSet<&'l str>,
    group: &'l Group,
    rule: &'l Rule,
    findings: &'l mut Vec<Finding>,
}

impl Look<'_> {
    fn say(
        &mut self,
        code: Code,
        part: Option<Span>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let found = Finding {
            code,
            group: self.group.name.clone(),
            rule: self.rule.name().to_owned(),
            line: self.rule.line,
            part: part.map(|span| (span.start, span.end)),
            what: what.into(),
            advice: advice.into(),
        };
        self.findings.push(found);
    }

    /// The label's value, of the rule or its group.
    fn label(&self, name: &str) -> Option<&str> {
        let own = self.rule.labels.get(name);
        own.or_else(|| self.group.labels.get(name))
            .map(String::as_str)
    }

    fn labels(&mut self, alerting: &Alerting) {
        if self.label("severity").is_none_or(str::is_empty) {
            self.say(
                Code::NoSeverity,
                None,
                "the alert has no label `severity`, and nobody can tell whether it may wake somebody",
                "add `severity` to its labels, or to those of its group",
            );
        }
        let said = ["summary", "description", "message"];
        let said = said.iter().any(|name| {
            alerting
                .annotations
                .get(*name)
                .is_some_and(|t| !t.is_empty())
        });
        if !said {
            self.say(
                Code::NoSummary,
                None,
                "the alert has no annotation `summary`, and says nothing but its name",
                "add a `summary` that names what is wrong and where",
            );
        }
    }
}

/// The expression and everything below it.
fn each<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    visit(expr);
    for child in expr.children() {
        each(child, visit);
    }
}

/// The metrics that an expression reads, by name, with the place of each.
fn metrics(expr: &Expr) -> Vec<(&str, Span)> {
    let mut found = Vec::new();
    each(expr, &mut |expr| {
        let selector = match expr {
            Expr::Vector(selector) => selector,
            Expr::Matrix(matrix) => &matrix.selector,
            _ => return,
        };
        if let Some(name) = metric_name(selector) {
            found.push((name, selector.span));
        }
    });
    found
}

/// The name of the one metric that a selector means.
fn metric_name(selector: &deckwatch_promql::ast::VectorSelector) -> Option<&str> {
    use deckwatch_promql::MatchOp;
    use deckwatch_promql::labels::METRIC_NAME;
    let mut matchers = selector.matchers.iter();
    let named = matchers.find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal);
    named.map(deckwatch_promql::Matcher::value)
}
