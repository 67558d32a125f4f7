//! Random queries asked of Prometheus' own engine too.
//!
//! `tests/oracle` at the repository's root is a program around that engine. It is built by hand
//! (`go build -mod=mod`), and `DECKWATCH_ORACLE` names the program; without it nothing is asked.

mod queries;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use deckwatch_promql::parse::Dialect;
use deckwatch_promql::value::{SampleValue, Series, Value};
use deckwatch_promql::{Answer, EvalError, Options, Query, Severity, When};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

const QUERIES: usize = 500;
const SEED: u8 = 7;

/// A result as both sides tell it: labels, then moments with values in words.
type Told = BTreeMap<String, Vec<(i64, String)>>;

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        other => other.parse().unwrap(),
    }
}

fn near(a: f64, b: f64) -> bool {
    let scale = a.abs().max(b.abs());
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * scale + 1e-12
}

/// The same numbers in the same words: histograms are compared number by number.
fn same(a: &str, b: &str) -> bool {
    if let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) {
        return near(a, b);
    }
    let cut = |text: &str| -> Vec<String> {
        text.split_inclusive(|c| "{}[](),: ".contains(c))
            .map(str::to_owned)
            .collect()
    };
    let (a, b) = (cut(a), cut(b));
    let bare = |word: &str| word.trim_matches(|c| "{}[](),: ".contains(c)).to_owned();
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            let (x, y) = (bare(a), bare(b));
            x == y || matches!((x.parse::<f64>(), y.parse::<f64>()), (Ok(x), Ok(y)) if near(x, y))
        })
}

fn theirs(answer: &Json) -> Told {
    let mut told = Told::new();
    for series in answer["series"].as_array().into_iter().flatten() {
        let labels: BTreeMap<&str, &str> = series["labels"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str().unwrap()))
            .collect();
        let points = told.entry(format!("{labels:?}")).or_default();
        for kind in ["floats", "histograms"] {
            for point in series[kind].as_array().into_iter().flatten() {
                let t = point[0].as_str().unwrap().parse().unwrap();
                let text = point[1].as_str().unwrap();
                points.push((
                    t,
                    if kind == "floats" {
                        number(text).to_string()
                    } else {
                        text.to_owned()
                    },
                ));
            }
        }
        points.sort_by_key(|p| p.0);
    }
    told
}

fn ours(value: &Value) -> Told {
    let mut told = Told::new();
    let words = |value: &SampleValue| match value {
        SampleValue::Float(v) => v.to_string(),
        SampleValue::Histogram(h) => h.to_string(),
    };
    let key = |labels: &deckwatch_promql::labels::Labels| {
        format!("{:?}", labels.iter().collect::<BTreeMap<&str, &str>>())
    };
    match value {
        Value::Scalar { t, v } => {
            told.insert("{}".to_owned(), vec![(*t, v.to_string())]);
        }
        Value::String { .. } => {}
        Value::Vector(samples) => {
            for s in samples {
                told.entry(key(&s.labels))
                    .or_default()
                    .push((s.t, words(&s.value)));
            }
        }
        Value::Matrix(matrix) => {
            for s in matrix {
                let s: &Series = s;
                let floats = s.floats.iter().map(|p| (p.t, p.v.to_string()));
                let histograms = s.histograms.iter().map(|p| (p.t, p.v.to_string()));
                let mut points: Vec<_> = floats.chain(histograms).collect();
                points.sort_by_key(|p| p.0);
                told.insert(key(&s.labels), points);
            }
        }
    }
    told
}

fn differ(ours: &Told, theirs: &Told) -> Option<String> {
    if ours.keys().ne(theirs.keys()) {
        return Some(format!(
            "series differ:\n  ours   {:?}\n  theirs {:?}",
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>()
        ));
    }
    for (labels, points) in ours {
        let other = &theirs[labels];
        let agree = points.len() == other.len()
            && points
                .iter()
                .zip(other)
                .all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1));
        if !agree {
            return Some(format!(
                "{labels}:\n  ours   {points:?}\n  theirs {other:?}"
            ));
        }
    }
    None
}

