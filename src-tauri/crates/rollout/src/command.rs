//! What people may ask of a rollout, and when. Pure: `decide` answers with facts or a refusal.
//!
//! A refusal is not an error: it names what is in the way and what would allow it. Nothing here
//! can refuse a rollback of a rollout that has a way back.

mod promote;

use deckwatch_domain::{Actor, EventId, RolloutId, Timestamp};
use deckwatch_platform::TakeBackRecord;
use serde::{Deserialize, Serialize};

use crate::event::{Cause, Ending, Event, PauseReason, Started};
use crate::plan::{Gate, RollbackKind};
use crate::state::{Phase, Rollout, Rollouts};
use crate::validation::{self, Validated};

/// Not allowed now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{why}; {instead}")]
pub struct Refusal {
    /// Stable, for programs: `rollout-live`, `not-paused`.
    pub code: String,
    pub why: String,
    /// What would allow it.
    pub instead: String,
}

pub(crate) fn refuse<T>(
    code: &str,
    why: impl Into<String>,
    instead: impl Into<String>,
) -> Result<T, Refusal> {
    Err(Refusal {
        code: code.into(),
        why: why.into(),
        instead: instead.into(),
    })
}

/// What a person (or the engine, for them) asks.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    Start {
        started: Box<Started>,
        /// Take a live rollout back first and end it as superseded.
        supersede: bool,
        /// The event id for that take-back.
        take_back: EventId,
        /// What there is to show of a validation, where the plan asks for one.
        validated: Validated,
    },
    Pause {
        note: String,
    },
    Resume,
    /// Watch the current stage anew, with fresh evidence.
    Retry,
    Promote {
        /// Skip the steps in between as well.
        full: bool,
        /// Override what is not open, for this reason.
        break_glass: Option<String>,
    },
    Approve {
        /// The roles this actor is bound to, and whether the gate's role is bound to anyone.
        roles: Vec<String>,
        bound: bool,
        note: String,
    },
    Reject {
        why: String,
        take_back: EventId,
        kind: RollbackKind,
    },
    Abort {
        why: String,
        take_back: EventId,
        kind: RollbackKind,
    },
    /// Traffic is back, or on its way: take back what the tasks did as well.
    PutBack {
        why: String,
        kind: RollbackKind,
    },
    /// A take-back was found on the platform or in the fallback file.
    Absorb {
        record: TakeBackRecord,
    },
}

/// Decides on one command by `actor`.
///
/// # Errors
/// A refusal with what would allow it.
pub fn decide(
    state: &Rollouts,
    command: &Command,
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Start {
            started,
            supersede,
            take_back,
            validated,
        } => {
            let events = start(state, started, *supersede, *take_back)?;
            let lacking = validation::admit(started, validated, now)?;
            Ok(with_broken_glass(started, validated, lacking, events))
        }
        Command::Absorb { record } => Ok(absorb(state, record)),
        Command::Pause { note } => pause(live(state)?, note),
        Command::Resume => resume(live(state)?),
        Command::Retry => retry(live(state)?),
        Command::Promote { full, break_glass } => {
            promote::promote(live(state)?, *full, break_glass.as_deref(), now)
        }
        Command::Approve { roles, bound, note } => {
            approve(live(state)?, actor, roles, *bound, note)
        }
        Command::PutBack { why, kind } => put_back(state, why, *kind),
        Command::Reject {
            why,
            take_back,
            kind,
        } => {
            let rollout = live(state)?;
            if approval_gate(rollout).is_none() {
                return refuse(
                    "no-approval-asked",
                    "the current step asks for no approval",
                    "use abort to take the rollout back",
                );
            }
            Ok(vec![go_back(
                rollout.id,
                Cause::Rejected,
                Ending::Aborted,
                why,
                *take_back,
                *kind,
            )])
        }
        Command::Abort {
            why,
            take_back,
            kind,
        } => {
            let rollout = match &state.current {
                // Its traffic may be back already while the clean-up still runs.
                Some(r) if r.is_live() => r,
                _ => live(state)?,
            };
            Ok(vec![go_back(
                rollout.id,
                Cause::Person,
                Ending::Aborted,
                why,
                *take_back,
                *kind,
            )])
        }
    }
}

