//! What is counted of one release in one slot. Counters only, no locks on the path of a request
//! (unless clients are told apart, which the definition asks for).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deckwatch_domain::{ReleaseVersion, Slot, Timestamp};
use serde::{Deserialize, Serialize};

use super::clients::ClientWindow;
use crate::local::lock;

/// How a request ended, as the metrics name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Ok,
    Redirect,
    NotFound,
    ClientError,
    ServerError,
    /// No answer began within the time allowed.
    Timeout,
    /// The instance took no connection, or lost it before it answered.
    Refused,
    /// The client went away first; nobody's fault that can be known.
    Aborted,
}

impl Class {
    pub(crate) const ALL: [Class; 8] = [
        Class::Ok,
        Class::Redirect,
        Class::NotFound,
        Class::ClientError,
        Class::ServerError,
        Class::Timeout,
        Class::Refused,
        Class::Aborted,
    ];

    pub(crate) fn of(status: u16) -> Class {
        match status {
            404 => Class::NotFound,
            500.. => Class::ServerError,
            400.. => Class::ClientError,
            300.. => Class::Redirect,
            _ => Class::Ok,
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Class::Ok => "2xx",
            Class::Redirect => "3xx",
            Class::NotFound => "404",
            Class::ClientError => "4xx",
            Class::ServerError => "5xx",
            Class::Timeout => "timeout",
            Class::Refused => "refused",
            Class::Aborted => "aborted",
        }
    }

    pub(crate) const fn is_bad(self) -> bool {
        matches!(self, Class::ServerError | Class::Timeout | Class::Refused)
    }
}

/// Upper bounds of the latency buckets, in microseconds and as written; `+Inf` comes after them.
pub(crate) const BOUNDS: [(u64, &str); 18] = [
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (150_000, "0.15"),
    (200_000, "0.2"),
    (250_000, "0.25"),
    (300_000, "0.3"),
    (400_000, "0.4"),
    (500_000, "0.5"),
    (750_000, "0.75"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];

/// Counters on their way to another node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counts {
    slot: Slot,
    release: Option<ReleaseVersion>,
    last_ms: i64,
    classes: [u64; 8],
    buckets: [u64; 19],
    sum_us: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preview: Option<Box<Counts>>,
}

/// Counters of one release in one slot.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) slot: Slot,
    pub(crate) release: Option<ReleaseVersion>,
    pub(crate) in_flight: AtomicI64,
    last_ms: AtomicI64,
    classes: [AtomicU64; 8],
    buckets: [AtomicU64; 19],
    sum_us: AtomicU64,
    clients: Mutex<ClientWindow>,
    /// Whether any client was ever told apart here.
    pub(crate) has_clients: std::sync::atomic::AtomicBool,
    /// Requests that came in by the preview. They are counted apart: whoever looks at a version
    /// beforehand is no evidence of how it serves.
    pub(crate) preview: Option<Arc<Tally>>,
}

impl Tally {
    pub(crate) fn new(slot: Slot, release: Option<ReleaseVersion>) -> Self {
        let preview = Tally::alone(slot, release.clone());
        Tally {
            preview: Some(Arc::new(preview)),
            ..Tally::alone(slot, release)
        }
    }

    /// Without a preview beside it.
    pub(super) fn alone(slot: Slot, release: Option<ReleaseVersion>) -> Self {
        Tally {
            slot,
            release,
            in_flight: AtomicI64::new(0),
            last_ms: AtomicI64::new(0),
            classes: Default::default(),
            buckets: Default::default(),
            sum_us: AtomicU64::new(0),
            clients: Mutex::default(),
            has_clients: Default::default(),
            preview: None,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            slot: self.slot,
            release: self.release.clone(),
            last_ms: self.last_ms.load(Relaxed),
            classes: std::array::from_fn(|i| self.classes[i].load(Relaxed)),
            buckets: std::array::from_fn(|i| self.buckets[i].load(Relaxed)),
            sum_us: self.sum_us.load(Relaxed),
            preview: self.preview.as_ref().map(|p| Box::new(p.counts())),
        }
    }

    pub(crate) fn from_counts(mut counts: Counts) -> Self {
        // A node that knew no previews has counted none.
        let preview = match counts.preview.take() {
            Some(preview) => Tally::counted_on(*preview),
            None => Tally::alone(counts.slot, counts.release.clone()),
        };
        Tally {
            preview: Some(Arc::new(preview)),
            ..Tally::counted_on(counts)
        }
    }

