//! After a rolling release one old instance is left. It gets everybody when the release is taken
//! back, and is too small for them until the others are there again.

use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_rollout::Phase;
use serde_json::json;

use super::{Bars, Course, Desk, Outcome, PATIENCE, course, graded, plans, until};

/// Requests under way at once when one instance has everybody, whatever the rate: answers take as
/// long as that needs. Few would come in bursts that even half of them could fill.
const UNDER_WAY: f64 = 40.0;
/// Of these, one instance bears so many: with everybody one in six is turned away (Erlang's loss
/// formula), with half of them one in thousands.
const ROOM: u64 = 38;

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v2", &plans::rolling("10m")).await?;
    desk.tell(
        "v2 replaces v1, one instance after the other; the last of v1 is kept as the way back",
    );
    let minute = Duration::from_secs(60);
    let status = until(desk, "v2's promotion", minute, |s| s.phase.is_over()).await?;
    if status.phase != Phase::Promoted {
        return Err(format!("v2 ended {}", status.phase.words()));
    }
    let limits = json!({ "at_once": ROOM, "latency_ms": answer_ms(desk.load().rate) });
    desk.set_faults("v1", &limits).await?;
    desk.set_faults("v2", &json!({ "errors": 0.05 })).await?;
    let fault = desk.now();
    desk.tell("v2 fails 5 % of its requests now: take it back (Ctrl+Shift+R), and read how many instances are ready there");
    let status = until(desk, "the way back", PATIENCE, |s| {
        matches!(s.phase, Phase::RolledBack | Phase::Aborted)
    })
    .await?;
    let whole = whole_again(desk).await?;
    // What fails from here on is more than an overload.
    desk.sleep(Duration::from_millis(500)).await;
    let then = turned_away(desk);
    desk.sleep(Duration::from_secs(1)).await;
    let calm = turned_away(desk) - then;
    let seen = course(desk).await?;
    let back = seen.back_at;
    let load = desk.load();
    let sound = calm * 200 < load.rate as u64;
    let words = vec![
        format!("v2 ended {}", status.phase.words()),
        match (back, whole) {
            (Some(back), Some(whole)) => format!(
                "traffic was back at once; the second instance stood {:.1} s later, and until then {then} requests met one that was full",
                whole.since(back).as_secs_f64()
            ),
            _ => "the instances that had left did not come back".into(),
        },
        match sound {
            true => "v1 bears everybody again".to_owned(),
            false => format!("v1 turned {calm} more away in a second"),
        },
        "a smaller last batch, or more instances that stay, would have turned fewer away"
            .to_owned(),
    ];
    let course = Course {
        fault_at: Some(fault),
        detected_at: seen.detected_at,
        back_at: back,
        ..Course::default()
    };
    let bars = Bars {
        detect: Span::from_secs(60),
        failed_per_mille: 60,
        ..Bars::default()
    };
    let passed = back.is_some() && whole.is_some() && sound && load.failures.dropped() == 0;
    Ok(graded(
        "overload on the way back",
        passed,
        &course,
        load,
        words,
        &bars,
    ))
}

/// What an answer takes at so many requests a second, in milliseconds.
fn answer_ms(rate: f64) -> u64 {
    (UNDER_WAY * 1000.0 / rate.max(1.0)).round() as u64
}

fn turned_away(desk: &dyn Desk) -> u64 {
    desk.load().versions.get("v1").map_or(0, |v| v.bad)
}

/// When all instances of what serves were ready again.
async fn whole_again(desk: &dyn Desk) -> Result<Option<Timestamp>, String> {
    for _ in 0..200 {
        let (ready, wanted) = desk.ready().await?;
        if ready >= wanted {
            return Ok(Some(desk.now()));
        }
        desk.sleep(Duration::from_millis(100)).await;
    }
    Ok(None)
}
