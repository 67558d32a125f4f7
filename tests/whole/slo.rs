//! Objectives over samples that are there, and rule files: by the command line, as people use it.

use deckwatch_domain::Timestamp;
use deckwatch_signals::{Sample, SampleStore};
use serde_json::Value;

use crate::harness::Ground;

const MINUTE: i64 = 60_000;
/// A request a second, one of a hundred bad in the middle hour.
const OBJECTIVES: &str = r#"# of the shop
objectives:
  - name: availability
    service: shop
    about: answers that are good
    target: 99.9%
    period: 7d
    indicator:
      ratio:
        bad: requests_total{code="500"}
        total: requests_total
  - name: quiet
    service: shop
    target: 90%
    period: 7d
    indicator:
      ratio:
        bad: requests_total{code="500"}
        total: requests_total
"#;

fn sample(code: &str, value: f64) -> Sample {
    Sample {
        name: "requests_total".into(),
        labels: vec![("code".into(), code.into()), ("job".into(), "shop".into())],
        value,
        timestamp_ms: None,
    }
}

/// Six hours up to now, a sample a minute. Gives the bad events and all of them.
async fn history(ground: &Ground) -> (f64, f64) {
    let path = ground.data.join("samples.db");
    let store = SampleStore::open(&path).await.unwrap();
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap() / MINUTE;
    let (mut good, mut bad) = (0.0, 0.0);
    for minute in 0..=360 {
        let burning = (120..180).contains(&minute);
        good += if burning { 59.4 } else { 60.0 };
        bad += if burning { 0.6 } else { 0.0 };
        let at = Timestamp::from_millis((now - 360 + minute) * MINUTE);
        let both = [sample("200", good), sample("500", bad)];
        store.append(at, &both).await.unwrap();
    }
    (bad, good + bad)
}

fn row<'v>(list: &'v Value, name: &str) -> &'v Value {
    let rows = list["rows"].as_array().unwrap();
    rows.iter()
        .find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

fn near(found: &Value, meant: f64, within: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{found}"));
    assert!((found - meant).abs() <= within, "{found} is not {meant}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_what_was_counted() {
    let ground = Ground::new().await;
    let empty = ground.json(&["slo"]).await;
    assert_eq!(empty["rows"], serde_json::json!([]), "{empty:#}");
    let (bad, total) = history(&ground).await;
    let file = ground.file("mine.yaml", OBJECTIVES);
    ground
        .ctl(&["slo", "check", &file])
        .await
        .code(0)
        .says("shop/availability");
    ground.ctl(&["slo", "set", &file]).await.code(0);
    let list = ground.json(&["slo"]).await;
    let found = row(&list, "availability");
    assert_eq!(found["counted"], 1.0, "{found:#}");
    // Counted over minutes from counters: to the last minute's share.
    near(&found["events"]["bad"], bad, 1.0);
    near(&found["events"]["total"], total, 130.0);
    near(&found["left"], 1.0 - bad / (total * 0.001), 0.05);
    let quiet = row(&list, "quiet");
    near(&quiet["left"], 1.0 - bad / (total * 0.1), 0.001);
    let page = ground.json(&["slo", "show", "shop", "availability"]).await;
    assert_eq!(
        page["decisions"].as_array().map(Vec::len),
        Some(4),
        "{page:#}"
    );
    let lost: f64 = page["ledger"]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["bad"].as_f64().unwrap())
        .sum();
    near(&page["ledger"]["events"]["bad"], lost, 1e-6);
    let nothing = ground.ctl(&["slo", "show", "shop", "none"]).await.code(1);
    assert!(
        nothing.err.contains("there is: shop/availability"),
        "{}",
        nothing.err
    );
    let verified = ground.json(&["journal", "events"]).await;
    assert!(
        verified.to_string().contains("objectives.changed"),
        "{verified:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_others_come_in_and_go_out() {
    let ground = Ground::new().await;
    let file = ground.file("mine.yaml", OBJECTIVES);
    ground.ctl(&["slo", "set", &file]).await.code(0);
    let sloth = r#"version: "prometheus/v1"
service: basket
labels: { team: basket }
slos:
  - name: requests
    objective: 99.5
    description: baskets that open
    sli:
      events:
        error_query: sum(rate(basket_requests_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(basket_requests_total[{{.window}}]))
    alerting:
      name: BasketErrors
      page_alert: { labels: { severity: page } }
"#;
    let sloth = ground.file("sloth.yaml", sloth);
    let dry = ground.ctl(&["slo", "import", &sloth, "--dry-run"]).await;
    dry.code(0).says("basket");
    ground
        .ctl(&["slo", "import", &sloth])
        .await
        .code(0)
        .says("basket/requests");
    // What was there is still there, its remark too.
    let text = ground.ctl(&["slo", "file"]).await.code(0).out;
    assert!(text.starts_with("# of the shop\n"), "{text}");
    let again = ground.ctl(&["slo", "import", &sloth]).await.code(3);
    assert!(again.err.contains("basket/requests"), "{}", again.err);
    ground
        .ctl(&["slo", "export"])
        .await
        .code(0)
        .says("openslo/v1");
    let rules = ground.ctl(&["slo", "rules"]).await.code(0).out;
    let rules = ground.file("rules.yaml", &rules);
    ground.ctl(&["rules", "check", &rules]).await.code(0);
    let broken = ground.file(
        "broken.yaml",
        "objectives:\n  - name: x\n    target: 120%\n",
    );
    let broken = ground.ctl(&["slo", "set", &broken]).await.code(1);
    assert!(broken.err.contains("target"), "{}", broken.err);
}

const RULES: &str = r#"groups:
  - name: shop
    rules:
      - alert: Down
        expr: up == 0
        for: 2m
        labels: { severity: page }
        annotations: { summary: "{{ $labels.instance }} is down" }
"#;

const TESTS: &str = r#"rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: up{instance="a"}
        values: "1 0 0 0 0"
    alert_rule_test:
      - eval_time: 2m
        alertname: Down
      - eval_time: 4m
        alertname: Down
        exp_alerts:
          - exp_labels: { severity: page, instance: a }
            exp_annotations: { summary: "a is down" }
    promql_expr_test:
      - expr: sum(up)
        eval_time: 3m
        exp_samples: [{ labels: "{}", value: 0 }]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_checked_and_tested() {
    let ground = Ground::new().await;
    let rules = ground.file("rules.yaml", RULES);
    let tests = ground.file("tests.yaml", TESTS);
    ground
        .ctl(&["rules", "check", &rules])
        .await
        .code(0)
        .says("1 rules");
    ground
        .ctl(&["rules", "test", &tests])
        .await
        .code(0)
        .says("1/1 passed");
    let wrong = ground.file(
        "wrong.yaml",
        &TESTS.replace("instance: a }", "instance: b }"),
    );
    let wrong = ground.ctl(&["rules", "test", &wrong]).await.code(6);
    assert!(wrong.out.contains("Down"), "{}", wrong.out);
    let broken = ground.file("broken.yaml", &RULES.replace("up == 0", "up == "));
    let broken = ground.ctl(&["rules", "check", &broken]).await.code(6);
    assert!(broken.out.contains("broken.yaml:5:"), "{}", broken.out);
    let lost = ground.file("lost.yaml", &TESTS.replace("[rules.yaml]", "[none.yaml]"));
    let lost = ground.ctl(&["rules", "test", &lost]).await.code(6);
    assert!(lost.out.contains("none.yaml"), "{}", lost.out);
}
