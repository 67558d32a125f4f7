//! The way forward: capacity, traffic, bake, gates, step by step.

use std::time::Duration;

use deckwatch_domain::{PerSlot, Role, Span, Timestamp, Weights};
use deckwatch_platform::{Action, TrafficWrite, WayBack};
use deckwatch_verdict::Verdict;

use super::tasks::{self, Failure};
use super::{Inputs, Judgement, Next, OLD, baseline, batches};
use crate::event::{BakedBy, Cause, Ending, Event, PauseReason, Purpose};
use crate::plan::{Gate, OnError, Place, Step, StepPause};
use crate::state::{Phase, Rollout, Stage};
use crate::task::Way;

/// An effect without a known outcome: repeat it, until nobody waits for it any more.
pub(super) fn outstanding(rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    let Some(outstanding) = &rollout.outstanding else {
        return Next::wait("nothing is outstanding");
    };
    let waited = inputs.now.since(outstanding.at);
    let applied = inputs.observation.applied.contains(&outstanding.intent);
    if !applied && waited >= rollout.plan.deadlines.traffic.duration() {
        let why = format!(
            "the platform did not take it within {}",
            rollout.plan.deadlines.traffic
        );
        return Next::Record(vec![Event::Failed {
            rollout: rollout.id,
            intent: outstanding.intent,
            why,
        }]);
    }
    Next::Repeat
}

pub(super) fn next(rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    if let Some(next) = foreign_write(rollout, inputs) {
        return next;
    }
    if let Some(next) = verdict_changed(rollout, inputs.judgement) {
        return next;
    }
    if let Phase::Paused(reason) = rollout.phase {
        return paused(rollout, reason, inputs.now);
    }
    if let Some(next) = tasks::watched(rollout) {
        return next;
    }
    if let Some(next) = after_failure(rollout, inputs.now) {
        return next;
    }
    let Some(step) = rollout.current_step() else {
        return promote(rollout, inputs);
    };
    match rollout.stage {
        Stage::Capacity => capacity(rollout, step, inputs),
        Stage::Traffic => traffic(rollout, step, inputs),
        Stage::Bake => bake(rollout, step, inputs),
        Stage::Gate => gate(rollout, step, inputs),
    }
}

/// Once claimed, the traffic object is ours until we say otherwise.
fn foreign_write(rollout: &Rollout, inputs: &Inputs<'_>) -> Option<Next> {
    let found = inputs.observation.traffic.rollout;
    let held = matches!(rollout.phase, Phase::Paused(PauseReason::ForeignWrite));
    if !rollout.claimed || found == Some(rollout.id) || held {
        return None;
    }
    if inputs.is_old(rollout) {
        return Some(Next::wait(OLD));
    }
    let who = found.map_or_else(|| "no rollout".to_owned(), |id| format!("rollout {id}"));
    Some(Next::Record(vec![Event::Paused {
        rollout: rollout.id,
        reason: PauseReason::ForeignWrite,
        note: format!("the traffic now belongs to {who}"),
    }]))
}

fn verdict_changed(rollout: &Rollout, judgement: Option<&Judgement>) -> Option<Next> {
    let answer = &judgement?.answer;
    let known = rollout.verdict.as_ref().map(|(verdict, _)| *verdict);
    if known == Some(answer.verdict) {
        return None;
    }
    Some(Next::Record(vec![Event::VerdictChanged {
        rollout: rollout.id,
        step: rollout.step,
        verdict: answer.verdict,
        words: answer.words.clone(),
        answer: Some(answer.clone()),
    }]))
}

fn paused(rollout: &Rollout, reason: PauseReason, now: Timestamp) -> Next {
    let planned = rollout.current_step().and_then(|s| s.pause);
    if reason == PauseReason::Planned
        && let (Some(StepPause::For(span)), Some(since)) = (planned, rollout.paused_at)
    {
        let until = since.plus(span.duration());
        if now >= until {
            return Next::Record(vec![Event::Resumed {
                rollout: rollout.id,
            }]);
        }
        return Next::Wait {
            until: Some(until),
            why: format!("the plan pauses here for {span}"),
        };
    }
    Next::wait(reason.words())
}

