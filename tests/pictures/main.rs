//! Takes pictures of the real window at work: `make screenshots`. No test; it asserts only that
//! what is to be seen is there.
//!
//! `DECKWATCH_PICTURES` is the folder they go to; with `DECKWATCH_EVERY` every view is taken in
//! each theme and at two sizes, to be looked at; else the README's few.

#[path = "../desktop/driver.rs"]
mod driver;

use std::path::{Path, PathBuf};
use std::time::Duration;

use driver::{PROGRAM, Window};
use serde_json::json;

const VIEWS: [(&str, &str); 15] = [
    ("bridge", "/bridge"),
    ("rollout", "/rollouts/checkout"),
    ("services", "/services/checkout"),
    ("slos", "/slos"),
    ("slo", "/slos/checkout/availability-burn"),
    ("alerts", "/alerts"),
    ("rules", "/alerts/rules"),
    ("rule-editor", "/alerts/rules/services"),
    ("explore", EXPLORED),
    ("dashboards", "/metrics/dashboards"),
    ("targets", "/metrics/targets"),
    ("machine", "/metrics/machine"),
    ("journal", "/journal"),
    ("training", "/training"),
    ("settings", "/settings"),
];

/// Answers a second by slot, and how long the slowest twentieth take.
const EXPLORED: &str = "/metrics/explore?over=5m\
    &q=sum%20by%20(slot)%20(rate(deckwatch_proxy_responses_total%5B1m%5D))\
    &q2=histogram_quantile(0.95%2C%20sum%20by%20(le)%20(rate(deckwatch_proxy_response_seconds_bucket%5B1m%5D)))";

#[tokio::main]
async fn main() {
    let to = std::env::var_os("DECKWATCH_PICTURES").unwrap_or_else(|| "target/pictures".into());
    let to = PathBuf::from(to);
    std::fs::create_dir_all(&to).expect("a folder for the pictures");
    if std::env::var_os("DECKWATCH_EVERY").is_none() {
        few(&to).await;
        return;
    }
    for (width, height) in [(1280, 800), (1920, 1080)] {
        every(&to, width, height).await;
    }
}

async fn open(width: u32, height: u32) -> Window {
    let state = json!({"main": {
        "width": width, "height": height, "x": 0, "y": 0, "prev_x": 0, "prev_y": 0,
        "maximized": false, "visible": true, "decorated": true, "fullscreen": false,
    }});
    Window::on(PROGRAM.as_ref(), async |folder| {
        std::fs::write(folder.join("window.json"), state.to_string()).expect("window.json");
    })
    .await
}

async fn take(window: &Window, to: &Path, name: &str) {
    tokio::time::sleep(Duration::from_millis(700)).await;
    let picture = window.client.screenshot().await.expect("a picture");
    std::fs::write(to.join(format!("{name}.png")), picture).expect("written");
    println!("{name}");
}

async fn look(window: &Window, route: &str) {
    window.run(&format!("location.hash = '#{route}'")).await;
}

/// The training ground with a minute of history, and a release that is being judged.
async fn ground(window: &Window) {
    window.read("Welcome aboard").await;
    window.press("t").await;
    window.read("Close the ground").await;
    promise(window).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    release(window, "v2").await;
}

/// Two objectives of the drilled service, and the rules that ship for services.
async fn promise(window: &Window) {
    let presets = window.ask("training", "rules_presets", json!({})).await;
    let text = presets["answer"][0]["yaml"].clone();
    let rules = json!({"name": "services", "yaml": text});
    let written = window.ask("training", "rules_write", rules).await;
    assert!(written["problem"].is_null(), "{written}");
    for name in ["availability-burn", "latency"] {
        let preset = json!({"name": name, "service": "checkout"});
        let preset = window.ask("training", "slo_preset", preset).await;
        let text = preset["answer"]["yaml"].clone();
        let told = window
            .ask(
                "training",
                "slo_import",
                json!({"text": text, "dry": false}),
            )
            .await;
        assert!(told["problem"].is_null(), "{told}");
    }
}

async fn release(window: &Window, version: &str) {
    let plan = "plan: canary-in-minutes\nstrategy: canary\nsteps:\n\
        - { weight: 10, bake: { min: 20s, max: 5m } }\n\
        - { weight: 50, bake: { min: 5m, max: 9m }, gates: [ { approval: { count: 1, role: release-manager } } ] }\n\
        - { weight: 100, bake: { min: 5m, max: 9m } }\n\
        analysis:\n  alpha: 0.01\n  interval: 1s\n  metrics:\n\
        \x20   - { name: errors, count: errors, margin: 3% }\n\
        \x20   - { name: slow answers, slower_than: 300ms, critical: false, margin: 5% }\n\
        baseline: 10s\n";
    let start = json!({"service": "checkout", "version": version, "plan_yaml": plan});
    let begun = window.ask("training", "rollouts_start", start).await;
    assert!(begun["problem"].is_null(), "{begun}");
}

async fn few(to: &Path) {
    let window = open(1280, 800).await;
    ground(&window).await;
    look(&window, "/rollouts/checkout").await;
    window.read("50 %").await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    take(&window, to, "rollout").await;
    look(&window, "/bridge").await;
    take(&window, to, "bridge").await;
    window.press("Control+Shift+R").await;
    window.read("Hold to roll back checkout").await;
    take(&window, to, "emergency").await;
    window.close().await;
}

async fn every(to: &Path, width: u32, height: u32) {
    let window = open(width, height).await;
    window.read("Welcome aboard").await;
    take(&window, to, &format!("{width}-first-run")).await;
    ground(&window).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    for theme in ["dark", "light", "contrast"] {
        window
            .run(&format!(
                "document.documentElement.dataset.theme = '{theme}'"
            ))
            .await;
        for (name, route) in VIEWS {
            look(&window, route).await;
            take(&window, to, &format!("{width}-{theme}-{name}")).await;
        }
        window.press("Control+Shift+R").await;
        window.read("Hold to roll back checkout").await;
        take(&window, to, &format!("{width}-{theme}-emergency")).await;
        window.press("Escape").await;
        for (key, name) in [("?", "keys"), (":", "palette"), ("n", "start")] {
            window.press(key).await;
            take(&window, to, &format!("{width}-{theme}-{name}")).await;
            window.press("Escape").await;
        }
    }
    window.close().await;
}
