//! Which series meet which conditions: for every label and value the series that have it.
//!
//! Held in memory and brought up to date from the file when something was added there; series are
//! few (they are limited), samples are many.

use std::collections::HashMap;

use deckwatch_promql::labels::METRIC_NAME;
use deckwatch_promql::{MatchOp, Matcher};

use crate::sample::{Labels, label};

/// A stored series.
pub(super) struct Entry {
    pub id: i64,
    pub name: String,
    pub labels: Labels,
}

impl Entry {
    /// The value of a label, the metric's name being one; empty when absent.
    pub fn label(&self, name: &str) -> &str {
        match name {
            METRIC_NAME => &self.name,
            name => label(&self.labels, name),
        }
    }

    fn meets(&self, matcher: &Matcher) -> bool {
        matcher.matches(self.label(matcher.name()))
    }
}

/// All series of the file, as of one generation.
#[derive(Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
    /// Places in `entries`, in order, by label and value.
    postings: HashMap<String, HashMap<String, Vec<u32>>>,
}

impl Index {
    /// The highest id that is known; ids are never given twice.
    pub fn last_id(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.id)
    }

    pub fn clear(&mut self) {
        *self = Index::default();
    }

    /// Adds a series; ids must rise.
    pub fn add(&mut self, entry: Entry) {
        let place = self.entries.len() as u32;
        let pairs = entry.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in pairs.chain([(METRIC_NAME, entry.name.as_str())]) {
            // Names and values repeat: they are copied only when they are new.
            if let Some(places) = self.postings.get_mut(name).and_then(|v| v.get_mut(value)) {
                places.push(place);
                continue;
            }
            let values = self.postings.entry(name.to_owned()).or_default();
            values.insert(value.to_owned(), vec![place]);
        }
        self.entries.push(entry);
    }

    /// The series that meet all conditions, in order of id.
    pub fn matching(&self, matchers: &[Matcher]) -> Vec<&Entry> {
        // What an absent label meets cannot be looked up; it is checked one by one.
        let (checked, found): (Vec<&Matcher>, Vec<&Matcher>) =
            matchers.iter().partition(|m| m.matches(""));
        let mut lists: Vec<Vec<u32>> = Vec::with_capacity(found.len());
        for matcher in found {
            lists.push(self.having(matcher));
        }
        lists.sort_by_key(Vec::len);
        let mut lists = lists.into_iter();
        let places: Vec<u32> = match lists.next() {
            Some(first) => lists.fold(first, |have, list| both(&have, &list)),
            None => (0..self.entries.len() as u32).collect(),
        };
        let entries = places.iter().filter_map(|p| self.entries.get(*p as usize));
        entries
            .filter(|entry| checked.iter().all(|m| entry.meets(m)))
            .collect()
    }

    /// The places of the series that have the label with such a value.
    fn having(&self, matcher: &Matcher) -> Vec<u32> {
        let Some(values) = self.postings.get(matcher.name()) else {
            return Vec::new();
        };
        if matcher.op() == MatchOp::Equal {
            return values.get(matcher.value()).cloned().unwrap_or_default();
        }
        let wanted = values.iter().filter(|(value, _)| matcher.matches(value));
        let mut places: Vec<u32> = wanted.flat_map(|(_, places)| places).copied().collect();
        places.sort_unstable();
        places
    }
}

/// What is in both lists; both in order.
fn both(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut rest = b;
    a.iter()
        .copied()
        .filter(|place| {
            let skip = rest.partition_point(|other| other < place);
            rest = &rest[skip..];
            rest.first() == Some(place)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(series: &[Vec<(&'static str, String)>]) -> Index {
        let mut index = Index::default();
        for (n, pairs) in series.iter().enumerate() {
            let mut labels: Labels = pairs
                .iter()
                .filter(|(_, v)| !v.is_empty())
                .map(|(n, v)| ((*n).to_owned(), v.clone()))
                .collect();
            labels.sort();
            labels.dedup_by(|a, b| a.0 == b.0);
            let name = format!("m{}", n % 3);
            index.add(Entry {
                id: n as i64 + 1,
                name,
                labels,
            });
        }
        index
    }

    fn matcher() -> impl Strategy<Value = Matcher> {
        let op = prop_oneof![
            Just(MatchOp::Equal),
            Just(MatchOp::NotEqual),
            Just(MatchOp::Regex),
            Just(MatchOp::NotRegex),
        ];
        let name = prop_oneof![Just("a"), Just("b"), Just("__name__"), Just("none")];
        const VALUES: [&str; 11] = [
            "", "x", "y", "x.*", "[xy]", ".+", ".*", "m1", "m[02]", "x?", "|y",
        ];
        (name, op, prop::sample::select(&VALUES[..]))
            .prop_map(|(name, op, value)| Matcher::new(name, op, value).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn finds_what_looking_at_each_would(
            series in prop::collection::vec(
                prop::collection::vec((prop_oneof![Just("a"), Just("b")], "[xy]{0,2}"), 0..3),
                0..20,
            ),
            matchers in prop::collection::vec(matcher(), 0..4),
        ) {
            let index = index(&series);
            let found: Vec<i64> = index.matching(&matchers).iter().map(|e| e.id).collect();
            let all = index.entries.iter();
            let meant = all.filter(|e| matchers.iter().all(|m| e.meets(m)));
            let meant: Vec<i64> = meant.map(|e| e.id).collect();
            prop_assert_eq!(found, meant);
        }
    }
}
