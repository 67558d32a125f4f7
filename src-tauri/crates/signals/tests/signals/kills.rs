//! Killed while it writes: whatever was acknowledged is there afterwards.
//!
//! `DECKWATCH_SAMPLES` and `DECKWATCH_SAMPLE_KILLS` say how many samples and kills; without them it
//! is a few.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use deckwatch_signals::{Options, SampleStore, Selector};

use super::{sample, t};

const SERIES: i64 = 200;

fn number(name: &str, otherwise: i64) -> i64 {
    let given = std::env::var(name).ok();
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn value(series: i64, second: i64) -> f64 {
    // Some counters, some readings, one that never changes.
    match series % 3 {
        0 => (second * (series + 1)) as f64,
        1 => ((second * 7919 + series * 31) % 1000) as f64 / 100.0,
        _ => series as f64,
    }
}

/// Run by the next test as a process of its own; nothing on its own. Says each second that was
/// acknowledged.
#[tokio::test]
async fn killed_process() {
    let Ok(path) = std::env::var("SIGNALS_KILL_FILE") else {
        return;
    };
    let (first, last) = (
        number("SIGNALS_KILL_FIRST", 0),
        number("SIGNALS_KILL_LAST", 0),
    );
    let store = SampleStore::open(path.as_ref()).await.unwrap();
    let names: Vec<String> = (0..SERIES).map(|n| n.to_string()).collect();
    for second in first..last {
        let batch: Vec<_> = names
            .iter()
            .zip(0..)
            .map(|(name, n)| sample("k", &[("n", name)], value(n, second)))
            .collect();
        store.append(t(second), &batch).await.unwrap();
        println!("acknowledged {second}");
    }
}

async fn check(path: &std::path::Path, acknowledged: i64) -> i64 {
    let options = Options {
        most_points: usize::MAX / 8,
        ..Options::default()
    };
    let store = SampleStore::open_with(path, options).await.unwrap();
    let mut newest = -1;
    for n in 0..SERIES {
        let name = n.to_string();
        let found = store
            .range(&Selector::new("k", &[("n", &name)]), t(-1), t(1 << 32))
            .await
            .unwrap();
        let points = found.first().map(|s| s.points.clone()).unwrap_or_default();
        assert!(
            points.len() as i64 > acknowledged,
            "{n}: {} of {acknowledged}",
            points.len()
        );
        for (second, (at, found)) in (0..).zip(&points) {
            assert_eq!((*at, *found), (t(second), value(n, second)));
        }
        newest = points.len() as i64 - 1;
    }
    assert!(store.damage().is_empty());
    store.close().await.unwrap();
    newest
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.db");
    let seconds = number("DECKWATCH_SAMPLES", 300_000) / SERIES;
    let kills = number("DECKWATCH_SAMPLE_KILLS", 4);
    let mut next = 0;
    for round in 1..=kills {
        let until = seconds * round / (kills + 1);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kills::killed_process", "--nocapture"])
            .env("SIGNALS_KILL_FILE", &path)
            .env("SIGNALS_KILL_FIRST", next.to_string())
            .env("SIGNALS_KILL_LAST", (1_i64 << 32).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = next - 1;
        for line in said.map_while(Result::ok) {
            if let Some(second) = line.strip_prefix("acknowledged ") {
                acknowledged = second.parse().unwrap();
            }
            // Not at a round number of anything, so that a fold is hit now and then.
            if acknowledged == until {
                tokio::time::sleep(Duration::from_micros(round as u64 * 617 % 4000)).await;
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(
            acknowledged >= until,
            "it ended by itself at {acknowledged}"
        );
        next = check(&path, acknowledged).await + 1;
    }
    println!(
        "{} samples, {kills} kills, nothing acknowledged was lost",
        next * SERIES
    );
}
