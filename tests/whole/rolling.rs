//! Rolling releases, for real: batches under traffic, the way back in the middle, and undo.

use deckwatch_domain::{Slot, Weights};
use deckwatch_rollout::Phase;
use serde_json::Value;

use crate::harness::{Ground, SERVICE, eventually};
use crate::scene::Scene;

/// One instance at a time; with `hold`, until somebody goes on.
fn rolling(more: &str, hold: bool) -> String {
    let pause = if hold { ", pause: true" } else { "" };
    format!(
        "\
plan: rolling-test
strategy: rolling
batch: 1
{more}
steps:
  - {{ bake: {{ min: 300ms, max: 1m }}, analysis: false{pause} }}
analysis: {{ metrics: [] }}
baseline: 0s
deadlines: {{ capacity: 60s, traffic: 30s }}
"
    )
}

/// Instances that are ready and how many there should be, of either slot.
async fn instances(ground: &Ground) -> [(u32, u32); 2] {
    let seen = ground.observe().await;
    [Slot::Blue, Slot::Green].map(|s| (seen.slots[s].ready, seen.slots[s].desired))
}

async fn revisions(ground: &Ground) -> Vec<(u64, String, String)> {
    let rows = ground.json(&["rollout", "revisions", SERVICE]).await;
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let rows = rows.as_array().cloned().unwrap_or_default();
    rows.iter()
        .map(|r| {
            let number = r["number"].as_u64().unwrap_or_default();
            (number, text(&r["release"]["version"]), text(&r["standing"]))
        })
        .collect()
}

fn row(number: u64, version: &str, standing: &str) -> (u64, String, String) {
    (number, version.to_owned(), standing.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_replace_what_serves_and_an_undo_brings_it_up_again() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    let plan = rolling("rollback_window: 0s", true);
    scene.start("v2", &plan, &[]).await.code(0);
    scene
        .rollout("the first batch", |r| r.weight == 50 && !r.phase.is_over())
        .await;
    // New ones stand before old ones leave.
    assert_eq!(instances(ground).await, [(2, 2), (1, 1)]);
    scene
        .rollout("its pause", |r| matches!(r.phase, Phase::Paused(_)))
        .await;
    ground.ctl(&["rollout", "resume", SERVICE]).await.code(0);
    let last =
        |r: &deckwatch_console::RolloutRow| r.weight == 100 && matches!(r.phase, Phase::Paused(_));
    scene.rollout("the last batch", last).await;
    assert_eq!(instances(ground).await, [(1, 1), (2, 2)]);
    ground.ctl(&["rollout", "resume", SERVICE]).await.code(0);
    scene.ended(Phase::Promoted).await;
    eventually("the old ones to be gone", || async {
        let now = instances(ground).await;
        (now == [(0, 0), (2, 2)])
            .then_some(())
            .ok_or(format!("{now:?}"))
    })
    .await;
    assert_eq!(scene.dropped(), 0, "{:?}", scene.load.snapshot());
    let two = [row(2, "v2", "serving"), row(1, "v1", "past")];
    assert_eq!(revisions(ground).await, two);

    // Nothing is kept warm: the way back is an undo.
    ground
        .ctl(&["rollback", SERVICE])
        .await
        .refused("rollout undo");
    ground
        .ctl(&["rollout", "undo", SERVICE, "--to", "2"])
        .await
        .refused("has the traffic already");
    ground
        .ctl(&["rollout", "undo", SERVICE, "--to", "7"])
        .await
        .refused("no revision 7; there is: 1, 2");
    let file = ground.file("undo.yaml", &rolling("rollback_window: 10m", false));
    ground
        .ctl(&["rollout", "undo", SERVICE, "--plan-file", &file])
        .await
        .code(0);
    scene
        .rollout("v1 again", |r| {
            r.release.as_str() == "v1" && r.phase == Phase::Promoted
        })
        .await;
    let three = [
        row(3, "v1", "serving"),
        row(2, "v2", "kept"),
        row(1, "v1", "past"),
    ];
    assert_eq!(revisions(ground).await, three);
    ground
        .ctl(&["rollout", "undo", SERVICE, "--to", "2"])
        .await
        .refused("a rollback leads there with one write");
    assert_eq!(scene.dropped(), 0);
    ground.ctl(&["journal", "verify"]).await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_leads_away_at_once_and_old_instances_come_back() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    let plan = rolling("rollback_window: 10m", true);
    scene.start("v2", &plan, &[]).await.code(0);
    for weight in [50, 100] {
        scene
            .rollout("a batch", |r| {
                r.weight == weight && matches!(r.phase, Phase::Paused(_))
            })
            .await;
        if weight == 50 {
            ground.ctl(&["rollout", "resume", SERVICE]).await.code(0);
        }
    }
    assert_eq!(instances(ground).await, [(1, 1), (2, 2)]);
    ground
        .ctl(&["rollback", SERVICE, "--dry-run"])
        .await
        .code(0)
        .says("1 of 2 instances are ready there")
        .says("an estimate from earlier starts");
    let answer = scene.back("v2", &[]).await;
    assert_eq!(answer.report.record.to, Weights::all_to(Slot::Blue));
    scene.ended(Phase::RolledBack).await;
    assert_eq!(instances(ground).await, [(2, 2), (0, 0)]);
    assert_eq!(revisions(ground).await, [row(1, "v1", "serving")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_driver_the_node_itself_brings_old_instances_back() {
    let mut scene = Scene::new().await;
    let plan = rolling("surge: false\nrollback_window: 10m", true);
    scene.start("v2", &plan, &[]).await.code(0);
    scene
        .rollout("the first batch", |r| {
            r.weight == 50 && matches!(r.phase, Phase::Paused(_))
        })
        .await;
    // Old ones leave first: no more instances than before.
    assert_eq!(instances(&scene.ground).await, [(1, 1), (1, 1)]);
    if let Some(agent) = scene.agent.take() {
        agent.kill().await;
    }
    scene.back("v2", &[]).await;
    scene.until_ready(Slot::Blue, 2).await;
    // Whoever drives next only has to say so.
    scene.new_agent().await;
    scene.ended(Phase::RolledBack).await;
    assert_eq!(instances(&scene.ground).await, [(2, 2), (0, 0)]);
}
