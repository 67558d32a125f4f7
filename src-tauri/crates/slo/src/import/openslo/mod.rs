//! OpenSLO v1: SLOs, with the SLIs, alert policies and conditions that they name in the same text.

mod alerts;
mod time;

use std::collections::BTreeMap;

use deckwatch_domain::{Node, ServiceName, Span, Value};

use super::{Reader, any, child, lift, plain_name, windowed};
use crate::burn::Pair;
use crate::export::{BY, NO_DATA};
use crate::objective::{
    Comparison, Indicator, NoData, Objective, Side, checked_query, checked_selector,
};
use crate::period::Period;
use crate::target::Target;

/// What other objects of the text may be named by.
struct Named<'n> {
    slis: BTreeMap<String, &'n Node>,
    policies: BTreeMap<String, &'n Node>,
    conditions: BTreeMap<String, &'n Node>,
}

pub(super) fn read(documents: &[&Node], reader: &mut Reader) {
    let mut named = Named {
        slis: BTreeMap::new(),
        policies: BTreeMap::new(),
        conditions: BTreeMap::new(),
    };
    let mut objects = Vec::new();
    for document in documents {
        let kind = reader.needed_text(document, "kind").unwrap_or_default();
        let metadata = child(document, "metadata");
        let name = metadata.and_then(|m| reader.text(m, "name"));
        let name = name.unwrap_or_default();
        match kind.as_str() {
            "SLO" => objects.push(*document),
            "SLI" => drop(named.slis.insert(name, document)),
            "AlertPolicy" => drop(named.policies.insert(name, document)),
            "AlertCondition" => drop(named.conditions.insert(name, document)),
            // A service is known by its name alone.
            "Service" => {}
            "DataSource" => reader.lost(
                document,
                format!("the data source `{name}`: where samples come from is the environment's"),
            ),
            "AlertNotificationTarget" => reader.lost(
                document,
                format!("the notification target `{name}`: who is told is said elsewhere"),
            ),
            other => reader
                .mistakes
                .at(document, format!("`{other}` is no kind of OpenSLO v1")),
        }
    }
    for object in objects {
        slo(object, &named, reader);
    }
}

/// What all objectives of one SLO share.
struct Common {
    name: String,
    service: ServiceName,
    about: String,
    period: Period,
    labels: BTreeMap<String, String>,
    by: Vec<String>,
    no_data: NoData,
}

/// How an SLO counts.
#[derive(Clone, Copy, PartialEq)]
enum Method {
    Occurrences,
    Timeslices,
}

fn slo(object: &Node, named: &Named<'_>, reader: &mut Reader) {
    reader.rest(object, &["apiVersion", "kind", "metadata", "spec"]);
    let (Some(metadata), Some(spec)) =
        (reader.need(object, "metadata"), reader.need(object, "spec"))
    else {
        return;
    };
    reader.rest(
        spec,
        &[
            "description",
            "service",
            "indicator",
            "indicatorRef",
            "timeWindow",
            "budgetingMethod",
            "objectives",
            "alertPolicies",
        ],
    );
    let Some(common) = common(metadata, spec, reader) else {
        return;
    };
    let Some(method) = method(spec, reader) else {
        return;
    };
    let Some(sli) = sli(spec, named, reader) else {
        return;
    };
    let burn = child(spec, "alertPolicies").map(|n| alerts::pairs(n, named, reader));
    let Some(list) = reader.need(spec, "objectives") else {
        return;
    };
    let items = list.items(&mut reader.mistakes);
    for (i, node) in items.iter().enumerate() {
        let Some(found) = one(node, sli, method, reader) else {
            continue;
        };
        let mut name = common.name.clone();
        if items.len() > 1 {
            let suffix = reader.text(node, "displayName");
            let suffix = suffix.unwrap_or_else(|| (i + 1).to_string());
            name = plain_name(&format!("{name}-{suffix}")).unwrap_or(name);
        }
        let objective = common.objective(name, found, burn.as_deref());
        reader.take(node, objective);
    }
}

impl Common {
    fn objective(
        &self,
        name: String,
        (target, indicator, by): Found,
        burn: Option<&[Pair]>,
    ) -> Objective {
        Objective {
            name,
            service: self.service.clone(),
            about: self.about.clone(),
            target,
            period: self.period.clone(),
            indicator,
            by: if by.is_empty() { self.by.clone() } else { by },
            no_data: self.no_data,
            exclusions: Vec::new(),
            labels: self.labels.clone(),
            burn: burn.map(<[Pair]>::to_vec),
        }
    }
}