/// After a refusal by the platform: back off, and give up by the deadline.
fn after_failure(rollout: &Rollout, now: Timestamp) -> Option<Next> {
    let failed_at = rollout.failed_at?;
    let why = rollout.last_failure.clone().unwrap_or_default();
    let deadline = rollout
        .stage_since()
        .plus(stage_deadline(rollout).duration());
    if now >= deadline {
        return Some(give_up(rollout, why));
    }
    let exponent = rollout.failures.saturating_sub(1).min(6);
    let pause = Duration::from_millis(200u64 << exponent);
    let until = failed_at.plus(pause).min(deadline);
    (now < until).then_some(Next::Wait {
        until: Some(until),
        why: format!("the platform said no ({why}); trying again"),
    })
}

fn stage_deadline(rollout: &Rollout) -> Span {
    match rollout.stage {
        Stage::Capacity => rollout.plan.deadlines.capacity,
        Stage::Gate => rollout.plan.deadlines.gate,
        Stage::Traffic | Stage::Bake => rollout.plan.deadlines.traffic,
    }
}

/// What the plan says about trouble: ask a person, or go back.
pub(super) fn give_up(rollout: &Rollout, why: String) -> Next {
    match rollout.plan.on_error {
        OnError::Hold => Next::Record(vec![Event::Paused {
            rollout: rollout.id,
            reason: PauseReason::Trouble,
            note: why,
        }]),
        OnError::Rollback => Next::TakeBack {
            cause: Cause::Error,
            ends_as: Ending::RolledBack,
            why,
        },
    }
}

/// A step whose day has not come; a person may begin it all the same, for a reason.
fn not_yet(rollout: &Rollout, now: Timestamp) -> Option<Next> {
    let opens = rollout.waits_until(now)?;
    Some(Next::Wait {
        until: Some(opens),
        why: format!("step {} begins at {}", rollout.step + 1, opens.words()),
    })
}

fn capacity(rollout: &Rollout, step: &Step, inputs: &Inputs<'_>) -> Next {
    if let Some(wait) = not_yet(rollout, inputs.now) {
        return wait;
    }
    let wanted = rollout.wanted(step);
    if !rollout.claimed {
        if let Some(next) = stable_has_changed(rollout, inputs) {
            return next;
        }
        return Next::Act {
            purpose: Purpose::Claim,
            action: Action::SetTraffic(write(rollout, inputs.observation.traffic.weights)),
        };
    }
    if !rollout.brought_up {
        let before = 0..rollout.plan.around.before.len();
        let before = before.map(|index| (Place::Before { index }, Way::Out));
        if let Some(next) = tasks::run(rollout, before, Failure::Stops, inputs) {
            return next;
        }
        if let Some(next) = batches::shrink(rollout, inputs) {
            return next;
        }
        return Next::Act {
            purpose: Purpose::BringUp,
            action: Action::BringUp {
                slot: rollout.candidate,
                release: rollout.release.clone(),
                instances: wanted,
            },
        };
    }
    let resize = batches::shrink(rollout, inputs).or_else(|| batches::grow(rollout, step, inputs));
    if let Some(next) = resize {
        return next;
    }
    let deadline = rollout
        .stage_since()
        .plus(rollout.plan.deadlines.capacity.duration());
    let ready = inputs.observation.slots[rollout.candidate].ready;
    if ready < wanted {
        if inputs.now >= deadline {
            return give_up(
                rollout,
                format!(
                    "{ready} of {wanted} instances of {} are ready after {}",
                    rollout.release.version, rollout.plan.deadlines.capacity
                ),
            );
        }
        return Next::Wait {
            until: Some(deadline),
            why: format!("{ready} of {wanted} instances are ready"),
        };
    }
    if let Some(next) = baseline::capture(rollout, inputs) {
        return next;
    }
    Next::Record(vec![Event::CapacityReached {
        rollout: rollout.id,
        step: rollout.step,
        ready,
        needed: if step.weight == 0 { 0 } else { wanted },
    }])
}

/// What it was planned against was taken back before it had claimed anything. Its candidate would
/// stand where stable stands now, and its way back would lead to what is gone.
fn stable_has_changed(rollout: &Rollout, inputs: &Inputs<'_>) -> Option<Next> {
    let roles = &inputs.observation.traffic.roles;
    if roles.playing(Role::Stable) == rollout.stable {
        return None;
    }
    Some(Next::Record(vec![Event::Ended {
        rollout: rollout.id,
        ending: Ending::Failed,
        words: "what was stable when it was started no longer is; start it again".into(),
        last_response_after_ms: None,
    }]))
}

