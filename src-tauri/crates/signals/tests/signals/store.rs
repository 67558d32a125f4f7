use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use deckwatch_domain::{Span, Timestamp};
use deckwatch_signals::{Claim, Options, Retention, SampleStore, Selector, StoreError, set_aside};

use super::{sample, t};

const BEGIN: Timestamp = Timestamp::EPOCH;

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.db");
    (folder, path)
}

async fn count(store: &SampleStore, name: &str) -> usize {
    let found = store
        .range(&Selector::new(name, &[]), BEGIN, t(1_000_000))
        .await
        .unwrap();
    found.iter().map(|series| series.points.len()).sum()
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let (_folder, path) = folder();
    let store = SampleStore::open(&path).await.unwrap();
    for second in 0..10 {
        let value = if second == 5 { f64::NAN } else { second as f64 };
        let batch = [
            sample("a", &[("x", "1"), ("y", "ü\"\\")], value),
            sample("a", &[("x", "2")], f64::INFINITY),
            sample("b", &[], -0.1),
        ];
        store.append(t(second), &batch).await.unwrap();
    }
    let found = store
        .range(&Selector::new("a", &[("x", "1")]), t(3), t(6))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].label("y"), "ü\"\\");
    assert_eq!(found[0].points.len(), 4);
    assert_eq!(found[0].points[0], (t(3), 3.0));
    assert!(found[0].points[2].1.is_nan());
    let both = store
        .range(&Selector::new("a", &[]), t(9), t(9))
        .await
        .unwrap();
    assert_eq!(both.len(), 2);
    assert_eq!(both[1].points, [(t(9), f64::INFINITY)]);
    // An empty value matches an absent label.
    let without = store
        .range(&Selector::new("a", &[("y", "")]), t(9), t(9))
        .await
        .unwrap();
    assert_eq!(without.len(), 1);
    assert!(
        store
            .range(&Selector::new("a", &[("x", "3")]), t(0), t(9))
            .await
            .unwrap()
            .is_empty()
    );
    // A point written again is replaced, and a handle opened later sees the same.
    store.append(t(9), &[sample("b", &[], 7.0)]).await.unwrap();
    drop(store);
    let store = SampleStore::open_read_only(&path).await.unwrap();
    let b = store
        .range(&Selector::new("b", &[]), t(9), t(9))
        .await
        .unwrap();
    assert_eq!(b[0].points, [(t(9), 7.0)]);
    let refused = store.append(t(10), &[]).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }));
}

/// Others may not read it, nor what lies beside it: also not one that was made more open.
#[tokio::test]
async fn it_is_its_owners_alone() {
    let (folder, path) = folder();
    let closed = || {
        let files = std::fs::read_dir(folder.path()).unwrap().flatten();
        let modes: Vec<_> = files
            .map(|f| (f.file_name(), f.metadata().unwrap().permissions().mode()))
            .collect();
        assert_eq!(modes.len(), 3, "{modes:?}");
        assert!(modes.iter().all(|(_, m)| m & 0o777 == 0o600), "{modes:?}");
    };
    let store = SampleStore::open(&path).await.unwrap();
    store.append(t(1), &[sample("a", &[], 1.0)]).await.unwrap();
    closed();
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.path(), open).unwrap();
    }
    let second = SampleStore::open(&path).await.unwrap();
    second.append(t(2), &[sample("a", &[], 2.0)]).await.unwrap();
    closed();
    assert_eq!(count(&store, "a").await, 2);
}

#[tokio::test]
async fn pruning_forgets_in_every_handle() {
    let (_folder, path) = folder();
    let one = SampleStore::open(&path).await.unwrap();
    let two = SampleStore::open(&path).await.unwrap();
    one.append(t(0), &[sample("old", &[], 1.0), sample("a", &[], 1.0)])
        .await
        .unwrap();
    one.append(t(100), &[sample("a", &[], 2.0)]).await.unwrap();
    let kept = two.prune(t(50)).await.unwrap();
    assert_eq!((kept.removed_samples, kept.removed_series), (2, 1));
    // `one` still remembers the id of `old`, which is gone.
    one.append(t(101), &[sample("old", &[], 3.0)])
        .await
        .unwrap();
    let old = two
        .range(&Selector::new("old", &[]), BEGIN, t(200))
        .await
        .unwrap();
    assert_eq!(old[0].points, [(t(101), 3.0)]);
}

