//! Nothing can be written any more: nothing moves forward, and traffic comes back all the same.

use std::time::Duration;

use deckwatch_rollout::Stage;

use super::{Course, Desk, Outcome, absorbed, outcome, plans, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v2", &plans::short()).await?;
    until(desk, "the step of 10 %", Duration::from_secs(90), |s| {
        s.step == 0 && s.stage == Stage::Bake
    })
    .await?;
    let before = desk.traffic().await?.weights;
    desk.fill_disk().await?;
    desk.tell("the disk is full: the driver can write nothing, so it moves nothing forward");
    // Twice what the step would take.
    desk.sleep(Duration::from_secs(6)).await;
    let stood = desk.traffic().await?.weights == before && desk.status().await?.step == 0;
    let fault = desk.now();
    desk.tell("rolling back, with nowhere to write it down");
    let report = desk
        .roll_back_on_full_disk("drill: the disk is full")
        .await?;
    let course = Course {
        fault_at: Some(fault),
        detected_at: Some(fault),
        back_at: Some(report.record.at),
        ..Course::default()
    };
    let load = desk.load();
    desk.empty_disk().await?;
    desk.tell("there is room again: what could not be written is written now");
    let times = absorbed(desk, report.record.event_id).await;
    let words = vec![
        match stood {
            true => format!("with a full disk the traffic stood at {before}"),
            false => "with a full disk the rollout went on".to_owned(),
        },
        format!(
            "traffic was back {:.1} ms after the command",
            report.acknowledged_us as f64 / 1000.0
        ),
        match times {
            1 => "its record is in the journal, once".to_owned(),
            n => format!("its record is in the journal {n} times"),
        },
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    let passed = stood && report.verified && times == 1 && load.failures.dropped() == 0;
    Ok(outcome("disk full", passed, &course, load, words))
}
