//! Writes objectives as the documents that [`super::read_objectives`] reads.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, to_yaml};
use serde::Serialize;

use super::{Counting, Exclusion, Indicator, NoData, Objective, Side};
use crate::burn::{Pair, Severity};
use crate::figures::{exact_percent, plain};
use crate::period::Period;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'o> {
    name: &'o str,
    service: &'o str,
    #[serde(skip_serializing_if = "str::is_empty")]
    about: &'o str,
    target: String,
    period: Written<'o>,
    indicator: IndicatorDocument<'o>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    by: &'o [String],
    no_data: NoData,
    #[serde(skip_serializing_if = "<[Exclusion]>::is_empty")]
    exclusions: &'o [Exclusion],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'o BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burn: Option<Vec<PairDocument>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Written<'o> {
    Rolling(Span),
    Calendar { calendar: &'o str, zone: &'o str },
}

#[derive(Serialize)]
struct PairDocument {
    severity: Severity,
    long: Span,
    short: Span,
    factor: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum IndicatorDocument<'o> {
    Ratio(Sided<'o>),
    Latency {
        histogram: &'o str,
        below: f64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        native: bool,
    },
    Gauge {
        value: &'o str,
        holds: String,
        every: Span,
    },
    Queries {
        #[serde(flatten)]
        sided: Sided<'o>,
        counts: Counting,
    },
    #[serde(rename_all = "kebab-case")]
    Slices {
        every: Span,
        at_least: String,
        of: Box<IndicatorDocument<'o>>,
    },
}

#[derive(Serialize)]
struct Sided<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    good: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bad: Option<&'o str>,
    total: &'o str,
}

impl<'o> Sided<'o> {
    fn new(side: Side, events: &'o str, total: &'o str) -> Self {
        Sided {
            good: (side == Side::Good).then_some(events),
            bad: (side == Side::Bad).then_some(events),
            total,
        }
    }
}

/// Writes objectives; a single one stands alone.
pub fn write_objectives(objectives: &[Objective]) -> String {
    #[derive(Serialize)]
    struct Several<'o> {
        objectives: Vec<Document<'o>>,
    }
    let mut documents: Vec<Document<'_>> = objectives.iter().map(document).collect();
    if documents.len() == 1
        && let Some(one) = documents.pop()
    {
        return to_yaml(&one);
    }
    to_yaml(&Several {
        objectives: documents,
    })
}

fn document(objective: &Objective) -> Document<'_> {
    Document {
        name: &objective.name,
        service: objective.service.as_str(),
        about: &objective.about,
        target: share(objective.target.share()),
        period: match &objective.period {
            Period::Rolling(span) => Written::Rolling(*span),
            Period::Calendar { unit, zone } => Written::Calendar {
                calendar: unit.word(),
                zone: zone.name(),
            },
        },
        indicator: indicator(&objective.indicator),
        by: &objective.by,
        no_data: objective.no_data,
        exclusions: &objective.exclusions,
        labels: &objective.labels,
        burn: objective.burn.as_ref().map(|pairs| {
            let pairs = pairs.iter().map(|pair: &Pair| PairDocument {
                severity: pair.severity,
                long: pair.long,
                short: pair.short,
                factor: pair.factor,
            });
            pairs.collect()
        }),
    }
}

fn share(share: f64) -> String {
    exact_percent(share).replace(' ', "")
}

fn indicator(of: &Indicator) -> IndicatorDocument<'_> {
    match of {
        Indicator::Ratio {
            side,
            events,
            total,
        } => IndicatorDocument::Ratio(Sided::new(*side, events, total)),
        Indicator::Latency {
            histogram,
            below,
            native,
        } => IndicatorDocument::Latency {
            histogram,
            below: *below,
            native: *native,
        },
        Indicator::Gauge {
            value,
            holds,
            threshold,
            every,
        } => IndicatorDocument::Gauge {
            value,
            holds: format!("{} {}", holds.symbol(), plain(*threshold)),
            every: *every,
        },
        Indicator::Queries {
            side,
            events,
            total,
            counting,
        } => IndicatorDocument::Queries {
            sided: Sided::new(*side, events, total),
            counts: *counting,
        },
        Indicator::Slices {
            every,
            at_least,
            of,
        } => IndicatorDocument::Slices {
            every: *every,
            at_least: share(*at_least),
            of: Box::new(indicator(of)),
        },
    }
}
