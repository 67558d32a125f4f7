//! Alerts that began or ended to fire, as the journal keeps them.
//!
//! A fact is named by what it is about and when, so that an evaluation that is repeated after a
//! crash tells it once.

use deckwatch_domain::{Actor, Digest, EventId, Timestamp};
use deckwatch_journal::{Expected, NewEvent};
use deckwatch_rollout::Tone;
use serde::{Deserialize, Serialize};

use super::books::Words;
use crate::console::Console;
use crate::identity::Host;
use crate::problem::Problem;

/// The stream of all alerts.
pub(crate) const ALERTS: &str = "alerts";
const FIRED: &str = "alert.fired";
const RESOLVED: &str = "alert.resolved";

/// An alert that began or ended to fire.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Fact {
    /// The alert's id: the same for each time that it fires.
    pub alert: String,
    /// It fires now; else it is over.
    pub fires: bool,
    pub name: String,
    /// The rule's file and group, or the objective's service and name.
    pub from: String,
    pub severity: String,
    pub service: String,
    pub labels: Words,
    pub annotations: Words,
    pub value: Option<f64>,
    /// Why, in a sentence.
    pub words: String,
    pub at: Timestamp,
    /// Nobody looked then; it was found afterwards, in what was recorded.
    pub late: bool,
}

impl Fact {
    pub const fn kind(&self) -> &'static str {
        match self.fires {
            true => FIRED,
            false => RESOLVED,
        }
    }

    fn id(&self) -> EventId {
        let named = format!("{} {} {}", self.alert, self.kind(), self.at.as_millis());
        let mut half = [0; 16];
        half.copy_from_slice(&Digest::of(named.as_bytes()).as_bytes()[..16]);
        EventId::from_u128(u128::from_be_bytes(half))
    }
}

/// Who is named by the facts.
fn evaluator() -> Actor {
    Actor::machine("rules", &Host::this().0)
}

/// Brings facts into the journal, each once.
///
/// # Errors
/// The journal's; nothing was written then.
pub(super) async fn tell(console: &Console, facts: &[Fact]) -> Result<(), Problem> {
    if facts.is_empty() {
        return Ok(());
    }
    let store = console.store().await?;
    let now = console.clock.now().wall;
    let events = facts.iter().map(|fact| NewEvent {
        event_id: fact.id(),
        kind: fact.kind().into(),
        payload: serde_json::to_vec(fact).unwrap_or_default(),
        actor: evaluator(),
        occurred_at: fact.at,
    });
    let events: Vec<NewEvent> = events.collect();
    // An append has its limits; a sleep of days may have more to tell.
    for some in events.chunks(100) {
        store
            .append(ALERTS, Expected::Any, some.to_vec(), None, now)
            .await?;
    }
    let _ = console.anchor().await;
    Ok(())
}

/// What an event of the stream says, in a sentence.
pub(crate) fn words(payload: &[u8]) -> (Option<String>, Tone) {
    let Ok(fact) = serde_json::from_slice::<Fact>(payload) else {
        return (None, Tone::Plain);
    };
    let late = if fact.late { " (learned late)" } else { "" };
    let tone = match fact.fires {
        true => Tone::Bad,
        false => Tone::Good,
    };
    (Some(format!("{}{late}", fact.words)), tone)
}
