//! Traffic comes back when the journal is missing, held, read-only or nonsense, and the record
//! reaches a journal once afterwards.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use deckwatch_console::RollBackAnswer;
use deckwatch_domain::{Actor, EventId, Timestamp};
use deckwatch_journal::{Expected, Journal, NewEvent, Opening, Store};
use deckwatch_rollout::{FallbackFile, Phase, stream};

use crate::aftermath::{recorded_once, sound};
use crate::mounts;
use crate::scene::Scene;

fn journal(scene: &Scene) -> PathBuf {
    scene.ground.data.join("journal.db")
}

/// Back within the time of the write itself: nothing waited for the journal.
async fn back_at_once(scene: &Scene) -> RollBackAnswer {
    let before = scene.dropped();
    let answer = scene.back("v2", &[]).await;
    let took = answer.report.acknowledged_us;
    assert!(
        took < 3_000_000,
        "the write waited for something: {took} µs"
    );
    assert_eq!(
        scene.dropped(),
        before,
        "{:?}",
        scene.load.snapshot().failures
    );
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_without_a_journal() {
    let mut scene = Scene::new().await;
    // Missing: a new one begins with the record. A driver that ends in order notes the head.
    assert_eq!(scene.agent.take().unwrap().end().await, Some(0));
    scene.agent = Some(scene.ground.agent());
    scene.canary("v2", 20, &[]).await;
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(scene.ground.data.join(name));
    }
    let answer = back_at_once(&scene).await;
    // The head that was noted belonged to the lost one, and `verify` must say that.
    scene.ground.ctl(&["journal", "verify"]).await.code(6);
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    // The same driver goes on with the new one: the next release goes out as ever.
    scene.canary("v2", 20, &[]).await;
    let answer = back_at_once(&scene).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    scene.ended(Phase::RolledBack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_with_a_journal_of_nonsense() {
    let scene = Scene::new().await;
    scene.canary("v2", 20, &[]).await;
    for name in ["journal.db", "journal.db-wal"] {
        let file = scene.ground.data.join(name);
        let length = std::fs::metadata(&file).map_or(4096, |m| m.len()) as usize;
        std::fs::write(&file, vec![0xA5; length]).unwrap();
    }
    let answer = back_at_once(&scene).await;
    assert_ne!(answer.recorded, "journal");
    let found = scene.ground.ctl(&["doctor"]).await.code(6);
    assert!(found.out.contains("set-aside"), "{}", found.out);
    scene
        .ground
        .ctl(&["journal", "set-aside"])
        .await
        .code(0)
        .says("a new one has begun");
    // The driver was there all the while, and goes on with the new one.
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    scene.canary("v2", 20, &[]).await;
    let answer = back_at_once(&scene).await;
    scene.ended(Phase::RolledBack).await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    sound(&scene.ground).await;
}

/// Another program that holds the journal for itself until it is dropped.
struct Hold(Child);

impl Hold {
    /// None when nothing here can hold it.
    fn new(scene: &Scene) -> Option<Hold> {
        let path = journal(scene).display().to_string();
        let python = format!(
            "import sqlite3,sys\nc=sqlite3.connect({path:?},isolation_level=None)\nc.execute('begin exclusive')\nprint('held',flush=True)\nsys.stdin.read()"
        );
        let holders: [(&str, Vec<&str>, &str); 2] = [
            ("sqlite3", vec![&path], "BEGIN EXCLUSIVE;\nSELECT 'held';\n"),
            ("python3", vec!["-c", &python], ""),
        ];
        for (program, args, said) in holders {
            let child = Command::new(program)
                .args(args)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let Ok(mut child) = child else { continue };
            child
                .stdin
                .as_mut()
                .unwrap()
                .write_all(said.as_bytes())
                .unwrap();
            let mut line = String::new();
            let mut out = std::io::BufReader::new(child.stdout.as_mut().unwrap());
            std::io::BufRead::read_line(&mut out, &mut line).unwrap();
            assert_eq!(line.trim(), "held", "{program}");
            return Some(Hold(child));
        }
        None
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_while_another_program_holds_the_journal() {
    let scene = Scene::new().await;
    scene.canary("v2", 20, &[]).await;
    let Some(held) = Hold::new(&scene) else {
        mounts::skipped(
            "rollback while the journal is locked",
            "neither sqlite3 nor python3 is here",
        );
        return;
    };
    let answer = back_at_once(&scene).await;
    assert!(
        answer.recorded.contains("not yet in the journal"),
        "{}",
        answer.recorded
    );
    drop(held);
    // The driver, alive all the while, brings the record in by itself.
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    scene.ended(Phase::RolledBack).await;
    sound(&scene.ground).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_with_a_journal_that_cannot_be_written() {
    let mut scene = Scene::new().await;
    scene.canary("v2", 20, &[]).await;
    scene.agent.take().unwrap().kill().await;
    if let Err(why) = mounts::read_only(&journal(&scene)) {
        mounts::skipped("rollback with a read-only journal", &why);
        return;
    }
    let answer = back_at_once(&scene).await;
    assert!(
        answer.recorded.contains("not yet in the journal"),
        "{}",
        answer.recorded
    );
    mounts::writable_again(&journal(&scene));
    scene.new_agent().await;
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    scene.ended(Phase::RolledBack).await;
    sound(&scene.ground).await;
}

/// What another program than ours answers about the journal. None when none is here.
fn sql(scene: &Scene, words: &str) -> Option<String> {
    let path = journal(scene).display().to_string();
    let python = format!(
        "import sqlite3\nc=sqlite3.connect({path:?},isolation_level=None)\nr=c.execute({words:?}).fetchone()\nprint(r[0] if r else '')"
    );
    // Whoever had it open a moment ago may still be closing it.
    let patient = ["-cmd", ".timeout 10000", &path, words];
    let programs: [(&str, Vec<&str>); 2] = [
        ("sqlite3", patient.to_vec()),
        ("python3", vec!["-c", &python]),
    ];
    for (program, args) in programs {
        let Ok(done) = Command::new(program).args(args).output() else {
            continue;
        };
        assert!(done.status.success(), "{program}: {done:?}");
        return Some(String::from_utf8_lossy(&done.stdout).trim().to_owned());
    }
    None
}

/// An event of a kind that this version has never heard of, in the service's own stream.
async fn unheard_of(scene: &Scene) {
    let store = Journal::open_with(&journal(scene), Opening::default())
        .await
        .unwrap();
    let event = NewEvent {
        event_id: EventId::from_u128(0xF0),
        kind: "rollout.blessed".into(),
        payload: br#"{"event": "blessed", "rollout": {"of": "another shape"}}"#.to_vec(),
        actor: Actor::machine("engine", "next"),
        occurred_at: Timestamp::from_millis(1),
    };
    let name = stream(&scene.ground.service);
    let now = Timestamp::from_millis(1);
    store
        .append(&name, Expected::Any, vec![event], None, now)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_with_a_journal_of_a_newer_version() {
    let mut scene = Scene::new().await;
    scene.canary("v2", 20, &[]).await;
    scene.agent.take().unwrap().kill().await;
    unheard_of(&scene).await;
    if sql(&scene, "PRAGMA user_version = 99").is_none() {
        mounts::skipped(
            "rollback with a journal of a newer format",
            "neither sqlite3 nor python3 is here",
        );
        return;
    }
    let before = sql(&scene, "SELECT count(*) FROM events");
    let answer = back_at_once(&scene).await;
    for part in [
        "not yet in the journal",
        "newer Deckwatch",
        "kept beside it",
    ] {
        assert!(answer.recorded.contains(part), "{}", answer.recorded);
    }
    let fallback = FallbackFile::prepare(&scene.ground.data.join("rollback-records")).unwrap();
    let waiting = fallback.waiting().unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].record, answer.report.record);
    // Nobody else touches it either, and everybody says why.
    let start = ["rollout", "start", "checkout", "v3"];
    for words in [&["agent"][..], &start, &["journal", "verify"]] {
        let ran = scene.ground.ctl(words).await.says("newer Deckwatch");
        assert_ne!(ran.code, 0, "{ran:?}");
    }
    let found = scene.ground.ctl(&["doctor"]).await.code(6);
    assert!(found.out.contains("newer Deckwatch"), "{}", found.out);
    assert_eq!(sql(&scene, "SELECT count(*) FROM events"), before);
    assert_eq!(sql(&scene, "PRAGMA user_version").as_deref(), Some("99"));
    // In a format that is known, the record comes in, past the event that is not.
    sql(&scene, "PRAGMA user_version = 1");
    scene.agent = Some(scene.ground.agent());
    recorded_once(&scene.ground, answer.report.record.event_id).await;
    scene.ended(Phase::RolledBack).await;
    assert_eq!(fallback.waiting().unwrap(), []);
    scene.ground.ctl(&["journal", "verify"]).await.code(0);
    scene
        .ground
        .ctl(&["rollout", "events", "checkout"])
        .await
        .code(0);
}
