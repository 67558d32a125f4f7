use deckwatch_domain::{Slot, Span};
use deckwatch_signals::{
    BadRule, Cohort, Gauge, Sample, SampleStore, gauge, mean_response, quantile, slot_counts,
};

use super::{sample, t};

fn cohort(slot: Slot, release: &str) -> Cohort {
    Cohort {
        service: "checkout".parse().unwrap(),
        slot,
        release: release.parse().unwrap(),
    }
}

/// One counter of a slot, with the label `extra`.
fn of(name: &str, slot: &str, release: &str, extra: (&str, &str), value: f64) -> Sample {
    let labels = [
        ("job", "node"),
        ("service", "checkout"),
        ("slot", slot),
        ("release", release),
        extra,
    ];
    sample(name, &labels, value)
}

fn up(value: f64) -> Sample {
    sample("up", &[("job", "node")], value)
}

fn class(slot: &str, release: &str, class: &str, value: f64) -> Sample {
    of(
        "deckwatch_proxy_responses_total",
        slot,
        release,
        ("class", class),
        value,
    )
}

async fn store_of(scrapes: &[(i64, Vec<Sample>)]) -> (tempfile::TempDir, SampleStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SampleStore::open(&folder.path().join("samples.db"))
        .await
        .unwrap();
    for (second, samples) in scrapes {
        store.append(t(*second), samples).await.unwrap();
    }
    (folder, store)
}

async fn counts(
    store: &SampleStore,
    cohort: &Cohort,
    rule: BadRule,
    from: i64,
) -> Vec<(i64, i64, u64, u64)> {
    let origin = t(0).as_millis();
    slot_counts(store, cohort, t(from), t(100), rule)
        .await
        .unwrap()
        .into_iter()
        .map(|i| {
            let second = |at: deckwatch_domain::Timestamp| (at.as_millis() - origin) / 1000;
            (second(i.from), second(i.at), i.total, i.bad)
        })
        .collect()
}

#[tokio::test]
async fn errors_are_counted_per_interval() {
    let blue = |class_: &str, value| class("blue", "v1", class_, value);
    let green = |class_: &str, value| class("green", "v2", class_, value);
    let (_folder, store) = store_of(&[
        (0, vec![up(1.0), blue("2xx", 1000.0), blue("5xx", 7.0)]),
        // The candidate appears: looked for before, so all of it counts.
        (
            1,
            vec![
                up(1.0),
                blue("2xx", 1090.0),
                blue("5xx", 7.0),
                green("2xx", 9.0),
                green("5xx", 1.0),
                green("aborted", 5.0),
            ],
        ),
        (2, vec![up(0.0)]),
        // A scrape was missed; then every other class.
        (
            3,
            vec![
                up(1.0),
                blue("2xx", 1290.0),
                blue("5xx", 8.0),
                green("2xx", 29.0),
                green("5xx", 1.0),
                green("404", 1.0),
                green("timeout", 2.0),
                green("refused", 3.0),
                green("aborted", 9.0),
            ],
        ),
        // The node restarted: blue's 2xx is higher all the same.
        (4, vec![up(1.0), blue("2xx", 1300.0), blue("5xx", 1.0)]),
    ])
    .await;
    let stable = cohort(Slot::Blue, "v1");
    assert_eq!(
        counts(&store, &stable, BadRule::Errors, 0).await,
        [(0, 1, 90, 0), (1, 3, 201, 1), (3, 4, 1301, 1)]
    );
    let candidate = cohort(Slot::Green, "v2");
    assert_eq!(
        counts(&store, &candidate, BadRule::Errors, 0).await,
        [(0, 1, 10, 1), (1, 3, 26, 5), (3, 4, 0, 0)]
    );
    // From within: the scrape at 1 is where counting starts.
    assert_eq!(
        counts(&store, &candidate, BadRule::Errors, 1).await,
        [(1, 3, 26, 5), (3, 4, 0, 0)]
    );
    // Another release in that slot, and a time nobody looked at.
    assert_eq!(
        counts(&store, &cohort(Slot::Green, "v3"), BadRule::Errors, 3).await,
        [(3, 4, 0, 0)]
    );
    assert_eq!(counts(&store, &stable, BadRule::Errors, 4).await, []);
}

