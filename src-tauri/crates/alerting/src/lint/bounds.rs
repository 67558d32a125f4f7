//! Between which numbers the value of an expression lies, whatever the samples are.

use deckwatch_promql::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, ValueType};

use super::{Facts, metric_name};
use crate::comparison::mirrored;

/// Both ends belong to it.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(super) struct Bounds {
    pub low: f64,
    pub high: f64,
}

const ANY: Bounds = Bounds {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};
const NOT_NEGATIVE: Bounds = between(0.0, f64::INFINITY);
const AT_LEAST_ONE: Bounds = between(1.0, f64::INFINITY);
const ONE: Bounds = between(1.0, 1.0);
const SHARE: Bounds = between(0.0, 1.0);

const fn between(low: f64, high: f64) -> Bounds {
    Bounds { low, high }
}

impl Bounds {
    fn sure(low: f64, high: f64) -> Self {
        match low.is_nan() || high.is_nan() {
            true => ANY,
            false => between(low, high),
        }
    }

    /// Whether a value within this can compare so with one within the other.
    pub fn can(self, op: BinaryOp, other: Bounds) -> bool {
        match op {
            BinaryOp::Greater => self.high > other.low,
            BinaryOp::GreaterOrEqual => self.high >= other.low,
            BinaryOp::Less => self.low < other.high,
            BinaryOp::LessOrEqual => self.low <= other.high,
            BinaryOp::Equal => self.low <= other.high && self.high >= other.low,
            BinaryOp::NotEqual => {
                let fixed = self.low == self.high && other.low == other.high;
                !(fixed && self.low == other.low)
            }
            _ => true,
        }
    }

    /// What remains of this after the comparison.
    fn narrowed(self, op: BinaryOp, other: Bounds) -> Self {
        match op {
            BinaryOp::Greater => between(self.low.max(other.low.next_up()), self.high),
            BinaryOp::GreaterOrEqual => between(self.low.max(other.low), self.high),
            BinaryOp::Less => between(self.low, self.high.min(other.high.next_down())),
            BinaryOp::LessOrEqual => between(self.low, self.high.min(other.high)),
            BinaryOp::Equal => between(self.low.max(other.low), self.high.min(other.high)),
            _ => self,
        }
    }

    fn joined(self, other: Bounds) -> Self {
        between(self.low.min(other.low), self.high.max(other.high))
    }
}

/// Bounds of an expression's value. None: it is no number at all, ever.
pub(super) fn bounds(expr: &Expr, facts: &Facts) -> Option<Bounds> {
    Some(match expr {
        Expr::Number { value, .. } if value.is_nan() => return None,
        Expr::Number { value, .. } => between(*value, *value),
        Expr::Paren(inner, _) => return bounds(inner, facts),
        Expr::Unary { negative, expr, .. } => {
            let inner = bounds(expr, facts)?;
            match negative {
                true => between(-inner.high, -inner.low),
                false => inner,
            }
        }
        Expr::Vector(selector) => named(metric_name(selector)),
        Expr::Matrix(matrix) => named(metric_name(&matrix.selector)),
        Expr::Subquery(subquery) => return bounds(&subquery.expr, facts),
        Expr::Binary(binary) => return binary_bounds(binary, facts),
        Expr::Aggregate(aggregate) => aggregated(aggregate, facts)?,
        Expr::Call(call) => called(call, facts)?,
        Expr::String { .. } => ANY,
    })
}

fn named(name: Option<&str>) -> Bounds {
    match name {
        Some("up" | "probe_success") => SHARE,
        Some("ALERTS") => ONE,
        Some(name)
            if ["_total", "_count", "_bucket"]
                .iter()
                .any(|end| name.ends_with(end)) =>
        {
            NOT_NEGATIVE
        }
        _ => ANY,
    }
}

