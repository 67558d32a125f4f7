//! What becomes of an alerting rule's alerts from evaluation to evaluation.

use std::collections::{BTreeMap, HashSet};

use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::SampleValue;
use serde::Serialize;

use crate::rules::{Alerting, Words};

/// How long an alert that is over is still known, in milliseconds: whoever is told of alerts may
/// have missed its end.
pub const RESOLVED_KEPT_MS: i64 = 15 * 60_000;

/// How an alert stands.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Its condition is gone.
    Inactive,
    /// Its condition holds, not yet for long enough.
    Pending,
    Firing,
}

impl AlertState {
    pub const fn word(self) -> &'static str {
        match self {
            AlertState::Inactive => "inactive",
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
        }
    }
}

/// One alert. Moments are milliseconds since 1970.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    pub state: AlertState,
    pub labels: Labels,
    pub annotations: Words,
    /// At the newest evaluation at which its condition held.
    pub value: SampleValue,
    /// When its condition began to hold.
    pub active_at: i64,
    pub fired_at: Option<i64>,
    pub resolved_at: Option<i64>,
    /// Since when it only goes on firing because the rule says so.
    pub kept_since: Option<i64>,
}

/// An alert that stands otherwise than before.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    pub labels: Labels,
    /// None: it was not known.
    pub from: Option<AlertState>,
    pub to: AlertState,
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
        let before: BTreeMap<Labels, AlertState> = self.states();
        let now: HashSet<Labels> = met.iter().map(|m| m.labels.clone()).collect();
        for found in met {
            self.found(found, at);
        }
        self.0.retain(|labels, alert| match now.contains(labels) {
            true => {
                alert.kept_since = None;
                true
            }
            false => gone(alert, rule, at),
        });
        for alert in self.0.values_mut() {
            if alert.state == AlertState::Pending && at - alert.active_at >= rule.hold_ms {
                alert.state = AlertState::Firing;
                alert.fired_at = Some(at);
            }
        }
        self.changes(&before)
    }

    fn found(&mut self, found: Met, at: i64) {
        if let Some(alert) = self.0.get_mut(&found.labels)
            && alert.state != AlertState::Inactive
        {
            alert.value = found.value;
            alert.annotations = found.annotations;
            return;
        }
        let alert = Alert {
            state: AlertState::Pending,
            labels: found.labels.clone(),
            annotations: found.annotations,
            value: found.value,
            active_at: at,
            fired_at: None,
            resolved_at: None,
            kept_since: None,
        };
        self.0.insert(found.labels, alert);
    }

    /// Pending or firing.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        let alerts = self.0.values();
        alerts.filter(|alert| alert.state != AlertState::Inactive)
    }

    fn states(&self) -> BTreeMap<Labels, AlertState> {
        let alerts = self.0.iter();
        alerts.map(|(labels, alert)| (labels.clone(), alert.state)).collect()
    }

    fn changes(&self, before: &BTreeMap<Labels, AlertState>) -> Vec<Change> {
        let stands = self.0.iter().filter_map(|(labels, alert)| {
            let from = before.get(labels).copied();
            (from != Some(alert.state)).then(|| Change {
                labels: labels.clone(),
                from,
                to: alert.state,
            })
        });
        // What was pending and is no more is forgotten at once.
        let forgotten = before.iter().filter_map(|(labels, from)| {
            let over = *from != AlertState::Inactive && !self.0.contains_key(labels);
            over.then(|| Change {
                labels: labels.clone(),
                from: Some(*from),
                to: AlertState::Inactive,
            })
        });
        stands.chain(forgotten).collect()
    }

    /// After an error nothing is known of any alert.
    pub fn forget(&mut self) -> Vec<Change> {
        let before = self.states();
        self.0.clear();
        self.changes(&before)
    }
}

/// An alert whose condition does not hold any more; whether it is still known.
fn gone(alert: &mut Alert, rule: &Alerting, at: i64) -> bool {
    if alert.state == AlertState::Firing && rule.keep_ms > 0 {
        let since = *alert.kept_since.get_or_insert(at);
        if at - since < rule.keep_ms {
            return true;
        }
    }
    let long_over = alert.resolved_at.is_some_and(|over| at - over > RESOLVED_KEPT_MS);
    if alert.state == AlertState::Pending || long_over {
        return false;
    }
    if alert.state == AlertState::Firing {
        alert.state = AlertState::Inactive;
        alert.resolved_at = Some(at);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn rule(hold: i64, keep: i64) -> Alerting {
        Alerting {
            name: "Down".into(),
            hold_ms: hold * MINUTE,
            keep_ms: keep * MINUTE,
            annotations: Words::new(),
        }
    }

    /// The states of one alert, minute by minute; `x` where the condition holds.
    fn story(rule: &Alerting, holds: &str) -> String {
        let labels = Labels::from_pairs([("alertname", "Down")]);
        let mut alerts = Alerts::default();
        let minutes = holds.chars().zip(0..).map(|(c, minute)| {
            let met = Met {
                labels: labels.clone(),
                annotations: Words::new(),
                value: SampleValue::Float(f64::from(minute)),
            };
            let met = (c == 'x').then_some(met).into_iter().collect();
            alerts.take(rule, met, i64::from(minute) * MINUTE);
            match alerts.0.get(&labels).map(|a| a.state) {
                None => '-',
                Some(AlertState::Inactive) => 'i',
                Some(AlertState::Pending) => 'p',
                Some(AlertState::Firing) => 'F',
            }
        });
        minutes.collect()
    }

    #[test]
    fn states_follow_the_condition() {
        let table = [
            // hold, keep, the condition, the states
            (0, 0, "x.x", "FiF"),
            (2, 0, "xxxx.x", "ppFFip"),
            (2, 0, "xx.xx", "pp-pp"),
            (0, 3, "x....x", "FFFFiF"),
            (0, 3, "x..x...", "FFFFFFF"),
            (1, 2, "xx...", "pFFFi"),
        ];
        for (hold, keep, holds, expected) in table {
            assert_eq!(story(&rule(hold, keep), holds), expected, "{hold} {keep} {holds}");
        }
    }

    #[test]
    fn what_is_over_is_known_for_a_quarter_of_an_hour() {
        let holds = format!("x{}", ".".repeat(18));
        let expected = format!("F{}--", "i".repeat(16));
        assert_eq!(story(&rule(0, 0), &holds), expected);
    }

    #[test]
    fn changes_are_told_once() {
        let labels = Labels::from_pairs([("alertname", "Down")]);
        let met = || Met {
            labels: labels.clone(),
            annotations: Words::new(),
            value: SampleValue::Float(1.0),
        };
        let mut alerts = Alerts::default();
        let mut told = Vec::new();
        for (minute, holds) in [(0, true), (1, true), (2, true), (3, false), (4, true), (5, false)] {
            let met = holds.then(met).into_iter().collect();
            for change in alerts.take(&rule(1, 0), met, minute * MINUTE) {
                told.push((minute, change.from.map(AlertState::word), change.to.word()));
            }
        }
        let expected = [
            (0, None, "pending"),
            (1, Some("pending"), "firing"),
            (3, Some("firing"), "inactive"),
            (4, Some("inactive"), "pending"),
            (5, Some("pending"), "inactive"),
        ];
        assert_eq!(told, expected);
    }
}
