//! Why an alert fired, in one sentence.

use deckwatch_promql::ast::{BinaryOp, Expr};
use deckwatch_promql::value::SampleValue;
use deckwatch_promql::{Query, format_duration};

use crate::comparison::Comparison;
use crate::eval::{ALERT_NAME, Alert, AlertState};
use crate::rules::{Alerting, Group, Makes, Rule, labels_of};
use crate::template::humanize;

/// What happened, in one English sentence: `HighErrorRate is firing: rate(errors_total[5m]) is
/// 0.25 for job="shop", above 0.001, and has been for 3m (asked for: 2m).` The time is counted
/// to `at_ms`, in milliseconds since 1970.
pub fn sentence(group: &Group, rule: &Rule, alert: &Alert, at_ms: i64) -> String {
    let standing = alert.standing;
    let state = match standing.state {
        AlertState::Pending => "is pending",
        AlertState::Firing => "is firing",
        AlertState::Inactive => "is over",
    };
    let whose = whose(group, rule, alert);
    let past = standing.state == AlertState::Inactive || standing.kept_since.is_some();
    let (verb, has) = match past {
        true => ("was", "had been"),
        false => ("is", "has been"),
    };
    let end = standing
        .kept_since
        .or(standing.resolved_at)
        .unwrap_or(at_ms);
    let found = found(&rule.query, &alert.value, &whose, verb);
    let lasted = lasted(rule, standing.active_at, end, has);
    let kept = match (standing.state, &rule.makes) {
        (AlertState::Firing, Makes::Alert(Alerting { keep_ms, .. })) => {
            let since = standing.kept_since;
            since
                .map(|since| kept(since, *keep_ms, at_ms))
                .unwrap_or_default()
        }
        _ => String::new(),
    };
    format!("{} {state}: {found}{lasted}{kept}.", rule.name())
}

/// The alert's own labels: those that the rule adds say nothing of where it is.
fn whose(group: &Group, rule: &Rule, alert: &Alert) -> String {
    let added = labels_of(group, rule);
    let own = alert
        .labels
        .iter()
        .filter(|(name, _)| *name != ALERT_NAME && !added.contains_key(*name));
    let own: Vec<String> = own
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    match own.is_empty() {
        true => String::new(),
        false => format!(" for {}", own.join(", ")),
    }
}

fn found(query: &Query, value: &SampleValue, whose: &str, verb: &str) -> String {
    if let Some(absent) = absent(query.expr()) {
        return format!("there {verb} no series of {absent}{whose}");
    }
    let shown = match value {
        SampleValue::Float(v) => number(*v),
        SampleValue::Histogram(h) => h.to_string(),
    };
    let Some(comparison) = Comparison::of(query) else {
        return format!(
            "`{}` holds{whose}, with the value {shown}",
            one_line(query.expr())
        );
    };
    let threshold = match comparison.number() {
        Some((threshold, _)) => number(threshold),
        None => format!("`{}`", one_line(comparison.threshold)),
    };
    let value = one_line(comparison.value);
    match comparison.op {
        BinaryOp::Equal => format!("`{value}` {verb} {shown}{whose}"),
        op => format!(
            "`{value}` {verb} {shown}{whose}, {} {threshold}",
            relation(op)
        ),
    }
}

const fn relation(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Greater => "above",
        BinaryOp::GreaterOrEqual => "at or above",
        BinaryOp::Less => "below",
        BinaryOp::LessOrEqual => "at or below",
        _ => "other than",
    }
}

/// What `absent` was asked of.
fn absent(expr: &Expr) -> Option<String> {
    let call = match expr.bare() {
        Expr::Call(call) => call,
        Expr::Binary(binary) if binary.op.is_comparison() => match binary.left.bare() {
            Expr::Call(call) => call,
            _ => return None,
        },
        _ => return None,
    };
    let asks = ["absent", "absent_over_time"].contains(&call.function.name);
    let of = call.args.first().filter(|_| asks)?;
    Some(format!("`{}`", one_line(of)))
}

fn one_line(expr: &Expr) -> String {
    expr.bare().to_string()
}

/// Short where it stays exact enough to be recognised.
fn number(v: f64) -> String {
    let plain = v.to_string();
    match plain.len() <= 7 || !v.is_finite() {
        true => deckwatch_promql::text::float_f(v),
        false => humanize(v),
    }
}

fn lasted(rule: &Rule, since: i64, end: i64, has: &str) -> String {
    let asked = match &rule.makes {
        Makes::Alert(alerting) => alerting.hold_ms,
        Makes::Record(_) => 0,
    };
    let lasted = format_duration((end - since).max(0));
    match (end <= since, asked) {
        (true, 0) => String::new(),
        (true, asked) => format!(" now (asked for: {})", format_duration(asked)),
        (false, 0) => format!(", and {has} for {lasted}"),
        (false, asked) => format!(
            ", and {has} for {lasted} (asked for: {})",
            format_duration(asked)
        ),
    }
}

fn kept(since: i64, keep_ms: i64, at: i64) -> String {
    let gone = format_duration((at - since).max(0));
    let rest = format_duration((since + keep_ms - at).max(0));
    format!("; that is over since {gone}, and it is kept firing for {rest} more")
}
