//! Whatever a service answers when it is scraped: read within its limits, or refused by name.
#![no_main]

use deckwatch_signals::{Limits, exposition};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    if let Ok(page) = exposition::parse(text, &limits) {
        assert!(page.samples.len() <= limits.samples);
    }
});
