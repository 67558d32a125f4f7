//! What one release in one slot of one service did, interval by interval, out of the node's
//! counters as they were stored.
//!
//! An interval lies between two successful scrapes of the node, both of them within the asked
//! stretch; so two cohorts asked for the same stretch answer with the same intervals, one to one,
//! and traffic from before a step's start is never in a step's counts. A cohort that served
//! nothing in an interval says 0 of 0, which is a measurement; where nobody looked there is no
//! interval at all.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{ReleaseVersion, ServiceName, Slot, Span, Timestamp};

use crate::counts::{every_second_window, joint_increases, whole};
use crate::store::{SampleStore, Selector, StoreError};

/// The job under which the local node must be scraped: these queries look for its `up`.
pub const NODE_JOB: &str = "node";
/// Answers by class: 2xx, 3xx, 404, 4xx, 5xx, timeout, refused, aborted.
pub const RESPONSES: &str = "deckwatch_proxy_responses_total";
/// The histogram of response times; `_bucket`, `_sum` and `_count` are appended.
pub const RESPONSE_SECONDS: &str = "deckwatch_proxy_response_seconds";
/// Different clients per window of [`CLIENT_WINDOW`], added up over the windows that have ended,
/// and those with a bad answer.
pub const CLIENTS: &str = "deckwatch_proxy_clients_total";
pub const CLIENTS_BAD: &str = "deckwatch_proxy_clients_bad_total";
/// How long the node remembers whom it has counted. Windows begin at multiples of it.
const CLIENT_WINDOW: Span = Span::from_secs(5);
pub const INSTANCE_MEMORY: &str = "deckwatch_instance_resident_bytes";
pub const INSTANCE_CPU: &str = "deckwatch_instance_cpu_seconds_total";

/// The upper bounds of the node's response time buckets, in seconds, without the last (+Inf).
pub const RESPONSE_BOUNDS: [f64; 18] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
    5.0, 10.0,
];

/// Whose traffic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cohort {
    pub service: ServiceName,
    pub slot: Slot,
    pub release: ReleaseVersion,
}

impl Cohort {
    fn select(&self, name: &str) -> Selector {
        let labels = [
            ("job", NODE_JOB),
            ("service", self.service.as_str()),
            ("slot", self.slot.as_str()),
            ("release", self.release.as_str()),
        ];
        Selector::new(name, &labels)
    }
}

/// What counts as bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadRule {
    /// Answers 5xx, timeouts and refused connections, of all answers. What the client itself
    /// gave up (`aborted`) is counted on neither side.
    Errors,
    /// Answers that took longer than this, of all answers. Counted, not estimated: it must be
    /// one of [`RESPONSE_BOUNDS`].
    SlowerThan(Span),
    /// Clients with at least one bad answer in a window of five seconds, of all clients in it.
    /// Every second window is counted, so that one client's retries, as long as they last no
    /// longer than a window, are never counted twice. The intervals are whole windows that began
    /// at or after the asked stretch's start; they lag behind the newest scrape by up to two and
    /// a half windows.
    Clients,
}

/// A threshold between two bounds, where nothing is counted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("responses slower than {asked} are not counted; the nearest thresholds that are: {near}")]
pub struct BoundError {
    pub asked: Span,
    pub near: String,
}

impl BadRule {
    /// A slowness rule, if its threshold is counted. For validating a plan before it runs.
    pub fn slower_than(threshold: Span) -> Result<Self, BoundError> {
        bound_of(threshold).map(|_| BadRule::SlowerThan(threshold))
    }
}

fn bound_of(threshold: Span) -> Result<f64, BoundError> {
    let seconds = threshold.as_secs_f64();
    // Whole milliseconds only: 2.5 ms cannot be asked for, so it is no neighbour either.
    let whole = || RESPONSE_BOUNDS.into_iter().filter(|bound| *bound != 0.0025);
    if let Some(bound) = whole().find(|bound| same(*bound, seconds)) {
        return Ok(bound);
    }
    let below = whole().rfind(|bound| *bound < seconds);
    let above = whole().find(|bound| *bound > seconds);
    let near: Vec<String> = [below, above]
        .into_iter()
        .flatten()
        .map(|bound| Span::from_millis((bound * 1000.0).round() as u64).to_string())
        .collect();
    Err(BoundError {
        asked: threshold,
        near: near.join(", "),
    })
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() < 1e-9
}

/// Why there are no counts.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum CountError {
    #[error(transparent)]
    Bound(#[from] BoundError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the node has no response time bucket up to {bound} s, so nothing can be counted there"
    )]
    NoBucket { bound: f64 },
}

