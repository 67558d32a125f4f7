//! The same rules over the same samples at the same moments, evaluated by Prometheus' own rules
//! package too: a virtual day each.
//!
//! `scripts/oracle.sh` builds the program around it; `DECKWATCH_ORACLE` names it, and without it
//! nothing is asked. `DECKWATCH_ORACLE_SEED` says where chance begins (1), `DECKWATCH_ORACLE_DAYS`
//! how many days are tried (4).

mod day;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use deckwatch_alerting::eval::{Alert, AlertState, Evaluation, Outcome};
use deckwatch_alerting::rules::{Makes, RuleFile, Words, read};
use deckwatch_alerting::template::{Expander, Scene};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::{SequenceValue, parse_series};
use deckwatch_promql::value::{SampleValue, is_stale};
use deckwatch_promql::{Head, Matcher, Options, SampleSource, Selection};
use serde_json::{Value as Json, json};

use crate::harness::MINUTE;
use day::{Day, day};

const TOLD: [&str; 6] = [
    "ALERTS",
    "ALERTS_FOR_STATE",
    "rec",
    "rec:sum",
    "rec:late",
    "rec:twice",
];

fn scene() -> Scene {
    Scene {
        external_labels: [("region".to_owned(), "eu".to_owned())].into(),
        external_url: "https://watch.example/p".into(),
    }
}

