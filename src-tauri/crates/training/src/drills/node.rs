//! The node is killed in the middle of a step: it is brought back, with its traffic as it was.

use std::time::Duration;

use deckwatch_domain::Span;
use deckwatch_platform::Traffic;
use deckwatch_rollout::{Phase, Stage};

use super::{Bars, Desk, Outcome, QUIET, ended, graded, plans, until};

/// Longer than it takes on a slow machine to start everything again.
const AGAIN: Duration = Duration::from_secs(60);

pub(super) async fn run(desk: &dyn Desk) -> Result<Outcome, String> {
    desk.begin().await?;
    desk.start_with("v2", &plans::short()).await?;
    until(desk, "the step of 10 %", Duration::from_secs(90), |s| {
        s.step == 0 && s.stage == Stage::Bake
    })
    .await?;
    let before = desk.traffic().await?;
    desk.kill_node().await?;
    let died = desk.now();
    desk.tell("the node is dead (kill -9), and with it everything that it ran: nobody is served");
    let after = again(desk).await?;
    desk.tell("the driver has started it again; it reads from its own file who gets what");
    serving(desk).await?;
    let out = desk.now().since(died).as_secs_f64();
    desk.tell("instances are ready and serve again");
    let status = ended(desk).await?;
    let load = desk.load();
    let kept = same(&before, &after);
    let words = vec![
        match kept {
            true => format!("the traffic was as before: {}", before.weights),
            false => format!(
                "the traffic was {}, and is {}",
                before.weights, after.weights
            ),
        },
        format!("people were served again {out:.1} s after the kill"),
        format!(
            "v2 ended {}; {} of {} requests failed",
            status.phase.words(),
            load.failed,
            load.sent
        ),
    ];
    // A good release may be blamed for the requests that died with the node, and goes back: that
    // is the safe side.
    let over = matches!(status.phase, Phase::Promoted | Phase::RolledBack);
    let bars = Bars {
        outage: Span::from_secs(6),
        failed_per_mille: 400,
        ..Bars::default()
    };
    Ok(graded(
        "node killed",
        kept && over,
        &QUIET,
        load,
        words,
        &bars,
    ))
}

async fn again(desk: &dyn Desk) -> Result<Traffic, String> {
    let began = desk.now();
    loop {
        match desk.traffic().await {
            Ok(traffic) => return Ok(traffic),
            Err(why) if desk.now().since(began) > AGAIN => return Err(why),
            Err(_) => desk.sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Until people are answered again, and nothing is lost any more.
async fn serving(desk: &dyn Desk) -> Result<(), String> {
    let began = desk.now();
    let mut before = desk.load();
    loop {
        desk.sleep(Duration::from_millis(250)).await;
        let now = desk.load();
        if now.ok > before.ok && now.failures.dropped() == before.failures.dropped() {
            return Ok(());
        }
        if desk.now().since(began) > AGAIN {
            return Err("nobody was served again".into());
        }
        before = now;
    }
}

/// The driver may have written before and after; nothing that it wrote is lost or undone.
fn same(before: &Traffic, after: &Traffic) -> bool {
    if after.revision == before.revision {
        return after == before;
    }
    let later = after.revision > before.revision && after.epoch >= before.epoch;
    later && after.rollout == before.rollout && after.way_back == before.way_back
}
