//! The PromQL that counts an objective's events over a window.

use deckwatch_domain::Span;
use deckwatch_promql::ast::{Expr, VectorSelector};
use deckwatch_promql::format_duration;
use deckwatch_promql::labels::{BUCKET, METRIC_NAME};
use deckwatch_promql::parse::{Dialect, parse};
use serde::Serialize;

use super::{Counting, Indicator, Objective, Side};
use crate::figures::plain;

/// Two queries, each giving one number per group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloQueries")]
pub struct Measured {
    /// What `events` counts.
    pub side: Side,
    /// The good or the bad events of the window.
    pub events: String,
    /// All events of the window.
    pub total: String,
}

impl Measured {
    /// The share of bad events as one query.
    pub fn bad_share(&self) -> String {
        match self.side {
            Side::Bad => format!("({}) / ({})", self.events, self.total),
            Side::Good => format!("1 - ({}) / ({})", self.events, self.total),
        }
    }

    /// The bad events as one query.
    pub fn bad(&self) -> String {
        match self.side {
            Side::Bad => self.events.clone(),
            Side::Good => format!("({}) - ({})", self.total, self.events),
        }
    }
}

impl Objective {
    /// The queries that count the events of the last `window`. `bucket` is the `le` label of a
    /// latency's bucket as the histogram spells it ([`super::bucket_label`]); without it any
    /// usual spelling of the bound is meant.
    pub fn queries(&self, window: Span, bucket: Option<&str>) -> Measured {
        self.indicator.queries(&Asked {
            window,
            by: &self.by,
            bucket,
            ends: "",
        })
    }

    /// A selector of the buckets that its latency is counted by; `None` for objectives that need
    /// none.
    pub fn bucket_series(&self) -> Option<String> {
        let indicator = match &self.indicator {
            Indicator::Slices { of, .. } => of,
            other => other,
        };
        match indicator {
            Indicator::Latency {
                histogram,
                native: false,
                ..
            } => Some(with_suffix(histogram, "_bucket", None)),
            _ => None,
        }
    }

    /// The same with `anchored` ranges, which count every event once in windows that join, where
    /// plain ones lose what falls between two windows' samples and stretch the rest to make up for
    /// it. For sources that understand them: our own samples, and a Prometheus 3.7 or later with
    /// `promql-extended-range-selectors`.
    pub fn anchored_queries(&self, window: Span, bucket: Option<&str>) -> Measured {
        self.indicator.queries(&Asked {
            window,
            by: &self.by,
            bucket,
            ends: " anchored",
        })
    }
}

/// How events are asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    window: Span,
    by: &'a [String],
    bucket: Option<&'a str>,
    /// How ranges treat their ends.
    ends: &'static str,
}

impl Asked<'_> {
    /// A selector over the window.
    fn over(&self, selector: &str) -> String {
        format!("{}[{}]{}", selector.trim(), range(self.window), self.ends)
    }
}

impl Indicator {
    /// A latency's bucket and count as selectors; for any other indicator nothing.
    pub(crate) fn bucket_and_count(&self) -> (String, String) {
        match self {
            Indicator::Latency {
                histogram, below, ..
            } => (
                with_suffix(histogram, "_bucket", Some(&any_spelling(*below))),
                with_suffix(histogram, "_count", None),
            ),
            _ => (String::new(), String::new()),
        }
    }

    fn queries(&self, asked: &Asked<'_>) -> Measured {
        let by = asked.by;
        match self {
            Indicator::Ratio {
                side,
                events,
                total,
            } => counted(*side, &asked.over(events), &asked.over(total), by),
            Indicator::Latency {
                histogram,
                native: true,
                below,
            } => native(&asked.over(histogram), *below, by),
            Indicator::Latency {
                histogram, below, ..
            } => {
                let le = asked.bucket.map_or_else(|| any_spelling(*below), equal);
                let good = with_suffix(histogram, "_bucket", Some(&le));
                let total = with_suffix(histogram, "_count", None);
                counted(Side::Good, &asked.over(&good), &asked.over(&total), by)
            }
            Indicator::Gauge {
                value,
                holds,
                threshold,
                every,
            } => {
                let holds = format!("{} bool {}", holds.symbol(), plain(*threshold));
                let every = format!("{}:{}", range(asked.window), range(*every));
                Measured {
                    side: Side::Good,
                    events: sum(&format!("sum_over_time((({value}) {holds})[{every}])"), by),
                    total: sum(&format!("count_over_time(({value})[{every}])"), by),
                }
            }
            Indicator::Queries {
                side,
                events,
                total,
                counting,
            } => {
                let written = |query| written(query, *counting, asked.window, by);
                Measured {
                    side: *side,
                    events: written(events),
                    total: written(total),
                }
            }
            Indicator::Slices {
                every,
                at_least,
                of,
            } => {
                let inner = Asked {
                    window: *every,
                    ..*asked
                };
                let within = format!("{}:{}", range(asked.window), range(*every));
                sliced(&of.queries(&inner), &within, *at_least)
            }
        }
    }
}

