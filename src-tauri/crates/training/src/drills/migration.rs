//! A bad release has migrated the schema, and the version before does not run on it.

use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_rollout::{Event, Phase};

use super::{Bars, Course, Desk, Outcome, PATIENCE, answers, course, graded, newest, plans, until};
use crate::service::FIRST_SCHEMA;

/// What a full rollback may need for the schema before anybody is told that it is missing.
const SOON: Duration = Duration::from_secs(3);

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    let plan = plans::migration(&desk.schema_file());
    desk.start_with("v8", &plan).await?;
    desk.tell("v8 goes to everyone, and its migration makes the schema one that only v8 runs on");
    let status = until(desk, "v8's promotion", Duration::from_secs(60), |s| {
        s.phase.is_over() || matches!(s.phase, Phase::Paused(_))
    })
    .await?;
    let promoted = status.phase == Phase::Promoted;
    let advised = status.full_advised.is_some();
    let fault = desk.now();
    desk.tell("v8 fails 3 % of its requests: take it back (Ctrl+Shift+R), and look at the kind");
    let healed = healed(desk).await?;
    until(
        desk,
        "the end of the way back",
        Duration::from_secs(60),
        |s| s.phase == Phase::RolledBack || s.phase == Phase::Aborted,
    )
    .await?;
    let story = desk.story().await?;
    let back = course(desk).await?.back_at;
    let between = back.map_or(Duration::ZERO, |back| healed.since(back));
    let at_once = asked_full_at_once(newest(&story));
    // What v1 fails from here on, it fails on its own schema.
    let sound = sound(desk).await;
    let load = desk.load();
    let on_new = load.versions.get("v1").map_or(0, |v| v.bad);
    let words = vec![
        match advised {
            true => "the rollback's dialog advised full, and said why".to_owned(),
            false => "nothing advised a full rollback".to_owned(),
        },
        match at_once {
            true => "you asked for the full way back at once".to_owned(),
            false => {
                "traffic went back alone at first, to a version that could not serve".to_owned()
            }
        },
        format!(
            "the schema was back {:.1} s after the traffic; v1 failed {on_new} requests until then",
            between.as_secs_f64()
        ),
        match sound {
            true => "v1 serves as before".to_owned(),
            false => "v1 still fails".to_owned(),
        },
    ];
    // It is back when what is there can serve, not when traffic is.
    let course = Course {
        fault_at: Some(fault),
        detected_at: back,
        back_at: Some(healed),
        ..Course::default()
    };
    let bars = Bars {
        detect: Span::from_secs(60),
        back: Span::from_secs(5),
        failed_per_mille: 250,
        ..Bars::default()
    };
    let dropped = load.failures.dropped();
    let passed = promoted && advised && sound && dropped == 0;
    Ok(graded(
        "one-way migration",
        passed,
        &course,
        load,
        words,
        &bars,
    ))
}

/// When the schema is what the version before runs on, with traffic there.
async fn healed(desk: &dyn Desk) -> Result<Timestamp, String> {
    let began = desk.now();
    let mut back = None;
    let mut told = false;
    loop {
        let now = desk.now();
        if back.is_none() {
            back = course(desk).await?.back_at;
        }
        let text = std::fs::read_to_string(desk.schema_file()).unwrap_or_default();
        if back.is_some() && text.trim() == FIRST_SCHEMA.to_string() {
            return Ok(now);
        }
        if !told && back.is_some_and(|back| now.since(back) > SOON) {
            told = true;
            desk.tell(
                "v1 has the traffic and does not run on v8's schema: everyone fails. Ask for the full way back now",
            );
        }
        if now.since(began) > PATIENCE {
            return Err("the schema was not taken back within five minutes".into());
        }
        desk.sleep(Duration::from_millis(50)).await;
    }
}

/// Whether there is a second in which v1 answers and fails nothing. What was asked before it was
/// healed may still be on its way.
async fn sound(desk: &dyn Desk) -> bool {
    for _ in 0..10 {
        let (failed, answered) = (bad(desk), answers(&desk.load(), "v1"));
        desk.sleep(Duration::from_secs(1)).await;
        if bad(desk) == failed && answers(&desk.load(), "v1") > answered {
            return true;
        }
    }
    false
}

fn bad(desk: &dyn Desk) -> u64 {
    desk.load().versions.get("v1").map_or(0, |v| v.bad)
}

/// Whether the full kind was asked for within a moment of the traffic's way back.
fn asked_full_at_once(story: &[(Event, Timestamp)]) -> bool {
    use deckwatch_rollout::plan::RollbackKind;
    let back = story
        .iter()
        .find(|(e, _)| matches!(e, Event::TakenBack { .. }));
    let full = story.iter().find(|(event, _)| {
        matches!(event, Event::RollbackRequested { kind, .. } if *kind != RollbackKind::Quick)
    });
    match (back, full) {
        (Some((_, back)), Some((_, full))) => full.since(*back) < Duration::from_secs(2),
        _ => false,
    }
}
