//! What arrives at a node: any order against any traffic object. The rules hold whatever they are.
#![no_main]

use deckwatch_domain::{PerSlot, Slot};
use deckwatch_platform::{Action, Observation, Order, Traffic, rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|b| *b == b'\n');
    let first = lines.next().unwrap_or_default();
    let _ = serde_json::from_slice::<Observation>(first);
    let Ok(mut traffic) = serde_json::from_slice::<Traffic>(first) else {
        return;
    };
    let ready = PerSlot { blue: 1, green: 0 };
    for line in lines {
        let Ok(order) = serde_json::from_slice::<Order>(line) else {
            continue;
        };
        match &order.action {
            Action::SetTraffic(write) => {
                if let Ok(after) = rules::set_traffic(&traffic, ready, &order, write) {
                    assert!(order.epoch >= traffic.epoch);
                    let rises = |slot: Slot| after.weights.of(slot) > traffic.weights.of(slot);
                    assert!(!rises(Slot::Green), "weight where nothing is ready");
                    assert!(order.rollout.is_none_or(|r| !traffic.latched.contains(&r)));
                    traffic = after;
                }
            }
            Action::TakeBack(take) | Action::Rehearse(take) => {
                if let Ok((after, record)) = rules::take_back(&traffic, ready, take) {
                    assert!(after.epoch >= record.epoch);
                    assert!(after.records.len() <= traffic.records.len().max(rules::RECORDS) + 1);
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
