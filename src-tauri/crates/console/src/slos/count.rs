//! Counts what an objective counts, of whoever answers in the environment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deckwatch_domain::{Digest, Span, Timestamp};
use deckwatch_promql::labels::BUCKET;
use deckwatch_slo::{Objective, Track, write_objectives};

use super::held::{Held, Kept};
use super::told::SlosView;
use crate::console::Console;
use crate::metrics::{self, Source};
use crate::problem::Problem;

/// Periods longer than this are counted in slots of five minutes.
const LONG: Span = Span::from_secs(32 * 86_400);
const COARSE: Span = Span::from_secs(300);
/// How often counts are kept, and when those that nobody keeps any more are removed.
const KEEP: Duration = Duration::from_secs(300);
const FORGOTTEN: Duration = Duration::from_secs(45 * 86_400);

/// What this process has counted, by objective and source, and what was last said of all.
#[derive(Default)]
pub(crate) struct Counts {
    held: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<Counting>>>>,
    said: Mutex<Option<(Timestamp, String, SlosView)>>,
    /// What gates were answered last: of whom, as of when, why closed.
    gates: Mutex<HashMap<String, (Timestamp, Option<String>)>>,
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

    /// What a gate was answered as of this moment.
    pub(super) fn gate(&self, asked: &str, now: Timestamp) -> Option<Option<String>> {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, closed) = gates.get(asked)?;
        (*at == now).then(|| closed.clone())
    }

    pub(super) fn answered(&self, asked: String, now: Timestamp, closed: Option<String>) {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, (at, _)| *at == now);
        gates.insert(asked, (now, closed));
    }

    fn of(
        &self,
        folder: &Path,
        objective: &Objective,
        source: &Source,
    ) -> Arc<tokio::sync::Mutex<Counting>> {
        let text = write_objectives(std::slice::from_ref(objective));
        let key = Digest::of(format!("{} {text}", source.name()).as_bytes());
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(key).or_insert_with(|| {
            let path = folder.join(format!("{key}.json"));
            Arc::new(tokio::sync::Mutex::new(Counting::begin(
                path,
                step(objective),
            )))
        });
        held.clone()
    }
}

/// What is held of an objective, and the file that it is kept in from time to time, so that another
/// program, or this one after a restart, need not count a whole period anew.
struct Counting {
    held: Held,
    path: PathBuf,
    written: Option<Instant>,
}

impl Counting {
    fn begin(path: PathBuf, step: Span) -> Self {
        // Whatever is wrong with what was kept, it can be counted again.
        let kept = std::fs::read(&path).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let held = kept.and_then(|kept| Held::going_on(step, kept));
        Counting {
            written: held.is_some().then(Instant::now),
            held: held.unwrap_or_else(|| Held::new(step)),
            path,
        }
    }

    async fn keep(&mut self) {
        if self.written.is_some_and(|at| at.elapsed() < KEEP) {
            return;
        }
        let Some(kept) = self.held.kept() else {
            return;
        };
        self.written = Some(Instant::now());
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &kept)).await;
        if let Ok(Err(error)) = written {
            tracing::debug!(%error, "counts are not kept");
        }
    }
}

fn write(path: &Path, kept: &Kept) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&draft, serde_json::to_vec(kept)?)?;
    std::fs::rename(draft, path)?;
    // Objectives that changed or went leave theirs behind.
    for entry in std::fs::read_dir(folder)?.flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).ok();
        let age = age.and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > FORGOTTEN) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
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
    let folder = console.folder.counts();
    let counting = console.counts.of(&folder, objective, source);
    let mut counting = counting.lock().await;
    let held = &mut counting.held;
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
    let counted = Counted {
        tracks: held.tracks(!objective.by.is_empty()),
        share: held.share(from, now),
        trouble,
    };
    counting.keep().await;
    Ok(counted)
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
