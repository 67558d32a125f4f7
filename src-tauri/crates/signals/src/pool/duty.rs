//! Who is on duty: of all processes on one file, one alone scrapes targets, probes and measures the
//! machine.
//!
//! It also minds the clock. Points of a moment that has not come yet were written before the clock
//! was set back; they are removed, or every counter would seem to fall and be taken for one that
//! began anew.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};

use crate::sample::Sample;
use crate::store::{Claim, SampleStore, StoreError};

/// The claim's name; no job may be called so.
pub const CLAIM: &str = "deckwatch-targets";
/// Without a sign of life for this long, another process takes over.
const TERM: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(2);
/// A clock that is being disciplined moves less than this.
const DISCIPLINE: i64 = 2_000;

/// The clock was set back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetBack {
    /// What the clock said afterwards.
    pub at: Timestamp,
    pub by: Span,
}

/// The right to scrape for a file, sought for as long as [`Duty::run`] runs.
pub struct Duty {
    store: Arc<SampleStore>,
    claim: Claim,
    gone: Box<dyn Fn(&str) -> bool + Send + Sync>,
    mine: AtomicBool,
    /// The newest moment that was written, in milliseconds.
    newest: AtomicI64,
    /// Jobs that were written to; held while one is begun, so that it is begun once.
    jobs: tokio::sync::Mutex<BTreeSet<String>>,
    set_back: Mutex<Option<SetBack>>,
}

impl Duty {
    /// `holder` names this process; `gone` says whether another holder is known to be dead.
    pub fn new(
        store: Arc<SampleStore>,
        holder: &str,
        gone: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Duty {
            store,
            claim: Claim {
                job: CLAIM.into(),
                holder: holder.to_owned(),
            },
            gone: Box::new(gone),
            mine: AtomicBool::new(false),
            newest: AtomicI64::new(i64::MIN),
            jobs: tokio::sync::Mutex::default(),
            set_back: Mutex::default(),
        }
    }

    /// Whether this process is on duty.
    pub fn is_mine(&self) -> bool {
        self.mine.load(Ordering::Relaxed)
    }

    /// When the clock was last seen to be set back.
    pub fn set_back(&self) -> Option<SetBack> {
        *self.set_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seeks or keeps the duty; ends when it is dropped.
    pub async fn run(&self, now: impl Fn() -> Timestamp) {
        loop {
            self.renew(now()).await;
            tokio::time::sleep(RENEW).await;
        }
    }

    /// Takes or renews the claim, and looks at the clock.
    pub async fn renew(&self, now: Timestamp) {
        let held = self.store.claim(&self.claim, now, TERM, &self.gone).await;
        let held = held.unwrap_or_else(|error| {
            tracing::warn!(%error, "whoever scrapes cannot be told");
            false
        });
        self.mine.store(held, Ordering::Relaxed);
        let newest = self.newest.load(Ordering::Relaxed);
        if !held || newest.saturating_sub(now.as_millis()) <= DISCIPLINE {
            return;
        }
        let by = Timestamp::from_millis(newest).since(now);
        tracing::warn!(?by, "the clock was set back");
        self.newest.store(now.as_millis(), Ordering::Relaxed);
        *self.set_back.lock().unwrap_or_else(PoisonError::into_inner) = Some(SetBack {
            at: now,
            by: by.into(),
        });
        for job in self.jobs.lock().await.iter() {
            if let Err(error) = self.store.forget_ahead(&self.claim, job, now).await {
                tracing::warn!(%error, job, "points of the time that was taken back stay");
            }
        }
    }

    /// Gives the duty up, so that another process need not wait.
    ///
    /// # Errors
    /// That the store could not be told; the duty then ends by itself.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.mine.store(false, Ordering::Relaxed);
        self.store.release(&self.claim).await
    }

    /// Writes samples of one job as of `at`, all or none, and only while on duty.
    ///
    /// # Errors
    /// The store's; [`StoreError::ClaimLost`] when another process has taken over.
    pub async fn append(
        &self,
        job: &str,
        at: Timestamp,
        samples: &[Sample],
    ) -> Result<(), StoreError> {
        let mut jobs = self.jobs.lock().await;
        if !jobs.contains(job) {
            // Others of the job may have written a little later already.
            let ahead = at.plus(Duration::from_millis(DISCIPLINE.unsigned_abs()));
            self.store.forget_ahead(&self.claim, job, ahead).await?;
            jobs.insert(job.to_owned());
        }
        drop(jobs);
        let written = self.store.append_held(&self.claim, at, samples).await;
        match &written {
            Ok(()) => {
                self.newest.fetch_max(at.as_millis(), Ordering::Relaxed);
            }
            Err(StoreError::ClaimLost { .. }) => self.mine.store(false, Ordering::Relaxed),
            Err(_) => {}
        }
        written
    }
}
