//! One alert: its rule, its lanes beside those of the rule's other label sets, what was told of it.

use std::collections::BTreeMap;

use deckwatch_alerting::comparison::Comparison;
use deckwatch_alerting::rules::{Group, Makes, Rule};
use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::labels::METRIC_NAME;
use deckwatch_promql::value::Series;
use serde::{Deserialize, Serialize};

use super::books::{Books, Stands, key};
use super::facts::{ALERTS, Fact};
use super::files;
use super::view::{AlertRow, rows};
use crate::console::Console;
use crate::metrics::{self, Source};
use crate::problem::Problem;
use crate::show::read_stream;

/// What is looked at where nothing is said.
const LENGTH: Span = Span::from_secs(6 * 3600);
/// Moments of a lane.
const POINTS: u64 = 360;
const LANES: usize = 100;
const TOLD: usize = 200;

/// Which alert, over which time.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct AlertAsk {
    pub id: String,
    #[serde(default)]
    #[ts(optional)]
    pub from: Option<Timestamp>,
    #[serde(default)]
    #[ts(optional)]
    pub to: Option<Timestamp>,
}

/// A stretch in which an alert stood so.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct AlertSpan {
    pub from: Timestamp,
    pub to: Timestamp,
    pub stands: Stands,
}

/// One set of labels over time.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct AlertLane {
    #[ts(type = "Record<string, string>")]
    pub labels: BTreeMap<String, String>,
    /// It is the alert that was asked for.
    pub own: bool,
    pub spans: Vec<AlertSpan>,
}

/// What the journal has of it.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct AlertTold {
    pub seq: u64,
    pub at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    pub fires: bool,
    pub words: String,
    pub value: Option<f64>,
    pub late: bool,
}

/// One alert, whole.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct AlertView {
    pub at: Timestamp,
    /// None: it does not stand any more, and only the journal knows it.
    pub row: Option<AlertRow>,
    pub name: String,
    pub service: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// The rule's file and its group; none: an objective's, or the rule is no more.
    pub file: Option<String>,
    pub group: Option<String>,
    pub query: Option<String>,
    /// What is compared, to be drawn; the whole query where nothing is compared with a number.
    pub value_query: Option<String>,
    pub threshold: Option<f64>,
    pub hold_ms: i64,
    pub keep_ms: i64,
    /// This one's first.
    pub lanes: Vec<AlertLane>,
    pub told: Vec<AlertTold>,
}

/// # Errors
/// That no alert of this id is known, nor was.
pub async fn show(console: &Console, ask: AlertAsk) -> Result<AlertView, Problem> {
    let now = console.clock.now().wall;
    let to = ask.to.unwrap_or(now).min(now);
    let from = ask.from.unwrap_or_else(|| to.minus(LENGTH.duration()));
    if from >= to {
        return Err(Problem::new(
            "alert.range",
            "the range ends before it begins",
        ));
    }
    let books = Books::seen(&console.folder.alerts_status(), &console.alert_books)?;
    let row = rows(&books).into_iter().find(|row| row.id == ask.id);
    let (told, facts) = told(console, &ask.id).await;
    let Some(last) = row
        .as_ref()
        .map(Named::of)
        .or_else(|| facts.last().map(Named::told))
    else {
        let why = format!("no alert {} is known", ask.id);
        return Err(Problem::new("alert.unknown", why));
    };
    let rule = rule_of(console, &last);
    let mut view = AlertView {
        at: now,
        from,
        to,
        name: last.name.clone(),
        service: last.service.clone(),
        row,
        file: None,
        group: None,
        query: None,
        value_query: None,
        threshold: None,
        hold_ms: 0,
        keep_ms: 0,
        lanes: Vec::new(),
        told,
    };
    match rule {
        Some((file, group, rule)) => {
            view.lanes = lanes(console, &rule, &last.labels, from, to).await;
            view.describe(file, &group, &rule);
        }
        None => view.lanes = vec![from_facts(&last.labels, &facts, from, to)],
    }
    Ok(view)
}

impl AlertView {
    fn describe(&mut self, file: String, group: &Group, rule: &Rule) {
        self.file = Some(file);
        self.group = Some(group.name.clone());
        self.query = Some(rule.query.text().to_owned());
        let compared = Comparison::of(&rule.query);
        let number = compared.and_then(|c| Some((c.value.to_string(), c.number()?.0)));
        self.threshold = number.as_ref().map(|(_, threshold)| *threshold);
        let value = number.map(|(value, _)| value);
        self.value_query = Some(value.unwrap_or_else(|| rule.query.text().to_owned()));
        if let Makes::Alert(alerting) = &rule.makes {
            self.hold_ms = alerting.hold_ms;
            self.keep_ms = alerting.keep_ms;
        }
    }
}

/// What is known of an alert by whichever way.
struct Named {
    name: String,
    service: String,
    from: String,
    labels: BTreeMap<String, String>,
}

impl Named {
    fn of(row: &AlertRow) -> Self {
        Named {
            name: row.name.clone(),
            service: row.service.clone(),
            from: row.rule.clone().unwrap_or_default(),
            labels: row.labels.clone(),
        }
    }

