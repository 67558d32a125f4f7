//! The invariants, checked against what the platform did and what the journal says.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{Actor, IntentId, RolloutId, Slot, Timestamp, Weights};
use deckwatch_platform::Action;
use deckwatch_rollout::plan::{Gate, Plan};
use deckwatch_rollout::{BakedBy, Driver, Event, PauseReason, Phase, Purpose, Started, Way};
use deckwatch_verdict::Verdict;

use crate::people::replay;
use crate::platform::SimPlatform;
use crate::schedule::Outcome;
use crate::store::SimStore;
use crate::tasks::SimTasks;
use crate::world::run;
use crate::{check_batches, check_tasks};

type Story = [(Event, Actor, Timestamp)];

pub fn all(
    seed: u64,
    store: &SimStore,
    platform: &SimPlatform,
    tasks: &SimTasks,
    drivers: &[Option<Driver>; 2],
    deaths: u32,
) -> Outcome {
    let (state, story) = replay(store, platform);
    let truth = platform.state.lock().unwrap();
    let starts: BTreeMap<RolloutId, &Started> = story
        .iter()
        .filter_map(|(e, _, _)| match e {
            Event::Started(s) => Some((s.rollout, s.as_ref())),
            _ => None,
        })
        .collect();
    only_ready_slots_rise(seed, &truth.writes);
    a_fail_is_acted_on_at_once(seed, &story);
    nothing_after_a_latch(seed, &truth.writes, &story);
    epochs_never_fall(seed, &truth.writes);
    no_effect_twice(seed, &truth.effects, &story);
    no_advance_without_pass(seed, &truth.writes, &story, &starts);
    every_way_back_arrived(seed, &state, &truth.traffic.weights, &truth.writes);
    it_leads_where_the_record_says(seed, &truth);
    no_false_alarm(seed, &truth.writes, &story);
    check_batches::batches(seed, &state, &story, &starts, &truth);
    check_batches::nothing_before_its_time(seed, &story, &starts);
    drop(truth);
    check_tasks::tasks(seed, &story, &starts, &tasks.all.lock().unwrap());
    same_state_from_scratch(seed, &state, drivers, store, platform);
    let truth = platform.state.lock().unwrap();
    Outcome {
        phases: phases(&state, &story),
        events: story.len(),
        deaths,
        take_backs: truth
            .writes
            .iter()
            .filter(|w| matches!(w.order.action, Action::TakeBack(_)))
            .count(),
        writes: truth.writes.len(),
        tasks: tasks.all.lock().unwrap().len(),
        put_back: put_back(&story),
        batches: truth.let_go.len(),
    }
}

fn put_back(story: &Story) -> usize {
    let back = |e: &Event| matches!(e, Event::TaskStarted { way: Way::Back, .. });
    story.iter().filter(|(e, _, _)| back(e)).count()
}

fn only_ready_slots_rise(seed: u64, writes: &[crate::platform::Write]) {
    for write in writes {
        if matches!(write.order.action, Action::TakeBack(_)) {
            continue;
        }
        for slot in Slot::BOTH {
            let rose = write.after.weights.of(slot) > write.before.weights.of(slot);
            assert!(
                !rose || write.ready[slot] > 0,
                "seed {seed}: weight on unready {slot}"
            );
        }
    }
}

/// Also while it is paused: `Fail` stands in the journal together with the way back.
fn a_fail_is_acted_on_at_once(seed: u64, story: &Story) {
    for (i, (event, _, _)) in story.iter().enumerate() {
        if let Event::VerdictChanged {
            verdict: Verdict::Fail,
            ..
        } = event
        {
            let next = story.get(i + 1).map(|(e, _, _)| e);
            let back = matches!(
                next,
                Some(Event::RollbackRequested { .. } | Event::TakenBack { .. })
            );
            assert!(
                back,
                "seed {seed}: the judge said Fail and nothing followed"
            );
        }
    }
}

fn nothing_after_a_latch(seed: u64, writes: &[crate::platform::Write], story: &Story) {
    let mut latched = BTreeSet::new();
    for write in writes {
        match &write.order.action {
            Action::TakeBack(_) => latched.extend(write.before.rollout),
            Action::SetTraffic(_) => assert!(
                write.order.rollout.is_none_or(|r| !latched.contains(&r)),
                "seed {seed}: a latched rollout wrote traffic"
            ),
            _ => {}
        }
    }
    // In the journal likewise: once back, nothing forward is intended.
    let mut gone = BTreeSet::new();
    for (event, _, _) in story {
        match event {
            Event::RollbackRequested { rollout, .. } => {
                gone.insert(*rollout);
            }
            Event::TakenBack { record } => gone.extend(record.rollout),
            Event::Intended {
                rollout, purpose, ..
            } if gone.contains(rollout) => assert!(
                matches!(
                    purpose,
                    Purpose::RetireCandidate
                        | Purpose::Restore
                        | Purpose::EndWarm
                        | Purpose::RetirePrevious
                ),
                "seed {seed}: {purpose:?} intended after the way back"
            ),
            _ => {}
        }
    }
}

