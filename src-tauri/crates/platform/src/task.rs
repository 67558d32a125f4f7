//! Tasks: one attempt at a command or a call, and how it ended.
//!
//! An attempt is known by its intent: begun twice, it runs once. It outlives whoever began it.

use std::collections::BTreeMap;

use deckwatch_domain::{Digest, IntentId, RolloutId, ServiceName, Span};
use serde::{Deserialize, Serialize};

/// What a task does. `{service}`, `{version}`, `{stable}`, `{slot}`, `{preview}`, `{rollout}`, `{step}` and
/// `{weight}` are filled in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Does {
    /// A program and its arguments, run without a shell on the driver's machine. Ending with 0
    /// is success.
    Command(Vec<String>),
    /// An HTTP call, over `http` or `https`.
    Http(HttpCall),
}

/// An HTTP call and the answer that is success.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct HttpCall {
    /// `GET`, `POST`, …
    pub method: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The status that is success; none: any from 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<u16>,
    /// What the answer's body must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

/// One attempt, with everything that is needed to carry it out. Its intent is its identity: begun
/// twice, it runs once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskRun {
    pub intent: IntentId,
    pub service: ServiceName,
    pub rollout: RolloutId,
    pub name: String,
    pub does: Does,
    pub timeout: Span,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables (of a command) or headers (of a call), and the names of the secrets that they
    /// carry. The values are not part of an attempt's description.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    pub attempt: u32,
    /// What `{word}` stands for, and what a command finds as `DECKWATCH_WORD`.
    pub words: BTreeMap<String, String>,
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TaskOutcome {
    pub passed: bool,
    /// `ended with 0`, `no answer within 30s`.
    pub why: String,
    pub took: Span,
    /// Of everything it printed, what was cut off included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_digest: Option<Digest>,
    #[serde(default)]
    pub output_bytes: u64,
    /// The last lines of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
}

impl TaskOutcome {
    /// An attempt that came to nothing by itself.
    pub fn lost(why: &str) -> Self {
        TaskOutcome {
            passed: false,
            why: why.to_owned(),
            took: Span::ZERO,
            output_digest: None,
            output_bytes: 0,
            tail: String::new(),
        }
    }
}

/// What is known of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TaskSeen {
    /// It was never begun, or everything about it was lost.
    Unknown,
    Running,
    Ended(TaskOutcome),
}
