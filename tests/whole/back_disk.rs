//! Traffic comes back with a full disk, and the record is not lost to it.

use std::io::Write;

use deckwatch_rollout::Phase;

use crate::aftermath::{recorded_once, sound};
use crate::harness::Ground;
use crate::mounts;
use crate::scene::Scene;

/// Writes until nothing more fits.
fn fill(scene: &Scene) -> std::path::PathBuf {
    let path = scene.ground.data.join("ballast");
    let mut file = std::fs::File::create(&path).unwrap();
    // Large pieces first, then what is left in single bytes' reach of the end.
    for size in [64 * 1024, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_with_a_full_disk() {
    let mut why = None;
    let ground = Ground::prepared(|data| why = mounts::small_disk(data, 24 * 1024).err()).await;
    if let Some(why) = why {
        mounts::skipped("rollback with a full disk", &why);
        return;
    }
    let mut scene = Scene::on(ground).await;
    scene.canary("v2", 20, &[]).await;
    // With the driver alive beside it …
    let ballast = fill(&scene);
    let first = scene.back("v2", &[]).await;
    assert!(
        first.recorded.contains("not yet in the journal"),
        "{}",
        first.recorded
    );
    assert!(first.report.acknowledged_us < 3_000_000, "{first:?}");
    std::fs::remove_file(&ballast).unwrap();
    recorded_once(&scene.ground, first.report.record.event_id).await;
    scene.ended(Phase::RolledBack).await;
    // … and with nobody, and a new driver that finds it later.
    scene.canary("v2", 20, &[]).await;
    scene.agent.take().unwrap().kill().await;
    let ballast = fill(&scene);
    let second = scene.back("v2", &[]).await;
    // The node may be killed on the full disk as well: what it acknowledged is kept.
    let before = scene.ground.observe().await.traffic;
    assert_eq!(scene.dropped(), 0, "{:?}", scene.load.snapshot().failures);
    let node = scene.ground.platform.node().await.unwrap().pid;
    crate::harness::signal(node, "KILL");
    scene.ground.ctl(&["node", "start"]).await.code(0);
    assert_eq!(scene.ground.observe().await.traffic, before);
    std::fs::remove_file(&ballast).unwrap();
    scene.new_agent().await;
    recorded_once(&scene.ground, second.report.record.event_id).await;
    scene.ended(Phase::RolledBack).await;
    sound(&scene.ground).await;
}
