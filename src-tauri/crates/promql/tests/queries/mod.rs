//! Queries of every kind, and series for them.

// Each test takes what it needs of this.
#![allow(dead_code)]

use std::sync::Arc;

use deckwatch_promql::parse::{SequenceValue, parse_series};
use deckwatch_promql::value::{FloatPoint, HistogramPoint};
use deckwatch_promql::{MemorySource, SampleSource, Selection, SeriesSamples};
use proptest::prelude::*;
use proptest::sample::select;

/// Every 30 s one value, in the test language.
pub const SERIES: [&str; 19] = [
    r#"counter_total{job="a",instance="1"} 0+10x20 5+7x20"#,
    r#"counter_total{job="a",instance="2"} 3+5x40"#,
    r#"counter_total{job="b",instance="1"} 0+1x10 _x3 20+2x25"#,
    r#"gauge{job="a",instance="1"} 5-1x10 3+2x10 stale _x3 7x10"#,
    r#"gauge{job="a",instance="2"} 1.5 NaN 2.5 Inf -3 4+0.25x33"#,
    r#"gauge{job="b",instance="1"} -2+0.5x40"#,
    r#"limit{job="a"} 12x40"#,
    r#"limit{job="b"} 3x40"#,
    r#"request_bucket{job="a",le="0.1"} 0+1x40"#,
    r#"request_bucket{job="a",le="0.5"} 0+3x40"#,
    r#"request_bucket{job="a",le="+Inf"} 0+4x40"#,
    r#"native{job="a"} {{schema:1 sum:3 count:4 z_bucket:1 z_bucket_w:0.01 buckets:[1 0 2]}}+{{schema:1 sum:2 count:4 z_bucket:1 z_bucket_w:0.01 buckets:[1 0 2]}}x40"#,
    r#"native{job="b"} {{schema:0 sum:5 count:6 buckets:[2 1] n_buckets:[3]}}+{{schema:0 sum:1 count:3 buckets:[1 1] n_buckets:[1]}}x15 {{schema:0 sum:1 count:1 buckets:[1]}}x20"#,
    r#"target_info{job="a",instance="1",version="7"} 1x40"#,
    r#"build_info{job="a",instance="2",revision="f00"} 1x20"#,
    r#"custom{job="a"} {{schema:-53 sum:3 count:4 custom_values:[1 2 5] buckets:[1 1 2]}}+{{schema:-53 sum:2 count:3 custom_values:[1 2 5] buckets:[1 0 1 1]}}x40"#,
    r#"custom{job="b"} {{schema:-53 sum:3 count:4 custom_values:[2 5 9] buckets:[1 1 2]}}+{{schema:-53 sum:2 count:3 custom_values:[2 5 9] buckets:[1 0 1 1]}}x12 {{schema:-53 sum:1 count:1 custom_values:[2 5] buckets:[1]}}x20"#,
    r#"level{job="a"} {{schema:2 sum:3 count:4 counter_reset_hint:gauge buckets:[1 1 2]}}x5 {{schema:0 sum:9 count:6 counter_reset_hint:gauge offset:-2 buckets:[1 3 2] z_bucket:1 z_bucket_w:0.3}}x30"#,
    r#"turning{job="a"} 1 2 3 {{schema:0 sum:3 count:4 buckets:[1 3]}}x10 7 8 9 stale {{schema:0 sum:3 count:4 buckets:[1 3]}}x10"#,
];

/// From value to value, in milliseconds.
pub const GAP: i64 = 30_000;

fn samples(line: &str) -> SeriesSamples {
    let (labels, values) = parse_series(line).unwrap();
    let mut series = SeriesSamples {
        labels,
        ..SeriesSamples::default()
    };
    for (at, value) in (0..).zip(values) {
        let t = at * GAP;
        match value {
            SequenceValue::Omitted => {}
            SequenceValue::Float(v) => series.floats.push(FloatPoint { t, v }),
            SequenceValue::Histogram { histogram, .. } => {
                series.histograms.push(HistogramPoint { t, v: histogram });
            }
        }
    }
    series
}

