//! What a load run found out, for people and for `--json`.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::Latency;

/// Failed requests by kind. Their sum is [`LoadReport::failed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Failures {
    /// 5xx that a version of the service answered itself.
    pub answered_5xx: u64,
    /// 5xx without a version: whatever stands in front of the service had nobody to ask.
    pub unserved_5xx: u64,
    pub timeout: u64,
    pub refused: u64,
    pub reset: u64,
    /// The load generator's own machine would not (descriptors, ports). Says nothing about the
    /// service; more than a few make the run worthless.
    pub local: u64,
}

impl Failures {
    pub fn total(&self) -> u64 {
        self.answered_5xx + self.dropped() + self.local
    }

    /// Requests that no version of the service answered: what a change of traffic must not cost.
    pub fn dropped(&self) -> u64 {
        self.unserved_5xx + self.timeout + self.refused + self.reset
    }
}

/// What one version answered.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct VersionReport {
    pub answers: u64,
    /// 5xx among them.
    pub bad: u64,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub first_bad_at: Option<Timestamp>,
    pub last_bad_at: Option<Timestamp>,
    /// Different clients with at least one bad answer from it.
    pub clients_hurt: u64,
    pub latency: Latency,
}

/// One second of a run. Requests are counted when they are due, answers when they end.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Second {
    /// Whole seconds since the run began.
    pub second: u64,
    pub due: u64,
    pub overloaded: u64,
    pub ok: u64,
    pub failed: u64,
    /// Answers and the bad ones among them, by version.
    pub versions: BTreeMap<String, (u64, u64)>,
}

/// A run so far.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct LoadReport {
    pub began_at: Timestamp,
    pub at: Timestamp,
    pub elapsed: Span,
    /// Requests per second asked for at present.
    pub rate: f64,
    /// Requests that the schedule asked for: `overloaded + ok + failed + in_flight`.
    pub due: u64,
    pub sent: u64,
    /// Due, but not sent: too much was in flight.
    pub overloaded: u64,
    pub in_flight: u64,
    /// Answered below 500.
    pub ok: u64,
    pub failed: u64,
    pub failures: Failures,
    pub statuses: BTreeMap<u16, u64>,
    /// By the answer's `x-version`.
    pub versions: BTreeMap<String, VersionReport>,
    /// Different clients with at least one failed request.
    pub clients_hurt: u64,
    pub first_failure_at: Option<Timestamp>,
    pub last_failure_at: Option<Timestamp>,
    /// From the moment a request was due, of all that were answered or timed out.
    pub latency: Latency,
    /// How late the load generator itself was in starting requests; part of `latency`.
    pub start_delay: Latency,
    pub connections_opened: u64,
    /// The newest fifteen minutes.
    pub timeline: Vec<Second>,
}
