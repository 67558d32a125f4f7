//! A bad release that nobody judges: a person sees it and takes it back.

use std::time::Duration;

use deckwatch_rollout::Phase;

use super::{Bars, Desk, Outcome, PATIENCE, course, graded, until};

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_by("v3", "training-by-hand").await?;
    desk.tell("v3 goes to a quarter of the traffic, and nobody judges it: watch its errors");
    until(desk, "v3's first traffic", Duration::from_secs(60), |s| {
        matches!(s.phase, Phase::Paused(_))
    })
    .await?;
    desk.tell("customers are being hurt: take v3 back (Ctrl+Shift+R, then hold)");
    let status = until(desk, "the way back", PATIENCE, |s| s.phase.is_over()).await?;
    let course = course(desk).await?;
    let load = desk.load();
    let took = match (course.fault_at, course.back_at) {
        (Some(fault), Some(back)) => format!(
            "traffic was back {:.1} s after v3 got its first of it",
            back.since(fault).as_secs_f64()
        ),
        _ => "traffic did not come back".into(),
    };
    let words = vec![
        format!("v3 ended {}", status.phase.words()),
        took,
        format!(
            "{} requests of {} clients failed; {} were lost by the way back itself",
            load.failed,
            load.clients_hurt,
            load.failures.dropped()
        ),
    ];
    let passed = course.back_at.is_some() && load.failures.dropped() == 0;
    // A person needs longer than the judge, and more is hurt at a quarter of the traffic.
    let bars = Bars {
        failed_per_mille: 10,
        ..Bars::default()
    };
    Ok(graded("take it back", passed, &course, load, words, &bars))
}
