//! `kill -9` of the driver right after each fact that it writes down, for every strategy and for
//! tasks: whoever drives next ends what was begun, and no request notices.
//!
//! A seeded sample of the facts (`DECKWATCH_POINTS` a strategy, 1), or all of them with
//! `DECKWATCH_POINTS=all`.

use deckwatch_console::{ByService, api};
use deckwatch_domain::ServiceName;
use deckwatch_rollout::Phase;

use crate::aftermath::sound;
use crate::harness::{Ground, SERVICE, eventually};
use crate::plans;
use crate::scene::{Scene, rollout};

type Strategy = (&'static str, fn() -> String);

const STRATEGIES: [Strategy; 4] = [
    ("canary", plans::quick),
    ("rolling", plans::rolling),
    ("blue-green", plans::blue_green),
    ("audience", plans::audience),
];

fn by() -> ByService {
    ByService {
        service: ServiceName::new(SERVICE).unwrap(),
    }
}

/// What is written down of the service, by its kinds.
async fn facts(ground: &Ground) -> Vec<String> {
    eventually("the journal", || async {
        let rows = api::rollout_events(&ground.console(), by()).await;
        let rows = rows.map_err(|p| p.to_string())?;
        Ok(rows.into_iter().map(|row| row.kind).collect())
    })
    .await
}

/// Starts `version` and kills the driver once it has written `point` facts; the next one goes on.
/// How many facts the whole rollout took.
async fn killed_after(scene: &mut Scene, version: &str, plan: &str, point: usize) -> usize {
    let before = facts(&scene.ground).await.len();
    scene.start(version, plan, &[]).await.code(0);
    let console = scene.ground.console();
    let mut last = String::new();
    loop {
        let rows = api::rollout_events(&console, by())
            .await
            .unwrap_or_default();
        if rows.len() >= before + point {
            last = rows.last().map(|row| row.kind.clone()).unwrap_or(last);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    scene.new_agent().await;
    let promoted = |row: &deckwatch_console::RolloutRow| {
        assert!(
            !matches!(row.phase, Phase::RolledBack | Phase::Failed),
            "killed after fact {point} ({last}): {row:?}"
        );
        row.release.as_str() == version && row.phase == Phase::Promoted
    };
    rollout(&scene.ground, "the promotion", promoted).await;
    facts(&scene.ground).await.len() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_may_die_after_any_fact() {
    let all = std::env::var("DECKWATCH_POINTS").ok();
    let sample = all.as_deref().and_then(|n| n.parse().ok()).unwrap_or(1);
    let all = all.as_deref() == Some("all");
    let mut scene = Scene::new().await;
    let mut releases = 1;
    for (number, (name, plan)) in STRATEGIES.into_iter().enumerate() {
        // The first fact is the start itself.
        let (mut point, mut tried, mut most) = (1, 0, 12);
        while point <= most && (all || tried < sample) {
            let at = match all {
                true => point,
                // Spread over the rollout, another part for each strategy.
                false => 2 + (number * 3 + tried * 5) % 11,
            };
            releases += 1;
            most = killed_after(&mut scene, &format!("v{releases}"), &plan(), at)
                .await
                .min(40);
            (point, tried) = (point + 1, tried + 1);
        }
        assert_eq!(scene.dropped(), 0, "{name}: {:?}", scene.load.snapshot());
        sound(&scene.ground).await;
    }
    let verified = scene.ground.json(&["journal", "verify"]).await;
    assert_eq!(verified["anchored"], true, "{verified}");
}
