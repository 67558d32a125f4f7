//! Disks that are full, torn or wrong.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use deckwatch_domain::{Slot, Weights};
use deckwatch_platform::{Action, PlatformError};

use crate::rig::{Rig, until};

/// A disk of a few hundred KiB, unmounted at the end.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount() -> Option<TinyDisk> {
        let dir = tempfile::Builder::new().prefix("dw").tempdir().ok()?;
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(dir.path())
            .output()
            .ok()?;
        done.status.success().then_some(TinyDisk(dir))
    }

    fn fill(&self) {
        let mut chunk = 64 * 1024;
        let path = self.0.path().join("filler");
        let mut file = std::fs::File::create(path).unwrap();
        while chunk > 0 {
            if std::io::Write::write_all(&mut file, &vec![7; chunk]).is_err() {
                chunk /= 2;
            }
        }
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_no_take_back_and_loses_no_record() {
    let Some(disk) = TinyDisk::mount() else {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    };
    let mut rig = Rig::at(disk.0.path().join("node"), None).await;
    rig.canary_up(1, 10).await;
    disk.fill();
    // A slot order needs new room, and is refused with the reason.
    let scale = Action::Scale {
        slot: Slot::Green,
        instances: 2,
    };
    let refused = rig.apply(1, scale).await;
    assert!(
        matches!(&refused, Err(PlatformError::Broken { why }) if why.contains("written down")),
        "{refused:?}"
    );
    // Traffic needs none.
    rig.weigh(20).await;
    let rehearsed = rig.apply(0, Action::Rehearse(rig.take())).await.unwrap();
    assert!(rehearsed.warnings.is_empty(), "{rehearsed:?}");
    let take = rig.take();
    let applied = rig.apply(0, Action::TakeBack(take.clone())).await.unwrap();
    assert!(applied.warnings.is_empty(), "{applied:?}");
    rig.kill_node();
    rig.start_node(&[]).await;
    let seen = rig.observe().await;
    assert_eq!(seen.traffic.weights, Weights::all_to(Slot::Blue));
    assert_eq!(seen.traffic.records.last().unwrap().event_id, take.event_id);
    assert!(seen.traffic.latched.contains(&rig.rollout));
    rig.kill_node();
}

fn only(folder: &Path, ending: &str) -> std::path::PathBuf {
    folder.join("services").join(format!("shop.{ending}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_write_falls_back_and_says_so() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 10).await;
    rig.weigh(20).await;
    rig.kill_node();
    let path = only(rig.folder.path(), "traffic");
    let mut bytes = std::fs::read(&path).unwrap();
    // The half with the higher generation is the newer one; tear it in the middle.
    let half = bytes.len() / 2;
    let generation = |at: usize| u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap());
    let newer = if generation(0) > generation(half) {
        0
    } else {
        half
    };
    bytes[newer + 100] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    rig.start_node(&[]).await;
    assert_eq!(
        rig.observe().await.traffic.weights,
        Weights::toward(Slot::Green, 10)
    );
    let troubles = rig.platform.node().await.unwrap().troubles;
    assert!(troubles.iter().any(|t| t.contains("torn")), "{troubles:?}");
    rig.ready(Slot::Green, 1).await;
    rig.weigh(30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_set_aside_and_the_node_lives() {
    let mut rig = Rig::new().await;
    rig.platform.define(&rig.definition()).await.unwrap();
    rig.bring_up(Slot::Blue, "v1", 1, &[]).await;
    rig.ready(Slot::Blue, 1).await;
    rig.weigh(0).await;
    rig.kill_node();
    std::fs::write(only(rig.folder.path(), "traffic"), [1; 70_000]).unwrap();
    std::fs::write(rig.folder.path().join("services/odd.json"), b"{").unwrap();
    rig.start_node(&[]).await;
    rig.ready(Slot::Blue, 1).await;
    // Only one release stands, so it is known who has to serve.
    assert_eq!(rig.get("/").await.version.as_deref(), Some("v1"));
    let troubles = rig.platform.node().await.unwrap().troubles.join("\n");
    for said in [
        "in either half; set aside",
        "the only release",
        "odd.json cannot be read",
    ] {
        assert!(troubles.contains(said), "{said}: {troubles}");
    }
    // A definition that tore falls back to the one before.
    rig.kill_node();
    std::fs::write(only(rig.folder.path(), "json"), b"{ torn").unwrap();
    rig.start_node(&[]).await;
    let troubles = rig.platform.node().await.unwrap().troubles.join("\n");
    assert!(
        troubles.contains("what it said before is used"),
        "{troubles}"
    );
    until("it answers", Duration::from_secs(1), async || {
        rig.platform.definition(&rig.service).await.is_ok()
    })
    .await;
}