fn go_back(
    rollout: RolloutId,
    cause: Cause,
    ends_as: Ending,
    why: &str,
    id: EventId,
    kind: RollbackKind,
) -> Event {
    Event::RollbackRequested {
        rollout,
        cause,
        ends_as,
        why: why.to_owned(),
        take_back: id,
        kind,
    }
}

/// What the tasks of a release did is taken back after its traffic, at once or later.
fn put_back(state: &Rollouts, why: &str, kind: RollbackKind) -> Result<Vec<Event>, Refusal> {
    let back = state
        .current
        .as_ref()
        .and_then(|rollout| Some((rollout, rollout.back.as_ref()?)));
    let Some((rollout, back)) = back else {
        return refuse(
            "not-taken-back",
            format!("traffic of {} has not been taken back", state.service),
            "roll back, or abort the rollout, with this kind",
        );
    };
    if kind == RollbackKind::Quick {
        return Ok(Vec::new());
    }
    let ends_as = match rollout.phase {
        Phase::Aborted => Ending::Aborted,
        Phase::Superseded => Ending::Superseded,
        Phase::Failed => Ending::Failed,
        _ => back.ends_as,
    };
    let why = match why.trim() {
        "" => back.why.as_str(),
        why => why,
    };
    Ok(vec![go_back(
        rollout.id,
        back.cause,
        ends_as,
        why,
        back.take_back,
        kind,
    )])
}

fn live(state: &Rollouts) -> Result<&Rollout, Refusal> {
    match &state.current {
        Some(rollout) if rollout.is_live() => Ok(rollout),
        Some(rollout) => refuse(
            "rollout-over",
            format!(
                "the last rollout of {} is {}",
                state.service,
                rollout.phase.words()
            ),
            "start a new one",
        ),
        None => refuse(
            "no-rollout",
            format!("{} has no rollout", state.service),
            "start one",
        ),
    }
}

fn start(
    state: &Rollouts,
    started: &Started,
    supersede: bool,
    take_back: EventId,
) -> Result<Vec<Event>, Refusal> {
    if state.queued.is_some() {
        return refuse(
            "rollout-queued",
            format!("another release already waits for {}", state.service),
            "wait until it has begun, then supersede it",
        );
    }
    match &state.current {
        Some(rollout) if rollout.is_live() => {
            if !supersede {
                return refuse(
                    "rollout-live",
                    format!(
                        "{} is already going out to {} ({} %)",
                        rollout.release.version, state.service, rollout.weight
                    ),
                    "wait, abort it, or start with supersede",
                );
            }
            let mut events = vec![Event::Queued(Box::new(started.clone()))];
            if rollout.phase != Phase::RollingBack {
                events.insert(
                    0,
                    go_back(
                        rollout.id,
                        Cause::Superseded,
                        Ending::Superseded,
                        &format!("superseded by {}", started.release.version),
                        take_back,
                        rollout.plan.rollback,
                    ),
                );
            }
            Ok(events)
        }
        _ => Ok(vec![Event::Started(Box::new(started.clone()))]),
    }
}

/// A start for which somebody gave a reason: that comes first in the record.
fn with_broken_glass(
    started: &Started,
    validated: &Validated,
    lacking: Option<String>,
    mut events: Vec<Event>,
) -> Vec<Event> {
    if let (Some(lacking), Some(reason)) = (lacking, &validated.break_glass) {
        let broken = Event::BrokenGlass {
            rollout: started.rollout,
            step: 0,
            what: format!("start although {lacking}"),
            reason: reason.trim().to_owned(),
        };
        events.insert(0, broken);
    }
    events
}

fn absorb(state: &Rollouts, record: &TakeBackRecord) -> Vec<Event> {
    if state.take_backs.contains(&record.event_id) {
        return Vec::new();
    }
    vec![Event::TakenBack {
        record: record.clone(),
    }]
}

