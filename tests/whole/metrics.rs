//! What there is to ask for, dashboards, and plans that judge by queries of their own: of the
//! folder's samples, and of a real Prometheus.

use deckwatch_rollout::Phase;
use serde_json::{Value, json};

use crate::control_plane::{Counted, Prometheus};
use crate::harness::{Ground, eventually};
use crate::scene::{Scene, stand_up};

const RESPONSES: &str = "deckwatch_proxy_responses_total";

async fn called(ground: &Ground, name: &str, params: Value) -> Value {
    ground
        .ctl(&["call", name, &params.to_string()])
        .await
        .code(0)
        .json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_measured_is_found_and_drawn() {
    let ground = Ground::new().await;
    let agent = ground.agent();
    stand_up(&ground).await;
    let names = eventually("the names to be found", || async {
        let found = ground.json(&["metrics", "names", "proxy_resp"]).await;
        let first = found["rows"][0]["name"].as_str().unwrap_or_default();
        match first.starts_with("deckwatch_proxy_resp") {
            true => Ok(found),
            false => Err(found.to_string()),
        }
    })
    .await;
    let rows = names["rows"].as_array().unwrap();
    let counter = rows.iter().find(|row| row["name"] == RESPONSES).unwrap();
    assert_eq!(
        (&counter["kind"], &counter["guessed"]),
        (&json!("counter"), &json!(true))
    );
    let labels = ground.json(&["metrics", "labels", RESPONSES]).await;
    assert!(
        labels["rows"].as_array().unwrap().contains(&json!("slot")),
        "{labels:#}"
    );
    let values = ground
        .json(&["metrics", "values", "service", RESPONSES])
        .await;
    assert_eq!(values["rows"], json!(["checkout"]));
    let query = format!("sum by (slot) (rate({RESPONSES}{{serv");
    let offered = ground.json(&["promql", "complete", &query]).await;
    assert_eq!(offered["rows"][0]["insert"], "service=\"", "{offered:#}");
    let query = format!("{RESPONSES}{{service=\"ch");
    let offered = ground.json(&["promql", "complete", &query]).await;
    assert_eq!(offered["rows"][0]["text"], "checkout", "{offered:#}");
    assert_eq!(offered["start"].as_u64(), Some(query.len() as u64 - 2));

    // A picture ends at a moment of its grid, which may lie before the first sample.
    let drawn = eventually("a sample in the picture", || async {
        let ask = json!({"query": "up", "over": "5m"});
        let drawn = called(&ground, "metrics.chart", ask).await;
        match drawn["series"][0]["last"].is_number() {
            true => Ok(drawn),
            false => Err(drawn.to_string()),
        }
    })
    .await;
    let (moments, series) = (&drawn["moments"], &drawn["series"][0]);
    assert_eq!(
        series["values"].as_array().unwrap().len() as u64,
        moments.as_u64().unwrap()
    );
    assert_eq!(series["last"], 1.0, "{drawn:#}");
    let wrong = ground
        .ctl(&["call", "metrics.chart", r#"{"query":"sum(up"}"#])
        .await
        .code(1);
    assert!(wrong.err.contains("1:7"), "{}", wrong.err);
    let read = called(&ground, "metrics.read", json!({"query": "\u{1F680} up"})).await;
    assert_eq!(read["mistake"]["start"], 0, "{read:#}");
    let csv = ground
        .ctl(&["promql", "query", "up", "--csv"])
        .await
        .code(0);
    assert!(
        csv.out.starts_with("__name__,") && csv.out.contains(",1\r\n"),
        "{}",
        csv.out
    );
    ground
        .ctl(&["promql", "format", "sum(up)by(job)"])
        .await
        .code(0)
        .says("sum by (job) (up)");
    ground.ctl(&["promql", "format", "sum("]).await.code(6);
    let file = ground.path("out.csv");
    let export = json!({"to": file, "ask": {"query": "up"}});
    assert_eq!(called(&ground, "metrics.export", export).await["rows"], 1);
    agent.end().await;
}

const MINE: &str = "\
title: Mine
variables:
  - { name: service, label: service, of: deckwatch_traffic_weight, all: true }
panels:
  - title: Weights
    queries:
      - query: max by (service, slot) (deckwatch_traffic_weight{service=~\"$service\"})
        legend: \"{{slot}}\"
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dashboards_ship_and_are_written() {
    let ground = Ground::new().await;
    let agent = ground.agent();
    stand_up(&ground).await;
    let folder = ground.data.join("dashboards");
    std::fs::create_dir(&folder).unwrap();
    let broken = folder.join("broken.yaml");
    std::fs::write(folder.join("mine.yaml"), MINE).unwrap();
    std::fs::write(&broken, MINE.replace("max by", "max bye")).unwrap();
    let broken = broken.display().to_string();
    let rows = ground.json(&["metrics", "dashboard", "list"]).await;
    let named = |name: &str| {
        let rows = rows.as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!(named("service")["file"], Value::Null);
    assert_eq!(named("mine")["mistakes"], json!([]));
    assert_eq!(named("broken")["mistakes"][0]["line"], 7);
    ground
        .ctl(&["metrics", "dashboard", "check", &broken])
        .await
        .code(6)
        .says("broken.yaml:7:16");
    ground
        .ctl(&["metrics", "dashboard", "show", "broken"])
        .await
        .code(1);
    let drawn = eventually("the weights to be drawn", || async {
        let ask = json!({
            "name": "mine", "panel": 0, "range": {"over": "5m"},
            "variables": [{"name": "service", "value": "all"}],
        });
        let parts = called(&ground, "dashboards.panel", ask).await;
        match parts[0]["chart"]["total"].as_u64() {
            Some(2) => Ok(parts),
            _ => Err(parts.to_string()),
        }
    })
    .await;
    assert_eq!(drawn[0]["legend"], "{{slot}}");
    // Its services come from other series than the weights, which may be recorded a look later.
    let shown = eventually("the service to be offered", || async {
        let shown = ground
            .json(&["metrics", "dashboard", "show", "service"])
            .await;
        match shown["variables"][0]["values"] == json!(["checkout"]) {
            true => Ok(shown),
            false => Err(shown["variables"].to_string()),
        }
    })
    .await;
    let panels = shown["dashboard"]["panels"].as_array().unwrap().len();
    for panel in 0..panels {
        let ask = json!({
            "name": "service", "panel": panel, "range": {"over": "5m"},
            "variables": [{"name": "service", "value": "checkout"}],
        });
        for part in called(&ground, "dashboards.panel", ask)
            .await
            .as_array()
            .unwrap()
        {
            assert_eq!(part["problem"], Value::Null, "{part:#}");
        }
    }
    let marks = json!({"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    let marks = called(&ground, "metrics.marks", marks).await;
    assert_eq!(marks[0]["label"], "checkout v1", "{marks:#}");
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prometheus_is_named_in_one_line() {
    let counted = Counted::default();
    counted.lock().unwrap().insert(("a-1".into(), 200), 7);
    let Some(prometheus) = Prometheus::up(counted, "shop").await else {
        crate::mounts::skipped(
            "a_prometheus_is_named_in_one_line",
            "prometheus is not installed",
        );
        return;
    };
    let ground = Ground::new().await;
    eventually("Prometheus to be named", || async {
        let ran = ground.ctl(&["metrics", "use", &prometheus.url]).await;
        ran.out
            .contains("version 2")
            .then_some(())
            .ok_or(ran.out + &ran.err)
    })
    .await;
    eventually("a scrape", || async {
        let found = ground
            .json(&["promql", "query", "http_requests_total"])
            .await;
        let value = found["series"][0]["points"][0][1].clone();
        (value == "7").then_some(()).ok_or(found.to_string())
    })
    .await;
    let names = ground.json(&["metrics", "names", "http_requests"]).await;
    let metric = &names["rows"][0];
    assert_eq!(
        (&metric["kind"], &metric["guessed"]),
        (&json!("counter"), &json!(false))
    );
    let values = ground
        .json(&[
            "metrics",
            "values",
            "pod",
            "http_requests_total{code=\"200\"}",
        ])
        .await;
    assert_eq!(values["rows"], json!(["a-1"]));
    eventually("a sample in the picture", || async {
        let ask = json!({"query": "http_requests_total", "over": "1m"});
        let first = called(&ground, "metrics.chart", ask).await;
        match first["series"][0]["last"] == 7.0 {
            true => Ok(()),
            false => Err(first.to_string()),
        }
    })
    .await;
    let wrong = ground.ctl(&["promql", "query", "sum("]).await.code(1);
    assert!(wrong.err.contains("parse error"), "{}", wrong.err);
    let own = ground
        .json(&[
            "promql",
            "query",
            "http_requests_total",
            "--source",
            "samples",
        ])
        .await;
    assert_eq!(own["series"], json!([]));
    ground
        .ctl(&["metrics", "use", "--none"])
        .await
        .code(0)
        .says("samples answers");
    ground
        .ctl(&["metrics", "use", "service://monitoring/prometheus:9090"])
        .await
        .code(1)
        .says("in a cluster");
}

fn judged_by(queries: &str) -> String {
    format!(
        "\
plan: own-queries
strategy: canary
steps:
  - weight: 50
    bake: {{ min: 1s, max: 3m }}
  - weight: 100
    bake: {{ min: 0s, max: 1m }}
    analysis: false
analysis:
  alpha: 0.05
  interval: 1s
{queries}
rollback_window: 10m
baseline: 1s
"
    )
}

fn own_counts() -> String {
    let of = |more: &str| {
        format!(
            "sum by (class) ({RESPONSES}{{service=\"$service\",slot=\"$slot\",release=\"$release\"{more}}})"
        )
    };
    format!(
        "  metrics:\n    - name: mine\n      margin: 10%\n      query:\n        bad: {}\n        total: {}\n",
        of(",class=\"5xx\""),
        of("")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_judges_by_queries_of_its_own() {
    let scene = Scene::new().await;
    scene
        .start("v2", &judged_by(&own_counts()), &[])
        .await
        .code(0);
    let row = scene.rollout("the end", |row| row.phase.is_over()).await;
    assert_eq!(row.phase, Phase::Promoted, "{row:?}");
    // The worst that its rule could say: it may have no value, and then it never passes.
    let never = own_counts()
        + "  limits:\n    - { name: gone, query: \"nothing_of_this_name{slot=\\\"$slot\\\"}\", at_most: 1 }\n";
    let plan = judged_by(&never).replace("max: 3m", "max: 15s");
    scene.start("v5", &plan, &[]).await.code(0);
    let held = |row: &deckwatch_console::RolloutRow| matches!(row.phase, Phase::Paused(_));
    let row = scene.rollout("the hold", held).await;
    assert_eq!(row.weight, 50, "{row:?}");
    let shown = scene.ground.json(&["rollout", "show", "checkout"]).await;
    assert!(
        shown.to_string().contains("No value has been measured yet"),
        "{shown:#}"
    );
    scene
        .ground
        .ctl(&["rollout", "abort", "checkout", "enough"])
        .await
        .code(0);
    scene
        .rollout("the way back", |row| row.phase == Phase::Aborted)
        .await;
    // Every answer takes longer than the limit on the mean allows.
    let over = own_counts()
        + "  limits:\n    - { name: ready, query: \"deckwatch_instances_ready{service=\\\"$service\\\",slot=\\\"$slot\\\"}\", at_most: 0.5, in_a_row: 2 }\n";
    scene.start("v6", &judged_by(&over), &[]).await.code(0);
    let row = scene.rollout("the end", |row| row.phase.is_over()).await;
    assert_eq!(row.phase, Phase::RolledBack, "{row:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_a_plans_queries_have_their_place() {
    let ground = Ground::new().await;
    let plan =
        judged_by("  metrics:\n    - name: a\n      query: { bad: \"sum(\", total: \"a[5m]\" }");
    let file = ground.file("plan.yaml", &plan);
    let found = ground.ctl(&["plan", "check", &file]).await.code(6);
    assert!(
        found
            .out
            .contains("plan.yaml:14:21: analysis.metrics[0].query.bad"),
        "{}",
        found.out
    );
    assert!(
        found.out.contains("this query gives a range vector"),
        "{}",
        found.out
    );
}
