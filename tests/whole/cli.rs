//! The program as people and scripts meet it: every query as JSON, every mistake one clear
//! message with the right exit code.

use std::os::unix::fs::PermissionsExt;

use deckwatch_console::{Kind, LIST};
use serde_json::{Value, json};

use crate::harness::{Ground, SERVICE};
use crate::scene::stand_up;

/// A service that stands, with a driver and without load.
async fn standing() -> (Ground, crate::harness::Agent) {
    let ground = Ground::new().await;
    let agent = ground.agent();
    stand_up(&ground).await;
    (ground, agent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_answers_in_json() {
    let (ground, agent) = standing().await;
    let counts = r#"[{"total": 1000, "bad": 10}, {"total": 1000, "bad": 12}]"#;
    let (a, b) = (ground.file("a.json", counts), ground.file("b.json", counts));
    let plan = ground.file("plan.yaml", &crate::plans::quick());
    let words: [&[&str]; 20] = [
        &["status"],
        &["service", "list"],
        &["service", "show", SERVICE],
        &["service", "logs", SERVICE],
        &["plan", "list"],
        &["plan", "show", "training"],
        &["plan", "check", &plan, "--service", SERVICE],
        &["plan", "schema"],
        &["rollout", "list"],
        &["rollout", "show", SERVICE],
        &["rollout", "events", SERVICE],
        &["freeze", "show"],
        &["roles"],
        &["whoami"],
        &["journal", "events"],
        &["journal", "verify"],
        &["node", "show"],
        &["node", "start"],
        &["training", "drills"],
        &["doctor"],
    ];
    for args in words {
        ground.json(args).await;
        // The same for people, and nothing in it is painted when it is not a terminal.
        let plain = ground.ctl(args).await.code(0);
        assert!(
            !plain.out.contains('\x1b'),
            "{}: {}",
            plain.words,
            plain.out
        );
        // The demo service prints nothing, so there is nothing to show of it.
        let logs = args[1..].first() == Some(&"logs");
        assert!(
            logs || !plain.out.trim().is_empty(),
            "{} says nothing",
            plain.words
        );
    }
    // What was judged is JSON whatever the verdict.
    let judged = ground.ctl(&["--json", "judge", &a, &b]).await;
    assert!([0, 4, 5].contains(&judged.code), "{judged:?}");
    judged.json();
    // And by name, everything in the list that only looks.
    for entry in LIST.iter().filter(|e| e.kind == Kind::Query) {
        // Asks for a task, and no rollout here has one; see the tests of tasks.
        // The same with baselines, of which none is kept.
        // And with clusters, in which nothing of this ground is.
        // And nothing is promised, and nothing alerts; see the tests of objectives and alerts.
        let elsewhere = [
            "rollouts.output",
            "baselines.compare",
            "slo.show",
            "alerts.show",
            "rules.backtest",
            "rules.test",
            // Days that nobody has recorded here.
            "metrics.usual",
        ];
        if elsewhere.contains(&entry.name) || entry.name.starts_with("cluster.") {
            continue;
        }
        let params: Value = match entry.name {
            "services.show" | "services.logs" | "rollouts.show" | "rollouts.charts"
            | "rollouts.events" | "rollback.preview" | "revisions.list" | "validation.show"
            | "baselines.list" => {
                json!({"service": SERVICE})
            }
            "metrics.query" => json!({"query": "up"}),
            "metrics.chart" | "metrics.read" => json!({"query": "up"}),
            "metrics.complete" => json!({"query": "u", "at": 1}),
            "metrics.values" => json!({"label": "job"}),
            "metrics.marks" => {
                json!({"from": "2026-01-01T00:00:00Z", "to": "2036-01-01T00:00:00Z"})
            }
            "dashboards.show" => json!({"name": "host"}),
            "dashboards.panel" => json!({"name": "host", "panel": 0, "range": {}}),
            "dashboards.check" => json!({"yaml": "title: none"}),
            "rules.file" => json!({"name": "mine"}),
            "rules.check" => json!({"yaml": "groups: []"}),
            "slo.preset" => json!({"name": "latency", "service": SERVICE}),
            "plans.show" => json!({"name": "training"}),
            "checks.show" => json!({"name": "quality"}),
            "services.check" => json!({"yaml": "service: checkout"}),
            "plans.check" => json!({"yaml": crate::plans::quick()}),
            "judge" => json!({"candidate": counts, "stable": counts}),
            _ => json!({}),
        };
        ground
            .ctl(&["call", entry.name, &params.to_string()])
            .await
            .code(0)
            .json();
    }
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_is_one_clear_message() {
    let (ground, agent) = standing().await;
    let mixed_up = ground.file(
        "bad.yaml",
        "service: Bad Name\nlisten: 0.0.0.0:80\nbogus: 1\n",
    );
    let broken = ground.file("broken.yaml", "service: [unclosed\n");
    let nowhere = ground.path("nowhere.yaml");
    let mistakes: [(&[&str], i32, &str); 22] = [
        (
            &["service", "show", "nope"],
            1,
            "there is no service nope; there is: checkout",
        ),
        (&["service", "logs", "nope"], 1, "there is: checkout"),
        (&["service", "remove", "nope"], 1, "there is: checkout"),
        (&["service", "remove", SERVICE], 3, "carries"),
        (&["rollout", "start", "nope", "v1"], 1, "there is: checkout"),
        (
            &["rollout", "show", "nope"],
            1,
            "nope has had no rollout yet",
        ),
        (&["rollout", "pause", "nope"], 3, "start one"),
        (&["rollback", "nope"], 1, "nope"),
        (
            &["rollout", "start", SERVICE, "v2", "--plan", "nope"],
            1,
            "there is: canary-1-10-50-100",
        ),
        (
            &["rollout", "start", SERVICE, "v2", "--plan-file", &nowhere],
            1,
            "nowhere.yaml",
        ),
        (
            &["rollout", "start", SERVICE, "v2", "--env", "X"],
            2,
            "not NAME=VALUE",
        ),
        (
            &["rollout", "start", SERVICE, "not a version"],
            2,
            "not a version",
        ),
        (&["service", "show", "Bad Name"], 2, "Bad Name"),
        (&["service", "define", &broken], 1, "line "),
        (&["--bogus", "status"], 2, "--bogus"),
        (&["bogus"], 2, "bogus"),
        (&["agent", "--lease", "0"], 1, "between 0.5 and 600"),
        (&["call", "nope"], 1, "there is no `nope`"),
        (&["call", "services.show", "{"], 1, "not JSON"),
        (&["call", "services.show", "{\"servise\": 1}"], 1, "servise"),
        (&["training", "drill", "nope"], 1, "good canary"),
        (&["judge", &nowhere], 1, "nowhere.yaml"),
    ];
    for (args, code, part) in mistakes {
        let ran = ground.ctl(args).await.code(code).says(part);
        assert!(!ran.err.contains("panicked"), "{ran:?}");
    }
    // All mistakes of a definition at once, each with its place.
    let ran = ground
        .ctl(&["service", "define", &mixed_up])
        .await
        .code(1)
        .says("line 1, column 10")
        .says("line 2, column 9");
    ran.says("bogus").says("command");
    // A script reads the problem from standard error.
    let ran = ground
        .ctl(&["--json", "service", "show", "nope"])
        .await
        .code(1);
    let problem: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(problem["code"], "service.unknown");
    assert!(ran.out.is_empty());
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_folder_says_what_to_do() {
    let ground = Ground::new().await;
    ground
        .ctl(&["service", "list"])
        .await
        .code(1)
        .says("no node runs");
    ground
        .ctl(&["node", "stop"])
        .await
        .code(1)
        .says("no node runs");
    ground.ctl(&["rollout", "list"]).await.code(0);
    // Nothing is wrong with an empty folder, and the doctor says how to go on.
    ground.ctl(&["doctor"]).await.code(0).says("node start");
    std::fs::set_permissions(&ground.data, std::fs::Permissions::from_mode(0o755)).unwrap();
    ground.ctl(&["doctor"]).await.code(6).says("chmod 700");
    std::fs::set_permissions(&ground.data, std::fs::Permissions::from_mode(0o700)).unwrap();
    for shell in ["bash", "zsh", "fish"] {
        ground
            .ctl(&["completions", shell])
            .await
            .code(0)
            .says("deckwatchctl")
            .says("rollback");
    }
    ground
        .ctl(&["--help"])
        .await
        .code(0)
        .says("Exit codes")
        .says("rollback");
    ground
        .ctl(&["rollout", "start", "--help"])
        .await
        .code(0)
        .says("--wait");
    ground.ctl(&["--version"]).await.code(0);
    // A folder that cannot have a socket is refused in words.
    let deep = format!("{}/{}", ground.path("x"), "y".repeat(90));
    ground
        .ctl(&["--data", &deep, "status"])
        .await
        .code(1)
        .says("shorter path");
}
