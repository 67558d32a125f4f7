//! Reads objectives: every mistake at once, each with its line and column.

use std::collections::BTreeMap;

use deckwatch_domain::{Node, Problems, ServiceName, Span, Timestamp, Value, parse_document};
use deckwatch_promql::labels::is_plain_name;

use super::indicator::indicator;
use super::{Exclusion, NoData, Objective};
use crate::burn::{Pair, Severity};
use crate::period::{CalendarUnit, Period, Zone};
use crate::target::Target;

/// Objectives in one document at most.
const MOST: usize = 200;

/// Reads a document with one objective, or with a list of them under `objectives`.
///
/// # Errors
/// All its mistakes.
pub fn read_objectives(yaml: &str) -> Result<Vec<Objective>, Problems> {
    let document = parse_document(yaml)?;
    let mut problems = Problems::default();
    let p = &mut problems;
    let mut found = Vec::new();
    if document.has("objectives") {
        let mut entries = document.entries(p);
        if let Some(list) = entries.get("objectives") {
            let items = list.items(p);
            if items.len() > MOST {
                p.at(
                    list,
                    format!("{} are too many; at most {MOST}", items.len()),
                );
            }
            for item in items.iter().take(MOST) {
                let read = objective(item, p);
                let twice = |o: &Objective| {
                    read.as_ref()
                        .is_some_and(|r| r.name == o.name && r.service == o.service)
                };
                if found.iter().any(twice) {
                    p.at(item, "this service has an objective of that name already");
                }
                found.extend(read);
            }
        }
        entries.finish(p);
    } else {
        found.extend(objective(&document, p));
    }
    problems.or(found)
}

fn objective(node: &Node, p: &mut Problems) -> Option<Objective> {
    let mut entries = node.entries(p);
    let name = entries.need("name", p).and_then(|n| name(n, p));
    let service: Option<ServiceName> = entries.need("service", p).and_then(|n| n.parsed(p));
    let about = entries.get("about").and_then(|n| n.text(p));
    let target = entries.need("target", p).and_then(|n| target(n, p));
    let period = entries.need("period", p).and_then(|n| period(n, p));
    let indicator = entries.need("indicator", p).and_then(|n| indicator(n, p));
    let by = entries.get("by").map_or_else(Vec::new, |n| by(n, p));
    let policies = [
        ("bad", NoData::Bad),
        ("ignore", NoData::Ignore),
        ("hold", NoData::Hold),
    ];
    let no_data = entries.get("no-data").and_then(|n| n.word(&policies, p));
    let exclusions = list(entries.get("exclusions"), p);
    let exclusions = exclusions.iter().filter_map(|n| exclusion(n, p)).collect();
    let labels = entries.get("labels").map(|n| labels(n, p));
    let burn = entries.get("burn").map(|n| {
        let pairs = n.items(p).iter();
        let pairs = pairs.filter_map(|at| pair(at, target, period.as_ref(), p));
        pairs.collect::<Vec<Pair>>()
    });
    entries.finish(p);
    Some(Objective {
        name: name?,
        service: service?,
        about: about.unwrap_or_default(),
        target: target?,
        period: period?,
        indicator: indicator?,
        by,
        no_data: no_data.unwrap_or_default(),
        exclusions,
        labels: labels.unwrap_or_default(),
        burn,
    })
}

fn list<'n>(node: Option<&'n Node>, p: &mut Problems) -> &'n [Node] {
    node.map_or(&[], |n| n.items(p))
}

fn name(node: &Node, p: &mut Problems) -> Option<String> {
    let text = node.text(p)?;
    match ServiceName::new(text.clone()) {
        Ok(_) => Some(text),
        Err(error) => {
            p.at(
                node,
                format!("`{text}` is no name of an objective: {}", error.reason),
            );
            None
        }
    }
}

fn target(node: &Node, p: &mut Problems) -> Option<Target> {
    let share = node.number(p)?;
    Target::new(share).map_err(|why| p.at(node, why)).ok()
}

pub(super) fn share(node: &Node, p: &mut Problems) -> Option<f64> {
    let share = node.number(p)?;
    if !(share > 0.0 && share <= 1.0) {
        p.at(node, format!("{share} is no share; write it like 95%"));
        return None;
    }
    Some((share * 1e9).round() / 1e9)
}

