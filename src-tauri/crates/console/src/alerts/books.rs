//! What is known of alerts between two looks: a file beside the samples, written whole by whoever
//! evaluates and read by everybody.
//!
//! It is no history (the journal is): without it, what was pending is found again in the recorded
//! samples, as after a restart of Prometheus.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use deckwatch_alerting::eval::{Alert, AlertState, Remembered, Standing};
use deckwatch_alerting::rules::Group;
use deckwatch_domain::Timestamp;
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::SampleValue;
use serde::{Deserialize, Serialize};

use super::facts::Fact;
use crate::problem::Problem;

/// Names and values.
pub(super) type Words = BTreeMap<String, String>;

/// All of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Books {
    /// The newest sign of life of whoever evaluates.
    pub at: Option<Timestamp>,
    pub by: String,
    /// What keeps files from being followed, or alerts from being told.
    pub trouble: Vec<String>,
    /// By file and group, [`key`].
    pub groups: BTreeMap<String, GroupBook>,
    /// When objectives were last decided.
    pub decided_at: Option<Timestamp>,
    /// Burn alerts that fire, by their id.
    pub burning: BTreeMap<String, AlertBook>,
    /// Facts that the journal has not taken yet.
    pub untold: Vec<Fact>,
}

/// The books as they were read last, and what the file was like then: its time, length and number.
#[derive(Default)]
pub(crate) struct SeenBooks(Mutex<Option<(Mark, Arc<Books>)>>);

type Mark = Option<(SystemTime, u64, u64)>;

/// The name of a group among all files.
pub(super) fn key(file: &str, group: &str) -> String {
    format!("{file}/{group}")
}

/// One group.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct GroupBook {
    pub file: String,
    pub name: String,
    pub interval_ms: i64,
    /// The moment of its newest evaluation.
    pub evaluated_at: Option<Timestamp>,
    /// How long its newest stretch took, in milliseconds, and of how many moments it was.
    pub took_ms: u64,
    pub moments: usize,
    /// It is still behind.
    pub behind: bool,
    /// Moments that nobody can evaluate any more, from and to.
    pub lost: Option<(Timestamp, Timestamp)>,
    pub rules: Vec<RuleBook>,
}

/// One rule.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RuleBook {
    pub name: String,
    pub failure: Option<String>,
    /// Samples that were not taken at its newest evaluation.
    pub refused: usize,
    pub alerts: Vec<AlertBook>,
    /// The series that it gave last.
    pub gave: Vec<Words>,
}

/// How an alert stands.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stands {
    Firing,
    Pending,
    /// It is over, and still told.
    #[default]
    Resolved,
}

impl From<AlertState> for Stands {
    fn from(state: AlertState) -> Self {
        match state {
            AlertState::Firing => Stands::Firing,
            AlertState::Pending => Stands::Pending,
            AlertState::Inactive => Stands::Resolved,
        }
    }
}

/// One alert. Moments are milliseconds since 1970.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AlertBook {
    pub id: String,
    pub labels: Words,
    pub annotations: Words,
    pub stands: Stands,
    pub active_at: i64,
    pub fired_at: Option<i64>,
    pub resolved_at: Option<i64>,
    pub kept_since: Option<i64>,
    pub sent_at: Option<i64>,
    /// None of a histogram, and of what is no number.
    pub value: Option<f64>,
    pub words: String,
    /// What it last changed by was learned late.
    pub late: bool,
    /// Of a burn alert: whose it is.
    pub burn: Option<BurnOf>,
}

/// Which pair of which objective.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct BurnOf {
    pub service: String,
    pub objective: String,
    /// `1h and 5m above 14.4`
    pub pair: String,
    /// `page` or `ticket`
    pub severity: String,
}

impl Books {
    /// # Errors
    /// That the file cannot be read. One of another version is as good as none.
    pub fn read(path: &Path) -> Result<Books, Problem> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Books::default()),
            Err(error) => {
                let why = format!("{}: {error}", path.display());
                Err(Problem::new("alerts.books", why))
            }
        }
    }

    /// The same, read anew only when the file has changed: many look, and it may be long.
    ///
    /// # Errors
    /// As [`Books::read`].
    pub fn seen(path: &Path, seen: &SeenBooks) -> Result<Arc<Books>, Problem> {
        let found = std::fs::metadata(path).ok();
        let mark = found.and_then(|m| Some((m.modified().ok()?, m.len(), m.ino())));
        let mut held = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, books)) = held.as_ref()
            && mark.is_some()
            && *known == mark
        {
            return Ok(books.clone());
        }
        let books = Arc::new(Books::read(path)?);
        *held = Some((mark, books.clone()));
        Ok(books)
    }

    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let draft = path.with_extension("status.new");
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(draft, path)
    }
}