pub fn source() -> MemorySource {
    MemorySource::new(SERIES.map(samples))
}

/// What is left of a source if only the selections had been fetched.
pub fn only(full: &MemorySource, needs: &[Selection]) -> MemorySource {
    let mut kept: Vec<SeriesSamples> = Vec::new();
    for need in needs {
        let of_all_time = Selection {
            from_ms: i64::MIN,
            to_ms: i64::MAX,
            ..need.clone()
        };
        for series in full.select(&of_all_time).unwrap() {
            let series: &Arc<SeriesSamples> = &series;
            let wanted = |t: i64| {
                needs
                    .iter()
                    .any(|n| n.wants(&series.labels) && (n.from_ms..=n.to_ms).contains(&t))
            };
            if kept.iter().any(|k| k.labels == series.labels) {
                continue;
            }
            kept.push(SeriesSamples {
                labels: series.labels.clone(),
                floats: series
                    .floats
                    .iter()
                    .filter(|p| wanted(p.t))
                    .copied()
                    .collect(),
                histograms: series
                    .histograms
                    .iter()
                    .filter(|p| wanted(p.t))
                    .cloned()
                    .collect(),
                ..SeriesSamples::default()
            });
        }
    }
    // Series come in the order of the source, as they would from a database.
    let all: Vec<SeriesSamples> = SERIES.map(samples).into();
    kept.sort_by_key(|k| all.iter().position(|s| s.labels == k.labels));
    MemorySource::new(kept)
}

fn selector() -> impl Strategy<Value = String> {
    let base = select(vec![
        "counter_total",
        "gauge",
        r#"gauge{job="a"}"#,
        r#"{job=~"a|b",__name__=~"gauge|counter_total"}"#,
        "limit",
        "request_bucket",
        "native",
        "custom",
        "level",
        "turning",
        "missing",
    ]);
    let shift = select(vec![
        "",
        "",
        "",
        " offset 1m",
        " offset -30s",
        " @ 300",
        " @ end()",
        " @ start() offset 2m",
    ]);
    (base, shift).prop_map(|(base, shift)| format!("{base}{shift}"))
}

fn range() -> impl Strategy<Value = String> {
    let base = select(vec![
        "counter_total",
        "gauge",
        "native",
        "custom",
        "level",
        "turning",
        r#"gauge{instance="2"}"#,
        "missing",
    ]);
    let length = select(vec![
        "1m",
        "2m30s",
        "5m",
        "90",
        "1m + 30s",
        "2 * step() + 1m",
    ]);
    let shift = select(vec!["", "", " offset 1m", " @ 400"]);
    (base, length, shift).prop_map(|(base, length, shift)| format!("{base}[{length}]{shift}"))
}

fn over_range() -> impl Strategy<Value = String> {
    let function = select(vec![
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "deriv",
        "resets",
        "changes",
        "sum_over_time",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "count_over_time",
        "last_over_time",
        "first_over_time",
        "present_over_time",
        "absent_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "mad_over_time",
        "ts_of_max_over_time",
    ]);
    (function, range()).prop_map(|(f, range)| format!("{f}({range})"))
}

fn scalar() -> impl Strategy<Value = String> {
    select(vec![
        "1",
        "0",
        "-2.5",
        "0.5",
        "NaN",
        "Inf",
        "time()",
        "pi()",
        "scalar(limit)",
        "1 / 0",
        "5m",
    ])
    .prop_map(str::to_owned)
}

