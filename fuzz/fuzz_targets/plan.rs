//! Whatever is written as a plan is read, or its mistakes are named; what is read can be run.
#![no_main]

use deckwatch_rollout::plan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match plan::read(text) {
        Err(problems) => assert!(!problems.to_string().is_empty()),
        Ok(plan) => {
            for instances in [1, 3, 50] {
                let Ok(plan) = plan.for_instances(instances) else {
                    continue;
                };
                assert_eq!(plan.steps.last().map(|s| s.weight), Some(100));
                let weights = plan.steps.windows(2);
                assert!(weights.into_iter().all(|w| w[0].weight < w[1].weight));
                // As the journal keeps it.
                let kept = serde_json::to_vec(&plan).expect("a plan is written");
                let again: plan::Plan = serde_json::from_slice(&kept).expect("and read");
                assert_eq!(again, plan);
            }
            let _ = plan::reach(&plan, Some(20.0), &[]);
            let _ = plan::reach(&plan, None, &[]);
        }
    }
});