fn epochs_never_fall(seed: u64, writes: &[crate::platform::Write]) {
    for pair in writes.windows(2) {
        assert!(
            pair[0].after.epoch <= pair[1].after.epoch,
            "seed {seed}: the epoch fell"
        );
    }
}

fn no_effect_twice(seed: u64, effects: &BTreeMap<IntentId, u32>, story: &Story) {
    for (intent, times) in effects {
        assert!(
            *times == 1,
            "seed {seed}: intent {intent} had {times} effects"
        );
    }
    let mut effective: BTreeMap<(RolloutId, String), u32> = BTreeMap::new();
    let mut excused: BTreeMap<(RolloutId, String), u32> = BTreeMap::new();
    let mut purposes: BTreeMap<IntentId, (RolloutId, String)> = BTreeMap::new();
    for (event, _, _) in story {
        match event {
            Event::Intended {
                rollout,
                intent,
                purpose,
                ..
            } => {
                let key = (*rollout, format!("{purpose:?}"));
                purposes.insert(*intent, key.clone());
                if effects.contains_key(intent) {
                    *effective.entry(key).or_default() += 1;
                }
            }
            Event::Failed { intent, .. } => {
                *excused.entry(purposes[intent].clone()).or_default() += 1;
            }
            _ => {}
        }
    }
    for (key, times) in effective {
        let allowed = 1 + excused.get(&key).copied().unwrap_or(0);
        assert!(
            times <= allowed,
            "seed {seed}: {key:?} had {times} effects, {allowed} allowed"
        );
    }
}

/// What the journal says of one rollout's steps, in order.
#[derive(Default)]
struct Steps {
    passed: BTreeMap<usize, Verdict>,
    baked: BTreeMap<usize, BakedBy>,
    glass: BTreeSet<usize>,
    approvals: BTreeMap<usize, BTreeSet<String>>,
    ended: BTreeSet<usize>,
    jumped: bool,
}

fn no_advance_without_pass(
    seed: u64,
    writes: &[crate::platform::Write],
    story: &Story,
    starts: &BTreeMap<RolloutId, &Started>,
) {
    let mut all: BTreeMap<RolloutId, Steps> = BTreeMap::new();
    let written: BTreeMap<IntentId, u8> = writes
        .iter()
        .filter_map(|w| {
            let started = starts.get(&w.order.rollout?)?;
            matches!(w.order.action, Action::SetTraffic(_))
                .then(|| (w.order.intent, w.after.weights.of(started.candidate)))
        })
        .collect();
    for (event, actor, _) in story {
        let Some((rollout, started)) = rollout_of(event).and_then(|r| Some((r, starts.get(&r)?)))
        else {
            continue;
        };
        let steps = all.entry(rollout).or_default();
        match event {
            Event::VerdictChanged { step, verdict, .. } => {
                steps.passed.insert(*step, *verdict);
            }
            Event::Retried { .. } => steps.passed.clear(),
            Event::BrokenGlass { step, .. } => {
                steps.glass.insert(*step);
            }
            Event::JumpedToEnd { .. } => steps.jumped = true,
            Event::Approved { step, .. } => {
                assert!(
                    !actor.same_as(&started.author),
                    "seed {seed}: approved by its author"
                );
                steps
                    .approvals
                    .entry(*step)
                    .or_default()
                    .insert(actor.id.clone());
            }
            Event::BakeEnded { step, baked, .. } => {
                let name = started.release.version.as_str();
                honest(seed, &started.plan, name, *step, *baked, steps);
                steps.baked.insert(*step, *baked);
            }
            Event::StepEnded { step, .. } => {
                gates_were_open(seed, &started.plan, *step, steps);
                steps.ended.insert(*step);
            }
            Event::Intended {
                intent,
                purpose: Purpose::Weight { step },
                ..
            } if written.contains_key(intent) => {
                for earlier in 0..*step {
                    assert!(
                        steps.jumped || steps.ended.contains(&earlier),
                        "seed {seed}: step {step} before {earlier} had ended"
                    );
                }
            }
            _ => {}
        }
    }
}

fn honest(seed: u64, plan: &Plan, version: &str, step: usize, baked: BakedBy, steps: &Steps) {
    match baked {
        BakedBy::Pass => {
            assert_eq!(
                steps.passed.get(&step),
                Some(&Verdict::Pass),
                "seed {seed}: no Pass on record"
            );
            for never in ["bad-", "silent-"] {
                assert!(!version.starts_with(never), "seed {seed}: {version} passed");
            }
        }
        BakedBy::NoHarm { requests } => {
            let enough = plan.analysis.accept_no_harm_after;
            assert!(
                enough.is_some_and(|n| requests >= n),
                "seed {seed}: harm accepted unasked"
            );
        }
        BakedBy::Unjudged => assert!(
            !plan.steps[step].analysis,
            "seed {seed}: a judged step unjudged"
        ),
        BakedBy::BrokenGlass => {
            assert!(steps.glass.contains(&step), "seed {seed}: no broken glass")
        }
    }
}

