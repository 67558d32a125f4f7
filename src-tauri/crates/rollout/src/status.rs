//! What people are shown of a rollout: derived, never stored.

mod tasks;

use deckwatch_domain::{
    Actor, Digest, PerSlot, ReleaseVersion, Role, RolloutId, ServiceName, Slot, Span, Timestamp,
    Weights,
};
use deckwatch_platform::{AudienceBy, Observation};
use deckwatch_verdict::{Answer, Verdict};
use serde::{Deserialize, Serialize};

use crate::back_time::BackTime;
use crate::event::BakedBy;
use crate::lane::full_after;
use crate::plan::{Gate, Step, StepPause, Strategy};
use crate::planner::Judgement;
use crate::state::{Approval, Phase, Rehearsal, Rollout, Stage};

pub use tasks::{TaskStanding, TaskStatus};

/// One step as shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct StepStatus {
    pub weight: u8,
    pub current: bool,
    pub done: Option<BakedBy>,
    pub skipped: bool,
    pub words: String,
    /// Of rolling: the candidate's instances with this batch.
    pub instances: Option<u32>,
    /// It does not begin before this.
    pub not_before: Option<Timestamp>,
    /// Of audience, where it is said how many there are: the people that have the candidate.
    pub people: Option<u64>,
    pub bake_min: Span,
    pub bake_max: Span,
    pub took: Option<Span>,
}

/// One gate of the current step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct GateStatus {
    pub name: String,
    pub open: bool,
    pub why: String,
    /// Who can open it.
    pub opens: String,
    /// It opens by what people do, not by itself.
    pub asks_people: bool,
}

/// The armed way back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct WayBackStatus {
    pub slot: Slot,
    pub version: Option<ReleaseVersion>,
    pub until: Option<Timestamp>,
    pub ready: u32,
    pub wanted: u32,
    /// Until all of those are ready: an estimate from what starts took so far. None: they are, or
    /// nothing is known.
    pub full_after: Option<Span>,
    pub rehearsal: Option<Rehearsal>,
}

/// Who is led to the candidate first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct AudienceStatus {
    pub flag: String,
    /// `header x-user` or `cookie uid`.
    pub by: String,
    /// People by name.
    pub listed: usize,
    /// Of every 100 others, how many have it now.
    pub percent: u8,
}

/// A rollout as shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct RolloutStatus {
    pub rollout: RolloutId,
    pub service: ServiceName,
    pub release: ReleaseVersion,
    pub from: Option<ReleaseVersion>,
    pub plan: String,
    pub plan_digest: Digest,
    pub author: Actor,
    pub phase: Phase,
    pub stage: Stage,
    /// Why it is held, or what it waits for.
    pub note: String,
    /// The pause ends by itself.
    pub timed_pause: bool,
    /// 0 to 100.
    pub progress: u8,
    pub step: usize,
    pub steps: Vec<StepStatus>,
    pub weights: Option<Weights>,
    pub roles: Option<PerSlot<Role>>,
    pub verdict: Option<Verdict>,
    pub answer: Option<Answer>,
    /// When the newest sample that the answer rests on was taken.
    pub newest_sample: Option<Timestamp>,
    pub gates: Vec<GateStatus>,
    pub approvals: Vec<Approval>,
    pub way_back: Option<WayBackStatus>,
    pub last_failure: Option<String>,
    pub started_at: Timestamp,
    pub in_step_for: Span,
    pub expected_end: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub ending: String,
    pub last_response_after_ms: Option<u64>,
    /// Who drives, when somebody does.
    pub driver: Option<String>,
    pub tasks: Vec<TaskStatus>,
    pub strategy: Strategy,
    /// Of rolling: how many instances at a time, in words.
    pub batches: Option<String>,
    pub audience: Option<AudienceStatus>,
    /// The current step waits for this moment; none: it is under way.
    pub waits_until: Option<Timestamp>,
    /// The earlier revision that this goes back to, when it is an undo.
    pub undo_to: Option<u32>,
    /// What a rollback of this rollout should be, and why; none: quick is enough.
    pub full_advised: Option<String>,
    /// What the kinds of rollback take that run tasks.
    pub back_times: Vec<BackTime>,
    /// Where the candidate alone answers.
    pub preview: Option<String>,
}

