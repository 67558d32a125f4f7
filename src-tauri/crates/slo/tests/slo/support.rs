//! What several tests need.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_slo::{Events, Objective, Track, read_objectives};

pub const MINUTE: u64 = 60;
pub const HOUR: u64 = 3_600;
pub const DAY: u64 = 86_400;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn seconds(n: u64) -> Span {
    Span::from_secs(n)
}

pub fn one(yaml: &str) -> Objective {
    let mut read = read_objectives(yaml).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(read.len(), 1);
    read.remove(0)
}

/// Availability of 99.9 % over 30 days.
pub fn plain() -> Objective {
    one("name: availability
service: checkout
target: 99.9%
period: 30d
indicator:
  ratio: {bad: 'requests_total{code=~\"5..\"}', total: requests_total}
")
}

pub fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    pairs.iter().map(owned).collect()
}

pub fn track(from: Timestamp, step: Span, slots: impl IntoIterator<Item = (f64, f64)>) -> Track {
    let events = slots
        .into_iter()
        .map(|(total, bad)| Some(Events::of(total, bad)));
    Track {
        labels: BTreeMap::new(),
        from,
        step,
        slots: events.collect(),
    }
}
