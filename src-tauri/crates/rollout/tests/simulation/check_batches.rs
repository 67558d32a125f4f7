//! What must hold of instances that leave and come, and of days that have not come.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{Actor, RolloutId, Timestamp};
use deckwatch_rollout::plan::Strategy;
use deckwatch_rollout::{Event, Phase, Purpose, Rollouts, Started};

use crate::platform::{INSTANCES, State};

type Story = [(Event, Actor, Timestamp)];

pub fn batches(
    seed: u64,
    state: &Rollouts,
    story: &Story,
    starts: &BTreeMap<RolloutId, &Started>,
    truth: &State,
) {
    for gone in &truth.let_go {
        let started = gone.order.rollout.and_then(|r| starts.get(&r));
        let started = started.unwrap_or_else(|| panic!("seed {seed}: {gone:?} by nobody"));
        assert_eq!(
            (started.plan.strategy, Some(gone.slot)),
            (Strategy::Rolling, started.stable),
            "seed {seed}: only stable's instances leave, and only for a batch"
        );
        assert!(gone.keeps >= 1, "seed {seed}: nobody stays");
    }
    at_most_a_batch_is_missing(seed, story, starts);
    all_are_back(seed, state, truth);
}

/// By what the journal says had its traffic: what leaves never exceeds what took its place, but for
/// the batch that leaves first where the plan says so.
fn at_most_a_batch_is_missing(seed: u64, story: &Story, starts: &BTreeMap<RolloutId, &Started>) {
    let mut serving: BTreeMap<RolloutId, u32> = BTreeMap::new();
    let mut asked: BTreeMap<RolloutId, u32> = BTreeMap::new();
    let mut intents = BTreeMap::new();
    for (event, _, _) in story {
        match event {
            Event::Intended {
                rollout,
                intent,
                purpose,
                action,
            } => {
                intents.insert(*intent, (*rollout, *purpose, action.clone()));
            }
            Event::Done { intent, .. } => {
                let (rollout, purpose, action) = &intents[intent];
                let started = starts[rollout];
                let instances = match action {
                    deckwatch_platform::Action::BringUp { instances, .. }
                    | deckwatch_platform::Action::Scale { instances, .. } => *instances,
                    _ => 0,
                };
                match purpose {
                    Purpose::BringUp | Purpose::Grow { .. } => {
                        asked.insert(*rollout, instances);
                    }
                    Purpose::Weight { .. } => {
                        serving.insert(*rollout, asked.get(rollout).copied().unwrap_or(0));
                    }
                    Purpose::Shrink { .. } => {
                        let batches = started.plan.batches.unwrap();
                        let short = match batches.surge {
                            true => 0,
                            false => batches.size.of(INSTANCES),
                        };
                        let have = instances + serving.get(rollout).copied().unwrap_or(0);
                        assert!(
                            have + short >= INSTANCES,
                            "seed {seed}: {have} of {INSTANCES} instances were left"
                        );
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Whatever way it ended, what serves has all its instances again.
fn all_are_back(seed: u64, state: &Rollouts, truth: &State) {
    let Some(rollout) = &state.current else {
        return;
    };
    let serves = match rollout.phase {
        Phase::Promoted => Some(rollout.candidate),
        Phase::RolledBack | Phase::Aborted | Phase::Superseded => rollout.stable,
        _ => None,
    };
    let Some(slot) = serves.filter(|_| rollout.plan.strategy == Strategy::Rolling) else {
        return;
    };
    // Somebody else's way back may have led elsewhere since.
    if truth.traffic.rollout == Some(rollout.id) && truth.traffic.weights.of(slot) == 100 {
        assert_eq!(
            truth.slots[slot].desired, INSTANCES,
            "seed {seed}: {:?}, and instances are missing in {slot}",
            rollout.phase
        );
    }
}

/// Nothing is touched before its time, unless a person said so.
pub fn nothing_before_its_time(seed: u64, story: &Story, starts: &BTreeMap<RolloutId, &Started>) {
    let mut early = BTreeSet::new();
    for (event, _, at) in story {
        match event {
            Event::BrokenGlass { rollout, .. }
            | Event::JumpedToEnd { rollout }
            | Event::RollbackRequested { rollout, .. } => {
                early.insert(*rollout);
            }
            // Once begun it goes on, whatever the clock says later.
            Event::Intended {
                rollout,
                purpose: Purpose::Claim,
                ..
            } if !early.contains(rollout) => {
                let begins = starts[rollout].not_before;
                assert!(
                    begins.is_none_or(|begins| *at >= begins),
                    "seed {seed}: begun before its time"
                );
            }
            _ => {}
        }
    }
}
