use std::time::Duration;

use deckwatch_domain::Span;
use deckwatch_training::load::{Arrivals, LoadError, LoadOptions, LoadReport, start};

use super::{Demo, free_port};

async fn run(options: LoadOptions, ms: u64) -> LoadReport {
    let load = start(options).unwrap();
    tokio::time::sleep(Duration::from_millis(ms)).await;
    load.stop().await
}

/// What must hold of every report.
fn adds_up(report: &LoadReport) {
    assert_eq!(
        report.due,
        report.overloaded + report.ok + report.failed + report.in_flight
    );
    assert_eq!(report.failed, report.failures.total());
    let due: u64 = report.timeline.iter().map(|second| second.due).sum();
    let ended: u64 = report
        .timeline
        .iter()
        .map(|second| second.ok + second.failed)
        .sum();
    assert_eq!((due, ended), (report.due, report.ok + report.failed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_service_hurts_nobody() {
    let demo = Demo::start("v1", &[]).await;
    let load = start(demo.load(300.0)).unwrap();
    tokio::time::sleep(Duration::from_millis(1000)).await;
    adds_up(&load.snapshot());
    assert_eq!(load.set_rate(1e9), 5000.0);
    assert_eq!(load.set_rate(f64::NAN), 1.0);
    assert_eq!(load.set_rate(600.0), 600.0);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let report = load.stop().await;
    adds_up(&report);
    println!(
        "{:?} in {} connections",
        report.latency, report.connections_opened
    );
    // 900 expected; six standard deviations of a Poisson count and a slow machine's slack.
    assert!((700..1100).contains(&report.due), "{}", report.due);
    assert_eq!((report.failed, report.clients_hurt), (0, 0));
    // A starved machine may let a moment's burst pile up; that is counted, and stays an exception.
    assert!(report.overloaded * 50 < report.due, "{}", report.overloaded);
    assert_eq!(report.versions["v1"].answers, report.ok);
    assert!(
        report.connections_opened * 4 < report.sent,
        "connections are not reused"
    );
    assert!(report.latency.p50_ms >= 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_while_it_is_silent() {
    let demo = Demo::start("v1", &[]).await;
    let load = start(demo.load(300.0)).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    load.silence(true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let quiet = load.snapshot();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let still = load.snapshot();
    assert_eq!((still.due, still.in_flight), (quiet.due, 0));
    assert!(quiet.due > 0);
    load.silence(false);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let again = load.stop().await;
    adds_up(&again);
    // Those who did not come meanwhile do not come all at once.
    let came = again.due - still.due;
    assert!((20..400).contains(&came), "{came} came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_service_does_not_slow_the_load_down() {
    let demo = Demo::start("v1", &[("hang", "1")]).await;
    let options = LoadOptions {
        arrivals: Arrivals::Uniform,
        timeout: Span::from_millis(500),
        ..demo.load(400.0)
    };
    let report = run(options, 2000).await;
    adds_up(&report);
    // As many as if it had answered: 800.
    assert!((760..=805).contains(&report.due), "{}", report.due);
    assert_eq!((report.ok, report.overloaded), (0, 0));
    assert_eq!(report.failures.timeout, report.sent);
    assert!(report.latency.p50_ms >= 500.0 && report.latency.p50_ms < 700.0);
    assert!(report.clients_hurt > 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_is_counted() {
    let demo = Demo::start("v1", &[("hang", "1")]).await;
    let options = LoadOptions {
        most_in_flight: 20,
        timeout: Span::from_millis(400),
        ..demo.load(500.0)
    };
    let report = run(options, 1000).await;
    adds_up(&report);
    assert!(report.due > 350, "{}", report.due);
    assert!(report.sent <= 80 && report.overloaded > 250, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_is_not_hidden() {
    // One request in fifty takes 300 ms more: p99 must show it though the median does not.
    let demo = Demo::start("v1", &[("latency_ms", "300"), ("latency_share", "0.02")]).await;
    let report = run(demo.load(400.0), 1500).await;
    adds_up(&report);
    assert!(report.latency.p50_ms < 100.0, "{:?}", report.latency);
    assert!(report.latency.p99_ms >= 300.0, "{:?}", report.latency);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_version_is_told_apart_and_dated() {
    let demo = Demo::start("v3", &[("errors", "0.04")]).await;
    let report = run(demo.load(500.0), 2000).await;
    adds_up(&report);
    let bad = &report.versions["v3"];
    let share = bad.bad as f64 / bad.answers as f64;
    assert!((0.02..0.07).contains(&share), "{share}");
    assert_eq!(
        (report.failures.answered_5xx, report.failures.dropped()),
        (bad.bad, 0)
    );
    assert_eq!(report.statuses[&500], bad.bad);
    assert!(bad.clients_hurt > 0 && bad.clients_hurt <= bad.bad);
    assert!(bad.first_bad_at >= bad.first_at && bad.last_bad_at <= bad.last_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_is_counted_by_kind() {
    let demo = Demo::start("v1", &[("crash_after", "100"), ("latency_ms", "50")]).await;
    let report = run(demo.load(300.0), 1200).await;
    adds_up(&report);
    assert!(report.ok > 50 && report.failures.reset > 0, "{report:?}");
    assert!(report.failures.refused > 100, "{report:?}");
    assert_eq!(report.failures.dropped(), report.failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_politely_costs_no_reset() {
    let demo = Demo::start("v1", &[]).await;
    let load = start(demo.load(400.0)).unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    demo.stop().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let report = load.stop().await;
    adds_up(&report);
    assert!(report.failures.refused > 0);
    // A connection that waits in the backlog when the listener closes is reset by the kernel.
    assert!(report.failures.reset <= 3, "{:?}", report.failures);
}

#[tokio::test]
async fn nonsense_is_refused() {
    let new = || LoadOptions::new(([127, 0, 0, 1], free_port()).into());
    let outside = LoadOptions::new(([192, 0, 2, 1], 80).into());
    assert!(matches!(start(outside), Err(LoadError::NotLoopback(_))));
    for rate in [0.0, -1.0, f64::NAN, 5001.0] {
        assert!(start(LoadOptions { rate, ..new() }).is_err(), "{rate}");
    }
    for path in ["", "x", "/a b", "/\u{e9}"] {
        assert!(
            start(LoadOptions {
                path: path.into(),
                ..new()
            })
            .is_err(),
            "{path}"
        );
    }
    assert!(
        start(LoadOptions {
            clients: 0,
            ..new()
        })
        .is_err()
    );
    assert!(
        start(LoadOptions {
            most_in_flight: 0,
            ..new()
        })
        .is_err()
    );
}
