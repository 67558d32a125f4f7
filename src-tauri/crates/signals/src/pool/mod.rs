//! Scraping many targets, each at its own pace.
//!
//! Whoever knows of targets hands them over with [`Pool::sync`]; whoever is on [`Duty`] asks them.
//! A scrape that fails is a fact and is stored as one (`up 0`); it holds up no other, and no sample
//! is invented. What cannot be measured (a sleeping machine, a process that was not there) is told
//! as a gap. This file reads no wall clock: the time is handed in.

mod duty;
mod fetch;
mod intake;
pub(crate) mod turns;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deckwatch_domain::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::exposition::{self, Exposition, Format, Limits};
use crate::sample::Labels;
use crate::store::StoreError;
use crate::targets::Target;

pub use duty::{CLAIM, Duty, SetBack};
pub(crate) use fetch::header_of;
pub use fetch::{AGENT, Asked, Direct, Fetch, Page, SecretOf, credential};
pub use intake::{Batch, Intake, stale_marker};

/// Targets that are asked at the same time, at most.
const AT_ONCE: usize = 32;
/// The longest that nothing is looked at.
const LOOK: Duration = Duration::from_secs(1);

type Key = (Labels, String);

/// One scrape, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastScrape {
    pub at: Timestamp,
    pub took: Duration,
    pub scraped: usize,
    pub kept: usize,
    pub added: usize,
    /// Why there is no answer that could be taken, or stored.
    pub error: Option<String>,
    /// What was wrong with single samples.
    pub notes: Vec<String>,
}

/// A stretch of time without a scrape, longer than three intervals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What is known of a target from this process' scrapes.
#[derive(Clone, Debug)]
pub struct TargetStatus {
    pub target: Arc<Target>,
    pub last: Option<LastScrape>,
    pub last_good: Option<Timestamp>,
    /// When its counters last began anew, and how many.
    pub reset: Option<(Timestamp, usize)>,
    /// The newest one.
    pub gap: Option<Gap>,
    pub next: Timestamp,
}

struct Entry {
    status: TargetStatus,
    intake: Intake,
    busy: bool,
}

#[derive(Default)]
struct Inner {
    entries: BTreeMap<Key, Entry>,
    /// What is not asked any more, and whose series are still to end.
    leaving: Vec<(Arc<Target>, Intake)>,
}

/// The targets of one store.
pub struct Pool {
    duty: Arc<Duty>,
    fetch: Arc<dyn Fetch>,
    inner: Mutex<Inner>,
    changed: Notify,
}

struct Asking {
    key: Key,
    target: Arc<Target>,
    at: Timestamp,
}

