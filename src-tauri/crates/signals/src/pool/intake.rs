//! One answer of one target, made into the samples that are stored. Pure: the answer, the moment
//! and how long it took go in.
//!
//! What a target no longer tells of ends: its series get a stale marker at the moment of the scrape
//! that missed them, as Prometheus' do, so that no query goes on with the last value. A scrape that
//! failed ends all of them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deckwatch_domain::Timestamp;

use crate::exposition::Exposition;
use crate::relabel::{self, LabelMap};
use crate::sample::{Labels, Sample};
use crate::targets::{RESERVED, Target};

/// The marker that a series ends: the bits that `promql` and Prometheus use.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// A sample of its own time may be this much ahead of the scrape, and this much behind.
const AHEAD: i64 = 10 * 60 * 1000;
const BEHIND: i64 = 24 * 3600 * 1000;

type Key = (String, Labels);

/// The number that ends a series.
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE)
}

/// What a target told of so far.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    live: BTreeSet<Key>,
    /// The counters of the last answer, to see when they began anew.
    counters: BTreeMap<Key, f64>,
}

/// What one scrape comes to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Batch {
    pub samples: Vec<Sample>,
    pub scraped: usize,
    pub kept: usize,
    pub added: usize,
    /// Counters that are lower than they were: the target began anew.
    pub resets: usize,
    /// What was wrong with single samples, in words.
    pub notes: Vec<String>,
    /// Why the answer as a whole was not taken.
    pub refused: Option<String>,
}

impl Intake {
    /// Takes one answer in; none: the target gave none that can be used.
    pub fn take(
        &mut self,
        target: &Target,
        answer: Option<Exposition>,
        took: Duration,
        at: Timestamp,
    ) -> Batch {
        let mut batch = Batch::default();
        let mut counters = BTreeMap::new();
        let mut found = BTreeMap::new();
        let good = answer.is_some();
        if let Some(answer) = answer {
            batch.scraped = answer.samples.len();
            self.gather(target, answer, at, &mut found, &mut counters, &mut batch);
            batch.kept = found.len();
            if batch.kept > target.job.sample_limit {
                let limit = target.job.sample_limit;
                batch.refused = Some(format!("{} samples; the limit is {limit}", batch.kept));
                found.clear();
                counters.clear();
            }
        }
        batch.resets = self.resets(&counters);
        self.counters = counters;
        // A sample with a time of its own says itself when it is old, and needs no end.
        let ends = |sample: &Sample| sample.timestamp_ms.is_none();
        let live: BTreeSet<Key> = found
            .iter()
            .filter(|(_, sample)| ends(sample))
            .map(|(key, _)| key.clone())
            .collect();
        batch.added = found.keys().filter(|key| !self.live.contains(*key)).count();
        let gone = self.live.difference(&live).cloned().map(ended);
        batch.samples = gone.collect();
        batch.samples.extend(found.into_values());
        self.live = live;
        let up = if good && batch.refused.is_none() {
            1.0
        } else {
            0.0
        };
        batch.samples.extend(report(target, &batch, up, took));
        batch
    }

    /// The end of everything that was told, the target's own `up` among it.
    pub fn end(&mut self, target: &Target) -> Vec<Sample> {
        let own = report(target, &Batch::default(), 0.0, Duration::ZERO);
        let own = own.into_iter().map(|sample| (sample.name, sample.labels));
        let live = std::mem::take(&mut self.live);
        self.counters.clear();
        live.into_iter().chain(own).map(ended).collect()
    }