#[tokio::test]
async fn size_is_held() {
    let (_folder, path) = folder();
    let options = Options {
        most_bytes: 1 << 20,
        most_series: 500,
        most_points: 1000,
        ..Options::default()
    };
    let store = SampleStore::open_with(&path, options).await.unwrap();
    let names: Vec<String> = (0..400).map(|i| i.to_string()).collect();
    // Numbers that no coding shortens.
    let mut noise = 1_u64;
    let mut batch = || -> Vec<_> {
        let sample = |i: &String| {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            sample("a", &[("i", i)], f64::from_bits(noise >> 2))
        };
        names.iter().map(sample).collect()
    };
    let mut second = 0;
    let full = loop {
        if let Err(error) = store.append(t(second), &batch()).await {
            break error;
        }
        second += 1;
        assert!(second < 1000, "the file grew without end");
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full}");
    let retention = Retention {
        age: Span::from_secs(100_000),
        bytes: 512 << 10,
        ..Retention::default()
    };
    let kept = store.keep(t(second), &retention).await.unwrap();
    assert!(
        kept.removed_samples > 0 && kept.bytes <= retention.bytes,
        "{kept:?}"
    );
    store.append(t(second), &batch()).await.unwrap();
    let all = store
        .range(&Selector::new("a", &[]), BEGIN, t(second))
        .await
        .unwrap_err();
    assert!(matches!(all, StoreError::TooMuch { .. }), "{all}");
    let more: Vec<_> = names
        .iter()
        .map(|i| sample("b", &[("i", i)], 1.5))
        .collect();
    let many = store.append(t(second + 1), &more).await.unwrap_err();
    assert!(many.to_string().contains("limit is 500"), "{many}");
    // All or none: the refused batch left nothing.
    assert_eq!(count(&store, "b").await, 0);
}