impl Pool {
    pub fn new(duty: Arc<Duty>, fetch: Arc<dyn Fetch>) -> Self {
        Pool {
            duty,
            fetch,
            inner: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// These are the targets from now on. One that stays keeps what is known of it.
    pub fn sync(&self, targets: Vec<Target>, now: Timestamp) {
        let mut inner = self.lock();
        let mut before = std::mem::take(&mut inner.entries);
        for target in targets {
            let key = target.key();
            let mut entry = before.remove(&key).unwrap_or_else(|| Entry {
                status: TargetStatus {
                    target: Arc::new(target.clone()),
                    last: None,
                    last_good: None,
                    reset: None,
                    gap: None,
                    next: turns::next(&key, target.job.interval, now),
                },
                intake: Intake::default(),
                busy: false,
            });
            if entry.status.target.job.interval != target.job.interval {
                entry.status.next = turns::next(&key, target.job.interval, now);
            }
            entry.status.target = Arc::new(target);
            inner.entries.insert(key, entry);
        }
        let left = before
            .into_values()
            .filter(|entry| entry.status.last.is_some());
        let left = left.map(|entry| (entry.status.target, entry.intake));
        inner.leaving.extend(left);
        drop(inner);
        self.changed.notify_one();
    }

    /// Every target, by its labels.
    pub fn status(&self) -> Vec<TargetStatus> {
        let inner = self.lock();
        let all = inner.entries.values().map(|entry| entry.status.clone());
        all.collect()
    }

    /// Scrapes for ever; ends, with all that is under way, when it is dropped.
    pub async fn run(self: Arc<Self>, now: impl Fn() -> Timestamp) {
        let mut under_way = JoinSet::new();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let moment = now();
            if self.duty.is_mine() {
                self.end_leaving(moment).await;
                for asking in self.due(moment) {
                    let (pool, room) = (self.clone(), room.clone());
                    under_way.spawn(async move {
                        let _room = room.acquire_owned().await;
                        pool.scrape(asking).await;
                    });
                }
            } else {
                self.forget();
            }
            while under_way.try_join_next().is_some() {}
            tokio::select! {
                () = tokio::time::sleep(self.pause(now())) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Scrapes every target once as of `now`, whether or not its turn has come.
    pub async fn scrape_all(&self, now: Timestamp) {
        self.end_leaving(now).await;
        let all: Vec<Asking> = {
            let inner = self.lock();
            let all = inner.entries.iter().map(|(key, entry)| Asking {
                key: key.clone(),
                target: entry.status.target.clone(),
                at: now,
            });
            all.collect()
        };
        futures_util::future::join_all(all.into_iter().map(|asking| self.scrape(asking))).await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another process scrapes: what this one knew of the targets' series is not true for long.
    fn forget(&self) {
        let mut inner = self.lock();
        inner.leaving.clear();
        for entry in inner.entries.values_mut() {
            entry.intake = Intake::default();
        }
    }

    fn due(&self, now: Timestamp) -> Vec<Asking> {
        let mut inner = self.lock();
        let mut due = Vec::new();
        for (key, entry) in &mut inner.entries {
            let interval = entry.status.target.job.interval;
            if entry.busy || !turns::has_come(entry.status.next, interval, now) {
                continue;
            }
            entry.busy = true;
            entry.status.next = turns::next(key, interval, now);
            due.push(Asking {
                key: key.clone(),
                target: entry.status.target.clone(),
                at: now,
            });
        }
        due
    }

    fn pause(&self, now: Timestamp) -> Duration {
        let inner = self.lock();
        let next = inner.entries.values().map(|entry| entry.status.next).min();
        let pause = next.map_or(LOOK, |next| next.since(now));
        pause.clamp(Duration::from_millis(10), LOOK)
    }

    async fn end_leaving(&self, now: Timestamp) {
        let leaving = std::mem::take(&mut self.lock().leaving);
        for (target, mut intake) in leaving {
            let ends = intake.end(&target);
            if let Err(error) = self.duty.append(target.label("job"), now, &ends).await {
                tracing::warn!(%error, url = target.url, "its series do not end");
            }
        }
    }

    async fn scrape(&self, asking: Asking) {
        let began = Instant::now();
        let answer = self.ask(&asking.target).await;
        let took = began.elapsed();
        let (answer, error) = match answer {
            Ok(read) => (Some(read), None),
            Err(why) => (None, Some(why)),
        };
        let batch = {
            let mut inner = self.lock();
            let Some(entry) = inner.entries.get_mut(&asking.key) else {
                return;
            };
            entry.intake.take(&asking.target, answer, took, asking.at)
        };
        let job = asking.target.label("job");
        let stored = self.duty.append(job, asking.at, &batch.samples).await;
        let lost = matches!(stored, Err(StoreError::ClaimLost { .. }));
        let unstored = stored.err().filter(|_| !lost);
        let unstored = unstored.map(|error| format!("it could not be stored: {error}"));
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(&asking.key) else {
            return;
        };
        entry.busy = false;
        if lost {
            return;
        }
        let error = error.or(batch.refused.clone()).or(unstored);
        note(&mut entry.status, asking.at, took, batch, error);
    }

    async fn ask(&self, target: &Target) -> Result<Exposition, String> {
        let job = &target.job;
        let asked = tokio::time::timeout(job.timeout.duration(), self.fetch.fetch(target)).await;
        let page = asked.map_err(|_| format!("no answer within {}", job.timeout))??;
        if page.status != 200 {
            let more = match page.status {
                300..=399 => "; redirects are not followed: name the address that is meant",
                401 | 403 => "; see `auth` in the file",
                _ => "",
            };
            return Err(format!("it answered with HTTP {}{more}", page.status));
        }
        let format = Format::of(page.content_type.as_deref())?;
        let limits = Limits {
            bytes: job.body_limit,
            // The job's own limit counts what its rules leave.
            samples: job.sample_limit.saturating_mul(10).max(100_000),
            labels: 128,
            text: 16 * 1024,
        };
        let read = tokio::task::spawn_blocking(move || {
            let text = std::str::from_utf8(&page.body)
                .map_err(|e| format!("the answer is not UTF-8 from byte {} on", e.valid_up_to()))?;
            exposition::parse_as(format, text, &limits)
                .map_err(|e| format!("the answer cannot be read: {e}"))
        });
        read.await.map_err(|e| e.to_string())?
    }
}

fn note(
    status: &mut TargetStatus,
    at: Timestamp,
    took: Duration,
    batch: Batch,
    error: Option<String>,
) {
    let interval = status.target.job.interval.duration();
    if let Some(last) = &status.last
        && at.since(last.at) > interval * 3
    {
        status.gap = Some(Gap {
            from: last.at,
            to: at,
        });
    }
    if batch.resets > 0 {
        status.reset = Some((at, batch.resets));
    }
    if error.is_none() {
        status.last_good = Some(at);
    }
    status.last = Some(LastScrape {
        at,
        took,
        scraped: batch.scraped,
        kept: batch.kept,
        added: batch.added,
        error,
        notes: batch.notes,
    });
}
