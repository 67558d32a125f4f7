//! Scraping over real HTTP into a real file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deckwatch_domain::Timestamp;
use deckwatch_signals::pool::{Direct, Duty, Pool, SecretOf};
use deckwatch_signals::targets::{self, Target};
use deckwatch_signals::{SampleStore, Selector};

use super::server::{Server, http, https, page, status};
use super::t;

struct Scene {
    folder: tempfile::TempDir,
    store: Arc<SampleStore>,
    duty: Arc<Duty>,
    pool: Arc<Pool>,
}

fn secrets() -> SecretOf {
    Arc::new(|name: &str| match name {
        "token" => Ok("hush".to_owned()),
        _ => Err(format!("the secret `{name}` is not set")),
    })
}

impl Scene {
    async fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let store = SampleStore::open(&folder.path().join("samples.db")).await;
        let store = Arc::new(store.unwrap());
        let duty = Arc::new(Duty::new(store.clone(), "me", |_| false));
        duty.renew(t(0)).await;
        let pool = Arc::new(Pool::new(duty.clone(), Arc::new(Direct::new(secrets()))));
        Scene {
            folder,
            store,
            duty,
            pool,
        }
    }

    fn sync(&self, text: &str) {
        self.pool.sync(read(text), t(0));
    }

    async fn values(&self, name: &str) -> Vec<(Timestamp, f64)> {
        let selector = Selector::new(name, &[("job", "shop")]);
        let found = self
            .store
            .range(&selector, Timestamp::EPOCH, t(99_999))
            .await;
        let found = found.unwrap().into_iter();
        found.flat_map(|series| series.points).collect()
    }

    fn error(&self) -> Option<String> {
        self.pool.status()[0].last.as_ref()?.error.clone()
    }
}

fn read(text: &str) -> Vec<Target> {
    targets::read(text).unwrap().listed()
}

fn file(server: &Server, more: &str) -> String {
    let address = server.address;
    format!(
        "scrape:\n  - job: shop\n    targets: ['{address}']\n    interval: 5s\n    timeout: 2s\n{more}"
    )
}

