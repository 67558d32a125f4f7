//! With the keyboard alone: a release goes out, a colleague's is approved, and both come back.

use std::process::Command;
use std::time::Duration;

use crate::{Window, driver::PROGRAM};

/// Longer than the 700 ms that the emergency control asks for.
const HELD: Duration = Duration::from_millis(1200);

const GATED: &str = "\
plan: gated
strategy: canary
steps:
  - weight: 20
    bake: { min: 0s, max: 10m }
    analysis: false
    gates: [ { approval: { count: 1 } } ]
  - { weight: 50, bake: { min: 10m, max: 20m }, analysis: false }
  - { weight: 100, bake: { min: 0s, max: 10m }, analysis: false }
analysis: { metrics: [] }
rollback_window: 10m
baseline: 0s
";

/// A colleague at another machine, as far as the journal can know: the same program under
/// another host name.
fn colleague(window: &Window, args: &[&str]) {
    let ctl = std::path::Path::new(PROGRAM).with_file_name("deckwatchctl");
    let mut inside = vec![
        "--uts".to_owned(),
        "sh".to_owned(),
        "-c".to_owned(),
        "hostname colleague && exec \"$@\"".to_owned(),
        "sh".to_owned(),
        ctl.display().to_string(),
        "--data".to_owned(),
        window.folder.join("training").display().to_string(),
    ];
    inside.extend(args.iter().map(|a| (*a).to_owned()));
    let root = Command::new("id").arg("-u").output().expect("id").stdout == b"0\n";
    let alone: &[&str] = if root {
        &[]
    } else {
        &["--user", "--map-root-user"]
    };
    let ran = Command::new("unshare").args(alone).args(&inside).output();
    let ran = ran.expect("unshare");
    assert!(
        ran.status.success(),
        "{args:?}: {}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

async fn take_back(window: &Window) {
    window.press("Control+Shift+R").await;
    window.read("Hold to roll back checkout").await;
    window.hold("Enter", HELD).await;
    window.read("traffic is back").await;
    window.press("Escape").await;
}

#[tokio::test]
async fn start_approve_and_roll_back_without_a_mouse() {
    let window = Window::fresh().await;
    window.read("Welcome aboard").await;
    window.press("t").await;
    window.read("Close the ground").await;

    // A release by the form: its service, its version, the plan by typing its name.
    window.press("n").await;
    window.read("Start a rollout").await;
    window.see("dialog option[value=training-by-hand]").await;
    window.focus("Service").await;
    window.type_in("checkout").await;
    window.focus("Version").await;
    window.type_in("v3").await;
    window.focus("Plan").await;
    window.type_in("training-by").await;
    window.read("A quarter of the traffic").await;
    window.press("Control+Enter").await;
    window.read("Paused, by its plan").await;
    window.read("25 %").await;
    take_back(&window).await;
    window.read("Rolled back").await;

    // A colleague's release asks for somebody who is not its author.
    let plan = window.folder.join("gated.yaml");
    std::fs::write(&plan, GATED).expect("a plan");
    let plan = plan.display().to_string();
    colleague(
        &window,
        &["rollout", "start", "checkout", "v2", "--plan-file", &plan],
    );
    window.read("approval").await;
    window.read("20 %").await;
    window.press("a").await;
    window.read("Approve this step of checkout").await;
    window.type_in("looks good").await;
    window.press("Control+Enter").await;
    window.read("step 2 of 3").await;
    window.read("50 %").await;
    take_back(&window).await;
    window.read("Rolled back").await;
    window.close().await;
}
