//! A release that dies whenever it is started gets no request, and the rollout holds in time.

use std::time::Duration;

use deckwatch_rollout::{Event, PauseReason, Phase};

use super::{Course, Desk, Outcome, answers, happened, outcome, plans, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v7", &plans::crash()).await?;
    desk.tell("v7 is brought up, and dies; it is started again and again, ever more slowly");
    let status = until(desk, "the hold", Duration::from_secs(60), |s| {
        s.phase.is_over() || matches!(s.phase, Phase::Paused(_))
    })
    .await?;
    let held = status.phase == Phase::Paused(PauseReason::Trouble);
    desk.tell("it was not ready in time, so the rollout is held: v7 has no traffic. Giving it up");
    let fault_at = happened(desk, |e| matches!(e, Event::Started(_))).await?;
    let held_at = happened(desk, |e| matches!(e, Event::Paused { .. })).await?;
    if !status.phase.is_over() {
        desk.give_up("v7 does not start").await?;
    }
    let minute = Duration::from_secs(60);
    let status = until(desk, "its end", minute, |s| s.phase.is_over()).await?;
    let load = desk.load();
    let served = answers(&load, "v7");
    let words = vec![
        match held {
            true => "the rollout was held by its deadline for capacity".to_owned(),
            false => "the rollout was not held by its deadline".to_owned(),
        },
        format!(
            "v7 answered {served} requests and ended {}",
            status.phase.words()
        ),
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    // Its traffic never left, so nothing had to come back.
    let course = Course {
        fault_at,
        detected_at: held_at,
        held: true,
        ..Course::default()
    };
    let passed = held && served == 0 && load.failures.dropped() == 0;
    Ok(outcome("crash on start", passed, &course, load, words))
}
