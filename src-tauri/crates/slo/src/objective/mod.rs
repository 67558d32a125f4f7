//! What is promised: which events, what share of them, over which time.

mod buckets;
mod checks;
mod indicator;
mod queries;
mod read;
mod write;

use std::collections::BTreeMap;

use deckwatch_domain::{ServiceName, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::burn::Pair;
use crate::period::Period;
use crate::target::Target;

pub use buckets::{BucketError, bucket_label};
pub use checks::{checked_query, checked_selector};
pub use queries::Measured;
pub(crate) use queries::scaled_share;
pub use read::read_objectives;
pub use write::write_objectives;

/// Whether a query counts the good events or the bad ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[ts(rename = "SloSide")]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The names say it.
pub enum Side {
    Good,
    Bad,
}

impl Side {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Side::Good => "good",
            Side::Bad => "bad",
        }
    }
}

/// What a pair of queries gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// Events in the window.
    Events,
    /// Events per second, as `rate` gives them; they are multiplied by the window.
    PerSecond,
}

/// How a gauge is held against its threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[allow(missing_docs)] // The symbols say it.
pub enum Comparison {
    #[serde(rename = "<")]
    Below,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">")]
    Above,
    #[serde(rename = ">=")]
    AtLeast,
}

impl Comparison {
    /// The operator, in documents and in PromQL.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

/// What is counted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Indicator {
    /// Counters: all events, and the good or the bad ones among them.
    Ratio {
        /// What `events` selects.
        side: Side,
        /// A selector of counters.
        events: String,
        /// A selector of counters.
        total: String,
    },
    /// Requests that were answered in time, by a histogram.
    Latency {
        /// A selector of the histogram, without `_bucket`.
        histogram: String,
        /// The bound, in seconds (or whatever the histogram measures).
        below: f64,
        /// A native histogram rather than one of buckets.
        native: bool,
    },
    /// The time during which a gauge kept its threshold, looked at every so often.
    Gauge {
        /// A query that gives the gauge.
        value: String,
        /// How it must compare.
        holds: Comparison,
        /// With what.
        threshold: f64,
        /// How often it is looked at.
        every: Span,
    },
    /// Any two queries, with `$window` where the length of the window belongs.
    Queries {
        /// What `events` counts.
        side: Side,
        /// A query.
        events: String,
        /// A query.
        total: String,
        /// What the two give.
        counting: Counting,
    },
    /// Slices of time, each good when enough of what happened in it was.
    Slices {
        /// How long a slice is.
        every: Span,
        /// The share that must be good in a slice.
        at_least: f64,
        /// What is counted in a slice.
        of: Box<Indicator>,
    },
}

impl Objective {
    /// The `le` label of its latency's bucket, as the histogram spells it, out of those that it
    /// really has; `None` for objectives that need no bucket.
    ///
    /// # Errors
    /// If no bucket ends at the bound.
    pub fn bucket<'l>(
        &self,
        labels: impl IntoIterator<Item = &'l str>,
    ) -> Result<Option<&'l str>, BucketError> {
        let indicator = match &self.indicator {
            Indicator::Slices { of, .. } => of,
            other => other,
        };
        match indicator {
            Indicator::Latency {
                below,
                native: false,
                ..
            } => bucket_label(*below, labels).map(Some),
            _ => Ok(None),
        }
    }
}

impl Indicator {
    /// What one event is called in sentences.
    pub fn noun(&self) -> &'static str {
        match self {
            Indicator::Ratio { .. } | Indicator::Queries { .. } => "event",
            Indicator::Latency { .. } => "request",
            Indicator::Gauge { .. } => "look",
            Indicator::Slices { .. } => "slice",
        }
    }
}

/// What a time of which nothing is known counts as.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "lowercase")]
pub enum NoData {
    /// As if the usual number of events had happened and all had been bad.
    Bad,
    /// As if it had not been.
    #[default]
    Ignore,
    /// As if the clock had stopped: what was last known stands.
    Hold,
}

impl NoData {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            NoData::Bad => "bad",
            NoData::Ignore => "ignore",
            NoData::Hold => "hold",
        }
    }
}

/// A time that does not count, such as maintenance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Exclusion {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub author: String,
}

/// A promise about a service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Objective {
    /// Its name: lower-case letters, digits and `-`.
    pub name: String,
    /// Whose.
    pub service: ServiceName,
    /// In words.
    pub about: String,
    /// The share that must be good.
    pub target: Target,
    /// Over which time.
    pub period: Period,
    /// What is counted.
    pub indicator: Indicator,
    /// Labels that tell groups apart, each with a budget of its own.
    pub by: Vec<String>,
    /// What a time of which nothing is known counts as.
    pub no_data: NoData,
    /// Times that do not count.
    pub exclusions: Vec<Exclusion>,
    /// Labels of the alerts.
    pub labels: BTreeMap<String, String>,
    /// When the burn alerts; `None` is the usual four pairs.
    pub burn: Option<Vec<Pair>>,
}
