//! The driver dies in the middle of a step; another carries on, and no request notices.

use std::time::Duration;

use deckwatch_rollout::{Phase, Stage};

use super::{Desk, Outcome, QUIET, ended, outcome, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start("v2").await?;
    until(desk, "the step of 10 %", Duration::from_secs(90), |s| {
        s.step == 1 && s.stage == Stage::Bake
    })
    .await?;
    let before = desk.load();
    desk.kill_driver().await?;
    let died = desk.now();
    desk.tell("the driver is dead (kill -9) in the middle of the 10 % step");
    desk.sleep(Duration::from_secs(2)).await;
    let alone = desk.load();
    desk.start_driver().await?;
    desk.tell("another driver starts");
    let status = ended(desk).await?;
    let took = desk.now().since(died).as_secs_f64();
    let load = desk.load();
    let story = desk.story().await?;
    let finished = status.phase == Phase::Promoted;
    let lost = alone.failed - before.failed;
    let words = vec![
        format!(
            "v2 ended {} {took:.1} s after its first driver's death",
            status.phase.words()
        ),
        format!(
            "with no driver alive, {} requests were sent and {lost} failed",
            alone.sent - before.sent
        ),
        format!("{} events tell the story without a gap", story.len()),
    ];
    let passed = finished && load.failures.dropped() == 0 && lost == 0;
    Ok(outcome("driver dies mid-step", passed, &QUIET, load, words))
}