fn common(metadata: &Node, spec: &Node, reader: &mut Reader) -> Option<Common> {
    reader.rest(metadata, &["name", "displayName", "labels", "annotations"]);
    let name = reader.need(metadata, "name").and_then(|n| reader.name(n));
    let service = reader.need(spec, "service").and_then(|n| reader.service(n));
    let about = reader.text(spec, "description");
    let about = about.or_else(|| reader.text(metadata, "displayName"));
    let labels = reader.labels(child(metadata, "labels"));
    let (mut by, mut no_data) = (Vec::new(), NoData::Ignore);
    if let Some(annotations) = child(metadata, "annotations") {
        reader.rest(annotations, &[BY, NO_DATA]);
        if let Some(labels) = reader.text(annotations, BY) {
            by = labels.split(',').map(|l| l.trim().to_owned()).collect();
        }
        let policies = [
            ("bad", NoData::Bad),
            ("ignore", NoData::Ignore),
            ("hold", NoData::Hold),
        ];
        if let Some(node) = child(annotations, NO_DATA) {
            let read = node.word(&policies, &mut reader.mistakes);
            no_data = read.unwrap_or_default();
        }
    }
    let window = reader.need(spec, "timeWindow");
    let period = window.and_then(|n| time::period(n, reader));
    Some(Common {
        name: name?,
        service: service?,
        about: about.unwrap_or_default(),
        period: period?,
        labels,
        by,
        no_data,
    })
}

fn method(spec: &Node, reader: &mut Reader) -> Option<Method> {
    let node = reader.need(spec, "budgetingMethod")?;
    let text = node.text(&mut reader.mistakes)?;
    match text.as_str() {
        "Occurrences" => Some(Method::Occurrences),
        "Timeslices" => Some(Method::Timeslices),
        "RatioTimeslices" => {
            reader.lost(
                node,
                "`RatioTimeslices` is a mean of ratios, which no budget of events can be; \
                 the SLO is left out",
            );
            None
        }
        other => {
            reader.mistakes.at(
                node,
                format!("`{other}` is none of: Occurrences, Timeslices, RatioTimeslices"),
            );
            None
        }
    }
}

/// The SLI's `spec`, inline or by its name.
fn sli<'n>(spec: &'n Node, named: &Named<'n>, reader: &mut Reader) -> Option<&'n Node> {
    if let Some(inline) = child(spec, "indicator") {
        return reader.need(inline, "spec");
    }
    let node = reader.need(spec, "indicatorRef")?;
    let name = node.text(&mut reader.mistakes)?;
    let Some(found) = named.slis.get(&name) else {
        reader
            .mistakes
            .at(node, format!("the SLI `{name}` is not in this text"));
        return None;
    };
    reader.need(found, "spec")
}

type Found = (Target, Indicator, Vec<String>);

fn one(node: &Node, sli: &Node, method: Method, reader: &mut Reader) -> Option<Found> {
    reader.rest(
        node,
        &[
            "displayName",
            "op",
            "value",
            "target",
            "targetPercent",
            "timeSliceTarget",
            "timeSliceWindow",
        ],
    );
    let target = target(node, reader);
    let slice = match method {
        Method::Occurrences => None,
        Method::Timeslices => Some(slice(node, reader)?),
    };
    reader.rest(sli, &["description", "ratioMetric", "thresholdMetric"]);
    if let Some(threshold) = child(sli, "thresholdMetric") {
        let gauge = gauge(node, threshold, slice, reader);
        return Some((target?, gauge?, Vec::new()));
    }
    let ratio = reader.need(sli, "ratioMetric")?;
    let (indicator, by) = ratio_metric(ratio, reader)?;
    let indicator = match slice {
        None => indicator,
        Some((every, at_least)) => Indicator::Slices {
            every,
            at_least,
            of: Box::new(indicator),
        },
    };
    Some((target?, indicator, by))
}

fn target(node: &Node, reader: &mut Reader) -> Option<Target> {
    let (at, scale) = match (child(node, "target"), child(node, "targetPercent")) {
        (Some(at), None) => (at, 1.0),
        (None, Some(at)) => (at, 100.0),
        _ => {
            reader
                .mistakes
                .at(node, "either `target` or `targetPercent` belongs here");
            return None;
        }
    };
    let share = at.number(&mut reader.mistakes)? / scale;
    Target::new(share)
        .map_err(|why| reader.mistakes.at(at, why))
        .ok()
}

/// The length of a slice and the share that must be good in it.
fn slice(node: &Node, reader: &mut Reader) -> Option<(Span, f64)> {
    let at = reader.need(node, "timeSliceWindow")?;
    let every = match at.value {
        // A number alone is minutes.
        Value::Number(n) if n > 0.0 && n < 1e6 => Span::from_secs((n * 60.0) as u64),
        _ => time::shorthand(at, reader)?.0,
    };
    let least = match child(node, "timeSliceTarget") {
        Some(at) => {
            let share = at.number(&mut reader.mistakes)?;
            if !(share > 0.0 && share <= 1.0) {
                reader.mistakes.at(at, format!("{share} is no share"));
                return None;
            }
            share
        }
        None => {
            reader.mistakes.at(node, "`timeSliceTarget` is missing");
            return None;
        }
    };
    Some((every, least))
}

