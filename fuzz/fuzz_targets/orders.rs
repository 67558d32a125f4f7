//! What arrives at a node: any order against any traffic object. The rules hold whatever they are.
#![no_main]

mod lines;

use deckwatch_domain::{PerSlot, Slot};
use deckwatch_platform::{Action, Observation, Order, Traffic, rules};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    lines::mutate(data, size, most, seed)
});

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|b| *b == b'\n');
    let first = lines.next().unwrap_or_default();
    let _ = serde_json::from_slice::<Observation>(first);
    let Ok(mut traffic) = serde_json::from_slice::<Traffic>(first) else {
        return;
    };
    let mut ready = PerSlot { blue: 1, green: 0 };
    for line in lines {
        // What becomes ready, and what no longer is.
        if let Ok(now) = serde_json::from_slice::<PerSlot<u32>>(line) {
            ready = now;
        }
        let Ok(order) = serde_json::from_slice::<Order>(line) else {
            continue;
        };
        match &order.action {
            Action::SetTraffic(write) => {
                if let Ok(after) = rules::set_traffic(&traffic, ready, &order, write) {
                    assert!(order.epoch >= traffic.epoch);
                    for slot in Slot::BOTH {
                        let rises = after.weights.of(slot) > traffic.weights.of(slot);
                        assert!(!rises || ready[slot] > 0, "weight where nothing is ready");
                    }
                    assert!(order.rollout.is_none_or(|r| !traffic.latched.contains(&r)));
                    traffic = after;
                }
            }
            Action::TakeBack(take) | Action::Rehearse(take) => {
                if let Ok((after, record)) = rules::take_back(&traffic, ready, take) {
                    assert!(after.epoch >= record.epoch && after.epoch >= traffic.epoch);
                    assert!(after.records.len() <= traffic.records.len().max(rules::RECORDS));
                    // The same again is the same answer and changes nothing.
                    let again = rules::take_back(&after, ready, take).expect("it is recorded");
                    assert_eq!(again, (after.clone(), record));
                    if after != traffic {
                        assert!(after.way_back.is_none() && after.audience.is_none());
                    }
                    traffic = after;
                }
            }
            Action::Watch { .. } => {
                let _ = rules::watch(&traffic, &order);
            }
            _ => {
                let _ = rules::change_slot(&traffic, &order);
            }
        }
    }
});