fn binary_bounds(binary: &Binary, facts: &Facts) -> Option<Bounds> {
    let (left, right) = (bounds(&binary.left, facts), bounds(&binary.right, facts));
    let op = binary.op;
    if op == BinaryOp::Or {
        return match (left, right) {
            (Some(a), Some(b)) => Some(a.joined(b)),
            (a, b) => a.or(b),
        };
    }
    if op.is_set() {
        return left;
    }
    if op.is_comparison() && binary.return_bool {
        return Some(SHARE);
    }
    let (left, right) = (left?, right?);
    if op.is_comparison() {
        // What remains is the side that is a vector.
        return Some(match binary.left.value_type() == ValueType::Scalar {
            true => right.narrowed(mirrored(op), left),
            false => left.narrowed(op, right),
        });
    }
    Some(match op {
        BinaryOp::Add => Bounds::sure(left.low + right.low, left.high + right.high),
        BinaryOp::Sub => Bounds::sure(left.low - right.high, left.high - right.low),
        BinaryOp::Mul | BinaryOp::Div if left.low >= 0.0 && right.low >= 0.0 => {
            product(op, left, right)
        }
        _ => ANY,
    })
}

/// Of two that are not negative.
fn product(op: BinaryOp, left: Bounds, right: Bounds) -> Bounds {
    let (low, high) = match op {
        BinaryOp::Mul => (left.low * right.low, left.high * right.high),
        _ => (left.low / right.high, left.high / right.low),
    };
    let low = if low.is_nan() { 0.0 } else { low };
    let high = if high.is_nan() { f64::INFINITY } else { high };
    between(low, high)
}

fn aggregated(aggregate: &Aggregate, facts: &Facts) -> Option<Bounds> {
    let inner = bounds(&aggregate.expr, facts)?;
    Some(match aggregate.op {
        AggregateOp::Sum => between(
            if inner.low < 0.0 {
                f64::NEG_INFINITY
            } else {
                inner.low
            },
            if inner.high > 0.0 {
                f64::INFINITY
            } else {
                inner.high
            },
        ),
        AggregateOp::Count | AggregateOp::CountValues => AT_LEAST_ONE,
        AggregateOp::Group => ONE,
        AggregateOp::StdDev | AggregateOp::StdVar => NOT_NEGATIVE,
        AggregateOp::Quantile => ANY,
        _ => inner,
    })
}

fn called(call: &Call, facts: &Facts) -> Option<Bounds> {
    let arg = |at: usize| match call.args.get(at) {
        Some(arg) => bounds(arg, facts),
        None => Some(ANY),
    };
    Some(match call.function.name {
        "absent" | "absent_over_time" | "present_over_time" => ONE,
        "count_over_time" => AT_LEAST_ONE,
        "rate" | "increase" | "irate" | "changes" | "resets" | "abs" | "sqrt" | "exp"
        | "stddev_over_time" | "stdvar_over_time" | "histogram_count" | "time" | "timestamp"
        | "histogram_stddev" | "histogram_stdvar" => NOT_NEGATIVE,
        "histogram_fraction" => SHARE,
        "sgn" => between(-1.0, 1.0),
        "minute" => between(0.0, 59.0),
        "hour" => between(0.0, 23.0),
        "day_of_week" => between(0.0, 6.0),
        "day_of_month" => between(1.0, 31.0),
        "days_in_month" => between(28.0, 31.0),
        "month" => between(1.0, 12.0),
        "day_of_year" => between(1.0, 366.0),
        "scalar" | "vector" | "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc"
        | "label_replace" | "label_join" | "min_over_time" | "max_over_time" | "avg_over_time"
        | "last_over_time" | "first_over_time" => arg(0)?,
        "ceil" | "floor" => {
            let inner = arg(0)?;
            between(inner.low.floor(), inner.high.ceil())
        }
        "clamp_min" => between(arg(0)?.low.max(arg(1)?.low), arg(0)?.high.max(arg(1)?.high)),
        "clamp_max" => between(arg(0)?.low.min(arg(1)?.low), arg(0)?.high.min(arg(1)?.high)),
        "clamp" => between(arg(1)?.low, arg(2)?.high),
        "histogram_quantile" => {
            super::buckets::quantile_bounds(call, facts).map_or(ANY, |high| Bounds { high, ..ANY })
        }
        _ => ANY,
    })
}
