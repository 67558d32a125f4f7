//! The journal in the hands of people: filters, copies, damage, and a file from the future.

use std::path::{Path, PathBuf};

use deckwatch_rollout::Phase;
use serde_json::Value;

use crate::harness::{Ground, SERVICE};
use crate::plans;
use crate::scene::Scene;

/// A data folder beside the ground's own, holding this file as its journal.
fn other_folder(ground: &Ground, name: &str, journal: Option<&str>) -> (String, PathBuf) {
    let folder = ground.path(name);
    let path = Path::new(&folder).join("journal.db");
    std::fs::create_dir_all(&folder).unwrap();
    if let Some(from) = journal {
        std::fs::copy(from, &path).unwrap();
    }
    (folder, path)
}

fn count(rows: &Value) -> usize {
    rows.as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_read_copied_and_checked() {
    let scene = Scene::new().await;
    let ground = &scene.ground;
    // A backup in the middle of a rollout, while the driver writes.
    scene.start("v2", &plans::quick(), &[]).await.code(0);
    let mut backups = Vec::new();
    for n in 0..5 {
        let to = ground.path(&format!("backup-{n}.db"));
        ground.ctl(&["journal", "backup", &to]).await.code(0);
        backups.push(to);
    }
    scene.ended(Phase::Promoted).await;
    for (n, backup) in backups.iter().enumerate() {
        let (folder, _) = other_folder(ground, &format!("b{n}"), Some(backup));
        let found = ground.json(&["--data", &folder, "journal", "verify"]).await;
        assert_eq!(found["sound"], true);
        assert!(found["events"].as_u64() > Some(5), "{found}");
    }
    ground
        .ctl(&["journal", "backup", &backups[0]])
        .await
        .code(1)
        .says("backup-0.db");
    // Filters.
    let events = async |args: &[&str]| {
        let mut all = vec!["journal", "events", "-n", "1000"];
        all.extend(args);
        ground.json(&all).await
    };
    let all = events(&[]).await;
    let started = events(&["--kind", "rollout.started"]).await;
    assert_eq!(count(&started), 2, "v1 and v2");
    assert_eq!(count(&events(&["--service", SERVICE]).await), count(&all));
    assert_eq!(count(&events(&["--service", "nope"]).await), 0);
    let by_engine = count(&events(&["--actor", "engine@"]).await);
    assert_eq!(
        by_engine + count(&events(&["--kind", "rollout.started"]).await),
        count(&all)
    );
    let at = started[1]["occurred_at"]
        .as_str()
        .expect("a time")
        .to_owned();
    let since = events(&["--since", &at]).await;
    assert!(count(&since) > 0 && count(&since) < count(&all));
    assert_eq!(
        count(&events(&["--until", "2000-01-01T00:00:00Z"]).await),
        0
    );
    let newest = ground.json(&["journal", "events", "-n", "1"]).await;
    assert_eq!(newest[0]["seq"], all[count(&all) - 1]["seq"]);
    ground
        .ctl(&["journal", "events", "--since", "yesterday-ish"])
        .await
        .code(2);
    // Out, into an empty folder, and the same chain there.
    let export = ground.path("export.ndjson");
    let exported = ground.json(&["journal", "export", &export]).await;
    ground
        .ctl(&["journal", "export", &export])
        .await
        .code(1)
        .says("export.ndjson");
    let (folder, _) = other_folder(ground, "imported", None);
    let imported = ground
        .json(&["--data", &folder, "journal", "import", &export])
        .await;
    assert_eq!(imported["head_hash"], exported["head_hash"]);
    ground
        .ctl(&["--data", &folder, "journal", "verify"])
        .await
        .code(0);
    let again = ground
        .ctl(&["--data", &folder, "journal", "import", &export])
        .await;
    again.code(1).says("empty");
    let there = ground.json(&["--data", &folder, "rollout", "list"]).await;
    assert_eq!(there, ground.json(&["rollout", "list"]).await);
    // A changed line is not taken, and nothing of it is kept.
    let text = std::fs::read_to_string(&export).unwrap();
    let forged = ground.file("forged.ndjson", &text.replacen("v2", "v9", 1));
    let (folder, _) = other_folder(ground, "forged", None);
    ground
        .ctl(&["--data", &folder, "journal", "import", &forged])
        .await
        .code(1);
    assert_eq!(
        count(&ground.json(&["--data", &folder, "journal", "events"]).await),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_set_aside_and_the_future_is_left_alone() {
    let ground = Ground::new().await;
    let agent = ground.agent();
    crate::scene::stand_up(&ground).await;
    let backup = ground.path("backup.db");
    ground
        .ctl(&["freeze", "declare", "a needle in the log"])
        .await
        .code(0);
    ground.ctl(&["journal", "backup", &backup]).await.code(0);
    // One byte of one event.
    let (folder, path) = other_folder(&ground, "flipped", Some(&backup));
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = b"a needle in the log";
    let at = bytes
        .windows(needle.len())
        .position(|w| w == needle)
        .expect("the declared freeze");
    bytes[at + 2] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let there = async |args: &[&str]| {
        let mut all = vec!["--data", &folder];
        all.extend(args);
        ground.ctl(&all).await
    };
    let found = there(&["journal", "verify"]).await.code(6);
    assert!(
        found.out.contains("event ") && found.out.contains("payload"),
        "where: {}",
        found.out
    );
    there(&["doctor"]).await.code(6).says("set-aside");
    there(&["journal", "set-aside"])
        .await
        .code(0)
        .says("a new one has begun");
    there(&["journal", "verify"]).await.code(0);
    there(&["journal", "events"])
        .await
        .code(0)
        .says("journal.began");
    there(&["journal", "set-aside"])
        .await
        .code(0)
        .says("nothing was done");
    there(&["freeze", "declare", "life goes on"]).await.code(0);
    there(&["journal", "verify"]).await.code(0);
    // A format from the future: refused by whatever would use it, and not a byte is touched.
    let (folder, path) = other_folder(&ground, "newer", Some(&backup));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let uses: [&[&str]; 6] = [
        &["journal", "events"],
        &["journal", "verify"],
        &["journal", "set-aside"],
        &["rollout", "list"],
        &["freeze", "declare", "x"],
        &["rollout", "pause", SERVICE],
    ];
    for args in uses {
        let mut all = vec!["--data", &folder];
        all.extend(args);
        let ran = ground.ctl(&all).await.code(1).says("newer Deckwatch");
        assert_eq!(ran.err.trim().lines().count(), 1, "{}", ran.err);
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "not a byte");
    agent.end().await;
}
