//! Sloth's documents: `version: prometheus/v1`, and the Kubernetes object of the same content.

use deckwatch_domain::{Node, ServiceName};

use super::{Reader, any, child, days, empty, is_true, lift, windowed};
use crate::burn::{Pair, Severity};
use crate::objective::{NoData, Objective, Side};
use crate::period::Period;
use crate::target::Target;

/// Sloth takes the period from its command line, and this unless told otherwise.
const DEFAULT_DAYS: u64 = 30;

pub(super) fn read(document: &Node, reader: &mut Reader) {
    let spec = if document.has("spec") {
        reader.rest(document, &["apiVersion", "kind", "metadata", "spec"]);
        match child(document, "spec") {
            Some(spec) => spec,
            None => return,
        }
    } else {
        document
    };
    reader.rest(spec, &["version", "service", "labels", "slos"]);
    let service = reader.need(spec, "service");
    let service = service.and_then(|n| reader.service(n));
    let labels = reader.labels(child(spec, "labels"));
    let Some(list) = reader.need(spec, "slos") else {
        return;
    };
    reader.lost(
        list,
        format!("Sloth's documents name no period; its default of {DEFAULT_DAYS} days was taken"),
    );
    for node in list.items(&mut reader.mistakes) {
        let Some(service) = service.clone() else {
            continue;
        };
        if let Some(mut objective) = objective(node, service, reader) {
            for (name, value) in &labels {
                let own = objective.labels.entry(name.clone());
                own.or_insert_with(|| value.clone());
            }
            reader.take(node, objective);
        }
    }
}

fn objective(node: &Node, service: ServiceName, reader: &mut Reader) -> Option<Objective> {
    reader.rest(
        node,
        &[
            "name",
            "objective",
            "description",
            "labels",
            "sli",
            "alerting",
        ],
    );
    let name = reader.need(node, "name").and_then(|n| reader.name(n));
    let about = reader.text(node, "description");
    let target = reader.need(node, "objective").and_then(|n| {
        let percent = n.number(&mut reader.mistakes)?;
        Target::new(percent / 100.0)
            .map_err(|why| reader.mistakes.at(n, why))
            .ok()
    });
    let indicator = reader.need(node, "sli").and_then(|n| sli(n, reader));
    let mut labels = reader.labels(child(node, "labels"));
    let period = days(DEFAULT_DAYS);
    let burn = child(node, "alerting").and_then(|alerting| {
        labels.extend(reader.labels(child(alerting, "labels")));
        pairs(alerting, period, reader)
    });
    let (indicator, by) = indicator?;
    Some(Objective {
        name: name?,
        service,
        about: about.unwrap_or_default(),
        target: target?,
        period: Period::Rolling(period),
        indicator,
        by,
        no_data: NoData::Ignore,
        exclusions: Vec::new(),
        labels,
        burn,
    })
}

fn sli(node: &Node, reader: &mut Reader) -> Option<(crate::Indicator, Vec<String>)> {
    reader.rest(node, &["events", "raw", "plugin"]);
    if let Some(raw) = child(node, "raw") {
        reader.lost(
            raw,
            "a ratio alone has no events to count: a budget of it would be a mean of ratios; \
             the objective is left out",
        );
        return None;
    }
    if let Some(plugin) = child(node, "plugin") {
        reader.lost(
            plugin,
            "plugins are programs of Sloth's; the objective is left out",
        );
        return None;
    }
    let events = reader.need(node, "events")?;
    reader.rest(
        events,
        &["error_query", "errorQuery", "total_query", "totalQuery"],
    );
    let mut query = |keys: [&str; 2]| {
        let Some(found) = any(events, &keys) else {
            reader
                .mistakes
                .at(events, format!("`{}` is missing", keys[0]));
            return None;
        };
        let text = found.text(&mut reader.mistakes)?;
        Some(windowed(&text))
    };
    let (bad, total) = (
        query(["error_query", "errorQuery"]),
        query(["total_query", "totalQuery"]),
    );
    lift::of_queries(Side::Bad, &bad?, &total?)
        .map_err(|why| reader.lost(events, format!("{why}; the objective is left out")))
        .ok()
}

/// Sloth's alerts are the usual four pairs; either severity can be switched off.
fn pairs(
    alerting: &Node,
    period: deckwatch_domain::Span,
    reader: &mut Reader,
) -> Option<Vec<Pair>> {
    reader.rest(
        alerting,
        &[
            "labels",
            "page_alert",
            "pageAlert",
            "ticket_alert",
            "ticketAlert",
        ],
    );
    let mut off = Vec::new();
    for (severity, keys) in [
        (Severity::Page, ["page_alert", "pageAlert"]),
        (Severity::Ticket, ["ticket_alert", "ticketAlert"]),
    ] {
        let Some(alert) = any(alerting, &keys) else {
            continue;
        };
        if empty(alert) {
            continue;
        }
        reader.rest(alert, &["disable"]);
        if is_true(child(alert, "disable")) {
            off.push(severity);
        }
    }
    if off.is_empty() {
        return None;
    }
    let mut pairs = Pair::usual(period);
    pairs.retain(|pair| !off.contains(&pair.severity));
    Some(pairs)
}
