//! Traffic comes back, in every phase of a rollout and whatever its driver does.

use deckwatch_domain::{Role, Weights};
use deckwatch_rollout::Phase;
use serde_json::json;

use crate::aftermath::{recorded_once, sound};
use crate::harness::{SERVICE, eventually};
use crate::plans;
use crate::scene::{Scene, answers};

/// Rolls back, then holds the end against what must always hold.
async fn back_and_settled(scene: &Scene, leaving: &str, more: &[&str], before: u64) {
    let answer = scene.back(leaving, more).await;
    assert_eq!(answer.recorded, "journal");
    scene.ended(Phase::RolledBack).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    assert_eq!(
        scene.dropped(),
        before,
        "requests were dropped: {:?}",
        scene.load.snapshot().failures
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_in_every_phase() {
    let scene = Scene::new().await;
    // Before any weight: the candidate is still starting.
    let slow = ["--env", "DECKWATCH_DEMO_SLOW_START_MS=600000"];
    scene
        .start("v2", &plans::standing_at(20), &slow)
        .await
        .code(0);
    eventually("the claim", || async {
        let back = scene.ground.observe().await.traffic.way_back;
        back.map(|_| ()).ok_or("no way back yet".into())
    })
    .await;
    back_and_settled(&scene, "v2", &[], 0).await;
    // In the middle of a step.
    scene.canary("v2", 20, &[]).await;
    back_and_settled(&scene, "v2", &[], 0).await;
    // A second time in a row there is nothing to take back, and it says what happened before.
    let again = scene.ground.ctl(&["rollback", SERVICE]).await;
    again.code(3).says("already taken back");
    // Paused by a person.
    scene.canary("v2", 20, &[]).await;
    scene
        .ground
        .ctl(&["rollout", "pause", SERVICE, "lunch"])
        .await
        .code(0);
    scene
        .rollout("the pause", |r| matches!(r.phase, Phase::Paused(_)))
        .await;
    back_and_settled(&scene, "v2", &[], 0).await;
    // With everyone on the candidate.
    scene.canary("v2", 100, &[]).await;
    back_and_settled(&scene, "v2", &[], 0).await;
    // After promotion, within the window.
    scene.start("v2", &plans::quick(), &[]).await.code(0);
    scene.ended(Phase::Promoted).await;
    back_and_settled(&scene, "v2", &[], 0).await;
    sound(&scene.ground).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_whatever_the_driver_does() {
    let mut scene = Scene::new().await;
    // It is alive but stopped in its tracks, and holds the lease.
    scene.canary("v2", 20, &[]).await;
    scene.agent.as_ref().unwrap().freeze();
    let answer = scene.back("v2", &[]).await;
    assert_eq!(answer.recorded, "journal");
    scene.agent.as_ref().unwrap().thaw();
    scene.ended(Phase::RolledBack).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    // It is dead, and nobody drives at all.
    scene.canary("v2", 20, &[]).await;
    scene.agent.take().unwrap().kill().await;
    let answer = scene.back("v2", &[]).await;
    scene.new_agent().await;
    scene.ended(Phase::RolledBack).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    // A rehearsal changes nothing and says what would be written.
    scene.canary("v2", 20, &[]).await;
    let before = scene.ground.observe().await.traffic;
    let rehearsed = scene.ground.json(&["rollback", SERVICE, "--dry-run"]).await;
    assert!(rehearsed["rehearsed_us"].as_u64().is_some(), "{rehearsed}");
    assert_eq!(scene.ground.observe().await.traffic, before);
    back_and_settled(&scene, "v2", &[], 0).await;
    // The window is over: there is nowhere to go, and it says why.
    scene.start("v2", &plans::straight("1s"), &[]).await.code(0);
    scene.ended(Phase::Promoted).await;
    eventually("the end of the window", || async {
        let back = scene.ground.observe().await.traffic.way_back;
        back.is_none().then_some(()).ok_or("still warm".into())
    })
    .await;
    scene
        .ground
        .ctl(&["rollback", SERVICE])
        .await
        .refused("rollback window has ended");
    let preview = scene
        .ground
        .ctl(&["rollback", SERVICE, "--dry-run"])
        .await
        .code(3);
    assert!(preview.out.contains("nothing to go back to"), "{preview:?}");
    assert_eq!(scene.dropped(), 0);
    sound(&scene.ground).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_whatever_state_the_instances_are_in() {
    let scene = Scene::new().await;
    // Stable is short of an instance: it shifts all the same and says so.
    scene.canary("v2", 20, &[]).await;
    let stable = scene.ground.slot(Role::Stable).await;
    scene.faults(stable, 1, json!({"refuse_ready": true})).await;
    scene.until_ready(stable, 1).await;
    let preview = scene
        .ground
        .ctl(&["rollback", SERVICE, "--dry-run"])
        .await
        .code(0);
    assert!(
        preview.out.contains("1 of 2 instances are ready"),
        "{preview:?}"
    );
    back_and_settled(&scene, "v2", &[], 0).await;
    scene
        .faults(stable, 2, json!({"refuse_ready": false}))
        .await;
    scene.until_ready(stable, 2).await;
    // Nothing is ready there: it waits for the first one, and the candidate serves meanwhile.
    scene.canary("v2", 100, &[]).await;
    scene.faults(stable, 2, json!({"refuse_ready": true})).await;
    scene.until_ready(stable, 0).await;
    let (answer, ()) = tokio::join!(scene.back("v2", &[]), async {
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        let seen = scene.ground.observe().await;
        assert_eq!(
            seen.traffic.weights,
            Weights::all_to(stable.other()),
            "not ready, not shifted"
        );
        scene
            .faults(stable, 1, json!({"refuse_ready": false}))
            .await;
    });
    assert!(answer.report.acknowledged_us >= 1_000_000, "{answer:?}");
    scene.ended(Phase::RolledBack).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    assert_eq!(scene.dropped(), 0);
    scene
        .faults(stable, 2, json!({"refuse_ready": false}))
        .await;
    scene.until_ready(stable, 2).await;
    // The same with --now: at once, and nothing there can answer until it is ready again.
    scene.canary("v2", 100, &[]).await;
    scene.faults(stable, 2, json!({"refuse_ready": true})).await;
    scene.until_ready(stable, 0).await;
    let now = scene
        .ground
        .ctl(&["--json", "rollback", SERVICE, "--now"])
        .await
        .code(0);
    let seen = scene.ground.observe().await;
    assert_eq!(seen.traffic.weights, Weights::all_to(stable));
    scene
        .faults(stable, 2, json!({"refuse_ready": false}))
        .await;
    scene.until_ready(stable, 2).await;
    let answer = serde_json::from_value(now.json()).unwrap();
    scene.is_back(&answer, "v2").await;
    scene.ended(Phase::RolledBack).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    sound(&scene.ground).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_from_a_candidate_that_crashes() {
    let scene = Scene::new().await;
    // Each instance dies at its tenth request, is started again, and dies again.
    let crash = ["--env", "DECKWATCH_DEMO_CRASH_AFTER=10"];
    scene.canary("v2", 20, &crash).await;
    let candidate = scene.ground.slot(Role::Candidate).await;
    eventually("a crash", || async {
        let seen = scene.ground.observe().await;
        let restarts: u32 = seen.slots[candidate]
            .instances
            .iter()
            .map(|i| i.restarts)
            .sum();
        (restarts > 0).then_some(()).ok_or("none yet".into())
    })
    .await;
    let answer = scene.back("v2", &[]).await;
    // What it broke before is its own; from here on nothing is lost.
    let before = scene.dropped();
    scene.ended(Phase::RolledBack).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    let report = scene.load.snapshot();
    assert_eq!(report.failures.dropped(), before);
    assert!(answers(&report, "v1") > 0);
    sound(&scene.ground).await;
}
