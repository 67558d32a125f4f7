//! What the engine needs from the world, as small traits. `console` implements them; the
//! simulation implements them with faults.

use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{EventId, IntentId, ReleaseVersion, ServiceName, Slot, Span, Timestamp};
use deckwatch_platform::{TaskRun, TaskSeen};
use deckwatch_verdict::Interval;

use crate::event::Baseline;
use crate::plan::{CountQuery, Gate, Metric, What};
use crate::state::Rollout;

/// The present, on two clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// The wall clock: for records and for plans' hours. May jump.
    pub wall: Timestamp,
    /// A clock that never jumps and counts time asleep, from an arbitrary origin: for leases.
    pub boot: Duration,
}

/// A version in a slot, as samples are labelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub slot: Slot,
    pub version: ReleaseVersion,
}

/// What was counted by one scrape.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Look {
    pub at: Timestamp,
    pub interval: Interval,
}

/// Sums over a span, for absolute limits.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Totals {
    pub requests: u64,
    pub bad: u64,
    pub mean_seconds: Option<f64>,
}

/// Where the judge's numbers come from. An error means that they could not be read, not that
/// there are none.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// What was counted in scrapes after `after`, oldest first.
    async fn looks(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        stable: Option<&Standing>,
        what: What,
        after: Timestamp,
    ) -> Result<Vec<Look>, String>;

    /// What a plan's own queries counted after `after`, one look each `interval`, oldest first.
    async fn query_looks(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        stable: Option<&Standing>,
        query: &CountQuery,
        interval: Span,
        after: Timestamp,
    ) -> Result<Vec<Look>, String> {
        let _ = (service, candidate, stable, query, interval, after);
        Err("no queries can be asked here".into())
    }

    /// What a plan's limit gave for the candidate after `since`, one value each `interval`, oldest
    /// first; `highest` of several series, or the lowest.
    async fn query_values(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        query: &str,
        highest: bool,
        interval: Span,
        since: Timestamp,
    ) -> Result<Vec<f64>, String> {
        let _ = (service, candidate, query, highest, interval, since);
        Err("no queries can be asked here".into())
    }

    /// The candidate's sums since `since`.
    async fn totals(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        since: Timestamp,
    ) -> Result<Totals, String>;

    /// A gauge's values since `since`: candidate's and stable's.
    async fn gauge(
        &self,
        service: &ServiceName,
        series: &str,
        candidate: &Standing,
        stable: Option<&Standing>,
        since: Timestamp,
    ) -> Result<(Vec<f64>, Vec<f64>), String>;

    /// Stable's counts over the `span` before `now`; none when nothing was sampled.
    async fn baseline(
        &self,
        service: &ServiceName,
        stable: &Standing,
        metrics: &[Metric],
        span: Duration,
        now: Timestamp,
    ) -> Result<Option<Baseline>, String>;
}

/// Answers for gates that other rooms keep.
#[async_trait]
pub trait Gates: Send + Sync {
    /// Why this gate is closed, and who can open it; none when it is open.
    async fn closed(&self, rollout: &Rollout, gate: &Gate, now: Timestamp) -> Option<String>;
}

/// Carries tasks out. An attempt outlives the program that began it, and is known by its intent.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Begins this attempt, unless it was begun before. An error means that it was not begun and
    /// may be tried again.
    async fn begin(&self, run: &TaskRun) -> Result<(), String>;

    /// What has become of it. An error means that it cannot be told now.
    async fn look(&self, intent: IntentId) -> Result<TaskSeen, String>;

    /// Ends it; a later look says that it has ended.
    async fn stop(&self, intent: IntentId) -> Result<(), String>;
}

/// Fresh ids.
pub trait Ids: Send + Sync {
    fn event(&self) -> EventId;
    fn intent(&self) -> IntentId;
}

/// Whether a lease's holder is known to be gone, so that nobody has to wait for its lease to run
/// out. Not knowing is `false`.
pub trait Liveness: Send + Sync {
    fn is_gone(&self, holder: &str) -> bool;
}

/// Time, for the lane's short waits.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Now;
    async fn sleep(&self, duration: Duration);
}
