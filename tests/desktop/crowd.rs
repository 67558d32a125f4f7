//! Many services in a real node, and figures for them that change every second: what the window
//! of a large house looks at. The services are defined as any other; no instance runs and
//! the figures are made up, as a thousand real ones need more than one machine.

use std::path::Path;
use std::time::Duration;

use deckwatch_domain::Timestamp;
use deckwatch_signals::{NODE_JOB, RESPONSE_SECONDS, RESPONSES, Sample, SampleStore};
use serde_json::{Value, json};

use crate::Window;

/// Out of the range that outgoing connections are given.
const PORTS: u16 = 21_000;

pub fn name(index: usize) -> String {
    format!("service-{index:04}")
}

/// A window on `count` services whose figures change until the handle is aborted.
pub async fn open(count: usize) -> (Window, tokio::task::JoinHandle<()>) {
    let window = Window::fresh().await;
    window.read("Welcome aboard").await;
    define(&window, count).await;
    let folder = window.folder.clone();
    let beating = tokio::spawn(async move { keep_beating(&folder, count).await });
    window.read(&name(0)).await;
    (window, beating)
}

/// Defines `count` services in the window's own environment, as the editor's form does.
pub async fn define(window: &Window, count: usize) {
    let started = window.ask("local", "node_start", json!({})).await;
    assert!(started["problem"].is_null(), "{started}");
    for first in (0..count).step_by(100) {
        let definitions: Vec<Value> = (first..count.min(first + 100))
            .map(|index| {
                let port = usize::from(PORTS) + index;
                json!({ "yaml": format!(
                    "service: {}\nlisten: 127.0.0.1:{port}\ncommand: [/bin/false]\n",
                    name(index)
                ) })
            })
            .collect();
        let answer = window
            .ask_each("local", "services_define", definitions)
            .await;
        assert_eq!(answer, Value::Null, "a service could not be defined");
    }
}

/// Writes figures for `count` services into the folder's samples once a second, for ever.
pub async fn keep_beating(folder: &Path, count: usize) {
    let store = SampleStore::open(&folder.join("samples.db"))
        .await
        .expect("samples");
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    let mut round = 0u32;
    loop {
        beat.tick().await;
        round += 1;
        let samples: Vec<Sample> = (0..count).flat_map(|index| figures(index, round)).collect();
        store.append(now(), &samples).await.expect("written");
    }
}

pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    Timestamp::from_millis(since.as_millis() as i64)
}

/// Counters of one service as of one round: all rise, at a rate of its own.
fn figures(index: usize, round: u32) -> Vec<Sample> {
    let service = name(index);
    let base = |more: (&'static str, &'static str)| {
        [
            ("job", NODE_JOB),
            ("service", service.as_str()),
            ("slot", "blue"),
            ("release", "v1"),
            more,
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let of = |metric: &str, more, value| {
        let labels = base(more);
        let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (&**n, &**v)).collect();
        Sample::new(metric, &labels, value)
    };
    let rate = 1.0 + (index % 97) as f64;
    // Every second the rate is another one, so that every row changes.
    let total = rate * f64::from(round) + f64::from(round % 3);
    let bad = if index % 50 == 7 { total * 0.03 } else { 0.0 };
    let buckets = format!("{RESPONSE_SECONDS}_bucket");
    vec![
        of(RESPONSES, ("class", "2xx"), total - bad),
        of(RESPONSES, ("class", "5xx"), bad),
        of(&buckets, ("le", "0.1"), total * 0.9),
        of(&buckets, ("le", "0.25"), total),
        of(&buckets, ("le", "+Inf"), total),
    ]
}
