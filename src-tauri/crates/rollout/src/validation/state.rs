//! What the facts of a service's validations add up to.

use std::collections::BTreeMap;

use deckwatch_domain::{
    Actor, Digest, IntentId, ReleaseVersion, ServiceName, Span, Timestamp, ValidationId,
};
use deckwatch_platform::{ReleaseSpec, TaskOutcome};
use serde::{Deserialize, Serialize};

use super::event::{Begun, Ending, Event};
use crate::plan::Check;

/// Validations that are remembered of each service: those that could still let a start pass.
const KEPT: usize = 50;

/// A service's validations, oldest first.
#[derive(Clone, PartialEq, Debug)]
pub struct Validations {
    pub service: ServiceName,
    /// The stream's version.
    pub version: u64,
    all: Vec<Validation>,
}

/// The checks of one plan, run for one release.
#[derive(Clone, PartialEq, Debug)]
pub struct Validation {
    pub id: ValidationId,
    pub service: ServiceName,
    pub release: ReleaseSpec,
    pub stable: Option<ReleaseVersion>,
    pub plan: String,
    pub plan_digest: Digest,
    pub checks: Vec<Check>,
    pub runner: String,
    pub by: Actor,
    pub started_at: Timestamp,
    /// The newest attempt at each check that was begun, by the check's place.
    pub records: BTreeMap<usize, CheckRecord>,
    pub cancelled: Option<String>,
    pub ended: Option<(Ending, Timestamp)>,
}

/// The newest attempt at a check.
#[derive(Clone, PartialEq, Debug)]
pub struct CheckRecord {
    pub attempt: u32,
    pub intent: Option<IntentId>,
    pub started_at: Timestamp,
    pub ended: Option<(TaskOutcome, Timestamp)>,
}

/// How a check stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStanding {
    Waiting,
    Running,
    /// An attempt failed, and another follows.
    Retrying,
    Passed,
    /// It failed and is not critical.
    Warning,
    Failed,
    /// The validation ended before it had an answer.
    NotDone,
}

/// What a validation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(rename = "ValidationOutcome")]
pub enum Outcome {
    Passed,
    /// Only what is not critical failed.
    Warnings,
    Failed,
}

impl Validations {
    pub fn new(service: ServiceName) -> Self {
        Validations {
            service,
            version: 0,
            all: Vec::new(),
        }
    }

    pub fn newest(&self) -> Option<&Validation> {
        self.all.last()
    }

    pub fn get(&self, id: ValidationId) -> Option<&Validation> {
        self.all.iter().rev().find(|v| v.id == id)
    }

    /// All that are remembered, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Validation> {
        self.all.iter().rev()
    }

    /// The newest of exactly this release by exactly this plan.
    pub fn of(&self, release: &ReleaseSpec, plan: Digest) -> Option<&Validation> {
        let mut all = self.iter();
        all.find(|v| v.release == *release && v.plan_digest == plan)
    }

    /// Takes in one fact that `actor` caused at `at`.
    pub fn evolve(&mut self, event: &Event, actor: &Actor, at: Timestamp) {
        let id = match event {
            Event::Begun(begun) => {
                self.all.push(Validation::begin(begun, actor, at));
                let excess = self.all.len().saturating_sub(KEPT);
                self.all.drain(..excess);
                return;
            }
            Event::CheckBegun { validation, .. }
            | Event::CheckEnded { validation, .. }
            | Event::CancelRequested { validation, .. }
            | Event::Ended { validation, .. } => *validation,
        };
        if let Some(found) = self.all.iter_mut().rev().find(|v| v.id == id) {
            found.evolve(event, at);
        }
    }
}

impl Validation {
    fn begin(begun: &Begun, by: &Actor, at: Timestamp) -> Self {
        Validation {
            id: begun.validation,
            service: begun.service.clone(),
            release: begun.release.clone(),
            stable: begun.stable.clone(),
            plan: begun.plan.clone(),
            plan_digest: begun.plan_digest,
            checks: begun.checks.clone(),
            runner: begun.runner.clone(),
            by: by.clone(),
            started_at: at,
            records: BTreeMap::new(),
            cancelled: None,
            ended: None,
        }
    }

