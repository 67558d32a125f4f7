//! Judging recorded series and counts, offline: people try it on their own past releases before
//! they trust it.

use deckwatch_verdict::Verdict;
use deckwatch_verdict::offline::{
    CaseAnswer, OfflineAnswer, OfflineError, OfflineOptions, judge_cases, judge_files,
    judge_intervals,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::console::Console;
use crate::problem::Problem;

/// Texts as people keep them: CSV or JSON.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct JudgeText {
    /// The candidate's text; or one with both sides, or a list of cases, when there is no other.
    pub candidate: String,
    #[serde(default)]
    #[ts(optional)]
    pub stable: Option<String>,
    /// As the judge takes them: `{"rule": {"margin": 0.01}, "budget": {"alpha": 0.01}}`.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub options: Value,
}

/// What the judge says of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
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
    let options: OfflineOptions = match ask.options {
        Value::Null => OfflineOptions::default(),
        given => serde_json::from_value(given)
            .map_err(|e| Problem::new("request.invalid", format!("the judge's options: {e}")))?,
    };
    let wrong = |e: OfflineError| Problem::new("judge.unreadable", e.to_string());
    if let Some(stable) = &ask.stable {
        let answer = judge_files(&ask.candidate, stable, &options).map_err(wrong)?;
        return Ok(one(&answer));
    }
    if looks_like_cases(&ask.candidate) {
        return Ok(several(
            &judge_cases(&ask.candidate, &options).map_err(wrong)?,
        ));
    }
    let answer = judge_intervals(&ask.candidate, &options).map_err(wrong)?;
    Ok(one(&answer))
}

/// A JSON object, or a list whose first entry names its sides or itself: anything else with one
/// file is a list of intervals.
fn looks_like_cases(text: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else {
        return false;
    };
    let is_case = |v: &Value| {
        let side = v.get("candidate").or(v.get("experiment"));
        v.get("name").is_some() || v.get("id").is_some() || side.is_some_and(|s| s.is_array())
    };
    match &document {
        Value::Object(_) => true,
        Value::Array(items) => items.first().is_some_and(is_case),
        _ => false,
    }
}

fn words(answer: &OfflineAnswer) -> String {
    let mut words = format!("{:?}: {}\n", answer.answer.verdict, answer.answer.words);
    match (answer.failed_at, answer.passed_at) {
        (Some(at), _) => {
            words += &format!(
                "a rollout would have been taken back at interval {at} of {}\n",
                answer.rows
            )
        }
        (None, Some(at)) => {
            words += &format!("it would have passed at interval {at} of {}\n", answer.rows)
        }
        _ => {}
    }
    words
}

fn one(answer: &OfflineAnswer) -> Judged {
    Judged {
        verdict: answer.answer.verdict,
        words: words(answer),
        evidence: json!(answer),
    }
}

/// How bad a verdict is, for the worst of several.
fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Inconclusive => 1,
        Verdict::NoData => 2,
        Verdict::Error => 3,
        Verdict::Fail => 4,
    }
}

fn several(cases: &[CaseAnswer]) -> Judged {
    let verdict = cases
        .iter()
        .map(|c| c.outcome.answer.verdict)
        .max_by_key(|v| badness(*v))
        .unwrap_or(Verdict::NoData);
    let words = cases
        .iter()
        .map(|c| {
            let ignored = match c.ignored.as_slice() {
                [] => String::new(),
                some => format!("  (not used here: {})\n", some.join(", ")),
            };
            format!("{}: {}{ignored}", c.name, words(&c.outcome))
        })
        .collect();
    Judged {
        verdict,
        words,
        evidence: json!(cases),
    }
}
