//! Gates that this room answers: a declared freeze, objectives.

use std::sync::Arc;

use async_trait::async_trait;
use deckwatch_domain::Timestamp;
use deckwatch_journal::Store;
use deckwatch_rollout::Rollout;
use deckwatch_rollout::plan::Gate;
use deckwatch_rollout::ports::Gates;
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::slos;

/// The stream of freezes.
pub(crate) const FREEZE: &str = "freeze";

/// A freeze, declared or lifted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum FreezeEvent {
    Declared { reason: String },
    Lifted,
}

impl FreezeEvent {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            FreezeEvent::Declared { .. } => "freeze.declared",
            FreezeEvent::Lifted => "freeze.lifted",
        }
    }
}

/// A freeze that is on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Freeze {
    pub reason: String,
    pub by: String,
    pub at: Timestamp,
}

/// The freeze that is on now, if one is.
pub(crate) async fn freeze(
    store: &dyn Store,
) -> Result<Option<Freeze>, deckwatch_journal::JournalError> {
    let mut on = None;
    let mut version = 0;
    loop {
        let events = store.read_stream(FREEZE, version, 500).await?;
        let Some(last) = events.last() else {
            return Ok(on);
        };
        version = last.version;
        for event in &events {
            let payload = event.payload.as_deref().unwrap_or_default();
            on = match serde_json::from_slice(payload) {
                Ok(FreezeEvent::Declared { reason }) => Some(Freeze {
                    reason,
                    by: event.actor.to_string(),
                    at: event.occurred_at,
                }),
                Ok(FreezeEvent::Lifted) => None,
                Err(_) => on,
            };
        }
    }
}

/// Answers the engine's gates: from the journal, and from what objectives count.
pub struct RoomGates {
    pub console: Arc<Console>,
}

#[async_trait]
impl Gates for RoomGates {
    async fn closed(&self, rollout: &Rollout, gate: &Gate, _: Timestamp) -> Option<String> {
        closed(&self.console, rollout, gate).await
    }
}

/// Why a gate is closed that other rooms keep; none when it is open.
pub(crate) async fn closed(console: &Console, rollout: &Rollout, gate: &Gate) -> Option<String> {
    match gate {
        Gate::NoFreeze => {}
        Gate::Objective(gate) => return slos::closed(console, &rollout.service, gate).await,
        Gate::Approval { .. } | Gate::Window(_) => return None,
    }
    let on = match console.store().await {
        Ok(store) => freeze(store.as_ref()).await.map_err(|e| e.to_string()),
        Err(problem) => Err(problem.to_string()),
    };
    match on {
        Ok(None) => None,
        Ok(Some(freeze)) => Some(format!("frozen by {}: {}", freeze.by, freeze.reason)),
        // What cannot be read is not open.
        Err(error) => Some(format!("whether a freeze is on cannot be read: {error}")),
    }
}
