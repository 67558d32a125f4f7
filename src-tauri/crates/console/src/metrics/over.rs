//! A query over a range, of whoever answers, as the evaluator would give it.

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::When;
use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::Dialect;
use deckwatch_promql::value::{FloatPoint, Series, Value};
use deckwatch_signals::prometheus::Value as Told;

use super::{Source, own, refused};
use crate::problem::Problem;

/// `anchored` ranges count each event once in windows that join.
const DIALECT: Dialect = Dialect {
    experimental_functions: false,
    duration_expressions: false,
    extended_ranges: true,
    fill_modifiers: false,
};

/// From `start` to `end`, both in milliseconds and included, every `step`.
///
/// # Errors
/// What is wrong with the query, or why the source does not answer.
pub(crate) async fn range(
    source: &Source,
    query: &str,
    start: i64,
    end: i64,
    step: Span,
) -> Result<Vec<Series>, Problem> {
    let client = match source {
        Source::Own(store) => {
            let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
            let when = When::Range { start, end, step };
            let answer = own::evaluate_in(store, query, when, DIALECT).await?;
            return Ok(match answer.value {
                Value::Matrix(all) => all,
                _ => Vec::new(),
            });
        }
        Source::Prometheus { client, .. } => client,
    };
    let moment = Timestamp::from_millis;
    let answer = client.query_range(query, moment(start), moment(end), step);
    let Told::Tracks(tracks) = answer.await.map_err(refused)?.value else {
        return Ok(Vec::new());
    };
    let series = tracks.into_iter().map(|track| {
        let floats = track.points.iter().map(|p| FloatPoint {
            t: p.at.as_millis(),
            v: p.value,
        });
        let mut series = Series::default();
        series.floats = floats.collect();
        series.labels = Labels::from_pairs(track.labels);
        series
    });
    Ok(series.collect())
}