fn asked(oracle: &str, day: &Day) -> Json {
    let scene = scene();
    let request = json!({
        "gap_ms": MINUTE,
        "series": day.series,
        "rules": day.rules,
        "external_labels": scene.external_labels,
        "external_url": scene.external_url,
        "moments": day.moments,
        "reloads": day.reloads,
        "restarts": day.restarts,
        "tell": TOLD,
    });
    let mut child = Command::new(oracle)
        .arg("rules")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{oracle}: {e}"));
    let mut to = child.stdin.take().unwrap();
    let text = request.to_string();
    let writer = std::thread::spawn(move || to.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One alert as both sides tell it.
type Told = BTreeSet<String>;

fn words(labels: &Labels) -> Words {
    labels
        .iter()
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

fn line(
    place: [u64; 2],
    labels: &Words,
    annotations: &Words,
    state: &str,
    value: f64,
    since: i64,
) -> String {
    let filled: Words = annotations
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    // Errors are told in words of one's own.
    let said: Words = filled
        .into_iter()
        .map(|(n, v)| {
            (
                n,
                if v.starts_with("<error") {
                    "<error>".to_owned()
                } else {
                    v
                },
            )
        })
        .collect();
    format!("{place:?} {state} since {since} {value:.9} {labels:?} {said:?}")
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        other => other.parse().unwrap(),
    }
}

fn theirs(alerts: &Json, by_group: bool) -> Told {
    let told = alerts.as_array().into_iter().flatten().map(|alert| {
        let map = |name: &str| -> Words {
            serde_json::from_value(alert[name].clone()).unwrap_or_default()
        };
        let mut place: [u64; 2] = serde_json::from_value(alert["rule"].clone()).unwrap();
        if by_group {
            place[1] = 0;
        }
        let value = number(alert["value"].as_str().unwrap());
        let since = alert["active_at"].as_i64().unwrap();
        line(
            place,
            &map("labels"),
            &map("annotations"),
            alert["state"].as_str().unwrap(),
            value,
            since,
        )
    });
    told.collect()
}

fn ours(place: [u64; 2], alert: &Alert) -> String {
    let value = match &alert.value {
        SampleValue::Float(v) => *v,
        SampleValue::Histogram(_) => 0.0,
    };
    let state = alert.standing.state;
    line(
        place,
        &words(&alert.labels),
        &alert.annotations,
        state.word(),
        value,
        alert.standing.active_at,
    )
}

struct Bench {
    head: Head,
    coming: Vec<(i64, Labels, SampleValue)>,
    groups: Vec<Evaluation>,
    expander: Expander,
}

fn file(text: &str) -> RuleFile {
    read(text)
        .unwrap_or_else(|problems| panic!("{text}\n{problems}"))
        .file
}

impl Bench {
    fn new(day: &Day) -> Self {
        let mut coming = Vec::new();
        for line in &day.series {
            let (labels, values) = parse_series(line).unwrap();
            for (value, nth) in values.into_iter().zip(0i64..) {
                if let SequenceValue::Float(v) = value {
                    coming.push((nth * MINUTE, labels.clone(), SampleValue::Float(v)));
                }
            }
        }
        coming.sort_by_key(|(t, ..)| std::cmp::Reverse(*t));
        Bench {
            head: Head::default(),
            coming,
            groups: file(&day.rules)
                .groups
                .into_iter()
                .map(Evaluation::new)
                .collect(),
            expander: Expander::new(scene()),
        }
    }

    fn change(&mut self, day: &Day, nth: usize) {
        if let Some(text) = day.reloads.get(&nth) {
            let old = std::mem::take(&mut self.groups).into_iter();
            let new = file(text).groups.into_iter();
            self.groups = old.zip(new).map(|(old, new)| old.reloaded(new)).collect();
        }
        if day.restarts.contains(&nth) {
            let groups = self
                .groups
                .iter()
                .map(|evaluation| evaluation.group().clone());
            self.groups = groups.map(Evaluation::resuming).collect();
        }
    }

    fn run(&mut self, at: i64) -> Vec<Outcome> {
        while self.coming.last().is_some_and(|(t, ..)| *t <= at) {
            let (t, labels, value) = self.coming.pop().unwrap();
            self.head.append(&labels, t, 0, &value).unwrap();
        }
        let groups = self.groups.iter_mut();
        let options = Options::default();
        groups
            .map(|group| group.run(at, &mut self.head, &self.expander, &options))
            .collect()
    }

    fn active(&self) -> Told {
        let mut told = Told::new();
        for (g, evaluation) in self.groups.iter().enumerate() {
            for (r, rule) in evaluation.group().rules.iter().enumerate() {
                if matches!(rule.makes, Makes::Alert(_)) {
                    let alerts = evaluation.alerts(r);
                    told.extend(alerts.map(|alert| ours([g as u64, r as u64], alert)));
                }
            }
        }
        told
    }

    fn stored(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        for name in TOLD {
            let selection = Selection {
                matchers: vec![Matcher::equal("__name__", name)],
                from_ms: i64::MIN,
                to_ms: i64::MAX,
            };
            for series in self.head.select(&selection).unwrap() {
                let points = series.floats.iter().map(|p| match is_stale(p.v) {
                    true => format!("{} stale", p.t),
                    false => format!("{} {:.9}", p.t, p.v),
                });
                all.insert(format!("{:?}", words(&series.labels)), points.collect());
            }
        }
        all
    }
}

fn same(what: &str, ours: &Told, theirs: &Told) {
    let only_ours: Vec<&String> = ours.difference(theirs).collect();
    let only_theirs: Vec<&String> = theirs.difference(ours).collect();
    assert!(
        only_ours.is_empty() && only_theirs.is_empty(),
        "{what}\nours only: {only_ours:#?}\ntheirs only: {only_theirs:#?}"
    );
}

/// How much there was to compare.
#[derive(Default, Debug)]
struct Seen {
    moments: usize,
    alerts: usize,
    sent: usize,
    failed: usize,
    firing: usize,
    samples: usize,
}

fn compare(oracle: &str, seed: u64, seen: &mut Seen) {
    let day = day(seed);
    let answer = asked(oracle, &day);
    let mut bench = Bench::new(&day);
    for (nth, at) in day.moments.iter().enumerate() {
        let what = format!(
            "day {seed}, moment {nth} at {} min",
            *at as f64 / MINUTE as f64
        );
        bench.change(&day, nth);
        let outcomes = bench.run(*at);
        let theirs_said = &answer["moments"][nth];
        let failed: BTreeSet<[usize; 2]> = outcomes
            .iter()
            .enumerate()
            .flat_map(|(g, outcome)| {
                let rules = outcome.rules.iter().enumerate();
                rules
                    .filter(|(_, rule)| rule.failure.is_some() || rule.refused > 0)
                    .map(move |(r, _)| [g, r])
            })
            .collect();
        let failed_there: BTreeSet<[usize; 2]> =
            serde_json::from_value(theirs_said["failed"].clone()).unwrap_or_default();
        assert_eq!(failed, failed_there, "{what}: failures {outcomes:#?}");
        let active = bench.active();
        same(
            &format!("{what}: alerts"),
            &active,
            &theirs(&theirs_said["active"], false),
        );
        let sent = outcomes.iter().enumerate().flat_map(|(g, outcome)| {
            let due = outcome.rules.iter().flat_map(|rule| &rule.due);
            due.map(move |due| ours([g as u64, 0], &due.alert))
        });
        let sent: Told = sent.collect();
        same(
            &format!("{what}: sent"),
            &sent,
            &theirs(&theirs_said["sent"], true),
        );
        seen.moments += 1;
        seen.alerts += active.len();
        seen.sent += sent.len();
        seen.failed += failed.len();
        let word = format!("] {} since", AlertState::Firing.word());
        seen.firing += active.iter().filter(|told| told.contains(&word)).count();
    }
    let stored = bench.stored();
    let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for series in answer["series"].as_array().into_iter().flatten() {
        let labels: Words = serde_json::from_value(series["labels"].clone()).unwrap();
        let points = series["floats"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|point| match point[1].as_str().unwrap() {
                "stale" => format!("{} stale", point[0].as_str().unwrap()),
                v => format!("{} {:.9}", point[0].as_str().unwrap(), number(v)),
            });
        there.insert(format!("{labels:?}"), points.collect());
    }
    let names = |all: &BTreeMap<String, Vec<String>>| -> Told { all.keys().cloned().collect() };
    same(
        &format!("day {seed}: series"),
        &names(&stored),
        &names(&there),
    );
    for (labels, points) in &stored {
        let other = &there[labels];
        let differ = points.iter().zip(other).find(|(a, b)| a != b);
        assert!(
            differ.is_none() && points.len() == other.len(),
            "day {seed}, {labels}: {differ:?}"
        );
        seen.samples += points.len();
    }
}

#[test]
fn a_day_is_as_prometheus_has_it() {
    let Ok(oracle) = std::env::var("DECKWATCH_ORACLE") else {
        eprintln!("DECKWATCH_ORACLE names no program: nothing is compared");
        return;
    };
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let first = number("DECKWATCH_ORACLE_SEED", 1);
    let mut seen = Seen::default();
    for seed in first..first + number("DECKWATCH_ORACLE_DAYS", 4) {
        compare(&oracle, seed, &mut seen);
    }
    println!("{seen:?}");
    // Chance that stays on the surface finds nothing.
    assert!(
        seen.firing > 1000 && seen.sent > 1000 && seen.failed > 10,
        "{seen:?}"
    );
}
