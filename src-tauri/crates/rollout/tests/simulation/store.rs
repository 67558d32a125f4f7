//! The journal's memory store behind a door that is sometimes shut.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{Epoch, Timestamp};
use deckwatch_journal::{
    AppendError, Expected, Fence, Head, JournalError, LeaseError, LeaseRow, MemoryStore, NewEvent,
    Recorded, Store, Subscription,
};

use deckwatch_rollout::Event;

use crate::world::{Cut, World, never};

/// Delegates to a memory store; may be busy, may be full, may outlive its caller.
#[derive(Clone)]
pub struct SimStore {
    pub inner: Arc<MemoryStore>,
    pub world: World,
    /// The disk is full: reads go on, writes do not.
    pub full: Arc<std::sync::atomic::AtomicBool>,
}

impl SimStore {
    /// Whatever an engine decides, it decides while it holds the lease. Only the way back, which
    /// is true whoever drives, may be recorded without it.
    async fn only_the_holder_decides(&self, stream: &str, kinds: &[String], writer: &str) {
        let Some(number) = writer
            .strip_prefix("engine-")
            .and_then(|w| w.split('@').next())
        else {
            return;
        };
        let back = [
            "rollout.verdict-changed",
            "rollout.rollback-requested",
            "rollout.taken-back",
        ];
        if kinds
            .iter()
            .any(|k| k.starts_with("rollout.rollback") || k == "rollout.taken-back")
            && kinds.iter().all(|k| back.contains(&k.as_str()))
        {
            return;
        }
        let row = self.inner.lease(stream).await.ok().flatten();
        let holder = row.and_then(|r| r.holder).unwrap_or_default();
        assert_eq!(
            holder,
            format!("driver-{number}"),
            "{kinds:?} without the lease"
        );
    }

    fn note_way_back(&self, events: &[Event]) {
        let mut inner = self.world.lock();
        for event in events {
            if let Event::RollbackRequested { rollout, .. } = event {
                inner.asked_back.insert(*rollout);
            }
        }
    }

    fn trouble(&self) -> Result<(), JournalError> {
        if self.full.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(JournalError::DiskFull);
        }
        if self.world.fault(1.0) {
            return Err(JournalError::Busy);
        }
        Ok(())
    }
}

macro_rules! cut {
    ($self:ident, $call:expr) => {{
        let cut = $self.world.pass().await;
        if cut == Cut::Before {
            return never().await;
        }
        let answer = $call;
        if cut == Cut::After {
            return never().await;
        }
        answer
    }};
}

#[async_trait]
impl Store for SimStore {
    async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<NewEvent>,
        fence: Option<&Fence>,
        recorded_at: Timestamp,
    ) -> Result<Vec<Recorded>, AppendError> {
        self.trouble()?;
        let kinds: Vec<_> = events.iter().map(|e| e.kind.clone()).collect();
        let writer = events
            .first()
            .map(|e| e.actor.id.clone())
            .unwrap_or_default();
        let asked: Vec<Event> = events
            .iter()
            .filter_map(|e| serde_json::from_slice(&e.payload).ok())
            .collect();
        let answer = cut!(
            self,
            self.inner
                .append(stream, expected, events, fence, recorded_at)
                .await
        );
        if answer.is_ok() {
            self.note_way_back(&asked);
            self.only_the_holder_decides(stream, &kinds, &writer).await;
        }
        self.world.tell(|| {
            format!(
                "  journal {kinds:?} {}",
                if let Err(e) = &answer {
                    e.to_string()
                } else {
                    String::new()
                }
            )
        });
        answer
    }

    async fn read(&self, after_seq: u64, limit: usize) -> Result<Vec<Recorded>, JournalError> {
        self.inner.read(after_seq, limit).await
    }

    async fn read_stream(
        &self,
        stream: &str,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, JournalError> {
        if self.world.fault(0.5) {
            return Err(JournalError::Busy);
        }
        cut!(
            self,
            self.inner.read_stream(stream, after_version, limit).await
        )
    }

    async fn head(&self) -> Result<Head, JournalError> {
        self.inner.head().await
    }

    fn subscribe(&self, after_seq: u64) -> Subscription {
        self.inner.subscribe(after_seq)
    }

    async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, JournalError> {
        cut!(self, self.inner.lease(name).await)
    }

    async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        seen: Option<(Epoch, u64)>,
        at_least: Epoch,
        ttl: Duration,
    ) -> Result<LeaseRow, LeaseError> {
        self.trouble()?;
        let answer = cut!(
            self,
            self.inner
                .lease_take(name, holder, seen, at_least, ttl)
                .await
        );
        if let Ok(row) = &answer {
            self.world
                .tell(|| format!("  lease {} at epoch {}", holder, row.epoch));
        }
        answer
    }

    async fn lease_beat(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
    ) -> Result<LeaseRow, LeaseError> {
        self.trouble()?;
        cut!(self, self.inner.lease_beat(name, holder, epoch).await)
    }

    async fn lease_raise(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
        at_least: Epoch,
    ) -> Result<LeaseRow, LeaseError> {
        self.trouble()?;
        cut!(
            self,
            self.inner.lease_raise(name, holder, epoch, at_least).await
        )
    }

    async fn lease_release(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
    ) -> Result<(), LeaseError> {
        self.trouble()?;
        cut!(self, self.inner.lease_release(name, holder, epoch).await)
    }
}
