//! Counts what an objective counts, of whoever answers in the environment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use deckwatch_domain::{Digest, Span, Timestamp};
use deckwatch_promql::labels::BUCKET;
use deckwatch_slo::{Objective, Track, write_objectives};

use super::held::Held;
use super::view::SlosView;
use crate::console::Console;
use crate::metrics::{self, Source};
use crate::problem::Problem;

/// Periods longer than this are counted in slots of five minutes.
const LONG: Span = Span::from_secs(32 * 86_400);
const COARSE: Span = Span::from_secs(300);

/// What this process has counted, by objective and source, and what was last said of all.
#[derive(Default)]
pub(crate) struct Counts {
    held: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<Held>>>>,
    said: Mutex<Option<(Timestamp, String, SlosView)>>,
}

impl Counts {
    /// What was said as of this moment of the file of this text.
    pub(super) fn known(&self, now: Timestamp, text: &str) -> Option<SlosView> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, of, view) = said.as_ref()?;
        (*at == now && of == text).then(|| view.clone())
    }

    pub(super) fn know(&self, now: Timestamp, text: String, view: SlosView) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        *said = Some((now, text, view));
    }

    fn of(&self, objective: &Objective, source: &Source) -> Arc<tokio::sync::Mutex<Held>> {
        let text = write_objectives(std::slice::from_ref(objective));
        let key = Digest::of(format!("{} {text}", source.name()).as_bytes());
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all
            .entry(key)
            .or_insert_with(|| Arc::new(tokio::sync::Mutex::new(Held::new(step(objective)))));
        held.clone()
    }
}

/// What was counted.
pub(super) struct Counted {
    pub tracks: Vec<Track>,
    /// The share of the period that was asked for already; the rest follows with later looks.
    pub share: f64,
    /// Its bound is no bucket's.
    pub trouble: Option<String>,
}

pub(super) fn step(objective: &Objective) -> Span {
    match objective.period.nominal() > LONG {
        true => objective.step().max(COARSE),
        false => objective.step(),
    }
}

/// Where the first slot lies that says anything of an objective now.
fn begins(objective: &Objective, now: Timestamp) -> Timestamp {
    let rolling = now.minus(objective.period.nominal().duration());
    rolling.min(objective.period.around(now).from)
}

/// Counts until all is counted or `until` has come.
///
/// # Errors
/// Why the source does not answer; what was counted before is kept for the next look.
pub(super) async fn count(
    console: &Console,
    source: &Source,
    objective: &Objective,
    now: Timestamp,
    until: Instant,
) -> Result<Counted, Problem> {
    let held = console.counts.of(objective, source);
    let mut held = held.lock().await;
    let (bucket, trouble) = bucket(source, objective).await?;
    let measured = match source {
        Source::Own(_) => objective.anchored_queries(step(objective), bucket.as_deref()),
        Source::Prometheus { .. } => objective.queries(step(objective), bucket.as_deref()),
    };
    let from = begins(objective, now);
    held.forget(from);
    while let Some(grid) = held.next(from, now) {
        let Some((first, last)) = grid.moments() else {
            break;
        };
        let step = grid.step;
        let over = async |query: &str| metrics::range(source, query, first, last, step).await;
        let (events, total) = (over(&measured.events).await?, over(&measured.total).await?);
        let tracks = objective.tracks(measured.side, &events, &total, grid);
        held.take(grid, tracks, now);
        if Instant::now() > until {
            break;
        }
    }
    Ok(Counted {
        tracks: held.tracks(!objective.by.is_empty()),
        share: held.share(from, now),
        trouble,
    })
}

/// The `le` of a latency's bucket as its histogram spells it, or what is wrong with its bound.
async fn bucket(
    source: &Source,
    objective: &Objective,
) -> Result<(Option<String>, Option<String>), Problem> {
    let Some(selector) = objective.bucket_series() else {
        return Ok((None, None));
    };
    let bounds = metrics::values_of(source, BUCKET, &selector).await?;
    match objective.bucket(bounds.iter().map(String::as_str)) {
        Ok(found) => Ok((found.map(str::to_owned), None)),
        Err(error) => Ok((None, Some(error.to_string()))),
    }
}
