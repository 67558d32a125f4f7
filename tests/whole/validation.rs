//! Validation before a release, and kept baselines, for real: processes that pass, fail, hang and
//! are killed; a stable that becomes slow under traffic.

use std::time::Duration;

use deckwatch_domain::Role;
use deckwatch_rollout::Phase;
use serde_json::{Value, json};

use crate::harness::{Ground, Ran, SERVICE, eventually, processes_with};
use crate::plans;
use crate::process::Agent;
use crate::scene::{Scene, rollout};

/// A plan that asks for these checks, then goes straight to everyone.
fn plan(checks: &str) -> String {
    let checks: String = checks
        .lines()
        .map(|l| format!("  {}\n", l.trim()))
        .collect();
    format!("{}validate:\n{checks}", plans::straight("10m"))
}

async fn ask(ground: &Ground, what: &str, version: &str, plan: &str, more: &[&str]) -> Ran {
    let file = ground.file("checked.yaml", plan);
    let mut args = vec!["rollout", what, SERVICE, version, "--plan-file", &file];
    args.extend(more);
    ground.ctl(&args).await
}

async fn validated(ground: &Ground, version: &str, plan: &str) -> Value {
    let file = ground.file("checked.yaml", plan);
    let args = [
        "--json",
        "rollout",
        "validate",
        SERVICE,
        version,
        "--plan-file",
        &file,
    ];
    ground.ctl(&args).await.json()
}

async fn shown(ground: &Ground) -> Value {
    let params = json!({"service": SERVICE}).to_string();
    ground.json(&["call", "validation.show", &params]).await
}

/// The check of this name.
fn check<'a>(validation: &'a Value, name: &str) -> &'a Value {
    let all = validation["checks"].as_array().expect("checks");
    all.iter().find(|c| c["name"] == name).expect(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_critical_failure_keeps_a_release_and_a_warning_does_not() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    let mended = ground.path("mended");
    let text = plan(&format!(
        "\
  - {{ name: unit tests, retries: 0, command: [sh, -c, 'echo seen {{version}}; test -e {mended}'] }}
  - {{ name: style, retries: 0, critical: false, command: [sh, -c, 'exit 3'] }}
  - {{ name: serves, http: {{ url: 'http://127.0.0.1:{}/', expect: 200 }} }}
",
        ground.port
    ));
    // What the console decides does not depend on who asks.
    let params = json!({"service": SERVICE, "version": "v2", "plan_yaml": text}).to_string();
    ground
        .ctl(&["call", "rollouts.start", &params])
        .await
        .refused("missing: unit tests, style, serves");
    let ran = ask(ground, "validate", "v2", &text, &[]).await.code(6);
    let ran = ran.says("unit tests: ended with 1").says("may not go out");
    ran.says("style: ended with 3").says("serves: answered 200");
    let ran = ask(ground, "start", "v2", &text, &[]).await.code(3);
    assert!(
        !ran.err.contains("style"),
        "a warning is no reason: {ran:?}"
    );
    ran.says("v2 may not go out to checkout: unit tests failed: ended with 1");
    let validation = shown(ground).await;
    assert_eq!(validation["outcome"], "failed");
    let intent = &check(&validation, "unit tests")["intent"];
    let params = json!({"service": SERVICE, "intent": intent}).to_string();
    let printed = ground.json(&["call", "rollouts.output", &params]).await;
    assert_eq!(printed["text"], "seen v2\n");
    let row = rollout(ground, "nothing but v1", |_| true).await;
    assert_eq!(row.release.as_str(), "v1");

    // Mended, it goes out; that style failed is said and holds nothing.
    std::fs::write(&mended, "").unwrap();
    ask(ground, "start", "v2", &text, &[])
        .await
        .code(0)
        .says("passed, with warnings");
    rollout(ground, "v2", |r| r.phase == Phase::Promoted).await;
    // It counts for a while: the same again asks for no other.
    let ran = ask(ground, "start", "v2", &text, &[]).await.code(0);
    assert!(!ran.out.contains("validation"), "{ran:?}");
    rollout(ground, "v2 again", |r| r.phase == Phase::Promoted).await;
    not_of_another(ground, &text).await;

    // A reason opens it, and stands in the record with what was lacking.
    std::fs::remove_file(&mended).unwrap();
    ask(
        ground,
        "start",
        "v3",
        &text,
        &["--break-glass", "the shop is down"],
    )
    .await
    .code(0);
    rollout(ground, "v3", |r| r.phase == Phase::Promoted).await;
    let events = ground
        .json(&["journal", "events", "--kind", "rollout.broken-glass"])
        .await;
    let last = events.as_array().and_then(|all| all.last()).expect("one");
    assert_eq!(last["payload"]["reason"], "the shop is down");
    let what = last["payload"]["what"].as_str().unwrap();
    assert!(what.contains("has not been validated"), "{what}");
    // The way back asks for nothing.
    ground.ctl(&["rollback", SERVICE]).await.code(0);
    ground.ctl(&["journal", "verify"]).await.code(0);
}

