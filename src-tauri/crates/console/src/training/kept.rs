//! Grades that outlive the drill which destroys the journal they are kept in.

use deckwatch_domain::Timestamp;
use deckwatch_journal::{Expected, NewEvent};
use deckwatch_rollout::ports::Ids;

use super::session::{GRADED, PLAYED};
use crate::console::{Console, TimeIds};
use crate::problem::Problem;
use crate::show::read_stream;

/// A grade as the journal has it.
pub(super) struct Kept {
    payload: Vec<u8>,
    at: Timestamp,
}

/// What earlier drills came to. A journal that cannot be read has none.
pub(super) async fn kept_grades(console: &Console) -> Vec<Kept> {
    let Ok(store) = console.store().await else {
        return Vec::new();
    };
    let events = read_stream(store.as_ref(), PLAYED).await;
    let events = events.unwrap_or_default().into_iter();
    let graded = events.filter(|event| event.kind == GRADED);
    let kept = graded.filter_map(|event| {
        Some(Kept {
            payload: event.payload?,
            at: event.occurred_at,
        })
    });
    kept.collect()
}

/// Writes them into another journal, each as of when it was earned.
pub(super) async fn keep_grades(console: &Console, grades: Vec<Kept>) -> Result<(), Problem> {
    let new = grades.into_iter().map(|grade| NewEvent {
        event_id: TimeIds.event(),
        kind: GRADED.into(),
        payload: grade.payload,
        actor: console.actor(),
        occurred_at: grade.at,
    });
    let new: Vec<NewEvent> = new.collect();
    if new.is_empty() {
        return Ok(());
    }
    let (store, now) = (console.store().await?, console.clock.now().wall);
    store.append(PLAYED, Expected::Any, new, None, now).await?;
    Ok(())
}
