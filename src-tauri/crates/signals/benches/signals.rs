//! What samples cost, beside Prometheus' own database and engine: the same samples, the same
//! queries, one after the other on the same machine in the same run.
//!
//! `cargo bench -p deckwatch-signals`, with `DECKWATCH_ORACLE` naming the program that
//! `scripts/oracle.sh` builds. `DECKWATCH_BENCH_SAMPLES` says how many (ten million). Lines that
//! begin with `ratio` are those to hold on to: below 1 is better than Prometheus.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::parse::Dialect;
use deckwatch_promql::value::Value;
use deckwatch_promql::{Options as QueryOptions, Query, When};
use deckwatch_signals::{Options, Retention, Sample, SampleStore, source};
use serde_json::{Value as Json, json};

const BEGIN: i64 = 1_769_990_400_000;
const STEP: i64 = 60_000;
const DAY: i64 = 86_400_000;
const REPEATS: usize = 5;

const QUERIES: [(&str, &str, bool); 8] = [
    (
        "instant, sum by rate",
        "sum by (service) (rate(http_requests_total[5m]))",
        false,
    ),
    (
        "instant, quantile",
        "histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[5m])))",
        false,
    ),
    ("30 days, rate", "rate(http_requests_total[5m])", true),
    (
        "30 days, sum by rate",
        "sum by (service) (rate(http_requests_total[1h]))",
        true,
    ),
    (
        "30 days, quantile",
        "histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[1h])))",
        true,
    ),
    (
        "30 days, burn over 1 h",
        "sum by (service) (rate(http_requests_total{code=~\"5..\"}[1h])) / sum by (service) (rate(http_requests_total[1h]))",
        true,
    ),
    (
        "30 days, burn over 6 h",
        "sum by (service) (rate(http_requests_total{code=~\"5..\"}[6h])) / sum by (service) (rate(http_requests_total[6h]))",
        true,
    ),
    (
        "30 days, burn over 3 d",
        "sum by (service) (rate(http_requests_total{code=~\"5..\"}[3d])) / sum by (service) (rate(http_requests_total[3d]))",
        true,
    ),
];

/// Numbers that look like a workload's: seeded, so that both sides see the same.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How a series moves.
#[derive(Clone, Copy)]
enum Kind {
    /// A counter that rises by up to so much, and starts again now and then.
    Counter(u64),
    /// Seconds, added up with all their digits.
    Sum,
    /// Seconds of processor, to the hundredth.
    Cpu,
    /// Bytes, in pages.
    Memory,
    /// A reading with one digit after the point.
    Reading,
    /// A small number of things.
    Depth,
    /// A measured time.
    Took,
    Constant,
}

struct Made {
    sample: Sample,
    kind: Kind,
}

fn series() -> Vec<Made> {
    let mut all = Vec::new();
    let mut add = |name: &str, labels: &[(&str, &str)], kind: Kind| {
        let mut labels = labels.to_vec();
        labels.extend([("job", "node"), ("instance", "127.0.0.1:9100")]);
        let value = if matches!(kind, Kind::Constant) {
            1.0
        } else {
            0.0
        };
        let sample = Sample::new(name, &labels, value);
        all.push(Made { sample, kind });
    };
    let bounds = [
        "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf",
    ];
    for service in ["checkout", "catalog", "search", "payments"] {
        for slot in ["blue", "green"] {
            let here = [("service", service), ("slot", slot)];
            for (code, most) in [
                ("200", 900),
                ("204", 90),
                ("404", 20),
                ("500", 3),
                ("503", 2),
            ] {
                let labels = [here[0], here[1], ("code", code)];
                add("http_requests_total", &labels, Kind::Counter(most));
            }
            for (n, le) in bounds.iter().enumerate() {
                let labels = [here[0], here[1], ("le", *le)];
                let most = 80 * (n as u64 + 1);
                add(
                    "http_request_duration_seconds_bucket",
                    &labels,
                    Kind::Counter(most),
                );
            }
            add(
                "http_request_duration_seconds_count",
                &here,
                Kind::Counter(1000),
            );
            add("http_request_duration_seconds_sum", &here, Kind::Sum);
            add("process_cpu_seconds_total", &here, Kind::Cpu);
            add("process_resident_memory_bytes", &here, Kind::Memory);
            add("process_temperature_celsius", &here, Kind::Reading);
            add("queue_depth", &here, Kind::Depth);
            add("scrape_duration_seconds", &here, Kind::Took);
            add("up", &here, Kind::Constant);
            add(
                "build_info",
                &[here[0], here[1], ("version", "1.4.2")],
                Kind::Constant,
            );
            for reason in ["timeout", "refused", "reset", "dns"] {
                let labels = [here[0], here[1], ("reason", reason)];
                add("connection_errors_total", &labels, Kind::Counter(1));
            }
        }
    }
    all
}

