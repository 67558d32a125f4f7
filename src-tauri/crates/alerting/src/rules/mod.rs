//! Rule files: groups of recording and alerting rules, as Prometheus writes them.

mod read;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

use deckwatch_promql::Query;

pub use read::{Finding, Reading, read, read_lenient};
pub use write::write;

/// Names and values, as they stand in a file.
pub type Words = BTreeMap<String, String>;

/// From evaluation to evaluation where a group does not say, in milliseconds.
pub const INTERVAL_MS: i64 = 60_000;

/// A rule file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleFile {
    pub groups: Vec<Group>,
}

/// Rules that are evaluated one after the other, at the same moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// Unique within its file.
    pub name: String,
    /// From evaluation to evaluation, in milliseconds; none: whatever is usual where it runs.
    pub interval_ms: Option<i64>,
    /// How far before the moment of evaluation the samples are read, in milliseconds.
    pub query_offset_ms: Option<i64>,
    /// The most alerts, or recorded series, of one rule; more are an error. 0: any number.
    pub limit: usize,
    /// Given to every rule that does not set them itself.
    pub labels: Words,
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    pub makes: Makes,
    pub query: Query,
    pub labels: Words,
    /// Where it begins in its file, from 1.
    pub line: usize,
}

/// What a rule makes of the answer to its query.
#[derive(Clone, PartialEq, Debug)]
pub enum Makes {
    /// Samples of this name.
    Record(String),
    Alert(Alerting),
}

/// What an alerting rule adds to its query.
#[derive(Clone, PartialEq, Debug)]
pub struct Alerting {
    pub name: String,
    /// How long the condition has to hold before the alert fires, in milliseconds.
    pub hold_ms: i64,
    /// How long it goes on firing after the condition is gone, in milliseconds.
    pub keep_ms: i64,
    pub annotations: Words,
}

impl Rule {
    /// The name of what it records, or of its alert.
    pub fn name(&self) -> &str {
        match &self.makes {
            Makes::Record(name) => name,
            Makes::Alert(alerting) => &alerting.name,
        }
    }

    /// `record` or `alert`.
    pub const fn kind(&self) -> &'static str {
        match self.makes {
            Makes::Record(_) => "record",
            Makes::Alert(_) => "alert",
        }
    }
}

impl RuleFile {
    /// Every rule with its group.
    pub fn rules(&self) -> impl Iterator<Item = (&Group, &Rule)> {
        let groups = self.groups.iter();
        groups.flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
    }
}

/// The rule's labels, and the group's where the rule has none of that name.
pub(crate) fn labels_of<'r>(group: &'r Group, rule: &'r Rule) -> Cow<'r, Words> {
    if group.labels.is_empty() {
        return Cow::Borrowed(&rule.labels);
    }
    let mut all = group.labels.clone();
    all.extend(rule.labels.clone());
    Cow::Owned(all)
}
