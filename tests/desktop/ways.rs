//! The ways that people take through the window.

use std::time::Duration;

use crate::Window;

/// On first start somebody who has never seen it is led to the training ground, and presses the
/// emergency control there.
#[tokio::test]
async fn first_run_drill_and_rollback_by_press_and_hold() {
    let window = Window::fresh().await;
    window.click("Open the training ground").await;
    window.read("take it back").await;
    window.close().await;
    let _ = Duration::ZERO;
}
