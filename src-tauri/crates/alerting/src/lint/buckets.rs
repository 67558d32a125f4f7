//! Quantiles and the buckets that they are made of.

use deckwatch_promql::Span;
use deckwatch_promql::ast::{Aggregate, Call, Expr};

use super::{Code, Facts, Look, each, metrics};
use crate::comparison::Comparison;

/// What to do about a quantile that gives nothing.
pub(super) const ADVICE: &str =
    "use `histogram_quantile(φ, sum by (le) (rate(…_bucket[5m])))` over the metric's buckets";

/// The finite bounds of a metric's buckets, if they are known.
pub(super) fn known_bounds<'f>(name: &str, facts: &'f Facts) -> Option<&'f [f64]> {
    let bounds = facts.buckets.as_ref()?.get(name)?;
    (!bounds.is_empty()).then_some(bounds)
}

/// Bounds in words, from the lowest.
pub(super) fn listed(bounds: &[f64]) -> String {
    let mut finite: Vec<f64> = bounds.iter().copied().filter(|b| b.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let shown: Vec<String> = finite.iter().map(f64::to_string).collect();
    shown.join(", ")
}

/// The highest number that a quantile can give: the highest bound, for what lies above it.
pub(super) fn quantile_bounds(call: &Call, facts: &Facts) -> Option<f64> {
    let (share, buckets) = (call.args.first()?, call.args.get(1)?);
    let Expr::Number { value, .. } = share.bare() else {
        return None;
    };
    let names = metrics(buckets);
    let ([(name, _)], true) = (&names[..], (0.0..=1.0).contains(value)) else {
        return None;
    };
    if facts.native.contains(*name) {
        return None;
    }
    let finite = known_bounds(name, facts)?
        .iter()
        .copied()
        .filter(|b| b.is_finite());
    finite.reduce(f64::max)
}

impl Look<'_> {
    /// A quantile over something that has no buckets, with the reason.
    pub(super) fn without_buckets(&self, call: &Call) -> Option<(Span, String)> {
        let names = metrics(call.args.get(1)?);
        let ([(name, span)], facts) = (&names[..], self.facts) else {
            return None;
        };
        let recorded = self.recorded.contains(name) || name.contains(':');
        let native = facts.native.contains(*name);
        let has_buckets = match &facts.buckets {
            Some(buckets) => buckets.contains_key(*name),
            // By their names; what has none could be a native histogram.
            None => name.ends_with("_bucket"),
        };
        if recorded || native || has_buckets {
            return None;
        }
        let doubt = match facts.buckets {
            Some(_) => "",
            None => " (unless it is a native histogram)",
        };
        let why = format!("`{name}` has no buckets{doubt}, and a quantile of nothing is nothing");
        Some((*span, why))
    }

    pub(super) fn quantiles(&mut self) {
        let mut calls = Vec::new();
        each(self.rule.query.expr(), &mut |expr| {
            if let Expr::Call(call) = expr
                && call.function.name == "histogram_quantile"
            {
                calls.push(call);
            }
        });
        for call in calls {
            if let Some((span, what)) = self.without_buckets(call) {
                self.say(Code::QuantileWithoutBuckets, Some(span), what, ADVICE);
            } else if let Some((span, what)) = call.args.get(1).and_then(bounds_lost) {
                self.say(
                    Code::BoundsLost,
                    Some(span),
                    what,
                    "keep `le` when aggregating: `sum by (le, …) (…)`",
                );
            }
        }
    }

    /// Thresholds of quantiles that are no bound of a bucket.
    pub(super) fn thresholds(&mut self) {
        let mut found = Vec::new();
        each(self.rule.query.expr(), &mut |expr| {
            let Expr::Binary(binary) = expr else {
                return;
            };
            let Some(comparison) = Comparison::read(binary) else {
                return;
            };
            if let (Expr::Call(call), Some((value, span))) =
                (comparison.value.bare(), comparison.number())
                && call.function.name == "histogram_quantile"
            {
                found.push((comparison.op, call, value, span));
            }
        });
        for (op, call, threshold, span) in found {
            self.threshold(op.symbol(), call, threshold, span);
        }
    }

    fn threshold(&mut self, op: &str, call: &Call, threshold: f64, span: Span) {
        let Some(highest) = quantile_bounds(call, self.facts) else {
            return;
        };
        let names = call.args.get(1).map(metrics).unwrap_or_default();
        let known = names
            .first()
            .and_then(|(name, _)| known_bounds(name, self.facts));
        let known = known.unwrap_or_default();
        // Beyond the highest it can never be, which is told of elsewhere.
        if known.contains(&threshold) || threshold > highest {
            return;
        }
        let below = known
            .iter()
            .copied()
            .filter(|b| *b < threshold)
            .reduce(f64::max);
        let above = known
            .iter()
            .copied()
            .filter(|b| *b > threshold)
            .fold(f64::INFINITY, f64::min);
        let (from, or) = match below {
            Some(below) => (below, format!("{below} or ")),
            None => (0.0, String::new()),
        };
        let what = format!(
            "{threshold} is no bound of a bucket: between {from} and {above} a quantile is only guessed"
        );
        let advice = format!(
            "compare with {or}{above}, as in `{op} {above}`, or add the bound {threshold} where the metric is made"
        );
        self.say(Code::OffBucketBound, Some(span), what, advice);
    }
}

/// An aggregation of buckets that drops their bounds.
fn bounds_lost(expr: &Expr) -> Option<(Span, String)> {
    let names = metrics(expr);
    if !names.iter().all(|(name, _)| name.ends_with("_bucket")) || names.is_empty() {
        return None;
    }
    let mut lost = None;
    each(expr, &mut |expr| {
        if let Expr::Aggregate(Aggregate {
            op,
            grouping,
            without,
            span,
            ..
        }) = expr
        {
            let named = grouping.iter().any(|label| label == "le");
            if named == *without {
                let what = format!(
                    "`{}` drops the label `le`, and with it the buckets",
                    op.name()
                );
                lost.get_or_insert((*span, what));
            }
        }
    });
    lost
}
