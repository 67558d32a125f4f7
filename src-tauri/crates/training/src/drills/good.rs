//! A good release is promoted, and nobody notices.

use deckwatch_rollout::{BakedBy, Phase};

use super::{Desk, Outcome, QUIET, ended, outcome};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start("v2").await?;
    desk.tell("v2 goes out: 1 → 10 → 50 → 100 %");
    let status = ended(desk).await?;
    let passes = status
        .steps
        .iter()
        .filter(|s| s.done == Some(BakedBy::Pass))
        .count();
    let load = desk.load();
    let promoted = status.phase == Phase::Promoted;
    let words = vec![
        format!("v2 ended {}", status.phase.words()),
        format!("{passes} of {} steps were judged Pass", status.steps.len()),
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    let passed = promoted && passes == status.steps.len() && load.failures.dropped() == 0;
    Ok(outcome("good canary", passed, &QUIET, load, words))
}
