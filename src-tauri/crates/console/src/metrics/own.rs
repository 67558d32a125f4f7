//! This folder's own samples. What a query reads is known before it is evaluated, so the samples
//! are fetched here and the evaluation itself touches nothing. All that asks the store is in this
//! file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deckwatch_domain::Timestamp;
use deckwatch_promql::labels::{Labels, METRIC_NAME};
use deckwatch_promql::parse::Dialect;
use deckwatch_promql::value::FloatPoint;
use deckwatch_promql::{
    Answer, Interrupt, MatchOp, Matcher, MemorySource, Options, Query, Selection, SeriesSamples,
    When,
};
use deckwatch_signals::{SampleStore, Selector};

use super::{failed, misread};
use crate::problem::Problem;

/// The longest that a query may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Samples that are held at once, at most: some hundred megabytes.
const SAMPLES: usize = 10_000_000;

/// The labels of one series, with its name among them.
pub(super) type Identity = BTreeMap<String, String>;

/// The series that meet all conditions.
///
/// # Errors
/// The store's.
pub(super) async fn series(
    store: &SampleStore,
    matchers: &[Matcher],
) -> Result<Vec<Identity>, Problem> {
    let found = store.series(matchers).await.map_err(|e| unread(&e))?;
    let whole = found.into_iter().map(|(name, labels)| {
        let named = [(METRIC_NAME.to_owned(), name)];
        labels.into_iter().chain(named).collect()
    });
    Ok(whole.collect())
}

fn unread(error: &deckwatch_signals::StoreError) -> Problem {
    Problem::new("samples", error.to_string())
}

/// Raises a flag when it is let go, so that an evaluation ends with whoever waited for it.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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
    let options = Options {
        max_samples: SAMPLES,
        ..Options::default()
    };
    let query = Query::new(text, Dialect::default()).map_err(|e| misread(text, &e))?;
    let needs = query.needs(when, &options).map_err(|e| failed(text, e))?;
    let mut held = Vec::new();
    for selection in &needs {
        held.extend(fetch(store, selection).await?);
    }
    let source = MemorySource::new(merged(held));
    let waiting = Waiting(Arc::default());
    let given_up = waiting.0.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        let patience = || {
            if given_up.load(Ordering::Relaxed) {
                Interrupt::Cancelled
            } else if began.elapsed() > PATIENCE {
                Interrupt::TimedOut
            } else {
                Interrupt::Continue
            }
        };
        query.run_while(when, &source, &options, &patience)
    });
    let answer = answer.await;
    drop(waiting);
    answer
        .map_err(|e| Problem::new("metrics", e.to_string()))?
        .map_err(|e| failed(text, e))
}

/// The stored series that a selection may mean. What it excludes among them is left to it.
async fn fetch(store: &SampleStore, selection: &Selection) -> Result<Vec<SeriesSamples>, Problem> {
    let named = |m: &&Matcher| m.name() == METRIC_NAME && m.op() == MatchOp::Equal;
    let names: Vec<String> = match selection.matchers.iter().find(named) {
        Some(name) => vec![name.value().to_owned()],
        None => {
            let found = series(store, &selection.matchers).await?;
            let names = found.into_iter().filter_map(|mut s| s.remove(METRIC_NAME));
            let names: std::collections::BTreeSet<String> = names.collect();
            names.into_iter().collect()
        }
    };
    let exact = selection
        .matchers
        .iter()
        .filter(|m| m.op() == MatchOp::Equal && m.name() != METRIC_NAME && !m.value().is_empty());
    let exact: Vec<(&str, &str)> = exact.map(|m| (m.name(), m.value())).collect();
    let from = Timestamp::from_millis(selection.from_ms);
    let to = Timestamp::from_millis(selection.to_ms);
    let mut all = Vec::new();
    for name in names {
        let found = store.range(&Selector::new(&name, &exact), from, to).await;
        all.extend(found.map_err(|e| unread(&e))?.into_iter().map(samples));
    }
    Ok(all)
}

fn samples(stored: deckwatch_signals::Series) -> SeriesSamples {
    let named = [(METRIC_NAME.to_owned(), stored.name)];
    let points = stored.points.into_iter();
    SeriesSamples {
        labels: Labels::from_pairs(stored.labels.into_iter().chain(named)),
        floats: points
            .map(|(at, v)| FloatPoint {
                t: at.as_millis(),
                v,
            })
            .collect(),
        ..SeriesSamples::default()
    }
}

/// Each series once, though several selections may have read it over different times.
fn merged(held: Vec<SeriesSamples>) -> Vec<SeriesSamples> {
    let mut all: BTreeMap<String, SeriesSamples> = BTreeMap::new();
    for one in held {
        let key = one.labels.to_string();
        match all.get_mut(&key) {
            None => {
                all.insert(key, one);
            }
            Some(there) => {
                there.floats.extend(one.floats);
                there.floats.sort_by_key(|p| p.t);
                there.floats.dedup_by_key(|p| p.t);
            }
        }
    }
    all.into_values().collect()
}