/// Derives what is shown of `rollout`.
pub fn status(
    rollout: &Rollout,
    observation: Option<&Observation>,
    judgement: Option<&Judgement>,
    closed: &[(usize, String)],
    driver: Option<String>,
    now: Timestamp,
) -> RolloutStatus {
    let traffic = observation.map(|o| &o.traffic);
    RolloutStatus {
        rollout: rollout.id,
        service: rollout.service.clone(),
        release: rollout.release.version.clone(),
        from: rollout.stable_version.clone(),
        plan: rollout.plan.name.clone(),
        plan_digest: rollout.plan_digest,
        author: rollout.author.clone(),
        phase: rollout.phase,
        stage: rollout.stage,
        note: note(rollout, now),
        timed_pause: matches!(
            rollout.current_step().and_then(|s| s.pause),
            Some(StepPause::For(_))
        ),
        progress: progress(rollout, now),
        step: rollout.step,
        steps: steps(rollout),
        weights: traffic.map(|t| t.weights),
        roles: traffic.map(|t| t.roles),
        verdict: judgement
            .map(|j| j.answer.verdict)
            .or(rollout.verdict.as_ref().map(|(v, _)| *v)),
        answer: judgement.map(|j| j.answer.clone()),
        newest_sample: judgement.and_then(|j| j.newest),
        gates: gates(rollout, closed, now),
        approvals: rollout.approvals.clone(),
        way_back: way_back(rollout, observation),
        last_failure: rollout.last_failure.clone(),
        started_at: rollout.started_at,
        in_step_for: now.since(rollout.stage_entered_at).into(),
        expected_end: expected_end(rollout, now),
        ended_at: rollout.ended_at,
        ending: rollout.ending_words.clone(),
        last_response_after_ms: rollout.last_response_after_ms,
        driver,
        tasks: tasks::tasks(rollout),
        strategy: rollout.plan.strategy,
        batches: rollout.plan.batches.map(|b| b.words()),
        audience: audience(rollout),
        waits_until: rollout.waits_until(now).filter(|_| rollout.is_live()),
        undo_to: rollout.undo_to,
        full_advised: rollout.full_advised(),
        back_times: rollout.back_times(),
        preview: rollout.preview.clone(),
    }
}

fn note(rollout: &Rollout, now: Timestamp) -> String {
    match (rollout.phase, &rollout.back) {
        (Phase::Paused(reason), _)
            if rollout.pause_note.is_empty() || rollout.pause_note == reason.words() =>
        {
            reason.words().to_owned()
        }
        (Phase::Paused(reason), _) => format!("{}: {}", reason.words(), rollout.pause_note),
        (Phase::RollingBack, Some(back)) if back.record.is_some() => {
            format!("traffic is back; {}", back.why)
        }
        (_, Some(back)) => back.why.clone(),
        _ => match rollout.waits_until(now).filter(|_| rollout.is_live()) {
            Some(opens) => format!("step {} begins at {}", rollout.step + 1, opens.words()),
            None => String::new(),
        },
    }
}

fn progress(rollout: &Rollout, now: Timestamp) -> u8 {
    if rollout.phase.is_over() {
        return 100;
    }
    let count = rollout.plan.steps.len().max(1) as f64;
    let within = match (rollout.bake_started_at, rollout.current_step()) {
        (Some(began), Some(step)) if step.bake.min > Span::ZERO => {
            (now.since(began).as_secs_f64() / step.bake.min.as_secs_f64()).min(0.99)
        }
        _ => 0.0,
    };
    ((rollout.step as f64 + within) / count * 100.0).min(99.0) as u8
}