fn buckets(counts: [f64; 4], sum: f64) -> Vec<Sample> {
    let name = "deckwatch_proxy_response_seconds";
    let of = |part: &str, le: (&str, &str), value| {
        of(&format!("{name}_{part}"), "blue", "v1", le, value)
    };
    let mut found: Vec<_> = ["0.1", "0.25", "1.0", "+Inf"]
        .into_iter()
        .zip(counts)
        .map(|(le, count)| of("bucket", ("le", le), count))
        .collect();
    found.extend([
        up(1.0),
        of("sum", ("", ""), sum),
        of("count", ("", ""), counts[3]),
    ]);
    found
}

#[tokio::test]
async fn slowness_is_counted_at_a_bound_and_shown_between() {
    let (_folder, store) = store_of(&[
        (0, buckets([5.0, 5.0, 5.0, 5.0], 0.1)),
        (1, buckets([55.0, 85.0, 100.0, 105.0], 20.1)),
    ])
    .await;
    let stable = cohort(Slot::Blue, "v1");
    let slower = |ms| BadRule::SlowerThan(Span::from_millis(ms));
    assert_eq!(
        counts(&store, &stable, slower(250), 0).await,
        [(0, 1, 100, 20)]
    );
    assert_eq!(
        counts(&store, &stable, slower(1000), 0).await,
        [(0, 1, 100, 5)]
    );
    let error = slot_counts(&store, &stable, t(0), t(9), slower(260))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("250ms, 300ms"), "{error}");
    let missing = slot_counts(&store, &stable, t(0), t(9), slower(300))
        .await
        .unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("no response time bucket up to 0.3 s"),
        "{missing}"
    );
    let mean = mean_response(&store, &stable, t(0), t(9)).await.unwrap();
    assert_eq!(mean, Some(0.2));
    let median = quantile(&store, &stable, 0.5, t(0), t(9))
        .await
        .unwrap()
        .unwrap();
    assert!((median - 0.1).abs() < 1e-9, "{median}");
    let nobody = cohort(Slot::Green, "v2");
    assert_eq!(
        mean_response(&store, &nobody, t(0), t(9)).await.unwrap(),
        None
    );
    assert_eq!(
        quantile(&store, &nobody, 0.5, t(0), t(9)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn clients_and_instances() {
    let of = |name: &str, extra, value| of(name, "blue", "v1", extra, value);
    let scrape = |clients, bad, memory, cpu| {
        vec![
            up(1.0),
            of("deckwatch_proxy_clients_total", ("", ""), clients),
            of("deckwatch_proxy_clients_bad_total", ("", ""), bad),
            of(
                "deckwatch_instance_resident_bytes",
                ("instance", "blue-1"),
                memory,
            ),
            of(
                "deckwatch_instance_resident_bytes",
                ("instance", "blue-2"),
                memory * 3.0,
            ),
            of(
                "deckwatch_instance_cpu_seconds_total",
                ("instance", "blue-1"),
                cpu,
            ),
        ]
    };
    let (_folder, store) = store_of(&[
        (0, scrape(10.0, 0.0, 100.0, 1.0)),
        (2, scrape(10.0, 0.0, 200.0, 2.0)),
        // Between two counters of a window that ended: one had moved, the other had not.
        (5, scrape(10.0, 2.0, 200.0, 3.0)),
        (6, scrape(30.0, 2.0, 200.0, 4.0)),
        (9, scrape(30.0, 2.0, 200.0, 5.0)),
        (12, scrape(50.0, 9.0, 200.0, 6.0)),
        (13, scrape(50.0, 9.0, 200.0, 7.0)),
        (18, scrape(90.0, 10.0, 200.0, 8.0)),
    ])
    .await;
    let stable = cohort(Slot::Blue, "v1");
    // Every second window, each whole.
    let both = [(0, 5, 20, 2), (10, 15, 40, 1)];
    assert_eq!(counts(&store, &stable, BadRule::Clients, 0).await, both);
    assert_eq!(
        counts(&store, &stable, BadRule::Clients, 5).await,
        both[1..]
    );
    // A window that had begun before: nobody knows which of its clients came later.
    assert_eq!(
        counts(&store, &stable, BadRule::Clients, 1).await,
        both[1..]
    );
    // The same intervals for whoever served nobody.
    assert_eq!(
        counts(&store, &cohort(Slot::Green, "v2"), BadRule::Clients, 0).await,
        [(0, 5, 0, 0), (10, 15, 0, 0)]
    );
    let memory = gauge(&store, &stable, Gauge::Memory, t(0), t(2))
        .await
        .unwrap();
    assert_eq!(memory, [(t(0), 200.0), (t(2), 400.0)]);
    let cpu = gauge(&store, &stable, Gauge::Cpu, t(0), t(2))
        .await
        .unwrap();
    assert_eq!(cpu, [(t(2), 0.5)]);
}
