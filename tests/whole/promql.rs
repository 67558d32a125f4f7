//! Questions in PromQL about what was really measured, and files of the test language.

use crate::harness::{Ground, eventually};
use crate::scene::stand_up;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_measured_is_asked_for_in_promql() {
    let ground = Ground::new().await;
    let agent = ground.agent();
    stand_up(&ground).await;
    let up = eventually("a scrape to be found", || async {
        let found = ground.json(&["promql", "query", "up"]).await;
        match found["series"][0]["points"][0][1].as_str() {
            Some("1") => Ok(found),
            _ => Err(found.to_string()),
        }
    })
    .await;
    assert_eq!(up["kind"], "vector", "{up:#}");
    assert_eq!(up["series"][0]["labels"]["job"], "node", "{up:#}");
    let sum = "sum by (slot) (deckwatch_traffic_weight) / 100";
    eventually("the weights to be found", || async {
        let weights = ground.json(&["promql", "query", sum]).await;
        let series = weights["series"].as_array().cloned().unwrap_or_default();
        let values: Vec<_> = series.iter().map(|s| s["points"][0][1].clone()).collect();
        match values.contains(&"1".into()) && values.contains(&"0".into()) {
            true => Ok(()),
            false => Err(weights.to_string()),
        }
    })
    .await;
    let wrong = ground.ctl(&["promql", "query", "sum(up"]).await.code(1);
    assert!(wrong.err.contains("1:"), "{}", wrong.err);
    let all = ground
        .json(&["promql", "query", "count({job=\"node\"})"])
        .await;
    assert_eq!(all["series"].as_array().map(Vec::len), Some(1), "{all:#}");
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_the_test_language_are_run() {
    let ground = Ground::new().await;
    let good = "load 1m\n  seen{a=\"b\"} 0+10x10\n\neval instant at 10m rate(seen[5m])\n  {a=\"b\"} 0.16666666666666666\n";
    let bad = good.replace("0.1666", "0.2666");
    let (good, bad) = (
        ground.file("good.test", good),
        ground.file("bad.test", &bad),
    );
    ground
        .ctl(&["promql", "test", &good])
        .await
        .code(0)
        .says("good.test  1/1");
    let ran = ground.ctl(&["--json", "promql", "test", &good, &bad]).await;
    let found = ran.code(6).json();
    assert_eq!(found[1]["passed"], 0, "{found:#}");
    assert_eq!(found[1]["failures"][0]["line"], 4, "{found:#}");
}