impl GroupBook {
    /// What the evaluation of the group as it reads now goes on with: each rule with what was
    /// known of the one of its name, the second of a name with the second.
    pub fn remembered(&self, group: &Group) -> Remembered {
        let mut known: BTreeMap<&str, VecDeque<&RuleBook>> = BTreeMap::new();
        for rule in &self.rules {
            known.entry(&rule.name).or_default().push_back(rule);
        }
        let mut remembered = Remembered::default();
        for rule in &group.rules {
            let found = known.get_mut(rule.name()).and_then(VecDeque::pop_front);
            let alerts = found.map_or(&[][..], |rule| &rule.alerts);
            let gave = found.map_or(&[][..], |rule| &rule.gave);
            let alerts = alerts.iter().map(AlertBook::remembered).collect();
            remembered.alerts.push(alerts);
            remembered.gave.push(gave.iter().map(labels).collect());
        }
        remembered
    }

    /// Alerts that were learned late.
    pub fn late(&self) -> Vec<String> {
        let alerts = self.rules.iter().flat_map(|rule| &rule.alerts);
        let late = alerts.filter(|alert| alert.late);
        late.map(|alert| alert.id.clone()).collect()
    }
}

impl AlertBook {
    fn remembered(&self) -> Alert {
        Alert {
            standing: Standing {
                state: match self.stands {
                    Stands::Firing => AlertState::Firing,
                    Stands::Pending => AlertState::Pending,
                    Stands::Resolved => AlertState::Inactive,
                },
                active_at: self.active_at,
                fired_at: self.fired_at,
                resolved_at: self.resolved_at,
                kept_since: self.kept_since,
            },
            labels: labels(&self.labels),
            annotations: self.annotations.clone(),
            value: SampleValue::Float(self.value.unwrap_or(f64::NAN)),
            sent_at: self.sent_at,
        }
    }

    /// As the evaluation has it; `words` say why it stands so.
    pub fn of(id: String, alert: &Alert, words: String, late: bool) -> Self {
        let standing = alert.standing;
        AlertBook {
            id,
            labels: words_of(&alert.labels),
            annotations: alert.annotations.clone(),
            stands: standing.state.into(),
            active_at: standing.active_at,
            fired_at: standing.fired_at,
            resolved_at: standing.resolved_at,
            kept_since: standing.kept_since,
            sent_at: alert.sent_at,
            value: number(&alert.value),
            words,
            late,
            burn: None,
        }
    }
}

/// What JSON has no number for is none.
pub(super) fn number(value: &SampleValue) -> Option<f64> {
    match value {
        SampleValue::Float(v) if v.is_finite() => Some(*v),
        _ => None,
    }
}

pub(super) fn words_of(labels: &Labels) -> Words {
    let pairs = labels.iter();
    pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

pub(super) fn labels(words: &Words) -> Labels {
    Labels::from_pairs(words.iter().map(|(n, v)| (n.clone(), v.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_alerting::rules::read;

    #[test]
    fn what_is_written_is_what_the_evaluation_goes_on_with() {
        let alert = Alert {
            standing: Standing {
                state: AlertState::Firing,
                active_at: 1_000,
                fired_at: Some(61_000),
                resolved_at: None,
                kept_since: Some(90_000),
            },
            labels: Labels::from_pairs([("alertname", "Hot"), ("host", "a")]),
            annotations: Words::from([("summary".into(), "hot".into())]),
            value: SampleValue::Float(91.5),
            sent_at: Some(61_000),
        };
        let book = AlertBook::of("id".into(), &alert, "it is hot".into(), true);
        let group = GroupBook {
            rules: vec![RuleBook {
                name: "Hot".into(),
                alerts: vec![book],
                gave: vec![words_of(&alert.labels)],
                ..RuleBook::default()
            }],
            ..GroupBook::default()
        };
        let mut books = Books::default();
        books.groups.insert(key("f", "g"), group);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.status");
        books.write(&path).unwrap();
        let again = Books::read(&path).unwrap();
        assert_eq!(again, books);
        // Another rule was written before it meanwhile.
        let text = "groups:\n- name: g\n  rules:\n  - {alert: Cold, expr: heat < 1}\n  - {alert: Hot, expr: heat > 90}\n";
        let group = &read(text).unwrap().file.groups[0];
        let remembered = again.groups["f/g"].remembered(group);
        assert_eq!(remembered.alerts, [vec![], vec![alert.clone()]]);
        assert_eq!(remembered.gave, [vec![], vec![alert.labels]]);
        assert_eq!(again.groups["f/g"].late(), ["id"]);
    }

    #[test]
    fn a_file_of_another_version_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.status");
        assert_eq!(Books::read(&path), Ok(Books::default()));
        std::fs::write(&path, "{\"groups\": 7}").unwrap();
        assert_eq!(Books::read(&path), Ok(Books::default()));
    }
}
