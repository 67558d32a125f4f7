//! From the counters of pods to those of slots. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use deckwatch_domain::Slot;
use deckwatch_signals::{RESPONSE_SECONDS, RESPONSES};

/// Whose pod it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    pub service: String,
    pub slot: Slot,
    pub release: String,
}

/// By the pod's name.
pub type Pods = BTreeMap<String, Seen>;

/// One counter of one pod.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cell {
    pub pod: String,
    /// A status, or a bucket's bound.
    pub key: String,
}

/// How a status counts.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Counters of slots that only ever rise while they are kept.
#[derive(Default, Debug)]
pub struct Tally {
    last: [BTreeMap<Cell, f64>; 2],
    /// By class, by bound.
    sums: [BTreeMap<(Seen, String), f64>; 2],
}

impl Tally {
    /// Takes in one look.
    pub fn take(
        &mut self,
        pods: &Pods,
        responses: &BTreeMap<Cell, f64>,
        seconds: &BTreeMap<Cell, f64>,
    ) {
        for whose in pods.values() {
            // A slot that nobody has asked anything of yet has answered nothing, and says so.
            for class in CLASSES {
                self.sums[0]
                    .entry((whose.clone(), class.to_owned()))
                    .or_default();
            }
        }
        self.add(0, pods, responses, class);
        self.add(1, pods, seconds, bound);
    }

    fn add(
        &mut self,
        which: usize,
        pods: &Pods,
        now: &BTreeMap<Cell, f64>,
        name: fn(&str) -> String,
    ) {
        // What is known of a pod that has other counters already is known since then: a status it
        // shows for the first time has risen from nothing.
        let known: std::collections::BTreeSet<&str> =
            self.last[which].keys().map(|c| c.pod.as_str()).collect();
        let mut rises = Vec::new();
        for (cell, value) in now {
            let Some(whose) = pods.get(&cell.pod) else {
                continue;
            };
            let rise = match self.last[which].get(cell) {
                // It began anew.
                Some(before) if value < before => *value,
                Some(before) => value - before,
                None if known.contains(cell.pod.as_str()) => *value,
                None => 0.0,
            };
            rises.push(((whose.clone(), name(&cell.key)), rise));
        }
        for (key, rise) in rises {
            if rise.is_finite() && rise >= 0.0 {
                *self.sums[which].entry(key).or_default() += rise;
            }
        }
        self.last[which] = now.clone();
    }

    /// In the text that a node would answer with.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "# TYPE {RESPONSES} counter");
        for ((seen, class), value) in &self.sums[0] {
            let _ = writeln!(
                text,
                "{RESPONSES}{{{},class=\"{class}\"}} {value}",
                labels(seen)
            );
        }
        if self.sums[1].is_empty() {
            return text;
        }
        let _ = writeln!(text, "# TYPE {RESPONSE_SECONDS} histogram");
        for ((seen, le), value) in &self.sums[1] {
            let name = format!("{RESPONSE_SECONDS}_bucket");
            let _ = writeln!(text, "{name}{{{},le=\"{le}\"}} {value}", labels(seen));
        }
        text
    }
}

fn labels(seen: &Seen) -> String {
    let Seen {
        service,
        slot,
        release,
    } = seen;
    format!("service=\"{service}\",slot=\"{slot}\",release=\"{release}\"")
}

/// `503` and `5xx` are `5xx`; what is no status is no answer.
fn class(code: &str) -> String {
    match code.as_bytes().first() {
        Some(b'1' | b'2') => "2xx",
        Some(b'3') => "3xx",
        Some(b'4') => "4xx",
        // 0 is what proxies write when nobody answered.
        _ => "5xx",
    }
    .into()
}

/// `0.30` and `3e-1` are `0.3`.
fn bound(le: &str) -> String {
    match le.parse::<f64>() {
        Ok(bound) if bound.is_infinite() => "+Inf".into(),
        Ok(bound) => bound.to_string(),
        Err(_) => le.replace(['"', '\\', '\n'], ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> Pods {
        let seen = |slot, release: &str| Seen {
            service: "shop".into(),
            slot,
            release: release.into(),
        };
        [
            ("a", seen(Slot::Blue, "v1")),
            ("b", seen(Slot::Blue, "v1")),
            ("c", seen(Slot::Green, "v2")),
        ]
        .map(|(pod, seen)| (pod.to_owned(), seen))
        .into()
    }

    fn look(cells: &[(&str, &str, f64)]) -> BTreeMap<Cell, f64> {
        let cell = |(pod, key, value): &(&str, &str, f64)| {
            let (pod, key) = ((*pod).to_owned(), (*key).to_owned());
            (Cell { pod, key }, *value)
        };
        cells.iter().map(cell).collect()
    }

    fn count(tally: &Tally, slot: Slot, class: &str) -> f64 {
        let wanted = |(key, _): &(&(Seen, String), &f64)| key.0.slot == slot && key.1 == class;
        tally.sums[0].iter().filter(wanted).map(|(_, v)| v).sum()
    }

    #[test]
    fn what_a_pod_had_counted_before_is_not_counted_again() {
        let mut tally = Tally::default();
        let none = BTreeMap::new();
        tally.take(&pods(), &look(&[("a", "200", 1000.0)]), &none);
        assert_eq!(count(&tally, Slot::Blue, "2xx"), 0.0);
        // Another status of a known pod begins at nothing; another pod is unknown.
        let second = look(&[("a", "200", 1010.0), ("a", "503", 4.0), ("b", "200", 700.0)]);
        tally.take(&pods(), &second, &none);
        assert_eq!(count(&tally, Slot::Blue, "2xx"), 10.0);
        assert_eq!(count(&tally, Slot::Blue, "5xx"), 4.0);
    }

    #[test]
    fn a_pod_that_begins_anew_or_leaves_takes_nothing_away() {
        let mut tally = Tally::default();
        let none = BTreeMap::new();
        let first = look(&[("a", "200", 100.0), ("b", "200", 100.0)]);
        tally.take(&pods(), &first, &none);
        tally.take(
            &pods(),
            &look(&[("a", "200", 130.0), ("b", "200", 7.0)]),
            &none,
        );
        assert_eq!(count(&tally, Slot::Blue, "2xx"), 37.0);
        tally.take(&pods(), &look(&[("a", "200", 131.0)]), &none);
        assert_eq!(count(&tally, Slot::Blue, "2xx"), 38.0);
        // Not a number is no rise.
        tally.take(&pods(), &look(&[("a", "200", f64::NAN)]), &none);
        assert_eq!(count(&tally, Slot::Blue, "2xx"), 38.0);
    }

    #[test]
    fn a_slot_without_requests_says_that_it_has_none() {
        let mut tally = Tally::default();
        tally.take(&pods(), &BTreeMap::new(), &BTreeMap::new());
        let text = tally.text();
        let line = "service=\"shop\",slot=\"green\",release=\"v2\",class=\"5xx\"} 0";
        assert!(text.contains(line), "{text}");
        let read = deckwatch_signals::exposition::parse(&text, &Default::default());
        assert_eq!(read.map(|r| r.samples.len()), Ok(8));
    }

    #[test]
    fn statuses_and_bounds_are_written_one_way() {
        let classes = ["200", "101", "302", "404", "500", "5xx", "0", ""].map(class);
        let expected = ["2xx", "2xx", "3xx", "4xx", "5xx", "5xx", "5xx", "5xx"];
        assert_eq!(classes, expected);
        assert_eq!(
            ["0.30", "3e-1", "+Inf", "Inf"].map(bound),
            ["0.3", "0.3", "+Inf", "+Inf"]
        );
    }
}
