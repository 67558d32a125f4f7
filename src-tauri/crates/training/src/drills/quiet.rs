//! Nobody comes any more: there is nothing to judge by, so nothing goes on.

use std::time::Duration;

use deckwatch_rollout::{BakedBy, Event, PauseReason, Phase};

use super::{Bars, Course, Desk, Outcome, PATIENCE, graded, happened, plans, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v2", &plans::quiet()).await?;
    desk.tell("v2 is good, and has passed its first step as soon as enough people used it");
    let minute = Duration::from_secs(60);
    until(desk, "the pause after the first step", minute, |s| {
        s.phase == Phase::Paused(PauseReason::Planned)
    })
    .await?;
    desk.silence(true);
    let fault_at = desk.now();
    desk.tell("nobody comes any more; the next step has nothing to be judged by");
    let status = until(desk, "the hold", minute, |s| {
        s.phase.is_over() || matches!(s.phase, Phase::Paused(why) if why != PauseReason::Planned)
    })
    .await?;
    let held = status.phase == Phase::Paused(PauseReason::NoData);
    let held_at = happened(desk, is_no_data).await?;
    desk.silence(false);
    desk.tell("it is held, as no data is no Pass. People are back: press Retry at its rollout");
    let status = until(desk, "the end of the rollout", PATIENCE, |s| {
        s.phase.is_over()
    })
    .await?;
    let blind = happened(desk, |e| matches!(e, Event::BrokenGlass { .. })).await?;
    let passes = status.steps.iter();
    let passes = passes.filter(|s| s.done == Some(BakedBy::Pass)).count();
    let judged = status.phase == Phase::Promoted && passes == status.steps.len();
    let load = desk.load();
    let words = vec![
        match held {
            true => "without traffic the rollout was held: no data is no Pass".to_owned(),
            false => "without traffic the rollout was not held for want of data".to_owned(),
        },
        match blind {
            Some(_) => "it was promoted by breaking the glass, with nobody having tried it".into(),
            None => format!(
                "v2 ended {}, {passes} steps judged Pass",
                status.phase.words()
            ),
        },
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    let course = Course {
        fault_at: Some(fault_at),
        detected_at: held_at,
        back_at: None,
        held: true,
    };
    // To take it back is no mistake either: it is what one does when in doubt.
    let taken_back = matches!(status.phase, Phase::RolledBack | Phase::Aborted);
    let passed = held && blind.is_none() && (judged || taken_back) && load.failures.dropped() == 0;
    let bars = Bars::default();
    Ok(graded("no traffic", passed, &course, load, words, &bars))
}

fn is_no_data(event: &Event) -> bool {
    let Event::Paused { reason, .. } = event else {
        return false;
    };
    *reason == PauseReason::NoData
}
