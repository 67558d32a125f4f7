//! What was pending before whoever evaluates was restarted.

use std::collections::BTreeMap;

use deckwatch_promql::labels::{Labels, METRIC_NAME};
use deckwatch_promql::value::is_stale;
use deckwatch_promql::{Matcher, SampleSource, Selection};

use super::alert::Alert;
use super::group::Evaluation;
use super::vector::ALERT_NAME;
use crate::rules::Makes;

/// How long ago samples may have ended so that what was pending then counts, in milliseconds.
pub const OUTAGE_MS: i64 = 60 * 60_000;
/// The least that a restored alert waits before it fires, in milliseconds: its condition may have
/// been gone meanwhile. Rules that wait for less anyway are not restored.
pub const GRACE_MS: i64 = 10 * 60_000;

impl Evaluation {
    /// Since when alerts are pending, from what was recorded of them before `at`.
    pub(super) fn restore(&mut self, at: i64, samples: &dyn SampleSource) {
        let rules = self.group.rules.iter().zip(&mut self.kept);
        for (rule, kept) in rules {
            let Makes::Alert(alerting) = &rule.makes else {
                continue;
            };
            if alerting.hold_ms < GRACE_MS {
                continue;
            }
            let known = recorded_of(&alerting.name, at, samples);
            for alert in kept.alerts.0.values_mut() {
                if let Some((last, since)) = known.get(&alert.labels) {
                    moved(alert, alerting.hold_ms, at, *last, *since);
                }
            }
        }
    }
}

/// By the alert's labels: when it was last told of, and since when it was pending, in
/// milliseconds. A source that cannot be read knows nothing.
fn recorded_of(name: &str, at: i64, samples: &dyn SampleSource) -> BTreeMap<Labels, (i64, i64)> {
    let selection = Selection {
        matchers: vec![
            Matcher::equal(ALERT_NAME, name),
            Matcher::equal(METRIC_NAME, "ALERTS_FOR_STATE"),
        ],
        from_ms: at - OUTAGE_MS,
        to_ms: at,
    };
    let series = samples.select(&selection).unwrap_or_default();
    let newest = series.iter().filter_map(|series| {
        let within = series.floats.iter().rev().find(|p| p.t <= at)?;
        let counts = within.t >= at - OUTAGE_MS && !is_stale(within.v);
        let whole_seconds = within.t.div_euclid(1000) * 1000;
        let since = (within.v as i64).saturating_mul(1000);
        counts.then(|| {
            (
                series.labels.without_one(METRIC_NAME),
                (whole_seconds, since),
            )
        })
    });
    newest.collect()
}

/// The time without evaluations does not count as waiting.
fn moved(alert: &mut Alert, hold_ms: i64, at: i64, down_at: i64, since: i64) {
    let remaining = hold_ms - (down_at - since);
    alert.standing.active_at = if remaining <= 0 {
        // It was firing, and does again at the next evaluation.
        since
    } else if remaining < GRACE_MS {
        at + GRACE_MS - hold_ms
    } else {
        since + (at - down_at)
    };
}
