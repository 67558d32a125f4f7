//! This folder's own samples: all that asks the store in PromQL is in this file.

use std::time::Duration;

use deckwatch_promql::parse::Dialect;
use deckwatch_promql::{Answer, Options, Query, When};
use deckwatch_signals::source::{self, AskError};
use deckwatch_signals::{SampleStore, StoreError};

use super::{failed, misread};
use crate::problem::Problem;

/// The longest that a query may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Samples that are held at once, at most: some hundred megabytes.
const SAMPLES: usize = 10_000_000;

pub(super) fn unread(error: &StoreError) -> Problem {
    Problem::new("samples", error.to_string())
}

/// Evaluates a query over the samples of the store. Dropping the future ends the evaluation.
///
/// # Errors
/// What is wrong with the query, with its place; that it takes too long or too many samples.
pub(crate) async fn evaluate(
    store: &SampleStore,
    text: &str,
    when: When,
) -> Result<Answer, Problem> {
    evaluate_in(store, text, when, Dialect::default()).await
}

/// The same in a dialect of one's own.
///
/// # Errors
/// As [`evaluate`].
pub(super) async fn evaluate_in(
    store: &SampleStore,
    text: &str,
    when: When,
    dialect: Dialect,
) -> Result<Answer, Problem> {
    let options = Options {
        max_samples: SAMPLES,
        ..Options::default()
    };
    let query = Query::new(text, dialect).map_err(|e| misread(text, &e))?;
    let answer = source::ask(store, query, when, options, PATIENCE).await;
    answer.map_err(|error| match error {
        AskError::Query(error) => failed(text, error),
        AskError::Fetch(error) => Problem::new("samples", error.to_string()),
        AskError::Broken(why) => Problem::new("metrics", why),
    })
}
