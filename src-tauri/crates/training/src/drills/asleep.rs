//! The driver's laptop is closed and opened again: another has taken over, and nothing is written
//! twice.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_rollout::{Event, Phase, Stage};

use super::{Desk, Outcome, QUIET, ended, outcome, plans, until};

/// Longer than the lease, and than it takes another to notice.
const ASLEEP: Duration = Duration::from_secs(8);

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v2", &plans::short()).await?;
    until(desk, "the step of 10 %", Duration::from_secs(90), |s| {
        s.step == 0 && s.stage == Stage::Bake
    })
    .await?;
    let before = desk.load();
    desk.start_second_driver().await?;
    desk.put_driver_to_sleep(ASLEEP).await?;
    let slept = desk.now();
    desk.tell("the laptop that drives is closed; a colleague's waits for its lease to run out");
    let next = until(desk, "another driver's first step", ASLEEP * 4, |s| {
        s.step > 0 || s.phase.is_over()
    })
    .await;
    let took = desk.now().since(slept);
    let meanwhile = next.is_ok() && took < ASLEEP;
    if meanwhile {
        desk.tell("the colleague's has taken over and goes on");
    }
    desk.sleep(ASLEEP.saturating_sub(took) + Duration::from_secs(1))
        .await;
    desk.tell("the first is open again: its lease is gone, so it only looks on");
    let status = ended(desk).await?;
    let load = desk.load();
    let twice = twice(&desk.story().await?);
    let words = vec![
        match meanwhile {
            true => format!("another driver went on {:.1} s later", took.as_secs_f64()),
            false => "no other driver went on while the first was asleep".to_owned(),
        },
        match twice {
            0 => "nothing was written twice".to_owned(),
            n => format!("{n} intents were written or settled twice"),
        },
        format!(
            "v2 ended {}; {} of {} requests failed",
            status.phase.words(),
            load.failed - before.failed,
            load.sent - before.sent
        ),
    ];
    let finished = status.phase == Phase::Promoted;
    let passed = meanwhile && twice == 0 && finished && load.failures.dropped() == 0;
    Ok(outcome("laptop asleep", passed, &QUIET, load, words))
}

/// Intents that were intended, or settled, more than once.
fn twice(story: &[(Event, deckwatch_domain::Timestamp)]) -> usize {
    let mut seen: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for (event, _) in story {
        match event {
            Event::Intended { intent, .. } => seen.entry(*intent).or_default().0 += 1,
            Event::Done { intent, .. } | Event::Failed { intent, .. } => {
                seen.entry(*intent).or_default().1 += 1;
            }
            _ => {}
        }
    }
    let more = |(intended, settled): &&(u32, u32)| *intended > 1 || *settled > 1;
    seen.values().filter(more).count()
}
