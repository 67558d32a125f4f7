//! Objectives as OpenSLO v1 documents.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, to_yaml};
use serde::Serialize;

use crate::burn::Pair;
use crate::figures::{exact_percent, plain};
use crate::objective::{Comparison, Indicator, NoData, Objective, Side};
use crate::period::{CalendarUnit, Period};

/// The annotation that holds the labels of the groups.
pub(crate) const BY: &str = "deckwatch-by";
/// The annotation that holds what a time without data counts as.
pub(crate) const NO_DATA: &str = "deckwatch-no-data";

/// A document, and what it cannot say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exported {
    /// The YAML.
    pub text: String,
    /// What is not in it, in sentences.
    pub left_out: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Slo {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    service: String,
    indicator: Sli,
    time_window: [Window; 1],
    budgeting_method: &'static str,
    objectives: [Goal; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alert_policies: Vec<Policy>,
}

#[derive(Serialize)]
struct Sli {
    metadata: Metadata,
    spec: Metric,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Metric {
    RatioMetric {
        counter: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        good: Option<Sourced>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bad: Option<Sourced>,
        total: Sourced,
    },
    ThresholdMetric(Sourced),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sourced {
    metric_source: Source,
}

#[derive(Serialize)]
struct Source {
    r#type: &'static str,
    spec: Query,
}

#[derive(Serialize)]
struct Query {
    query: String,
}

fn sourced(query: String) -> Sourced {
    Sourced {
        metric_source: Source {
            r#type: "Prometheus",
            spec: Query { query },
        },
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Window {
    duration: String,
    is_rolling: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar: Option<Calendar>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calendar {
    start_time: &'static str,
    time_zone: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Goal {
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    target_percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_slice_target: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_slice_window: Option<String>,
}

#[derive(Serialize)]
struct Policy {
    kind: &'static str,
    metadata: Metadata,
    spec: PolicySpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicySpec {
    alert_when_breaching: bool,
    conditions: [AlertCondition; 1],
}

#[derive(Serialize)]
struct AlertCondition {
    kind: &'static str,
    metadata: Metadata,
    spec: ConditionSpec,
}

#[derive(Serialize)]
struct ConditionSpec {
    severity: &'static str,
    condition: Condition,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    kind: &'static str,
    threshold: f64,
    lookback_window: String,
    alert_after: &'static str,
}

/// Writes objectives as OpenSLO v1, one document each.
pub fn to_openslo(objectives: &[Objective]) -> Exported {
    let mut left_out = Vec::new();
    let documents: Vec<String> = objectives
        .iter()
        .map(|objective| to_yaml(&slo(objective, &mut left_out)))
        .collect();
    Exported {
        text: documents.join("---\n"),
        left_out,
    }
}

fn named(name: String) -> Metadata {
    Metadata {
        name,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

fn slo(objective: &Objective, left_out: &mut Vec<String>) -> Slo {
    let name = &objective.name;
    if !objective.exclusions.is_empty() {
        left_out.push(format!(
            "{name}: its {} exclusions, of which OpenSLO has no word",
            objective.exclusions.len()
        ));
    }
    let (of, slice) = match &objective.indicator {
        Indicator::Slices {
            every,
            at_least,
            of,
        } => (&**of, Some((*every, *at_least))),
        other => (other, None),
    };
    let (metric, op, value) = metric(name, of, left_out);
    let written = if objective.burn.is_some() {
        objective.pairs().0
    } else {
        Vec::new()
    };
    if !written.is_empty() {
        left_out.push(format!(
            "{name}: the short windows of its alerts; a twelfth of the long ones is read back"
        ));
    }
    Slo {
        api_version: "openslo/v1",
        kind: "SLO",
        metadata: Metadata {
            name: name.clone(),
            labels: objective.labels.clone(),
            annotations: annotations(objective),
        },
        spec: Spec {
            description: objective.about.clone(),
            service: objective.service.to_string(),
            indicator: Sli {
                metadata: named(format!("{name}-sli")),
                spec: metric,
            },
            time_window: [window(&objective.period)],
            budgeting_method: if slice.is_some() {
                "Timeslices"
            } else {
                "Occurrences"
            },
            objectives: [Goal {
                op,
                value,
                target_percent: percent(objective.target.share()),
                time_slice_target: slice.map(|(_, least)| least),
                time_slice_window: slice.map(|(every, _)| shorthand(every)),
            }],
            alert_policies: written.iter().map(|pair| policy(name, pair)).collect(),
        },
    }
}

/// What OpenSLO has no word for and [`crate::import`] reads back.
fn annotations(objective: &Objective) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    if !objective.by.is_empty() {
        annotations.insert(BY.to_owned(), objective.by.join(","));
    }
    if objective.no_data != NoData::Ignore {
        annotations.insert(NO_DATA.to_owned(), objective.no_data.word().to_owned());
    }
    annotations
}

/// 99.95 rather than 99.95000000000001.
fn percent(share: f64) -> f64 {
    let text = exact_percent(share);
    text.trim_end_matches(" %").parse().unwrap_or(share * 100.0)
}

fn ratio(side: Side, events: String, total: String) -> Metric {
    let events = Some(sourced(events));
    let (good, bad) = match side {
        Side::Good => (events, None),
        Side::Bad => (None, events),
    };
    Metric::RatioMetric {
        counter: true,
        good,
        bad,
        total: sourced(total),
    }
}

fn metric(
    name: &str,
    indicator: &Indicator,
    left_out: &mut Vec<String>,
) -> (Metric, Option<&'static str>, Option<f64>) {
    match indicator {
        Indicator::Gauge {
            value,
            holds,
            threshold,
            every,
        } => {
            if *every != Span::from_secs(60) {
                left_out.push(format!("{name}: that its gauge is looked at every {every}"));
            }
            let op = match holds {
                Comparison::Below => "lt",
                Comparison::AtMost => "lte",
                Comparison::Above => "gt",
                Comparison::AtLeast => "gte",
            };
            let metric = Metric::ThresholdMetric(sourced(value.clone()));
            (metric, Some(op), Some(*threshold))
        }
        Indicator::Ratio {
            side,
            events,
            total,
        }
        | Indicator::Queries {
            side,
            events,
            total,
            ..
        } => (ratio(*side, events.clone(), total.clone()), None, None),
        Indicator::Latency {
            histogram,
            below,
            native: true,
        } => {
            let all = format!("sum(increase({histogram}[$window]))");
            let below = plain(*below);
            let good = format!("histogram_fraction(0, {below}, {all}) * histogram_count({all})");
            let metric = ratio(Side::Good, good, format!("histogram_count({all})"));
            (metric, None, None)
        }
        Indicator::Latency { .. } => {
            let (bucket, count) = indicator.bucket_and_count();
            (ratio(Side::Good, bucket, count), None, None)
        }
        // Slices are taken apart before.
        Indicator::Slices { of, .. } => metric(name, of, left_out),
    }
}

fn window(period: &Period) -> Window {
    match period {
        Period::Rolling(span) => Window {
            duration: shorthand(*span),
            is_rolling: true,
            calendar: None,
        },
        Period::Calendar { unit, zone } => Window {
            duration: match unit {
                CalendarUnit::Week => "1w",
                CalendarUnit::Month => "1M",
                CalendarUnit::Quarter => "1Q",
                CalendarUnit::Year => "1Y",
            }
            .to_owned(),
            is_rolling: false,
            calendar: Some(Calendar {
                // A Monday, for weeks; the first of a year, for all others.
                start_time: match unit {
                    CalendarUnit::Week => "2024-01-01 00:00:00",
                    _ => "2026-01-01 00:00:00",
                },
                time_zone: zone.name().to_owned(),
            }),
        },
    }
}

/// A length in the largest unit that it is a multiple of; there are no seconds.
fn shorthand(span: Span) -> String {
    let minutes = (span.as_millis() / 60_000).max(1);
    match minutes {
        m if m.is_multiple_of(1440) => format!("{}d", m / 1440),
        m if m.is_multiple_of(60) => format!("{}h", m / 60),
        m => format!("{m}m"),
    }
}

fn policy(name: &str, pair: &Pair) -> Policy {
    let title = format!("{name}-{}-{}", pair.severity, shorthand(pair.long));
    Policy {
        kind: "AlertPolicy",
        metadata: named(title.clone()),
        spec: PolicySpec {
            alert_when_breaching: true,
            conditions: [AlertCondition {
                kind: "AlertCondition",
                metadata: named(title),
                spec: ConditionSpec {
                    severity: pair.severity.word(),
                    condition: Condition {
                        kind: "burnrate",
                        threshold: pair.factor,
                        lookback_window: shorthand(pair.long),
                        alert_after: "0m",
                    },
                },
            }],
        },
    }
}