fn advance(made: &mut Made, noise: &mut Noise) {
    let value = &mut made.sample.value;
    match made.kind {
        Kind::Constant => {}
        Kind::Counter(_) if noise.below(20_000) == 0 => *value = 0.0,
        // Idle ones move once in a while.
        Kind::Counter(1) => *value += f64::from(u8::from(noise.below(50) == 0)),
        Kind::Counter(most) => *value += (most / 2 + noise.below(most / 2 + 1)) as f64,
        Kind::Sum => *value += noise.part() * 40.0,
        Kind::Cpu => *value = ((*value * 100.0).round() + noise.below(300) as f64) / 100.0,
        Kind::Memory => *value = (40_000 + noise.below(800)) as f64 * 4096.0,
        Kind::Reading => *value = (400 + noise.below(60)) as f64 / 10.0,
        Kind::Depth => *value = noise.below(12) as f64,
        Kind::Took => *value = 0.002 + noise.part() * 0.01,
    }
}

/// The moments of the scrapes: on time, but for one in twenty.
fn moment(n: i64, noise: &mut Noise) -> i64 {
    let behind = if noise.below(20) == 0 {
        noise.below(200)
    } else {
        0
    };
    BEGIN + n * STEP + behind as i64
}

fn queries(moments: i64) -> Vec<(Query, When)> {
    let end = BEGIN + moments * STEP;
    let read = |(_, text, range): &(&str, &str, bool)| {
        let when = match range {
            false => When::Instant(end),
            true => When::Range {
                start: end - 30 * DAY,
                end,
                step: 3_600_000,
            },
        };
        (Query::new(text, Dialect::default()).unwrap(), when)
    };
    QUERIES.iter().map(read).collect()
}

fn write_file(path: &Path, moments: i64) {
    let mut out = BufWriter::new(std::fs::File::create(path).unwrap());
    let mut all = series();
    let labels = all.iter().map(|made| {
        let pairs = made.sample.labels.iter().cloned();
        let named = [("__name__".to_owned(), made.sample.name.clone())];
        pairs
            .chain(named)
            .collect::<std::collections::BTreeMap<_, _>>()
    });
    let asked = queries(moments).into_iter().map(|(query, when)| {
        let (start, end, step) = match when {
            When::Instant(t) => (t, t, 0),
            When::Range { start, end, step } => (start, end, step),
        };
        json!({"text": query.text(), "start": start, "end": end, "step": step})
    });
    let head = json!({
        "series": labels.collect::<Vec<_>>(),
        "moments": moments,
        "queries": asked.collect::<Vec<_>>(),
        "repeats": REPEATS,
    });
    writeln!(out, "{head}").unwrap();
    let mut noise = Noise(7);
    for n in 0..moments {
        out.write_all(&moment(n, &mut noise).to_le_bytes()).unwrap();
        for made in &mut all {
            advance(made, &mut noise);
            out.write_all(&made.sample.value.to_le_bytes()).unwrap();
        }
    }
    out.flush().unwrap();
}

/// Asks every query; the median of the times it took and the sum of what it gave.
async fn ask(store: &SampleStore, moments: i64) -> Vec<(f64, f64)> {
    let options = QueryOptions {
        max_samples: 500_000_000,
        ..QueryOptions::default()
    };
    let mut found = Vec::new();
    for (query, when) in queries(moments) {
        let (mut times, mut sum) = (Vec::new(), 0.0);
        for _ in 0..REPEATS {
            let began = Instant::now();
            let answer = source::ask(
                store,
                query.clone(),
                when,
                options.clone(),
                Duration::from_secs(100),
            );
            let answer = answer.await.unwrap();
            times.push(began.elapsed().as_secs_f64());
            let values: Vec<f64> = match answer.value {
                Value::Matrix(all) => all.iter().flat_map(|s| &s.floats).map(|p| p.v).collect(),
                Value::Vector(all) => {
                    let number = |s: &deckwatch_promql::value::Sample| match &s.value {
                        deckwatch_promql::value::SampleValue::Float(v) => *v,
                        deckwatch_promql::value::SampleValue::Histogram(_) => f64::NAN,
                    };
                    all.iter().map(number).collect()
                }
                _ => Vec::new(),
            };
            sum = values.iter().filter(|v| !v.is_nan()).sum();
        }
        times.sort_by(f64::total_cmp);
        found.push((times[REPEATS / 2], sum));
    }
    found
}

/// The most memory that this process has held.
fn peak_kilobytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
    number.unwrap_or(f64::NAN)
}

