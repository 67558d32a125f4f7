//! What only somebody inside can arrange: a file of the first format, a damaged chunk, a fold at a
//! chosen moment.

use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::value::stale_nan;
use deckwatch_promql::{MatchOp, Matcher};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::chunks::TARGET;
use super::*;
use crate::sample::Sample;

const DAY: i64 = 86_400;

fn t(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_769_990_400_000 + seconds * 1000)
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.db");
    (folder, path)
}

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    options.create_if_missing(true).connect().await.unwrap()
}

async fn all(store: &SampleStore, name: &str) -> Vec<(i64, u64)> {
    let from = Timestamp::from_millis(i64::MIN);
    let to = Timestamp::from_millis(i64::MAX);
    let found = store
        .range(&Selector::new(name, &[]), from, to)
        .await
        .unwrap();
    let points = found.into_iter().flat_map(|series| series.points);
    points
        .map(|(at, v)| (at.as_millis(), v.to_bits()))
        .collect()
}

/// A value that looks like nothing in particular.
fn some(n: i64) -> f64 {
    ((n * 7919) % 1009) as f64 + 0.25
}

#[tokio::test]
async fn a_file_of_the_first_format_moves_on_with_all_it_has() {
    let (_folder, path) = place();
    let mut old = raw(&path).await;
    sqlx::raw_sql(schema::first())
        .execute(&mut old)
        .await
        .unwrap();
    sqlx::raw_sql(
        r#"INSERT INTO series (id, name, labels) VALUES
             (3, 'up', '[["job","node"]]'), (7, 'a', '[["job","node"],["x","1"]]'), (9, 'empty', '[]');
           WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
             INSERT INTO samples SELECT 7, 1769990400000 + i * 1000, (i * 7919) % 1009 + 0.25 FROM n;
           INSERT INTO samples VALUES (3, 1769990400000, 1.0), (7, 1769990399000, NULL);
           INSERT INTO claims VALUES ('node', 'somebody', 1769990400000);
           UPDATE generation SET number = 41;"#,
    )
    .execute(&mut old)
    .await
    .unwrap();
    old.close().await.unwrap();
    let refused = SampleStore::open_read_only(&path).await.err().unwrap();
    assert!(
        matches!(refused, StoreError::Older { found: 1, .. }),
        "{refused}"
    );

    let store = SampleStore::open(&path).await.unwrap();
    let mut meant = vec![(t(-1).as_millis(), f64::NAN.to_bits())];
    meant.extend((0..2000).map(|n| (t(n).as_millis(), some(n).to_bits())));
    assert_eq!(all(&store, "a").await, meant);
    // It goes on where it was: the same ids, the claim, the newest look of each job.
    let claim = Claim {
        job: "node".into(),
        holder: "somebody".into(),
    };
    let sample = Sample::new("a", &[("job", "node"), ("x", "1")], 5.0);
    store
        .append_claimed(&claim, t(2000), &[sample])
        .await
        .unwrap();
    store.fold().await.unwrap();
    assert_eq!(all(&store, "a").await.len(), 2002);
    assert_eq!(store.series(&[]).await.unwrap().len(), 3);
    assert_eq!(store.notes().await.unwrap()[0].kind, NoteKind::Gap);
    // Moved once: it opens as any other now.
    store.close().await.unwrap();
    let store = SampleStore::open_read_only(&path).await.unwrap();
    assert_eq!(all(&store, "a").await.len(), 2002);
}

#[tokio::test]
async fn every_bit_comes_back_from_log_tail_and_chunk() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    let odd = [
        stale_nan(),
        f64::NAN,
        f64::from_bits(0xfff8_0000_dead_beef),
        f64::NEG_INFINITY,
        -0.0,
        5e-324,
    ];
    let mut meant = Vec::new();
    for n in 0..TARGET as i64 * 2 + 100 {
        let value = match n % 50 {
            7 => odd[n as usize / 50 % odd.len()],
            _ => some(n),
        };
        store
            .append(t(n), &[Sample::new("a", &[], value)])
            .await
            .unwrap();
        meant.push((t(n).as_millis(), value.to_bits()));
        if n % 300 == 0 {
            store.fold().await.unwrap();
        }
    }
    assert_eq!(all(&store, "a").await, meant);
    store.fold().await.unwrap();
    assert_eq!(all(&store, "a").await, meant);
}