fn compare(result: &Result<Answer, EvalError>, query: &str, theirs_said: &Json) -> Option<String> {
    let error = theirs_said["error"].as_str();
    match (result, error) {
        (Err(why), None) => Some(format!("ours fails: {why}")),
        (Ok(_), Some(why)) => Some(format!("theirs fails: {why}")),
        (Err(ours), Some(theirs)) if ours.to_string() == theirs => None,
        // Which of several pairs of series is named first is chance.
        (Err(ours), Some(theirs)) => {
            let head = |text: &str| text.chars().take(30).collect::<String>();
            (head(&ours.to_string()) != head(theirs))
                .then(|| format!("errors differ:\n  ours   {ours}\n  theirs {theirs}"))
        }
        (Ok(answer), None) => differ(&ours(&answer.value), &theirs(theirs_said)).or_else(|| {
            [(Severity::Warning, "warnings"), (Severity::Info, "infos")]
                .into_iter()
                .find_map(|(severity, key)| remarks(answer, query, theirs_said, severity, key))
        }),
    }
}

fn remarks(
    answer: &Answer,
    query: &str,
    theirs_said: &Json,
    severity: Severity,
    key: &str,
) -> Option<String> {
    // The same sentence said of two places keeps one of them, by chance.
    let sentence = |text: &str| {
        let cut = text.rfind(" (").unwrap_or(text.len());
        text[..cut]
            .split(", from buckets")
            .next()
            .unwrap()
            .to_owned()
    };
    let mut ours: Vec<String> = answer
        .annotations
        .words(severity, query)
        .iter()
        .map(|w| sentence(w))
        .collect();
    let mut theirs: Vec<String> = theirs_said[key]
        .as_array()
        .into_iter()
        .flatten()
        .map(|w| sentence(w.as_str().unwrap()))
        .collect();
    ours.sort();
    theirs.sort();
    (ours != theirs).then(|| format!("{key} differ:\n  ours   {ours:?}\n  theirs {theirs:?}"))
}

/// What is asked: the query, and its start, end and step, no step for a moment.
fn asked() -> Vec<(String, i64, i64, i64)> {
    let seed = std::env::var("DECKWATCH_ORACLE_SEED")
        .ok()
        .and_then(|n| n.parse().ok());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed.unwrap_or(SEED); 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (queries::query(), 0i64..1_300, 1i64..6, 0usize..2);
    // More of them, or others, for a longer search by hand.
    let wanted = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let count = wanted("DECKWATCH_ORACLE_QUERIES").unwrap_or(QUERIES);
    (0..count)
        .map(|_| {
            let tree = strategy.new_tree(&mut runner).unwrap();
            let (text, start, steps, kind) = tree.current();
            let start = start * 1_000;
            if kind == 0 {
                (text, start, start, 0)
            } else {
                (text, start, start + steps * 40_000, 40_000)
            }
        })
        .collect()
}

fn ask(program: &str, asked: &[(String, i64, i64, i64)], delayed: bool) -> Vec<Json> {
    let queries: Vec<Json> = asked
        .iter()
        .map(|(text, start, end, step)| {
            json!({"text": text, "start": start, "end": end, "step": step})
        })
        .collect();
    let request = json!({
        "gap_ms": queries::GAP,
        "series": queries::SERIES,
        "queries": queries,
        "delayed_names": delayed,
    });
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(request.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn random_queries_agree() {
    let Ok(program) = std::env::var("DECKWATCH_ORACLE") else {
        println!("skipped: DECKWATCH_ORACLE names no program");
        return;
    };
    let asked = asked();
    let source = queries::source();
    let mut wrong = Vec::new();
    for delayed in [true, false] {
        let answers = ask(&program, &asked, delayed);
        assert_eq!(answers.len(), asked.len());
        let options = Options {
            delayed_name_removal: delayed,
            start_timestamps: true,
            ..Options::default()
        };
        for ((text, start, end, step), theirs) in asked.iter().zip(&answers) {
            let when = if *step == 0 {
                When::Instant(*start)
            } else {
                When::Range {
                    start: *start,
                    end: *end,
                    step: *step,
                }
            };
            let inexact = ["</", ">/", "^", "exp(", "ln(", "sin("];
            if text.contains("count_values") && inexact.iter().any(|word| text.contains(word)) {
                // Logarithms and powers differ in their last bit, and here that becomes a label.
                continue;
            }
            let ours = Query::new(text, Dialect::FULL)
                .unwrap()
                .run(when, &source, &options);
            if let Some(why) = compare(&ours, text, theirs) {
                wrong.push(format!("{text} at {when:?} delayed={delayed}\n  {why}"));
            }
        }
    }
    println!(
        "{} of {} agree",
        2 * asked.len() - wrong.len(),
        2 * asked.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
