//! Gates and plans: who may open what, and what a plan is told before it starts.

use deckwatch_domain::Timestamp;
use deckwatch_rollout::{Event, Phase};
use deckwatch_signals::{Sample, SampleStore};
use serde_json::json;

use crate::aftermath::{events, story};
use crate::harness::{SERVICE, eventually};
use crate::plans;
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_cannot_be_faked_by_a_name() {
    let scene = Scene::new().await;
    let roles = "release-manager: [somebody@else]\n";
    std::fs::write(scene.ground.data.join("roles.yaml"), roles).unwrap();
    scene
        .ground
        .ctl(&["roles"])
        .await
        .code(0)
        .says("somebody@else");
    let gates = "[ { approval: { count: 1, role: release-manager } } ]";
    scene.start("v2", &plans::gated(gates), &[]).await.code(0);
    scene.rollout("20 %", |r| r.weight == 20).await;
    let approve = ["rollout", "approve", SERVICE];
    scene.ground.ctl(&approve).await.refused("ask a colleague");
    let mut named = vec!["--display-name", "somebody@else"];
    named.extend(approve);
    scene
        .ground
        .ctl(&named)
        .await
        .refused("who starts a rollout cannot approve it");
    let mut by_environment = scene.ground.command(&approve);
    by_environment
        .env("DECKWATCH_NAME", "somebody@else")
        .env("USER", "somebody");
    assert_eq!(
        by_environment.output().await.unwrap().status.code(),
        Some(3)
    );
    let promote = ["rollout", "promote", SERVICE];
    eventually("the gate", || async {
        let ran = scene.ground.ctl(&promote).await;
        (ran.code == 3 && ran.err.contains("gates of this step are not open"))
            .then_some(())
            .ok_or(format!("{ran:?}"))
    })
    .await;
    let shown = scene.ground.json(&["rollout", "show", SERVICE]).await;
    let gate = &shown["status"]["gates"][0];
    assert_eq!(gate["open"], false);
    assert!(
        gate["opens"].as_str().unwrap().contains("release-manager"),
        "{gate}"
    );
    // The glass may be broken, and the record names who and why.
    let me = scene.ground.json(&["whoami"]).await;
    let mut glass = vec!["--display-name", "Ana", "rollout", "promote", SERVICE];
    glass.extend(["--break-glass", "the shop is down without it"]);
    scene.ground.ctl(&glass).await.code(0);
    let rows = events(&scene.ground).await;
    let row = rows
        .iter()
        .find(|r| r.kind == "rollout.broken-glass")
        .expect("it is recorded");
    assert_eq!(row.actor.id, me["id"].as_str().unwrap());
    assert_eq!(row.actor.display.as_deref(), Some("Ana"));
    assert_eq!(row.payload["reason"], "the shop is down without it");
    scene.ended(Phase::Promoted).await;
    // A rejection takes traffic back.
    scene.start("v5", &plans::gated(gates), &[]).await.code(0);
    scene.rollout("20 %", |r| r.weight == 20).await;
    scene
        .ground
        .ctl(&["rollout", "reject", SERVICE, "not today"])
        .await
        .code(0);
    scene.ended(Phase::Aborted).await;
    assert!(
        !story(&scene.ground)
            .await
            .iter()
            .any(|e| matches!(e, Event::Approved { .. }))
    );
    assert_eq!(scene.dropped(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_closes_its_gate_until_it_is_lifted() {
    let scene = Scene::new().await;
    let ctl = async |args: &[&str]| scene.ground.ctl(args).await;
    ctl(&["freeze", "lift"]).await.refused("no freeze is on");
    ctl(&["freeze", "declare", " "])
        .await
        .code(1)
        .says("needs a reason");
    ctl(&["freeze", "declare", "the fair"]).await.code(0);
    ctl(&["freeze", "declare", "again"])
        .await
        .refused("the fair");
    ctl(&["freeze", "show"]).await.code(0).says("the fair");
    scene
        .start("v2", &plans::gated("[ { no_freeze: true } ]"), &[])
        .await
        .code(0);
    scene.rollout("20 %", |r| r.weight == 20).await;
    eventually("the closed gate", || async {
        let shown = scene.ground.json(&["rollout", "show", SERVICE]).await;
        let why = shown["status"]["gates"][0]["why"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        why.contains("the fair").then_some(()).ok_or(why)
    })
    .await;
    // It stays where it is for as long as the freeze lasts.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let row = scene.rollout("a row", |_| true).await;
    assert_eq!((row.weight, row.phase), (20, Phase::Progressing));
    ctl(&["freeze", "lift"]).await.code(0);
    scene.ended(Phase::Promoted).await;
    // A freeze never keeps anybody from going back.
    ctl(&["freeze", "declare", "again"]).await.code(0);
    scene.back("v2", &[]).await;
    assert_eq!(scene.dropped(), 0);
}

/// A daily window in UTC from so many hours from now until an hour later, as a plan's gate and in
/// the console's words.
fn window(hours: i64, long: i64) -> (String, String) {
    let now = deckwatch_console::SystemClock::wall().as_millis();
    let clock = |hours: i64| {
        let minute = (now / 60_000 + hours * 60).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    };
    let (from, to) = (clock(hours), clock(hours + long));
    (
        format!("[ {{ window: {{ from: \"{from}\", to: \"{to}\" }} }} ]"),
        format!("{from}–{to} UTC"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_window_holds_and_says_when_it_opens() {
    let scene = Scene::new().await;
    let (later, words) = window(3, 2);
    scene.start("v2", &plans::gated(&later), &[]).await.code(0);
    scene.rollout("20 %", |r| r.weight == 20).await;
    let gate = eventually("the closed window", || async {
        let shown = scene.ground.json(&["rollout", "show", SERVICE]).await;
        let status = &shown["status"];
        (status["stage"] == "gate")
            .then(|| status["gates"][0].clone())
            .ok_or(status.to_string())
    })
    .await;
    assert_eq!(gate["open"], false, "{gate}");
    assert_eq!(gate["name"], format!("window {words}"));
    assert_eq!(gate["opens"], format!("time: {words}"));
    // People read the same.
    let show = ["rollout", "show", SERVICE];
    scene.ground.ctl(&show).await.code(0).says(&format!(
        "window {words}: closed now (opens: time: {words})"
    ));
    // Nobody but the clock opens it: an approval is not what it waits for.
    let approve = ["rollout", "approve", SERVICE];
    scene.ground.ctl(&approve).await.code(3);
    let promote = ["rollout", "promote", SERVICE];
    scene
        .ground
        .ctl(&promote)
        .await
        .refused("gates of this step are not open");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let row = scene.rollout("a row", |_| true).await;
    assert_eq!((row.weight, row.phase), (20, Phase::Progressing));
    scene.back("v2", &[]).await;
    scene.ended(Phase::RolledBack).await;
    // One that does not open in time is a person's to decide, and the pipeline hears of it.
    let impatient = plans::gated(&later) + "deadlines: { gate: 1s }\n";
    scene
        .start("v2", &impatient, &["--wait"])
        .await
        .code(5)
        .says(&format!("not open within 1s: window {words} is closed"));
    scene.back("v2", &[]).await;
    scene.ended(Phase::RolledBack).await;
    // An open one, over midnight or not, is no obstacle.
    let (now, _) = window(-2, 4);
    scene.start("v3", &plans::gated(&now), &[]).await.code(0);
    scene.ended(Phase::Promoted).await;
    assert_eq!(scene.dropped(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_held_against_the_traffic_before_it_starts() {
    let scene = Scene::new().await;
    let strict = plans::quick()
        .replace("margin: 10%", "margin: 0.01%")
        .replace("max: 2m", "max: 2s");
    let file = scene.ground.file("strict.yaml", &strict);
    let check = ["plan", "check", &file, "--service", SERVICE];
    eventually("today's traffic to be known", || async {
        let ran = scene.ground.ctl(&check).await;
        let known = ran.out.contains("requests/s");
        known.then_some(()).ok_or(ran.out)
    })
    .await;
    scene
        .ground
        .ctl(&check)
        .await
        .code(6)
        .says("its bake ends after 2s");
    let refused = scene
        .start("v2", &strict, &[])
        .await
        .code(3)
        .says("accept_no_harm_after");
    assert!(refused.err.contains("lengthen the bake"), "{}", refused.err);
    // By name, absence of harm is enough, and is shown as that.
    let by_name = strict.replace("  metrics:", "  accept_no_harm_after: 20\n  metrics:");
    scene.start("v2", &by_name, &[]).await.code(0);
    scene.ended(Phase::Promoted).await;
    let shown = scene.ground.json(&["rollout", "show", SERVICE]).await;
    assert_eq!(
        shown["status"]["steps"][0]["done"]["by"], "no-harm",
        "{shown:#}"
    );
    // Every mistake at once, with its place.
    let wrong = "plan: x\nstrategy: canari\nsteps:\n  - weight: 50\n    bake: { min: 2m, max: 1m }\n  - weight: 20\nanalysis:\n  alpha: 3\n  metrics: []\nbogus: 1\n";
    let file = scene.ground.file("wrong.yaml", wrong);
    let ran = scene.ground.ctl(&["plan", "check", &file]).await.code(6);
    for place in [":2:11:", ":5:", ":6:", ":8:", ":10:"] {
        assert!(
            ran.out.contains(&format!("wrong.yaml{place}")),
            "{place} in {}",
            ran.out
        );
    }
    let started = scene.start("v2", wrong, &[]).await.code(1);
    assert!(
        started.err.contains("mistakes:") && started.err.lines().count() > 5,
        "{}",
        started.err
    );
    assert_eq!(scene.dropped(), 0);
}

/// Why the first gate of the rollout's step is closed.
async fn closed(scene: &Scene) -> String {
    let shown = scene.ground.json(&["rollout", "show", SERVICE]).await;
    let gate = &shown["status"]["gates"][0];
    match gate["open"].as_bool() {
        Some(false) => gate["why"].as_str().unwrap_or_default().to_owned(),
        _ => format!("not closed: {gate}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_holds_a_release_until_it_is_over() {
    let scene = Scene::new().await;
    let rules = format!(
        "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: Paged\n    expr: vector(1) > 0\n    labels: {{ severity: page, service: {SERVICE} }}\n"
    );
    let file = scene.ground.file("rules.yaml", &rules);
    let ctl = async |args: &[&str]| scene.ground.ctl(args).await;
    ctl(&["rules", "set", "paged", &file]).await.code(0);
    let gates = plans::gated("[ { no_page: true } ]");
    scene.start("v2", &gates, &[]).await.code(0);
    scene.rollout("20 %", |r| r.weight == 20).await;
    eventually("the page", || async {
        let why = closed(&scene).await;
        why.contains("Paged is firing").then_some(()).ok_or(why)
    })
    .await;
    ctl(&["rules", "remove", "paged"]).await.code(0);
    scene.ended(Phase::Promoted).await;
    assert_eq!(scene.dropped(), 0);
}

/// Two hours up to now, a request a second, all of them good.
async fn counted(scene: &Scene) {
    let store = SampleStore::open(&scene.ground.data.join("samples.db")).await;
    let store = store.unwrap();
    let newest = deckwatch_console::SystemClock::wall().as_millis() / 60_000;
    for minute in 0..=120_i32 {
        let at = Timestamp::from_millis((newest - 120 + i64::from(minute)) * 60_000);
        let asked = f64::from(minute) * 60.0;
        let both = [
            Sample::new("asked_total", &[("code", "200")], asked),
            Sample::new("asked_total", &[("code", "500")], 0.0),
        ];
        store.append(at, &both).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_opens_its_gate_once_it_is_known() {
    let scene = Scene::new().await;
    let gates = plans::gated("[ { budget_left: 20% } ]");
    scene.start("v2", &gates, &[]).await.code(0);
    scene.rollout("20 %", |r| r.weight == 20).await;
    eventually("no objective", || async {
        let why = closed(&scene).await;
        why.contains("has no objective").then_some(()).ok_or(why)
    })
    .await;
    let objective = format!(
        "name: availability\nservice: {SERVICE}\ntarget: 90%\nperiod: 1d\nindicator:\n  ratio:\n    bad: 'asked_total{{code=\"500\"}}'\n    total: asked_total\n"
    );
    let file = scene.ground.file("objectives.yaml", &objective);
    scene.ground.ctl(&["slo", "set", &file]).await.code(0);
    // What nobody has counted yet opens nothing.
    eventually("nothing is known", || async {
        let why = closed(&scene).await;
        why.contains("Nothing is known of availability")
            .then_some(())
            .ok_or(why)
    })
    .await;
    counted(&scene).await;
    scene.ended(Phase::Promoted).await;
    let from = "2026-01-01T00:00:00Z";
    let to = "2026-01-01T01:00:00Z";
    let times = ["--from", from, "--to", to];
    let exclude = [&["slo", "exclude", SERVICE][..], &times, &["moved"]].concat();
    let ctl = async |args: &[&str]| scene.ground.ctl(args).await;
    ctl(&exclude).await.code(0).says("does not count");
    let known = scene.ground.json(&["slo", "exclusions"]).await;
    let id = known[0]["id"].as_str().unwrap();
    assert_eq!(known[0]["reason"], "moved", "{known:#}");
    ctl(&["slo", "withdraw", id, " "])
        .await
        .code(1)
        .says("say why");
    ctl(&["slo", "withdraw", id, "it did count"]).await.code(0);
    assert_eq!(scene.ground.json(&["slo", "exclusions"]).await, json!([]));
    assert_eq!(scene.dropped(), 0);
}
