//! The way back, once it has been taken or asked for: traffic, then verification, then clean-up.

use std::time::Duration;

use deckwatch_domain::{PerSlot, Role};
use deckwatch_platform::{Action, Rejection, TrafficWrite};

use super::tasks::{self, Failure};
use super::{Inputs, Next, OLD, batches};
use crate::event::{Ending, Event, Purpose};
use crate::plan::{Place, RollbackKind};
use crate::state::{GoingBack, Rollout, Warm};
use crate::task::{TaskRecord, Way};

/// How long a slot that was taken back may finish its answers before it is stopped all the same.
const DRAIN: Duration = Duration::from_secs(15);

pub(super) fn next(rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    let Some(back) = &rollout.back else {
        return Next::wait("the rollback has not begun");
    };
    if rollout.outstanding.is_some() {
        return super::forward::outstanding(rollout, inputs);
    }
    let Some(record) = &back.record else {
        return take_back(rollout, back, inputs);
    };
    if let Some(wait) = back_off(rollout, inputs) {
        return wait;
    }
    let seen = &inputs.observation;
    let bad = record.slot.other();
    let ours = seen.traffic.rollout == record.rollout && seen.traffic.epoch >= record.epoch;
    if let Some(next) = batches::restore(rollout, record, inputs) {
        return next;
    }
    if ours && seen.traffic.weights != record.to {
        // Nobody can give weight to a latched rollout; what is seen is older than the write.
        return Next::wait("the platform does not show the way back yet");
    }
    let slot = &seen.slots[bad];
    let drained = slot.in_flight == 0 || inputs.now.since(record.at) >= DRAIN;
    if !drained {
        return Next::wait(format!(
            "{} answers are still under way in {bad}",
            slot.in_flight
        ));
    }
    let stands = slot.desired > 0 || !slot.instances.is_empty();
    let free = seen.traffic.roles[bad] == Role::Free && seen.traffic.weights.of(bad) == 0;
    if stands && free && ours && !rollout.candidate_retired {
        if let Some(wait) = led_elsewhere(inputs) {
            return wait;
        }
        return Next::Act {
            purpose: Purpose::RetireCandidate,
            action: Action::Retire { slot: bad },
        };
    }
    let next =
        put_back(rollout, back, inputs).or_else(|| batches::coming_back(rollout, record, inputs));
    if let Some(next) = next {
        return next;
    }
    let mut words = words(rollout, back);
    if let Some(missing) = batches::still_missing(rollout, record, inputs) {
        words = format!("{words}; {missing}");
    }
    let last = slot
        .last_response_at
        .map(|at| u64::try_from(at.since(record.at).as_millis()).unwrap_or(u64::MAX));
    Next::Record(vec![Event::Ended {
        rollout: rollout.id,
        ending: back.ends_as,
        words,
        last_response_after_ms: last,
    }])
}

/// What a full rollback does once traffic is back: nothing of it stops the rest, but that data
/// which could not be saved is not taken away.
fn put_back(rollout: &Rollout, back: &GoingBack, inputs: &Inputs<'_>) -> Option<Next> {
    let running = rollout.running_task();
    if let Some(running) = running.filter(|r| r.way == Way::Out && !r.place.is_of_the_way_back()) {
        let task = rollout.plan.task(running.place)?;
        return Some(Next::wait(format!("{} comes to its end first", task.name)));
    }
    if back.kind == RollbackKind::Quick {
        return None;
    }
    let preserving = back.kind == RollbackKind::DataPreserving;
    let export = (Place::Export, Way::Out);
    if preserving && let Some(next) = tasks::run(rollout, [export], Failure::IsNoted, inputs) {
        return Some(next);
    }
    let saved = rollout
        .task_record(Place::Export, Way::Out)
        .is_none_or(TaskRecord::passed);
    if !preserving || saved {
        let ways = rollout.ways_back().into_iter().map(|p| (p, Way::Back));
        let import = preserving.then_some((Place::Import, Way::Out));
        let all: Vec<_> = ways.chain(import).collect();
        if let Some(next) = tasks::run(rollout, all, Failure::IsNoted, inputs) {
            return Some(next);
        }
    }
    let verify = 0..rollout.plan.around.verify.len();
    let verify = verify.map(|index| (Place::Verify { index }, Way::Out));
    tasks::run(rollout, verify, Failure::IsNoted, inputs)
}

