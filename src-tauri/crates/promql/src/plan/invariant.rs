//! Parts of a query that are the same at every step, since `@` fixes all that they read. They are
//! evaluated once.

use crate::ast::Expr;
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
            let all = call.args.iter().all(|arg| invariance(arg.bare()).invariant);
            // The time of a fixed sample is fixed too, if it is asked of the selector itself.
            let fixed_sample = name == "timestamp"
                && call
                    .args
                    .iter()
                    .all(|arg| matches!(arg.bare(), Expr::Vector(_)));
            if all && name != "info" && (!depends_on_time(name) || fixed_sample) {
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