#[tokio::test]
async fn damage_is_named_and_set_aside() {
    let (_folder, path) = folder();
    std::fs::write(
        &path,
        "this is no database, however long it goes on being none".repeat(99),
    )
    .unwrap();
    for error in [
        SampleStore::open(&path).await.err().unwrap(),
        SampleStore::open_read_only(&path).await.err().unwrap(),
    ] {
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("samples.db"));
    }
    let aside = set_aside(&path, t(0)).await.unwrap().unwrap();
    assert!(aside.exists() && !path.exists());
    let store = SampleStore::open(&path).await.unwrap();
    store.append(t(0), &[sample("a", &[], 1.0)]).await.unwrap();
    // A sound file stays, and so does an absent one's absence.
    assert_eq!(set_aside(&path, t(1)).await.unwrap(), None);
    assert_eq!(count(&store, "a").await, 1);
    assert_eq!(
        set_aside(&path.with_extension("none"), t(1)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn torn_pages_and_strangers_are_refused() {
    let (folder, path) = folder();
    let store = SampleStore::open(&path).await.unwrap();
    for second in 0..300 {
        store
            .append(t(second), &[sample("a", &[], 1.0), sample("b", &[], 1.0)])
            .await
            .unwrap();
    }
    store.close().await.unwrap();
    assert!(!path.with_extension("db-wal").exists());
    let sound = std::fs::read(&path).unwrap();
    for page in 0..sound.len() / 4096 {
        let mut torn = sound.clone();
        torn[page * 4096..(page + 1) * 4096].fill(0x5a);
        let path = folder.path().join(format!("torn-{page}.db"));
        std::fs::write(&path, torn).unwrap();
        // Wherever the damage is, it is an error when met; never a panic, never a wrong number.
        let Ok(store) = SampleStore::open(&path).await else {
            continue;
        };
        match store.range(&Selector::new("a", &[]), BEGIN, t(999)).await {
            Ok(found) => assert!(found.iter().flat_map(|s| &s.points).all(|(_, v)| *v == 1.0)),
            Err(error) => assert!(matches!(error, StoreError::Corrupt { .. }), "{error}"),
        }
    }
    std::fs::write(&path, &sound[..5000]).unwrap();
    assert!(matches!(
        SampleStore::open(&path).await,
        Err(StoreError::Corrupt { .. })
    ));
    let nowhere = SampleStore::open(&folder.path().join("no/such/samples.db"))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(nowhere, StoreError::Unavailable { .. }),
        "{nowhere}"
    );
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let (_folder, path) = folder();
    SampleStore::open(&path)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // The user version: bytes 60..64 of the header, big-endian.
    bytes[60..64].copy_from_slice(&7_u32.to_be_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let error = SampleStore::open(&path).await.err().unwrap();
    assert!(
        matches!(error, StoreError::Newer { found: 7, .. }),
        "{error}"
    );
    assert_eq!(set_aside(&path, t(0)).await.unwrap(), None);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn one_process_at_a_time_holds_a_claim() {
    let (_folder, path) = folder();
    let store = SampleStore::open(&path).await.unwrap();
    let term = Duration::from_secs(3);
    let claim = |holder: &str| Claim {
        job: "node".into(),
        holder: holder.into(),
    };
    let (a, b) = (claim("a"), claim("b"));
    let unknown = |_: &str| false;
    assert!(store.claim(&a, t(0), term, &unknown).await.unwrap());
    assert!(!store.claim(&b, t(1), term, &unknown).await.unwrap());
    assert!(store.claim(&a, t(2), term, &unknown).await.unwrap());
    assert!(!store.claim(&b, t(4), term, &unknown).await.unwrap());
    assert!(store.claim(&b, t(5), term, &unknown).await.unwrap());
    let lost = store
        .append_claimed(&a, t(5), &[sample("x", &[], 1.0)])
        .await
        .unwrap_err();
    assert!(matches!(lost, StoreError::ClaimLost { .. }));
    store
        .append_claimed(&b, t(5), &[sample("x", &[], 1.0)])
        .await
        .unwrap();
    // The clock goes back an hour: b's claim binds nobody.
    assert!(store.claim(&a, t(-3600), term, &unknown).await.unwrap());
    store.release(&a).await.unwrap();
    assert!(store.claim(&b, t(-3599), term, &unknown).await.unwrap());
}

#[tokio::test]
async fn nobody_waits_for_the_claim_of_the_dead() {
    let (_folder, path) = folder();
    let store = SampleStore::open(&path).await.unwrap();
    let hour = Duration::from_secs(3600);
    let claim = |job: &str, holder: &str| Claim {
        job: job.into(),
        holder: holder.into(),
    };
    let a = claim("node", "a");
    let (b, c) = (claim("node", "b"), claim("node", "c"));
    let a_is_gone = |holder: &str| holder == "a";
    // Nobody holds it yet, and nobody is asked about himself.
    assert!(store.claim(&a, t(0), hour, &|_| true).await.unwrap());
    assert!(store.claim(&a, t(1), hour, &a_is_gone).await.unwrap());
    assert!(!store.claim(&b, t(2), hour, &|h| h == "c").await.unwrap());
    assert!(store.claim(&b, t(2), hour, &a_is_gone).await.unwrap());
    let late = store
        .append_claimed(&a, t(2), &[sample("x", &[], 1.0)])
        .await;
    assert!(matches!(late, Err(StoreError::ClaimLost { .. })));
    // It is the present holder that is asked about, of this job.
    assert!(!store.claim(&c, t(3), hour, &a_is_gone).await.unwrap());
    let other = claim("other", "a");
    assert!(store.claim(&other, t(3), hour, &a_is_gone).await.unwrap());
    assert!(!store.claim(&c, t(4), hour, &a_is_gone).await.unwrap());
}

/// Run by the next test as a process of its own; nothing on its own.
#[tokio::test]
async fn writing_process() {
    let Ok(path) = std::env::var("SIGNALS_TEST_FILE") else {
        return;
    };
    let name = std::env::var("SIGNALS_TEST_NAME").unwrap();
    let patient = Options {
        patience: Duration::from_secs(10),
        ..Options::default()
    };
    let store = SampleStore::open_with(path.as_ref(), patient)
        .await
        .unwrap();
    for second in 0..100 {
        let batch = [
            sample(&name, &[], second as f64),
            sample("shared", &[("by", &name)], 1.0),
        ];
        store.append(t(second), &batch).await.unwrap();
        if second % 25 == 24 {
            store.prune(t(second - 10)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn processes_share_the_file() {
    let (_folder, path) = folder();
    let start = |name: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::writing_process", "--nocapture"])
            .env("SIGNALS_TEST_FILE", &path)
            .env("SIGNALS_TEST_NAME", name)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    // All three create, write and prune the same file at once.
    let children = [start("one"), start("two"), start("three")];
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = SampleStore::open_read_only(&path).await.unwrap();
    for name in ["one", "two", "three"] {
        let found = store
            .range(&Selector::new(name, &[]), t(89), t(200))
            .await
            .unwrap();
        assert_eq!(found[0].points.len(), 11, "{name}");
        assert_eq!(found[0].points[10], (t(99), 99.0));
    }
    assert_eq!(
        store
            .range(&Selector::new("shared", &[]), t(99), t(99))
            .await
            .unwrap()
            .len(),
        3
    );
}

/// Prints what one scrape of a busy node costs; the bound is loose, as machines differ.
#[tokio::test]
async fn a_scrape_is_written_and_read_quickly() {
    let (_folder, path) = folder();
    let store = SampleStore::open(&path).await.unwrap();
    let labels: Vec<String> = (0..400).map(|i| i.to_string()).collect();
    let batch: Vec<_> = labels
        .iter()
        .map(|i| sample("a", &[("i", i)], 1.0))
        .collect();
    store.append(t(-1), &batch).await.unwrap();
    let began = Instant::now();
    for second in 0..100 {
        store.append(t(second), &batch).await.unwrap();
    }
    let write = began.elapsed() / 100;
    let began = Instant::now();
    let read = store
        .range(&Selector::new("a", &[("i", "7")]), t(0), t(99))
        .await
        .unwrap();
    assert_eq!(read[0].points.len(), 100);
    println!(
        "400 samples written in {write:?}, 100 points of 1 in 400 series read in {:?}",
        began.elapsed()
    );
    assert!(write < Duration::from_millis(200), "{write:?}");
}