/// A query of somebody's own, over a window.
fn written(query: &str, counting: Counting, window: Span, by: &[String]) -> String {
    let all = sum(&query.replace("$window", &range(window)), by);
    match counting {
        Counting::Events => all,
        Counting::PerSecond => format!("{all} * {}", plain(window.as_secs_f64())),
    }
}

/// A native histogram has no buckets of its own; the share below a bound is interpolated.
fn native(histogram: &str, below: f64, by: &[String]) -> Measured {
    let all = sum(&format!("increase({histogram})"), by);
    let total = format!("histogram_count({all})");
    let below = plain(below);
    Measured {
        side: Side::Good,
        events: format!("histogram_fraction(0, {below}, {all}) * {total}"),
        total,
    }
}

/// Slices compare whole numbers (`95 * total` with `100 * good`), so that a slice exactly at its
/// share is not lost to rounding.
fn sliced(inner: &Measured, within: &str, at_least: f64) -> Measured {
    let (least, whole) = scaled_share(at_least);
    let (events, total) = (&inner.events, &inner.total);
    let kept = match inner.side {
        Side::Good => format!(
            "{} * ({events}) >= bool {} * ({total})",
            plain(whole),
            plain(least)
        ),
        Side::Bad => format!(
            "{} * ({events}) <= bool {} * ({total})",
            plain(whole),
            plain(whole - least)
        ),
    };
    Measured {
        side: Side::Good,
        events: format!("sum_over_time(({kept})[{within}])"),
        total: format!("count_over_time(({total})[{within}])"),
    }
}

/// A share as two whole numbers: 0.95 is 95 of 100.
pub(crate) fn scaled_share(share: f64) -> (f64, f64) {
    let text = plain(share);
    let decimals = text.split_once('.').map_or(0, |(_, d)| d.len());
    let whole = 10_f64.powi(decimals as i32);
    ((share * whole).round(), whole)
}

/// Counters' queries. A counter that has never counted has no series, so where the numerator has
/// none, the total's groups stand in with nothing.
fn counted(side: Side, events: &str, total: &str, by: &[String]) -> Measured {
    let total = sum(&format!("increase({total})"), by);
    let events = sum(&format!("increase({events})"), by);
    Measured {
        side,
        events: format!("{events} or 0 * {total}"),
        total,
    }
}

fn sum(inner: &str, by: &[String]) -> String {
    if by.is_empty() {
        format!("sum({inner})")
    } else {
        format!("sum by ({}) ({inner})", by.join(", "))
    }
}

fn range(span: Span) -> String {
    format_duration(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

fn equal(label: &str) -> String {
    format!("{BUCKET}={}", deckwatch_promql::text::quote(label))
}

/// Prometheus 3 writes whole bounds with `.0`, its predecessors without.
fn any_spelling(bound: f64) -> String {
    let text = plain(bound);
    if text.contains('.') {
        equal(&text)
    } else {
        format!("{BUCKET}=~\"{text}(\\\\.0)?\"")
    }
}

/// A selector's name with a suffix, and one condition more.
fn with_suffix(selector: &str, suffix: &str, condition: Option<&str>) -> String {
    let Ok(Expr::Vector(selector)) = parse(selector, Dialect::default()) else {
        return selector.to_owned();
    };
    let (name, mut conditions) = named(&selector);
    conditions.extend(condition.map(str::to_owned));
    if conditions.is_empty() {
        format!("{name}{suffix}")
    } else {
        format!("{name}{suffix}{{{}}}", conditions.join(","))
    }
}

fn named(selector: &VectorSelector) -> (String, Vec<String>) {
    let name = selector.name.clone().unwrap_or_default();
    let rest = selector.matchers.iter();
    let rest = rest.filter(|m| m.name() != METRIC_NAME);
    (name, rest.map(ToString::to_string).collect())
}
