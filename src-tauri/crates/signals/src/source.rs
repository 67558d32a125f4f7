//! One question for whoever has samples: the own store, or somebody's Prometheus.
//!
//! What a query reads is known before it is evaluated. It is fetched here, and the evaluation
//! ([`deckwatch_promql`]) touches nothing. A Prometheus can evaluate for itself
//! ([`Prometheus::query`]); it is asked for samples where ours should be the evaluator.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use deckwatch_domain::Timestamp;
use deckwatch_promql::labels::{Labels, METRIC_NAME};
use deckwatch_promql::value::FloatPoint;
use deckwatch_promql::{
    Answer, EvalError, Interrupt, Matcher, MemorySource, Options, Query, Selection, SeriesSamples,
    When,
};

use crate::prometheus::{Among, Prometheus, PrometheusError, Value};
use crate::store::{Resolution, SampleStore, StoreError};

/// Functions that look at every sample of a range. Points that stand for many do for the others:
/// for what a counter rose by, and for the last value.
const CLOSE: [&str; 14] = [
    "_over_time",
    "changes",
    "resets",
    "irate",
    "idelta",
    "delta",
    "deriv",
    "predict_linear",
    "double_exponential_smoothing",
    "holt_winters",
    "timestamp",
    "anchored",
    "smoothed",
    "info",
];

/// Why samples could not be had.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
}

/// Why a query has no answer.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Query(#[from] EvalError),
    /// The evaluation ended without a word; a defect.
    #[error("the evaluation broke off: {0}")]
    Broken(String),
}

/// Whoever has samples.
#[async_trait]
pub trait SampleSource: Send + Sync {
    /// The series that are meant with their samples in the range of time, no coarser than
    /// `resolution` where they are still held as closely.
    ///
    /// # Errors
    /// What kept them from being had.
    async fn fetch(
        &self,
        selection: &Selection,
        resolution: Resolution,
    ) -> Result<Vec<SeriesSamples>, FetchError>;

    /// How closely samples from a moment on are held.
    ///
    /// # Errors
    /// What kept it from being known.
    async fn held_since(&self, _from: Timestamp) -> Result<Resolution, FetchError> {
        Ok(Resolution::Raw)
    }

    /// Names and labels of the series that meet all conditions; a source may leave out those
    /// without a sample in the range of time.
    ///
    /// # Errors
    /// What kept them from being had.
    async fn series(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Labels>, FetchError>;

    /// The names of all labels, sorted.
    ///
    /// # Errors
    /// What kept them from being had.
    async fn label_names(&self) -> Result<Vec<String>, FetchError>;

    /// The values that a label has, sorted; `__name__` has the names of all metrics.
    ///
    /// # Errors
    /// What kept them from being had.
    async fn label_values(&self, name: &str) -> Result<Vec<String>, FetchError>;
}

#[async_trait]
impl SampleSource for SampleStore {
    async fn fetch(
        &self,
        selection: &Selection,
        resolution: Resolution,
    ) -> Result<Vec<SeriesSamples>, FetchError> {
        let from = Timestamp::from_millis(selection.from_ms);
        let to = Timestamp::from_millis(selection.to_ms);
        let found = self
            .select(&selection.matchers, from, to, resolution)
            .await?;
        let series = found.into_iter().map(|series| {
            let points = series.points.into_iter();
            let floats = points.map(|(at, v)| FloatPoint {
                t: at.as_millis(),
                v,
            });
            SeriesSamples {
                labels: named(series.name, series.labels),
                floats: floats.collect(),
                ..SeriesSamples::default()
            }
        });
        Ok(series.collect())
    }

    async fn held_since(&self, from: Timestamp) -> Result<Resolution, FetchError> {
        Ok(self.closest_since(from).await?)
    }

    async fn series(
        &self,
        matchers: &[Matcher],
        _from: Timestamp,
        _to: Timestamp,
    ) -> Result<Vec<Labels>, FetchError> {
        let found = SampleStore::series(self, matchers).await?;
        let found = found.into_iter();
        Ok(found.map(|(name, labels)| named(name, labels)).collect())
    }

    async fn label_names(&self) -> Result<Vec<String>, FetchError> {
        Ok(SampleStore::label_names(self, &[]).await?)
    }

    async fn label_values(&self, name: &str) -> Result<Vec<String>, FetchError> {
        Ok(SampleStore::label_values(self, name, &[]).await?)
    }
}

fn named(name: String, labels: crate::sample::Labels) -> Labels {
    let name = [(METRIC_NAME.to_owned(), name)];
    Labels::from_pairs(labels.into_iter().chain(name))
}

/// Stale markers are not told by a Prometheus: a series that ended counts there for as long as a
/// sample does. Native histograms are left out.
#[async_trait]
impl SampleSource for Prometheus {
    async fn fetch(
        &self,
        selection: &Selection,
        _resolution: Resolution,
    ) -> Result<Vec<SeriesSamples>, FetchError> {
        // A range is open at its beginning.
        let range = selection.to_ms.saturating_sub(selection.from_ms).max(0) + 1;
        let text = format!("{}[{range}ms]", selector(&selection.matchers));
        let to = Timestamp::from_millis(selection.to_ms);
        let Value::Tracks(tracks) = self.query(&text, to).await?.value else {
            return Ok(Vec::new());
        };
        let series = tracks.into_iter().map(|track| {
            let points = track.points.iter();
            let floats = points.map(|p| FloatPoint {
                t: p.at.as_millis(),
                v: p.value,
            });
            SeriesSamples {
                floats: floats.collect(),
                labels: Labels::from_pairs(track.labels),
                ..SeriesSamples::default()
            }
        });
        Ok(series.collect())
    }

