//! Alerts that can never fire.

use deckwatch_promql::ast::{Aggregate, Binary, BinaryOp, Call, Expr, VectorSelector};
use deckwatch_promql::{MatchOp, Span};

use super::bounds::bounds;
use super::buckets::known_bounds;
use super::{Code, Look, metric_name};
use crate::comparison::Comparison;

/// Why an expression never gives anything.
struct Dead {
    part: Span,
    what: String,
    advice: String,
}

impl Look<'_> {
    pub(super) fn dead(&mut self) {
        if let Some(dead) = self.why_dead(self.rule.query.expr()) {
            let what = format!("the alert can never fire: {}", dead.what);
            self.say(Code::DeadAlert, Some(dead.part), what, dead.advice);
        }
    }

    fn why_dead(&self, expr: &Expr) -> Option<Dead> {
        match expr {
            Expr::Number { .. } | Expr::String { .. } => None,
            Expr::Paren(inner, _) => self.why_dead(inner),
            Expr::Unary { expr, .. } => self.why_dead(expr),
            Expr::Vector(selector) => self.no_series(selector),
            Expr::Matrix(matrix) => self.no_series(&matrix.selector),
            Expr::Subquery(subquery) => self.why_dead(&subquery.expr),
            Expr::Aggregate(Aggregate { expr, .. }) => self.why_dead(expr),
            Expr::Call(call) => self.dead_call(call),
            Expr::Binary(binary) => self.dead_binary(binary),
        }
    }

    fn dead_call(&self, call: &Call) -> Option<Dead> {
        match call.function.name {
            // They give something of nothing.
            "absent" | "absent_over_time" | "scalar" | "vector" => None,
            "histogram_quantile" => {
                let known = self.facts.buckets.is_some();
                let without = self.without_buckets(call).filter(|_| known);
                let without = without.map(|(part, what)| Dead {
                    part,
                    what,
                    advice: super::buckets::ADVICE.to_owned(),
                });
                without.or_else(|| self.dead_args(call))
            }
            _ => self.dead_args(call),
        }
    }

    fn dead_args(&self, call: &Call) -> Option<Dead> {
        call.args.iter().find_map(|arg| self.why_dead(arg))
    }

    fn dead_binary(&self, binary: &Binary) -> Option<Dead> {
        let (left, right) = (self.why_dead(&binary.left), self.why_dead(&binary.right));
        match binary.op {
            BinaryOp::Or => return left.filter(|_| right.is_some()),
            BinaryOp::Unless => return left,
            _ => {}
        }
        let filled = binary.matching.fill_left.is_some() || binary.matching.fill_right.is_some();
        if let (Some(dead), false) = (left.or(right), filled) {
            return Some(dead);
        }
        match binary.op.is_comparison() && !binary.return_bool {
            true => self.contradiction(binary),
            false => None,
        }
    }

    /// A comparison that no value meets.
    fn contradiction(&self, binary: &Binary) -> Option<Dead> {
        let part = binary.left.span().to(binary.right.span());
        let Comparison {
            value,
            op,
            threshold,
        } = Comparison::read(binary)?;
        let impossible = |what: String| {
            Some(Dead {
                part,
                what,
                advice: "correct the threshold, or what is compared with it".to_owned(),
            })
        };
        let Some(against) = bounds(threshold, self.facts) else {
            return match op {
                BinaryOp::NotEqual => None,
                _ => impossible("nothing compares with NaN".into()),
            };
        };
        let lies = bounds(value, self.facts)?;
        if lies.can(op, against) {
            return None;
        }
        let range = match (lies.low, lies.high) {
            (low, high) if low > high => "is filtered away before".to_owned(),
            (low, high) if low == high => format!("is always {low}"),
            (low, f64::INFINITY) => format!("is never below {low}"),
            (f64::NEG_INFINITY, high) => format!("is never above {high}"),
            (low, high) => format!("lies between {low} and {high}"),
        };
        let compared = format!("`{} {threshold}`", op.symbol());
        impossible(format!("`{value}` {range}, so that {compared} never holds"))
    }

    /// A selector that finds nothing, by what is known.
    fn no_series(&self, selector: &VectorSelector) -> Option<Dead> {
        let name = metric_name(selector)?;
        let part = selector.span;
        let made = self.recorded.contains(name) || ["ALERTS", "ALERTS_FOR_STATE"].contains(&name);
        if let Some(metrics) = &self.facts.metrics
            && !made
            && !metrics.contains(name)
        {
            return Some(Dead {
                part,
                what: format!("there are no series of the name `{name}`"),
                advice: "correct the name, or scrape what exposes it".to_owned(),
            });
        }
        let known = known_bounds(name, self.facts)?;
        let wanted = selector
            .matchers
            .iter()
            .find(|m| m.name() == "le" && m.op() == MatchOp::Equal)?;
        let bound: f64 = wanted.value().parse().ok()?;
        if known.contains(&bound) || bound == f64::INFINITY {
            return None;
        }
        Some(Dead {
            part,
            what: format!(
                "`{name}` has no bucket up to {bound}; it has {}",
                super::buckets::listed(known)
            ),
            advice: "use a bound that is there, or add this one where the metric is made"
                .to_owned(),
        })
    }
}
