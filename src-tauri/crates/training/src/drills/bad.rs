//! A bad release is recognised and taken back, with no one at the desk.

use deckwatch_rollout::Phase;

use super::{Desk, Outcome, course, ended, outcome};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start("v3").await?;
    desk.tell("v3 goes out; it fails a share of its requests");
    let status = ended(desk).await?;
    let course = course(desk).await?;
    let load = desk.load();
    let words = vec![
        format!(
            "v3 ended {} at its step of {} %",
            status.phase.words(),
            weight(&status)
        ),
        status.ending.clone(),
        format!(
            "{} requests of {} clients failed; {} were lost by the change itself",
            load.failed,
            load.clients_hurt,
            load.failures.dropped()
        ),
    ];
    let passed = status.phase == Phase::RolledBack && load.failures.dropped() == 0;
    Ok(outcome("bad canary", passed, &course, load, words))
}

fn weight(status: &deckwatch_rollout::RolloutStatus) -> u8 {
    status.steps.get(status.step).map_or(100, |s| s.weight)
}
