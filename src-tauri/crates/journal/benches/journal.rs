//! What the journal costs, each time beside a bare insert into the same database with the same
//! promise (WAL, synced at every commit), measured in the same run on the same disk: the ratios
//! carry over to another machine, the absolute figures do not.
//!
//! `cargo bench -p deckwatch-journal`. One line a figure, `name value unit`; lines that begin with
//! `ratio` are those to hold on to. `DECKWATCH_BENCH_FOLDER` says on which disk.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deckwatch_domain::{Actor, EventId, Timestamp};
use deckwatch_journal::{Activity, Expected, Journal, MemoryStore, NewEvent, Projections, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

const CHILD: &str = "DECKWATCH_JOURNAL_BENCH_CHILD";
const START_AT: &str = "DECKWATCH_JOURNAL_BENCH_START";
const PAYLOAD: usize = 300;

fn event(n: u128) -> NewEvent {
    let mut payload = format!(r#"{{"v":1,"n":{n},"text":""#).into_bytes();
    payload.resize(PAYLOAD - 2, b'x');
    payload.extend(b"\"}");
    NewEvent {
        event_id: EventId::from_u128(n),
        kind: "rollout.step-advanced".into(),
        payload,
        actor: Actor::person("ana", "bridge-7"),
        occurred_at: Timestamp::from_millis(n as i64),
    }
}

/// Microseconds since the run began, on the wall clock that both processes share. (A timestamp of
/// ours counts milliseconds; here it only carries a number.)
fn now() -> Timestamp {
    static START: std::sync::OnceLock<u128> = std::sync::OnceLock::new();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |d| d.as_micros());
    let given = || {
        std::env::var(START_AT)
            .ok()
            .and_then(|text| text.parse().ok())
    };
    let start = START.get_or_init(|| given().unwrap_or(micros));
    Timestamp::from_millis(i64::try_from(micros - start).unwrap_or(0))
}

async fn append(journal: &Journal, from: u128, n: u128) {
    let events = (from..from + n).map(event).collect();
    let stream = format!("rollout/{}", from % 50);
    journal
        .append(&stream, Expected::Any, events, None, now())
        .await
        .unwrap();
}

/// Median and 99th part of the times that `work` takes.
async fn times<F: Future<Output = ()>>(n: u128, mut work: impl FnMut(u128) -> F) -> [Duration; 2] {
    let mut times = Vec::new();
    for i in 0..n {
        let started = Instant::now();
        work(i).await;
        times.push(started.elapsed());
    }
    quantiles(times)
}

fn quantiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort();
    [times[times.len() / 2], times[times.len() * 99 / 100]]
}

fn say(name: &str, [median, p99]: [Duration; 2]) {
    println!(
        "{name:<44} {:>9.1} µs median {:>9.1} µs p99",
        micros(median),
        micros(p99)
    );
}

fn micros(d: Duration) -> f64 {
    d.as_secs_f64() * 1e6
}

/// A bare insert of the same size with the same promise, driven as the journal drives its own.
async fn bare(path: &Path) -> SqliteConnection {
    let mut conn = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await
        .unwrap();
    let table = "CREATE TABLE bare (n INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT";
    sqlx::query(table).execute(&mut conn).await.unwrap();
    conn
}

async fn appends(folder: &Path) {
    let mut conn = bare(&folder.join("bare.db")).await;
    let journal = Journal::open(&folder.join("journal.db")).await.unwrap();
    let payload = vec![b'x'; PAYLOAD];
    let (mut bares, mut ours) = (Vec::new(), Vec::new());
    // In turns, so that a slow minute of the disk is a slow minute for both.
    for n in 0..1500_u128 {
        let started = Instant::now();
        let insert = sqlx::query("INSERT INTO bare VALUES (?, ?)").bind(n as i64);
        insert
            .bind(payload.as_slice())
            .execute(&mut conn)
            .await
            .unwrap();
        bares.push(started.elapsed());
        let started = Instant::now();
        append(&journal, n, 1).await;
        ours.push(started.elapsed());
    }
    let (bare, one) = (quantiles(bares), quantiles(ours));
    say("bare insert, synced", bare);
    say("append of one event", one);
    let batch = times(200, |n| {
        let journal = &journal;
        async move { append(journal, 1_000_000 + n * 100, 100).await }
    })
    .await;
    say("append of a hundred events", batch);
    println!("appends/s, single {:>33.0}", 1.0 / one[0].as_secs_f64());
    println!(
        "events/s, batches of a hundred {:>20.0}",
        100.0 / batch[0].as_secs_f64()
    );
    println!(
        "ratio append/bare {:>33.2}",
        micros(one[0]) / micros(bare[0])
    );
    println!(
        "ratio (append of 100)/(100 bare) {:>18.3}",
        micros(batch[0]) / micros(bare[0]) / 100.0
    );
    conn.close().await.unwrap();
}