#[tokio::test]
async fn what_comes_late_is_merged_or_counted() {
    let (_folder, path) = place();
    let options = Options {
        late: Duration::from_secs(600),
        ..Options::default()
    };
    let store = SampleStore::open_with(&path, options).await.unwrap();
    let write = async |second: i64, value: f64| {
        let sample = [Sample::new("a", &[], value)];
        store
            .ingest(t(second), &sample, Under::Nobody)
            .await
            .unwrap()
    };
    let last = TARGET as i64 * 2;
    // Every other second; full chunks reach far into the window.
    for second in (0..last).map(|n| n * 2) {
        write(second, some(second)).await;
    }
    store.fold().await.unwrap();
    // In any order, into the tail, into full chunks, and one that was there before.
    let newest = (last - 1) * 2;
    for second in [newest - 1, newest - 599, newest - 301, newest - 3] {
        assert_eq!(write(second, some(second)).await.stored, 1);
    }
    write(newest - 4, 99.5).await;
    assert_eq!(
        write(newest - 601, 1.0).await,
        Written { stored: 0, late: 1 }
    );
    assert_eq!(store.late().await.unwrap(), 1);
    assert_eq!(store.notes().await.unwrap()[0].kind, NoteKind::Late);
    let mut meant: Vec<i64> = (0..last).map(|n| n * 2).collect();
    meant.extend([newest - 1, newest - 599, newest - 301, newest - 3]);
    meant.sort();
    let meant: Vec<(i64, u64)> = meant
        .into_iter()
        .map(|s| (s, if s == newest - 4 { 99.5 } else { some(s) }))
        .map(|(s, v)| (t(s).as_millis(), v.to_bits()))
        .collect();
    assert_eq!(all(&store, "a").await, meant);
    store.fold().await.unwrap();
    assert_eq!(all(&store, "a").await, meant);
    // Another series has a time of its own.
    let sample = [Sample::new("b", &[], 1.0)];
    assert_eq!(
        store
            .ingest(t(0), &sample, Under::Nobody)
            .await
            .unwrap()
            .stored,
        1
    );
}

#[tokio::test]
async fn a_damaged_chunk_costs_itself_and_is_named() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    for second in 0..TARGET as i64 * 3 + 10 {
        let both = [
            Sample::new("a", &[], some(second)),
            Sample::new("b", &[], 1.0),
        ];
        store.append(t(second), &both).await.unwrap();
    }
    store.fold().await.unwrap();
    let before = all(&store, "a").await;
    let mut file = raw(&path).await;
    // One bit in the middle of the second chunk of `a`.
    let changed = sqlx::query(
        "UPDATE chunks SET body = CAST(substr(body, 1, 99) || x'5a' || substr(body, 101) AS BLOB)
         WHERE id = (SELECT id FROM chunks WHERE series_id = 1 ORDER BY from_ms LIMIT 1 OFFSET 1)",
    );
    assert_eq!(changed.execute(&mut file).await.unwrap().rows_affected(), 1);
    let mut meant = before.clone();
    meant.drain(TARGET..2 * TARGET);
    assert_eq!(all(&store, "a").await, meant);
    let damage = store.damage();
    assert_eq!(damage.len(), 1);
    assert_eq!(damage[0].series, 1);
    assert_eq!(damage[0].from.as_millis(), before[TARGET].0);
    assert_eq!(damage[0].to.as_millis(), before[2 * TARGET - 1].0);
    assert_eq!(all(&store, "b").await.len(), before.len());
    // What is written and deleted around it goes on, and the loss is noted where it is met.
    store
        .delete(
            &[Matcher::equal("__name__", "a")],
            t(0),
            t(TARGET as i64 + 5),
        )
        .await
        .unwrap();
    assert_eq!(all(&store, "a").await, meant[TARGET..]);
    assert_eq!(store.notes().await.unwrap()[0].kind, NoteKind::Damaged);
    // The same for a chunk that is another series'.
    sqlx::query(
        "UPDATE chunks SET body = (SELECT body FROM chunks WHERE series_id = 1 AND samples > 9 LIMIT 1)
         WHERE series_id = 2",
    )
    .execute(&mut file)
    .await
    .unwrap();
    assert_eq!(all(&store, "b").await.len(), 10);
    // A write in the log that is damaged.
    store
        .append(t(9000), &[Sample::new("b", &[], 1.0)])
        .await
        .unwrap();
    store
        .append(t(9001), &[Sample::new("b", &[], 1.0)])
        .await
        .unwrap();
    sqlx::query("UPDATE log SET payload = x'00' WHERE seq = (SELECT max(seq) FROM log)")
        .execute(&mut file)
        .await
        .unwrap();
    assert_eq!(all(&store, "b").await.len(), 11);
    store.fold().await.unwrap();
    assert_eq!(all(&store, "b").await.len(), 11);
}

