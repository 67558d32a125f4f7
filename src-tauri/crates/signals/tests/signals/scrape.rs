use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_signals::{Outcome, SampleStore, ScrapeOptions, Scraper, Selector};

use super::t;

async fn store() -> (tempfile::TempDir, SampleStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SampleStore::open(&folder.path().join("samples.db"))
        .await
        .unwrap();
    (folder, store)
}

fn options(holder: &str) -> ScrapeOptions {
    ScrapeOptions {
        timeout: Span::from_millis(50),
        ..ScrapeOptions::new("node", holder)
    }
}

async fn values(store: &SampleStore, name: &str) -> Vec<(Timestamp, f64)> {
    let found = store
        .range(
            &Selector::new(name, &[("job", "node")]),
            Timestamp::EPOCH,
            t(9999),
        )
        .await
        .unwrap();
    found.into_iter().flat_map(|series| series.points).collect()
}

#[tokio::test]
async fn every_scrape_leaves_up_and_the_last_error_says_why() {
    let (_folder, store) = store().await;
    let turn = AtomicUsize::new(0);
    let target = || {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        async move {
            match turn {
                0 | 4 => Ok(format!("a_total {turn} 1\n")),
                1 => Err("connection refused".to_owned()),
                2 => Ok("<html>".to_owned()),
                _ => std::future::pending().await,
            }
        }
    };
    let scraper = Scraper::new(target, options("me"));
    let mut said = Vec::new();
    for second in 0..5 {
        let scrape = scraper.scrape_once(&store, t(second)).await;
        said.push(match scrape.outcome {
            Outcome::Stored { samples } => samples.to_string(),
            Outcome::Down { why } => why,
            other => format!("{other:?}"),
        });
        let expected = (second > 0 && second < 4).then(|| said[second as usize].clone());
        assert_eq!(scraper.state().last_error.map(|(_, why)| why), expected);
    }
    assert_eq!(said[0], "1");
    assert_eq!(said[1], "connection refused");
    assert!(said[2].contains("line 1"), "{}", said[2]);
    assert_eq!(said[3], "no answer within 50ms");
    let up: Vec<f64> = values(&store, "up")
        .await
        .into_iter()
        .map(|(_, v)| v)
        .collect();
    assert_eq!(up, [1.0, 0.0, 0.0, 0.0, 1.0]);
    // The target's own stamp does not tear a scrape apart.
    assert_eq!(values(&store, "a_total").await, [(t(0), 0.0), (t(4), 4.0)]);
    assert_eq!(values(&store, "scrape_duration_seconds").await.len(), 5);
    assert_eq!(scraper.state().last_good, Some(t(4)));
}

#[tokio::test]
async fn two_consoles_scrape_as_one() {
    let (_folder, store) = store().await;
    let asked = AtomicUsize::new(0);
    let target = || {
        let n = asked.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, String>(format!("a_total {n}\n")) }
    };
    let (one, two) = (
        Scraper::new(target, options("one")),
        Scraper::new(target, options("two")),
    );
    for second in 0..3 {
        one.scrape_once(&store, t(second)).await;
        let other = two.scrape_once(&store, t(second)).await;
        assert_eq!(other.outcome, Outcome::Elsewhere);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    // The first one dies; the second takes over once the claim has ended.
    assert_eq!(
        two.scrape_once(&store, t(3)).await.outcome,
        Outcome::Elsewhere
    );
    assert!(matches!(
        two.scrape_once(&store, t(5)).await.outcome,
        Outcome::Stored { .. }
    ));
    assert_eq!(
        one.scrape_once(&store, t(6)).await.outcome,
        Outcome::Elsewhere
    );
}

#[tokio::test]
async fn a_dead_scraper_is_followed_at_once() {
    let (_folder, store) = store().await;
    let target = || async { Ok::<_, String>("a 1\n".to_owned()) };
    let long = |holder: &str| ScrapeOptions {
        interval: Span::from_secs(600),
        ..options(holder)
    };
    let dead = Arc::new(AtomicBool::new(false));
    let asked = dead.clone();
    let one = Scraper::new(target, long("one"));
    let two = Scraper::new(target, long("two"))
        .knowing(move |holder| holder == "one" && asked.load(Ordering::SeqCst));
    one.scrape_once(&store, t(0)).await;
    assert_eq!(
        two.scrape_once(&store, t(1)).await.outcome,
        Outcome::Elsewhere
    );
    dead.store(true, Ordering::SeqCst);
    assert!(matches!(
        two.scrape_once(&store, t(2)).await.outcome,
        Outcome::Stored { .. }
    ));
    // It was not dead after all: then it finds itself replaced.
    assert_eq!(
        one.scrape_once(&store, t(3)).await.outcome,
        Outcome::Elsewhere
    );
}

#[tokio::test]
async fn a_clock_set_back_makes_no_counts() {
    let (_folder, store) = store().await;
    let value = AtomicUsize::new(500);
    let target = || {
        let n = value.fetch_add(10, Ordering::SeqCst);
        async move { Ok::<_, String>(format!("a_total {n}\n")) }
    };
    let scraper = Scraper::new(target, options("me"));
    for second in [0, 1, 2, 3602, 3603, 3, 4] {
        scraper.scrape_once(&store, t(second)).await;
    }
    let points = values(&store, "a_total").await;
    assert_eq!(
        points,
        [
            (t(0), 500.0),
            (t(1), 510.0),
            (t(2), 520.0),
            (t(3), 550.0),
            (t(4), 560.0)
        ]
    );
}

#[tokio::test]
async fn the_loop_keeps_its_interval() {
    let (_folder, store) = store().await;
    let target = || async { Ok::<_, String>("a 1\n".to_owned()) };
    let quick = ScrapeOptions {
        interval: Span::from_millis(20),
        ..options("me")
    };
    let scraper = Scraper::new(target, quick);
    let began = tokio::time::Instant::now();
    let now = || t(0).plus(began.elapsed());
    let looped = tokio::time::timeout(Duration::from_millis(500), scraper.run(&store, now)).await;
    assert!(looped.is_err());
    let scrapes = values(&store, "up").await.len();
    assert!((3..=27).contains(&scrapes), "{scrapes}");
}
