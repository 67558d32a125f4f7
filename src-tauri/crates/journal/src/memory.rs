//! A journal in memory with the semantics of the file, for simulations: no runtime, no thread, no
//! waiting, nothing that differs between two runs. Tens of thousands of these are made in one
//! test, so an empty one is a few small allocations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{Epoch, EventId, Timestamp};
use tokio::sync::watch;

use crate::append::{Step, absorb, check_fence, check_version, writes};
use crate::chain::{GENESIS, Row};
use crate::error::{AppendError, JournalError, LeaseError};
use crate::event::{Expected, Fence, Head, NewEvent, Recorded, check_append};
use crate::lease::{self, LeaseRow};
use crate::store::Store;
use crate::subscribe::{Signal, Subscription, announce};

/// See the module. Clones share the same events.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    signal: watch::Sender<Signal>,
}

#[derive(Default)]
struct State {
    events: Vec<Recorded>,
    ids: HashMap<EventId, usize>,
    streams: HashMap<String, Vec<usize>>,
    leases: HashMap<String, LeaseRow>,
}

impl State {
    fn head(&self) -> Head {
        self.events.last().map_or(
            Head {
                seq: 0,
                hash: GENESIS,
            },
            |last| Head {
                seq: last.seq,
                hash: last.hash,
            },
        )
    }

    fn append(
        &mut self,
        stream: &str,
        expected: Expected,
        events: Vec<NewEvent>,
        fence: Option<&Fence>,
        recorded_at: Timestamp,
    ) -> Result<Vec<Recorded>, AppendError> {
        let found = events
            .iter()
            .map(|event| Some(self.events[*self.ids.get(&event.event_id)?].clone()))
            .collect();
        let steps = absorb(stream, events, found)?;
        let mut version = self
            .streams
            .get(stream)
            .map_or(0, |places| places.len() as u64);
        if writes(&steps) {
            if let Some(fence) = fence {
                check_fence(fence, self.leases.get(&fence.lease).cloned())?;
            }
            check_version(stream, expected, version)?;
        }
        // All are sealed before any is kept: an append is whole or not at all.
        let mut head = self.head();
        let mut answer = Vec::with_capacity(steps.len());
        let mut written = Vec::new();
        for step in steps {
            match step {
                Step::Absorbed(old) => answer.push(old),
                Step::Write(event) => {
                    version += 1;
                    let actor = event.actor.clone();
                    let row = Row::next(head, stream, version, event, recorded_at)?;
                    let event = row.recorded_by(actor)?;
                    head = Head {
                        seq: event.seq,
                        hash: event.hash,
                    };
                    written.push(event.clone());
                    answer.push(event);
                }
            }
        }
        for event in written {
            let place = self.events.len();
            self.ids.insert(event.event_id, place);
            self.streams
                .entry(event.stream.clone())
                .or_default()
                .push(place);
            self.events.push(event);
        }
        Ok(answer)
    }
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole before anything can panic, so a poisoned lock is harmless.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_lease(
        &self,
        name: &str,
        change: impl FnOnce(Option<LeaseRow>) -> Result<LeaseRow, LeaseError>,
    ) -> Result<LeaseRow, LeaseError> {
        let mut state = self.state();
        let row = change(state.leases.get(name).cloned())?;
        state.leases.insert(name.to_owned(), row.clone());
        Ok(row)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<NewEvent>,
        fence: Option<&Fence>,
        recorded_at: Timestamp,
    ) -> Result<Vec<Recorded>, AppendError> {
        check_append(stream, &events)?;
        let (answer, seq) = {
            let mut state = self.state();
            let answer = state.append(stream, expected, events, fence, recorded_at)?;
            (answer, state.head().seq)
        };
        announce(&self.0.signal, seq);
        Ok(answer)
    }

    async fn read(&self, after_seq: u64, limit: usize) -> Result<Vec<Recorded>, JournalError> {
        let skip = usize::try_from(after_seq).unwrap_or(usize::MAX);
        Ok(self
            .state()
            .events
            .iter()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn read_stream(
        &self,
        stream: &str,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, JournalError> {
        let state = self.state();
        let places = state.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let skip = usize::try_from(after_version).unwrap_or(usize::MAX);
        Ok(places
            .iter()
            .skip(skip)
            .take(limit)
            .map(|at| state.events[*at].clone())
            .collect())
    }

    async fn head(&self) -> Result<Head, JournalError> {
        Ok(self.state().head())
    }

    fn subscribe(&self, after_seq: u64) -> Subscription {
        let look = Arc::new(|| {});
        Subscription::new(
            Arc::new(self.clone()),
            self.0.signal.subscribe(),
            look,
            after_seq,
        )
    }

    async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, JournalError> {
        Ok(self.state().leases.get(name).cloned())
    }

    async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        seen: Option<(Epoch, u64)>,
        at_least: Epoch,
        ttl: Duration,
    ) -> Result<LeaseRow, LeaseError> {
        self.change_lease(name, |row| {
            lease::take(row, name, holder, seen, at_least, ttl)
        })
    }

    async fn lease_beat(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
    ) -> Result<LeaseRow, LeaseError> {
        self.change_lease(name, |row| lease::beat(row, name, holder, epoch))
    }

    async fn lease_raise(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
        at_least: Epoch,
    ) -> Result<LeaseRow, LeaseError> {
        self.change_lease(name, |row| lease::raise(row, name, holder, epoch, at_least))
    }

    async fn lease_release(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
    ) -> Result<(), LeaseError> {
        let mut state = self.state();
        if let Some(row) = lease::release(state.leases.get(name).cloned(), name, holder, epoch)? {
            state.leases.insert(name.to_owned(), row);
        }
        Ok(())
    }
}
