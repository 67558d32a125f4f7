//! What a query means: counters and histograms are recognised in the usual ways of writing, so
//! that they can be counted over any window, grouped, and checked against real buckets.

use deckwatch_promql::ast::{AggregateOp, BinaryOp, Expr, Length, MatrixSelector, VectorSelector};
use deckwatch_promql::labels::{BUCKET, METRIC_NAME};
use deckwatch_promql::parse::{Dialect, parse};

use crate::objective::{Counting, Indicator, Side, checked_query};

/// A counter in a query.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Counter {
    /// What is counted.
    pub selector: VectorSelector,
    /// Whether the query looked over a range of its own.
    pub ranged: bool,
    /// Labels that it sums by.
    pub by: Vec<String>,
}

/// The counter whose events a query counts: `x`, `sum(x)`, `rate(x[5m])`, `sum by (a)
/// (increase(x[5m]))`.
pub(super) fn counter(expr: &Expr) -> Option<Counter> {
    match expr.bare() {
        Expr::Vector(selector) => plain(selector, false),
        Expr::Call(call) if matches!(call.function.name, "rate" | "increase") => {
            match call.args.first()?.bare() {
                Expr::Matrix(MatrixSelector { selector, .. }) => plain(selector, true),
                _ => None,
            }
        }
        Expr::Aggregate(sum) if sum.op == AggregateOp::Sum && !sum.without => {
            let inner = counter(&sum.expr)?;
            Some(Counter {
                by: sum.grouping.clone(),
                ..inner
            })
        }
        _ => None,
    }
}

fn plain(selector: &VectorSelector, ranged: bool) -> Option<Counter> {
    (selector.shift == Default::default()).then(|| Counter {
        selector: selector.clone(),
        ranged,
        by: Vec::new(),
    })
}

/// A selector's text, as the printer writes it.
fn text(selector: &VectorSelector) -> String {
    Expr::Vector(selector.clone()).to_string()
}

/// The conditions of a selector apart from its name and its bucket, in one order.
fn conditions(selector: &VectorSelector) -> Vec<String> {
    let mut found: Vec<String> = selector
        .matchers
        .iter()
        .filter(|m| m.name() != METRIC_NAME && m.name() != BUCKET)
        .map(ToString::to_string)
        .collect();
    found.sort();
    found
}

/// A histogram's bucket and its count, as a latency: when both are of the same series.
fn latency(bucket: &VectorSelector, count: &VectorSelector) -> Option<Indicator> {
    let name = bucket.name.as_deref()?.strip_suffix("_bucket")?;
    let bound = bucket.matchers.iter().find(|m| m.name() == BUCKET)?;
    // `le="0.3"`, or both spellings of a whole bound: `le=~"1(\\.0)?"`.
    let below: f64 = bound.value().trim_end_matches("(\\.0)?").parse().ok()?;
    let same = count.name.as_deref()? == format!("{name}_count")
        && conditions(bucket) == conditions(count);
    if !(same && below > 0.0 && below.is_finite()) {
        return None;
    }
    let conditions = conditions(count);
    let histogram = if conditions.is_empty() {
        name.to_owned()
    } else {
        format!("{name}{{{}}}", conditions.join(","))
    };
    Some(Indicator::Latency {
        histogram,
        below,
        native: false,
    })
}

/// Two counters as what they most likely are.
pub(super) fn of_counters(
    side: Side,
    events: &VectorSelector,
    total: &VectorSelector,
) -> Indicator {
    if side == Side::Good
        && let Some(latency) = latency(events, total)
    {
        return latency;
    }
    Indicator::Ratio {
        side,
        events: text(events),
        total: text(total),
    }
}

/// Two queries over `$window` as what they mean, with the labels that both sum by.
///
/// # Errors
/// In words, if they cannot be counted over windows.
pub(super) fn of_queries(
    side: Side,
    events: &str,
    total: &str,
) -> Result<(Indicator, Vec<String>), String> {
    checked_query(events).map_err(|why| format!("`{}`: {why}", short(events)))?;
    checked_query(total).map_err(|why| format!("`{}`: {why}", short(total)))?;
    let read = |text: &str| parse(&text.replace("$window", PROBE), Dialect::default());
    let (Ok(events_read), Ok(total_read)) = (read(events), read(total)) else {
        return Err("a query cannot be read".to_owned());
    };
    if let Some(all) = counter(&total_read) {
        if let Some(some) = counter(&events_read)
            && some.by == all.by
        {
            return Ok((of_counters(side, &some.selector, &all.selector), all.by));
        }
        // Slow ones as all less the quick ones.
        if side == Side::Bad
            && let Expr::Binary(less) = events_read.bare()
            && less.op == BinaryOp::Sub
            && let (Some(count), Some(bucket)) = (counter(&less.left), counter(&less.right))
            && count.selector.matchers == all.selector.matchers
            && let Some(found) = latency(&bucket.selector, &all.selector)
        {
            return Ok((found, all.by));
        }
    }
    let counting = match (counting(&events_read), counting(&total_read)) {
        (Some(one), Some(other)) if one == other => one,
        (Some(_), Some(_)) => {
            return Err("one of the two counts events, the other events per second".to_owned());
        }
        _ => {
            return Err(
                "it is not clear whether they count events or events per second".to_owned(),
            );
        }
    };
    Ok((
        Indicator::Queries {
            side,
            events: events.to_owned(),
            total: total.to_owned(),
            counting,
        },
        Vec::new(),
    ))
}

const PROBE: &str = "5m";
const PROBE_MS: i64 = 300_000;

fn short(text: &str) -> String {
    let text = text.trim();
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() {
        format!("{cut}…")
    } else {
        cut
    }
}

/// What a query gives, by the functions that look over the window. `None` if there is none, or if
/// they differ.
fn counting(expr: &Expr) -> Option<Counting> {
    let mut found = Vec::new();
    looks(expr, &mut found);
    let first = *found.first()?;
    found.iter().all(|c| *c == first).then_some(first)
}

fn looks(expr: &Expr, found: &mut Vec<Counting>) {
    if let Expr::Call(call) = expr
        && call.args.iter().any(over_window)
    {
        match call.function.name {
            "rate" | "irate" => found.push(Counting::PerSecond),
            "increase" | "sum_over_time" | "count_over_time" => found.push(Counting::Events),
            _ => {}
        }
    }
    for child in expr.children() {
        looks(child, found);
    }
}

fn over_window(expr: &Expr) -> bool {
    let range = match expr.bare() {
        Expr::Matrix(matrix) => &matrix.range,
        Expr::Subquery(subquery) => &subquery.range,
        _ => return false,
    };
    *range == Length::Fixed(PROBE_MS)
}
