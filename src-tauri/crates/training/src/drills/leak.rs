//! A release that answers well and keeps memory: the verdict is Pass, the warning is what counts.

use std::time::Duration;

use deckwatch_domain::Span;
use deckwatch_rollout::{Phase, RolloutStatus};
use deckwatch_verdict::Verdict;

use super::plans;
use super::{Bars, Desk, Outcome, PATIENCE, course, graded, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v6", &plans::leak()).await?;
    desk.tell("v6 goes to a quarter of the traffic, and every answer is good; watch its memory");
    let minute = Duration::from_secs(60);
    let status = until(desk, "the pause after the first step", minute, |s| {
        s.phase.is_over() || (matches!(s.phase, Phase::Paused(_)) && memory(s).is_some())
    })
    .await?;
    let warning = memory(&status).unwrap_or_default();
    desk.tell(&format!("the verdict is Pass, with a warning. {warning}"));
    desk.tell("it would take days to fall over, at night: take v6 back (Ctrl+Shift+R, then hold)");
    let status = until(desk, "the way back", PATIENCE, |s| s.phase.is_over()).await?;
    let course = course(desk).await?;
    let load = desk.load();
    let words = vec![
        match warning.as_str() {
            "" => "nothing warned of its memory".to_owned(),
            warning => format!("the gauge warned: {warning}"),
        },
        match course.back_at {
            Some(_) => format!("v6 ended {}", status.phase.words()),
            None => format!(
                "v6 ended {}, and would have run out of memory later",
                status.phase.words()
            ),
        },
        format!("{} of {} requests failed", load.failed, load.sent),
    ];
    let passed = !warning.is_empty() && course.back_at.is_some() && load.failures.dropped() == 0;
    // It has to be watched for a while before anything can be seen, and then read.
    let bars = Bars {
        detect: Span::from_secs(60),
        ..Bars::default()
    };
    Ok(graded("slow leak", passed, &course, load, words, &bars))
}

/// What the gauge says when it does not pass.
fn memory(status: &RolloutStatus) -> Option<String> {
    let metrics = &status.answer.as_ref()?.metrics;
    let memory = metrics.iter().find(|m| m.name == "memory")?;
    let warns = matches!(memory.verdict, Verdict::Fail | Verdict::Inconclusive);
    warns.then(|| memory.words.clone())
}
