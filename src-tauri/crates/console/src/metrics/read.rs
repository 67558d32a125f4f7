//! A query as it is written: what is wrong with it and where, and how it is written well.

use deckwatch_promql::context::metrics;
use deckwatch_promql::parse::{Dialect, parse};
use serde::{Deserialize, Serialize};

use super::{Unit, unit, units};
use crate::console::Console;
use crate::problem::Problem;

/// A query that is being written.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ReadAsk {
    pub query: String,
}

/// The first thing wrong with a query.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct QueryMistake {
    pub message: String,
    /// `line:column`, beginning at 1.
    pub position: String,
    /// UTF-16 units of the query; the end may be the start where something is missing.
    pub start: usize,
    pub end: usize,
}

/// What a query says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct QueryRead {
    pub mistake: Option<QueryMistake>,
    /// `scalar`, `string`, `instant vector`, `range vector`
    pub kind: Option<String>,
    /// As Prometheus writes it.
    pub formatted: Option<String>,
    pub unit: Unit,
    /// The metrics it names.
    pub metrics: Vec<String>,
}

/// # Errors
/// None: a mistake is the answer.
pub async fn read(_: &Console, ask: ReadAsk) -> Result<QueryRead, Problem> {
    let text = &ask.query;
    let mut seen = QueryRead {
        mistake: None,
        kind: None,
        formatted: None,
        unit: Unit::None,
        metrics: metrics(text),
    };
    match parse(text, Dialect::default()) {
        Ok(expr) => {
            seen.kind = Some(expr.value_type().documented().to_owned());
            seen.unit = unit::of(&expr);
            // Comments would be lost.
            seen.formatted = (!has_comment(text)).then(|| expr.to_string());
        }
        Err(error) => {
            let (start, end) = units(text, error.span.start, error.span.end);
            seen.mistake = Some(QueryMistake {
                message: error.message,
                position: error.position,
                start,
                end: end.max(start),
            });
        }
    }
    Ok(seen)
}

fn has_comment(text: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for c in text.chars() {
        match quote {
            Some(q) if c == q && !escaped => quote = None,
            Some(q) => escaped = c == '\\' && !escaped && q != '`',
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '#' => return true,
            None => {}
        }
    }
    false
}

/// Whether the moments of a range are independent of the range around them. What is not
/// understood is taken to depend on it.
pub(super) fn independent(text: &str) -> bool {
    const RELATIVE: [&str; 4] = ["start()", "end()", "range()", "step()"];
    match parse(text, Dialect::default()) {
        Ok(expr) => {
            let written = expr.to_string();
            !RELATIVE.iter().any(|word| written.contains(word))
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_can_be_cut_where_its_moments_stand_alone() {
        assert!(independent("rate(a[5m] @ 100) + topk(3, b)"));
        assert!(!independent("a @ end()"));
        assert!(!independent("sum(rate(a[5m] @ start()))"));
        assert!(!independent("nonsense("));
    }

    #[test]
    fn comments_are_told_from_texts() {
        assert!(has_comment("a # b"));
        assert!(!has_comment(r##"label_replace(a, "b", "\"#", "c", "d")"##));
    }
}
