//! Whatever a service answers when it is scraped, in either format: read within its limits, or
//! refused by name; and what was read is read the same when it is written again.
#![no_main]

use deckwatch_signals::exposition::{Exposition, Format, parse_as};
use deckwatch_signals::{Limits, Sample};
use libfuzzer_sys::fuzz_target;

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}

fn written(sample: &Sample) -> String {
    let mut inside = vec![quoted(&sample.name)];
    for (name, value) in &sample.labels {
        inside.push(format!("{}={}", quoted(name), quoted(value)));
    }
    let at = sample
        .timestamp_ms
        .map_or(String::new(), |at| format!(" {at}"));
    format!("{{{}}} {}{at}\n", inside.join(","), sample.value)
}

fn holds(page: &Exposition, limits: &Limits) {
    assert!(page.samples.len() <= limits.samples);
    for sample in &page.samples {
        assert!(!sample.name.is_empty());
        assert!(sample.labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(
            sample
                .labels
                .iter()
                .all(|(name, value)| !name.is_empty() && !value.is_empty())
        );
    }
    let text: String = page.samples.iter().map(written).collect();
    let roomy = Limits {
        bytes: usize::MAX,
        ..*limits
    };
    let again = parse_as(Format::Text, &text, &roomy).expect("what was read can be read again");
    for (a, b) in again.samples.iter().zip(&page.samples) {
        let same = a.value == b.value || (a.value.is_nan() && b.value.is_nan());
        assert!(
            same && a.name == b.name && a.labels == b.labels && a.timestamp_ms == b.timestamp_ms
        );
    }
}

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    for format in [Format::Text, Format::OpenMetrics] {
        match parse_as(format, text, &limits) {
            Ok(page) => holds(&page, &limits),
            Err(error) => assert!(error.line <= text.split('\n').count()),
        }
    }
});
