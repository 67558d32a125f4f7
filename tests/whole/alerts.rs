//! Rules that are evaluated all the time: what fires is told once, what was missed is made up for.

use deckwatch_domain::Timestamp;
use deckwatch_signals::{Sample, SampleStore};
use serde_json::{Value, json};

use crate::harness::Ground;
use crate::process;

const MINUTE: i64 = 60_000;

/// Fires from the first evaluation on.
const ALWAYS: &str = r#"groups:
  - name: always
    interval: 1s
    rules:
      - record: answer
        expr: vector(42)
      - alert: Answered
        expr: answer > 41
        labels: { severity: page, service: checkout }
        annotations: { summary: "it is {{ $value }}" }
"#;

const HOT: &str = r#"groups:
  - name: heat
    interval: 1m
    rules:
      - alert: Hot
        expr: heat > 90
        for: 10m
        labels: { severity: page }
"#;

fn now() -> i64 {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// Waits until there is something.
async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    process::eventually(what, || {
        let found = look();
        async { found.await.ok_or_else(|| "not yet".to_owned()) }
    })
    .await
}

async fn firing(ground: &Ground) -> Vec<Value> {
    let found = ground.json(&["alerts"]).await;
    let rows = found["alerts"]["rows"].as_array().unwrap().clone();
    rows.into_iter()
        .filter(|row| row["stands"] == "firing")
        .collect()
}