fn gauge(
    objective: &Node,
    metric: &Node,
    slice: Option<(Span, f64)>,
    reader: &mut Reader,
) -> Option<Indicator> {
    let words = [
        ("lte", Comparison::AtMost),
        ("lt", Comparison::Below),
        ("gte", Comparison::AtLeast),
        ("gt", Comparison::Above),
    ];
    let holds = reader.need(objective, "op");
    let holds = holds.and_then(|n| n.word(&words, &mut reader.mistakes));
    let threshold = reader.need(objective, "value");
    let threshold = threshold.and_then(|n| n.number(&mut reader.mistakes));
    let (at, value) = query(metric, reader)?;
    let parsed = deckwatch_promql::parse::parse(&value, Default::default());
    if let Err(error) = parsed {
        reader.lost(
            at,
            format!("this is no PromQL ({error}); the SLO is left out"),
        );
        return None;
    }
    let every = match slice {
        Some((every, _)) => {
            reader.lost(
                objective,
                "a slice is judged by one look at the gauge here, not by a share of many",
            );
            every
        }
        None => Span::from_secs(60),
    };
    Some(Indicator::Gauge {
        value,
        holds: holds?,
        threshold: threshold?,
        every,
    })
}

fn ratio_metric(node: &Node, reader: &mut Reader) -> Option<(Indicator, Vec<String>)> {
    reader.rest(node, &["counter", "good", "bad", "total", "raw", "rawType"]);
    if let Some(raw) = child(node, "raw") {
        reader.lost(
            raw,
            "a ratio alone has no events to count: a budget of it would be a mean of ratios; \
             the SLO is left out",
        );
        return None;
    }
    if matches!(
        child(node, "counter").map(|n| &n.value),
        Some(Value::Bool(false))
    ) {
        reader.lost(
            node,
            "numbers that go up and down are no events that can be counted over a window; \
             the SLO is left out",
        );
        return None;
    }
    let (side, events) = match (child(node, "good"), child(node, "bad")) {
        (Some(n), None) => (Side::Good, n),
        (None, Some(n)) => (Side::Bad, n),
        _ => {
            reader
                .mistakes
                .at(node, "either `good` or `bad` belongs here");
            return None;
        }
    };
    let total = reader.need(node, "total")?;
    let (events_at, events) = query(events, reader)?;
    let (total_at, total) = query(total, reader)?;
    if checked_query(&events).is_ok() && checked_query(&total).is_ok() {
        return lift::of_queries(side, &events, &total)
            .map_err(|why| reader.lost(node, format!("{why}; the SLO is left out")))
            .ok();
    }
    let (some, all) = (
        counted(events_at, &events, reader)?,
        counted(total_at, &total, reader)?,
    );
    if some.by != all.by {
        reader.lost(
            node,
            "the two queries sum by different labels; the SLO is left out",
        );
        return None;
    }
    let indicator = lift::of_counters(side, &some.selector, &all.selector);
    Some((indicator, all.by))
}

fn counted(at: &Node, text: &str, reader: &mut Reader) -> Option<lift::Counter> {
    let read = deckwatch_promql::parse::parse(text, Default::default());
    let found = read.ok().and_then(|expr| lift::counter(&expr));
    let Some(found) = found else {
        let why = checked_selector(text).err().unwrap_or_default();
        reader.lost(
            at,
            format!(
                "this cannot be counted over windows of any length ({why}); the SLO is left out"
            ),
        );
        return None;
    };
    if found.ranged {
        reader.lost(
            at,
            "the query's own range is left out: windows of several lengths are counted",
        );
    }
    Some(found)
}

/// A metric's query, if it is Prometheus'.
fn query<'n>(metric: &'n Node, reader: &mut Reader) -> Option<(&'n Node, String)> {
    let source = reader.need(metric, "metricSource")?;
    reader.rest(source, &["type", "metricSourceRef", "spec"]);
    if let Some(named) = child(source, "metricSourceRef") {
        reader.lost(
            named,
            "the data source: where samples come from is the environment's",
        );
    }
    if let Some(at) = child(source, "type") {
        let text = at.text(&mut reader.mistakes)?;
        if !text.eq_ignore_ascii_case("prometheus") {
            reader.lost(
                at,
                format!("queries of `{text}` are not read here; the SLO is left out"),
            );
            return None;
        }
    }
    let spec = reader.need(source, "spec")?;
    reader.rest(spec, &["query", "promql"]);
    let Some(at) = any(spec, &["query", "promql"]) else {
        reader.mistakes.at(spec, "`query` is missing");
        return None;
    };
    Some((at, windowed(&at.text(&mut reader.mistakes)?)))
}