/// The traffic of a step: weights, and of audience the people.
fn traffic_of(rollout: &Rollout, step: &Step) -> TrafficWrite {
    let weights = match (rollout.stable, &rollout.plan.audience) {
        // Everybody else stays where they are until everybody is led there.
        (Some(stable), Some(_)) if step.weight < 100 => Weights::all_to(stable),
        (Some(_), _) => Weights::toward(rollout.candidate, step.weight),
        // The first release serves everyone or no one.
        (None, _) if step.weight == 100 => Weights::all_to(rollout.candidate),
        (None, _) => Weights::NONE,
    };
    let people = rollout.plan.audience.as_ref();
    let led = step.weight < 100 && rollout.stable.is_some();
    TrafficWrite {
        audience: people.filter(|_| led).map(|p| p.at(step.weight)),
        ..write(rollout, weights)
    }
}

/// The traffic object of a live rollout: weights, roles and way back, in one write.
fn write(rollout: &Rollout, weights: Weights) -> TrafficWrite {
    let mut roles = PerSlot::new(|_| Role::Free);
    roles[rollout.candidate] = Role::Candidate;
    if let Some(stable) = rollout.stable {
        roles[stable] = Role::Stable;
    }
    TrafficWrite {
        weights,
        roles,
        plan_digest: Some(rollout.plan_digest),
        way_back: rollout.stable.map(|slot| WayBack { slot, until: None }),
        audience: None,
    }
}

fn traffic(rollout: &Rollout, step: &Step, inputs: &Inputs<'_>) -> Next {
    let write = traffic_of(rollout, step);
    let leads = write.audience.as_ref().is_some_and(|a| !a.is_empty());
    let ready = inputs.observation.ready();
    if (write.weights.of(rollout.candidate) > 0 || leads) && ready[rollout.candidate] == 0 {
        let deadline = rollout
            .stage_since()
            .plus(rollout.plan.deadlines.capacity.duration());
        if inputs.now >= deadline {
            return give_up(rollout, "no instance of the candidate is ready".into());
        }
        return Next::Wait {
            until: Some(deadline),
            why: "no instance of the candidate is ready".into(),
        };
    }
    Next::Act {
        purpose: Purpose::Weight { step: rollout.step },
        action: Action::SetTraffic(write),
    }
}

fn bake(rollout: &Rollout, step: &Step, inputs: &Inputs<'_>) -> Next {
    let began = rollout.bake_started_at.unwrap_or(rollout.stage_entered_at);
    let own = 0..step.tasks.len();
    let own = own.map(|index| {
        let step = rollout.step;
        (Place::Step { step, index }, Way::Out)
    });
    if let Some(next) = tasks::run(rollout, own, Failure::Stops, inputs) {
        return next;
    }
    let earliest = began.plus(step.bake.min.duration());
    let latest = began.plus(step.bake.max.duration());
    if inputs.now < earliest {
        return Next::Wait {
            until: Some(earliest),
            why: format!("watching for at least {}", step.bake.min),
        };
    }
    if !step.analysis {
        return ended(rollout, BakedBy::Unjudged, inputs.judgement);
    }
    let verdict = inputs.judgement.map(|j| j.answer.verdict);
    if verdict == Some(Verdict::Pass) {
        return ended(rollout, BakedBy::Pass, inputs.judgement);
    }
    if inputs.now < latest {
        return Next::Wait {
            until: Some(latest),
            why: "the verdict is still open".into(),
        };
    }
    let accepted = rollout.plan.analysis.accept_no_harm_after;
    let harmless = inputs.judgement.and_then(|j| j.harmless_requests);
    if let (Some(enough), Some(requests), Some(Verdict::Inconclusive)) =
        (accepted, harmless, verdict)
        && requests >= enough
    {
        return ended(rollout, BakedBy::NoHarm { requests }, inputs.judgement);
    }
    hold(rollout, step, inputs)
}