    fn counted_on(counts: Counts) -> Self {
        Tally {
            last_ms: counts.last_ms.into(),
            classes: counts.classes.map(Into::into),
            buckets: counts.buckets.map(Into::into),
            sum_us: counts.sum_us.into(),
            ..Tally::alone(counts.slot, counts.release)
        }
    }

    /// One request has ended. `took` is the time until its answer began, where one did.
    pub(crate) fn count(&self, class: Class, took: Option<Duration>, client: Option<u64>) {
        self.classes[class as usize].fetch_add(1, Relaxed);
        if let Some(took) = took {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let bucket = BOUNDS.partition_point(|(bound, _)| *bound < micros);
            self.buckets[bucket].fetch_add(1, Relaxed);
            self.sum_us.fetch_add(micros, Relaxed);
        }
        if let Some(client) = client
            && class != Class::Aborted
        {
            self.has_clients.store(true, Relaxed);
            let now = crate::local::now().as_millis();
            lock(&self.clients).note(client, class.is_bad(), now);
        }
    }

    /// An answer has left, now.
    pub(crate) fn answered(&self) {
        self.last_ms.store(crate::local::now().as_millis(), Relaxed);
    }

    pub(crate) fn last_response_at(&self) -> Option<Timestamp> {
        match self.last_ms.load(Relaxed) {
            0 => None,
            ms => Some(Timestamp::from_millis(ms)),
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        u64::try_from(self.in_flight.load(Relaxed)).unwrap_or(0)
    }

    pub(crate) fn class(&self, class: Class) -> u64 {
        self.classes[class as usize].load(Relaxed)
    }

    /// Requests being answered, those by the preview too.
    pub(crate) fn in_flight_anywhere(&self) -> u64 {
        self.in_flight() + self.preview.as_ref().map_or(0, |p| p.in_flight())
    }

    /// Counts at or below each bound, then all of them; and the sum in seconds.
    pub(crate) fn histogram(&self) -> ([u64; 19], f64) {
        let mut total = 0;
        let cumulative = std::array::from_fn(|i| {
            total += self.buckets[i].load(Relaxed);
            total
        });
        (cumulative, self.sum_us.load(Relaxed) as f64 / 1e6)
    }

    pub(crate) fn clients(&self) -> (u64, u64) {
        lock(&self.clients).totals(crate::local::now().as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_buckets_are_where_they_belong() {
        let tally = Tally::new(Slot::Blue, None);
        for (status, label) in [
            (200, "2xx"),
            (304, "3xx"),
            (404, "404"),
            (429, "4xx"),
            (500, "5xx"),
            (599, "5xx"),
        ] {
            assert_eq!(Class::of(status).label(), label);
        }
        for (i, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, i);
        }
        tally.count(Class::Ok, Some(Duration::from_micros(1000)), None);
        tally.count(Class::Ok, Some(Duration::from_micros(1001)), None);
        tally.count(Class::Timeout, Some(Duration::from_secs(11)), None);
        let (counts, sum) = tally.histogram();
        assert_eq!((counts[0], counts[1], counts[17], counts[18]), (1, 2, 2, 3));
        assert!((sum - 11.002_001).abs() < 1e-9);
    }

    #[test]
    fn a_preview_counts_apart_and_goes_along() {
        let tally = Tally::new(Slot::Green, None);
        let preview = tally.preview.as_ref().unwrap();
        preview.count(Class::Ok, None, None);
        assert_eq!((tally.class(Class::Ok), preview.class(Class::Ok)), (0, 1));
        let sent = serde_json::to_string(&tally.counts()).unwrap();
        let here = Tally::from_counts(serde_json::from_str(&sent).unwrap());
        assert_eq!(here.class(Class::Ok), 0);
        assert_eq!(here.preview.unwrap().class(Class::Ok), 1);
        // As a node that knows no previews sends them.
        let (old, _) = sent.split_once(",\"preview\"").unwrap();
        let here = Tally::from_counts(serde_json::from_str(&format!("{old}}}")).unwrap());
        assert_eq!(here.preview.unwrap().class(Class::Ok), 0);
    }
}
