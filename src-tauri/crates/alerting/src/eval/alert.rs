//! The alerts of one rule.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::SampleValue;

use super::standing::{AlertState, Lengths, Standing};
use crate::rules::{Alerting, Words};

/// How long whoever is told of an alert is left in peace while it stands as it did, in
/// milliseconds.
pub const RESEND_MS: i64 = 60_000;

/// One alert.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    pub standing: Standing,
    pub labels: Labels,
    pub annotations: Words,
    /// At the newest evaluation at which its condition held.
    pub value: SampleValue,
    /// When it was last told of, in milliseconds since 1970.
    pub sent_at: Option<i64>,
}

/// An alert that stands otherwise than before.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    pub labels: Labels,
    /// None: it was not known.
    pub from: Option<AlertState>,
    pub to: AlertState,
}

/// An alert to be told of now.
#[derive(Clone, PartialEq, Debug)]
pub struct Due {
    pub alert: Alert,
    /// How long it may be believed without being told again, in milliseconds since 1970: two
    /// evaluations and two deliveries may fail.
    pub valid_until: i64,
}

/// One series that meets a rule's condition now.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub labels: Labels,
    pub annotations: Words,
    pub value: SampleValue,
}

/// The alerts of one rule, by their labels.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Alerts(pub BTreeMap<Labels, Alert>);

impl Alerts {
    /// Takes in what an evaluation at `at` has found; answers with what has changed.
    pub fn take(&mut self, rule: &Alerting, met: Vec<Met>, at: i64) -> Vec<Change> {
        let lengths = Lengths::from(rule);
        let mut changes = Vec::new();
        let now: BTreeSet<Labels> = met.iter().map(|m| m.labels.clone()).collect();
        for found in met {
            self.found(found, lengths, at, &mut changes);
        }
        self.0.retain(|labels, alert| {
            now.contains(labels) || goes_on(alert, lengths, at, &mut changes)
        });
        changes.sort_by(|a, b| a.labels.cmp(&b.labels));
        changes
    }

    fn found(&mut self, found: Met, lengths: Lengths, at: i64, changes: &mut Vec<Change>) {
        let before = self.0.get(&found.labels);
        let Some(standing) = Standing::next(before.map(|a| a.standing), true, lengths, at) else {
            return;
        };
        let from = before.map(|a| a.standing.state);
        // What begins anew, or waits again, has not been told of.
        let goes_on = |alert: &&Alert| {
            alert.standing.state != AlertState::Inactive && standing.state == AlertState::Firing
        };
        let sent_at = before.filter(goes_on).and_then(|alert| alert.sent_at);
        if from != Some(standing.state) {
            changes.push(Change {
                labels: found.labels.clone(),
                from,
                to: standing.state,
            });
        }
        let alert = Alert {
            standing,
            labels: found.labels.clone(),
            annotations: found.annotations,
            value: found.value,
            sent_at,
        };
        self.0.insert(found.labels, alert);
    }

    /// Pending or firing.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        let alerts = self.0.values();
        alerts.filter(|alert| alert.standing.state != AlertState::Inactive)
    }

    /// After an error nothing is known of any alert.
    pub fn forget(&mut self) -> Vec<Change> {
        let gone = std::mem::take(&mut self.0).into_values();
        let active = gone.filter(|alert| alert.standing.state != AlertState::Inactive);
        active
            .map(|alert| over(alert.labels, alert.standing.state))
            .collect()
    }

    /// Alerts to be told of at `at`, which is noted.
    pub fn due(&mut self, at: i64, interval_ms: i64) -> Vec<Due> {
        let valid_until = at + 4 * interval_ms.max(RESEND_MS);
        let alerts = self.0.values_mut().filter(|alert| alert.is_due(at));
        alerts
            .map(|alert| {
                alert.sent_at = Some(at);
                Due {
                    alert: alert.clone(),
                    valid_until,
                }
            })
            .collect()
    }
}

impl Alert {
    fn is_due(&self, at: i64) -> bool {
        if self.standing.state == AlertState::Pending {
            return false;
        }
        let Some(sent) = self.sent_at else {
            return true;
        };
        self.standing.resolved_at.is_some_and(|over| over > sent) || sent + RESEND_MS < at
    }
}

fn over(labels: Labels, from: AlertState) -> Change {
    Change {
        labels,
        from: Some(from),
        to: AlertState::Inactive,
    }
}

/// An alert whose condition does not hold; whether it is still known.
fn goes_on(alert: &mut Alert, lengths: Lengths, at: i64, changes: &mut Vec<Change>) -> bool {
    let from = alert.standing.state;
    let next = Standing::next(Some(alert.standing), false, lengths, at);
    let to = next.map_or(AlertState::Inactive, |standing| standing.state);
    if from != to {
        changes.push(Change {
            labels: alert.labels.clone(),
            from: Some(from),
            to,
        });
    }
    if let Some(standing) = next {
        alert.standing = standing;
        if standing.state == AlertState::Pending {
            alert.sent_at = None;
        }
    }
    next.is_some()
}
