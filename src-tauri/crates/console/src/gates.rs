//! Gates that this room answers: a declared freeze.

use std::sync::Arc;

use async_trait::async_trait;
use deckwatch_domain::Timestamp;
use deckwatch_journal::Store;
use deckwatch_rollout::Rollout;
use deckwatch_rollout::plan::Gate;
use deckwatch_rollout::ports::Gates;
use serde::{Deserialize, Serialize};

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

/// Answers the engine's gates from the journal.
pub struct JournalGates {
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Gates for JournalGates {
    async fn closed(&self, _: &Rollout, gate: &Gate, _: Timestamp) -> Option<String> {
        if *gate != Gate::NoFreeze {
            return None;
        }
        match freeze(self.store.as_ref()).await {
            Ok(None) => None,
            Ok(Some(freeze)) => Some(format!("frozen by {}: {}", freeze.by, freeze.reason)),
            // What cannot be read is not open.
            Err(error) => Some(format!("whether a freeze is on cannot be read: {error}")),
        }
    }
}