/// What was counted between two scrapes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The scrape before; with [`BadRule::Clients`] the beginning of its first window.
    pub from: Timestamp,
    /// The scrape that closes the interval, or the end of its last window. Longer than the scrape
    /// interval after a gap. Asking again from here goes on without loss.
    pub at: Timestamp,
    pub total: u64,
    pub bad: u64,
}

/// Total and bad per interval between the scrapes in `[from, to]`.
pub async fn slot_counts(
    store: &SampleStore,
    cohort: &Cohort,
    from: Timestamp,
    to: Timestamp,
    rule: BadRule,
) -> Result<Vec<Interval>, CountError> {
    let counters = match rule {
        BadRule::Errors => read(store, cohort, RESPONSES, "class", from, to).await?,
        BadRule::SlowerThan(threshold) => {
            let bound = bound_of(threshold)?;
            let buckets = read(store, cohort, &bucket_name(), "le", from, to).await?;
            if !buckets.is_empty() && !buckets.keys().any(|le| is_bound(le, bound)) {
                return Err(CountError::NoBucket { bound });
            }
            buckets
        }
        BadRule::Clients => {
            let mut both = BTreeMap::new();
            for (key, name) in [(ALL, CLIENTS), (BAD, CLIENTS_BAD)] {
                let found = read(store, cohort, name, "", from, to).await?;
                both.extend(found.into_values().map(|points| (key.to_owned(), points)));
            }
            both
        }
    };
    let looks = looks(store, from, to).await?;
    let mut intervals = joint_increases(&looks, &counters);
    if rule == BadRule::Clients {
        intervals = every_second_window(&intervals, CLIENT_WINDOW, from);
    }
    Ok(intervals
        .into_iter()
        .map(|(from, at, rose)| {
            let (total, bad) = split(rule, &rose);
            let total = whole(total);
            let bad = whole(bad).min(total);
            Interval {
                from,
                at,
                total,
                bad,
            }
        })
        .collect())
}

const ALL: &str = "all";
const BAD: &str = "bad";

/// Total and bad out of what the rule's counters rose by.
fn split(rule: BadRule, rose: &BTreeMap<String, f64>) -> (f64, f64) {
    let sum = |wanted: &dyn Fn(&str) -> bool| -> f64 {
        let wanted = rose.iter().filter(|(key, _)| wanted(key));
        wanted.map(|(_, by)| by).sum()
    };
    match rule {
        BadRule::Errors => (
            sum(&|class| class != "aborted"),
            sum(&|class| matches!(class, "5xx" | "timeout" | "refused")),
        ),
        BadRule::SlowerThan(threshold) => {
            let total = sum(&|le| is_bound(le, f64::INFINITY));
            let within = sum(&|le| is_bound(le, threshold.as_secs_f64()));
            (total, total - within)
        }
        BadRule::Clients => (sum(&|key| key == ALL), sum(&|key| key == BAD)),
    }
}

fn is_bound(le: &str, bound: f64) -> bool {
    le.parse().is_ok_and(|le: f64| same(le, bound))
}

pub(crate) type Points = Vec<(Timestamp, f64)>;

pub(crate) fn bucket_name() -> String {
    format!("{RESPONSE_SECONDS}_bucket")
}

/// The cohort's series of one name, by the value of one label.
pub(crate) async fn read(
    store: &SampleStore,
    cohort: &Cohort,
    name: &str,
    by: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<BTreeMap<String, Points>, StoreError> {
    let found = store.range(&cohort.select(name), from, to).await?;
    Ok(found
        .into_iter()
        .map(|series| (series.label(by).to_owned(), series.points))
        .collect())
}

/// When the node was scraped and answered.
pub(crate) async fn looks(
    store: &SampleStore,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    let up = Selector::new("up", &[("job", NODE_JOB)]);
    let up = store.range(&up, from, to).await?;
    let looks: BTreeSet<Timestamp> = up
        .iter()
        .flat_map(|series| &series.points)
        .filter(|(_, value)| *value == 1.0)
        .map(|(at, _)| *at)
        .collect();
    Ok(looks.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_must_be_where_something_is_counted() {
        for good in [1, 5, 100, 750, 1000, 10_000] {
            assert!(
                BadRule::slower_than(Span::from_millis(good)).is_ok(),
                "{good}"
            );
        }
        for (wrong, near) in [
            (120, "100ms, 150ms"),
            (3, "1ms, 5ms"),
            (0, "1ms"),
            (11_000, "10s"),
        ] {
            let error = BadRule::slower_than(Span::from_millis(wrong)).unwrap_err();
            assert_eq!(error.near, near);
        }
    }
}
