//! The drills as people start them, the demo, and what Ctrl-C leaves behind: nothing.

use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Ground, processes_with, signal};

async fn drill(name: &str) {
    let ground = Ground::new().await;
    let outcome = ground
        .ctl(&["--json", "training", "drill", name])
        .await
        .code(0)
        .json();
    assert_eq!(outcome["passed"], true, "{outcome:#}");
    assert_eq!(outcome["grade"]["dropped"], 0, "{outcome:#}");
    assert_eq!(outcome["drill"], name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_good_canary() {
    drill("good canary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_bad_canary() {
    drill("bad canary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_blue_green_switch_and_back() {
    drill("blue-green switch and back").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_driver_dies_mid_step() {
    drill("driver dies mid-step").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_journal_lost() {
    drill("journal lost").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_demo_leaves_nothing() {
    let ground = Ground::new().await;
    let mut command = ground.command(&["demo", "--rate", "300"]);
    let mut demo = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = demo.id().unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(demo.try_wait().unwrap().is_none(), "it ended by itself");
    let mark = format!("DECKWATCH_DATA={}\0", ground.data.display());
    let during = processes_with(mark.as_bytes()).len();
    assert!(during > 4, "demo, agent, node and instances: {during}");
    signal(pid, "INT");
    let ended = tokio::time::timeout(Duration::from_secs(60), demo.wait_with_output()).await;
    let output = ended.expect("it ends when it is asked to").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("stopping everything"), "{said}");
    // At once: the promise is that nothing is left when the prompt is back.
    let left = processes_with(mark.as_bytes());
    assert!(left.is_empty(), "{left:#?}");
}