fn theirs(file: &Path, folder: &Path) -> Option<Json> {
    let program = std::env::var("DECKWATCH_ORACLE").ok()?;
    let out = Command::new(program)
        .arg("bench")
        .args([file, folder])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "Prometheus gave up: {said}");
    Some(serde_json::from_slice(&out.stdout).unwrap())
}

fn figure(json: &Json, name: &str) -> f64 {
    json[name].as_f64().unwrap_or(f64::NAN)
}

fn say(name: &str, ours: f64, theirs: f64, unit: &str) {
    println!("{name:<40} {ours:>12.3} {unit:<6} Prometheus {theirs:>12.3}");
    println!("ratio {name:<34} {:>12.3}", ours / theirs);
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let wanted: i64 = std::env::var("DECKWATCH_BENCH_SAMPLES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000_000);
    let many = series().len() as i64;
    let moments = wanted / many;
    let samples = (moments * many) as f64;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples");
    write_file(&file, moments);
    println!(
        "{samples} samples of {many} series over {} days",
        moments * STEP / DAY
    );
    let Some(theirs) = theirs(&file, &folder.path().join("prometheus")) else {
        eprintln!("DECKWATCH_ORACLE names no program: build one with scripts/oracle.sh");
        std::process::exit(1);
    };

    let options = Options {
        most_bytes: 8 << 30,
        most_points: 100_000_000,
        ..Options::default()
    };
    let path = folder.path().join("samples.db");
    let store = SampleStore::open_with(&path, options).await.unwrap();
    let (mut all, mut noise) = (series(), Noise(7));
    let mut batch: Vec<Sample> = all.iter().map(|made| made.sample.clone()).collect();
    let mut ingest = Duration::ZERO;
    for n in 0..moments {
        let at = Timestamp::from_millis(moment(n, &mut noise));
        for (made, sample) in all.iter_mut().zip(&mut batch) {
            advance(made, &mut noise);
            sample.value = made.sample.value;
        }
        let began = Instant::now();
        store.append(at, &batch).await.unwrap();
        ingest += began.elapsed();
    }
    let began = Instant::now();
    store.fold().await.unwrap();
    let fold = began.elapsed();
    let bytes = store.used_bytes().await.unwrap() as f64;
    say(
        "bytes a sample",
        bytes / samples,
        figure(&theirs, "bytes") / samples,
        "",
    );
    println!(
        "of it Prometheus' index {:>29.3}",
        figure(&theirs, "index_bytes") / samples
    );
    let whole = figure(&theirs, "ingest_seconds") + figure(&theirs, "compact_seconds");
    let took = (ingest + fold).as_secs_f64();
    println!(
        "samples/s written and compacted {:>21.0} Prometheus {:>12.0}",
        samples / took,
        samples / whole
    );
    say("ingest and compaction", took, whole, "s");

    let every = ask(&store, moments).await;
    let peak = peak_kilobytes();
    for (n, (name, ..)) in QUERIES.iter().enumerate() {
        let (took, sum) = every[n];
        let (their, gave) = (&theirs["query_seconds"][n], &theirs["sums"][n]);
        say(
            name,
            took * 1e3,
            their.as_f64().unwrap_or(f64::NAN) * 1e3,
            "ms",
        );
        let gave = gave.as_f64().unwrap_or(f64::NAN);
        let apart = (sum - gave).abs() / gave.abs().max(1e-9);
        assert!(apart < 1e-9, "{name}: {sum} here, {gave} there");
    }
    say(
        "memory at most",
        peak / 1024.0,
        figure(&theirs, "peak_kilobytes") / 1024.0,
        "MiB",
    );

    // With rollups, as a store is that has been kept for a day.
    let now = Timestamp::from_millis(BEGIN + moments * STEP + DAY);
    let everything = Retention {
        age: Span::from_secs(86_400 * 4000),
        bytes: u64::MAX,
        ..Retention::default()
    };
    let began = Instant::now();
    let kept = store.keep(now, &everything).await.unwrap();
    println!(
        "rolling all days up {:>33.2} s",
        began.elapsed().as_secs_f64()
    );
    println!(
        "bytes a sample with rollups {:>25.3}",
        kept.bytes as f64 / samples
    );
    for (n, (took, sum)) in ask(&store, moments).await.into_iter().enumerate() {
        let name = format!("{}, rolled up", QUERIES[n].0);
        let their = theirs["query_seconds"][n].as_f64().unwrap_or(f64::NAN);
        say(&name, took * 1e3, their * 1e3, "ms");
        let gave = theirs["sums"][n].as_f64().unwrap_or(f64::NAN);
        println!(
            "differs by {:>42.5} %",
            (sum - gave).abs() / gave.abs().max(1e-9) * 100.0
        );
    }
    store.close().await.unwrap();
}
