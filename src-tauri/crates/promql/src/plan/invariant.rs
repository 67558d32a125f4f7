//! Parts of a query that are the same at every step, since `@` fixes all that they read. They are
//! evaluated once.

use crate::ast::{Expr, Shift, ValueType};
use crate::functions::depends_on_time;

/// Whether an expression does not change from step to step, and whether it is worth being
/// evaluated once: a literal is not.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Invariance {
    pub invariant: bool,
    pub worthwhile: bool,
}

const VARYING: Invariance = Invariance {
    invariant: false,
    worthwhile: false,
};

/// The functions that a query's start, end and step replace by numbers.
pub(super) fn is_query_constant(name: &str) -> bool {
    matches!(name, "start" | "end" | "range" | "step")
}

pub(super) fn invariance(expr: &Expr) -> Invariance {
    match expr {
        Expr::Number { .. } | Expr::String { .. } => Invariance {
            invariant: true,
            worthwhile: false,
        },
        Expr::Vector(selector) => {
            let fixed = selector.shift.at.is_some();
            Invariance {
                invariant: fixed,
                worthwhile: fixed,
            }
        }
        Expr::Matrix(matrix) => Invariance {
            invariant: matrix.selector.shift.at.is_some(),
            worthwhile: false,
        },
        Expr::Subquery(subquery) => Invariance {
            invariant: subquery.shift.at.is_some(),
            worthwhile: false,
        },
        Expr::Paren(inner, _) => invariance(inner),
        Expr::Unary { expr, .. } => invariance(expr),
        Expr::Aggregate(aggregate) => invariance(aggregate.expr.bare()),
        Expr::Binary(binary) => {
            if invariance(&binary.left).invariant && invariance(&binary.right).invariant {
                Invariance {
                    invariant: true,
                    worthwhile: true,
                }
            } else {
                VARYING
            }
        }
        Expr::Call(call) => {
            let name = call.function.name;
            if is_query_constant(name) {
                return Invariance {
                    invariant: true,
                    worthwhile: false,
                };
            }
            if name == "info" {
                let fixed = call.args.first().is_some_and(|arg| {
                    invariance(arg.bare()).invariant && looks_at_one_moment(arg)
                });
                return Invariance {
                    invariant: fixed,
                    worthwhile: fixed,
                };
            }
            let all = call.args.iter().all(|arg| invariance(arg.bare()).invariant);
            // The time of a fixed sample is fixed too, if it is asked of the selector itself.
            let fixed_sample = name == "timestamp"
                && call
                    .args
                    .iter()
                    .all(|arg| matches!(arg.bare(), Expr::Vector(_)));
            if all && (!depends_on_time(name) || fixed_sample) {
                Invariance {
                    invariant: true,
                    worthwhile: true,
                }
            } else {
                VARYING
            }
        }
    }
}

/// Whether all selectors of what `info` is asked for look at the same moment, so that its info
/// series are those of that moment too. Subqueries look at many.
fn looks_at_one_moment(expr: &Expr) -> bool {
    let mut shifts = Vec::new();
    collect_shifts(expr, &mut shifts) && shifts.windows(2).all(|pair| pair[0] == pair[1])
}

/// Collects where selectors look; whether every part that gives series has one.
fn collect_shifts<'a>(expr: &'a Expr, found: &mut Vec<&'a Shift>) -> bool {
    match expr {
        Expr::Vector(selector) => found.push(&selector.shift),
        Expr::Matrix(matrix) => found.push(&matrix.selector.shift),
        Expr::Subquery(_) => return false,
        Expr::Call(call) if call.function.name == "info" => {
            return call.args.first().is_some_and(|a| collect_shifts(a, found));
        }
        other => {
            let mut parts = other
                .children()
                .into_iter()
                .filter(|e| matches!(e.value_type(), ValueType::Vector | ValueType::Matrix))
                .peekable();
            return parts.peek().is_some() && parts.all(|part| collect_shifts(part, found));
        }
    }
    true
}