async fn reading(folder: &Path) {
    let journal = Journal::open(&folder.join("many.db")).await.unwrap();
    for n in 0..20 {
        append(&journal, n * 5000, 5000).await;
    }
    let started = Instant::now();
    let (mut seq, mut seen) = (0, 0);
    loop {
        let events = journal.read(seq, 1000).await.unwrap();
        let Some(last) = events.last() else { break };
        seq = last.seq;
        seen += events.len();
    }
    assert_eq!(seen, 100_000);
    let read = started.elapsed();
    println!(
        "read 100,000 events {:>31.0} ms {:>9.0} events/s",
        read.as_secs_f64() * 1e3,
        1e5 / read.as_secs_f64()
    );

    let mut conn = journal_file(&folder.join("many.db")).await;
    let started = Instant::now();
    let rows = sqlx::query("SELECT * FROM events")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    let count = rows.len();
    drop(rows);
    let bare = started.elapsed();
    println!(
        "ratio read/(bare read of {} rows) {:>14.2}",
        count,
        micros(read) / micros(bare)
    );
    conn.close().await.unwrap();

    whole(&journal, folder).await;
}

/// What is done to all 100,000 events at once.
async fn whole(journal: &Journal, folder: &Path) {
    let started = Instant::now();
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    println!(
        "verify 100,000 events {:>29.0} ms",
        started.elapsed().as_secs_f64() * 1e3
    );
    let started = Instant::now();
    let list: Vec<Box<dyn deckwatch_journal::Projection>> = vec![Box::new(Activity)];
    let projections = Projections::open(&folder.join("p.db"), list).await.unwrap();
    projections.catch_up(journal).await.unwrap();
    println!(
        "project 100,000 events anew {:>23.0} ms",
        started.elapsed().as_secs_f64() * 1e3
    );
    let started = Instant::now();
    journal.backup(&folder.join("backup.db")).await.unwrap();
    println!(
        "back up and verify 100,000 events {:>17.0} ms",
        started.elapsed().as_secs_f64() * 1e3
    );
    let started = Instant::now();
    let mut out = Vec::new();
    journal.export(&mut out).await.unwrap();
    println!(
        "export 100,000 events {:>29.0} ms {:>9.1} MB",
        started.elapsed().as_secs_f64() * 1e3,
        out.len() as f64 / 1e6
    );
    let started = Instant::now();
    let copy = Journal::open(&folder.join("copy.db")).await.unwrap();
    copy.import(&mut out.as_slice(), &[]).await.unwrap();
    println!(
        "import 100,000 events {:>29.0} ms",
        started.elapsed().as_secs_f64() * 1e3
    );
}

async fn journal_file(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .row_buffer_size(1024)
        .connect()
        .await
        .unwrap()
}

/// How long after the commit was acknowledged a follower has the event.
async fn following(folder: &Path) {
    let path = folder.join("follow.db");
    let journal = Journal::open(&path).await.unwrap();
    let mut follower = journal.subscribe(0);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        while let Ok(events) = follower.next().await {
            if tell.send((Instant::now(), events.len())).is_err() {
                return;
            }
        }
    });
    let mut waits = Vec::new();
    for n in 0..300 {
        append(&journal, n, 1).await;
        let committed = Instant::now();
        let (seen, _) = told.recv().await.unwrap();
        waits.push(seen.saturating_duration_since(committed));
    }
    say("commit to follower, same process", quantiles(waits));

    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let start = wall.unwrap().as_micros() - now().as_millis() as u128;
    // Across processes: the child notes the time of each commit, on the clock both share, in the
    // event after it.
    let child = Command::new(std::env::current_exe().unwrap())
        .env(CHILD, &path)
        .env(START_AT, start.to_string())
        .stdout(Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 120 {
        let (at, events) = told.recv().await.unwrap();
        let wall = now().as_millis() - at.elapsed().as_micros() as i64;
        seen.extend(std::iter::repeat_n(wall, events));
    }
    child.wait().unwrap();
    task.abort();
    let events = journal.read(300, 1000).await.unwrap();
    let committed = events
        .iter()
        .skip(1)
        .map(|event| event.occurred_at.as_millis());
    let waits = committed.zip(&seen).map(|(committed, seen)| {
        Duration::from_micros(u64::try_from(seen - committed).unwrap_or(0))
    });
    say(
        "commit to follower, another process",
        quantiles(waits.collect()),
    );
}

async fn child(path: &str) {
    let journal = Journal::open(Path::new(path)).await.unwrap();
    let mut committed = now();
    for n in 0..120 {
        let event = NewEvent {
            occurred_at: committed,
            ..event(10_000 + n)
        };
        journal
            .append("child", Expected::Any, vec![event], None, now())
            .await
            .unwrap();
        committed = now();
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

/// What simulations pay.
async fn in_memory() {
    let started = Instant::now();
    for _ in 0..1000 {
        let store = MemoryStore::new();
        for n in 0..50 {
            let events = vec![event(n)];
            store
                .append("rollout/1", Expected::Any, events, None, now())
                .await
                .unwrap();
        }
    }
    let each = micros(started.elapsed()) / 50_000.0;
    println!("append of one event in memory {each:>21.2} µs");
}

#[tokio::main]
async fn main() {
    if let Ok(path) = std::env::var(CHILD) {
        return child(&path).await;
    }
    let folder = match std::env::var("DECKWATCH_BENCH_FOLDER") {
        Ok(folder) => tempfile::tempdir_in(folder),
        Err(_) => tempfile::tempdir(),
    };
    let folder = folder.unwrap();
    in_memory().await;
    appends(folder.path()).await;
    reading(folder.path()).await;
    following(folder.path()).await;
}