/// Of another command, or once it is old, a validation says nothing.
async fn not_of_another(ground: &Ground, text: &str) {
    let other = json!({"service": SERVICE, "version": "v2", "plan_yaml": text, "env": {"A": "b"}});
    ground
        .ctl(&["call", "rollouts.start", &other.to_string()])
        .await
        .refused("has not been validated");
    let stale = format!("{text}validated_within: 1ms\n");
    ask(ground, "validate", "v2", &stale, &[]).await.code(0);
    let params = json!({"service": SERVICE, "version": "v2", "plan_yaml": stale}).to_string();
    ground
        .ctl(&["call", "rollouts.start", &params])
        .await
        .refused("one counts for 1ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_are_tried_again_and_a_slow_health_check_says_timeout() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    // It takes connections and never answers.
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = slow.local_addr().unwrap();
    let tries = ground.path("tries");
    let text = plan(&format!(
        "\
  - {{ name: flaky, command: [sh, -c, 'echo x >> {tries}; test $(wc -l < {tries}) -ge 3'] }}
  - {{ name: endless, timeout: 200ms, retries: 0, critical: false, command: [sleep, '60'] }}
  - {{ name: slow, retries: 0, critical: false, health: 'http://{address}/ready' }}
  - {{ name: itself, health: checkout }}
  - security
  - {{ name: others, retries: 0, critical: false, dependencies: [payments] }}
"
    ));
    let found = validated(ground, "v2", &text).await;
    let said = |name: &str| check(&found, name)["why"].as_str().unwrap().to_owned();
    assert_eq!(check(&found, "flaky")["attempt"], 3, "{found}");
    assert_eq!(check(&found, "flaky")["standing"], "passed");
    assert_eq!(said("slow"), "timeout after 500 ms");
    assert_eq!(said("endless"), "not done within 200ms");
    assert_eq!(said("others"), "payments is not known here");
    assert!(said("itself").contains("2 of 2 instances"), "{found}");
    assert!(said("program").contains("sha256"), "{found}");
    assert_eq!(
        check(&found, "no secrets in the open")["standing"],
        "passed"
    );
    assert_eq!(
        (&found["can_deploy"], &found["outcome"]),
        (&json!(true), &json!("warnings"))
    );
    drop(slow);
    // What looks like a secret holds the release, and is not printed.
    let text = plan("  - security\n");
    let release = ["--", "true", "--token", "hunter2"];
    let ran = ask(ground, "validate", "v2", &text, &release).await.code(6);
    assert!(!ran.out.contains("hunter2"), "{ran:?}");
    ran.says("the argument --token carries a secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validation_whose_console_was_killed_is_lost_and_can_be_run_again() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    let quick = ground.path("quick");
    let text = plan(&format!(
        "  - {{ name: slow, retries: 0, command: [sh, -c, 'test -e {quick} || sleep 20'] }}\n"
    ));
    let file = ground.file("checked.yaml", &text);
    let args = ["rollout", "validate", SERVICE, "v2", "--plan-file", &file];
    let began = || async {
        let console = Agent::of(ground.command(&args).spawn().unwrap());
        eventually("the check", || async {
            let now = shown(ground).await;
            match now["checks"][0]["standing"] == "running" && now["standing"] == "running" {
                true => Ok(()),
                false => Err(now.to_string()),
            }
        })
        .await;
        console
    };
    let console = began().await;
    ground.ctl(&args).await.refused("is being validated by");
    console.kill().await;
    let now = shown(ground).await;
    assert_eq!(now["standing"], "lost", "{now}");
    assert_eq!(now["can_deploy"], false);
    // The next one finds it, ends what it left running, and goes on by itself.
    std::fs::write(&quick, "").unwrap();
    ground.ctl(&args).await.code(0);
    let events = ground
        .json(&["journal", "events", "--kind", "validation.ended"])
        .await;
    let endings: Vec<&Value> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["payload"]["ending"])
        .collect();
    assert_eq!(endings, ["lost", "finished"]);
    let mark = format!("DECKWATCH_DATA={}\0", ground.data.display());
    eventually("the attempt's end", || async {
        let left = processes_with(mark.as_bytes());
        let sleeps: Vec<_> = left
            .iter()
            .filter(|(_, line)| line.contains("sleep"))
            .collect();
        sleeps.is_empty().then_some(()).ok_or(format!("{sleeps:?}"))
    })
    .await;

    // One that is cancelled ends its processes too, and says so.
    std::fs::remove_file(&quick).unwrap();
    let console = began().await;
    let cancel = ["rollout", "cancel-validation", SERVICE, "not today"];
    ground.ctl(&cancel).await.code(0);
    eventually("its end", || async {
        let now = shown(ground).await;
        (now["standing"] == "cancelled")
            .then_some(())
            .ok_or(now.to_string())
    })
    .await;
    ground.ctl(&cancel).await.refused("is being validated");
    console.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_baseline_is_kept_and_shows_that_stable_has_become_slow() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    ground
        .ctl(&[
            "baseline", "capture", SERVICE, "--over", "1s", "--name", "now",
        ])
        .await
        .code(3);
    eventually("a baseline", || async {
        let args = [
            "baseline", "capture", SERVICE, "--name", "good", "--over", "3s",
        ];
        let ran = ground.ctl(&args).await;
        match ran.code {
            0 => Ok(()),
            _ => Err(ran.err),
        }
    })
    .await;
    let again = ["baseline", "capture", SERVICE, "--name", "good"];
    ground
        .ctl(&again)
        .await
        .refused("has a baseline good already");
    let list = ground.json(&["baseline", "list", SERVICE]).await;
    let figures = &list[0]["figures"];
    assert!(figures["requests"].as_u64().unwrap() >= 100, "{list}");
    assert!(figures["p95_ms"].as_f64().unwrap() > 0.0, "{list}");
    assert!(figures["memory_bytes"].as_f64().unwrap() > 1e5, "{list}");

    let check = "  - { name: as fast, retries: 0, critical: false, baseline: { name: good, over: 2s, p95: 300%, mean: 300% } }\n";
    let stable = ground.slot(Role::Stable).await;
    let slow = json!({"latency_ms": 150});
    scene.faults(stable, 2, slow).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let compare = ["baseline", "compare", SERVICE, "good", "--over", "2s"];
    let found = ground.json(&compare).await;
    let rows = found["differences"].as_array().unwrap();
    let mean = rows.iter().find(|d| d["figure"] == "mean").unwrap();
    assert!(mean["b"].as_f64().unwrap() > 100.0, "{found}");
    assert!(mean["change"].as_f64().unwrap() > 1.0, "{found}");
    assert_eq!(found["too_few"], Value::Null);
    ground
        .ctl(&compare)
        .await
        .code(0)
        .says("p95")
        .says("good (v1)");
    let found = validated(ground, "v2", &plan(check)).await;
    assert_eq!(found["outcome"], "warnings", "{found}");
    let why = found["checks"][0]["why"].as_str().unwrap();
    assert!(why.contains("against good: p95"), "{why}");
    let remove = ["baseline", "remove", SERVICE, "good"];
    ground.ctl(&remove).await.code(0);
    ground
        .ctl(&remove)
        .await
        .refused("no baseline of checkout is kept");
    let found = validated(ground, "v2", &plan(check)).await;
    assert_eq!(found["outcome"], "warnings", "{found}");
}
