//! The journal in the hands of people: filters, copies, damage, and a file from the future.

use std::path::{Path, PathBuf};

use deckwatch_rollout::Phase;
use serde_json::Value;

use crate::harness::{Ground, SERVICE, eventually};
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

/// The head that is noted outside of the journal, and the journal's own.
async fn noted_and_head(ground: &Ground) -> (u64, u64) {
    let text = std::fs::read_to_string(ground.data.join("journal.anchor")).unwrap_or_default();
    let noted = serde_json::from_str(&text).unwrap_or(Value::Null);
    let newest = ground.json(&["journal", "events", "-n", "1"]).await;
    let seq = |value: &Value| value["seq"].as_u64().unwrap_or(0);
    (seq(&noted), seq(&newest[0]))
}

/// Puts another file in the journal's place, while nobody has it open.
fn put_in_place(ground: &Ground, file: &str) {
    for name in ["journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(ground.data.join(name));
    }
    std::fs::copy(file, ground.data.join("journal.db")).unwrap();
}

async fn freeze_and_lift(ground: &Ground) {
    ground.ctl(&["freeze", "declare", "a test"]).await.code(0);
    ground.ctl(&["freeze", "lift"]).await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_tail_is_seen_and_set_aside() {
    let ground = Ground::new().await;
    let agent = ground.agent();
    crate::scene::stand_up(&ground).await;
    // What the driver wrote is noted while it runs.
    eventually("the driver's note", || async {
        let (noted, head) = noted_and_head(&ground).await;
        (noted == head && head > 5)
            .then_some(())
            .ok_or(format!("{noted} of {head}"))
    })
    .await;
    assert_eq!(agent.end().await, Some(0));
    let early = ground.path("early.db");
    ground.ctl(&["journal", "backup", &early]).await.code(0);
    // And what a command wrote, when it ends.
    freeze_and_lift(&ground).await;
    let (noted, head) = noted_and_head(&ground).await;
    assert_eq!(noted, head);
    ground.ctl(&["journal", "verify"]).await.code(0);

    // An older copy is a tail cut off cleanly.
    put_in_place(&ground, &early);
    ground
        .ctl(&["journal", "verify"])
        .await
        .code(6)
        .says("its tail was cut off");
    ground.ctl(&["doctor"]).await.code(6).says("set-aside");
    // It grows beyond the note, and the note stands: the first to write says so.
    let wrote = ground.ctl(&["freeze", "declare", "a test"]).await.code(0);
    assert!(wrote.err.contains("journal set-aside"), "{}", wrote.err);
    ground.ctl(&["freeze", "lift"]).await.code(0);
    freeze_and_lift(&ground).await;
    let (still, grown) = noted_and_head(&ground).await;
    assert!(still == noted && grown > noted, "{still} of {grown}");
    let agent = ground.agent();
    freeze_and_lift(&ground).await;
    ground
        .ctl(&["journal", "verify"])
        .await
        .code(6)
        .says("another event");
    assert_eq!(agent.end().await, Some(0));
    assert_eq!(noted_and_head(&ground).await.0, noted);
    let log = std::fs::read_to_string(ground.path("agents.log")).unwrap();
    assert_eq!(log.matches("another event").count(), 1, "said once: {log}");

    ground
        .ctl(&["journal", "set-aside"])
        .await
        .code(0)
        .says("a new one has begun");
    ground.ctl(&["journal", "verify"]).await.code(0);
    ground
        .ctl(&["journal", "events"])
        .await
        .code(0)
        .says("journal.began");
    let agent = ground.agent();
    freeze_and_lift(&ground).await;
    ground.ctl(&["journal", "verify"]).await.code(0);
    assert_eq!(agent.end().await, Some(0));
    let (noted, head) = noted_and_head(&ground).await;
    assert_eq!(noted, head);
}

/// A rollback with nobody else about leaves the note as it is: it cannot have waited for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_waits_for_no_note() {
    let mut scene = Scene::new().await;
    scene.canary("v2", 20, &[]).await;
    assert_eq!(scene.agent.take().unwrap().end().await, Some(0));
    let (noted, head) = noted_and_head(&scene.ground).await;
    assert_eq!(noted, head);
    let turn = std::fs::File::create(scene.ground.data.join("journal.anchor.lock")).unwrap();
    turn.lock().unwrap();
    let answer = scene.back("v2", &[]).await;
    assert_eq!(answer.recorded, "journal");
    drop(turn);
    let (still, head) = noted_and_head(&scene.ground).await;
    assert!(still == noted && head > noted, "{still} of {head}");
    // Whoever writes next notes that as well.
    freeze_and_lift(&scene.ground).await;
    let (noted, head) = noted_and_head(&scene.ground).await;
    assert_eq!(noted, head);
}
