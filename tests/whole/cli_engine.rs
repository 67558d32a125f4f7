//! What people ask of a rollout, by the program: what is done, and what is refused with what
//! would allow it.

use deckwatch_rollout::{Event, Phase};

use crate::aftermath::{sound, story};
use crate::harness::{Ran, SERVICE};
use crate::plans;
use crate::scene::Scene;

async fn ask(scene: &Scene, args: &[&str]) -> Ran {
    let mut all = vec!["rollout", args[0], SERVICE];
    all.extend(&args[1..]);
    scene.ground.ctl(&all).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_move_a_rollout_and_are_told_what_they_cannot() {
    let scene = Scene::new().await;
    ask(&scene, &["pause"]).await.refused("start a new one");
    scene.canary("v2", 20, &[]).await;
    scene
        .start("v5", &plans::quick(), &[])
        .await
        .refused("abort it, or start with supersede");
    ask(&scene, &["resume"]).await.refused("it is not paused");
    ask(&scene, &["retry"])
        .await
        .refused("wait for its verdict");
    ask(&scene, &["approve"])
        .await
        .refused("no step of this plan does");
    ask(&scene, &["reject", "no"]).await.refused("use abort");
    ask(&scene, &["promote", "--full"])
        .await
        .refused("break glass");
    ask(&scene, &["promote", "--full", "--break-glass", "  "])
        .await
        .refused("break glass");
    ask(&scene, &["pause", "lunch"]).await.code(0);
    ask(&scene, &["pause"]).await.refused("it is held already");
    ask(&scene, &["retry"]).await.refused("use resume");
    ask(&scene, &["resume"]).await.code(0);
    ask(
        &scene,
        &["promote", "--full", "--break-glass", "the fair opens"],
    )
    .await
    .code(0);
    scene.ended(Phase::Promoted).await;
    let broken = story(&scene.ground)
        .await
        .into_iter()
        .find_map(|e| match e {
            Event::BrokenGlass { reason, what, .. } => Some((reason, what)),
            _ => None,
        });
    assert_eq!(
        broken,
        Some(("the fair opens".into(), "promote to 100 %".into()))
    );
    for word in ["resume", "retry", "promote", "approve", "abort"] {
        ask(&scene, &[word])
            .await
            .refused("is promoted; start a new one");
    }
    // An abort takes traffic back, and the rollout ends by that name.
    scene.canary("v5", 20, &[]).await;
    ask(&scene, &["abort", "wrong build"]).await.code(0);
    scene.ended(Phase::Aborted).await;
    // A newer release takes the place of a live one.
    scene.canary("v5", 20, &[]).await;
    scene
        .start("v6", &plans::quick(), &["--supersede"])
        .await
        .code(0)
        .says("waits for the one before");
    let row = scene
        .rollout("v6", |r| {
            r.release.as_str() == "v6" && r.phase == Phase::Promoted
        })
        .await;
    assert_eq!(row.from.map(|v| v.to_string()).as_deref(), Some("v2"));
    let list = scene.ground.json(&["rollout", "list"]).await;
    let phases: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|r| r["phase"].as_str())
        .collect();
    assert_eq!(
        phases,
        ["promoted", "superseded", "aborted", "promoted", "promoted"]
    );
    assert_eq!(scene.dropped(), 0);
    sound(&scene.ground).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_before_anything_was_claimed_is_no_failure() {
    let mut scene = Scene::new().await;
    scene.agent.take().unwrap().kill().await;
    scene.start("v2", &plans::quick(), &[]).await.code(0);
    // There is no traffic to take back yet, and a rollback says how to end what has begun.
    let refused = scene.ground.ctl(&["rollback", SERVICE]).await;
    refused.refused("rollout abort");
    ask(&scene, &["abort", "changed my mind"])
        .await
        .code(0)
        .says("no traffic");
    scene.new_agent().await;
    scene.ended(Phase::Aborted).await;
    // What was promoted before it is not touched by giving up what came after.
    scene
        .start("v2", &plans::straight("10m"), &[])
        .await
        .code(0);
    scene.ended(Phase::Promoted).await;
    let before = scene.ground.observe().await.traffic;
    assert!(before.way_back.is_some());
    scene.agent.take().unwrap().kill().await;
    scene.start("v3", &plans::quick(), &[]).await.code(0);
    ask(&scene, &["abort", "not after all"])
        .await
        .code(0)
        .says("no traffic");
    assert_eq!(scene.ground.observe().await.traffic, before);
    scene.new_agent().await;
    scene.ended(Phase::Aborted).await;
    assert_eq!(scene.ground.observe().await.traffic, before);
    // If it is v2 that is taken back before v3 has claimed anything, v3 was planned against what
    // no longer stands, and ends without touching the traffic.
    scene.agent.take().unwrap().kill().await;
    scene.start("v3", &plans::quick(), &[]).await.code(0);
    scene.back("v2", &[]).await;
    let before = scene.ground.observe().await.traffic.weights;
    scene.new_agent().await;
    let row = scene
        .rollout("the end of v3", |r| {
            r.release.as_str() == "v3" && r.phase.is_over()
        })
        .await;
    assert_eq!(row.phase, Phase::Failed, "{row:?}");
    assert_eq!(scene.ground.observe().await.traffic.weights, before);
    scene
        .start("v3", &plans::straight("10m"), &[])
        .await
        .code(0);
    scene.ended(Phase::Promoted).await;
    assert_eq!(scene.dropped(), 0);
    sound(&scene.ground).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_says_by_its_exit_code_how_it_ended() {
    let mut scene = Scene::new().await;
    // Nobody else drives: the command does.
    assert_eq!(scene.agent.take().unwrap().end().await, Some(0));
    scene
        .start("v2", &plans::quick(), &["--wait"])
        .await
        .code(0);
    let bad = ["--wait", "--env", "DECKWATCH_DEMO_ERRORS=0.5"];
    scene.start("v3", &plans::quick(), &bad).await.code(4);
    // A candidate that never gets ready holds the rollout for a person.
    let plan = plans::quick().replace("capacity: 60s", "capacity: 1s");
    let slow = ["--wait", "--env", "DECKWATCH_DEMO_SLOW_START_MS=600000"];
    scene
        .start("v4", &plan, &slow)
        .await
        .code(5)
        .says("instances of v4 are ready");
    // Held is not over; a person decides, and whoever drives next carries it out.
    let resumed = scene.ground.ctl(&["rollout", "resume", SERVICE]).await;
    resumed.refused("roll back");
    let mut args = vec!["--json", "rollback", SERVICE];
    args.extend(["--reason", "v4 does not start"]);
    scene.ground.ctl(&args).await.code(0);
    scene.agent = Some(scene.ground.agent());
    scene.ended(Phase::RolledBack).await;
    // With --json the last view is all that is printed.
    let view = scene
        .start("v5", &plans::quick(), &["--wait", "--json"])
        .await
        .code(0)
        .json();
    assert_eq!(view["status"]["phase"], "promoted");
    assert_eq!(scene.dropped(), 0);
    sound(&scene.ground).await;
}
