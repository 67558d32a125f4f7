//! One answer out of several metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::Verdict;
use crate::evidence::CountEvidence;
use crate::gauge::GaugeAnswer;
use crate::limit::LimitAnswer;

/// Which way a metric must not move.
#[derive(
    Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    #[default]
    HigherIsWorse,
    LowerIsWorse,
    Either,
}

/// What a metric's answer rests on, by kind of metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "evidence")]
pub enum Detail {
    Count(CountEvidence),
    Gauge(GaugeAnswer),
    Limit(LimitAnswer),
    /// It could not be measured at all; the words say why.
    Unreadable,
}

/// One metric with its own answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
pub struct MetricAnswer {
    pub name: String,
    pub direction: Direction,
    /// A metric that is not critical can warn, and neither fail nor pass a rollout.
    pub critical: bool,
    pub verdict: Verdict,
    pub detail: Detail,
    /// The evidence in plain sentences.
    pub words: String,
}

impl MetricAnswer {
    /// The answer of a counted metric, whose bad requests are what must not rise.
    pub fn count(name: impl Into<String>, critical: bool, evidence: CountEvidence) -> Self {
        MetricAnswer {
            name: name.into(),
            direction: Direction::HigherIsWorse,
            critical,
            verdict: evidence.verdict,
            words: evidence.words(),
            detail: Detail::Count(evidence),
        }
    }

    pub fn gauge(
        name: impl Into<String>,
        direction: Direction,
        critical: bool,
        answer: GaugeAnswer,
    ) -> Self {
        MetricAnswer {
            name: name.into(),
            direction,
            critical,
            verdict: answer.verdict,
            words: answer.words.clone(),
            detail: Detail::Gauge(answer),
        }
    }

    /// The answer of a metric that could not be measured, because its source failed or its rule
    /// is none: always an `Error`.
    pub fn unreadable(name: impl Into<String>, critical: bool, why: impl Into<String>) -> Self {
        MetricAnswer {
            name: name.into(),
            direction: Direction::HigherIsWorse,
            critical,
            verdict: Verdict::Error,
            detail: Detail::Unreadable,
            words: why.into(),
        }
    }

    /// The answer of an absolute limit on something of which more is worse, or on success.
    pub fn limit(name: impl Into<String>, critical: bool, answer: LimitAnswer) -> Self {
        MetricAnswer {
            name: name.into(),
            direction: Direction::HigherIsWorse,
            critical,
            verdict: answer.verdict,
            words: answer.words.clone(),
            detail: Detail::Limit(answer),
        }
    }
}

/// The whole answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
pub struct Answer {
    pub verdict: Verdict,
    pub metrics: Vec<MetricAnswer>,
    /// Why, in plain sentences: what decided first, then the warnings.
    pub words: String,
}

/// Makes one answer of all metrics.
///
/// A critical `Fail` fails. Else an `Error` of any metric is an `Error`, critical or not: what
/// cannot be read is mended, not waved through. Else a critical `NoData` is `NoData`. Else it
/// passes when every critical metric does. No metric at all, or none that is critical, is an
/// `Error`: nothing was judged, so nothing may pass.
pub fn combine(metrics: Vec<MetricAnswer>) -> Answer {
    let critical = || metrics.iter().filter(|m| m.critical);
    let verdict = if critical().any(|m| m.verdict == Verdict::Fail) {
        Verdict::Fail
    } else if critical().next().is_none() || metrics.iter().any(|m| m.verdict == Verdict::Error) {
        Verdict::Error
    } else if critical().any(|m| m.verdict == Verdict::NoData) {
        Verdict::NoData
    } else if critical().all(|m| m.verdict == Verdict::Pass) {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    };
    let words = words(verdict, &metrics);
    Answer {
        verdict,
        metrics,
        words,
    }
}

fn words(verdict: Verdict, metrics: &[MetricAnswer]) -> String {
    if metrics.is_empty() {
        return "Nothing was judged: there is no metric.".to_owned();
    }
    if !metrics.iter().any(|m| m.critical) {
        return "Nothing was judged: no metric is critical, so none can pass.".to_owned();
    }
    let decided: Vec<String> = metrics
        .iter()
        .filter(|m| m.verdict == verdict && (m.critical || verdict == Verdict::Error))
        .map(|m| format!("{}: {}", m.name, m.words))
        .collect();
    let warnings = metrics
        .iter()
        .filter(|m| !m.critical && m.verdict != verdict && m.verdict != Verdict::Pass)
        .map(|m| format!("Warning, {} is {}: {}", m.name, m.verdict, m.words));
    decided
        .into_iter()
        .chain(warnings)
        .collect::<Vec<_>>()
        .join(" ")
}
