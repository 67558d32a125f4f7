//! Rules to begin with.

use serde::Serialize;

use crate::console::Console;
use crate::problem::Problem;
use crate::route::Nothing;

/// A rule file to begin with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
pub struct RulePreset {
    pub name: String,
    pub about: String,
    pub yaml: String,
}

const PRESETS: [(&str, &str, &str); 5] = [
    (
        "services",
        "The services of this node: errors, slow answers, no traffic",
        include_str!("presets/services.yaml"),
    ),
    (
        "machine",
        "This machine: processors, memory, disks",
        include_str!("presets/machine.yaml"),
    ),
    (
        "relative",
        "The services of this node against yesterday and last week",
        include_str!("presets/relative.yaml"),
    ),
    (
        "indicators",
        "Indicators with target, warning and critical, as the usual exporters count them",
        include_str!("presets/indicators.yaml"),
    ),
    (
        "usual",
        "Seven alerts of many guides; the check says which two cannot do what they say",
        include_str!("presets/usual.yaml"),
    ),
];

/// # Errors
/// None.
pub async fn presets(_: &Console, _: Nothing) -> Result<Vec<RulePreset>, Problem> {
    let all = PRESETS.iter().map(|(name, about, yaml)| RulePreset {
        name: (*name).into(),
        about: (*about).into(),
        yaml: (*yaml).into(),
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_alerting::lint::{Code, Facts, lint};
    use deckwatch_alerting::rules::read;

    #[test]
    fn every_preset_is_read_strictly_and_only_the_two_are_doubted() {
        for (name, _, yaml) in PRESETS {
            let reading = read(yaml).unwrap_or_else(|p| panic!("{name}: {p}"));
            assert!(
                reading.findings.is_empty(),
                "{name}: {:?}",
                reading.findings
            );
            let found = lint(&reading.file, &Facts::default());
            let wrong: Vec<(&str, Code)> = found
                .iter()
                .filter(|f| {
                    matches!(
                        f.code,
                        Code::DeadAlert
                            | Code::QuantileWithoutBuckets
                            | Code::BoundsLost
                            | Code::RateAsPercentage
                            | Code::NoSeverity
                            | Code::NoSummary
                    )
                })
                .map(|f| (f.rule.as_str(), f.code))
                .collect();
            match name {
                "usual" => assert_eq!(
                    wrong,
                    [
                        ("HighErrorRate", Code::RateAsPercentage),
                        ("HighLatency", Code::QuantileWithoutBuckets)
                    ]
                ),
                _ => assert!(wrong.is_empty(), "{name}: {wrong:?}"),
            }
        }
    }
}
