//! What counts as harm, what may pass, and how large the risk of a wrong answer may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How one counted metric is judged.
///
/// Ratios are of *rates*: the candidate's share of bad requests over stable's. For ratios of one
/// and more, odds that are at most `harm` times stable's imply rates that are, so what is promised
/// for rates holds for odds as well; for rare faults the two are the same.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CountRule {
    /// φ0: up to this many times stable's rate of bad requests is not called harm.
    pub harm: f64,
    /// φ1: it passes by showing that its rate is below this many times stable's. Above `harm`.
    pub tolerate: f64,
    /// δ: it passes as well by showing that its rate is below stable's plus this (0.01 is one
    /// request in a hundred). Without it, a service that hardly ever fails can never pass: there
    /// would be nothing to take a ratio of.
    pub margin: Option<f64>,
}

impl Default for CountRule {
    fn default() -> Self {
        CountRule {
            harm: 1.0,
            tolerate: 2.0,
            margin: Some(0.01),
        }
    }
}

/// α, and how it is shared over the whole rollout.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// The chance that a rollout of a harmless candidate is ever failed, over all its metrics and
    /// steps; and the chance that one metric of one step passes a harmful one.
    pub alpha: f64,
    /// K: how many metrics may fail the rollout.
    pub metrics: u32,
    /// S: how many steps are judged.
    pub steps: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            alpha: 0.01,
            metrics: 1,
            steps: 1,
        }
    }
}

impl Budget {
    /// What the evidence of harm must reach for `Fail`: K·S/α.
    pub fn fail_bound(&self) -> f64 {
        f64::from(self.metrics) * f64::from(self.steps) / self.alpha
    }

    /// What the evidence of safety must reach for `Pass`: 1/α. Not shared over metrics and steps:
    /// a stage advances only when all of them pass, which no single wrong answer brings about.
    pub fn pass_bound(&self) -> f64 {
        1.0 / self.alpha
    }

    pub fn check(&self) -> Result<(), RuleError> {
        if !(self.alpha >= SMALLEST_ALPHA && self.alpha <= 0.5) {
            return Err(RuleError::Alpha(self.alpha));
        }
        if self.metrics == 0 || self.steps == 0 {
            return Err(RuleError::NothingToShare);
        }
        Ok(())
    }
}

/// Below this nobody could ever collect the evidence.
const SMALLEST_ALPHA: f64 = 1e-12;
/// Ratios beyond this are mistakes, and would make rates meaningless.
const LARGEST_RATIO: f64 = 1e6;

impl CountRule {
    pub fn check(&self) -> Result<(), RuleError> {
        if !(self.harm > 1.0 / LARGEST_RATIO && self.harm <= LARGEST_RATIO) {
            return Err(RuleError::Harm(self.harm));
        }
        if !(self.tolerate > self.harm && self.tolerate <= LARGEST_RATIO) {
            return Err(RuleError::Tolerate {
                harm: self.harm,
                tolerate: self.tolerate,
            });
        }
        match self.margin {
            Some(margin) if !(1e-9..1.0).contains(&margin) => Err(RuleError::Margin(margin)),
            _ => Ok(()),
        }
    }
}

/// A rule nobody can be judged by.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum RuleError {
    #[error("alpha must lie between 1e-12 and 0.5; it is {0}")]
    Alpha(f64),
    #[error("the budget needs at least one metric and one step")]
    NothingToShare,
    #[error("harm must lie between 1e-6 and 1e6 times stable's rate; it is {0}")]
    Harm(f64),
    #[error("tolerate must be above harm ({harm}) and at most 1e6; it is {tolerate}")]
    Tolerate { harm: f64, tolerate: f64 },
    #[error("margin must lie between 1e-9 and 1 (0.01 is one request in a hundred); it is {0}")]
    Margin(f64),
    #[error("the reference counts {bad} bad requests of {total}")]
    Reference { total: u64, bad: u64 },
}
