//! A good release is previewed, gets everyone in one write, and is taken back in another.

use std::time::Duration;

use deckwatch_rollout::{Phase, TaskStanding};

use super::{Desk, Outcome, QUIET, ended, outcome, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_by("v2", "training-blue-green").await?;
    desk.tell("v2 stands beside v1 without traffic, and is tried at its preview address");
    let status = ended(desk).await?;
    let previewed = status
        .tasks
        .iter()
        .any(|t| t.name == "preview answers" && t.standing == TaskStanding::Passed);
    let promoted = status.phase == Phase::Promoted;
    desk.tell("v2 has everyone, by one write; v1 is kept beside it. Now back, by one write");
    let report = desk.roll_back("drill: blue-green and back").await?;
    let minute = Duration::from_secs(60);
    let status = until(desk, "the end of the way back", minute, |s| {
        s.phase == Phase::RolledBack
    })
    .await?;
    let load = desk.load();
    let words = vec![
        match previewed {
            true => "the preview answered before anybody got v2".to_owned(),
            false => "the preview was not tried".to_owned(),
        },
        format!(
            "the way back was acknowledged in {:.1} ms; v2 ended {}",
            report.acknowledged_us as f64 / 1000.0,
            status.phase.words()
        ),
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    let passed = promoted && previewed && load.failures.dropped() == 0;
    Ok(outcome(
        "blue-green switch and back",
        passed,
        &QUIET,
        load,
        words,
    ))
}
