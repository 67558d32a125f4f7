//! Asking a target for its numbers, again and again.
//!
//! A scrape that fails is a fact and is stored as one (`up 0`); it never stops the next, and it
//! never invents a sample. The moment of a scrape is handed in by the caller; this file reads no
//! wall clock. Several processes may run a scraper for the same job over the same file: the
//! store's claim lets one of them ask, the others find the samples in the file.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use tokio::time::{Instant, MissedTickBehavior};

use crate::exposition::{self, Limits};
use crate::sample::Sample;
use crate::store::{Claim, SampleStore, StoreError};

/// What can be asked for its metrics. Any `async` closure that returns a `Result<String, _>` is one.
pub trait Target: Send + Sync {
    type Error: fmt::Display + Send;
    fn fetch(&self) -> impl Future<Output = Result<String, Self::Error>> + Send;
}

impl<F, Answer, E> Target for F
where
    F: Fn() -> Answer + Send + Sync,
    Answer: Future<Output = Result<String, E>> + Send,
    E: fmt::Display + Send,
{
    type Error = E;
    fn fetch(&self) -> impl Future<Output = Result<String, E>> + Send {
        self()
    }
}

/// How a target is scraped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScrapeOptions {
    /// Added as label `job` to every sample that has none. The node's is [`crate::NODE_JOB`].
    pub job: String,
    /// Names this process among all that share the store.
    pub holder: String,
    pub interval: Span,
    /// At most this long for one answer; never longer than the interval is sensible.
    pub timeout: Span,
    pub limits: Limits,
}

impl ScrapeOptions {
    /// Every second, answer within 500 ms.
    pub fn new(job: &str, holder: &str) -> Self {
        ScrapeOptions {
            job: job.to_owned(),
            holder: holder.to_owned(),
            interval: Span::from_secs(1),
            timeout: Span::from_millis(500),
            limits: Limits::default(),
        }
    }

    /// A claim outlives two missed scrapes; then another process takes over, whatever is known
    /// of the holder.
    fn term(&self) -> Duration {
        self.interval.duration() * 2 + self.timeout.duration() * 2
    }
}

/// How one scrape went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// So many samples were stored.
    Stored { samples: usize },
    /// Another process scrapes this job; its samples are in the store.
    Elsewhere,
    /// The target gave no usable answer; `up 0` was stored.
    Down { why: String },
    /// Nothing could be stored, whatever the target said.
    Unstored { why: StoreError },
}

/// One scrape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scrape {
    pub at: Timestamp,
    /// From asking to having read the answer.
    pub took: Duration,
    pub outcome: Outcome,
}

/// What is known of a target from this process' scrapes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScraperState {
    pub last: Option<Scrape>,
    /// The last scrape that was answered and stored.
    pub last_good: Option<Timestamp>,
    /// The newest failure and when; none after a good scrape.
    pub last_error: Option<(Timestamp, String)>,
}

/// Scrapes one target into a store.
pub struct Scraper<T> {
    target: T,
    options: ScrapeOptions,
    claim: Claim,
    gone: Box<dyn Fn(&str) -> bool + Send + Sync>,
    state: Mutex<ScraperState>,
}

impl<T: Target> Scraper<T> {
    pub fn new(target: T, options: ScrapeOptions) -> Self {
        Scraper {
            claim: Claim {
                job: options.job.clone(),
                holder: options.holder.clone(),
            },
            target,
            options,
            gone: Box::new(|_| false),
            state: Mutex::default(),
        }
    }

    /// With a way to know that another holder is dead: its claim is then taken over at once, and
    /// not only when it ends. Not knowing is `false`.
    #[must_use]
    pub fn knowing(mut self, gone: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.gone = Box::new(gone);
        self
    }

    pub fn state(&self) -> ScraperState {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Scrapes for ever, once per interval; ends when it is dropped. A missed turn is skipped.
    pub async fn run(&self, store: &SampleStore, now: impl Fn() -> Timestamp) {
        let period = self
            .options
            .interval
            .duration()
            .max(Duration::from_millis(10));
        let mut turns = tokio::time::interval(period);
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            turns.tick().await;
            self.scrape_once(store, now()).await;
        }
    }

    /// One scrape as of `now`.
    pub async fn scrape_once(&self, store: &SampleStore, now: Timestamp) -> Scrape {
        let began = Instant::now();
        let mine = store
            .claim(&self.claim, now, self.options.term(), &self.gone)
            .await;
        let (took, outcome) = match mine {
            Ok(true) => self.ask_and_store(store, now).await,
            Ok(false) => (began.elapsed(), Outcome::Elsewhere),
            Err(why) => (began.elapsed(), Outcome::Unstored { why }),
        };
        let scrape = Scrape {
            at: now,
            took,
            outcome,
        };
        self.remember(&scrape);
        scrape
    }

    async fn ask_and_store(&self, store: &SampleStore, now: Timestamp) -> (Duration, Outcome) {
        let began = Instant::now();
        let answer = self.ask().await;
        let took = began.elapsed();
        let (mut samples, down) = match answer {
            Ok(samples) => (samples, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let count = samples.len();
        let up = if down.is_none() { 1.0 } else { 0.0 };
        samples.push(Sample::new("up", &[], up));
        samples.push(Sample::new(
            "scrape_duration_seconds",
            &[],
            took.as_secs_f64(),
        ));
        samples.push(Sample::new("scrape_samples_scraped", &[], count as f64));
        for sample in &mut samples {
            sample.label_if_absent("job", &self.options.job);
        }
        let outcome = match (store.append_claimed(&self.claim, now, &samples).await, down) {
            (Ok(()), None) => Outcome::Stored { samples: count },
            (Ok(()), Some(why)) => Outcome::Down { why },
            (Err(StoreError::ClaimLost { .. }), _) => Outcome::Elsewhere,
            (Err(why), _) => Outcome::Unstored { why },
        };
        (took, outcome)
    }

    async fn ask(&self) -> Result<Vec<Sample>, String> {
        let timeout = self.options.timeout;
        let text = tokio::time::timeout(timeout.duration(), self.target.fetch())
            .await
            .map_err(|_| format!("no answer within {timeout}"))?
            .map_err(|error| error.to_string())?;
        let read = exposition::parse(&text, &self.options.limits)
            .map_err(|error| format!("the answer cannot be read: {error}"))?;
        let mut samples = read.samples;
        // Every sample of a scrape carries the scrape's moment: counters of one look must be
        // found at one time.
        for sample in &mut samples {
            sample.timestamp_ms = None;
        }
        Ok(samples)
    }

    fn remember(&self, scrape: &Scrape) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &scrape.outcome {
            Outcome::Stored { .. } => {
                state.last_good = Some(scrape.at);
                state.last_error = None;
            }
            Outcome::Elsewhere => state.last_error = None,
            Outcome::Down { why } => state.last_error = Some((scrape.at, why.clone())),
            Outcome::Unstored { why } => state.last_error = Some((scrape.at, why.to_string())),
        }
        state.last = Some(scrape.clone());
    }
}
