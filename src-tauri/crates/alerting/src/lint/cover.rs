//! What lies outside of what a rule sees: samples that are gone, series that are gone, and alerts
//! that come and go.

use std::collections::BTreeSet;

use deckwatch_promql::ast::{BinaryOp, Expr};
use deckwatch_promql::{Options, When, format_duration};

use super::{Code, Look, each, metrics};
use crate::comparison::Comparison;
use crate::rules::{Alerting, RuleFile};

const DAY_MS: f64 = 86_400_000.0;
/// How often a day a condition may begin to hold without being said to flap.
const OFTEN_A_DAY: f64 = 2.0;
/// Fewer are no pattern.
const FEW: usize = 3;

/// The metrics whose absence some rule of the file looks for.
pub(super) fn watched(file: &RuleFile) -> BTreeSet<String> {
    let mut watched = BTreeSet::new();
    for (_, rule) in file.rules() {
        each(rule.query.expr(), &mut |expr| {
            if let Expr::Call(call) = expr
                && ["absent", "absent_over_time"].contains(&call.function.name)
            {
                let names = metrics(expr).into_iter();
                watched.extend(names.map(|(name, _)| name.to_owned()));
            }
        });
    }
    watched
}

impl Look<'_> {
    pub(super) fn retention(&mut self) {
        let Some(kept) = self.facts.retention_ms else {
            return;
        };
        // What is read of the time before the moment 0 is how far back it goes.
        let reads = self.rule.query.needs(When::Instant(0), &Options::default());
        let first = reads
            .unwrap_or_default()
            .iter()
            .map(|need| need.from_ms)
            .min();
        let back = first.unwrap_or(0).saturating_neg();
        let back = back.saturating_add(self.group.query_offset_ms.unwrap_or(0));
        if back <= kept {
            return;
        }
        // Windows leave their own first millisecond out.
        let (back, kept) = (
            format_duration((back + 999) / 1000 * 1000),
            format_duration(kept),
        );
        self.say(
            Code::WindowOverRetention,
            None,
            format!("it reads samples of {back}, and only {kept} are kept"),
            "shorten the window, record an intermediate result, or keep samples for longer",
        );
    }

    /// A series that is gone is neither zero nor low: the alert is silent.
    pub(super) fn absence(&mut self, watched: &BTreeSet<String>) {
        let Some(comparison) = Comparison::of(&self.rule.query) else {
            return;
        };
        let Comparison { value, op, .. } = comparison;
        let zero = comparison.number().is_some_and(|(number, _)| number == 0.0);
        let low = matches!(op, BinaryOp::Less | BinaryOp::LessOrEqual);
        if !(low || (op == BinaryOp::Equal && zero)) {
            return;
        }
        let names = metrics(value);
        let unwatched = names.iter().find(|(name, _)| !watched.contains(*name));
        // One that is watched stands for those beside it.
        let (Some((name, span)), true) =
            (unwatched, names.iter().all(|(n, _)| !watched.contains(*n)))
        else {
            return;
        };
        let what = format!("when the series of `{name}` are gone altogether, this alert is silent");
        let advice = format!("add an alert on `absent({name}{{…}})` with the labels that matter");
        self.say(Code::MissingAbsent, Some(*span), what, advice);
    }

    pub(super) fn flapping(&mut self, alerting: &Alerting, place: usize) {
        let key = (self.group.name.clone(), place);
        let Some(past) = self.facts.past.get(&key).copied() else {
            return;
        };
        if alerting.hold_ms > 0 || alerting.keep_ms > 0 || past.over_ms <= 0 || past.times < FEW {
            return;
        }
        let days = past.over_ms as f64 / DAY_MS;
        let a_day = past.times as f64 / days;
        if a_day < OFTEN_A_DAY {
            return;
        }
        let over = format_duration(past.over_ms);
        self.say(
            Code::Flapping,
            None,
            format!(
                "there is no `for`, and in the past {over} the condition began to hold {} times ({a_day:.1} a day)",
                past.times
            ),
            "add a `for`, or a `keep_firing_for`, or move the threshold: try them against the past",
        );
    }
}