fn steps(rollout: &Rollout) -> Vec<StepStatus> {
    rollout
        .plan
        .steps
        .iter()
        .enumerate()
        .map(|(i, step)| {
            let record = rollout.steps_done.iter().find(|s| s.step == i);
            let current = i == rollout.step && rollout.is_live();
            StepStatus {
                weight: step.weight,
                current,
                done: record.map(|r| r.baked),
                skipped: record.is_none() && i < rollout.step,
                words: match (record, &rollout.verdict) {
                    (Some(record), _) => record.words.clone(),
                    (None, Some((_, words))) if current => words.clone(),
                    _ => String::new(),
                },
                // Elsewhere they follow from the share, and the share is what people think in.
                instances: step.instances.filter(|_| rollout.plan.batches.is_some()),
                not_before: rollout.opens(i),
                people: people(rollout, step),
                bake_min: step.bake.min,
                bake_max: step.bake.max,
                took: record.and_then(|r| Some(r.bake_ended_at.since(r.bake_started_at?).into())),
            }
        })
        .collect()
}

fn people(rollout: &Rollout, step: &Step) -> Option<u64> {
    let number = rollout.plan.audience.as_ref()?.people?;
    Some(number.saturating_mul(u64::from(step.weight)) / 100)
}

fn audience(rollout: &Rollout) -> Option<AudienceStatus> {
    let audience = rollout.plan.audience.as_ref()?;
    Some(AudienceStatus {
        flag: audience.flag.clone(),
        by: match &audience.by {
            AudienceBy::Header { name } => format!("header {name}"),
            AudienceBy::Cookie { name } => format!("cookie {name}"),
        },
        listed: audience.listed.len(),
        percent: rollout.weight,
    })
}

fn gates(rollout: &Rollout, closed: &[(usize, String)], now: Timestamp) -> Vec<GateStatus> {
    let Some(step) = rollout.current_step().filter(|_| rollout.is_live()) else {
        return Vec::new();
    };
    step.gates
        .iter()
        .enumerate()
        .map(|(i, gate)| {
            let why = match gate {
                Gate::Approval { count, .. } => {
                    let have = rollout.approvals_for(gate).len();
                    (have < *count as usize).then(|| format!("{have} of {count}"))
                }
                Gate::Window(window) => {
                    let minute = (now.as_millis().rem_euclid(86_400_000) / 60_000) as u16;
                    (!window.open_at(minute)).then(|| "closed now".to_owned())
                }
                Gate::NoFreeze | Gate::Objective(_) => {
                    closed.iter().find(|(n, _)| *n == i).map(|(_, w)| w.clone())
                }
            };
            GateStatus {
                name: gate.name(),
                open: why.is_none(),
                asks_people: matches!(gate, Gate::Approval { .. }),
                why: why.unwrap_or_else(|| "open".into()),
                opens: gate.opens(),
            }
        })
        .collect()
}

fn way_back(rollout: &Rollout, observation: Option<&Observation>) -> Option<WayBackStatus> {
    let seen = observation?;
    let back = seen.traffic.way_back?;
    let slot = &seen.slots[back.slot];
    Some(WayBackStatus {
        slot: back.slot,
        version: slot.release.as_ref().map(|r| r.version.clone()),
        until: back.until,
        ready: slot.ready,
        wanted: seen.instances,
        full_after: full_after(seen, back.slot),
        rehearsal: rollout.rehearsed.clone(),
    })
}

/// The earliest end, if every verdict comes as soon as it may. None while a person is needed.
fn expected_end(rollout: &Rollout, now: Timestamp) -> Option<Timestamp> {
    if !matches!(rollout.phase, Phase::Progressing | Phase::Pending) {
        return None;
    }
    let mut end = rollout.waits_until(now).unwrap_or(now);
    for (i, step) in rollout.plan.steps.iter().enumerate().skip(rollout.step) {
        let bake = step.bake.min.duration();
        let spent = match rollout.bake_started_at {
            Some(began) if i == rollout.step => now.since(began),
            _ => std::time::Duration::ZERO,
        };
        let opens = rollout.opens(i).filter(|_| i > rollout.step);
        end = end.max(opens.unwrap_or(end));
        end = end.plus(bake.saturating_sub(spent));
    }
    Some(end)
}
