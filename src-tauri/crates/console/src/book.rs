//! Every service's rollouts, folded from the journal: the list people see.
//!
//! Held in memory and brought up to date from where it stopped; a test holds the folded book
//! against one read from the first event.

use std::collections::BTreeMap;

use deckwatch_domain::{Actor, ReleaseVersion, RolloutId, ServiceName, Timestamp};
use deckwatch_journal::{JournalError, Recorded, Store};
use deckwatch_rollout::{Event, Phase, Rollout, Rollouts, service_of};
use serde::{Deserialize, Serialize};

/// One rollout in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RolloutRow {
    pub rollout: RolloutId,
    pub service: ServiceName,
    pub release: ReleaseVersion,
    pub from: Option<ReleaseVersion>,
    pub plan: String,
    pub author: Actor,
    pub phase: Phase,
    pub step: usize,
    pub steps: usize,
    pub weight: u8,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Why it ended or is held.
    pub note: String,
}

impl RolloutRow {
    fn of(rollout: &Rollout) -> Self {
        RolloutRow {
            rollout: rollout.id,
            service: rollout.service.clone(),
            release: rollout.release.version.clone(),
            from: rollout.stable_version.clone(),
            plan: rollout.plan.name.clone(),
            author: rollout.author.clone(),
            phase: rollout.phase,
            step: rollout.step,
            steps: rollout.plan.steps.len(),
            weight: rollout.weight,
            started_at: rollout.started_at,
            ended_at: rollout.ended_at,
            note: match (&rollout.back, rollout.phase) {
                (Some(back), _) => back.why.clone(),
                (None, Phase::Paused(reason)) if rollout.pause_note.is_empty() => {
                    reason.words().to_owned()
                }
                (None, Phase::Paused(_)) => rollout.pause_note.clone(),
                _ => String::new(),
            },
        }
    }
}

/// All that the journal says of rollouts, up to `seq`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Book {
    pub seq: u64,
    pub services: BTreeMap<ServiceName, Rollouts>,
    /// Rollouts that are over and have been followed by another, oldest first.
    past: Vec<RolloutRow>,
}

const PAGE: usize = 1000;

impl Book {
    /// Takes in what was recorded since.
    ///
    /// # Errors
    /// The journal's; what was taken in stays.
    pub async fn catch_up(&mut self, store: &dyn Store) -> Result<(), JournalError> {
        loop {
            let events = store.read(self.seq, PAGE).await?;
            for event in &events {
                self.apply(event);
            }
            if events.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Takes in one event.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        let Some(service) = service_of(&recorded.stream) else {
            return;
        };
        let state = self
            .services
            .entry(service.clone())
            .or_insert_with(|| Rollouts::new(service));
        state.version = recorded.version;
        let payload = recorded.payload.as_deref().unwrap_or_default();
        let Ok(event) = serde_json::from_slice::<Event>(payload) else {
            return;
        };
        if let (Event::Started(_), Some(over)) = (&event, &state.current) {
            self.past.push(RolloutRow::of(over));
        }
        state.evolve(&event, &recorded.actor, recorded.occurred_at);
    }

    /// Every rollout, newest first.
    pub fn rows(&self) -> Vec<RolloutRow> {
        let mut rows: Vec<RolloutRow> = self.past.clone();
        rows.extend(
            self.services
                .values()
                .filter_map(|s| s.current.as_ref())
                .map(RolloutRow::of),
        );
        rows.sort_by_key(|row| std::cmp::Reverse((row.started_at, row.rollout)));
        rows
    }
}
