//! The ways that people take through the window.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Window;

/// Longer than the 700 ms that the emergency control asks for.
const HELD: Duration = Duration::from_millis(1200);
const DRILL: Duration = Duration::from_secs(180);

async fn training(window: &Window) -> Value {
    window.ask("training", "training_show", json!({})).await["answer"].clone()
}

/// Asks until the answer is as wanted.
async fn until(window: &Window, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let view = training(window).await;
        if wanted(&view) {
            return view;
        }
        assert!(
            began.elapsed() < DRILL,
            "{what} did not happen: {}",
            view["playing"]
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// On first start somebody who has never seen it is led to the training ground, and takes a bad
/// release back there with the emergency control, by keys alone.
#[tokio::test]
async fn first_run_drill_and_rollback_by_press_and_hold() {
    let window = Window::fresh().await;
    window.read("Welcome aboard").await;
    window.press("t").await;
    window.read("Close the ground").await;
    window.press("2").await;
    window.read_within("being hurt", DRILL).await;
    window.press("Control+Shift+R").await;
    window.read("Hold to roll back checkout").await;
    // Letting go too early does nothing.
    window.hold("Enter", Duration::from_millis(200)).await;
    window.read("Hold to roll back checkout").await;
    window.hold("Enter", HELD).await;
    window.read("traffic is back").await;
    let view = until(&window, "the grade", |v| !v["grades"][0].is_null()).await;
    let grade = &view["grades"][0];
    assert_eq!(grade["drill"], "take it back", "{grade}");
    assert_eq!(grade["passed"], true, "{grade}");
    assert_eq!(grade["dropped"], 0, "{grade}");
    window.close().await;
}

/// What was written before a crash is there after it, and the way back with it.
#[tokio::test]
async fn a_killed_window_is_opened_again_and_takes_the_release_back() {
    let window = Window::fresh().await;
    window.read("Welcome aboard").await;
    window.press("t").await;
    window.read("Close the ground").await;
    let start = json!({"service": "checkout", "version": "v3", "plan": "training-by-hand"});
    let begun = window.ask("training", "rollouts_start", start).await;
    assert!(begun["problem"].is_null(), "{begun}");
    window.press("g").await;
    window.press("r").await;
    window.read("Paused, by its plan").await;
    window.kill();
    let window = window.again().await;
    window.press("g").await;
    window.press("r").await;
    window.read("Paused, by its plan").await;
    window.read("25 %").await;
    // The ground is opened again, and what was started in it by hand goes on.
    let opened = window.ask("training", "training_open", json!({})).await;
    assert!(opened["problem"].is_null(), "{opened}");
    window.read("Paused, by its plan").await;
    window.press("Control+Shift+R").await;
    window.read("Hold to roll back checkout").await;
    window.hold("Enter", HELD).await;
    window.read("traffic is back").await;
    window.press("Escape").await;
    // Its driver died with its window; the new window brings to an end what was under way.
    window.read("rolled back by hand").await;
    window.close().await;
}

/// A journal that is nonsense is said to be, and everything else goes on.
#[tokio::test]
async fn a_broken_journal_is_shown_as_what_it_is() {
    let window = Window::fresh().await;
    window.read("Welcome aboard").await;
    let folder = window.folder.clone();
    window.kill();
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let path = folder.join(file);
        if path.exists() {
            std::fs::write(path, vec![0xA5; 8192]).expect("nonsense");
        }
    }
    let window = window.again().await;
    window.press("g").await;
    window.press("j").await;
    window.read("The journal cannot be used").await;
    window.read("Rolling back works all the same").await;
    window.close().await;
}
