//! The plans that ship with Deckwatch: editable YAML, never code.

use super::read_checks::read_preset;
use super::{Check, Plan, read};

/// Names of check presets, and their text; what each is about stands in it.
pub const CHECKS: [(&str, &str); 4] = [
    ("quality", include_str!("../../checks/quality.yaml")),
    ("security", include_str!("../../checks/security.yaml")),
    (
        "performance-baseline",
        include_str!("../../checks/performance-baseline.yaml"),
    ),
    (
        "dependencies",
        include_str!("../../checks/dependencies.yaml"),
    ),
];

/// A check preset's text, by name.
pub fn check_text(name: &str) -> Option<&'static str> {
    CHECKS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// A check preset's checks, by name.
pub fn check_preset(name: &str) -> Option<Vec<Check>> {
    read_preset(check_text(name)?)
        .ok()
        .map(|(_, _, checks)| checks)
}

/// What a check preset says it is about.
pub fn check_about(text: &str) -> String {
    read_preset(text).map_or_else(|_| String::new(), |(_, about, _)| about)
}

/// Name, one line about it, and its text.
pub const BUILTIN: [(&str, &str, &str); 12] = [
    (
        "canary-1-10-50-100",
        "Four judged steps; the cautious default",
        include_str!("../../presets/canary-1-10-50-100.yaml"),
    ),
    (
        "canary-5-25-100",
        "Three judged steps; quicker, with an approval before everyone",
        include_str!("../../presets/canary-5-25-100.yaml"),
    ),
    (
        "blue-green",
        "A preview without traffic, an approval, then everyone in one write",
        include_str!("../../presets/blue-green.yaml"),
    ),
    (
        "rolling",
        "One instance after the other, each watched before the next",
        include_str!("../../presets/rolling.yaml"),
    ),
    (
        "one-shot-10",
        "10 % for ten minutes against absolute limits, then everyone",
        include_str!("../../presets/one-shot-10.yaml"),
    ),
    (
        "audience-by-day",
        "5/10/25/50/75/100 % of the people, a day each",
        include_str!("../../presets/audience-by-day.yaml"),
    ),
    (
        "training",
        "1/10/50/100 in seconds, for the training ground's traffic",
        include_str!("../../presets/training.yaml"),
    ),
    (
        "training-blue-green",
        "Preview and switch in seconds, for the training ground's traffic",
        include_str!("../../presets/training-blue-green.yaml"),
    ),
    (
        "training-rolling",
        "One instance after the other in seconds, for the training ground's traffic",
        include_str!("../../presets/training-rolling.yaml"),
    ),
    (
        "training-audience",
        "Some people first, in seconds, for the training ground's traffic",
        include_str!("../../presets/training-audience.yaml"),
    ),
    (
        "training-by-hand",
        "A quarter of the traffic, unjudged, until a person decides; for a drill",
        include_str!("../../presets/training-by-hand.yaml"),
    ),
    (
        "first",
        "The first release of a service: nothing to compare with, nothing to go back to",
        include_str!("../../presets/first.yaml"),
    ),
];

/// A built-in plan and its text, by name.
pub fn builtin(name: &str) -> Option<(Plan, &'static str)> {
    let (_, _, text) = BUILTIN.iter().find(|(known, _, _)| *known == name)?;
    read(text).ok().map(|plan| (plan, *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_reads() {
        for (name, _, text) in BUILTIN {
            let plan = read(text).unwrap_or_else(|e| panic!("{name}:\n{e}"));
            assert_eq!(plan.name, name);
            assert_eq!(plan.steps.last().unwrap().weight, 100);
        }
    }
}
