//! PromQL over the store: any selector, stale markers, and counters that were thinned out.

use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::parse::Dialect;
use deckwatch_promql::value::{SampleValue, Value, stale_nan};
use deckwatch_promql::{Options, Query, When};
use deckwatch_signals::source::{self, AskError, FetchError};
use deckwatch_signals::{Options as StoreOptions, Retention, SampleStore, StoreError};

use super::sample;

const DAY: i64 = 86_400;

/// Seconds after a midnight.
fn t(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_769_990_400_000 + seconds * 1000)
}

async fn ask(store: &SampleStore, text: &str, at: i64) -> Result<Vec<(String, f64)>, AskError> {
    let query = Query::new(text, Dialect::default()).unwrap();
    let when = When::Instant(t(at).as_millis());
    let patience = Duration::from_secs(30);
    let answer = source::ask(store, query, when, Options::default(), patience).await?;
    let Value::Vector(samples) = answer.value else {
        panic!("no vector");
    };
    let number = |value: &SampleValue| match value {
        SampleValue::Float(v) => *v,
        SampleValue::Histogram(_) => f64::NAN,
    };
    let told = samples
        .iter()
        .map(|s| (s.labels.to_string(), number(&s.value)));
    Ok(told.collect())
}

fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.db");
    (folder, path)
}

#[tokio::test]
async fn any_selector_is_answered() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    let samples = [
        sample("a", &[("job", "x"), ("code", "200")], 1.0),
        sample("a", &[("job", "x"), ("code", "503")], 2.0),
        sample("b", &[("job", "y")], 4.0),
        sample("c", &[], 8.0),
    ];
    store.append(t(0), &samples).await.unwrap();
    for (text, meant) in [
        ("sum({job=~\"x|y\"})", 7.0),
        ("sum({__name__=~\"[ac]\", code!~\"5..\"})", 9.0),
        ("sum({job=\"x\", code!=\"\"})", 3.0),
        ("sum({__name__!=\"a\", __name__=~\".+\"})", 12.0),
        ("sum(a) / on() sum(b)", 0.75),
    ] {
        assert_eq!(ask(&store, text, 1).await.unwrap()[0].1, meant, "{text}");
    }
    // A stale marker ends a series at once; without one it counts for five minutes.
    let gone = [sample("b", &[("job", "y")], stale_nan())];
    store.append(t(10), &gone).await.unwrap();
    assert_eq!(ask(&store, "b", 9).await.unwrap().len(), 1);
    assert_eq!(ask(&store, "b", 10).await.unwrap(), []);
    assert_eq!(ask(&store, "c", 299).await.unwrap().len(), 1);
    assert_eq!(ask(&store, "c", 300).await.unwrap(), []);
}

#[tokio::test]
async fn increases_outlive_the_samples() {
    let (_folder, path) = place();
    let store = SampleStore::open(&path).await.unwrap();
    // Two counters that start again at times of their own, every eleven and every five hours.
    let mut batch = Vec::new();
    for second in (0..5 * DAY).step_by(60) {
        for (n, hours) in [("1", 11), ("2", 5)] {
            let mut sample = sample("c_total", &[("n", n)], (second % (hours * 3600)) as f64);
            sample.timestamp_ms = Some(t(second).as_millis());
            batch.push(sample);
        }
    }
    store.append(t(0), &batch).await.unwrap();
    let texts = [
        "increase(c_total[1d])",
        "sum(rate(c_total[6h]))",
        "sum without (n) (increase(c_total[4d]))",
    ];
    let end = 5 * DAY - 1800;
    let mut exact = Vec::new();
    for text in texts {
        exact.push(ask(&store, text, end).await.unwrap());
    }
    let days = |n: u64| Span::from_secs(n * 86_400);
    let now = t(5 * DAY + 7200);
    // First with rollups beside the samples, then with the samples of one day only.
    for age in [100, 1] {
        let retention = Retention {
            age: days(age),
            ..Retention::default()
        };
        store.keep(now, &retention).await.unwrap();
        for (text, exact) in texts.iter().zip(&exact) {
            let found = ask(&store, text, end).await.unwrap();
            assert_eq!(found.len(), exact.len(), "{text}");
            for ((labels, found), (meant, exact)) in found.iter().zip(exact) {
                assert_eq!(labels, meant);
                assert!(
                    (found - exact).abs() <= exact * 0.01,
                    "{text}: {found}, {exact}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_question_that_reads_too_much_is_refused() {
    let (_folder, path) = place();
    let options = StoreOptions {
        most_points: 10,
        ..StoreOptions::default()
    };
    let store = SampleStore::open_with(&path, options).await.unwrap();
    for second in 0..60 {
        store
            .append(t(second), &[sample("a", &[], 1.0)])
            .await
            .unwrap();
    }
    assert_eq!(ask(&store, "rate(a[10s])", 59).await.unwrap().len(), 1);
    let refused = ask(&store, "rate(a[10m])", 59).await.unwrap_err();
    let limit = matches!(
        refused,
        AskError::Fetch(FetchError::Store(StoreError::TooMuch { limit: 50, .. }))
    );
    assert!(limit, "{refused}");
}
