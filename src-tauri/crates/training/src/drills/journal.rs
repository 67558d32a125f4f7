//! The journal is lost in the middle of a rollout, and traffic comes back all the same.

use std::time::Duration;

use deckwatch_rollout::Stage;

use super::{Course, Desk, Outcome, absorbed, outcome, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start("v2").await?;
    until(desk, "the step of 10 %", Duration::from_secs(90), |s| {
        s.step == 1 && s.stage == Stage::Bake
    })
    .await?;
    desk.lose_journal().await?;
    let lost = desk.now();
    desk.tell("the journal is nonsense now; rolling back without it");
    let report = desk.roll_back("drill: the journal is lost").await?;
    let course = Course {
        fault_at: Some(lost),
        detected_at: Some(lost),
        back_at: Some(report.record.at),
        ..Course::default()
    };
    let load = desk.load();
    desk.new_journal().await?;
    desk.start_driver().await?;
    desk.tell("the damaged journal is set aside, a new one has begun");
    let absorbed = absorbed(desk, report.record.event_id).await == 1;
    let words = vec![
        format!(
            "traffic was back {:.1} ms after the command, with no journal to write to",
            report.acknowledged_us as f64 / 1000.0
        ),
        format!(
            "its record {}",
            if absorbed {
                "is in the new journal, once"
            } else {
                "did not reach the new journal"
            }
        ),
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    let passed = report.verified && absorbed && load.failures.dropped() == 0;
    Ok(outcome("journal lost", passed, &course, load, words))
}