fn leaf() -> BoxedStrategy<String> {
    prop_oneof![
        4 => selector(),
        4 => over_range(),
        1 => scalar().prop_map(|s| format!("vector({s})")),
        1 => scalar().prop_map(|s| format!("quantile_over_time({s}, gauge[5m])")),
        1 => Just("predict_linear(gauge[5m], 600)".to_owned()),
        1 => Just("rate(counter_total[3m] smoothed)".to_owned()),
        3 => select(vec![
            "increase(counter_total[3m] anchored)", "resets(turning[4m] anchored)", "gauge smoothed",
            "native smoothed", "turning smoothed", "rate(native[2m] smoothed)", "delta(level[3m])",
            "increase(custom[3m] anchored)", "changes(level[4m] anchored)", "sum(custom)", "avg(level)",
            "increase(custom[2m30s])", "irate(custom[3m])", "avg_over_time(level[5m])",
            "sum_over_time(custom[3m])", "histogram_quantile(0.3, level)", "turning", "level",
            "histogram_quantiles(request_bucket, \"q\", 0.5, 0.9)", "rate(turning[5m])",
            "histogram_count(sum(rate(custom[4m])))", "histogram_avg(custom)", "stddev(turning)",
            "info(gauge, {__name__=~\".*_info\"})", "info(counter_total, {version=\"7\"})",
            "histogram_fraction(0.2, 3, custom)", "level >/ 0.6", "custom </ 3", "-level",
            "histogram_stdvar(level)", "last_over_time(turning[3m])", "level == level",
            "count_values(\"v\", turning)", "histogram_sum(increase(turning[4m]))", "idelta(level[2m])",
        ]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn operators() -> impl Strategy<Value = &'static str> {
    select(vec![
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "atan2",
        "==",
        "!=",
        ">",
        "<",
        ">= bool",
        "<= bool",
        "and",
        "or",
        "unless",
        "+ on (job)",
        "* ignoring (instance)",
        "/ on (job) group_left ()",
        "- on (job) group_right ()",
        "+ fill (0)",
        "- on (job, instance) fill_left (1)",
    ])
}

fn functions() -> impl Strategy<Value = &'static str> {
    select(vec![
        "abs",
        "ceil",
        "floor",
        "sqrt",
        "exp",
        "ln",
        "sgn",
        "sin",
        "round",
        "timestamp",
        "absent",
        "sort",
        "sort_desc",
        "histogram_count",
        "histogram_sum",
        "histogram_avg",
        "histogram_stddev",
        "hour",
        "day_of_week",
        "days_in_month",
        "year",
        "info",
    ])
}

/// Queries with a hole.
fn templates() -> impl Strategy<Value = &'static str> {
    select(vec![
        "-(§)",
        "(§)",
        "(§) * 2",
        "3 > (§)",
        "(§) > bool 1",
        "clamp(§, -1, 9)",
        "clamp_max(§, 3)",
        "label_replace(§, \"job\", \"$1x\", \"job\", \"(.*)\")",
        "label_join(§, \"all\", \"-\", \"job\", \"instance\")",
        "histogram_quantile(0.9, §)",
        "histogram_fraction(0, 1, §)",
        "max_over_time((§)[2m:30s])",
        "last_over_time((§)[3m:])",
        "rate((§)[2m:20s] offset 30s)",
        "sum_over_time((§)[1m:] @ 300)",
        "sort_by_label(§, \"instance\")",
        "vector(scalar(§))",
        "native </ scalar(§)",
    ])
}

fn aggregations() -> impl Strategy<Value = &'static str> {
    select(vec![
        "sum(§)",
        "avg(§)",
        "min(§)",
        "max(§)",
        "count(§)",
        "group(§)",
        "stddev(§)",
        "stdvar(§)",
        "topk(2, §)",
        "bottomk(1, §)",
        "quantile(0.7, §)",
        "limitk(2, §)",
        "limit_ratio(0.5, §)",
        "count_values(\"v\", §)",
    ])
}

fn deeper(inner: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let grouping = select(vec![
        "",
        " by (job) ",
        " without (instance) ",
        " by (job, instance) ",
    ]);
    prop_oneof![
        (functions(), inner.clone()).prop_map(|(f, e)| format!("{f}({e})")),
        (inner.clone(), operators(), inner.clone())
            .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
        (aggregations(), grouping, inner.clone())
            .prop_map(|(a, g, e)| a.replacen('(', &format!("{g}("), 1).replace('§', &e)),
        (templates(), inner).prop_map(|(t, e)| t.replace('§', &e)),
    ]
    .boxed()
}

/// A query that can be read.
pub fn query() -> BoxedStrategy<String> {
    leaf()
        .prop_recursive(3, 12, 3, |inner| deeper(inner.boxed()))
        .boxed()
}
