//! What the past of a group costs: thirty days of a hundred rules over a thousand series, a
//! threshold and a `for` that are moved, and one evaluation of a thousand rules.
//!
//! `cargo bench -p deckwatch-alerting`. One line a figure. Ends with 1 if thirty days take longer
//! than ten seconds. `DECKWATCH_BENCH_DAYS` says how many days (thirty). With `DECKWATCH_ORACLE`
//! (`scripts/oracle.sh`) Prometheus' own rules package evaluates the same thousand rules over the
//! same samples in the same run; below 1 the ratio is better than Prometheus.

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use deckwatch_alerting::backtest::{Moments, Past, Prepared, Variant, run};
use deckwatch_alerting::eval::Evaluation;
use deckwatch_alerting::rules::{Group, read};
use deckwatch_alerting::template::{Expander, Scene};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::{FloatPoint, SampleValue};
use deckwatch_promql::{Head, MemorySource, Options, SeriesSamples};
use serde_json::{Value as Json, json};

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
fn rules(count: usize) -> String {
    let mut text = String::from("groups:\n- name: bench\n  interval: 1m\n  rules:\n");
    for nth in 0..count {
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
    text
}

fn group(count: usize) -> Group {
    let reading = read(&rules(count)).unwrap_or_else(|problems| panic!("{problems}"));
    reading.file.groups.into_iter().next().unwrap()
}

/// A thousand rules from minute to minute, after two hours of samples.
fn thousand() {
    let mut head = Head::default();
    let mut lines = Vec::new();
    let all = (0..METRICS).flat_map(|metric| (0..INSTANCES).map(move |i| series(metric, i, 1)));
    for series in all {
        let name = series.labels.metric_name();
        let (instance, job) = (series.labels.get("instance"), series.labels.get("job"));
        let floats = &series.floats[..180];
        let values: Vec<String> = floats.iter().map(|p| p.v.to_string()).collect();
        lines.push(format!(
            "{name}{{instance=\"{instance}\",job=\"{job}\"}} {}",
            values.join(" ")
        ));
        for (point, minute) in floats.iter().zip(0..) {
            let value = SampleValue::Float(point.v);
            head.append(&series.labels, minute * MINUTE, 0, &value)
                .unwrap();
        }
    }
    let moments: Vec<i64> = (120..150).map(|minute| minute * MINUTE).collect();
    let mut evaluation = Evaluation::new(group(1000));
    let expander = Expander::new(Scene::default());
    let options = Options::default();
    let ours = moments.iter().map(|at| {
        let began = Instant::now();
        evaluation.run(*at, &mut head, &expander, &options);
        began.elapsed()
    });
    let ours = median(ours.collect());
    println!(
        "one evaluation of 1000 rules, the median of {}  {:>8.1} ms",
        moments.len(),
        millis(ours)
    );
    let Ok(oracle) = std::env::var("DECKWATCH_ORACLE") else {
        println!("  DECKWATCH_ORACLE names no program: nothing is compared");
        return;
    };
    let request = json!({
        "gap_ms": MINUTE, "series": lines, "rules": rules(1000), "external_url": "https://watch.example",
        "moments": moments, "quiet": true,
    });
    let theirs = median(asked(&oracle, &request));
    println!("  Prometheus in the same run {:>34.1} ms", millis(theirs));
    println!(
        "ratio one evaluation of 1000 rules to Prometheus' {:.2}",
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
}

fn asked(oracle: &str, request: &Json) -> Vec<Duration> {
    let child = Command::new(oracle)
        .arg("rules")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{oracle}: {e}"));
    let mut to = child.stdin.take().unwrap();
    to.write_all(request.to_string().as_bytes()).unwrap();
    drop(to);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answer: Json = serde_json::from_slice(&output.stdout).unwrap();
    let took = answer["took"].as_array().unwrap().iter();
    took.map(|micros| Duration::from_micros(micros.as_u64().unwrap()))
        .collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    let took = began.elapsed();
    println!("{name:<52} {:>10.1} ms", millis(took));
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

    thousand();
    match took <= AIM {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("the aim is {} s", AIM.as_secs());
            ExitCode::FAILURE
        }
    }
}