const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[tokio::test]
async fn a_target_is_asked_for_openmetrics_and_every_failure_is_told() {
    let scene = Scene::new().await;
    let turn = Arc::new(AtomicUsize::new(0));
    let turns = turn.clone();
    let server = http(move |request| {
        let turn = turns.fetch_add(1, Ordering::SeqCst);
        async move {
            let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
            assert!(header("accept").starts_with("application/openmetrics-text;version=1.0.0"));
            assert_eq!(header("x-prometheus-scrape-timeout-seconds"), "2");
            let text = "text/plain; version=0.0.4";
            match turn {
                0 => page(OPEN, "# TYPE a counter\na_total 5 # {} 1\nb 1\n# EOF\n"),
                1 => page(text, "# TYPE a counter\na_total 2\n"),
                2 => status(503),
                3 => page(OPEN, "a_total 1\n"),
                4 => page(text, "a_total x\n"),
                5 => page("text/html", "<html>"),
                6 => page(text, vec![b'a', 0xff]),
                7 => page(text, "a".repeat(2000)),
                8 => std::future::pending().await,
                _ => page(text, "a_total 9\n"),
            }
        }
    })
    .await;
    scene.sync(&file(&server, "    body_limit: 1KiB\n"));
    let expected = [
        None,
        None,
        Some("HTTP 503"),
        Some("line 1: the answer does not end with `# EOF`"),
        Some("line 1: `x` is not a number"),
        Some("a page (text/html), not metrics"),
        Some("not UTF-8 from byte 1 on"),
        Some("longer than 1024 bytes"),
        Some("no answer within 2s"),
        None,
    ];
    for (n, expected) in expected.into_iter().enumerate() {
        scene.pool.scrape_all(t(n as i64 * 5)).await;
        let error = scene.error();
        let right = match expected {
            None => error.is_none(),
            Some(part) => error.as_ref().is_some_and(|e| e.contains(part)),
        };
        assert!(right, "{n}: {error:?}");
    }
    let up: Vec<f64> = scene.values("up").await.iter().map(|(_, v)| *v).collect();
    assert_eq!(up, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    // It ends when it is missed, and begins again when it is there.
    let total = scene.values("a_total").await;
    assert_eq!(total.len(), 4);
    assert!(total[2].1.is_nan() && total[2].0 == t(10));
    assert_eq!(total[3], (t(45), 9.0));
    let b = scene.values("b").await;
    assert!(b[1].1.is_nan() && b[1].0 == t(5));
    let status = &scene.pool.status()[0];
    assert_eq!(status.reset, Some((t(5), 1)));
    assert_eq!(status.last_good, Some(t(45)));
    let kept = scene.values("scrape_samples_post_metric_relabeling").await;
    assert_eq!((kept[0].1, kept[9].1), (2.0, 1.0));
    server.stop().await;
    scene.pool.scrape_all(t(50)).await;
    assert!(
        scene.error().unwrap().contains("refused"),
        "{:?}",
        scene.error()
    );
}

#[tokio::test]
async fn a_target_that_is_taken_out_ends_and_gaps_are_told() {
    let scene = Scene::new().await;
    let server = http(|_| async { page("text/plain", "a 1\n") }).await;
    scene.sync(&file(&server, ""));
    scene.pool.scrape_all(t(0)).await;
    scene.pool.scrape_all(t(5)).await;
    assert_eq!(scene.pool.status()[0].gap, None);
    scene.pool.scrape_all(t(3605)).await;
    let gap = scene.pool.status()[0].gap.unwrap();
    assert_eq!((gap.from, gap.to), (t(5), t(3605)));
    scene.sync("");
    scene.pool.scrape_all(t(3610)).await;
    for name in ["a", "up", "scrape_duration_seconds"] {
        let last = *scene.values(name).await.last().unwrap();
        assert!(last.0 == t(3610) && last.1.is_nan(), "{name}: {last:?}");
    }
    assert!(scene.pool.status().is_empty());
}

#[tokio::test]
async fn secrets_and_certificates_are_used_and_told_of() {
    let scene = Scene::new().await;
    let (server, ca) = https(scene.folder.path(), 30, |request| async move {
        match request.headers().get("authorization").map(|v| v.as_bytes()) {
            Some(b"Bearer hush") => page("text/plain", "a 1\n"),
            _ => status(401),
        }
    })
    .await;
    let tls = |more: &str| format!("    scheme: https\n    tls: {{{more}}}\n");
    let trusted = tls(&format!("ca: {}, server_name: localhost", ca.display()));
    let all = [
        (trusted.clone() + "    auth: {bearer: token}\n", None),
        (trusted.clone(), Some("HTTP 401; see `auth`")),
        (
            trusted + "    auth: {bearer: none}\n",
            Some("the secret `none` is not set"),
        ),
        (tls("server_name: localhost"), Some("certificate")),
        (tls("ca: /nowhere.pem"), Some("/nowhere.pem")),
    ];
    for (n, (more, expected)) in all.into_iter().enumerate() {
        scene.sync("");
        scene.sync(&file(&server, &more));
        scene.pool.scrape_all(t(n as i64 * 5)).await;
        let error = scene.error();
        let right = match expected {
            None => error.is_none(),
            Some(part) => error.as_ref().is_some_and(|e| e.contains(part)),
        };
        assert!(right, "{more}: {error:?}");
        assert!(!error.unwrap_or_default().contains("hush"));
    }
}

#[tokio::test]
async fn only_who_is_on_duty_scrapes() {
    let scene = Scene::new().await;
    let server = http(|_| async { page("text/plain", "a 1\n") }).await;
    scene.sync(&file(&server, ""));
    let other = Duty::new(scene.store.clone(), "other", |_| false);
    other.renew(t(1)).await;
    assert!(scene.duty.is_mine() && !other.is_mine());
    scene.pool.scrape_all(t(2)).await;
    // The first one sleeps; the other takes over, and what the first still writes is not taken.
    other.renew(t(60)).await;
    assert!(other.is_mine());
    scene.pool.scrape_all(t(60)).await;
    assert!(!scene.duty.is_mine());
    assert_eq!(scene.values("up").await.len(), 1);
    scene.duty.renew(t(61)).await;
    assert!(!scene.duty.is_mine());
    // Given up, or known to be dead, nobody waits.
    other.release().await.unwrap();
    scene.duty.renew(t(62)).await;
    assert!(scene.duty.is_mine());
    let heir = Duty::new(scene.store.clone(), "heir", |holder| holder == "me");
    heir.renew(t(63)).await;
    assert!(heir.is_mine());
}

#[tokio::test]
async fn a_clock_that_is_set_back_is_told_and_makes_no_counts() {
    let scene = Scene::new().await;
    let turn = Arc::new(AtomicUsize::new(0));
    let turns = turn.clone();
    let server = http(move |_| {
        let n = turns.fetch_add(10, Ordering::SeqCst);
        async move { page("text/plain", format!("a_total {n}\n")) }
    })
    .await;
    scene.sync(&file(&server, ""));
    for second in [0, 5, 3600, 3605] {
        scene.pool.scrape_all(t(second)).await;
        scene.duty.renew(t(second)).await;
    }
    assert_eq!(scene.duty.set_back(), None);
    scene.duty.renew(t(10)).await;
    let back = scene.duty.set_back().unwrap();
    assert_eq!(
        (back.at, back.by.duration()),
        (t(10), Duration::from_secs(3595))
    );
    scene.pool.scrape_all(t(10)).await;
    let points = scene.values("a_total").await;
    assert_eq!(points, [(t(0), 0.0), (t(5), 10.0), (t(10), 40.0)]);
    // Another process that finds what lies ahead removes it as well.
    scene.pool.scrape_all(t(7200)).await;
    scene.duty.release().await.unwrap();
    let later = Arc::new(Duty::new(scene.store.clone(), "later", |_| false));
    later.renew(t(15)).await;
    let pool = Pool::new(later, Arc::new(Direct::new(secrets())));
    pool.sync(read(&file(&server, "")), t(15));
    pool.scrape_all(t(15)).await;
    let points = scene.values("a_total").await;
    assert_eq!(points.last().unwrap(), &(t(15), 60.0));
}

#[tokio::test]
async fn each_target_keeps_its_interval() {
    let scene = Scene::new().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = http(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { page("text/plain", "a 1\n") }
    })
    .await;
    let began = tokio::time::Instant::now();
    let now = move || t(0).plus(began.elapsed());
    let every = file(&server, "").replace("interval: 5s", "interval: 1s");
    let every = every.replace("timeout: 2s", "timeout: 1s");
    scene.pool.sync(read(&every), now());
    let run = scene.pool.clone().run(now);
    let _ = tokio::time::timeout(Duration::from_millis(3500), run).await;
    // Three or four turns, less on a slow machine.
    let asked = asked.load(Ordering::SeqCst);
    assert!((1..=4).contains(&asked), "{asked}");
    assert!(scene.pool.status()[0].last.is_some());
}
