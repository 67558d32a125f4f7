//! Judging recorded series and counts, offline.

use deckwatch_verdict::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::console::Console;
use crate::problem::Problem;

/// Texts as people keep them: CSV or JSON.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeText {
    /// The candidate's text; or one with both sides, or a list of cases, when there is no other.
    pub candidate: String,
    #[serde(default)]
    pub stable: Option<String>,
    #[serde(default)]
    pub options: Value,
}

/// What the judge says of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// Of several cases, the worst.
    pub verdict: Verdict,
    pub words: String,
    /// Everything that the verdict rests on.
    pub evidence: Value,
}

/// # Errors
/// What is wrong with the texts, with the line.
pub async fn judge(_: &Console, ask: JudgeText) -> Result<Judged, Problem> {
    let _ = ask;
    Err(Problem::new("judge", "being written"))
}