/// The journal's events of alerts, the oldest first.
async fn told(ground: &Ground) -> Vec<Value> {
    let found = ground
        .json(&["journal", "events", "--kind", "alert."])
        .await;
    let mut events: Vec<Value> = found.as_array().unwrap().clone();
    events.sort_by_key(|event| event["seq"].as_u64());
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fires_is_told_once_and_is_over_with_its_rule() {
    let ground = Ground::new().await;
    let file = ground.file("always.yaml", ALWAYS);
    let nobody = ground.ctl(&["alerts"]).await.code(0);
    nobody.says("nobody has evaluated yet");
    ground.ctl(&["rules", "set", "always", &file]).await.code(0);
    let agent = ground.agent();
    let row = eventually("the alert", async || firing(&ground).await.pop()).await;
    assert_eq!(row["name"], "Answered", "{row:#}");
    assert_eq!(row["annotations"]["summary"], "it is 42", "{row:#}");
    assert_eq!((&row["pages"], &row["late"]), (&json!(true), &json!(false)));
    let words = row["words"].as_str().unwrap();
    assert!(
        words.starts_with("Answered is firing: `answer` is 42, above 41"),
        "{words}"
    );
    // What rules record can be asked for like anything else.
    let recorded = ground
        .json(&["promql", "query", "ALERTS{alertstate=\"firing\"}"])
        .await;
    assert!(recorded.to_string().contains("Answered"), "{recorded:#}");
    // A crash, and another process that goes on: the alert is the same one.
    agent.kill().await;
    let agent = ground.agent();
    let before = ground.json(&["rules", "list"]).await;
    let at = |list: &Value| list["files"][0]["groups"][0]["evaluated_at"].clone();
    eventually("the next evaluation", async || {
        let after = ground.json(&["rules", "list"]).await;
        (at(&after).as_str() > at(&before).as_str()).then_some(())
    })
    .await;
    let facts = told(&ground).await;
    assert_eq!(facts.len(), 1, "{facts:#?}");
    assert_eq!(facts[0]["kind"], "alert.fired");
    let id = row["id"].as_str().unwrap();
    let page = ground.json(&["alerts", "show", id]).await;
    assert_eq!(page["threshold"], 41.0, "{page:#}");
    assert_eq!(page["value_query"], "answer");
    assert_eq!(page["told"].as_array().map(Vec::len), Some(1));
    eventually("a lane", async || {
        let page = ground.json(&["alerts", "show", id]).await;
        let lane = &page["lanes"][0];
        (lane["own"] == json!(true) && lane["spans"][0]["stands"] == "firing").then_some(())
    })
    .await;
    ground.ctl(&["rules", "remove", "always"]).await.code(0);
    let facts = eventually("its end", async || {
        let facts = told(&ground).await;
        (facts.len() == 2).then_some(facts)
    })
    .await;
    assert_eq!(facts[1]["kind"], "alert.resolved");
    assert!(firing(&ground).await.is_empty());
    assert_eq!(agent.end().await, Some(0));
}

/// Eight hours up to now, hot from the third to the fourth. Gives the moment at which it began.
async fn history(ground: &Ground) -> i64 {
    let store = SampleStore::open(&ground.data.join("samples.db")).await;
    let store = store.unwrap();
    let newest = now() / MINUTE;
    for minute in 0..=480 {
        let hot = (180..240).contains(&minute);
        let sample = Sample::new("heat", &[("room", "a")], if hot { 95.0 } else { 20.0 });
        let at = Timestamp::from_millis((newest - 480 + minute) * MINUTE);
        store.append(at, &[sample]).await.unwrap();
    }
    (newest - 300) * MINUTE
}

/// The books as if nobody had evaluated since eight hours ago.
fn set_back(ground: &Ground) {
    let path = ground.data.join("alerts.status");
    let mut books: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let group = books["groups"]["heat/heat"].as_object_mut().unwrap();
    let then = now() - 8 * 60 * MINUTE;
    group.insert("evaluated_at".into(), json!(Timestamp::from_millis(then)));
    std::fs::write(&path, books.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_hours_asleep_lose_no_alert() {
    let ground = Ground::new().await;
    let file = ground.file("heat.yaml", HOT);
    ground.ctl(&["rules", "set", "heat", &file]).await.code(0);
    let agent = ground.agent();
    eventually("the first evaluation", async || {
        let list = ground.json(&["rules", "list"]).await;
        let at = &list["files"][0]["groups"][0]["evaluated_at"];
        (!at.is_null()).then_some(())
    })
    .await;
    agent.end().await;
    let began = history(&ground).await;
    set_back(&ground);
    // It dies on the way: whoever comes next tells the same, once.
    let agent = ground.agent();
    eventually("the first fact", async || {
        (!told(&ground).await.is_empty()).then_some(())
    })
    .await;
    agent.kill().await;
    let agent = ground.agent();
    let facts = eventually("both facts", async || {
        let list = ground.json(&["rules", "list"]).await;
        let group = &list["files"][0]["groups"][0];
        let facts = told(&ground).await;
        (facts.len() >= 2 && group["behind"] == json!(false)).then_some(facts)
    })
    .await;
    let kinds: Vec<&str> = facts.iter().filter_map(|f| f["kind"].as_str()).collect();
    assert_eq!(kinds, ["alert.fired", "alert.resolved"], "{facts:#?}");
    let id = facts[0]["payload"]["alert"].as_str().unwrap().to_owned();
    let page = ground.json(&["alerts", "show", &id]).await;
    let told = page["told"].as_array().unwrap();
    for (fact, fires, from) in [(&told[1], true, 10), (&told[0], false, 60)] {
        assert_eq!(fact["fires"], json!(fires), "{fact:#}");
        assert_eq!(fact["late"], json!(true), "{fact:#}");
        let at: Timestamp = serde_json::from_value(fact["at"].clone()).unwrap();
        let minutes = (at.as_millis() - began) as f64 / MINUTE as f64;
        // To the evaluation after; a sample counts for five minutes where none follows.
        assert!(
            (f64::from(from)..f64::from(from) + 2.0).contains(&minutes),
            "{minutes}: {fact:#}"
        );
    }
    assert!(firing(&ground).await.is_empty());
    assert_eq!(agent.end().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_answers_what_another_threshold_would_have_done() {
    let ground = Ground::new().await;
    let file = ground.file("heat.yaml", HOT);
    ground
        .ctl(&["rules", "list"])
        .await
        .code(0)
        .says("no rules in");
    history(&ground).await;
    let ask = async |more: &[&str]| {
        let first = ["rules", "backtest", &file, "Hot", "--over", "9h"];
        ground.json(&[&first[..], more].concat()).await
    };
    let found = ask(&[]).await;
    assert_eq!(
        (&found["fired"], &found["spared"]),
        (&json!(1), &json!(0)),
        "{found:#}"
    );
    assert_eq!(found["episodes"][0]["peak"], 95.0, "{found:#}");
    assert_eq!(found["value_query"], "heat");
    let higher = ask(&["--threshold", "96"]).await;
    assert_eq!(higher["fired"], 0, "{higher:#}");
    assert!(
        higher["words"].as_str().unwrap().contains("told nobody"),
        "{higher:#}"
    );
    let longer = ask(&["--hold", "2h"]).await;
    assert_eq!(
        (&longer["fired"], &longer["spared"]),
        (&json!(0), &json!(1)),
        "{longer:#}"
    );
    ground
        .ctl(&["rules", "backtest", &file, "Cold"])
        .await
        .code(1)
        .says("the file has no alert Cold");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_mistakes_is_told_and_what_it_said_still_holds() {
    let ground = Ground::new().await;
    let file = ground.file("always.yaml", ALWAYS);
    ground.ctl(&["rules", "set", "always", &file]).await.code(0);
    let agent = ground.agent();
    eventually("the alert", async || firing(&ground).await.pop()).await;
    let broken = ALWAYS.replace("answer > 41", "answer >");
    let path = ground.file("broken.yaml", &broken);
    let said = ground.ctl(&["rules", "set", "always", &path]).await.code(1);
    assert!(said.err.contains("expr"), "{}", said.err);
    // Somebody writes it all the same.
    std::fs::write(ground.data.join("rules/always.yaml"), broken).unwrap();
    eventually("the trouble", async || {
        let found = ground.json(&["alerts"]).await;
        let trouble = found["evaluator"]["trouble"][0].as_str()?.to_owned();
        trouble
            .contains("what it said before still holds")
            .then_some(())
    })
    .await;
    assert_eq!(firing(&ground).await.len(), 1);
    ground.ctl(&["rules", "set", "../up", &file]).await.code(1);
    assert_eq!(agent.end().await, Some(0));
}
