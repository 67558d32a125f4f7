//! Tasks of a plan: what is run around a release, where it stands in the plan, and its way back.

use std::collections::BTreeMap;

use deckwatch_domain::Span;
use deckwatch_platform::Does;
use serde::{Deserialize, Serialize};

/// What a task is for. It decides what its failure means, and what a rollback has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Whether the release works at all.
    Smoke,
    /// Whether it bears the load.
    Load,
    /// Whether it does what its users do.
    Synthetic,
    Migration,
    Backup,
    CachePurge,
    /// Anything else.
    Other,
}

impl TaskKind {
    /// A test of the candidate: when a critical one fails, the release is bad and goes back.
    /// Of everything else `on_error` decides.
    pub const fn tests_the_candidate(self) -> bool {
        matches!(self, TaskKind::Smoke | TaskKind::Load | TaskKind::Synthetic)
    }

    pub const fn words(self) -> &'static str {
        match self {
            TaskKind::Smoke => "smoke test",
            TaskKind::Load => "load test",
            TaskKind::Synthetic => "synthetic test",
            TaskKind::Migration => "migration",
            TaskKind::Backup => "backup",
            TaskKind::CachePurge => "cache purge",
            TaskKind::Other => "task",
        }
    }
}

/// One task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Unique in its plan.
    pub name: String,
    pub kind: TaskKind,
    pub does: Does,
    /// Each attempt ends by then, at the latest.
    pub timeout: Span,
    /// Further attempts after one that failed.
    pub retries: u32,
    /// Whether its failure holds the rollout or takes it back; else it is only a warning.
    pub critical: bool,
    /// Environment of a command, beside what every task is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Environment of a command whose values are secrets: the variable, and the secret's name. Of
    /// a call: the header, and the secret's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// What takes back what it did; run by a full rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_back: Option<Does>,
    /// Of a migration: whether the version before still works once it has run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_runs_on_new_schema: Option<bool>,
    /// Of a task that is run during the rollout: from one run's end to the next one's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
}

/// Everything that is run around a release, but for the tasks of its steps.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Around {
    /// Before the candidate comes up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Task>,
    /// Again and again while the candidate stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<Task>,
    /// Once everyone has the release, before it counts as promoted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Task>,
    /// After a full rollback's ways back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<Task>,
    /// Of a data-preserving rollback: saves what only the new release's data has, before the ways
    /// back are run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<Task>,
    /// Of a data-preserving rollback: brings it in again after them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<Task>,
}

/// Where in its plan a task stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "at", rename_all = "kebab-case")]
pub enum Place {
    Before { index: usize },
    Step { step: usize, index: usize },
    During { index: usize },
    After { index: usize },
    Export,
    Import,
    Verify { index: usize },
}

impl Place {
    /// Run by a rollback, and never taken back itself.
    pub const fn is_of_the_way_back(self) -> bool {
        matches!(self, Place::Export | Place::Import | Place::Verify { .. })
    }
}