#[tokio::test]
async fn any_selector_finds_its_series() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    let samples = [
        Sample::new(
            "http_requests_total",
            &[("code", "200"), ("slot", "blue")],
            1.0,
        ),
        Sample::new(
            "http_requests_total",
            &[("code", "503"), ("slot", "blue")],
            2.0,
        ),
        Sample::new("http_requests_total", &[("code", "503")], 3.0),
        Sample::new("up", &[("slot", "green")], 4.0),
    ];
    store.append(t(0), &samples).await.unwrap();
    let found = async |conditions: &[(&str, MatchOp, &str)]| {
        let matchers: Vec<Matcher> = conditions
            .iter()
            .map(|(name, op, value)| Matcher::new(name, *op, value).unwrap())
            .collect();
        let found = store
            .select(&matchers, t(0), t(0), Resolution::Raw)
            .await
            .unwrap();
        let mut found: Vec<f64> = found.iter().map(|series| series.points[0].1).collect();
        found.sort_by(f64::total_cmp);
        found
    };
    use MatchOp::{Equal, NotEqual, NotRegex, Regex};
    assert_eq!(
        found(&[("__name__", Regex, "http_.*"), ("code", Regex, "5..")]).await,
        [2.0, 3.0]
    );
    assert_eq!(found(&[("slot", Regex, ".+")]).await, [1.0, 2.0, 4.0]);
    assert_eq!(
        found(&[("slot", NotEqual, "blue"), ("__name__", NotEqual, "")]).await,
        [3.0, 4.0]
    );
    assert_eq!(
        found(&[("code", NotRegex, "2..|"), ("slot", Equal, "")]).await,
        [3.0]
    );
    assert_eq!(found(&[("none", Equal, "x")]).await, [] as [f64; 0]);
    assert_eq!(
        store.label_names(&[]).await.unwrap(),
        ["__name__", "code", "slot"]
    );
    assert_eq!(
        store.label_values("__name__", &[]).await.unwrap(),
        ["http_requests_total", "up"]
    );
    let blue = [Matcher::equal("slot", "blue")];
    assert_eq!(
        store.label_values("code", &blue).await.unwrap(),
        ["200", "503"]
    );
    // A handle that had looked before sees what another adds and removes.
    let other = SampleStore::open(&path).await.unwrap();
    other
        .append(t(1), &[Sample::new("new", &[], 5.0)])
        .await
        .unwrap();
    assert_eq!(store.series(&[]).await.unwrap().len(), 5);
    let gone = other.delete(&blue, t(-10), t(10)).await.unwrap();
    assert_eq!((gone.removed_samples, gone.removed_series), (2, 2));
    assert_eq!(store.series(&[]).await.unwrap().len(), 3);
    assert_eq!(found(&[("code", Regex, ".+")]).await, [3.0]);
}

/// A counter of one a second that starts again every seven hours.
fn counter(second: i64) -> f64 {
    (second % (7 * 3600)) as f64
}

fn rose(points: &[(Timestamp, f64)]) -> f64 {
    let pairs = points.windows(2);
    pairs
        .map(|p| {
            if p[1].1 < p[0].1 {
                p[1].1
            } else {
                p[1].1 - p[0].1
            }
        })
        .sum()
}

