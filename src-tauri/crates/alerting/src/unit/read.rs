//! From text to unit tests, every mistake with its place.

use std::collections::BTreeSet;

use deckwatch_domain::{Node, Problems, Timestamp, Value, parse_long_document};
use deckwatch_promql::parse_duration;

use super::{AlertTest, ExpectedAlert, ExpectedSample, InputSeries, QueryTest, UnitFile, UnitTest};
use crate::rules::{INTERVAL_MS, Words};

/// Reads a file of unit tests.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str) -> Result<UnitFile, Problems> {
    let document = parse_long_document(text)?;
    let mut problems = Problems::default();
    let p = &mut problems;
    let mut top = document.entries(p);
    let texts = |node: Option<&Node>, p: &mut Problems| -> Vec<String> {
        let items = node.map(|n| n.items(p)).unwrap_or_default();
        items.iter().filter_map(|n| n.text(p)).collect()
    };
    let rule_files = texts(top.get("rule_files"), p);
    let interval = top.get("evaluation_interval").and_then(|n| length(n, p));
    let order_node = top.get("group_eval_order");
    let group_order = texts(order_node, p);
    let mut seen = BTreeSet::new();
    for name in &group_order {
        if let (false, Some(node)) = (seen.insert(name), order_node) {
            p.at(node, format!("`{name}` is named twice"));
        }
    }
    let fuzzy = top.get("fuzzy_compare").and_then(|n| n.truth(p));
    let interval = interval.filter(|ms| *ms > 0).unwrap_or(INTERVAL_MS);
    let list = top.get("tests").map(|n| n.items(p)).unwrap_or_default();
    let tests = list
        .iter()
        .map(|node| read_test(node, interval, p))
        .collect();
    top.finish(p);
    problems.or(UnitFile {
        rule_files,
        evaluation_interval_ms: interval,
        group_order,
        fuzzy: fuzzy.unwrap_or(false),
        tests,
    })
}

fn length(node: &Node, problems: &mut Problems) -> Option<i64> {
    let text = node.text(problems)?;
    parse_duration(&text)
        .map_err(|why| problems.at(node, why))
        .ok()
}

fn words(node: Option<&Node>, problems: &mut Problems) -> Words {
    let Some(node) = node else {
        return Words::new();
    };
    let mut entries = node.entries(problems);
    let pairs = entries.all().iter();
    pairs
        .filter_map(|(name, value)| match value.value {
            Value::Null => Some((name.clone(), String::new())),
            _ => Some((name.clone(), value.text(problems)?)),
        })
        .collect()
}

fn read_test(node: &Node, usual_ms: i64, p: &mut Problems) -> UnitTest {
    let mut entries = node.entries(p);
    let name = entries.get("name").and_then(|n| n.text(p));
    let interval = entries.get("interval").and_then(|n| length(n, p));
    let start = entries.get("start_timestamp").and_then(|n| moment(n, p));
    let items = |node: Option<&'_ Node>, p: &mut Problems| -> Vec<Node> {
        node.map(|n| n.items(p).to_vec()).unwrap_or_default()
    };
    let series = items(entries.get("input_series"), p);
    let series = series.iter().filter_map(|n| read_series(n, p)).collect();
    let alerts = items(entries.get("alert_rule_test"), p);
    let alerts = alerts.iter().filter_map(|n| read_alert(n, p)).collect();
    let queries = items(entries.get("promql_expr_test"), p);
    let queries = queries.iter().filter_map(|n| read_query(n, p)).collect();
    let external_labels = words(entries.get("external_labels"), p);
    let external_url = entries.get("external_url").and_then(|n| n.text(p));
    entries.finish(p);
    UnitTest {
        name: name.unwrap_or_default(),
        line: node.line,
        interval_ms: interval.filter(|ms| *ms > 0).unwrap_or(usual_ms),
        start_ms: start.unwrap_or(0),
        series,
        alerts,
        queries,
        external_labels,
        external_url: external_url.unwrap_or_default(),
    }
}

/// Seconds since 1970, or a date with its time.
fn moment(node: &Node, problems: &mut Problems) -> Option<i64> {
    if let Value::Number(seconds) = node.value {
        return Some((seconds * 1000.0) as i64);
    }
    node.parsed::<Timestamp>(problems).map(Timestamp::as_millis)
}

fn read_series(node: &Node, p: &mut Problems) -> Option<InputSeries> {
    let mut entries = node.entries(p);
    let series = entries.need("series", p).and_then(|n| n.text(p));
    let values = entries.need("values", p).and_then(|n| n.text(p));
    entries.finish(p);
    Some(InputSeries {
        text: format!("{} {}", series?, values?),
        line: node.line,
    })
}

fn read_alert(node: &Node, p: &mut Problems) -> Option<AlertTest> {
    let mut entries = node.entries(p);
    let at = entries.get("eval_time").and_then(|n| length(n, p));
    let alert = entries.need("alertname", p).and_then(|n| n.text(p));
    let list = entries
        .get("exp_alerts")
        .map(|n| n.items(p))
        .unwrap_or_default();
    let expected = list.iter().map(|node| {
        let mut entries = node.entries(p);
        let labels = words(entries.get("exp_labels"), p);
        let annotations = words(entries.get("exp_annotations"), p);
        entries.finish(p);
        ExpectedAlert {
            labels,
            annotations,
        }
    });
    let expected = expected.collect();
    entries.finish(p);
    let alert = alert?;
    if alert.is_empty() {
        p.at(node, "`alertname` is empty");
    }
    Some(AlertTest {
        line: node.line,
        at_ms: at.unwrap_or(0),
        alert,
        expected,
    })
}

fn read_query(node: &Node, p: &mut Problems) -> Option<QueryTest> {
    let mut entries = node.entries(p);
    let query = entries.need("expr", p).and_then(|n| n.text(p));
    let at = entries.get("eval_time").and_then(|n| length(n, p));
    let list = entries
        .get("exp_samples")
        .map(|n| n.items(p))
        .unwrap_or_default();
    let expected = list.iter().map(|node| {
        let mut entries = node.entries(p);
        let labels = entries.get("labels").and_then(|n| n.text(p));
        let value = entries.get("value").and_then(|n| number(n, p));
        let histogram = entries.get("histogram").and_then(|n| n.text(p));
        entries.finish(p);
        ExpectedSample {
            labels: labels.unwrap_or_default(),
            value: value.unwrap_or(0.0),
            histogram: histogram.filter(|text| !text.is_empty()),
        }
    });
    let expected = expected.collect();
    entries.finish(p);
    Some(QueryTest {
        line: node.line,
        query: query?,
        at_ms: at.unwrap_or(0),
        expected,
    })
}

/// Any float, YAML's `.inf` and `.nan` as well as `Inf` and `NaN`.
fn number(node: &Node, problems: &mut Problems) -> Option<f64> {
    match &node.value {
        Value::Number(v) => Some(*v),
        Value::Text(text) => {
            let bare = text.trim_start_matches('.');
            let read = bare
                .parse::<f64>()
                .or_else(|_| text.replacen("-.", "-", 1).parse());
            read.map_err(|_| problems.at(node, format!("`{text}` is not a number")))
                .ok()
        }
        _ => node.number(problems),
    }
}
