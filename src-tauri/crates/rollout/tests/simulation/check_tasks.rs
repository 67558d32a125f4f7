//! What must hold of tasks, whatever happened to those who began them.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{Actor, IntentId, RolloutId, Timestamp};
use deckwatch_rollout::plan::{Place, Plan, RollbackKind};
use deckwatch_rollout::{Event, Purpose, Started, Way};

use crate::tasks::SimTask;

/// What the journal says of one rollout's tasks so far.
#[derive(Default)]
struct Told {
    running: Option<IntentId>,
    of: BTreeMap<IntentId, (Place, Way)>,
    /// Passed, or waived by a person.
    settled: BTreeSet<Place>,
    failed: BTreeSet<Place>,
    /// In the order in which they first began.
    out: Vec<Place>,
    back: Vec<Place>,
    taken_back: bool,
    requested: bool,
    kind: RollbackKind,
    glass: BTreeSet<usize>,
}

pub fn tasks(
    seed: u64,
    story: &[(Event, Actor, Timestamp)],
    starts: &BTreeMap<RolloutId, &Started>,
    all: &BTreeMap<IntentId, SimTask>,
) {
    let mut told: BTreeMap<RolloutId, Told> = BTreeMap::new();
    let mut written = BTreeSet::new();
    for (event, _, _) in story {
        if let Event::TakenBack { record } = event
            && let Some(rollout) = record.rollout
        {
            told.entry(rollout).or_default().taken_back = true;
        }
        let Some((rollout, started)) = rollout_of(event).and_then(|r| Some((r, starts.get(&r)?)))
        else {
            continue;
        };
        let told = told.entry(rollout).or_default();
        if let Event::TaskStarted { intent, .. } = event {
            written.insert(*intent);
        }
        one(seed, event, told);
        held(seed, event, told, &started.plan);
    }
    for (intent, task) in all {
        assert_eq!(task.times, 1, "seed {seed}: {} ran twice", task.name);
        let again = task.name.starts_with("again");
        assert!(
            again || written.contains(intent),
            "seed {seed}: {} ran and nobody had written it down",
            task.name
        );
    }
}

fn rollout_of(event: &Event) -> Option<RolloutId> {
    Some(match event {
        Event::TaskStarted { rollout, .. }
        | Event::TaskEnded { rollout, .. }
        | Event::TaskChanged { rollout, .. }
        | Event::TaskWaived { rollout, .. }
        | Event::RollbackRequested { rollout, .. }
        | Event::BrokenGlass { rollout, .. }
        | Event::Retried { rollout }
        | Event::Intended { rollout, .. }
        | Event::BakeEnded { rollout, .. }
        | Event::Promoted { rollout, .. } => *rollout,
        _ => return None,
    })
}

fn one(seed: u64, event: &Event, told: &mut Told) {
    match event {
        Event::TaskStarted {
            intent, place, way, ..
        } => {
            assert!(told.running.is_none(), "seed {seed}: two tasks at once");
            told.running = Some(*intent);
            told.of.insert(*intent, (*place, *way));
            let list = match way {
                Way::Out => &mut told.out,
                Way::Back => &mut told.back,
            };
            if !list.contains(place) {
                list.push(*place);
            }
            if *way == Way::Back {
                way_back(seed, *place, told);
            }
        }
        Event::TaskEnded {
            intent, outcome, ..
        } => {
            assert_eq!(
                told.running.take(),
                Some(*intent),
                "seed {seed}: another ended"
            );
            if let Some((place, Way::Out)) = told.of.get(intent) {
                let (to, from) = match outcome.passed {
                    true => (&mut told.settled, &mut told.failed),
                    false => (&mut told.failed, &mut told.settled),
                };
                to.insert(*place);
                from.remove(place);
            }
        }
        Event::TaskWaived { place, .. } => {
            told.settled.insert(*place);
        }
        Event::BrokenGlass { step, .. } => {
            told.glass.insert(*step);
        }
        Event::RollbackRequested { kind, .. } => {
            told.requested = true;
            told.kind = *kind;
        }
        _ => {}
    }
}

/// Only once traffic is back (or there was none to take), only when asked for, the last first,
/// and never where data could not be saved before.
fn way_back(seed: u64, place: Place, told: &Told) {
    assert!(
        told.taken_back || told.requested,
        "seed {seed}: a way back of a task before the traffic's"
    );
    assert!(
        told.kind != RollbackKind::Quick || told.taken_back,
        "seed {seed}: a quick rollback ran a way back"
    );
    assert!(
        told.out.contains(&place),
        "seed {seed}: {place:?} was taken back and had never begun"
    );
    for later in &told.back {
        assert!(
            *later >= place,
            "seed {seed}: {place:?} was taken back after {later:?}"
        );
    }
    if told.kind == RollbackKind::DataPreserving {
        assert!(
            !told.failed.contains(&Place::Export),
            "seed {seed}: data that could not be saved was taken away"
        );
    }
}

/// Nothing goes forward over a critical task that has not passed.
fn held(seed: u64, event: &Event, told: &Told, plan: &Plan) {
    let wanted: Vec<Place> = match event {
        Event::Intended {
            purpose: Purpose::BringUp,
            ..
        } => (0..plan.around.before.len())
            .map(|index| Place::Before { index })
            .collect(),
        Event::BakeEnded { step, .. } if !told.glass.contains(step) => {
            let step = *step;
            (0..plan.steps[step].tasks.len())
                .map(|index| Place::Step { step, index })
                .collect()
        }
        Event::Promoted { .. } => (0..plan.around.after.len())
            .map(|index| Place::After { index })
            .collect(),
        _ => return,
    };
    for place in wanted {
        let critical = plan.task(place).is_some_and(|t| t.critical);
        assert!(
            !critical || told.settled.contains(&place),
            "seed {seed}: {event:?} over {place:?}"
        );
    }
}