    fn evolve(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::CheckBegun {
                check,
                attempt,
                intent,
                ..
            } => {
                let record = CheckRecord {
                    attempt: *attempt,
                    intent: *intent,
                    started_at: at,
                    ended: None,
                };
                self.records.insert(*check, record);
            }
            Event::CheckEnded {
                check,
                attempt,
                outcome,
                ..
            } => {
                if let Some(record) = self.records.get_mut(check)
                    && record.attempt == *attempt
                    && record.ended.is_none()
                {
                    record.ended = Some((outcome.clone(), at));
                }
            }
            Event::CancelRequested { why, .. } => self.cancelled = Some(why.clone()),
            // What ended stays ended.
            Event::Ended { ending, .. } if self.ended.is_none() => self.ended = Some((*ending, at)),
            Event::Ended { .. } | Event::Begun(_) => {}
        }
    }

    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// How the check at this place stands.
    pub fn standing(&self, check: usize) -> CheckStanding {
        let (Some(asked), record) = (self.checks.get(check), self.records.get(&check)) else {
            return CheckStanding::NotDone;
        };
        let live = self.is_live();
        match record.map(|r| (r.attempt, r.ended.as_ref())) {
            Some((_, Some((outcome, _)))) if outcome.passed => CheckStanding::Passed,
            Some((attempt, Some(_))) if attempt <= asked.retries && live => CheckStanding::Retrying,
            Some((_, Some(_))) if asked.critical => CheckStanding::Failed,
            Some((_, Some(_))) => CheckStanding::Warning,
            Some((_, None)) if live => CheckStanding::Running,
            None if live => CheckStanding::Waiting,
            _ => CheckStanding::NotDone,
        }
    }

    /// Whether nothing more is to be learnt of the check at this place.
    pub(super) fn settled(&self, check: usize) -> bool {
        matches!(
            self.standing(check),
            CheckStanding::Passed | CheckStanding::Warning | CheckStanding::Failed
        )
    }

    /// Why a release may not go out by this: every critical check that has not passed. Empty while
    /// all of them have.
    pub fn lacking(&self) -> Vec<String> {
        let checks = self.checks.iter().enumerate();
        let critical = checks.filter(|(_, check)| check.critical);
        critical
            .filter(|(place, _)| self.standing(*place) != CheckStanding::Passed)
            .map(|(place, check)| self.said(place, &check.name))
            .collect()
    }

    /// What else is not as it should be.
    pub fn warnings(&self) -> Vec<String> {
        let checks = self.checks.iter().enumerate();
        let others = checks.filter(|(_, check)| !check.critical);
        others
            .filter(|(place, _)| self.standing(*place) != CheckStanding::Passed)
            .map(|(place, check)| self.said(place, &check.name))
            .collect()
    }

    fn said(&self, place: usize, name: &str) -> String {
        let failed = self.records.get(&place).and_then(|r| r.ended.as_ref());
        match failed.filter(|(outcome, _)| !outcome.passed) {
            Some((outcome, _)) => format!("{name} failed: {}", outcome.why),
            None => format!("{name} was not done"),
        }
    }

    /// Whether it says that the release may go out: it came to its end (or to the end of its time),
    /// and every critical check passed.
    pub fn can_deploy(&self) -> bool {
        let ended = matches!(self.ended, Some((Ending::Finished | Ending::TimedOut, _)));
        ended && self.lacking().is_empty()
    }

    /// What it came to; none while it runs.
    pub fn outcome(&self) -> Option<Outcome> {
        self.ended?;
        Some(match (self.can_deploy(), self.warnings().is_empty()) {
            (true, true) => Outcome::Passed,
            (true, false) => Outcome::Warnings,
            (false, _) => Outcome::Failed,
        })
    }

    /// How long it ran; so far, while it runs.
    pub fn took(&self, now: Timestamp) -> Span {
        let end = self.ended.map_or(now, |(_, at)| at);
        end.since(self.started_at).into()
    }
}
