//! What stands between a candidate that is ready and its first weight; looks that are old, and
//! instances that take their time to leave.

use std::time::Duration;

use deckwatch_domain::{Actor, Digest, PerSlot, Role, RolloutId, Slot, Span, Timestamp, Weights};
use deckwatch_platform::{Observation, ReleaseSpec, SlotState, Traffic};

use super::{Inputs, Next, next};
use crate::event::{Event, Started};
use crate::plan::builtin;
use crate::state::Rollouts;

const BEGAN: Timestamp = Timestamp::EPOCH;

fn release(version: &str) -> ReleaseSpec {
    ReleaseSpec {
        version: version.parse().unwrap(),
        command: None,
        env: Default::default(),
        image: None,
    }
}

/// v2 beside v1: claimed, brought up and ready, and no baseline captured yet.
fn ready(baseline: Span) -> (Rollouts, Observation) {
    let (mut plan, text) = builtin("canary-5-25-100").unwrap();
    plan.baseline = baseline;
    let started = Started {
        rollout: RolloutId::from_u128(1),
        service: "shop".parse().unwrap(),
        release: release("v2"),
        instances: 2,
        candidate: Slot::Green,
        stable: Some(Slot::Blue),
        stable_version: Some("v1".parse().unwrap()),
        plan,
        plan_text: text.to_owned(),
        plan_digest: Digest::of(text.as_bytes()),
        author: Actor::person("ana", "bridge"),
        preview: None,
        stable_instances: 2,
        not_before: None,
        undo_to: None,
    };
    let observation = Observation {
        service: started.service.clone(),
        at: BEGAN,
        traffic: Traffic {
            weights: Weights::all_to(Slot::Blue),
            roles: PerSlot::new(|slot| match slot {
                Slot::Blue => Role::Stable,
                Slot::Green => Role::Candidate,
            }),
            rollout: Some(started.rollout),
            ..Traffic::default()
        },
        slots: PerSlot::new(|_| SlotState {
            ready: 2,
            ..SlotState::default()
        }),
        instances: 2,
        preview: None,
        applied: Vec::new(),
        drift: None,
        sharing: deckwatch_platform::Sharing::Weight,
        reached: None,
    };
    let mut state = Rollouts::new(started.service.clone());
    let author = started.author.clone();
    state.evolve(&Event::Started(Box::new(started)), &author, BEGAN);
    let rollout = state.current.as_mut().unwrap();
    rollout.claimed = true;
    rollout.brought_up = true;
    (state, observation)
}

/// What is next `after` the start, with no sample of stable's past.
fn without_samples(state: &Rollouts, observation: &Observation, after: Duration) -> Next {
    let inputs = Inputs {
        observation,
        judgement: None,
        baseline: None,
        closed: &[],
        task: None,
        now: BEGAN.plus(after),
    };
    next(state, &inputs)
}

/// Whether that records that there was nothing to capture.
fn captures_nothing(next: &Next) -> bool {
    matches!(next, Next::Record(events) if matches!(events.as_slice(),
        [Event::BaselineCaptured { baseline, .. }] if baseline.counts.is_empty()))
}

#[test]
fn a_baseline_of_no_time_is_not_waited_for() {
    let (mut state, observation) = ready(Span::from_secs(0));
    let captured = without_samples(&state, &observation, Duration::ZERO);
    assert!(captures_nothing(&captured), "{captured:?}");
    let Next::Record(events) = captured else {
        unreachable!()
    };
    let author = Actor::person("ana", "bridge");
    state.evolve(&events[0], &author, BEGAN);
    let then = without_samples(&state, &observation, Duration::ZERO);
    assert!(
        matches!(&then, Next::Record(events) if matches!(events.as_slice(), [Event::CapacityReached { .. }])),
        "{then:?}"
    );
}

#[test]
fn any_other_baseline_is_waited_for_until_two_looks_after_it() {
    let (state, observation) = ready(Span::from_secs(1));
    let interval = state.current.as_ref().unwrap().plan.analysis.interval;
    let patience = Duration::from_secs(1) + interval.duration() * 2;
    let before = patience - Duration::from_millis(1);
    let waits = without_samples(&state, &observation, before);
    assert!(matches!(waits, Next::Wait { .. }), "{waits:?}");
    let captured = without_samples(&state, &observation, patience);
    assert!(captures_nothing(&captured), "{captured:?}");
}

#[test]
fn who_is_compared_with_the_past_alone_waits_longer_for_it() {
    let (mut state, observation) = ready(Span::from_secs(1));
    let plan = &mut state.current.as_mut().unwrap().plan;
    // Everyone at once: nothing will ever be seen of stable beside it.
    plan.steps.drain(..plan.steps.len() - 1);
    let capacity = plan.deadlines.capacity.duration();
    let patience = Duration::from_secs(1) + plan.analysis.interval.duration() * 2;
    let waits = without_samples(&state, &observation, patience);
    assert!(matches!(waits, Next::Wait { .. }), "{waits:?}");
    let captured = without_samples(&state, &observation, capacity);
    assert!(captures_nothing(&captured), "{captured:?}");
}

/// A watch of a cluster lags: what it shows may be from before the traffic was claimed.
#[test]
fn an_old_look_says_nothing_of_who_has_the_traffic() {
    let (mut state, mut observation) = ready(Span::from_secs(1));
    let write = deckwatch_domain::IntentId::from_u128(7);
    state.current.as_mut().unwrap().last_write = Some((write, BEGAN));
    observation.traffic.rollout = Some(RolloutId::from_u128(99));
    let soon = Duration::from_secs(1);
    let waits = without_samples(&state, &observation, soon);
    assert_eq!(waits, Next::wait(super::OLD));
    // A look that shows the write is not old, and none is after so long.
    let pauses = |next: &Next| matches!(next, Next::Record(events) if matches!(events.as_slice(), [Event::Paused { .. }]));
    let late = without_samples(&state, &observation, super::OLDEST);
    assert!(pauses(&late), "{late:?}");
    observation.applied.push(write);
    let seen = without_samples(&state, &observation, soon);
    assert!(pauses(&seen), "{seen:?}");
}

/// The way back that is asked for is decided on what is there, not on an old look.
#[test]
fn an_old_look_does_not_end_a_way_back() {
    let (mut state, mut observation) = ready(Span::from_secs(1));
    let write = deckwatch_domain::IntentId::from_u128(7);
    let ana = Actor::person("ana", "bridge");
    let asked = Event::RollbackRequested {
        rollout: RolloutId::from_u128(1),
        cause: crate::event::Cause::Person,
        ends_as: crate::event::Ending::Aborted,
        why: "stop".into(),
        take_back: deckwatch_domain::EventId::from_u128(5),
        kind: crate::plan::RollbackKind::Quick,
    };
    state.evolve(&asked, &ana, BEGAN);
    state.current.as_mut().unwrap().last_write = Some((write, BEGAN));
    observation.traffic.rollout = None;
    let goes = without_samples(&state, &observation, Duration::ZERO);
    assert!(matches!(goes, Next::TakeBack { .. }), "{goes:?}");
    observation.applied.push(write);
    let ends = without_samples(&state, &observation, Duration::ZERO);
    assert!(matches!(ends, Next::Record(_)), "{ends:?}");
}
