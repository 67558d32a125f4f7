//! A virtual day by chance: series, rules, moments, what is read anew and what is lost.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::MINUTE;

struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }
}

/// A day of a series: long stretches, gaps, ends, resets.
fn series(chance: &mut Chance, labels: &str, counts: bool) -> String {
    let mut values = Vec::new();
    let mut level = 0u64;
    while values.len() < 1440 {
        let stretch = 1 + chance.below(40);
        let kind = chance.below(12);
        let value = chance.below(10);
        for _ in 0..stretch {
            let next = match (kind, counts) {
                (0, _) => "_".to_owned(),
                (1, _) => "stale".to_owned(),
                (_, true) => {
                    level = if kind == 2 {
                        value
                    } else {
                        level + value * chance.below(3)
                    };
                    level.to_string()
                }
                (3, false) => chance.below(10).to_string(),
                _ => value.to_string(),
            };
            // A marker ends a series once.
            let ended = values.last().is_some_and(|last| last == "stale");
            values.push(if next == "stale" && ended {
                "_".to_owned()
            } else {
                next
            });
        }
    }
    format!("{labels} {}", values.join(" "))
}

fn rule(chance: &mut Chance, nth: usize) -> String {
    let queries = [
        "x > 6",
        "x < 2",
        "x == 5",
        "sum by (job) (x) > 12",
        "rate(c_total[5m]) > 0.05",
        "x > y",
        "absent(x{job=\"b\"})",
        "x > 7 or y > 7",
        "x unless y > 3",
        "rec > 5",
        "avg_over_time(rec[10m]) > 5",
        "max_over_time((x > 4)[10m:1m]) > 6",
        "count(x) < 3",
        "x offset 7m > 6",
        "rec:sum > 25",
        "rec:late > 4",
        "ALERTS_FOR_STATE > 0",
        "sum(ALERTS{alertstate=\"firing\"}) > 2",
        "vector(time()) % 3600 < 600",
        "increase(c_total[10m]) > 20",
        "x * on (job, instance) y > 20",
        "x + y > 9",
        "rec:twice > 14",
    ];
    let labels = [
        "{}",
        "{severity: page}",
        "{severity: '{{ if gt $value 7.0 }}page{{ else }}ticket{{ end }}'}",
        "{job: same}",
        "{instance: '', who: '{{ $labels.instance }}'}",
    ];
    let annotations = [
        "{}",
        "{summary: '{{ $labels.instance }} of {{ $labels.job }} has {{ $value | humanize }}{{ $labels.nothing }}'}",
        "{summary: '{{ $externalLabels.region }} {{ externalURL }} {{ printf \"%.3f\" $value }}'}",
        "{summary: '{{ with query \"sum by (instance) (x)\" }}{{ range . | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }} {{ end }}{{ end }}'}",
        "{summary: '{{ query \"nothing\" | first }}'}",
        "{summary: '{{ $value | humanizePercentage }} {{ stripPort $labels.instance }} {{ title $labels.job }}'}",
    ];
    let query = chance.of(&queries);
    let (hold, keep) = (
        chance.of(&["0s", "1m", "5m", "17m", "30m", "2h"]),
        chance.of(&["0s", "0s", "3m", "20m"]),
    );
    let (labels, annotations) = (chance.of(&labels), chance.of(&annotations));
    format!(
        "  - alert: A{nth}\n    expr: {query}\n    for: {hold}\n    keep_firing_for: {keep}\n    labels: {labels}\n    annotations: {annotations}\n"
    )
}

/// Three groups: what is recorded late is read first.
fn rules(chance: &mut Chance) -> String {
    let mut text = String::from("groups:\n- name: first\n  rules:\n");
    let mut nth = 0;
    let mut some = |text: &mut String, chance: &mut Chance, count: usize| {
        for _ in 0..count {
            *text += &rule(chance, nth);
            nth += 1;
        }
    };
    some(&mut text, chance, 2);
    text += "  - {record: rec, expr: x * 1}\n  - {record: 'rec:sum', expr: sum(rec), labels: {of: rec}}\n";
    some(&mut text, chance, 4);
    text += "- name: second\n  query_offset: 2m\n  labels: {team: shop}\n  rules:\n";
    some(&mut text, chance, 3);
    text += "  - {record: 'rec:late', expr: y + 1}\n  - {record: 'rec:twice', expr: x + 1, labels: {instance: one}}\n";
    some(&mut text, chance, 2);
    text += "- name: third\n  limit: 3\n  rules:\n";
    some(&mut text, chance, 3);
    text
}

/// What is asked of both.
pub struct Day {
    pub series: Vec<String>,
    pub rules: String,
    pub moments: Vec<i64>,
    pub reloads: BTreeMap<usize, String>,
    pub restarts: BTreeSet<usize>,
}

pub fn day(seed: u64) -> Day {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..10).for_each(|_| {
        chance.below(2);
    });
    let mut all = Vec::new();
    for (job, instance) in [("a", "h1:80"), ("a", "h2:80"), ("b", "h1:80")] {
        let labels = format!("{{job=\"{job}\",instance=\"{instance}\"}}");
        for (name, counts) in [("x", false), ("y", false), ("c_total", true)] {
            all.push(series(&mut chance, &format!("{name}{labels}"), counts));
        }
    }
    // Mostly every minute; now and then late, or not at all for an hour and more.
    let mut moments = Vec::new();
    let mut restarts = BTreeSet::new();
    let mut at = 0;
    while at < 1440 * MINUTE {
        moments.push(at);
        at += match chance.below(400) {
            0 => 30 * MINUTE,
            1 => 90 * MINUTE,
            2..20 => MINUTE + 15_000,
            _ => MINUTE,
        };
        if chance.below(300) == 0 {
            restarts.insert(moments.len());
            at += i64::try_from(chance.below(70)).unwrap() * MINUTE;
        }
    }
    let first = rules(&mut chance);
    let mut reloads = BTreeMap::new();
    for _ in 0..3 {
        let nth = usize::try_from(chance.below(moments.len() as u64)).unwrap();
        // Other lengths, and one rule that is not there any more.
        let changed = first.replace("for: 5m", chance.of(&["for: 1m", "for: 40m", "for: 5m"]));
        let changed = changed.replacen(
            "- {record: 'rec:late', expr: y + 1}\n",
            chance.of(&[
                "- {record: 'rec:late', expr: y + 1}\n",
                "- {record: other, expr: y}\n",
            ]),
            1,
        );
        // Who reads rules anew while he looks for what was pending forgets to, there.
        let looking = restarts.contains(&nth) || nth > 0 && restarts.contains(&(nth - 1));
        if !looking {
            reloads.insert(nth, changed);
        }
    }
    Day {
        series: all,
        rules: first,
        moments,
        reloads,
        restarts,
    }
}
