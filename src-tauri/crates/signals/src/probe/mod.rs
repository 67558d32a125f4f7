//! Checks from outside: HTTP, TCP and DNS, each with what is expected of the answer.
//!
//! Each answers within [`LONGEST`] or says that it did not. What came back is judged by [`judge`],
//! which is pure; asking is `ask.rs`'s. Results are samples like all others, and the newest one of
//! each is kept for whoever looks.

mod ask;
mod judge;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::pool::{Duty, SecretOf, stale_marker, turns};
use crate::sample::Sample;
use crate::targets::Probe;

pub use judge::{Found, Health, Judged, Standing, components, judge};

/// The longest that a probe may take.
pub const LONGEST: Span = Span::from_millis(500);
/// The job that its samples carry.
pub const JOB: &str = "deckwatch-probes";
/// Probes that are under way at the same time, at most.
const AT_ONCE: usize = 32;
const LOOK: Duration = Duration::from_secs(1);

/// One probing, and what came of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Probing {
    pub at: Timestamp,
    pub took: Duration,
    pub judged: Judged,
    /// What was found, if there was an answer.
    pub found: Option<Found>,
}

/// A probe and its newest result.
#[derive(Clone, Debug)]
pub struct ProbeStatus {
    pub probe: Arc<Probe>,
    pub last: Option<Probing>,
    /// Since when it is as healthy as it is.
    pub since: Option<Timestamp>,
    pub next: Timestamp,
}

struct Entry {
    status: ProbeStatus,
    busy: bool,
}

/// The probes of one store.
pub struct Prober {
    duty: Arc<Duty>,
    secret: SecretOf,
    entries: Mutex<BTreeMap<String, Entry>>,
    leaving: Mutex<Vec<ProbeStatus>>,
    changed: Notify,
}

impl Prober {
    pub fn new(duty: Arc<Duty>, secret: SecretOf) -> Self {
        Prober {
            duty,
            secret,
            entries: Mutex::default(),
            leaving: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// These are the probes from now on. One that stays keeps its newest result.
    pub fn sync(&self, probes: &[Arc<Probe>], now: Timestamp) {
        let mut entries = self.lock();
        let mut before = std::mem::take(&mut *entries);
        for probe in probes {
            let next = turns::next(&probe.name, probe.every, now);
            let status = before.remove(&probe.name).map(|entry| entry.status);
            let status = status.unwrap_or_else(|| ProbeStatus {
                probe: probe.clone(),
                last: None,
                since: None,
                // What is new is asked at once.
                next: now,
            });
            let status = ProbeStatus {
                probe: probe.clone(),
                next: status.next.min(next),
                ..status
            };
            let entry = Entry {
                status,
                busy: false,
            };
            entries.insert(probe.name.clone(), entry);
        }
        drop(entries);
        let left = before.into_values().map(|entry| entry.status);
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.extend(left.filter(|status| status.last.is_some()));
        drop(leaving);
        self.changed.notify_one();
    }

    /// Every probe, by its name.
    pub fn status(&self) -> Vec<ProbeStatus> {
        self.lock().values().map(|e| e.status.clone()).collect()
    }

    /// Probes for ever; ends, with all that is under way, when it is dropped.
    pub async fn run(self: Arc<Self>, now: impl Fn() -> Timestamp) {
        let mut under_way = JoinSet::new();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let moment = now();
            if self.duty.is_mine() {
                self.end_leaving(moment).await;
                for probe in self.due(moment) {
                    let (prober, room) = (self.clone(), room.clone());
                    under_way.spawn(async move {
                        let _room = room.acquire_owned().await;
                        prober.once(probe, moment).await;
                    });
                }
            }
            while under_way.try_join_next().is_some() {}
            tokio::select! {
                () = tokio::time::sleep(self.pause(now())) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Asks every probe once as of `now`.
    pub async fn probe_all(&self, now: Timestamp) {
        self.end_leaving(now).await;
        let all: Vec<Arc<Probe>> = self.status().into_iter().map(|s| s.probe).collect();
        futures_util::future::join_all(all.into_iter().map(|probe| self.once(probe, now))).await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self, now: Timestamp) -> Vec<Arc<Probe>> {
        let mut due = Vec::new();
        for entry in self.lock().values_mut() {
            let (probe, next) = (&entry.status.probe, entry.status.next);
            if !entry.busy && turns::has_come(next, probe.every, now) {
                entry.busy = true;
                due.push(probe.clone());
                entry.status.next = turns::next(&probe.name, probe.every, now);
            }
        }
        due
    }

    fn pause(&self, now: Timestamp) -> Duration {
        let next = self.lock().values().map(|entry| entry.status.next).min();
        let pause = next.map_or(LOOK, |next| next.since(now));
        pause.clamp(Duration::from_millis(10), LOOK)
    }

    async fn once(&self, probe: Arc<Probe>, now: Timestamp) {
        let began = Instant::now();
        let answer = ask::ask(&probe, &self.secret).await;
        let took = began.elapsed();
        let judged = judge(&probe, &answer, took, now);
        let samples = samples(&probe, &answer, &judged, took);
        if let Err(error) = self.duty.append(JOB, now, &samples).await {
            tracing::warn!(%error, probe = probe.name, "its result was not stored");
        }
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&probe.name) else {
            return;
        };
        entry.busy = false;
        let status = &mut entry.status;
        let before = status.last.as_ref().map(|last| last.judged.health);
        if before != Some(judged.health) {
            status.since = Some(now);
        }
        status.last = Some(Probing {
            at: now,
            took,
            judged,
            found: answer.ok(),
        });
    }

    async fn end_leaving(&self, now: Timestamp) {
        let leaving = {
            let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *leaving)
        };
        for ProbeStatus { probe, last, .. } in leaving {
            let Some(last) = last else { continue };
            let answer = last.found.ok_or_else(String::new);
            let mut ends = samples(&probe, &answer, &last.judged, last.took);
            for sample in &mut ends {
                sample.value = stale_marker();
            }
            if let Err(error) = self.duty.append(JOB, now, &ends).await {
                tracing::warn!(%error, probe = probe.name, "its series do not end");
            }
        }
    }
}

/// A probing, as samples. Names are those of Prometheus' blackbox exporter where it has one.
fn samples(
    probe: &Probe,
    answer: &Result<Found, String>,
    judged: &Judged,
    took: Duration,
) -> Vec<Sample> {
    let labels = [
        ("job", JOB),
        ("probe", probe.name.as_str()),
        ("component", probe.component.as_str()),
        ("kind", probe.kind.word()),
    ];
    let of = |name: &str, value: f64| Sample::new(name, &labels, value);
    let truth = |is: bool| f64::from(u8::from(is));
    let mut samples = vec![
        of("probe_success", truth(judged.success)),
        of("probe_degraded", truth(judged.health == Health::Degraded)),
        of("probe_duration_seconds", took.as_secs_f64()),
    ];
    let Ok(found) = answer else { return samples };
    if let Some(status) = found.status {
        samples.push(of("probe_http_status_code", f64::from(status)));
    }
    if let Some(until) = found.certificate_until {
        let seconds = until.as_millis() as f64 / 1000.0;
        samples.push(of("probe_ssl_earliest_cert_expiry", seconds));
    }
    if let Some(answers) = &found.answers {
        samples.push(of("probe_dns_answers", answers.len() as f64));
    }
    for (phase, took) in &found.phases {
        let mut labels = labels.to_vec();
        labels.push(("phase", *phase));
        let seconds = took.as_secs_f64();
        samples.push(Sample::new(
            "probe_phase_duration_seconds",
            &labels,
            seconds,
        ));
    }
    samples
}
