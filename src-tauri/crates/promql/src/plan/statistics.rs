//! Selectors whose histograms are asked for count and sum only: their buckets are left out, as
//! Prometheus leaves them out. That saves work, and it decides what there is to remark on: bounds
//! that nobody looks at need not be reconciled.

use super::{Node, Planned, Selector};
use crate::ast::BinaryOp;

fn wants_buckets(name: &str) -> bool {
    matches!(
        name,
        "histogram_quantile"
            | "histogram_quantiles"
            | "histogram_fraction"
            | "histogram_stddev"
            | "histogram_stdvar"
    )
}

/// Marks what lies inside `histogram_count` and its kin, unless something on the way wants buckets.
pub(super) fn mark(planned: &mut Planned, inside: bool) {
    match &mut planned.node {
        Node::Number(_) | Node::Text(_) => {}
        Node::Negated(inner) | Node::Invariant(inner) => mark(inner, inside),
        Node::Binary(binary) => {
            if matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
                return;
            }
            mark(&mut binary.left, inside);
            mark(&mut binary.right, inside);
        }
        Node::Aggregate(aggregate) => {
            mark(&mut aggregate.expr, inside);
            if let Some(parameter) = &mut aggregate.parameter {
                mark(parameter, inside);
            }
        }
        Node::Call(call) => {
            let name = call.function.name;
            if wants_buckets(name) {
                return;
            }
            let asks = matches!(name, "histogram_count" | "histogram_sum" | "histogram_avg");
            for arg in &mut call.args {
                mark(arg, inside || asks);
            }
        }
        Node::Vector(selector) => set(selector, inside),
        Node::Matrix(window) => set(&mut window.selector, inside),
        // What a subquery gives may be asked for anything.
        Node::Subquery(_) => {}
    }
}

fn set(selector: &mut Selector, inside: bool) {
    selector.statistics = inside;
}
