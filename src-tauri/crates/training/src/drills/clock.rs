//! The clock jumps, ahead and back: what was to last seconds lasts seconds.

use std::time::Duration;

use deckwatch_domain::Timestamp;
use deckwatch_rollout::{Event, PauseReason, Phase, Stage};
use tokio::time::Instant;

use super::{Desk, Outcome, QUIET, ended, newest, outcome, plans, until};

const HOUR: i64 = 3600;
/// What the plan's bake and pause last, less what looking at them takes.
const AT_LEAST: Duration = Duration::from_millis(2500);

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v2", &plans::clock()).await?;
    let minute = Duration::from_secs(60);
    until(desk, "the step of 10 %", minute, |s| {
        s.step == 0 && s.stage == Stage::Bake
    })
    .await?;
    // On a clock that nobody moves.
    let bake = Instant::now();
    desk.move_clock(HOUR).await?;
    desk.tell("in the middle of a bake of 3 s the clock jumps an hour ahead");
    until(desk, "the pause", minute, |s| {
        s.phase == Phase::Paused(PauseReason::Planned) || s.phase.is_over()
    })
    .await?;
    let (bake, pause) = (bake.elapsed(), Instant::now());
    desk.move_clock(-HOUR).await?;
    desk.tell("in a pause of 3 s the clock jumps back, to an hour before the truth");
    until(desk, "the next step", minute, |s| {
        s.step == 1 || s.phase.is_over()
    })
    .await?;
    let pause = pause.elapsed();
    let status = ended(desk).await?;
    let story = desk.story().await?;
    let spread = spread(newest(&story));
    desk.move_clock(0).await?;
    let load = desk.load();
    let words = vec![
        format!(
            "the bake took {:.1} s, the pause {:.1} s",
            bake.as_secs_f64(),
            pause.as_secs_f64()
        ),
        format!(
            "the journal's story of it spans {:.0} s, in order: {}",
            spread.as_secs_f64(),
            if is_ordered(newest(&story)) {
                "yes"
            } else {
                "no"
            }
        ),
        format!(
            "v2 ended {}; {} of {} requests failed",
            status.phase.words(),
            load.failed,
            load.sent
        ),
    ];
    let kept = bake >= AT_LEAST && pause >= AT_LEAST;
    let told = is_ordered(newest(&story)) && spread < Duration::from_secs(600);
    let passed = kept && told && status.phase == Phase::Promoted && load.failures.dropped() == 0;
    Ok(outcome("clock jump", passed, &QUIET, load, words))
}

fn spread(story: &[(Event, Timestamp)]) -> Duration {
    let at = || story.iter().map(|(_, at)| *at);
    match (at().min(), at().max()) {
        (Some(first), Some(last)) => last.since(first),
        _ => Duration::ZERO,
    }
}

/// Two programs write, each by its own look at the clock: they may differ by as much as nobody
/// would notice.
fn is_ordered(story: &[(Event, Timestamp)]) -> bool {
    let slack = Duration::from_secs(2);
    story
        .windows(2)
        .all(|pair| matches!(pair, [(_, a), (_, b)] if a.since(*b) <= slack))
}