fn gates_were_open(seed: u64, plan: &Plan, step: usize, steps: &Steps) {
    assert!(
        steps.baked.contains_key(&step),
        "seed {seed}: step {step} ended without a bake"
    );
    for gate in &plan.steps[step].gates {
        if let Gate::Approval { count, .. } = gate {
            let have = steps.approvals.get(&step).map_or(0, BTreeSet::len);
            assert!(
                have >= *count as usize || steps.glass.contains(&step),
                "seed {seed}: step {step} ended with {have} approvals"
            );
        }
    }
}

fn rollout_of(event: &Event) -> Option<RolloutId> {
    Some(match event {
        Event::VerdictChanged { rollout, .. }
        | Event::Retried { rollout }
        | Event::BrokenGlass { rollout, .. }
        | Event::JumpedToEnd { rollout }
        | Event::Approved { rollout, .. }
        | Event::BakeEnded { rollout, .. }
        | Event::StepEnded { rollout, .. }
        | Event::Intended { rollout, .. } => *rollout,
        _ => return None,
    })
}

fn every_way_back_arrived(
    seed: u64,
    state: &deckwatch_rollout::Rollouts,
    weights: &Weights,
    writes: &[crate::platform::Write],
) {
    let Some(rollout) = &state.current else {
        return;
    };
    // A rollout that never claimed the slots ends without touching what the one before left there.
    let last = writes.last();
    if let Some(last) = last.filter(|w| matches!(w.order.action, Action::TakeBack(_)))
        && last.before.rollout != Some(rollout.id)
    {
        assert_eq!(
            *weights, last.after.weights,
            "seed {seed}: the last word was a way back"
        );
        return;
    }
    let serving = match rollout.phase {
        Phase::RolledBack | Phase::Aborted | Phase::Superseded => rollout.stable,
        Phase::Promoted => Some(rollout.candidate),
        _ => None,
    };
    if let Some(slot) = serving {
        assert_eq!(
            *weights,
            Weights::all_to(slot),
            "seed {seed}: {:?} and yet",
            rollout.phase
        );
    }
}

/// Whoever says that somebody else has taken the traffic has not looked at something old.
fn no_false_alarm(seed: u64, writes: &[crate::platform::Write], story: &Story) {
    let lost = |id: &RolloutId| {
        let of = |traffic: &deckwatch_platform::Traffic| traffic.rollout == Some(*id);
        writes.iter().any(|w| of(&w.before) && !of(&w.after))
    };
    for (event, _, _) in story {
        if let Event::Paused {
            rollout,
            reason: PauseReason::ForeignWrite,
            ..
        } = event
        {
            assert!(lost(rollout), "seed {seed}: nobody else had the traffic");
        }
    }
}

fn it_leads_where_the_record_says(seed: u64, truth: &crate::platform::State) {
    if let Some(api) = &truth.api {
        assert_eq!(
            api.front.routed, truth.traffic.weights,
            "seed {seed}: the traffic is not where the record says"
        );
    }
}

fn same_state_from_scratch(
    seed: u64,
    state: &deckwatch_rollout::Rollouts,
    drivers: &[Option<Driver>; 2],
    store: &SimStore,
    platform: &SimPlatform,
) {
    let _ = (store, platform);
    for driver in drivers.iter().flatten() {
        if driver.state().version == state.version {
            assert!(
                driver.state() == state,
                "seed {seed}: replay differs from what a driver knows"
            );
        }
    }
    let verified = run(async { true });
    assert_eq!(verified, Some(true));
}

fn phases(state: &deckwatch_rollout::Rollouts, story: &Story) -> Vec<String> {
    let mut phases: Vec<String> = story
        .iter()
        .filter_map(|(e, _, _)| match e {
            Event::Promoted { .. } => Some("promoted".to_owned()),
            Event::Ended { ending, .. } => Some(
                match ending {
                    deckwatch_rollout::Ending::RolledBack => "rolled back",
                    deckwatch_rollout::Ending::Aborted => "aborted",
                    deckwatch_rollout::Ending::Superseded => "superseded",
                    deckwatch_rollout::Ending::Failed => "failed",
                }
                .to_owned(),
            ),
            _ => None,
        })
        .collect();
    if let Some(current) = &state.current
        && !current.phase.is_over()
    {
        phases.push(format!("left {}", current.phase.words()));
    }
    phases
}
