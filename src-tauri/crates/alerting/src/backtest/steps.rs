//! A group, evaluated from moment to moment.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_promql::value::SampleValue;

use super::track::{Tracks, Worst};
use super::{Past, Report, RuleFailure};
use crate::eval::{Alert, AlertState, Evaluation, Lengths, Over, Standing};
use crate::rules::{Group, Makes};
use crate::template::{Expander, Scene};

pub(super) fn run(group: &Group, past: &Past<'_>) -> Report {
    let mut over = Over::new(past.source);
    let mut evaluation = Evaluation::new(group.clone());
    let expander = Expander::new(Scene::default());
    let rules = group.rules.iter().enumerate();
    let mut tracks: Vec<(usize, Tracks)> = rules
        .filter_map(|(place, rule)| match &rule.makes {
            Makes::Record(_) => None,
            Makes::Alert(alerting) => {
                let lengths = Lengths::from(alerting);
                Some((place, Tracks::new(place, lengths, Worst::of(rule))))
            }
        })
        .collect();
    let mut failures: BTreeMap<usize, RuleFailure> = BTreeMap::new();
    let count = past.moments.count();
    for nth in 0..count {
        let at_ms = past.moments.at(nth);
        let outcome = evaluation.run(at_ms, &mut over, &expander, past.options);
        for (place, tracks) in &mut tracks {
            note(tracks, evaluation.alerts(*place), at_ms);
        }
        for (place, rule) in outcome.rules.into_iter().enumerate() {
            let Some(why) = rule.failure else {
                continue;
            };
            let first = RuleFailure {
                place,
                at_ms,
                times: 0,
                why,
            };
            failures.entry(place).or_insert(first).times += 1;
        }
    }
    Report {
        evaluations: count,
        rules: tracks
            .into_iter()
            .map(|(_, tracks)| tracks.report())
            .collect(),
        failures: failures.into_values().collect(),
    }
}

/// How the alerts stand after an evaluation. Those that are gone without a trace were pending, or
/// over for long, or lost to an error.
fn note<'a>(tracks: &mut Tracks, alerts: impl Iterator<Item = &'a Alert>, at: i64) {
    let mut known = BTreeSet::new();
    for alert in alerts {
        let Standing { state, .. } = alert.standing;
        let holds = state != AlertState::Inactive && alert.standing.kept_since.is_none();
        let value = match &alert.value {
            SampleValue::Float(v) if holds => Some(*v),
            _ => None,
        };
        tracks.note(&alert.labels, at, Some(alert.standing), value);
        known.insert(&alert.labels);
    }
    let standing = tracks.standing();
    for labels in standing.iter().filter(|labels| !known.contains(labels)) {
        tracks.note(labels, at, None, None);
    }
}
