//! Pyrra's objects: `apiVersion: pyrra.dev/v1alpha1`, `kind: ServiceLevelObjective`.

use std::collections::BTreeMap;

use deckwatch_domain::{Node, Span, Value};
use deckwatch_promql::ast::{Expr, Shift, VectorSelector};
use deckwatch_promql::labels::is_plain_name;
use deckwatch_promql::parse::{Dialect, parse};
use deckwatch_promql::parse_duration;

use super::{Reader, child, is_true, lift};
use crate::objective::{Comparison, Indicator, NoData, Objective, Side, checked_selector};
use crate::period::Period;
use crate::target::Target;

/// Labels with this before their name are passed on by Pyrra.
const PREFIX: &str = "pyrra.dev/";

pub(super) fn read(document: &Node, reader: &mut Reader) {
    reader.rest(
        document,
        &["apiVersion", "kind", "metadata", "spec", "status"],
    );
    let metadata = reader.need(document, "metadata");
    let spec = reader.need(document, "spec");
    let (Some(metadata), Some(spec)) = (metadata, spec) else {
        return;
    };
    if let Some(objective) = objective(metadata, spec, reader) {
        reader.take(document, objective);
    }
}

fn objective(metadata: &Node, spec: &Node, reader: &mut Reader) -> Option<Objective> {
    reader.rest(metadata, &["name", "labels", "creationTimestamp"]);
    reader.rest(
        spec,
        &["target", "window", "description", "indicator", "alerting"],
    );
    let name_at = reader.need(metadata, "name");
    let name = name_at.and_then(|n| reader.name(n));
    let labels = labels(child(metadata, "labels"), reader);
    let service = match (labels.get("service"), name_at) {
        (Some(service), _) => service.parse().ok(),
        (None, Some(at)) => {
            reader.lost(
                at,
                "Pyrra names no service (a label `pyrra.dev/service` would): the objective's \
                 own name was taken",
            );
            name.as_ref().and_then(|name| name.parse().ok())
        }
        (None, None) => None,
    };
    let target = reader.need(spec, "target").and_then(|n| {
        let text = n.text(&mut reader.mistakes)?;
        let percent: Option<f64> = text.trim().parse().ok();
        let target = percent
            .ok_or_else(|| format!("`{text}` is no percentage"))
            .and_then(|percent| Target::new(percent / 100.0));
        target.map_err(|why| reader.mistakes.at(n, why)).ok()
    });
    let period = reader.need(spec, "window").and_then(|n| length(n, reader));
    let about = reader.text(spec, "description");
    let found = reader
        .need(spec, "indicator")
        .and_then(|n| indicator(n, reader));
    let burn = child(spec, "alerting").and_then(|n| {
        reader.rest(n, &["disabled", "burnrates"]);
        let off = is_true(child(n, "disabled"))
            || matches!(
                child(n, "burnrates").map(|b| &b.value),
                Some(Value::Bool(false))
            );
        off.then(Vec::new)
    });
    let (indicator, by) = found?;
    Some(Objective {
        name: name?,
        service: service?,
        about: about.unwrap_or_default().trim().to_owned(),
        target: target?,
        period: Period::Rolling(period?),
        indicator,
        by,
        no_data: NoData::Ignore,
        exclusions: Vec::new(),
        labels,
        burn,
    })
}

fn labels(node: Option<&Node>, reader: &mut Reader) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(node) = node else { return found };
    let Value::Map(entries) = &node.value else {
        reader.mistakes.at(node, "a mapping belongs here");
        return found;
    };
    for (key, value) in entries {
        match key.strip_prefix(PREFIX) {
            Some(name) if is_plain_name(name) => {
                if let Some(text) = value.text(&mut reader.mistakes) {
                    found.insert(name.to_owned(), text);
                }
            }
            _ => reader.lost(value, format!("the label `{key}` is not carried over")),
        }
    }
    found
}

fn length(node: &Node, reader: &mut Reader) -> Option<Span> {
    let text = node.text(&mut reader.mistakes)?;
    match parse_duration(text.trim()) {
        Ok(ms) if ms >= 3_600_000 => Some(Span::from_millis(ms.unsigned_abs())),
        Ok(_) => {
            reader.mistakes.at(node, "a period is at least an hour");
            None
        }
        Err(why) => {
            reader.mistakes.at(node, why);
            None
        }
    }
}

fn indicator(node: &Node, reader: &mut Reader) -> Option<(Indicator, Vec<String>)> {
    let kinds = ["ratio", "latency", "latencyNative", "bool_gauge"];
    reader.rest(node, &kinds);
    let (kind, inner) = kinds
        .into_iter()
        .find_map(|kind| Some((kind, child(node, kind)?)))
        .or_else(|| {
            reader.mistakes.at(
                node,
                format!("one of these is missing: {}", kinds.join(", ")),
            );
            None
        })?;
    let by = child(inner, "grouping").map_or_else(Vec::new, |n| grouping(n, reader));
    let found = match kind {
        "ratio" => {
            reader.rest(inner, &["errors", "total", "grouping"]);
            let (errors, total) = (
                metric(inner, "errors", reader),
                metric(inner, "total", reader),
            );
            lift::of_counters(Side::Bad, &errors?, &total?)
        }
        "latency" => {
            reader.rest(inner, &["success", "total", "grouping"]);
            let success = metric(inner, "success", reader);
            lift::of_counters(Side::Good, &success?, &metric(inner, "total", reader)?)
        }
        "latencyNative" => {
            reader.rest(inner, &["latency", "total", "grouping"]);
            let below = reader.need(inner, "latency").and_then(|n| {
                let text = n.text(&mut reader.mistakes)?;
                let ms = parse_duration(text.trim());
                ms.map_err(|why| reader.mistakes.at(n, why)).ok()
            });
            Indicator::Latency {
                histogram: Expr::Vector(metric(inner, "total", reader)?).to_string(),
                below: below? as f64 / 1000.0,
                native: true,
            }
        }
        _ => {
            reader.rest(inner, &["metric", "grouping"]);
            reader.lost(
                inner,
                "the gauge is looked at every minute here, not at each of its samples",
            );
            Indicator::Gauge {
                value: Expr::Vector(selector(inner, reader)?).to_string(),
                holds: Comparison::AtLeast,
                threshold: 1.0,
                every: Span::from_secs(60),
            }
        }
    };
    Some((found, by))
}

fn grouping(node: &Node, reader: &mut Reader) -> Vec<String> {
    let items = node.items(&mut reader.mistakes).iter();
    let names: Vec<Option<String>> = items.map(|n| n.text(&mut reader.mistakes)).collect();
    names
        .into_iter()
        .flatten()
        .filter(|name| is_plain_name(name))
        .collect()
}

fn metric(node: &Node, key: &str, reader: &mut Reader) -> Option<VectorSelector> {
    let inner = reader.need(node, key)?;
    reader.rest(inner, &["metric"]);
    selector(inner, reader)
}

fn selector(node: &Node, reader: &mut Reader) -> Option<VectorSelector> {
    let at = reader.need(node, "metric")?;
    let text = at.text(&mut reader.mistakes)?;
    match parse(&text, Dialect::default()) {
        Ok(Expr::Vector(mut selector)) => {
            if selector.shift != Shift::default() {
                reader.lost(
                    at,
                    "`offset` and `@` are not carried over: what is asked is now",
                );
                selector.shift = Shift::default();
            }
            Some(selector)
        }
        _ => {
            let why = checked_selector(&text).err().unwrap_or_default();
            reader.mistakes.at(at, why);
            None
        }
    }
}
