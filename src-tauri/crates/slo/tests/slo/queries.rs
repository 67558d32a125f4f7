//! The PromQL of each kind of objective, run over real samples and held against a plain count.

use deckwatch_domain::Timestamp;
use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::Dialect;
use deckwatch_promql::value::{FloatPoint, SampleValue, Series, Value};
use deckwatch_promql::{MemorySource, Options, Query, SeriesSamples, When};
use deckwatch_slo::{Events, Grid, Measured, Objective};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{one, seconds};

/// A counter that grows by `each` every 15 seconds; minute marks are not scrapes, so that rates
/// extrapolate as they do in life.
fn counter(text: &[(&str, &str)], each: f64) -> SeriesSamples {
    series(text, (0..=240).map(|n| each * f64::from(n)))
}

fn series(text: &[(&str, &str)], values: impl Iterator<Item = f64>) -> SeriesSamples {
    let floats = values.enumerate().map(|(n, v)| FloatPoint {
        t: n as i64 * 15_000,
        v,
    });
    SeriesSamples {
        labels: Labels::from_pairs(text.iter().map(|(a, b)| (*a, *b))),
        floats: floats.collect(),
        ..SeriesSamples::default()
    }
}

fn ask(source: &MemorySource, query: &str, at: i64) -> Vec<(String, f64)> {
    let read = Query::new(query, Dialect::default()).unwrap_or_else(|e| panic!("{query}: {e}"));
    let answer = read
        .run(When::Instant(at), source, &Options::default())
        .unwrap_or_else(|e| panic!("{query}: {e}"));
    let Value::Vector(samples) = answer.value else {
        panic!("{query}: {:?}", answer.value)
    };
    let number = |value: &SampleValue| match value {
        SampleValue::Float(v) => *v,
        SampleValue::Histogram(_) => panic!("{query}"),
    };
    let mut found: Vec<_> = samples
        .iter()
        .map(|s| (s.labels.to_string(), number(&s.value)))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn measure(
    objective: &Objective,
    source: &MemorySource,
    window: u64,
    bucket: Option<&str>,
) -> Vec<(String, Events)> {
    let queries = objective.queries(seconds(window), bucket);
    let at = 3_600_000;
    let total = ask(source, &queries.total, at);
    let events = ask(source, &queries.events, at);
    assert_eq!(total.len(), events.len(), "{queries:?}");
    total
        .into_iter()
        .zip(events)
        .map(|((group, total), (same, events))| {
            assert_eq!(group, same);
            (
                group,
                Events::measured(queries.side, events, total).unwrap(),
            )
        })
        .collect()
}

fn near(events: Events, total: f64, bad: f64) {
    let close = |a: f64, b: f64| (a - b).abs() <= 0.002 * b.abs().max(1.0);
    assert!(
        close(events.total, total) && close(events.bad, bad),
        "{events:?}"
    );
}

fn requests() -> MemorySource {
    MemorySource::new([
        counter(
            &[
                ("__name__", "requests_total"),
                ("code", "200"),
                ("region", "eu"),
            ],
            9.0,
        ),
        counter(
            &[
                ("__name__", "requests_total"),
                ("code", "500"),
                ("region", "eu"),
            ],
            1.0,
        ),
        // Nothing has ever failed here: there is no series with a 5xx.
        counter(
            &[
                ("__name__", "requests_total"),
                ("code", "200"),
                ("region", "us"),
            ],
            4.0,
        ),
    ])
}

const RATIO: &str = "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nby: [region]\nindicator:\n  ";

#[test]
fn counters_by_group_and_the_group_that_never_failed() {
    let bad = one(&format!(
        "{RATIO}ratio: {{bad: 'requests_total{{code=~\"5..\"}}', total: requests_total}}"
    ));
    let good = one(&format!(
        "{RATIO}ratio: {{good: 'requests_total{{code!~\"5..\"}}', total: requests_total}}"
    ));
    for objective in [bad, good] {
        let found = measure(&objective, &requests(), 600, None);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, r#"{region="eu"}"#);
        near(found[0].1, 400.0, 40.0);
        near(found[1].1, 160.0, 0.0);
    }
}

#[test]
fn a_service_that_never_failed_has_no_bad_event_rather_than_no_answer() {
    let yaml = "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nindicator:\n  ratio: {bad: 'requests_total{code=\"599\"}', total: requests_total}";
    let found = measure(&one(yaml), &requests(), 600, None);
    near(found[0].1, 560.0, 0.0);
}

#[test]
fn latency_by_bucket_in_either_spelling() {
    let histogram = |le: &str| {
        MemorySource::new([
            counter(
                &[
                    ("__name__", "http_seconds_bucket"),
                    ("le", le),
                    ("job", "shop"),
                ],
                7.0,
            ),
            counter(
                &[
                    ("__name__", "http_seconds_bucket"),
                    ("le", "+Inf"),
                    ("job", "shop"),
                ],
                8.0,
            ),
            counter(&[("__name__", "http_seconds_count"), ("job", "shop")], 8.0),
            counter(
                &[("__name__", "http_seconds_count"), ("job", "other")],
                100.0,
            ),
        ])
    };
    let yaml = |below: &str| {
        format!(
            "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nindicator:\n  latency: {{histogram: 'http_seconds{{job=\"shop\"}}', below: {below}}}"
        )
    };
    for (below, le) in [("1s", "1"), ("1", "1.0"), ("300ms", "0.3")] {
        let found = measure(&one(&yaml(below)), &histogram(le), 600, None);
        near(found[0].1, 320.0, 40.0);
    }
    let found = measure(&one(&yaml("300ms")), &histogram("0.30"), 600, Some("0.30"));
    near(found[0].1, 320.0, 40.0);
}

#[test]
fn a_gauge_is_looked_at_every_so_often() {
    let busy = (0..=240).map(|n| if n % 8 < 2 { 0.9 } else { 0.5 });
    let source = MemorySource::new([series(&[("__name__", "cpu_busy")], busy)]);
    let yaml = "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nindicator:\n  gauge: {value: cpu_busy, holds: '<= 0.85', every: 15s}";
    let found = measure(&one(yaml), &source, 600, None);
    near(found[0].1, 40.0, 10.0);
}

#[test]
fn queries_per_second_become_events() {
    let yaml = "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nby: [region]\nindicator:\n  queries:\n    bad: sum by (region) (rate(requests_total{code=\"500\"}[$window]))\n    total: sum by (region) (rate(requests_total{region=\"eu\"}[$window]))\n    counts: per-second";
    let found = measure(&one(yaml), &requests(), 600, None);
    near(found[0].1, 400.0, 40.0);
}

#[test]
fn slices_count_minutes_rather_than_requests() {
    // Every tenth minute one answer of twenty is bad: at least 95 % is kept, just so. In the last
    // half hour two of twenty are.
    let total = (0..=240).map(|n| f64::from(n) * 5.0);
    let mut sum = 0.0;
    let bad: Vec<f64> = (0..=240)
        .map(|n| {
            sum += match n {
                121.. if n % 2 == 0 => 1.0,
                _ => 0.0,
            };
            sum
        })
        .collect();
    let source = MemorySource::new([
        series(&[("__name__", "all_total")], total),
        series(&[("__name__", "bad_total")], bad.into_iter()),
    ]);
    let yaml = |least: &str| {
        format!(
            "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nindicator:\n  slices:\n    every: 1m\n    at-least: {least}\n    of: {{ratio: {{bad: bad_total, total: all_total}}}}"
        )
    };
    let found = measure(&one(&yaml("95%")), &source, 3000, None);
    let minutes = found[0].1;
    assert_eq!(minutes.total, 50.0);
    assert!((29.0..=31.0).contains(&minutes.bad), "{minutes:?}");
    assert_eq!(
        measure(&one(&yaml("80%")), &source, 3000, None)[0].1.bad,
        0.0
    );
}

fn range(source: &MemorySource, query: &str, (start, end): (i64, i64), step: i64) -> Vec<Series> {
    let when = When::Range { start, end, step };
    let answer = Query::new(query, Dialect::FULL)
        .unwrap_or_else(|e| panic!("{query}: {e}"))
        .run(when, source, &Options::default())
        .unwrap();
    match answer.value {
        Value::Matrix(series) => series,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_source_gives_becomes_a_track_per_group() {
    let objective = one(&format!(
        "{RATIO}ratio: {{bad: 'requests_total{{code=~\"5..\"}}', total: requests_total}}"
    ));
    // Scrapes end after an hour; the grid goes on for half an hour more.
    let grid = Grid::covering(
        Timestamp::from_millis(-59_000),
        Timestamp::from_millis(5_430_000),
        objective.step(),
    );
    assert_eq!(
        (grid.from, grid.slots),
        (Timestamp::from_millis(-60_000), 91)
    );
    let queries = objective.queries(grid.step, None);
    let moments = grid.moments().unwrap();
    let ask = |query: &str| range(&requests(), query, moments, 60_000);
    let (events, total) = (ask(&queries.events), ask(&queries.total));
    let tracks = objective.tracks(queries.side, &events, &total, grid);
    assert_eq!(tracks.len(), 2);
    assert_eq!(tracks[0].labels["region"], "eu");
    // Before the first two scrapes and after the last two nothing is known.
    let known = |n: usize| tracks[0].slots[n].is_some();
    assert_eq!(
        [0, 1, 30, 60, 62, 90].map(known),
        [false, true, true, true, false, false]
    );
    near(tracks[0].slots[30].unwrap(), 40.0, 4.0);
    near(tracks[1].slots[30].unwrap(), 16.0, 0.0);
    let counted = objective.prepare(&tracks[0], &[]);
    near(
        counted.last(seconds(600), Timestamp::from_millis(3_600_000)),
        400.0,
        40.0,
    );
    // Another grid, or one of the two queries alone, is no knowledge.
    assert!(
        objective.tracks(queries.side, &[], &total, grid)[0]
            .slots
            .iter()
            .all(Option::is_none)
    );
    let other = Grid {
        from: Timestamp::from_millis(-60_001),
        ..grid
    };
    assert!(
        objective.tracks(queries.side, &events, &total, other)[0]
            .slots
            .iter()
            .all(Option::is_none)
    );
}

/// Single events, scraped every 15 seconds from counters that once begin anew.
struct Scraped {
    events: Vec<(i64, bool)>,
    source: MemorySource,
}

fn scraped(seed: u64) -> Scraped {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let share = [0.01, 0.2][random.random_range(0..2)];
    let n = random.random_range(200..5_000);
    let mut events: Vec<(i64, bool)> = (0..n)
        .map(|_| (random.random_range(1..3_600_000), random.random_bool(share)))
        .collect();
    events.sort_unstable();
    let restart = random.random_range(100..200) * 15_000;
    let count = |wanted: bool, from: i64, to: i64| {
        let inside = events
            .iter()
            .filter(|(t, bad)| *bad == wanted && from < *t && *t <= to);
        inside.count() as f64
    };
    // It restarts right after a scrape: nothing goes unseen.
    let counter = |wanted: bool| -> Vec<f64> {
        let scrapes = (0..=240).map(|i| i * 15_000);
        scrapes
            .map(|t| match t <= restart {
                true => count(wanted, 0, t),
                false => count(wanted, restart, t),
            })
            .collect()
    };
    let (good, bad) = (counter(false), counter(true));
    let source = MemorySource::new([
        series(
            &[("__name__", "requests_total"), ("code", "200")],
            good.into_iter(),
        ),
        series(
            &[("__name__", "requests_total"), ("code", "500")],
            bad.into_iter(),
        ),
    ]);
    Scraped { events, source }
}

#[test]
fn events_are_those_that_happened() {
    let objective = one(
        "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nindicator:\n  ratio: {bad: 'requests_total{code=\"500\"}', total: requests_total}",
    );
    let grid = Grid::covering(
        Timestamp::EPOCH,
        Timestamp::from_millis(3_600_000),
        seconds(60),
    );
    let (mut worst, mut total_off) = (0.0_f64, 0.0_f64);
    for seed in 0..30 {
        let Scraped { events, source } = scraped(seed);
        let truth = Events::of(
            events.len() as f64,
            events.iter().filter(|(_, bad)| *bad).count() as f64,
        );
        let count = |queries: Measured| {
            let ask = |q: &str| range(&source, q, grid.moments().unwrap(), 60_000);
            let (some, all) = (ask(&queries.events), ask(&queries.total));
            let tracks = objective.tracks(queries.side, &some, &all, grid);
            let counted = objective.prepare(&tracks[0], &[]);
            counted.window(grid.from, tracks[0].to())
        };
        // Anchored ranges count each event once: exactly what happened.
        assert_eq!(
            count(objective.anchored_queries(grid.step, None)),
            truth,
            "{seed}"
        );
        // Plain ones stretch what they see: near, and off by chance.
        let plain = count(objective.queries(grid.step, None));
        worst = worst.max((plain.total / truth.total - 1.0).abs());
        total_off += plain.total / truth.total - 1.0;
    }
    assert!(worst < 0.1 && worst > 0.0, "{worst}");
    assert!((total_off / 30.0).abs() < 0.03, "{total_off}");
}

#[test]
fn a_bucket_is_asked_for_where_one_is_needed() {
    let latency = |kind: &str| {
        one(&format!(
            "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nindicator: {kind}"
        ))
    };
    let plain = latency("{latency: {histogram: h, below: 300ms}}");
    assert_eq!(plain.bucket(["0.1", "0.3"]), Ok(Some("0.3")));
    assert!(plain.bucket(["0.1", "0.5"]).is_err());
    let slices = latency("{slices: {at-least: 90%, of: {latency: {histogram: h, below: 300ms}}}}");
    assert_eq!(slices.bucket(["0.30"]), Ok(Some("0.30")));
    let native = latency("{latency: {histogram: h, below: 300ms, native: true}}");
    assert_eq!(native.bucket([]), Ok(None));
    assert_eq!(latency("{ratio: {bad: a, total: b}}").bucket([]), Ok(None));
}
