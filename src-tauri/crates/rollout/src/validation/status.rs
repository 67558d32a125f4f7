//! A validation as it is shown.

use deckwatch_domain::{
    Actor, Digest, IntentId, ReleaseVersion, ServiceName, Span, Timestamp, ValidationId,
};
use serde::{Deserialize, Serialize};

use super::event::Ending;
use super::state::{CheckStanding, Outcome, Validation};

/// Where a validation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(rename = "ValidationStanding")]
pub enum Standing {
    Running,
    Finished,
    TimedOut,
    Cancelled,
    /// Whoever ran it is gone; it can be run again.
    Lost,
}

/// One check.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct CheckStatus {
    pub name: String,
    pub description: String,
    /// What it looks at, in words.
    pub looks_at: String,
    pub critical: bool,
    pub timeout: Span,
    pub retries: u32,
    pub standing: CheckStanding,
    /// 0 before the first.
    pub attempt: u32,
    pub started_at: Option<Timestamp>,
    /// Of the newest attempt that has ended.
    pub took: Option<Span>,
    pub why: String,
    /// The last lines of what it printed.
    pub tail: String,
    /// Of a command or a call: by which its output is asked for.
    pub intent: Option<IntentId>,
}

/// A validation with everything there is to see of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ValidationStatus {
    pub validation: ValidationId,
    pub service: ServiceName,
    pub release: ReleaseVersion,
    pub plan: String,
    pub plan_digest: Digest,
    pub by: Actor,
    pub standing: Standing,
    /// None while it runs.
    pub outcome: Option<Outcome>,
    /// Every critical check passed, and it has ended.
    pub can_deploy: bool,
    /// Why the release may not go out; then what failed without being critical.
    pub reasons: Vec<String>,
    pub warnings: Vec<String>,
    pub checks: Vec<CheckStatus>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// So far, while it runs.
    pub took: Span,
}

/// How it stands at `now`; `gone`: its runner is known to be.
pub fn status(validation: &Validation, gone: bool, now: Timestamp) -> ValidationStatus {
    let mut shown = validation.clone();
    if validation.is_lost(gone, now) {
        // As it will be recorded by whoever runs the next one.
        shown.ended = Some((Ending::Lost, now));
    }
    let standing = match shown.ended {
        None => Standing::Running,
        Some((Ending::Finished, _)) => Standing::Finished,
        Some((Ending::TimedOut, _)) => Standing::TimedOut,
        Some((Ending::Cancelled, _)) => Standing::Cancelled,
        Some((Ending::Lost, _)) => Standing::Lost,
    };
    let over = shown.ended.is_some();
    ValidationStatus {
        validation: shown.id,
        service: shown.service.clone(),
        release: shown.release.version.clone(),
        plan: shown.plan.clone(),
        plan_digest: shown.plan_digest,
        by: shown.by.clone(),
        standing,
        outcome: shown.outcome(),
        can_deploy: shown.can_deploy(),
        reasons: if over { shown.lacking() } else { Vec::new() },
        warnings: if over { shown.warnings() } else { Vec::new() },
        checks: (0..shown.checks.len())
            .filter_map(|place| check(&shown, place))
            .collect(),
        started_at: shown.started_at,
        ended_at: validation.ended.map(|(_, at)| at),
        took: shown.took(now),
    }
}

fn check(validation: &Validation, place: usize) -> Option<CheckStatus> {
    let asked = validation.checks.get(place)?;
    let record = validation.records.get(&place);
    let ended = record.and_then(|r| r.ended.as_ref());
    Some(CheckStatus {
        name: asked.name.clone(),
        description: asked.description.clone(),
        looks_at: asked.looks.words(),
        critical: asked.critical,
        timeout: asked.timeout,
        retries: asked.retries,
        standing: validation.standing(place),
        attempt: record.map_or(0, |r| r.attempt),
        started_at: record.map(|r| r.started_at),
        took: ended.map(|(outcome, _)| outcome.took),
        why: ended
            .map(|(outcome, _)| outcome.why.clone())
            .unwrap_or_default(),
        tail: ended
            .map(|(outcome, _)| outcome.tail.clone())
            .unwrap_or_default(),
        intent: record.and_then(|r| r.intent),
    })
}