    fn gather(
        &self,
        target: &Target,
        answer: Exposition,
        at: Timestamp,
        found: &mut BTreeMap<Key, Sample>,
        counters: &mut BTreeMap<Key, f64>,
        batch: &mut Batch,
    ) {
        let (mut twice, mut off, mut nameless, mut forged) = (0, 0, 0, 0);
        let is_counter = |name: &str| {
            let kind = |n: &str| answer.types.get(n) == Some(&crate::MetricType::Counter);
            kind(name) || name.strip_suffix("_total").is_some_and(kind)
        };
        for sample in &answer.samples {
            let counts = is_counter(&sample.name);
            let mut sample = labelled(target, sample.clone());
            if !target.job.metric_relabel.is_empty() {
                match ruled(target, sample) {
                    Some(kept) if kept.name.is_empty() => {
                        nameless += 1;
                        continue;
                    }
                    Some(kept) => sample = kept,
                    None => continue,
                }
            }
            if !target.job.honor_timestamps {
                sample.timestamp_ms = None;
            }
            if let Some(own) = sample.timestamp_ms {
                let away = own.saturating_sub(at.as_millis());
                if !(-BEHIND..=AHEAD).contains(&away) {
                    off += 1;
                    continue;
                }
            }
            let job = crate::sample::label(&sample.labels, "job");
            if RESERVED.contains(&job) {
                forged += 1;
                continue;
            }
            let key = (sample.name.clone(), sample.labels.clone());
            if counts {
                counters.insert(key.clone(), sample.value);
            }
            match found.entry(key) {
                Entry::Occupied(_) => twice += 1,
                Entry::Vacant(place) => {
                    place.insert(sample);
                }
            }
        }
        let mut note = |count: usize, what: &str| {
            if count > 0 {
                batch.notes.push(format!("{count} {what}"));
            }
        };
        note(
            twice,
            "samples of series that stand twice in the answer were dropped",
        );
        note(
            off,
            "samples whose own time is more than 10 minutes ahead or a day behind were dropped",
        );
        note(
            forged,
            "samples that claim to be Deckwatch's own figures were dropped",
        );
        note(
            nameless,
            "samples that the rules left without a name were dropped",
        );
    }

    fn resets(&self, now: &BTreeMap<Key, f64>) -> usize {
        let fell = |(key, value): &(&Key, &f64)| {
            let before = self.counters.get(*key);
            before.is_some_and(|before| *value < before)
        };
        now.iter().filter(fell).count()
    }
}

fn ended((name, labels): Key) -> Sample {
    Sample {
        name,
        labels,
        value: stale_marker(),
        timestamp_ms: None,
    }
}

/// A sample with its target's labels. Where both have one, the sample's is kept as `exported_…`, or
/// wins where the job honours it.
fn labelled(target: &Target, mut sample: Sample) -> Sample {
    let mut labels: LabelMap = sample.labels.into_iter().collect();
    for (name, value) in &target.labels {
        if target.job.honor_labels && labels.contains_key(name) {
            continue;
        }
        if let Some(own) = labels.insert(name.clone(), value.clone()) {
            let mut exported = format!("exported_{name}");
            while labels.contains_key(&exported) {
                exported = format!("exported_{exported}");
            }
            labels.insert(exported, own);
        }
    }
    sample.labels = labels.into_iter().collect();
    sample
}

fn ruled(target: &Target, sample: Sample) -> Option<Sample> {
    let mut labels: LabelMap = sample.labels.into_iter().collect();
    labels.insert("__name__".into(), sample.name);
    let mut labels = relabel::apply(&target.job.metric_relabel, labels)?;
    let name = labels.remove("__name__").unwrap_or_default();
    labels.retain(|name, _| !name.starts_with("__"));
    Some(Sample {
        name,
        labels: labels.into_iter().collect(),
        ..sample
    })
}

