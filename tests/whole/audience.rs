//! Audience rollouts and days, for real: people are led by name and by share, and nothing is
//! touched before its time.

use std::collections::BTreeMap;

use deckwatch_domain::Timestamp;
use deckwatch_rollout::Phase;
use serde_json::Value;

use crate::harness::{Ground, SERVICE};
use crate::scene::Scene;

const PLAN: &str = "\
plan: people
strategy: audience
audience: { flag: new-basket, by: { header: x-person }, people: [ana, ben], number: 200 }
steps:
  - { weight: 0, bake: { min: 0s, max: 1m }, pause: true }
  - { weight: 50, bake: { min: 0s, max: 1m }, analysis: false, pause: true }
  - { weight: 100, bake: { min: 0s, max: 1m }, analysis: false }
analysis: { metrics: [] }
rollback_window: 10m
baseline: 0s
deadlines: { capacity: 60s, traffic: 30s }
";

/// Which version each of these people gets.
async fn versions(ground: &Ground, people: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for person in people {
        let version = ground.answered_to(&[("x-person", person)]).await;
        found.insert((*person).to_owned(), version);
    }
    found
}

async fn resume(ground: &Ground) {
    ground.ctl(&["rollout", "resume", SERVICE]).await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_led_by_name_then_by_share_then_everybody() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    scene.start("v2", PLAN, &[]).await.code(0);
    let paused = |weight: u8| {
        move |r: &deckwatch_console::RolloutRow| {
            r.weight == weight && matches!(r.phase, Phase::Paused(_))
        }
    };
    scene.rollout("those by name", paused(0)).await;
    let named = versions(ground, &["ana", "ben", "cid", "dan"]).await;
    let got: Vec<&str> = named.values().map(String::as_str).collect();
    assert_eq!(got, ["v2", "v2", "v1", "v1"]);

    resume(ground).await;
    scene.rollout("half of the people", paused(50)).await;
    let crowd: Vec<String> = (0..200).map(|n| format!("person-{n}")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let half = versions(ground, &crowd).await;
    let led = half.values().filter(|v| *v == "v2").count();
    // 100 expected, 7 the standard deviation.
    assert!((65..=135).contains(&led), "{led} of 200");
    assert_eq!(versions(ground, &crowd).await, half, "people moved");
    let view = ground.json(&["rollout", "show", SERVICE]).await;
    assert_eq!(view["status"]["audience"]["flag"], "new-basket");
    assert_eq!(view["status"]["steps"][1]["people"], 100);

    resume(ground).await;
    scene.ended(Phase::Promoted).await;
    let all = versions(ground, &["ana", "cid", "person-1"]).await;
    assert!(all.values().all(|v| v == "v2"), "{all:?}");
    // One write leads everybody back, those by name too.
    scene.back("v2", &[]).await;
    let all = versions(ground, &["ana", "cid", "person-1"]).await;
    assert!(all.values().all(|v| v == "v1"), "{all:?}");
}

fn in_millis(millis: i64) -> String {
    let now = deckwatch_console::SystemClock::wall().as_millis();
    Timestamp::from_millis(now + millis).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_touched_before_its_time_and_a_reason_begins_it_early() {
    let mut scene = Scene::new().await;
    let tomorrow = in_millis(86_400_000);
    let plan = PLAN.replace(", pause: true", "");
    let plan = plan.replace("{ weight: 50,", "{ weight: 50, day: 3, at: \"09:00\",");
    scene
        .start("v2", &plan, &["--not-before", &tomorrow])
        .await
        .code(0);
    let waits = |r: &deckwatch_console::RolloutRow| r.phase == Phase::Pending;
    scene.rollout("its time", waits).await;
    // It survives its driver; the next one waits on.
    scene.new_agent().await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    scene.rollout("its time still", waits).await;
    let ground = &scene.ground;
    let view = ground.json(&["rollout", "show", SERVICE]).await;
    assert_eq!(view["status"]["waits_until"], Value::from(tomorrow.clone()));
    assert_eq!(view["slots"]["green"]["desired"], 0, "{}", view["slots"]);
    ground
        .ctl(&["rollout", "promote", SERVICE])
        .await
        .refused("step 1 begins at");
    let early = ["rollout", "promote", SERVICE, "--break-glass", "the boss"];
    ground.ctl(&early).await.code(0);
    // The next step's day is two days after the first one.
    let second = |r: &deckwatch_console::RolloutRow| r.step == 1 && r.phase == Phase::Progressing;
    scene.rollout("the second step", second).await;
    let view = ground.json(&["rollout", "show", SERVICE]).await;
    let until = view["status"]["waits_until"].as_str().unwrap_or_default();
    assert!(until.contains("T09:00:00"), "{}", view["status"]);
    assert_eq!(ground.answered_to(&[("x-person", "ana")]).await, "v2");
    scene.back("v2", &[]).await;
    scene.ended(Phase::RolledBack).await;
}
