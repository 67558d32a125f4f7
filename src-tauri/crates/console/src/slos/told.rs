//! How objectives stand: what is told of them.

use std::collections::BTreeMap;

use deckwatch_domain::{ServiceName, Span, Timestamp};
use deckwatch_slo::burn::{Advice, Decision, Refused, Severity};
use deckwatch_slo::ledger::{Forecast, Ledger};
use deckwatch_slo::{Events, Measured};
use serde::{Deserialize, Serialize};

use crate::plans::PlanMistake;

/// How an objective stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum SloState {
    Page,
    Ticket,
    /// Nothing is known.
    NoData,
    Quiet,
}

/// Which objective.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct SloAsk {
    pub service: ServiceName,
    pub name: String,
    /// None: the group with the least of its budget left.
    #[serde(default)]
    #[ts(optional, type = "Record<string, string>")]
    pub group: Option<BTreeMap<String, String>>,
}

/// How fast a budget burns in one window.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloBurn {
    pub window: Span,
    /// 1 spends the budget exactly by the end of the period; none without events.
    pub pace: Option<f64>,
    /// The pace from which its pair alerts.
    pub bound: f64,
    pub severity: Severity,
}

/// One objective in a list.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloRow {
    pub service: ServiceName,
    pub name: String,
    pub about: String,
    /// A share.
    pub target: f64,
    pub period: String,
    pub state: SloState,
    /// Of the group that stands worst; the share of the budget that is left, below zero when it is
    /// overspent.
    pub left: Option<f64>,
    /// The share of good events.
    pub good: Option<f64>,
    pub events: Events,
    /// Labels of the group that stands worst.
    #[ts(type = "Record<string, string>")]
    pub worst: BTreeMap<String, String>,
    pub groups: usize,
    /// Short to long.
    pub burns: Vec<SloBurn>,
    /// When the rolling budget is gone at the pace of the last six hours; zero: it is.
    pub gone_in: Option<Span>,
    /// The rolling budget up to now; none where nothing is known.
    pub spark: Vec<Option<f64>>,
    /// What there is to say, in a sentence.
    pub words: String,
    /// The share of the period that was counted so far.
    pub counted: f64,
    pub trouble: Option<String>,
}

/// All objectives, the worst first.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SlosView {
    pub at: Timestamp,
    pub rows: Vec<SloRow>,
    /// Who was asked: `samples`, or an address.
    pub source: String,
    /// The file that names them.
    pub file: String,
    /// Its mistakes; with any, nothing of it counts.
    pub mistakes: Vec<PlanMistake>,
    /// Why the source does not answer.
    pub trouble: Option<String>,
}

/// One moment of a line.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloPoint {
    pub at: Timestamp,
    pub value: Option<f64>,
}

/// How one group stands.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloGroup {
    #[ts(type = "Record<string, string>")]
    pub labels: BTreeMap<String, String>,
    pub left: f64,
    pub good: Option<f64>,
    pub events: Events,
    pub state: SloState,
}

/// Events of a stretch.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloCount {
    pub from: Timestamp,
    pub good: f64,
    pub bad: f64,
    pub known: bool,
}

/// A line of burn.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloBurnLine {
    pub window: Span,
    pub points: Vec<SloPoint>,
}

/// One objective, whole.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloView {
    pub at: Timestamp,
    pub row: SloRow,
    /// Which of its groups the rest is about.
    #[ts(type = "Record<string, string>")]
    pub group: BTreeMap<String, String>,
    /// The worst first.
    pub groups: Vec<SloGroup>,
    pub rolling: Vec<SloPoint>,
    pub ledger: Ledger,
    pub forecast: Option<Forecast>,
    pub headline: String,
    pub decisions: Vec<Decision>,
    /// Alerts that could never come.
    pub refused: Vec<Refused>,
    /// The two windows of the first pair, over the last day.
    pub burn: Vec<SloBurnLine>,
    /// Good and bad events of the last day, in stretches of half an hour.
    pub counts: Vec<SloCount>,
    pub advice: Option<Advice>,
    /// `0.05 % of 30d is 21.6 minutes`
    pub arithmetic: String,
    pub no_data: String,
    /// What is asked, for a window of five minutes.
    pub queries: Measured,
    pub yaml: String,
    pub source: String,
}