/// What is told of the scrape itself.
fn report(target: &Target, batch: &Batch, up: f64, took: Duration) -> Vec<Sample> {
    let of = |name: &str, value: f64| Sample {
        name: name.to_owned(),
        labels: target.labels.clone(),
        value,
        timestamp_ms: None,
    };
    vec![
        of("up", up),
        of("scrape_duration_seconds", took.as_secs_f64()),
        of("scrape_samples_scraped", batch.scraped as f64),
        of("scrape_samples_post_metric_relabeling", batch.kept as f64),
        of("scrape_series_added", batch.added as f64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Limits, parse};
    use crate::targets::read;

    fn target(more: &str) -> Target {
        let text = format!(
            "scrape:\n  - job: shop\n    targets: ['a:1']\n    labels: {{zone: x}}\n{more}"
        );
        read(&text).unwrap().listed().remove(0)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_770_000_000_000 + seconds * 1000)
    }

    fn take(intake: &mut Intake, target: &Target, text: Option<&str>) -> Batch {
        let answer = text.map(|text| parse(text, &Limits::default()).unwrap());
        intake.take(target, answer, Duration::from_millis(5), at(0))
    }

    fn value(batch: &Batch, name: &str) -> Vec<f64> {
        let of = batch.samples.iter().filter(|s| s.name == name);
        of.map(|s| s.value).collect()
    }

    #[test]
    fn a_series_that_vanishes_ends_and_a_failure_ends_all() {
        let (target, mut intake) = (target(""), Intake::default());
        let first = take(
            &mut intake,
            &target,
            Some("a 1\nb{x=\"1\"} 2\nb{x=\"2\"} 3\n"),
        );
        assert_eq!((first.scraped, first.kept, first.added), (3, 3, 3));
        assert_eq!(value(&first, "up"), [1.0]);
        let second = take(&mut intake, &target, Some("a 1\nb{x=\"2\"} 3\nc 4\n"));
        assert_eq!(second.added, 1);
        let ends: Vec<&Sample> = second
            .samples
            .iter()
            .filter(|s| s.value.to_bits() == STALE)
            .collect();
        assert_eq!(ends.len(), 1);
        assert!(ends[0].labels.contains(&("x".into(), "1".into())));
        let failed = take(&mut intake, &target, None);
        assert_eq!(value(&failed, "up"), [0.0]);
        let ends = failed.samples.iter().filter(|s| s.value.to_bits() == STALE);
        assert_eq!(ends.count(), 3);
        // Nothing ends twice, and a target that goes ends its own figures too.
        assert_eq!(take(&mut intake, &target, None).samples.len(), 5);
        assert_eq!(intake.end(&target).len(), 5);
    }

    #[test]
    fn whose_label_wins() {
        let text = "a{job=\"own\",zone=\"own\",exported_zone=\"e\"} 1\n";
        let labels = |more: &str| {
            let target = target(more);
            let batch = take(&mut Intake::default(), &target, Some(text));
            batch.samples[0].labels.clone()
        };
        let pairs = |pairs: &[(&str, &str)]| -> Labels {
            pairs
                .iter()
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect()
        };
        assert_eq!(
            labels(""),
            pairs(&[
                ("exported_exported_zone", "own"),
                ("exported_job", "own"),
                ("exported_zone", "e"),
                ("instance", "a:1"),
                ("job", "shop"),
                ("zone", "x")
            ])
        );
        assert_eq!(
            labels("    honor_labels: true\n"),
            pairs(&[
                ("exported_zone", "e"),
                ("instance", "a:1"),
                ("job", "own"),
                ("zone", "own")
            ])
        );
    }

    #[test]
    fn rules_drop_and_rename_and_the_limit_counts_what_is_left() {
        let rules = "    sample_limit: 1\n    metric_relabel_configs:\n      - {action: drop, source_labels: [__name__], regex: 'go_.*'}\n      - {source_labels: [__name__], regex: 'old', target_label: __name__, replacement: new}\n";
        let target = target(rules);
        let mut intake = Intake::default();
        let batch = take(&mut intake, &target, Some("go_a 1\ngo_b 1\nold 2\n"));
        assert_eq!((batch.scraped, batch.kept), (3, 1));
        assert_eq!(value(&batch, "new"), [2.0]);
        let over = take(&mut intake, &target, Some("a 1\nb 1\n"));
        assert_eq!(over.refused.as_deref(), Some("2 samples; the limit is 1"));
        assert_eq!(value(&over, "up"), [0.0]);
        assert_eq!(value(&over, "scrape_samples_post_metric_relabeling"), [2.0]);
        assert_eq!(value(&over, "a"), [] as [f64; 0]);
    }

    #[test]
    fn own_times_are_taken_within_reason() {
        let ms = at(0).as_millis();
        let text = format!(
            "a 1 {}\nb 1 {}\nc 1 1000\nd 1 {}\n",
            ms - 500,
            ms + 3_600_000,
            ms
        );
        let honoured = target("");
        let mut intake = Intake::default();
        let batch = take(&mut intake, &honoured, Some(&text));
        assert_eq!(batch.kept, 2);
        assert!(
            batch.notes[0].starts_with("2 samples whose own time"),
            "{:?}",
            batch.notes
        );
        // One with a time of its own needs no end.
        assert_eq!(take(&mut intake, &honoured, None).samples.len(), 5);
        let own = target("    honor_timestamps: false\n");
        let batch = take(&mut Intake::default(), &own, Some(&text));
        assert_eq!(batch.kept, 4);
        assert!(batch.samples.iter().all(|s| s.timestamp_ms.is_none()));
    }

    #[test]
    fn counters_that_fall_and_series_that_stand_twice_are_told() {
        let (target, mut intake) = (target(""), Intake::default());
        let page =
            |n: u32| format!("# TYPE a_total counter\na_total {n}\n# TYPE g gauge\ng {n}\ng 7\n");
        take(&mut intake, &target, Some(&page(10)));
        let batch = take(&mut intake, &target, Some(&page(3)));
        assert_eq!(batch.resets, 1);
        assert_eq!(value(&batch, "g"), [3.0]);
        assert!(batch.notes[0].contains("stand twice"));
    }
}
