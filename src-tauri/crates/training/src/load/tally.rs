//! The count itself. One lock, held for well under a microsecond per request.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};

use super::connections::Outcome;
use super::histogram::Histogram;
use super::{Failures, LoadReport, Second, VersionReport};

/// Seconds of timeline kept.
const SECONDS: usize = 900;
/// Versions told apart; a header is a stranger's word, and must not fill our memory.
const VERSIONS: usize = 64;

pub(super) struct Tally {
    began: Timestamp,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    sent: u64,
    overloaded: u64,
    ok: u64,
    failures: Failures,
    statuses: BTreeMap<u16, u64>,
    versions: BTreeMap<String, Version>,
    hurt: HashSet<u32>,
    first_failure_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    latency: Histogram,
    start_delay: Histogram,
    timeline: BTreeMap<u64, Second>,
}

#[derive(Default)]
struct Version {
    report: VersionReport,
    hurt: HashSet<u32>,
    latency: Histogram,
}

impl Tally {
    pub(super) fn new(began: Timestamp) -> Self {
        Tally {
            began,
            counted: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn second(&self, at: Timestamp) -> u64 {
        at.since(self.began).as_secs()
    }

    pub(super) fn sent(&self, at: Timestamp, late: Duration) {
        let mut counted = self.lock();
        counted.sent += 1;
        counted.start_delay.record(late);
        counted.during(self.second(at)).due += 1;
    }

    pub(super) fn overloaded(&self, at: Timestamp) {
        let mut counted = self.lock();
        counted.overloaded += 1;
        let second = counted.during(self.second(at));
        second.due += 1;
        second.overloaded += 1;
    }

    pub(super) fn done(&self, at: Timestamp, took: Duration, client: u32, outcome: &Outcome) {
        let mut counted = self.lock();
        let counted = &mut *counted;
        let good = counted.classify(outcome);
        // A refusal comes at once and would flatter the latency.
        if matches!(outcome, Outcome::Answered { .. } | Outcome::Timeout) {
            counted.latency.record(took);
        }
        if !good {
            counted.hurt.insert(client);
            counted.first_failure_at.get_or_insert(at);
            counted.last_failure_at = Some(at);
        }
        let second = counted.during(self.second(at));
        *(if good {
            &mut second.ok
        } else {
            &mut second.failed
        }) += 1;
        if let Outcome::Answered {
            version: Some(version),
            ..
        } = outcome
        {
            let name = counted.known(version);
            let during = counted.during(self.second(at));
            let (answers, bad) = during.versions.entry(name.clone()).or_default();
            *answers += 1;
            *bad += u64::from(!good);
            counted
                .versions
                .entry(name)
                .or_default()
                .answered(at, took, client, good);
        }
    }

    pub(super) fn report(&self, at: Timestamp, rate: f64, connections_opened: u64) -> LoadReport {
        let counted = self.lock();
        let failed = counted.failures.total();
        LoadReport {
            began_at: self.began,
            at,
            elapsed: Span::from(at.since(self.began)),
            rate,
            due: counted.sent + counted.overloaded,
            sent: counted.sent,
            overloaded: counted.overloaded,
            in_flight: counted.sent.saturating_sub(counted.ok + failed),
            ok: counted.ok,
            failed,
            failures: counted.failures,
            statuses: counted.statuses.clone(),
            versions: counted
                .versions
                .iter()
                .map(|(name, version)| (name.clone(), version.report()))
                .collect(),
            clients_hurt: counted.hurt.len() as u64,
            first_failure_at: counted.first_failure_at,
            last_failure_at: counted.last_failure_at,
            latency: counted.latency.latency(),
            start_delay: counted.start_delay.latency(),
            connections_opened,
            timeline: counted.timeline.values().cloned().collect(),
        }
    }
}

impl Counted {
    /// Counts the outcome; true when it is a good one.
    fn classify(&mut self, outcome: &Outcome) -> bool {
        let failures = &mut self.failures;
        let kind = match outcome {
            Outcome::Answered { status, version } => {
                *self.statuses.entry(*status).or_default() += 1;
                match (status, version) {
                    (..500, _) => {
                        self.ok += 1;
                        return true;
                    }
                    (_, Some(_)) => &mut failures.answered_5xx,
                    (_, None) => &mut failures.unserved_5xx,
                }
            }
            Outcome::Timeout => &mut failures.timeout,
            Outcome::Refused => &mut failures.refused,
            Outcome::Reset => &mut failures.reset,
            Outcome::Local => &mut failures.local,
        };
        *kind += 1;
        false
    }

    fn known(&self, version: &str) -> String {
        if self.versions.contains_key(version) || self.versions.len() < VERSIONS {
            version.to_owned()
        } else {
            "(others)".to_owned()
        }
    }

    fn during(&mut self, second: u64) -> &mut Second {
        if self.timeline.len() > SECONDS {
            self.timeline.pop_first();
        }
        self.timeline.entry(second).or_insert_with(|| Second {
            second,
            ..Second::default()
        })
    }
}

impl Version {
    fn answered(&mut self, at: Timestamp, took: Duration, client: u32, good: bool) {
        let report = &mut self.report;
        report.answers += 1;
        report.first_at.get_or_insert(at);
        report.last_at = Some(at);
        self.latency.record(took);
        if !good {
            report.bad += 1;
            report.first_bad_at.get_or_insert(at);
            report.last_bad_at = Some(at);
            self.hurt.insert(client);
        }
    }

    fn report(&self) -> VersionReport {
        VersionReport {
            clients_hurt: self.hurt.len() as u64,
            latency: self.latency.latency(),
            ..self.report.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, version: Option<&str>) -> Outcome {
        Outcome::Answered {
            status,
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn everybody_is_counted_once_and_in_one_class() {
        let t = |ms| Timestamp::from_millis(1_770_000_000_000 + ms);
        let ms = Duration::from_millis;
        let tally = Tally::new(t(0));
        let outcomes = [
            (answered(200, Some("v1")), 1),
            (answered(404, Some("v1")), 1),
            (answered(500, Some("v2")), 2),
            (answered(500, Some("v2")), 2),
            (answered(503, None), 3),
            (Outcome::Timeout, 3),
            (Outcome::Refused, 4),
            (Outcome::Reset, 5),
            (Outcome::Local, 6),
        ];
        for (i, (outcome, client)) in outcomes.iter().enumerate() {
            tally.sent(t(0), ms(1));
            tally.done(t(i as i64 * 500), ms(10), *client, outcome);
        }
        tally.sent(t(4000), ms(1));
        tally.overloaded(t(4000));
        let report = tally.report(t(5000), 10.0, 1);
        assert_eq!((report.due, report.sent, report.overloaded), (11, 10, 1));
        assert_eq!((report.ok, report.failed, report.in_flight), (2, 7, 1));
        assert_eq!(
            (report.failures.dropped(), report.failures.answered_5xx),
            (4, 2)
        );
        assert_eq!(report.clients_hurt, 5);
        let bad = &report.versions["v2"];
        assert_eq!((bad.answers, bad.bad, bad.clients_hurt), (2, 2, 1));
        assert_eq!(
            (bad.first_bad_at, bad.last_bad_at),
            (Some(t(1000)), Some(t(1500)))
        );
        assert_eq!(report.versions["v1"].bad, 0);
        assert_eq!(report.first_failure_at, Some(t(1000)));
        assert_eq!(report.last_failure_at, Some(t(4000)));
        let due: u64 = report.timeline.iter().map(|second| second.due).sum();
        let ended: u64 = report
            .timeline
            .iter()
            .map(|second| second.ok + second.failed)
            .sum();
        assert_eq!((due, ended), (11, 9));
        assert_eq!(report.latency.count, 6);
        assert!(serde_json::to_string(&report).is_ok());
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let tally = Tally::new(Timestamp::EPOCH);
        for i in 0..10_000_i64 {
            let at = Timestamp::from_millis(i * 1000);
            tally.sent(at, Duration::ZERO);
            tally.done(
                at,
                Duration::ZERO,
                0,
                &answered(200, Some(&format!("v{i}"))),
            );
        }
        let report = tally.report(Timestamp::EPOCH, 1.0, 0);
        assert!(report.versions.len() <= VERSIONS + 1 && report.timeline.len() <= SECONDS + 1);
        assert_eq!(
            report.versions.values().map(|v| v.answers).sum::<u64>(),
            10_000
        );
    }
}