    fn told(fact: &Fact) -> Self {
        Named {
            name: fact.name.clone(),
            service: fact.service.clone(),
            from: fact.from.clone(),
            labels: fact.labels.clone(),
        }
    }
}

/// The rule as the files have it now.
fn rule_of(console: &Console, named: &Named) -> Option<(String, Group, Rule)> {
    for file in files::found(console) {
        let Ok(read) = files::read(file.text.as_deref().unwrap_or_default()) else {
            continue;
        };
        for group in read.groups {
            if key(&file.name, &group.name) != named.from {
                continue;
            }
            let mut rules = group.rules.iter();
            let alerts = |rule: &&Rule| matches!(rule.makes, Makes::Alert(_));
            let found = rules.find(|rule| alerts(rule) && rule.name() == named.name);
            let found = found.cloned()?;
            return Some((file.name, group, found));
        }
    }
    None
}

/// The rule's alerts over time, as they were recorded.
async fn lanes(
    console: &Console,
    rule: &Rule,
    own: &BTreeMap<String, String>,
    from: Timestamp,
    to: Timestamp,
) -> Vec<AlertLane> {
    let Ok(samples) = console.samples().await else {
        return Vec::new();
    };
    let step = Span::from_millis((Span::from(to.since(from)).as_millis() / POINTS).max(1000));
    let query = format!("ALERTS{{alertname={:?}}}", rule.name());
    let source = Source::Own(samples);
    let (start, end) = (from.as_millis(), to.as_millis());
    let series = metrics::range(&source, &query, start, end, step).await;
    let mut lanes: BTreeMap<BTreeMap<String, String>, Vec<AlertSpan>> = BTreeMap::new();
    for one in series.unwrap_or_default() {
        let mut labels = super::books::words_of(&one.labels);
        labels.remove(METRIC_NAME);
        let stands = match labels.remove("alertstate").as_deref() {
            Some("firing") => Stands::Firing,
            _ => Stands::Pending,
        };
        lanes
            .entry(labels)
            .or_default()
            .extend(spans(&one, step, stands));
    }
    let mut lanes: Vec<AlertLane> = lanes
        .into_iter()
        .map(|(labels, mut spans)| {
            spans.sort_by_key(|span| span.from);
            AlertLane {
                own: labels == *own,
                labels,
                spans,
            }
        })
        .collect();
    if !lanes.iter().any(|lane| lane.own) {
        lanes.push(AlertLane {
            labels: own.clone(),
            own: true,
            spans: Vec::new(),
        });
    }
    lanes.sort_by_key(|lane| !lane.own);
    lanes.truncate(LANES);
    lanes
}

/// Moments that follow each other are one stretch.
fn spans(series: &Series, step: Span, stands: Stands) -> Vec<AlertSpan> {
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    let mut spans: Vec<AlertSpan> = Vec::new();
    for point in &series.floats {
        let (from, to) = (point.t, point.t.saturating_add(step));
        match spans.last_mut() {
            Some(last) if last.to.as_millis() >= from => last.to = Timestamp::from_millis(to),
            _ => spans.push(AlertSpan {
                from: Timestamp::from_millis(from),
                to: Timestamp::from_millis(to),
                stands,
            }),
        }
    }
    spans
}

/// Of an objective's alert nothing is recorded but when it fired and when it was over.
fn from_facts(
    labels: &BTreeMap<String, String>,
    facts: &[Fact],
    from: Timestamp,
    to: Timestamp,
) -> AlertLane {
    let mut spans = Vec::new();
    let mut fired = None;
    for fact in facts {
        match (fact.fires, fired) {
            (true, None) => fired = Some(fact.at),
            (false, Some(begun)) => {
                spans.push((begun, fact.at));
                fired = None;
            }
            _ => {}
        }
    }
    spans.extend(fired.map(|begun| (begun, to)));
    let within = spans.into_iter().filter(|(a, b)| *a < to && *b > from);
    let spans = within.map(|(a, b)| AlertSpan {
        from: a.max(from),
        to: b.min(to),
        stands: Stands::Firing,
    });
    AlertLane {
        labels: labels.clone(),
        own: true,
        spans: spans.collect(),
    }
}

/// What the journal has of this alert: the newest first for people, the oldest first as facts.
async fn told(console: &Console, id: &str) -> (Vec<AlertTold>, Vec<Fact>) {
    let Ok(store) = console.store().await else {
        return (Vec::new(), Vec::new());
    };
    let events = read_stream(store.as_ref(), ALERTS).await;
    let (mut told, mut facts) = (Vec::new(), Vec::new());
    for event in events.unwrap_or_default() {
        let payload = event.payload.as_deref().unwrap_or_default();
        let Ok(fact) = serde_json::from_slice::<Fact>(payload) else {
            continue;
        };
        if fact.alert != id {
            continue;
        }
        told.push(AlertTold {
            seq: event.seq,
            at: fact.at,
            recorded_at: event.recorded_at,
            fires: fact.fires,
            words: fact.words.clone(),
            value: fact.value,
            late: fact.late,
        });
        facts.push(fact);
    }
    told.reverse();
    told.truncate(TOLD);
    (told, facts)
}
