//! The drills as people start them, the demo, and what Ctrl-C leaves behind: nothing.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::harness::{Ground, eventually, processes_with, signal};

async fn drill(name: &str) -> Value {
    drill_played(name, &[], &[]).await
}

/// Plays a drill as people start it; once the rollout is held or over as `when` says, somebody
/// else does what the drill asks for. Nothing may be left, whatever was done to the ground.
async fn drill_played(name: &str, when: &[&str], act: &[&str]) -> Value {
    let ground = Ground::new().await;
    let began = Instant::now();
    let all = played(name);
    let (ran, ()) = tokio::join!(ground.ctl(&all), person(&ground, when, act));
    let outcome = ran.code(0).json();
    eprintln!(
        "{name}: {:.1} s; {} {}",
        began.elapsed().as_secs_f64(),
        outcome["grade"],
        outcome["words"]
    );
    assert_eq!(outcome["passed"], true, "{outcome:#}");
    assert_eq!(outcome["drill"], name);
    as_found(&ground);
    outcome
}

/// A load that a busy machine of two cores bears: what is judged at 1 % needs all of it.
fn played(name: &str) -> [&str; 6] {
    let rate = match name {
        "good canary" | "bad canary" | "driver dies mid-step" | "journal lost" => "1000",
        _ => "500",
    };
    ["--json", "training", "drill", name, "--rate", rate]
}

/// Waits until the rollout's phase is one of these, then does that.
async fn person(ground: &Ground, when: &[&str], act: &[&str]) {
    if act.is_empty() {
        return;
    }
    eventually("the moment to act", || async {
        let show = ["--json", "--training", "rollout", "show", "checkout"];
        let ran = ground.ctl(&show).await;
        let view: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        let phase = view["status"]["phase"].to_string();
        let plan = view["status"]["plan"].to_string();
        let now = plan.contains("drill-") && when.iter().any(|w| phase.contains(w));
        now.then_some(()).ok_or(phase)
    })
    .await;
    // A person reads first.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut all = vec!["--training"];
    all.extend(act);
    ground.ctl(&all).await.code(0);
}

/// No request was lost by what was done to the ground.
fn lossless(outcome: &Value) {
    assert_eq!(outcome["grade"]["dropped"], 0, "{outcome:#}");
}

fn says(outcome: &Value, part: &str) {
    let words = outcome["words"].to_string();
    assert!(words.contains(part), "`{part}` is missing in: {outcome:#}");
}

/// No wrong clock, no schema and no process is left behind.
fn as_found(ground: &Ground) {
    let folder = ground.data.join("training");
    for name in ["clock.skew", "clock.line", "checkout.schema"] {
        assert!(!folder.join(name).exists(), "{name} is left");
    }
    let mark = format!("DECKWATCH_DATA={}\0", ground.data.display());
    let left = processes_with(mark.as_bytes());
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_good_canary() {
    lossless(&drill("good canary").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_bad_canary() {
    lossless(&drill("bad canary").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_blue_green_switch_and_back() {
    lossless(&drill("blue-green switch and back").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_driver_dies_mid_step() {
    lossless(&drill("driver dies mid-step").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_journal_lost() {
    lossless(&drill("journal lost").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_crash_on_start() {
    let outcome = drill("crash on start").await;
    lossless(&outcome);
    assert_eq!(outcome["load"]["versions"]["v7"], Value::Null);
    assert!(outcome["grade"]["detected_in"].is_string(), "{outcome:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_no_traffic() {
    let act = ["rollout", "retry", "checkout"];
    let outcome = drill_played("no traffic", &["no-data"], &act).await;
    lossless(&outcome);
    says(&outcome, "v2 ended promoted, 2 steps judged Pass");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_slow_leak() {
    let act = ["rollback", "checkout", "--reason", "it leaks"];
    let outcome = drill_played("slow leak", &["planned"], &act).await;
    lossless(&outcome);
    says(&outcome, "the gauge warned");
    says(&outcome, "v6 ended rolled back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_node_killed() {
    let outcome = drill("node killed").await;
    says(&outcome, "the traffic was as before");
    // It was really gone: there is no such thing as a kill that nobody feels.
    assert!(
        outcome["grade"]["dropped"].as_u64() > Some(0),
        "{outcome:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_laptop_asleep() {
    let outcome = drill("laptop asleep").await;
    lossless(&outcome);
    says(&outcome, "another driver went on");
    says(&outcome, "nothing was written twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_clock_jump() {
    let outcome = drill("clock jump").await;
    lossless(&outcome);
    says(&outcome, "in order: yes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_disk_full() {
    let outcome = drill("disk full").await;
    lossless(&outcome);
    says(&outcome, "its record is in the journal, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_rolling_undo() {
    let outcome = drill("rolling undo").await;
    lossless(&outcome);
    says(&outcome, "v2 was promoted in 2 batches");
    says(&outcome, "only v1 answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_overload_on_the_way_back() {
    let act = ["rollback", "checkout", "--reason", "it fails"];
    let outcome = drill_played("overload on the way back", &["promoted"], &act).await;
    says(&outcome, "v1 bears everybody again");
    // One instance alone was really too small.
    let failed = outcome["load"]["versions"]["v1"]["bad"].as_u64();
    assert!(failed > Some(0), "{outcome:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_one_way_migration() {
    let act = ["rollback", "checkout", "--kind", "full"];
    let outcome = drill_played("one-way migration", &["promoted"], &act).await;
    lossless(&outcome);
    says(&outcome, "advised full");
    says(&outcome, "the full way back at once");
    says(&outcome, "v1 serves as before");
}

/// What a hurried person learns: the traffic alone does not heal it, and asking once more does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_one_way_migration_taken_back_quickly() {
    let ground = Ground::new().await;
    let all = played("one-way migration");
    let (ran, ()) = tokio::join!(ground.ctl(&all), async {
        person(&ground, &["promoted"], &["rollback", "checkout"]).await;
        // Longer than the drill waits before it says what is wrong.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let full = ["--training", "rollback", "checkout", "--kind", "full"];
        ground.ctl(&full).await.code(0);
    });
    let outcome = ran.code(0).json();
    says(&outcome, "traffic went back alone at first");
    says(&outcome, "v1 serves as before");
    let failed = outcome["load"]["versions"]["v1"]["bad"].as_u64();
    assert!(failed > Some(500), "{outcome:#}");
    assert!(outcome["grade"]["stars"].as_u64() < Some(3), "{outcome:#}");
    as_found(&ground);
}

/// The console that plays is killed while the driver is asleep, the clock is wrong and its
/// release is halfway out: the driver ends with it, and the next drill is played as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_whose_console_is_killed_leaves_no_driver() {
    let ground = Ground::new().await;
    let mut command = ground.command(&["training", "drill", "laptop asleep"]);
    let mut playing = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(playing.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("is closed") {
            break;
        }
    }
    let mark = format!("DECKWATCH_DATA={}\0", ground.data.display());
    let drivers = || {
        let all = processes_with(mark.as_bytes());
        all.iter()
            .filter(|(_, line)| line.contains(" agent "))
            .count()
    };
    assert_eq!(drivers(), 2);
    playing.kill().await.unwrap();
    eventually("no driver", || async {
        match drivers() {
            0 => Ok(()),
            n => Err(format!("{n} are left")),
        }
    })
    .await;
    let outcome = ground.ctl(&played("crash on start")).await.code(0).json();
    assert_eq!(outcome["passed"], true, "{outcome:#}");
    as_found(&ground);
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