/// How it ended, with what went wrong on the way.
fn words(rollout: &Rollout, back: &GoingBack) -> String {
    let ours = |r: &&TaskRecord| r.way == Way::Back || r.place.is_of_the_way_back();
    let failed = rollout.tasks.iter().filter(ours).filter(|r| r.failed());
    let failed: Vec<String> = failed
        .filter_map(|r| {
            let name = &rollout.plan.task(r.place)?.name;
            let why = &r.ended.as_ref()?.0.why;
            Some(match (r.place, r.way) {
                (Place::Export, _) => {
                    format!("{name} failed ({why}), so no way back of a task was run")
                }
                (_, Way::Back) => format!("the way back of {name} failed ({why})"),
                (_, Way::Out) => format!("{name} failed ({why})"),
            })
        })
        .collect();
    if failed.is_empty() {
        return back.why.clone();
    }
    format!("{}; {}", back.why, failed.join("; "))
}

fn take_back(rollout: &Rollout, back: &GoingBack, inputs: &Inputs<'_>) -> Next {
    let traffic = &inputs.observation.traffic;
    let ours = traffic.rollout == Some(rollout.id);
    // Asked for on what is seen, it is decided on what is there.
    if (ours && traffic.way_back.is_some()) || (rollout.claimed && !ours && inputs.is_old(rollout))
    {
        return Next::TakeBack {
            cause: back.cause,
            ends_as: back.ends_as,
            why: back.why.clone(),
        };
    }
    // Nothing of ours carries the traffic, or there never was another version: what is left is
    // to stop a candidate that serves nobody.
    let slot = &inputs.observation.slots[rollout.candidate];
    let weight = traffic.weights.of(rollout.candidate);
    let stands = slot.desired > 0 || !slot.instances.is_empty();
    let is_ours = ours && rollout.brought_up && traffic.roles[rollout.candidate] != Role::Stable;
    if is_ours && weight == 0 && stands && !rollout.candidate_retired {
        if let Some(wait) = led_elsewhere(inputs) {
            return wait;
        }
        return Next::Act {
            purpose: Purpose::RetireCandidate,
            action: Action::Retire {
                slot: rollout.candidate,
            },
        };
    }
    let next = tasks::under_way(rollout, inputs).or_else(|| put_back(rollout, back, inputs));
    if let Some(next) = next {
        return next;
    }
    let words = words(rollout, back);
    let (ending, words) = if ours && weight > 0 {
        (
            Ending::Failed,
            format!("{words}; no other version exists to go back to, so it keeps serving"),
        )
    } else {
        (back.ends_as, words)
    };
    Next::Record(vec![Event::Ended {
        rollout: rollout.id,
        ending,
        words,
        last_response_after_ms: None,
    }])
}

/// The rollback window is over: close the way back in one write, then stop what was kept warm.
pub(super) fn end_warm(rollout: &Rollout, warm: Warm, inputs: &Inputs<'_>) -> Next {
    if let Some(wait) = back_off(rollout, inputs) {
        return wait;
    }
    let traffic = &inputs.observation.traffic;
    let over = |why: &str| {
        Next::Record(vec![Event::WarmEnded {
            rollout: warm.rollout,
            why: why.to_owned(),
        }])
    };
    if traffic.rollout != Some(warm.rollout) && inputs.is_old(rollout) {
        return Next::wait(OLD);
    }
    let stable = traffic.roles.playing(Role::Stable);
    let (Some(stable), true) = (stable, traffic.rollout == Some(warm.rollout)) else {
        return over("another rollout has taken over the slots");
    };
    if traffic.way_back.is_some() {
        let mut roles = PerSlot::new(|_| Role::Free);
        roles[stable] = Role::Stable;
        return Next::Act {
            purpose: Purpose::EndWarm,
            action: Action::SetTraffic(TrafficWrite {
                weights: traffic.weights,
                roles,
                plan_digest: traffic.plan_digest,
                way_back: None,
                audience: None,
            }),
        };
    }
    let slot = &inputs.observation.slots[stable.other()];
    // Told once: instances may take their time to leave.
    if (slot.desired > 0 || !slot.instances.is_empty()) && !rollout.previous_retired {
        if let Some(wait) = led_elsewhere(inputs) {
            return wait;
        }
        return Next::Act {
            purpose: Purpose::RetirePrevious,
            action: Action::Retire {
                slot: stable.other(),
            },
        };
    }
    over("the rollback window has ended")
}

/// What somebody else leads traffic to is not stopped before a person has settled that.
fn led_elsewhere(inputs: &Inputs<'_>) -> Option<Next> {
    let drift = inputs.observation.drift.clone()?;
    let rejection = Rejection::Drifted { drift };
    Some(Next::wait(format!(
        "nothing is stopped before it is settled: {rejection}"
    )))
}

/// After a refusal, clean-up is tried again a little later; it has no deadline, as nobody waits.
fn back_off(rollout: &Rollout, inputs: &Inputs<'_>) -> Option<Next> {
    let until = rollout.failed_at?.plus(Duration::from_secs(1));
    (inputs.now < until).then(|| Next::Wait {
        until: Some(until),
        why: format!(
            "clean-up was refused ({}); trying again",
            rollout.last_failure.as_deref().unwrap_or_default()
        ),
    })
}
