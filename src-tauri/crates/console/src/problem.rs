//! How a refusal or an error crosses to whoever asked: a code to branch on, words for people.

use deckwatch_domain::Problems;
use deckwatch_journal::{AppendError, JournalError};
use deckwatch_platform::PlatformError;
use deckwatch_rollout::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why something was not done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, thiserror::Error, ts_rs::TS)]
#[error("{message}")]
pub struct Problem {
    /// Stable: `refused.rollout-live`, `platform.unreachable`, `plan.invalid`.
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[ts(type = "unknown")]
    pub detail: Value,
}

impl Problem {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Problem {
            code: code.into(),
            message: message.into(),
            detail: Value::Null,
        }
    }

    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// Not allowed now, as opposed to broken.
    pub fn is_refusal(&self) -> bool {
        self.code.starts_with("refused.")
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Problem::new(&format!("refused.{}", refusal.code), refusal.to_string())
            .with(json!({"why": refusal.why, "instead": refusal.instead}))
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        Problem::new(error.code(), format!("journal: {error}"))
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Journal(error) => error.into(),
            other => Problem::new("journal.conflict", other.to_string()),
        }
    }
}

impl From<PlatformError> for Problem {
    fn from(error: PlatformError) -> Self {
        let code = match &error {
            PlatformError::Rejected(_) => "refused.platform",
            PlatformError::Unreachable { .. } => "platform.unreachable",
            PlatformError::Denied { .. } => "folder.not-yours",
            PlatformError::Broken { .. } => "platform.broken",
        };
        Problem::new(code, error.to_string()).with(json!(error))
    }
}

/// A document with mistakes: all of them, each with its place.
pub(crate) fn invalid(what: &str, problems: &Problems) -> Problem {
    let count = problems.0.len();
    let mistakes = if count == 1 { "mistake" } else { "mistakes" };
    let has = if what.ends_with('s') { "have" } else { "has" };
    Problem::new(
        &format!("{what}.invalid"),
        format!("the {what} {has} {count} {mistakes}:\n{problems}"),
    )
    .with(json!(problems))
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Problem::new("file", error.to_string())
    }
}
