//! Instances that leave and come: the batches of a rolling release, and the way back of those.

use deckwatch_domain::{Role, Slot};
use deckwatch_platform::{Action, SlotState, TakeBackRecord};

use super::{Inputs, Next};
use crate::event::Purpose;
use crate::plan::Step;
use crate::state::Rollout;

/// Of stable, the instances leave that this step replaces; none: nobody has to.
pub(super) fn shrink(rollout: &Rollout, inputs: &Inputs<'_>) -> Option<Next> {
    let stable = rollout.stable?;
    let stood = stood(rollout);
    let stay = rollout
        .plan
        .stable_instances(rollout.step, stood, rollout.serving)?;
    let stands = inputs.observation.slots[stable].desired;
    let asked = rollout.stable_asked.unwrap_or(stood);
    // What takes their place must be able to: one that fell since is waited for first.
    let stand_in = inputs.observation.slots[rollout.candidate].ready >= rollout.serving;
    (stay < asked && stay < stands && stand_in).then_some(Next::Act {
        purpose: Purpose::Shrink { step: rollout.step },
        action: Action::Scale {
            slot: stable,
            instances: stay,
        },
    })
}

/// What stable stood with. Rollouts of before this was noted had as many as the candidate gets.
fn stood(rollout: &Rollout) -> u32 {
    match rollout.stable_instances {
        0 => rollout.instances,
        stood => stood,
    }
}

/// The candidate gets the instances of this step; none: it has them.
pub(super) fn grow(rollout: &Rollout, step: &Step, inputs: &Inputs<'_>) -> Option<Next> {
    let wanted = step.instances?;
    let stand = inputs.observation.slots[rollout.candidate].ready >= rollout.serving;
    (wanted > rollout.candidate_asked && stand).then_some(Next::Act {
        purpose: Purpose::Grow { step: rollout.step },
        action: Action::Scale {
            slot: rollout.candidate,
            instances: wanted,
        },
    })
}

/// Where the traffic of a rolling release has returned to. None: nothing of ours.
fn returned<'a>(
    rollout: &Rollout,
    record: &TakeBackRecord,
    inputs: &Inputs<'a>,
) -> Option<(Slot, &'a SlotState)> {
    // Not by what is on record: a driver may have died between letting go and saying so.
    rollout.plan.batches?;
    let seen = inputs.observation;
    let ours = seen.traffic.rollout == record.rollout
        && seen.traffic.epoch >= record.epoch
        && seen.traffic.roles[record.slot] == Role::Stable;
    let slot = &seen.slots[record.slot];
    (ours && slot.release.is_some()).then_some((record.slot, slot))
}

fn full(rollout: &Rollout, inputs: &Inputs<'_>) -> u32 {
    inputs.observation.instances.max(rollout.stable_instances)
}

/// After the way back: what is ready where traffic went to, of how many, while some are missing.
fn missing(rollout: &Rollout, record: &TakeBackRecord, inputs: &Inputs<'_>) -> Option<(u32, u32)> {
    let (_, slot) = returned(rollout, record, inputs)?;
    let full = full(rollout, inputs);
    (slot.ready < full).then_some((slot.ready, full))
}

/// After the way back, the instances that had left are asked to come back: once, even where none seems
/// to be missing. What a driver sent before may still be on its way to that slot, and meets this.
pub(super) fn restore(
    rollout: &Rollout,
    record: &TakeBackRecord,
    inputs: &Inputs<'_>,
) -> Option<Next> {
    let (slot, state) = returned(rollout, record, inputs)?;
    let full = full(rollout, inputs).max(state.desired);
    (!rollout.restored).then_some(Next::Act {
        purpose: Purpose::Restore,
        action: Action::Scale {
            slot,
            instances: full,
        },
    })
}

/// They are waited for as long as capacity is ever waited for; then it ends without them.
pub(super) fn coming_back(
    rollout: &Rollout,
    record: &TakeBackRecord,
    inputs: &Inputs<'_>,
) -> Option<Next> {
    let (ready, full) = missing(rollout, record, inputs)?;
    let until = record.at.plus(rollout.plan.deadlines.capacity.duration());
    (inputs.now < until).then(|| Next::Wait {
        until: Some(until),
        why: format!("traffic is back; {ready} of {full} instances are"),
    })
}

/// What is said at the end of instances that did not come back.
pub(super) fn still_missing(
    rollout: &Rollout,
    record: &TakeBackRecord,
    inputs: &Inputs<'_>,
) -> Option<String> {
    let (ready, full) = missing(rollout, record, inputs)?;
    Some(format!("only {ready} of {full} instances came back"))
}
