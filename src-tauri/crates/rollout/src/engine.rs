//! All drivers of one process: one task a service, woken by the journal and by time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deckwatch_domain::ServiceName;
use deckwatch_journal::JournalError;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::driver::{Driver, Identity, Ports, Standing, Tick};
use crate::event::service_of;
use crate::fallback::{FallbackFile, Waiting};
use crate::planner::Judgement;
use crate::ports::Clock;

/// What a driver of this process knows beyond the journal: for live views.
#[derive(Clone, Debug)]
pub struct Seen {
    pub standing: Standing,
    pub why: String,
    pub judgement: Option<Judgement>,
    pub rehearsal_us: Option<u64>,
    pub problem: Option<String>,
}

type Board = Arc<Mutex<BTreeMap<ServiceName, Seen>>>;

/// Drives every rollout in the journal that nobody else drives.
pub struct Engine {
    ports: Ports,
    identity: Identity,
    clock: Arc<dyn Clock>,
    fallback: Option<FallbackFile>,
    board: Board,
}

impl Engine {
    pub fn new(
        ports: Ports,
        identity: Identity,
        clock: Arc<dyn Clock>,
        fallback: Option<FallbackFile>,
    ) -> Self {
        Engine {
            ports,
            identity,
            clock,
            fallback,
            board: Board::default(),
        }
    }

    /// What this process's driver of `service` saw last.
    pub fn seen(&self, service: &ServiceName) -> Option<Seen> {
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(service)
            .cloned()
    }

    /// Drives until `stop` turns true, then gives every lease back.
    ///
    /// # Errors
    /// When the journal cannot be followed from the start.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let mut subscription = self.ports.store.subscribe(0);
        let mut wake: BTreeMap<ServiceName, Arc<Notify>> = BTreeMap::new();
        let mut tasks = JoinSet::new();
        loop {
            let events = tokio::select! {
                events = subscription.next() => events,
                _ = stop.wait_for(|s| *s) => break,
            };
            let events = match events {
                Ok(events) => events,
                Err(error) => {
                    // The drivers go on with what they know; the journal may come back.
                    tracing::warn!(%error, "the journal cannot be followed");
                    self.clock.sleep(Duration::from_millis(500)).await;
                    continue;
                }
            };
            for service in events.iter().filter_map(|e| service_of(&e.stream)) {
                let notify = wake.entry(service.clone()).or_insert_with(|| {
                    let notify = Arc::new(Notify::new());
                    let task = Task {
                        driver: Driver::new(service, self.ports.clone(), self.identity.clone()),
                        clock: self.clock.clone(),
                        notify: notify.clone(),
                        stop: stop.clone(),
                        board: self.board.clone(),
                        fallback: self.fallback.clone(),
                        kept: 0,
                    };
                    tasks.spawn(task.run());
                    notify
                });
                notify.notify_one();
            }
        }
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

struct Task {
    driver: Driver,
    clock: Arc<dyn Clock>,
    notify: Arc<Notify>,
    stop: watch::Receiver<bool>,
    board: Board,
    fallback: Option<FallbackFile>,
    kept: usize,
}

impl Task {
    async fn run(mut self) {
        while !*self.stop.borrow() {
            let answer = self.driver.tick(self.clock.now()).await;
            self.keep_unrecorded();
            let after = match answer {
                Ok(tick) => self.note(Some(tick), None),
                Err(error) => {
                    tracing::debug!(service = %self.driver.state().service, %error, "tick");
                    self.note(None, Some(error.to_string()))
                }
            };
            let mut stop = self.stop.clone();
            tokio::select! {
                () = self.clock.sleep(after) => {}
                () = self.notify.notified() => {}
                _ = stop.wait_for(|s| *s) => break,
            }
        }
        self.driver.stop().await;
    }

    fn note(&self, tick: Option<Tick>, problem: Option<String>) -> Duration {
        let after = tick
            .as_ref()
            .map_or(Duration::from_millis(250), |t| t.after);
        let seen = Seen {
            standing: tick.as_ref().map_or(Standing::Driving, |t| t.standing),
            why: tick.map(|t| t.why).unwrap_or_default(),
            judgement: self.driver.judgement().cloned(),
            rehearsal_us: self.driver.rehearsal_us(),
            problem,
        };
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(self.driver.state().service.clone(), seen);
        after
    }

    /// Records that the journal would not take are kept where a full disk cannot lose them.
    fn keep_unrecorded(&mut self) {
        let unrecorded = self.driver.unrecorded();
        if unrecorded.len() > self.kept
            && let Some(fallback) = &self.fallback
        {
            for record in &unrecorded[self.kept..] {
                let waiting = Waiting {
                    service: self.driver.state().service.clone(),
                    record: record.clone(),
                };
                if let Err(error) = fallback.keep(&waiting) {
                    tracing::error!(%error, "the fallback file cannot be written");
                }
            }
        }
        self.kept = unrecorded.len();
    }
}
