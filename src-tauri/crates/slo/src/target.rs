//! The share of events that must be good.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::figures::exact_percent;

/// A share above 0 and below 1, to nine decimals: 0.9995 is 99.95 %.
///
/// It is rounded there so that `1 - 0.9995` is 0.0005 and not a little more:
/// thresholds and budgets are multiples of it.
#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, ts_rs::TS)]
#[serde(try_from = "f64", into = "f64")]
#[ts(type = "number")]
pub struct Target(f64);

const FINEST: f64 = 1e9;

impl Target {
    /// From a share.
    ///
    /// # Errors
    /// In words, when no budget could be made of it.
    pub fn new(share: f64) -> Result<Self, String> {
        if share > 1.0 && share <= 100.0 {
            return Err(format!(
                "{share} is no share; write {share}% or {}",
                crate::figures::plain(share / 100.0)
            ));
        }
        let share = (share * FINEST).round() / FINEST;
        if share >= 1.0 {
            return Err("a target of 100 % leaves no budget: nothing could ever be spent".into());
        }
        if share <= 0.0 || share.is_nan() {
            return Err(format!("{share} is no target; write a share such as 99.9%"));
        }
        Ok(Target(share))
    }

    /// The share that must be good.
    pub fn share(self) -> f64 {
        self.0
    }

    /// The share that may be bad.
    pub fn budget(self) -> f64 {
        ((1.0 - self.0) * FINEST).round() / FINEST
    }

    /// The pace at which every single event is bad: no burn rate is higher.
    pub fn fastest(self) -> f64 {
        1.0 / self.budget()
    }
}

impl TryFrom<f64> for Target {
    type Error = String;
    fn try_from(share: f64) -> Result<Self, String> {
        Target::new(share)
    }
}

impl From<Target> for f64 {
    fn from(target: Target) -> f64 {
        target.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&exact_percent(self.0))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
