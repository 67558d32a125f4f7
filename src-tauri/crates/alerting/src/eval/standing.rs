//! How one alert stands, from evaluation to evaluation.

use serde::Serialize;

use crate::rules::Alerting;

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

/// What is remembered of an alert's course. Moments are milliseconds since 1970.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub state: AlertState,
    /// When its condition began to hold.
    pub active_at: i64,
    pub fired_at: Option<i64>,
    pub resolved_at: Option<i64>,
    /// Since when it only goes on firing because the rule says so.
    pub kept_since: Option<i64>,
}

/// How long a condition has to hold, and how long an alert outlives it, in milliseconds.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Lengths {
    pub hold_ms: i64,
    pub keep_ms: i64,
}

impl From<&Alerting> for Lengths {
    fn from(rule: &Alerting) -> Self {
        Lengths {
            hold_ms: rule.hold_ms,
            keep_ms: rule.keep_ms,
        }
    }
}

impl Standing {
    fn begun(at: i64) -> Self {
        Standing {
            state: AlertState::Pending,
            active_at: at,
            fired_at: None,
            resolved_at: None,
            kept_since: None,
        }
    }

    /// How the alert stands after an evaluation at `at` that found its condition to hold or not;
    /// none: nothing is known of it any more.
    pub fn next(before: Option<Self>, holds: bool, lengths: Lengths, at: i64) -> Option<Self> {
        let known = before.filter(|standing| standing.state != AlertState::Inactive);
        let now = match (holds, known) {
            (true, None) => Self::begun(at),
            (true, Some(standing)) => Standing {
                kept_since: None,
                ..standing
            },
            (false, None) => {
                // Over already. It is forgotten some time.
                let over = before?.resolved_at?;
                return (at - over <= RESOLVED_KEPT_MS).then_some(before?);
            }
            (false, Some(standing)) if standing.state == AlertState::Pending => return None,
            (false, Some(standing)) => match standing.kept(lengths.keep_ms, at) {
                Some(kept) => kept,
                None => return Some(standing.over(at)),
            },
        };
        Some(now.timed(lengths.hold_ms, at))
    }

    /// Firing on without its condition, if the rule has it so for long enough.
    fn kept(self, keep_ms: i64, at: i64) -> Option<Self> {
        let since = self.kept_since.unwrap_or(at);
        (keep_ms > 0 && at - since < keep_ms).then_some(Standing {
            kept_since: Some(since),
            ..self
        })
    }

    fn over(self, at: i64) -> Self {
        Standing {
            state: AlertState::Inactive,
            resolved_at: Some(at),
            ..self
        }
    }

    /// Pending or firing by how long it has been active. A rule that now asks for longer takes
    /// back what fires too early by its measure.
    fn timed(self, hold_ms: i64, at: i64) -> Self {
        let long_enough = at - self.active_at >= hold_ms;
        match (self.state, long_enough) {
            (AlertState::Pending, true) => Standing {
                state: AlertState::Firing,
                fired_at: Some(at),
                ..self
            },
            (AlertState::Firing, false) => Standing {
                state: AlertState::Pending,
                fired_at: None,
                kept_since: None,
                ..self
            },
            _ => self,
        }
    }
}
