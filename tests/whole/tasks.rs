//! Tasks around a release, for real: a migration that goes out and back with it, tests that hold
//! it or take it back, and a driver that dies in the middle.

use std::path::Path;

use deckwatch_rollout::Phase;
use serde_json::Value;

use crate::harness::{Ground, SERVICE, eventually, program};
use crate::scene::{Scene, rollout};

/// A plan whose tasks write what they do into `notes`, one word a line.
fn plan(notes: &Path, tasks: &str, more: &str) -> String {
    let tasks = tasks.replace("NOTES", &notes.display().to_string());
    format!(
        "\
plan: with tasks
strategy: canary
{tasks}
steps:
  - weight: 20
    bake: {{ min: 0s, max: 1m }}
    analysis: false
    tasks:
      - name: smoke
        kind: smoke
        command: [sh, -c, \"echo smoke {{version}} {{weight}} >> {notes}\"]
{more}
  - {{ weight: 100, bake: {{ min: 0s, max: 1m }}, analysis: false }}
analysis: {{ metrics: [] }}
rollback_window: 10m
baseline: 0s
deadlines: {{ capacity: 60s, traffic: 30s }}
",
        notes = notes.display()
    )
}

const AROUND: &str = "\
before:
  - name: backup
    kind: backup
    command: [sh, -c, \"echo backup >> NOTES\"]
  - name: migrate
    kind: migration
    command: [sh, -c, \"echo up $SCHEMA >> NOTES\"]
    env: { SCHEMA: s2 }
    way_back: { command: [sh, -c, \"echo down $SCHEMA >> NOTES\"] }
    previous_runs_on_new_schema: false
after:
  - name: purge
    kind: cache-purge
    critical: false
    command: [sh, -c, \"echo purge >> NOTES; exit 1\"]
    way_back: { command: [sh, -c, \"echo refill >> NOTES\"] }
verify:
  - name: verify
    command: [sh, -c, \"echo verify >> NOTES\"]
";

fn notes(ground: &Ground) -> std::path::PathBuf {
    ground.data.with_file_name("notes")
}

fn noted(ground: &Ground) -> Vec<String> {
    let text = std::fs::read_to_string(notes(ground)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn start(ground: &Ground, version: &str, text: &str) {
    let file = ground.file("tasks.yaml", text);
    let args = ["rollout", "start", SERVICE, version, "--plan-file", &file];
    ground.ctl(&args).await.code(0);
}

async fn tasks(ground: &Ground) -> Vec<Value> {
    let view = ground.json(&["rollout", "show", SERVICE]).await;
    view["status"]["tasks"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// `name` and how it stands, for each.
async fn standings(ground: &Ground) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let all = tasks(ground).await;
    all.iter()
        .map(|t| (text(&t["name"]), text(&t["standing"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_goes_out_and_back_with_its_release() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    start(ground, "v2", &plan(&notes(ground), AROUND, "")).await;
    rollout(ground, "v2", |r| r.phase == Phase::Promoted).await;
    let out = ["backup", "up s2", "smoke v2 20", "purge"];
    assert_eq!(noted(ground), out);
    let named = |n: &str, s: &str| (n.to_owned(), s.to_owned());
    let after = [
        named("backup", "passed"),
        named("migrate", "passed"),
        named("smoke", "passed"),
        named("purge", "warning"),
        named("verify", "waiting"),
    ];
    assert_eq!(standings(ground).await, after);
    ground
        .ctl(&["rollout", "output", SERVICE, "nothing"])
        .await
        .code(1)
        .says("no task `nothing`");

    // Everything that was begun is taken back, the last first, once traffic is.
    let list = ground.json(&["call", "rollback.list"]).await;
    assert_eq!(
        list[0]["ways_back"],
        serde_json::json!(["purge", "migrate"])
    );
    let advice = list[0]["full_advised"].as_str().unwrap_or_default();
    assert!(advice.contains("does not run on the schema"), "{list}");
    let time = &list[0]["back_times"][0];
    assert_eq!(
        (time["tasks"].as_u64(), time["timed"].as_u64()),
        (Some(3), Some(0)),
        "{time}"
    );
    ground
        .ctl(&["rollback", SERVICE, "--kind", "full", "--dry-run"])
        .await
        .code(0)
        .says("3 tasks, ")
        .says("none of them has run on a way back yet");
    ground
        .ctl(&["rollback", SERVICE, "--kind", "full", "--reason", "bad"])
        .await
        .code(0)
        .says("ways back of purge, migrate follow");
    rollout(ground, "v2 back", |r| r.phase == Phase::RolledBack).await;
    assert_eq!(noted(ground)[4..], ["refill", "down s2", "verify"]);
    // The next time, how long that takes is known.
    let view = ground.json(&["rollout", "show", SERVICE]).await;
    let time = &view["status"]["back_times"][0];
    assert_eq!(time["timed"].as_u64(), Some(3), "{time}");
    assert!(time["usual"].is_string(), "{time}");
    ground.ctl(&["journal", "verify"]).await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_quickly_can_be_put_back_later() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    start(ground, "v2", &plan(&notes(ground), AROUND, "")).await;
    rollout(ground, "v2", |r| r.phase == Phase::Promoted).await;
    ground.ctl(&["rollback", SERVICE]).await.code(0);
    rollout(ground, "v2 back", |r| r.phase == Phase::RolledBack).await;
    assert_eq!(noted(ground).len(), 4, "quick is the traffic alone");
    // There is no traffic left to take back; the rest is asked for by itself.
    ground
        .ctl(&["rollback", SERVICE, "--kind", "full"])
        .await
        .code(0);
    eventually("the ways back", || async {
        match noted(ground) {
            all if all.len() == 7 => Ok(()),
            all => Err(format!("{all:?}")),
        }
    })
    .await;
    rollout(ground, "v2 back", |r| r.phase == Phase::RolledBack).await;
    assert_eq!(noted(ground)[4..], ["refill", "down s2", "verify"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_test_takes_the_release_back_and_anything_else_holds_it() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    let failing = "      - { name: probe, kind: synthetic, retries: 1, command: [sh, -c, \"echo seen; exit 7\"] }";
    start(ground, "v2", &plan(&notes(ground), "", failing)).await;
    let row = rollout(ground, "v2 back", |r| r.phase == Phase::RolledBack).await;
    assert_eq!(row.weight, 0);
    let view = ground.json(&["rollout", "show", SERVICE]).await;
    let ending = view["status"]["ending"].as_str().unwrap_or_default();
    assert!(
        ending.contains("synthetic test probe failed: ended with 7"),
        "{ending}"
    );
    let probe = tasks(ground)
        .await
        .into_iter()
        .find(|t| t["name"] == "probe");
    assert_eq!(probe.unwrap()["attempt"], 2);
    ground
        .ctl(&["rollout", "output", SERVICE, "probe"])
        .await
        .code(0)
        .says("seen");

    // A migration that fails holds; a person mends it and tries again, or goes on without it.
    let before = "before:\n  - { name: migrate, kind: migration, command: [test, -e, NOTES.ok] }\n";
    start(ground, "v3", &plan(&notes(ground), before, "")).await;
    let held = |r: &deckwatch_console::RolloutRow| matches!(r.phase, Phase::Paused(_));
    rollout(ground, "v3 held", held).await;
    let promote = ["rollout", "promote", SERVICE];
    ground.ctl(&promote).await.refused("migrate failed");
    std::fs::write(notes(ground).with_extension("ok"), "").unwrap();
    ground.ctl(&["rollout", "retry", SERVICE]).await.code(0);
    rollout(ground, "v3", |r| r.phase == Phase::Promoted).await;
    let never = before.replace("NOTES.ok", "/no/such/file");
    start(ground, "v4", &plan(&notes(ground), &never, "")).await;
    rollout(ground, "v4 held", held).await;
    let glass = [
        "rollout",
        "promote",
        SERVICE,
        "--break-glass",
        "it is done by hand",
    ];
    ground.ctl(&glass).await.code(0);
    rollout(ground, "v4", |r| r.phase == Phase::Promoted).await;
    assert_eq!(standings(ground).await[0].1, "warning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_outlives_its_driver_and_runs_once() {
    let mut scene = Scene::new().await;
    let slow = "before:\n  - { name: migrate, kind: migration, command: [sh, -c, \"echo begun >> NOTES; sleep 3; echo done >> NOTES\"] }\n";
    start(&scene.ground, "v2", &plan(&notes(&scene.ground), slow, "")).await;
    eventually("the migration", || async {
        match noted(&scene.ground).len() {
            1 => Ok(()),
            n => Err(format!("{n} notes")),
        }
    })
    .await;
    scene.agent.take().expect("an agent").kill().await;
    scene.agent = Some(scene.ground.agent());
    rollout(&scene.ground, "v2", |r| r.phase == Phase::Promoted).await;
    assert_eq!(noted(&scene.ground), ["begun", "done", "smoke v2 20"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_reaches_its_task_and_nothing_else() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    let set = format!(
        "printf %s hunter2-is-long | {} --data {} secret set checkout-db",
        program().display(),
        ground.data.display()
    );
    let ran = tokio::process::Command::new("sh")
        .args(["-c", &set])
        .env("DECKWATCH_NO_KEYCHAIN", "1")
        .output()
        .await
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let before = "before:\n  - name: migrate\n    kind: migration\n    command: [sh, -c, \"test ${#PGPASSWORD} = 15\"]\n    secrets: { PGPASSWORD: checkout-db }\n";
    start(ground, "v2", &plan(&notes(ground), before, "")).await;
    rollout(ground, "v2", |r| r.phase == Phase::Promoted).await;
    let list = ground.ctl(&["secret", "list"]).await.code(0);
    assert!(list.out.contains("checkout-db") && !list.out.contains("hunter2"));
    let export = ground.file("export", "");
    std::fs::remove_file(&export).unwrap();
    ground.ctl(&["journal", "export", &export]).await.code(0);
    let text = std::fs::read_to_string(export).unwrap();
    assert!(
        text.contains("secret.set") && !text.contains("hunter2"),
        "{text}"
    );
    ground
        .ctl(&["secret", "remove", "checkout-db"])
        .await
        .code(0);
    start(ground, "v3", &plan(&notes(ground), before, "")).await;
    let row = rollout(ground, "v3 waits", |r| !r.phase.is_over()).await;
    assert_eq!(row.weight, 0);
}
