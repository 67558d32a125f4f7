//! What is counted, and the five answers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The judge's answer. Only `Pass` lets a stage advance.
#[derive(
    Copy, Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Shown to be good enough, at the promised error rate.
    Pass,
    /// Shown to be worse, at the promised error rate.
    Fail,
    /// Neither is shown yet.
    Inconclusive,
    /// The candidate has answered nothing that could be judged.
    NoData,
    /// What was measured contradicts itself or cannot be read.
    Error,
}

impl Verdict {
    /// Whether a stage may advance on this answer.
    pub const fn advances(self) -> bool {
        matches!(self, Verdict::Pass)
    }

    /// The verdict's spelling in files, events and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NoData => "no-data",
            Verdict::Error => "error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Requests, and the bad ones among them. More bad than all is a contradiction and judged `Error`.
#[derive(
    Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS,
)]
pub struct Counts {
    /// All requests that were answered, good or bad.
    pub total: u64,
    /// Those of `total` that were bad: failed, or slower than the threshold.
    pub bad: u64,
}

impl Counts {
    pub const fn new(total: u64, bad: u64) -> Self {
        Counts { total, bad }
    }

    pub const fn is_possible(self) -> bool {
        self.bad <= self.total
    }

    /// Bad requests as a share of all (0 to 1), `None` without any request.
    pub fn rate(self) -> Option<f64> {
        (self.total > 0).then(|| self.bad as f64 / self.total as f64)
    }

    /// The sum, or `None` when it cannot be represented.
    pub fn plus(self, other: Counts) -> Option<Counts> {
        Some(Counts {
            total: self.total.checked_add(other.total)?,
            bad: self.bad.checked_add(other.bad)?,
        })
    }
}

/// What was counted between two looks (one scrape interval).
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    pub candidate: Counts,
    pub stable: Counts,
}
