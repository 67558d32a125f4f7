//! Several real processes on one file, killed at random: nothing that was acknowledged is lost,
//! numbers have no gap, and a follower in another process sees each event once, in order.
//!
//! A child is this test binary again, told by an environment variable what to do.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deckwatch_domain::{Epoch, EventId};
use deckwatch_journal::{
    AppendError, Expected, Fence, Journal, LeaseView, LeaseWatch, Recorded, Store,
};
use rand::{RngExt, SeedableRng};

use crate::support::*;

const ROLE: &str = "DECKWATCH_JOURNAL_TEST_ROLE";

fn spawn(role: &str, folder: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "processes::child",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ROLE, format!("{role} {seed}"))
        .env("DECKWATCH_JOURNAL_TEST_FOLDER", folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of its own: what a spawned process does.
#[tokio::test]
async fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let folder = std::path::PathBuf::from(std::env::var("DECKWATCH_JOURNAL_TEST_FOLDER").unwrap());
    let (role, seed) = role.split_once(' ').unwrap();
    let seed: u64 = seed.parse().unwrap();
    let journal = Journal::open(&folder.join("journal.db")).await.unwrap();
    match role {
        "write" => write_until_killed(&journal, &folder, seed).await,
        "drive" => drive_until_killed(&journal, seed).await,
        other => panic!("no such role: {other}"),
    }
}

async fn write_until_killed(journal: &Journal, folder: &Path, seed: u64) {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let file = folder.join(format!("acknowledged-{seed}"));
    let mut acknowledged = std::fs::File::create(file).unwrap();
    for n in 0_u128.. {
        let from = (u128::from(seed) << 64) + n * 100;
        let batch = events(from..from + rng.random_range(1..8));
        let stream = format!("writer/{}", rng.random_range(0..3));
        let kept = journal
            .append(&stream, Expected::Any, batch, None, at(0))
            .await
            .unwrap();
        let lines: String = kept
            .iter()
            .map(|e| format!("{} {}\n", e.seq, e.event_id))
            .collect();
        // One write: whole or not there when the kill comes.
        acknowledged.write_all(lines.as_bytes()).unwrap();
    }
}

/// Every event that a writer was told is recorded must be, in its place. Answers how many.
fn acknowledged(folder: &Path, writers: u64, truth: &[Recorded]) -> usize {
    let mut count = 0;
    for seed in 1..=writers {
        let path = folder.join(format!("acknowledged-{seed}"));
        for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
            let (seq, id) = line.split_once(' ').unwrap();
            let seq: usize = seq.parse().unwrap();
            assert_eq!(
                truth[seq - 1].event_id,
                id.parse::<EventId>().unwrap(),
                "event {seq}"
            );
            count += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_are_killed_and_nothing_acknowledged_is_lost() {
    let place = Place::new();
    let folder = place.folder.path();
    let journal = place.open().await;
    let follower = {
        let journal = journal.clone();
        tokio::spawn(async move {
            let mut follower = journal.subscribe(0);
            let mut seen = Vec::new();
            while seen.last() != Some(&"end".to_owned()) {
                for event in follower.next().await.unwrap() {
                    assert_eq!(event.seq as usize, seen.len() + 1);
                    seen.push(event.stream);
                }
            }
            seen.len()
        })
    };
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let mut seed = 0;
    let mut next = || {
        seed += 1;
        spawn("write", folder, seed)
    };
    let mut children: Vec<Child> = (0..3).map(|_| next()).collect();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(rng.random_range(60..260))).await;
        let victim = rng.random_range(0..children.len());
        // SIGKILL: no goodbye.
        children[victim].kill().unwrap();
        children[victim].wait().unwrap();
        children[victim] = next();
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    put(&journal, "end", events(1..2)).await;

    let truth = all(&journal).await;
    assert!(truth.iter().zip(1..).all(|(event, due)| event.seq == due));
    assert_eq!(follower.await.unwrap(), truth.len());
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    let acknowledged = acknowledged(folder, seed, &truth);
    assert!(
        acknowledged > 200,
        "only {acknowledged} events: the test did not test"
    );
    // At most the batch under way at each kill was kept without being acknowledged.
    assert!(
        truth.len() - acknowledged <= 1 + 23 * 8,
        "{} kept",
        truth.len()
    );
}

/// Takes the lease when it is free or its holder is gone, and then writes what only its holder
/// may write, as fast as it can.
async fn drive_until_killed(journal: &Journal, seed: u64) {
    let me = format!("driver-{seed}");
    let started = Instant::now();
    let mut watch = LeaseWatch::default();
    let ttl = Duration::from_millis(300);
    for n in 0_u128.. {
        let row = journal.lease("drive").await.unwrap();
        let seen = match watch.see(row.as_ref(), started.elapsed()) {
            LeaseView::Free => None,
            LeaseView::Expired { seen, .. } => Some(seen),
            LeaseView::HeldBy { .. } => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let Ok(row) = journal.lease_take("drive", &me, seen, Epoch(0), ttl).await else {
            continue;
        };
        let fence = Fence {
            lease: "drive".into(),
            holder: me.clone(),
            epoch: row.epoch,
        };
        for step in 0_u128.. {
            let id = (u128::from(seed) << 64) + n * 1_000_000 + step;
            let mut batch = events(id..id + 1);
            batch[0].payload = format!(r#"{{"epoch":{}}}"#, row.epoch).into_bytes();
            match journal
                .append("driven", Expected::Any, batch, Some(&fence), at(0))
                .await
            {
                Ok(_) => {}
                Err(AppendError::Fenced { .. }) => break,
                Err(other) => panic!("{other}"),
            }
            if step % 5 == 0 && journal.lease_beat("drive", &me, row.epoch).await.is_err() {
                break;
            }
            // Now and then the holder freezes for longer than its term, and must find itself
            // shut out afterwards.
            if (step + u128::from(seed)) % 60 == 59 {
                std::thread::sleep(ttl * 2);
            }
        }
    }
}

#[tokio::test]
async fn epochs_never_go_back_while_drivers_freeze_and_die() {
    let place = Place::new();
    let journal = place.open().await;
    let mut children: Vec<Child> = (1..4)
        .map(|seed| spawn("drive", place.folder.path(), seed))
        .collect();
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        let holder = journal
            .lease("drive")
            .await
            .unwrap()
            .and_then(|row| row.holder);
        let holder = holder.and_then(|name| name.strip_prefix("driver-")?.parse::<usize>().ok());
        let victim = holder.map_or(0, |seed| (seed - 1) % 3);
        children[victim].kill().unwrap();
        children[victim].wait().unwrap();
        let seed = 4 + round * 3 + victim as u64;
        children[victim] = spawn("drive", place.folder.path(), seed);
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let driven = journal.read_stream("driven", 0, usize::MAX).await.unwrap();
    let epochs: Vec<u64> = driven
        .iter()
        .map(|event| {
            let payload: serde_json::Value =
                serde_json::from_slice(event.payload.as_ref().unwrap()).unwrap();
            payload["epoch"].as_u64().unwrap()
        })
        .collect();
    assert!(epochs.is_sorted(), "two drivers wrote in turns");
    let distinct = epochs.chunk_by(|a, b| a == b).count();
    assert!(
        distinct >= 4,
        "only {distinct} drivers in {} events",
        epochs.len()
    );
    assert!(journal.verify(&[]).await.unwrap().is_sound());
}
