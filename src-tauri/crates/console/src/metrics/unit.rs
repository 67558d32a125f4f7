//! What a query's values are measured in, as far as names and functions say it.

use deckwatch_promql::ast::{AggregateOp, BinaryOp, Expr};
use serde::{Deserialize, Serialize};

/// A unit that the window knows how to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A plain number.
    #[default]
    None,
    Seconds,
    Bytes,
    BytesPerSecond,
    /// Of one: 0.05 is 5 %.
    Share,
    /// Events a second.
    PerSecond,
}

/// The unit that a metric's name ends with, as Prometheus asks names to end.
pub(crate) fn of_name(name: &str) -> Unit {
    let counted = name.strip_suffix("_total").unwrap_or(name);
    // Of a histogram's parts only the sum has the unit.
    if name.ends_with("_bucket") || name.ends_with("_count") {
        return Unit::None;
    }
    let base = counted.strip_suffix("_sum").unwrap_or(counted);
    let last = base.rsplit(['_', ':']).next().unwrap_or(base);
    match last {
        "seconds" => Unit::Seconds,
        "bytes" => Unit::Bytes,
        "ratio" => Unit::Share,
        _ => Unit::None,
    }
}

/// The unit of what an expression gives.
pub(crate) fn of(expr: &Expr) -> Unit {
    match expr {
        Expr::Number { .. } | Expr::String { .. } => Unit::None,
        Expr::Paren(inner, _) | Expr::Unary { expr: inner, .. } => of(inner),
        Expr::Vector(selector) => selector.name.as_deref().map_or(Unit::None, of_name),
        Expr::Matrix(matrix) => matrix.selector.name.as_deref().map_or(Unit::None, of_name),
        Expr::Subquery(subquery) => of(&subquery.expr),
        Expr::Aggregate(aggregate) => match aggregate.op {
            AggregateOp::Count | AggregateOp::CountValues | AggregateOp::Group => Unit::None,
            _ => of(&aggregate.expr),
        },
        Expr::Call(call) => of_call(call.function.name, &call.args),
        Expr::Binary(binary) => {
            let scalar = |e: &Expr| matches!(e.bare(), Expr::Number { .. });
            let (left, right) = (of(&binary.left), of(&binary.right));
            match binary.op {
                _ if binary.return_bool => Unit::None,
                BinaryOp::Div if scalar(&binary.right) => left,
                BinaryOp::Div => match quotient(left, right) {
                    // `100 * a / b` is a percentage already.
                    Unit::Share if scaled(&binary.left) => Unit::None,
                    unit => unit,
                },
                BinaryOp::Mul if scalar(&binary.left) && right != Unit::Share => right,
                BinaryOp::Mul if scalar(&binary.right) && left != Unit::Share => left,
                BinaryOp::Mul | BinaryOp::Pow | BinaryOp::Atan2 => Unit::None,
                _ if left == Unit::None && scalar(&binary.left) => right,
                _ => left,
            }
        }
    }
}

fn scaled(expr: &Expr) -> bool {
    let number = |e: &Expr| matches!(e.bare(), Expr::Number { .. });
    match expr.bare() {
        Expr::Binary(b) => b.op == BinaryOp::Mul && (number(&b.left) || number(&b.right)),
        _ => false,
    }
}

fn quotient(left: Unit, right: Unit) -> Unit {
    match (left, right) {
        (left, Unit::None) if left != Unit::None => left,
        // Seconds a second by events a second: what one took.
        (Unit::Share, Unit::PerSecond) => Unit::Seconds,
        (Unit::BytesPerSecond, Unit::PerSecond) => Unit::Bytes,
        (Unit::Bytes, Unit::Seconds) => Unit::BytesPerSecond,
        (left, right) if left == right && left != Unit::None => Unit::Share,
        _ => Unit::None,
    }
}

fn of_call(name: &str, args: &[Expr]) -> Unit {
    let first = args.first().map_or(Unit::None, of);
    match name {
        "rate" | "irate" | "deriv" => match first {
            Unit::Seconds => Unit::Share,
            Unit::Bytes => Unit::BytesPerSecond,
            Unit::None => Unit::PerSecond,
            _ => Unit::None,
        },
        "histogram_quantile" => args.get(1).map_or(Unit::None, of_buckets),
        "time" | "timestamp" => Unit::Seconds,
        "quantile_over_time" => args.get(1).map_or(Unit::None, of),
        "count_over_time" | "changes" | "resets" | "sgn" | "absent" | "absent_over_time"
        | "present_over_time" | "scalar" | "vector" | "exp" | "ln" | "log2" | "log10" => Unit::None,
        _ => first,
    }
}

/// The unit of a histogram's bounds: that of the metric that the buckets belong to.
fn of_buckets(expr: &Expr) -> Unit {
    let name = match expr {
        Expr::Vector(selector) => selector.name.as_deref(),
        Expr::Matrix(matrix) => matrix.selector.name.as_deref(),
        _ => {
            let inner = expr.children().into_iter().map(of_buckets);
            return inner
                .into_iter()
                .find(|u| *u != Unit::None)
                .unwrap_or_default();
        }
    };
    name.map_or(Unit::None, |name| {
        of_name(name.strip_suffix("_bucket").unwrap_or(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_promql::parse::{Dialect, parse};

    #[test]
    fn units_follow_from_names_and_functions() {
        for (query, unit) in [
            ("up", Unit::None),
            ("node_memory_MemAvailable_bytes", Unit::Bytes),
            (
                "rate(node_network_receive_bytes_total[5m])",
                Unit::BytesPerSecond,
            ),
            ("sum by (a) (rate(requests_total[5m]))", Unit::PerSecond),
            ("increase(requests_total[1h])", Unit::None),
            (
                "1 - avg(rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))",
                Unit::Share,
            ),
            ("rate(a_total[5m]) / rate(b_total[5m])", Unit::Share),
            (
                "sum(rate(x_seconds_sum[5m])) / sum(rate(x_seconds_count[5m]))",
                Unit::Seconds,
            ),
            (
                "histogram_quantile(0.95, sum by (le) (rate(x_seconds_bucket[5m])))",
                Unit::Seconds,
            ),
            ("100 * rate(a_total[5m]) / rate(b_total[5m])", Unit::None),
            ("100 * (rate(a_total[5m]) / rate(b_total[5m]))", Unit::None),
            ("a_bytes > bool 5", Unit::None),
            ("a_bytes > 5", Unit::Bytes),
            ("a_bytes / b_bytes", Unit::Share),
            ("a_bytes / 1024", Unit::Bytes),
            ("count(a_bytes)", Unit::None),
            ("x_seconds_bucket", Unit::None),
            ("time() - process_start_time_seconds", Unit::Seconds),
        ] {
            let expr = parse(query, Dialect::default()).unwrap();
            assert_eq!(of(&expr), unit, "{query}");
        }
    }
}