fn period(node: &Node, p: &mut Problems) -> Option<Period> {
    if !matches!(node.value, Value::Map(_)) {
        let span = node.span(p)?;
        if span < Span::from_secs(3600) {
            p.at(node, "a period is at least an hour");
            return None;
        }
        return Some(Period::Rolling(span));
    }
    let words = [
        CalendarUnit::Week,
        CalendarUnit::Month,
        CalendarUnit::Quarter,
        CalendarUnit::Year,
    ]
    .map(|unit| (unit.word(), unit));
    let mut entries = node.entries(p);
    let unit = entries.need("calendar", p).and_then(|n| n.word(&words, p));
    let zone = match entries.get("zone") {
        Some(n) => n.parsed::<Zone>(p),
        None => Some(Zone::utc()),
    };
    entries.finish(p);
    Some(Period::Calendar {
        unit: unit?,
        zone: zone?,
    })
}

fn by(node: &Node, p: &mut Problems) -> Vec<String> {
    let mut names = Vec::new();
    for item in node.items(p) {
        let Some(name) = item.text(p) else { continue };
        if !is_plain_name(&name) {
            p.at(item, format!("`{name}` is no label"));
        } else if names.contains(&name) {
            p.at(item, format!("`{name}` stands here twice"));
        } else {
            names.push(name);
        }
    }
    names
}

fn labels(node: &Node, p: &mut Problems) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in node.entries(p).all() {
        if !is_plain_name(name) {
            p.at(value, format!("`{name}` is no label"));
        } else if let Some(value) = value.text(p) {
            found.insert(name.clone(), value);
        }
    }
    found
}

fn exclusion(node: &Node, p: &mut Problems) -> Option<Exclusion> {
    let mut entries = node.entries(p);
    let from: Option<Timestamp> = entries.need("from", p).and_then(|n| n.parsed(p));
    let to: Option<Timestamp> = entries.need("to", p).and_then(|n| n.parsed(p));
    let mut words = |name| {
        let at = entries.need(name, p)?;
        let text = at.text(p)?;
        if text.trim().is_empty() {
            p.at(
                at,
                format!("`{name}` is empty: a time is not cut out without a word"),
            );
            return None;
        }
        Some(text)
    };
    let (reason, author) = (words("reason"), words("author"));
    entries.finish(p);
    let (from, to) = (from?, to?);
    if from >= to {
        p.at(node, "it ends before it begins");
        return None;
    }
    Some(Exclusion {
        from,
        to,
        reason: reason?,
        author: author?,
    })
}

fn pair(
    node: &Node,
    target: Option<Target>,
    period: Option<&Period>,
    p: &mut Problems,
) -> Option<Pair> {
    let severities = [Severity::Page, Severity::Ticket].map(|s| (s.word(), s));
    let mut entries = node.entries(p);
    let severity = entries
        .need("severity", p)
        .and_then(|n| n.word(&severities, p));
    let long = entries.need("long", p).and_then(|n| n.span(p));
    let short = entries.get("short").and_then(|n| n.span(p));
    let factor = entries.get("factor").and_then(|n| n.number(p));
    let spent = entries.get("share").and_then(|n| share(n, p));
    let below = entries.get("below").and_then(|n| share(n, p));
    entries.finish(p);
    let (target, period) = (target?, period?.nominal());
    let (severity, long) = (severity?, long?);
    let short = short.unwrap_or_else(|| Pair::short_of(long));
    let pair = match (factor, spent, below) {
        (Some(factor), None, None) => Pair {
            severity,
            long,
            short,
            factor,
        },
        (None, Some(spent), None) => Pair::spending(severity, spent, period, long, short),
        (None, None, Some(below)) => Pair {
            severity,
            long,
            short,
            factor: ((1.0 - below) / target.budget() * 1e6).round() / 1e6,
        },
        _ => {
            p.at(
                node,
                "a pair has one of `factor` (14.4), `share` (2% of the budget) and `below` (99%)",
            );
            return None;
        }
    };
    pair.check(target, period)
        .map_err(|refused| p.at(node, refused.to_string()))
        .ok()
}
