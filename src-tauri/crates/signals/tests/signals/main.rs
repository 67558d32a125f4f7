//! The store, the scraper and the counts over a real file, and over one file from two processes.

mod asked;
mod cohort;
mod host;
mod kills;
mod pool;
mod probe;
mod prometheus;
mod scrape;
mod server;
mod store;

use deckwatch_domain::Timestamp;
use deckwatch_signals::Sample;

/// Seconds after some moment in 2026.
fn t(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_770_000_000_000 + seconds * 1000)
}

fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
    Sample::new(name, labels, value)
}
