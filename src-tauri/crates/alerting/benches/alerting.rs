//! What the past of a group costs: thirty days of a hundred rules over a thousand series, a
//! threshold and a `for` that are moved, and one evaluation of a thousand rules.
//!
//! `cargo bench -p deckwatch-alerting`. One line a figure. Ends with 1 if thirty days take longer
//! than ten seconds. `DECKWATCH_BENCH_DAYS` says how many days (thirty).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use deckwatch_alerting::backtest::{Moments, Past, Prepared, Variant, run};
use deckwatch_alerting::eval::{Evaluation, Over};
use deckwatch_alerting::rules::{Group, read};
use deckwatch_alerting::template::{Expander, Scene};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::FloatPoint;
use deckwatch_promql::{MemorySource, Options, SeriesSamples};

const BEGIN: i64 = 1_769_990_400_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
const METRICS: usize = 100;
const INSTANCES: usize = 10;
const RULES: usize = 100;
const AIM: Duration = Duration::from_secs(10);

/// A fixed sequence that looks like chance.
struct Noise(u64);

impl Noise {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Even metrics count, odd ones go up and down with the hours of the day.
fn series(metric: usize, instance: usize, days: i64) -> SeriesSamples {
    let mut noise = Noise(1 + (metric * INSTANCES + instance) as u64 * 7919);
    let minutes = days * DAY / MINUTE;
    let mut total = 0.0;
    let floats = (0..=minutes).map(|minute| {
        let hour = (minute % 1440) as f64 / 1440.0;
        let level = 50.0 + 40.0 * (hour * std::f64::consts::TAU).sin() + 20.0 * noise.next();
        total += level;
        FloatPoint {
            t: BEGIN + minute * MINUTE,
            v: if metric.is_multiple_of(2) {
                total.floor()
            } else {
                level
            },
        }
    });
    SeriesSamples {
        labels: Labels::from_pairs([
            ("__name__", format!("metric_{metric}")),
            ("instance", format!("host-{instance}:9090")),
            ("job", format!("job-{}", instance % 3)),
        ]),
        floats: floats.collect(),
        ..SeriesSamples::default()
    }
}

/// Rules of the usual kinds, each over the ten series of one metric.
fn group(rules: usize) -> Group {
    let mut text = String::from("groups:\n- name: bench\n  interval: 1m\n  rules:\n");
    for nth in 0..rules {
        let metric = nth % METRICS;
        let query = match nth % 10 {
            0 | 2 => format!("rate(metric_{metric}[5m]) > 1.6"),
            4 => format!("sum by (job) (rate(metric_{metric}[5m])) > 5"),
            6 => format!("rate(metric_{metric}[5m]) / rate(metric_{metric}[1h]) > 1.2"),
            8 => format!("increase(metric_{metric}[30m]) > 3000"),
            1 | 3 => format!("metric_{metric} > 100"),
            5 => format!("avg_over_time(metric_{metric}[10m]) > 98"),
            7 => format!("max by (job) (metric_{metric}) < 20"),
            _ => format!("metric_{metric} > 100 and metric_{metric} offset 5m > 100"),
        };
        text += &format!(
            "  - alert: Rule{nth}\n    expr: {query}\n    for: 5m\n    labels: {{severity: page}}\n    annotations: {{summary: '{{{{ $labels.instance }}}} has {{{{ $value | humanize }}}}'}}\n"
        );
    }
    let reading = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
    reading.file.groups.into_iter().next().unwrap()
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    let took = began.elapsed();
    println!("{name:<52} {:>10.1} ms", took.as_secs_f64() * 1000.0);
    (done, took)
}

fn main() -> ExitCode {
    let days = std::env::var("DECKWATCH_BENCH_DAYS").ok();
    let days: i64 = days.and_then(|days| days.parse().ok()).unwrap_or(30);
    let all = (0..METRICS).flat_map(|metric| (0..INSTANCES).map(move |i| series(metric, i, days)));
    let source = MemorySource::new(all);
    let options = Options::default();
    let group_of_all = group(RULES);
    let past = Past {
        moments: Moments::of(&group_of_all, BEGIN, BEGIN + days * DAY),
        source: &source,
        options: &options,
    };
    let series = METRICS * INSTANCES;
    let name = format!("{days} days of {RULES} rules over {series} series");
    let (report, took) = timed(&name, || run(&group_of_all, &past));
    let episodes: usize = report.rules.iter().map(|rule| rule.episodes.len()).sum();
    let fired: usize = report.rules.iter().map(|rule| rule.fired().count()).sum();
    println!(
        "  {} evaluations, {episodes} episodes, {fired} fired",
        report.evaluations
    );

    let (prepared, _) = timed("one rule made ready to be varied", || {
        Prepared::new(&group_of_all, 0, &past).unwrap_or_else(|why| panic!("{why}"))
    });
    let mut fired = 0;
    timed("  ten thresholds", || {
        for nth in 0..10 {
            let variant = Variant {
                threshold: Some(1.0 + f64::from(nth) * 0.1),
                ..Variant::default()
            };
            fired += prepared
                .run(&variant)
                .map_or(0, |report| report.fired().count());
        }
    });
    timed("  ten lengths of `for`", || {
        for nth in 0..10 {
            let variant = Variant {
                hold_ms: Some(nth * MINUTE),
                ..Variant::default()
            };
            fired += prepared
                .run(&variant)
                .map_or(0, |report| report.fired().count());
        }
    });

    let mut evaluation = Evaluation::new(group(1000));
    let expander = Expander::new(Scene::default());
    let mut over = Over::new(&source);
    // The first one reads the templates.
    evaluation.run(BEGIN + DAY, &mut over, &expander, &options);
    timed("one evaluation of 1000 rules", || {
        evaluation.run(BEGIN + DAY + MINUTE, &mut over, &expander, &options)
    });
    match took <= AIM {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("the aim is {} s", AIM.as_secs());
            ExitCode::FAILURE
        }
    }
}
