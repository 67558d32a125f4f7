//! A file of targets as people write it: read, or its mistakes are named with their places; and
//! what its rules make of targets and samples has no empty label.
#![no_main]

use std::time::Duration;

use deckwatch_domain::Timestamp;
use deckwatch_signals::pool::Intake;
use deckwatch_signals::{Limits, exposition, targets};
use libfuzzer_sys::fuzz_target;

const PAGE: &str = "# TYPE a counter\na_total{x=\"1\",job=\"own\"} 1\nb{instance=\"i\"} 2 5\nb 3\n";

fuzz_target!(|text: &str| {
    let read = match targets::read(text) {
        Ok(read) => read,
        Err(problems) => return assert!(!problems.0.is_empty()),
    };
    let page = exposition::parse(PAGE, &Limits::default()).expect("the page is one");
    for target in read.listed() {
        assert!(!targets::RESERVED.contains(&target.label("job")));
        let at = Timestamp::from_millis(1_770_000_000_000);
        let batch = Intake::default().take(&target, Some(page.clone()), Duration::ZERO, at);
        for sample in &batch.samples {
            assert!(!sample.name.is_empty());
            assert!(sample.labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert!(
                sample
                    .labels
                    .iter()
                    .all(|(name, value)| !name.is_empty() && !value.is_empty())
            );
        }
    }
});
