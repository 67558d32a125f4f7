//! What an imported journal may hold: any records in any order. The state that they add up to can
//! be asked everything that a driver or a person asks, at any time.
#![no_main]

mod lines;

use std::time::Duration;

use deckwatch_domain::{Actor, EventId, ServiceName, Timestamp};
use deckwatch_journal::Recorded;
use deckwatch_platform::Observation;
use deckwatch_rollout::plan::RollbackKind;
use deckwatch_rollout::{Command, Event, Inputs, Rollouts, decide, planner, revisions, status};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fn observation() -> Observation {
    let text = include_str!("observation.json");
    serde_json::from_str(text).expect("it is one")
}

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    lines::mutate(data, size, most, seed)
});

fuzz_target!(|bytes: &[u8]| {
    let service = ServiceName::new("shop").expect("it is a name");
    let actor = Actor::person("ana", "bridge");
    let mut state = Rollouts::new(service);
    let mut story = Vec::new();
    let mut at = Timestamp::EPOCH;
    for line in bytes.split(|b| *b == b'\n') {
        // As a line of an export, or as the payload alone: the fuzzer gets further that way.
        let payload = match serde_json::from_slice::<Recorded>(line) {
            Ok(recorded) => {
                at = recorded.occurred_at;
                recorded.payload.unwrap_or_default()
            }
            Err(_) => line.to_vec(),
        };
        if let Ok(event) = serde_json::from_slice::<Event>(&payload) {
            let _ = (event.words(), event.tone());
            state.evolve(&event, &actor, at);
            story.push((event, at));
        }
    }
    let _ = revisions(story.iter().map(|(event, at)| (event, *at)));
    let seen = observation();
    for after in [Duration::ZERO, Duration::from_secs(90), Duration::MAX] {
        let now = at.plus(after);
        let inputs = Inputs {
            observation: &seen,
            judgement: None,
            baseline: None,
            closed: &[],
            task: None,
            now,
        };
        let _ = planner::next(&state, &inputs);
        if let Some(rollout) = &state.current {
            let _ = status(rollout, Some(&seen), None, &[], None, now);
        }
        for command in commands() {
            let _ = decide(&state, &command, &actor, now);
        }
    }
});

fn commands() -> Vec<Command> {
    let (why, take_back) = (String::from("why"), EventId::from_u128(1));
    let kind = RollbackKind::Full;
    vec![
        Command::Pause { note: why.clone() },
        Command::Resume,
        Command::Retry,
        Command::Promote {
            full: true,
            break_glass: Some(why.clone()),
        },
        Command::Promote {
            full: false,
            break_glass: None,
        },
        Command::Approve {
            roles: Vec::new(),
            bound: false,
            note: why.clone(),
        },
        Command::Abort {
            why: why.clone(),
            take_back,
            kind,
        },
        Command::PutBack { why, kind },
    ]
}
