//! What the journal must look like afterwards, whatever happened.

use std::collections::BTreeMap;

use deckwatch_console::api::{self, EventRow, Events};
use deckwatch_domain::EventId;
use deckwatch_rollout::Event;

use crate::harness::{Ground, eventually};

/// Every event, oldest first.
pub async fn events(ground: &Ground) -> Vec<EventRow> {
    let ask = Events {
        limit: 10_000,
        ..Events::default()
    };
    eventually("the journal", || async {
        api::events(&ground.console(), ask.clone())
            .await
            .map_err(|p| p.to_string())
    })
    .await
}

/// The rollouts' events, decoded.
pub async fn story(ground: &Ground) -> Vec<Event> {
    let rows = events(ground).await;
    let rollouts = rows
        .into_iter()
        .filter(|r| r.stream.starts_with("rollouts/"));
    rollouts
        .map(|r| serde_json::from_value(r.payload).unwrap_or_else(|e| panic!("{}: {e}", r.kind)))
        .collect()
}

/// Waits for the take-back's record and asserts that it is there once, under its own id.
pub async fn recorded_once(ground: &Ground, id: EventId) {
    let count = |rows: &[EventRow]| {
        let by_id = rows.iter().filter(|r| r.event_id == id).count();
        let within = rows
            .iter()
            .filter(|r| r.payload["record"]["event_id"] == serde_json::json!(id))
            .count();
        assert_eq!(by_id, within, "the record and its event have one id");
        by_id
    };
    eventually("the record in the journal", || async {
        let found = count(&events(ground).await);
        (found > 0).then_some(()).ok_or("not there yet".to_owned())
    })
    .await;
    // Time for everybody who might write it a second time.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(count(&events(ground).await), 1);
}

/// The chain is sound, and each intent was intended once and settled at most once.
pub async fn sound(ground: &Ground) {
    ground.ctl(&["journal", "verify"]).await.code(0);
    let rows = events(ground).await;
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row.seq, rows[0].seq + i as u64, "a gap");
    }
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|r| r.event_id).collect();
    assert_eq!(ids.len(), rows.len(), "an event id twice");
    intents_once(&story(ground).await);
}

pub fn intents_once(story: &[Event]) {
    let mut seen: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for event in story {
        match event {
            Event::Intended { intent, .. } => seen.entry(*intent).or_default().0 += 1,
            Event::Done { intent, .. } | Event::Failed { intent, .. } => {
                seen.entry(*intent).or_default().1 += 1;
            }
            _ => {}
        }
    }
    for (intent, (intended, settled)) in seen {
        assert_eq!(intended, 1, "{intent:?} was intended {intended} times");
        assert!(settled <= 1, "{intent:?} was settled {settled} times");
    }
}
