//! What annotations say against what the query gives.

use std::sync::LazyLock;

use deckwatch_promql::ast::{AggregateOp, BinaryOp, Expr};
use regex::Regex;

use super::{Code, Look, metrics};
use crate::rules::Alerting;

/// The value as a percentage, by function or by sign.
static PERCENTAGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let by_function = r"\{\{[^}]*(?:\$value|\.Value)[^}]*humanizePercentage[^}]*\}\}";
    let called = r"\{\{[^}]*humanizePercentage[^}]*(?:\$value|\.Value)[^}]*\}\}";
    let by_sign = r"\{\{[^}]*(?:\$value|\.Value)[^}]*\}\}\s?(?:%|percent)";
    Regex::new(&format!("{by_function}|{called}|{by_sign}")).ok()
});

impl Look<'_> {
    pub(super) fn percentages(&mut self, alerting: &Alerting) {
        let Some(rate) = per_second(self.rule.query.expr()) else {
            return;
        };
        let shown = alerting.annotations.iter().find(|(_, text)| {
            let pattern = PERCENTAGE.as_ref();
            pattern.is_some_and(|pattern| pattern.is_match(text))
        });
        let Some((name, _)) = shown else {
            return;
        };
        let what = format!(
            "`{rate}` is a number per second, and the annotation `{name}` shows it as a percentage"
        );
        let advice = format!(
            "divide by the rate of all of them, as in `{rate} / <the same of all>`, or show it per second"
        );
        self.say(Code::RateAsPercentage, Some(rate.span()), what, advice);
    }
}

/// The part of an expression that makes its value one per second. Seconds per second are a share.
fn per_second(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Paren(inner, _) => per_second(inner),
        Expr::Binary(binary) if binary.op.is_comparison() || binary.op.is_set() => {
            let left = per_second(&binary.left);
            left.or_else(|| per_second(&binary.right).filter(|_| binary.op == BinaryOp::Or))
        }
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::Add | BinaryOp::Sub) => {
            per_second(&binary.left)
        }
        Expr::Aggregate(aggregate) => {
            use AggregateOp::{Avg, BottomK, Max, Min, Sum, TopK};
            let keeps = matches!(aggregate.op, Sum | Avg | Min | Max | TopK | BottomK);
            keeps
                .then(|| per_second(&aggregate.expr))
                .flatten()
                .map(|_| expr)
        }
        Expr::Call(call) if matches!(call.function.name, "rate" | "irate") => {
            let seconds = |name: &str| {
                ["_seconds_total", "_seconds_sum", "_seconds"]
                    .iter()
                    .any(|end| name.ends_with(end))
            };
            let names = metrics(expr);
            (!names.iter().any(|(name, _)| seconds(name))).then_some(expr)
        }
        _ => None,
    }
}
