//! A rolling release leaves nothing behind to go back to; an earlier revision is brought up again.

use std::time::Duration;

use deckwatch_rollout::{Phase, RolloutStatus};

use super::{Desk, Outcome, QUIET, answers, outcome, plans, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    let plan = plans::rolling("0s");
    desk.start_with("v2", &plan).await?;
    desk.tell("v2 replaces v1, one instance after the other");
    let first = promoted(desk, "v2's promotion").await?;
    // Until the last of the old ones has left: only then is there no way back.
    until_gone(desk).await?;
    desk.tell("v1 has left, so no rollback is ready: an undo brings it up again, in batches too");
    let asked = desk.now();
    desk.undo(&plan).await?;
    let second = promoted(desk, "v1's return").await?;
    let took = desk.now().since(asked);
    let then = answers(&desk.load(), "v2");
    desk.sleep(Duration::from_secs(1)).await;
    let load = desk.load();
    let only_v1 = answers(&load, "v2") == then;
    let words = vec![
        format!("v2 was promoted in {} batches", first.steps.len()),
        match second.undo_to {
            Some(revision) => format!(
                "the undo to revision {revision} took {:.1} s, as the old version had to be started again",
                took.as_secs_f64()
            ),
            None => "v1 came back, and not by an undo".into(),
        },
        match only_v1 {
            true => "only v1 answers".to_owned(),
            false => "v2 still answers".to_owned(),
        },
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    let passed = second.undo_to.is_some() && only_v1 && load.failures.dropped() == 0;
    Ok(outcome("rolling undo", passed, &QUIET, load, words))
}

async fn promoted(desk: &dyn Desk, what: &str) -> Result<RolloutStatus, String> {
    let minute = Duration::from_secs(60);
    let status = until(desk, what, minute, |s| s.phase.is_over()).await?;
    match status.phase {
        Phase::Promoted => Ok(status),
        phase => Err(format!("{what} did not come: {}", phase.words())),
    }
}

async fn until_gone(desk: &dyn Desk) -> Result<(), String> {
    for _ in 0..300 {
        if desk.traffic().await?.way_back.is_none() {
            return Ok(());
        }
        desk.sleep(Duration::from_millis(100)).await;
    }
    Err("the old version was kept, although the plan keeps none".into())
}
