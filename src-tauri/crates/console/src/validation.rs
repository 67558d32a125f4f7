//! Validation: the checks of a plan, run on this machine before a release starts, and the proof of
//! it that a start has to show.

mod inspect;
mod run;

use std::path::PathBuf;

use deckwatch_domain::{Digest, ServiceName, Timestamp, ValidationId};
use deckwatch_platform::ReleaseSpec;
use deckwatch_rollout::Refusal;
use deckwatch_rollout::plan::{CHECKS, check_about, check_text};
use deckwatch_rollout::ports::{Ids as _, Liveness as _, Tasks as _};
use deckwatch_rollout::validation::{
    self, Begun, Event, Validated, Validation, ValidationStatus, Validations, stream,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::{Console, TimeIds};
use crate::holder::{Holder, LockFiles};
use crate::plans::{ByName, PlanText};
use crate::problem::Problem;
use crate::rollouts::{Noted, Start, prepared, read_plan};
use crate::route::{ByService, Done, Nothing};
use crate::services::version;
use crate::show::take_in;
use crate::tasks::TaskDesk;

/// Checks that ship.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ChecksRow {
    pub name: String,
    pub about: String,
}

/// # Errors
/// None.
pub async fn list_checks(_: &Console, _: Nothing) -> Result<Vec<ChecksRow>, Problem> {
    let rows = CHECKS.iter().map(|(name, text)| ChecksRow {
        name: (*name).into(),
        about: check_about(text),
    });
    Ok(rows.collect())
}

/// # Errors
/// That there are no such checks.
pub async fn show_checks(_: &Console, by: ByName) -> Result<PlanText, Problem> {
    let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    let unknown = || {
        Problem::new(
            "checks.unknown",
            format!(
                "no checks are called {}; there is: {}",
                by.name,
                names.join(", ")
            ),
        )
    };
    let yaml = check_text(&by.name).ok_or_else(unknown)?.to_owned();
    Ok(PlanText {
        name: by.name,
        yaml,
    })
}

/// Runs the checks of a plan for a release, and answers once they have ended.
///
/// # Errors
/// The plan's mistakes, a refusal, or what could not be reached; never that a check failed.
pub async fn run(console: &Console, mut ask: Start) -> Result<ValidationStatus, Problem> {
    let (service, release) = prepared(console, &mut ask, None)?;
    let (plan, text) = read_plan(&ask)?;
    console.known(&service).await?;
    let seen = console.platform.observe(&service).await?;
    let runners = console.runners();
    std::fs::create_dir_all(&runners)?;
    let holder = Holder::new(&runners)?;
    let id = ValidationId::new(TimeIds.event().uuid());
    let begun = Begun {
        validation: id,
        service: service.clone(),
        release,
        stable: version(&seen, deckwatch_domain::Role::Stable),
        plan: plan.name,
        plan_digest: Digest::of(text.as_bytes()),
        checks: plan.validate,
        runner: holder.name.clone(),
    };
    console
        .validate(&service, |state, gone, now| {
            validation::begin(state, begun.clone(), gone, now)
        })
        .await?;
    let ended = run::run(console, &service, id).await;
    let _ = console.anchor().await;
    ended
}

/// # Errors
/// A refusal, or the journal's.
pub async fn cancel(console: &Console, ask: Noted) -> Result<Done, Problem> {
    let events = console
        .validate(&ask.service, |state, gone, now| {
            validation::cancel(state, &ask.note, gone, now)
        })
        .await?;
    let _ = console.anchor().await;
    Ok(Done::new(match events.as_slice() {
        [Event::Ended { .. }] => "whoever ran it is gone; it is marked as lost",
        [] => "it is being cancelled already",
        _ => "it is being cancelled",
    }))
}

/// The newest validation of a service, if there has been one.
///
/// # Errors
/// The journal's.
pub async fn show(console: &Console, by: ByService) -> Result<Option<ValidationStatus>, Problem> {
    let state = console.validations(&by.service).await?;
    let now = console.clock.now().wall;
    Ok(state
        .newest()
        .map(|newest| validation::status(newest, console.is_gone(newest), now)))
}

/// What there is to show when this release is to start by the plan that was asked for.
///
/// # Errors
/// The journal's.
pub(crate) async fn proof(
    console: &Console,
    service: &ServiceName,
    release: &ReleaseSpec,
    ask: &Start,
) -> Result<Validated, Problem> {
    let plan = Digest::of(read_plan(ask)?.1.as_bytes());
    let state = console.validations(service).await?;
    Ok(Validated {
        plan: Some(plan),
        newest: state.of(release, plan).cloned().map(Box::new),
        break_glass: ask.break_glass.clone(),
    })
}

impl Console {
    /// One locked file for each validation that is being run from this folder.
    fn runners(&self) -> PathBuf {
        self.folder.path().join("runners")
    }

    /// Whether whoever runs a validation is known to be gone.
    fn is_gone(&self, validation: &Validation) -> bool {
        let drivers = self.runners();
        validation.is_live() && LockFiles { drivers }.is_gone(&validation.runner)
    }

    /// One service's validations, read from its stream.
    pub(crate) async fn validations(&self, service: &ServiceName) -> Result<Validations, Problem> {
        let store = self.store().await?;
        let mut state = Validations::new(service.clone());
        let version = take_in(store.as_ref(), &stream(service), |event, actor, at| {
            state.evolve(&event, actor, at);
        })
        .await?;
        state.version = version;
        Ok(state)
    }

    /// Decides on something that is asked of a service's validations, and records what came of it.
    async fn validate(
        &self,
        service: &ServiceName,
        decide: impl Fn(&Validations, bool, Timestamp) -> Result<Vec<Event>, Refusal>,
    ) -> Result<Vec<Event>, Problem> {
        for _ in 0..16 {
            let state = self.validations(service).await?;
            let newest = state.newest();
            let gone = newest.is_some_and(|newest| self.is_gone(newest));
            let now = self.clock.now().wall;
            let events = decide(&state, gone, now)?;
            if let Some(lost) = newest.filter(|newest| newest.is_lost(gone, now)) {
                self.end_attempts(lost).await;
            }
            if self.append_validation(&state, &events, now).await? {
                return Ok(events);
            }
        }
        Err(Problem::new(
            "journal.conflict",
            "others keep writing first; try again",
        ))
    }

    /// Writes events at the end of a service's validations; false when somebody wrote first.
    async fn append_validation(
        &self,
        state: &Validations,
        events: &[Event],
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let events = events.iter().map(|event| (event.kind(), json!(event)));
        self.append_at(
            &stream(&state.service),
            state.version,
            events.collect(),
            now,
        )
        .await
    }

    fn task_desk(&self) -> TaskDesk {
        TaskDesk {
            tasks: self.tasks(),
            secrets: self.secrets(),
        }
    }

    /// Ends what a lost validation has left running: each attempt is a process of its own.
    async fn end_attempts(&self, lost: &Validation) {
        let desk = self.task_desk();
        let open = lost.records.values().filter(|r| r.ended.is_none());
        for intent in open.filter_map(|record| record.intent) {
            let _ = desk.stop(intent).await;
        }
    }
}