#[tokio::test]
async fn age_thins_out_and_counters_stay_right() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    let days = 6;
    let mut batch = Vec::new();
    for second in (0..days * DAY).step_by(60) {
        for (name, value) in [("c_total", counter(second)), ("g", some(second / 60))] {
            let mut sample = Sample::new(name, &[], value);
            sample.timestamp_ms = Some(t(second).as_millis());
            batch.push(sample);
        }
    }
    store.append(t(0), &batch).await.unwrap();
    let count = async |name: &str, resolution: Resolution| -> Vec<(Timestamp, f64)> {
        let matchers = [Matcher::equal("__name__", name)];
        let found = store
            .select(&matchers, t(0), t(days * DAY), resolution)
            .await
            .unwrap();
        found.into_iter().flat_map(|series| series.points).collect()
    };
    let exact = rose(&count("c_total", Resolution::Raw).await);
    let end = t(days * DAY + 7200);
    let day = |n: i64| Span::from_secs((n * DAY) as u64);
    let retention = Retention {
        age: day(2),
        fine: day(4),
        coarse: day(100),
        ..Retention::default()
    };
    let kept = store
        .keep(
            end,
            &Retention {
                age: day(50),
                fine: day(50),
                ..retention
            },
        )
        .await
        .unwrap();
    assert_eq!((kept.removed_samples, kept.removed_series), (0, 0));
    // All is there still, and rollups beside it.
    assert_eq!(count("g", Resolution::Raw).await.len() as i64, days * 1440);
    let fine = count("c_total", Resolution::FiveMinutes).await;
    let hours = count("c_total", Resolution::Hour).await;
    assert!(
        fine.len() < 6 * 300 && hours.len() < 6 * 32,
        "{} {}",
        fine.len(),
        hours.len()
    );
    // From the first kept point on, as a window's first points are not kept.
    for (points, width) in [(fine, 300.0), (hours, 3600.0)] {
        let lost = exact - rose(&points);
        assert!(
            (0.0..=width).contains(&lost),
            "{lost} of {exact} {:?}",
            &points[..9]
        );
    }
    let windows = store
        .windows(
            &[Matcher::equal("__name__", "g")],
            t(0),
            t(3599),
            Resolution::Hour,
        )
        .await
        .unwrap();
    let meant: Vec<f64> = (0..60).map(some).collect();
    let window = windows[0].windows[0];
    assert_eq!((window.count, window.sum), (60.0, meant.iter().sum()));
    assert_eq!(window.max, meant.iter().copied().fold(f64::MIN, f64::max));
    assert_eq!(window.min, meant.iter().copied().fold(f64::MAX, f64::min));

    let used = store.used_bytes().await.unwrap();
    let kept = store.keep(end, &retention).await.unwrap();
    assert!(kept.removed_samples > 0 && kept.bytes < used, "{kept:?}");
    assert_eq!(kept.removed_series, 0);
    // What is left reaches back as far, ever more thinly, and lost no restart.
    let left = count("c_total", Resolution::Raw).await;
    assert!(left.len() as i64 <= days * 1440 / 2, "{}", left.len());
    assert!(exact - rose(&left) <= 3600.0 && exact >= rose(&left));
    assert_eq!(store.closest_since(t(DAY)).await.unwrap(), Resolution::Hour);
    assert_eq!(
        store.closest_since(t(3 * DAY)).await.unwrap(),
        Resolution::FiveMinutes
    );
    assert_eq!(
        store.closest_since(t(6 * DAY)).await.unwrap(),
        Resolution::Raw
    );
    // In the end nothing is left, and no series either.
    let later = end.plus(Duration::from_secs(200 * DAY as u64));
    let kept = store.keep(later, &retention).await.unwrap();
    assert_eq!((kept.removed_series, all(&store, "g").await.len()), (2, 0));
}

#[tokio::test]
async fn late_samples_are_rolled_up_again() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    for minute in 0..1435 {
        let sample = [Sample::new("g", &[], some(minute))];
        store.append(t(minute * 60), &sample).await.unwrap();
    }
    let keep = async |at: i64| store.keep(t(at), &Retention::default()).await.unwrap();
    keep(3 * DAY).await;
    let last = async || {
        let all = [Matcher::equal("__name__", "g")];
        let found = store.windows(&all, t(23 * 3600), t(DAY), Resolution::Hour);
        found.await.unwrap()[0].windows[0]
    };
    assert_eq!(last().await.count, 55.0);
    let late = [Sample::new("g", &[], 5000.0)];
    store.append(t(1440 * 60 - 240), &late).await.unwrap();
    keep(4 * DAY + 7200).await;
    assert_eq!((last().await.count, last().await.max), (56.0, 5000.0));
}

#[tokio::test]
async fn a_clock_set_back_is_noted_and_leaves_nothing_ahead() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    let claim = Claim {
        job: "node".into(),
        holder: "me".into(),
    };
    let term = Duration::from_secs(5);
    store.claim(&claim, t(0), term, &|_| false).await.unwrap();
    let look = async |second: i64| {
        let both = [
            Sample::new("c", &[("job", "node")], second as f64),
            Sample::new("other", &[], 1.0),
        ];
        store
            .append_claimed(&claim, t(second), &both)
            .await
            .unwrap();
    };
    for second in 0..700 {
        look(second).await;
    }
    look(5000).await;
    look(650).await;
    let points = all(&store, "c").await;
    assert_eq!(points.len(), 651);
    assert_eq!(points[650].0, t(650).as_millis());
    // Only what the job had written is gone; the other series is ahead, and this came too late.
    assert_eq!(all(&store, "other").await.len(), 701);
    let notes = store.notes().await.unwrap();
    let kinds: Vec<NoteKind> = notes.iter().map(|note| note.kind).collect();
    assert_eq!(kinds, [NoteKind::Late, NoteKind::SetBack, NoteKind::Gap]);
    assert!(notes[1].text.contains("51 samples"), "{}", notes[1].text);
    look(651).await;
    assert_eq!(all(&store, "c").await.len(), 652);
}
