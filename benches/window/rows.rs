//! A journal with many rows.

use std::path::Path;

use deckwatch_domain::{Actor, EventId};
use deckwatch_journal::{Expected, Journal, NewEvent, Store};

/// Writes a journal of this many events into a data folder.
pub async fn write(folder: &Path, count: usize) {
    let journal = Journal::open(&folder.join("journal.db"))
        .await
        .expect("a journal");
    let now = crate::crowd::now();
    for first in (0..count).step_by(500) {
        let events = (first..first + 500)
            .map(|index| NewEvent {
                event_id: EventId::new(uuid::Uuid::new_v4()),
                kind: "note.written".into(),
                payload: format!("{{\"note\":\"row {index}\"}}").into_bytes(),
                actor: Actor::machine("bench", "here"),
                occurred_at: now,
            })
            .collect();
        journal
            .append("notes", Expected::Any, events, None, now)
            .await
            .expect("written");
    }
}
