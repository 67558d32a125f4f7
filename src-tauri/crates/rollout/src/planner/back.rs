//! The way back, once it has been taken or asked for: traffic, then verification, then clean-up.

use std::time::Duration;

use deckwatch_domain::{PerSlot, Role, Slot, Weights};
use deckwatch_platform::{Action, TrafficWrite};

use super::{Inputs, Next};
use crate::event::{Ending, Event, Purpose};
use crate::state::{GoingBack, Rollout};

/// How long a slot that was taken back may finish its answers before it is stopped all the same.
const DRAIN: Duration = Duration::from_secs(15);

pub(super) fn next(rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    let Some(back) = &rollout.back else {
        return Next::wait("the rollback has not begun");
    };
    if rollout.outstanding.is_some() {
        return Next::Repeat;
    }
    let Some(record) = &back.record else {
        return take_back(rollout, back, inputs);
    };
    let seen = &inputs.observation;
    let bad = record.slot.other();
    let ours = seen.traffic.rollout == record.rollout && seen.traffic.epoch >= record.epoch;
    if ours && seen.traffic.weights != record.to {
        // Nobody can give weight to a latched rollout; what is seen is older than the write.
        return Next::wait("the platform does not show the way back yet");
    }
    let slot = &seen.slots[bad];
    let drained = slot.in_flight == 0 || inputs.now.since(record.at) >= DRAIN;
    if !drained {
        return Next::wait(format!("{} answers are still under way in {bad}", slot.in_flight));
    }
    let stands = slot.desired > 0 || !slot.instances.is_empty();
    let free = seen.traffic.roles[bad] == Role::Free && seen.traffic.weights.of(bad) == 0;
    if stands && free && ours && !rollout.candidate_retired {
        return Next::Act {
            purpose: Purpose::RetireCandidate,
            action: Action::Retire { slot: bad },
        };
    }
    let last = slot
        .last_response_at
        .map(|at| u64::try_from(at.since(record.at).as_millis()).unwrap_or(u64::MAX));
    Next::Record(vec![Event::Ended {
        rollout: rollout.id,
        ending: back.ends_as,
        words: back.why.clone(),
        last_response_after_ms: last,
    }])
}

fn take_back(rollout: &Rollout, back: &GoingBack, inputs: &Inputs<'_>) -> Next {
    let traffic = &inputs.observation.traffic;
    let ours = traffic.rollout == Some(rollout.id);
    if ours && traffic.way_back.is_some() {
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
        return Next::Act {
            purpose: Purpose::RetireCandidate,
            action: Action::Retire {
                slot: rollout.candidate,
            },
        };
    }
    let (ending, words) = if ours && weight > 0 {
        (
            Ending::Failed,
            format!("{}; no other version exists to go back to, so it keeps serving", back.why),
        )
    } else {
        (back.ends_as, back.why.clone())
    };
    Next::Record(vec![Event::Ended {
        rollout: rollout.id,
        ending,
        words,
        last_response_after_ms: None,
    }])
}

/// The rollback window is over: close the way back in one write, then stop what was kept warm.
pub(super) fn end_warm(rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    let traffic = &inputs.observation.traffic;
    let previous = rollout.candidate.other();
    let over = |why: &str| {
        Next::Record(vec![Event::WarmEnded {
            rollout: rollout.id,
            why: why.to_owned(),
        }])
    };
    if traffic.rollout != Some(rollout.id) {
        return over("another rollout has taken over the slots");
    }
    if traffic.way_back.is_some() {
        return Next::Act {
            purpose: Purpose::EndWarm,
            action: Action::SetTraffic(settled(rollout, rollout.candidate, traffic.weights)),
        };
    }
    let slot = &inputs.observation.slots[previous];
    if slot.desired > 0 || !slot.instances.is_empty() {
        return Next::Act {
            purpose: Purpose::RetirePrevious,
            action: Action::Retire { slot: previous },
        };
    }
    over("the rollback window has ended")
}

/// The traffic object when one version stands alone.
fn settled(rollout: &Rollout, stable: Slot, weights: Weights) -> TrafficWrite {
    let mut roles = PerSlot::new(|_| Role::Free);
    roles[stable] = Role::Stable;
    TrafficWrite {
        weights,
        roles,
        plan_digest: Some(rollout.plan_digest),
        way_back: None,
    }
}