fn going_back<T>() -> Result<T, Refusal> {
    refuse(
        "rolling-back",
        "traffic is going back and nothing moves it forward again",
        "start a new rollout once this one has ended",
    )
}

fn pause(rollout: &Rollout, note: &str) -> Result<Vec<Event>, Refusal> {
    match rollout.phase {
        Phase::Paused(reason) => refuse(
            "already-paused",
            format!("it is held already: {}", reason.words()),
            "nothing needs to be done",
        ),
        Phase::RollingBack => going_back(),
        _ => Ok(vec![Event::Paused {
            rollout: rollout.id,
            reason: PauseReason::Person,
            note: note.to_owned(),
        }]),
    }
}

fn resume(rollout: &Rollout) -> Result<Vec<Event>, Refusal> {
    match rollout.phase {
        Phase::Paused(PauseReason::Person | PauseReason::Planned | PauseReason::ForeignWrite) => {
            Ok(vec![Event::Resumed {
                rollout: rollout.id,
            }])
        }
        Phase::Paused(reason) => refuse(
            "needs-a-decision",
            format!("it is held because {}", reason.words()),
            "retry to watch again, promote with a reason (break glass), or roll back",
        ),
        Phase::RollingBack => going_back(),
        _ => refuse("not-paused", "it is not paused", "nothing needs to be done"),
    }
}

fn retry(rollout: &Rollout) -> Result<Vec<Event>, Refusal> {
    match rollout.phase {
        Phase::Paused(PauseReason::Person | PauseReason::Planned) => refuse(
            "only-paused",
            "nothing failed, it is only paused",
            "use resume",
        ),
        Phase::Paused(_) => Ok(vec![Event::Retried {
            rollout: rollout.id,
        }]),
        Phase::RollingBack => going_back(),
        _ => refuse(
            "not-held",
            "it is not held, so there is nothing to try again",
            "wait for its verdict",
        ),
    }
}

fn approval_gate(rollout: &Rollout) -> Option<&Gate> {
    rollout
        .current_step()?
        .gates
        .iter()
        .find(|g| matches!(g, Gate::Approval { .. }))
}

fn approve(
    rollout: &Rollout,
    actor: &Actor,
    roles: &[String],
    bound: bool,
    note: &str,
) -> Result<Vec<Event>, Refusal> {
    if rollout.phase == Phase::RollingBack {
        return going_back();
    }
    let Some(gate) = approval_gate(rollout) else {
        let later = rollout
            .plan
            .steps
            .iter()
            .enumerate()
            .skip(rollout.step + 1)
            .find(|(_, s)| s.gates.iter().any(|g| matches!(g, Gate::Approval { .. })));
        return refuse(
            "no-approval-asked",
            "the current step asks for no approval",
            match later {
                Some((i, s)) => format!("step {} ({} %) will", i + 1, s.weight),
                None => "no step of this plan does".into(),
            },
        );
    };
    let Gate::Approval { role, .. } = gate else {
        return refuse("no-approval-asked", "no approval is asked for", "wait");
    };
    if actor.same_as(&rollout.author) {
        return refuse(
            "own-rollout",
            "who starts a rollout cannot approve it",
            "ask a colleague, or promote with a reason (break glass)",
        );
    }
    if rollout
        .approvals
        .iter()
        .any(|a| a.step == rollout.step && a.actor.same_as(actor))
    {
        return refuse(
            "approved-already",
            format!("{actor} has approved this step already"),
            "somebody else must, if more are asked for",
        );
    }
    if let Some(role) = role
        && bound
        && !roles.contains(role)
    {
        return refuse(
            "not-in-role",
            format!("{actor} is not bound to the role {role}"),
            "ask someone who is; `roles` lists them",
        );
    }
    Ok(vec![Event::Approved {
        rollout: rollout.id,
        step: rollout.step,
        role: role.clone(),
        advisory: role.is_some() && !bound,
        note: note.to_owned(),
    }])
}