    async fn series(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Labels>, FetchError> {
        let among = Among {
            selector: Some(selector(matchers)),
            from: Some(from),
            to: Some(to),
            limit: None,
        };
        let found = Prometheus::series(self, &among).await?;
        Ok(found.into_iter().map(Labels::from_pairs).collect())
    }

    async fn label_names(&self) -> Result<Vec<String>, FetchError> {
        Ok(self.labels(&Among::default()).await?)
    }

    async fn label_values(&self, name: &str) -> Result<Vec<String>, FetchError> {
        Ok(Prometheus::label_values(self, name, &Among::default()).await?)
    }
}

fn selector(matchers: &[Matcher]) -> String {
    let each: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
    format!("{{{}}}", each.join(","))
}

/// Raises a flag when it is let go, so that an evaluation ends with whoever waited for it.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Fetches what a query reads and evaluates it, on a thread of its own, for no longer than
/// `patience`. Dropping the future ends the evaluation.
///
/// # Errors
/// What could not be fetched, or why the query has no answer.
pub async fn ask(
    source: &dyn SampleSource,
    query: Query,
    when: When,
    mut options: Options,
    patience: Duration,
) -> Result<Answer, AskError> {
    let began = Instant::now();
    let mut held = Vec::new();
    let first = match when {
        When::Instant(t) => t,
        When::Range { start, .. } => start,
    };
    // Where samples stand farther apart than they count, they count for longer.
    let since = source.held_since(Timestamp::from_millis(first)).await?;
    options.lookback_ms = options.lookback_ms.max(2 * since.width());
    for selection in query.needs(when, &options)? {
        let resolution = sufficient(&query, when, &selection);
        held.extend(source.fetch(&selection, resolution).await?);
    }
    let source = MemorySource::new(merged(held));
    let waiting = Waiting(Arc::default());
    let given_up = waiting.0.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let patience = || {
            if given_up.load(Ordering::Relaxed) {
                Interrupt::Cancelled
            } else if began.elapsed() > patience {
                Interrupt::TimedOut
            } else {
                Interrupt::Continue
            }
        };
        query.run_while(when, &source, &options, &patience)
    });
    let answer = answer.await.map_err(|e| AskError::Broken(e.to_string()))?;
    drop(waiting);
    Ok(answer?)
}

/// How closely a query has to read what it selects.
pub fn sufficient(query: &Query, when: When, selection: &Selection) -> Resolution {
    if CLOSE.iter().any(|word| query.text().contains(word)) {
        return Resolution::Raw;
    }
    // A range is open at its beginning: the first moment that is read lies one after it.
    let read = selection.to_ms.saturating_sub(selection.from_ms) + 1;
    match when {
        When::Instant(_) => Resolution::sufficient(None, read),
        When::Range { start, end, step } => {
            // What is read beyond the asked range is what each moment looks back over.
            let beyond = read - end.saturating_sub(start);
            let range = if beyond > 0 { beyond } else { read };
            Resolution::sufficient(Some(step), range)
        }
    }
}

/// Each series once, though several selections may have read it over different times.
fn merged(held: Vec<SeriesSamples>) -> Vec<SeriesSamples> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut all: Vec<SeriesSamples> = Vec::new();
    for one in held {
        let place = *places.entry(one.labels.clone()).or_insert(all.len());
        match all.get_mut(place) {
            None => all.push(one),
            Some(there) => {
                there.floats.extend(one.floats);
                there.floats.sort_by_key(|p| p.t);
                there.floats.dedup_by_key(|p| p.t);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use deckwatch_promql::parse::Dialect;

    use super::*;

    fn resolution(text: &str, step: Option<i64>) -> Resolution {
        let query = Query::new(text, Dialect::default()).unwrap();
        let day = 86_400_000;
        let when = match step {
            None => When::Instant(40 * day),
            Some(step) => When::Range {
                start: 10 * day,
                end: 40 * day,
                step,
            },
        };
        let needs = query.needs(when, &Options::default()).unwrap();
        sufficient(&query, when, &needs[0])
    }

    #[test]
    fn a_query_says_how_closely_it_reads() {
        let hour = Some(3_600_000);
        assert_eq!(resolution("x", hour), Resolution::Raw);
        assert_eq!(resolution("rate(x[5m])", hour), Resolution::Raw);
        assert_eq!(
            resolution("sum(rate(x[1h]))", hour),
            Resolution::FiveMinutes
        );
        assert_eq!(resolution("rate(x[1h])", Some(60_000)), Resolution::Raw);
        assert_eq!(resolution("increase(x[3d])", hour), Resolution::Hour);
        assert_eq!(resolution("increase(x[30d])", None), Resolution::Hour);
        // These need every sample.
        assert_eq!(resolution("max_over_time(x[3d])", hour), Resolution::Raw);
        assert_eq!(resolution("resets(x[3d])", hour), Resolution::Raw);
        // The other part of a query does not make it coarser.
        assert_eq!(resolution("rate(x[3d] offset 5d)", hour), Resolution::Hour);
    }

    #[test]
    fn conditions_are_written_as_prometheus_reads_them() {
        let matchers = [
            Matcher::equal("__name__", "a"),
            Matcher::new("b", deckwatch_promql::MatchOp::NotRegex, "c|\"d").unwrap(),
        ];
        assert_eq!(selector(&matchers), r#"{__name__="a",b!~"c|\"d"}"#);
    }
}