fn ended(rollout: &Rollout, baked: BakedBy, judgement: Option<&Judgement>) -> Next {
    Next::Record(vec![Event::BakeEnded {
        rollout: rollout.id,
        step: rollout.step,
        baked,
        counted: judgement.map(|j| j.counted.clone()).unwrap_or_default(),
    }])
}

/// The maximum bake is over without a `Pass`: a person is asked, or `on_error` decides.
fn hold(rollout: &Rollout, step: &Step, inputs: &Inputs<'_>) -> Next {
    let words = inputs.judgement.map(|j| j.answer.words.clone());
    let note = words.unwrap_or_else(|| format!("nothing was measured within {}", step.bake.max));
    let reason = match inputs.judgement.map(|j| j.answer.verdict) {
        Some(Verdict::Error) => PauseReason::JudgeError,
        None | Some(Verdict::NoData) => PauseReason::NoData,
        _ => PauseReason::Inconclusive,
    };
    if reason == PauseReason::JudgeError && rollout.plan.on_error == OnError::Rollback {
        return give_up(rollout, note);
    }
    Next::Record(vec![Event::Paused {
        rollout: rollout.id,
        reason,
        note,
    }])
}

fn gate(rollout: &Rollout, step: &Step, inputs: &Inputs<'_>) -> Next {
    if step.pause.is_some() && !rollout.pause_over && !rollout.glass_broken {
        return Next::Record(vec![Event::Paused {
            rollout: rollout.id,
            reason: PauseReason::Planned,
            note: "the plan pauses here".into(),
        }]);
    }
    let closed: Vec<String> = step
        .gates
        .iter()
        .enumerate()
        .filter_map(|(i, gate)| gate_closed(rollout, gate, i, inputs))
        .collect();
    if closed.is_empty() || rollout.glass_broken {
        return Next::Record(vec![Event::StepEnded {
            rollout: rollout.id,
            step: rollout.step,
        }]);
    }
    let deadline = rollout
        .stage_entered_at
        .plus(rollout.plan.deadlines.gate.duration());
    if inputs.now >= deadline {
        return give_up(
            rollout,
            format!(
                "not open within {}: {}",
                rollout.plan.deadlines.gate,
                closed.join("; ")
            ),
        );
    }
    Next::Wait {
        until: Some(deadline),
        why: closed.join("; "),
    }
}

/// Why one gate is closed; none when it is open.
pub fn gate_closed(
    rollout: &Rollout,
    gate: &Gate,
    index: usize,
    inputs: &Inputs<'_>,
) -> Option<String> {
    match gate {
        Gate::Approval { count, .. } => {
            let have = rollout.approvals_for(gate).len();
            (have < *count as usize).then(|| format!("{}: {have} of {count}", gate.name()))
        }
        Gate::Window(window) => {
            let minute = (inputs.now.as_millis().rem_euclid(86_400_000) / 60_000) as u16;
            (!window.open_at(minute)).then(|| format!("{} is closed", gate.name()))
        }
        Gate::NoFreeze | Gate::Objective(_) => inputs
            .closed
            .iter()
            .find(|(i, _)| *i == index)
            .map(|(_, why)| why.clone()),
    }
}

fn promote(rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    if rollout.promoted_at.is_some() {
        let after = 0..rollout.plan.around.after.len();
        let after = after.map(|index| (Place::After { index }, Way::Out));
        if let Some(next) = tasks::run(rollout, after, Failure::Stops, inputs) {
            return next;
        }
        return Next::Record(vec![Event::Promoted {
            rollout: rollout.id,
            warm_until: rollout.warm_until,
        }]);
    }
    let window = rollout.plan.rollback_window;
    let previous = rollout.stable.filter(|_| window > Span::ZERO);
    let mut roles = PerSlot::new(|_| Role::Free);
    roles[rollout.candidate] = Role::Stable;
    if let Some(slot) = previous {
        roles[slot] = Role::Previous;
    }
    Next::Act {
        purpose: Purpose::Promote,
        action: Action::SetTraffic(TrafficWrite {
            weights: Weights::all_to(rollout.candidate),
            roles,
            plan_digest: Some(rollout.plan_digest),
            way_back: previous.map(|slot| WayBack {
                slot,
                until: Some(inputs.now.plus(window.duration())),
            }),
            audience: None,
        }),
    }
}
