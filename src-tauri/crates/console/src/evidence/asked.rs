//! A plan's own queries, asked of this folder's samples or of the environment's Prometheus.
//!
//! A count is the rise of a counter between two moments that both have a value. A counter that
//! falls began anew in between: what it counted before and after is not known, and nothing is made
//! up for it. So is a series that was not there before. The newest moments are left for the next
//! look, as their samples may still be on their way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::{ServiceName, Span, Timestamp};
use deckwatch_promql::When;
use deckwatch_promql::value::Value;
use deckwatch_rollout::plan::CountQuery;
use deckwatch_rollout::ports::Standing;
use deckwatch_signals::SampleStore;
use deckwatch_signals::prometheus::{Prometheus, Value as Told};
use deckwatch_verdict::Counts;

use crate::cluster::{Cluster, MetricsSource};
use crate::console::Console;
use crate::dashboards::written;
use crate::metrics::{evaluate, open};
use crate::secrets::Secrets;

/// A sample is there after so long.
const SETTLED: Duration = Duration::from_secs(10);
/// Moments that one look asks for at most; over a longer gap they lie further apart.
const MOMENTS: i64 = 2_000;
/// At most this long for one answer.
const PATIENCE: Span = Span::from_secs(5);

/// Who answers.
pub(crate) struct Asker {
    source: Option<MetricsSource>,
    secrets: Secrets,
    cluster: Option<Arc<Cluster>>,
    client: tokio::sync::OnceCell<Prometheus>,
}

/// One series' values by moment, in milliseconds.
type Row = BTreeMap<i64, f64>;
type Whom<'a> = (&'a ServiceName, &'a Standing);

impl Asker {
    pub fn of(console: &Console) -> Self {
        Asker {
            source: console.metrics_source().cloned(),
            secrets: console.secrets(),
            cluster: console.cluster.clone(),
            client: tokio::sync::OnceCell::new(),
        }
    }

    /// What was counted, by the end of each interval.
    ///
    /// # Errors
    /// Why it is not known: an error is never a count of nothing.
    pub async fn counts(
        &self,
        store: &SampleStore,
        whom: Whom<'_>,
        query: &CountQuery,
        interval: Span,
        after: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(Timestamp, Counts)>, String> {
        let Some(grid) = Grid::of(interval, after, now.minus(SETTLED)) else {
            return Ok(Vec::new());
        };
        let bad = self.rows(store, whom, &query.bad, grid).await?;
        let total = self.rows(store, whom, &query.total, grid).await?;
        let (bad, total) = (rises(&bad, grid), rises(&total, grid));
        let mut counts = Vec::new();
        for (at, total) in total {
            let total = whole(total)?;
            // A counter of bad ones that does not exist yet has counted none.
            let bad = whole(bad.get(&at).copied().unwrap_or(0.0))?;
            if bad > total {
                return Err(format!(
                    "the queries count {bad} bad of {total} until {}: they are not of the same things",
                    Timestamp::from_millis(at)
                ));
            }
            counts.push((Timestamp::from_millis(at), Counts { total, bad }));
        }
        Ok(counts)
    }

    /// What a query gave, one value a moment.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn values(
        &self,
        store: &SampleStore,
        whom: Whom<'_>,
        query: &str,
        highest: bool,
        interval: Span,
        (since, now): (Timestamp, Timestamp),
    ) -> Result<Vec<f64>, String> {
        let Some(grid) = Grid::of(interval, since, now) else {
            return Ok(Vec::new());
        };
        let rows = self.rows(store, whom, query, grid).await?;
        let mut worst: BTreeMap<i64, f64> = BTreeMap::new();
        for (at, value) in rows.into_iter().flatten() {
            // Of before the step nothing is judged.
            if at == grid.start {
                continue;
            }
            let held = worst.entry(at).or_insert(value);
            let worse = match highest {
                true => value > *held,
                false => value < *held,
            };
            // What is no number is worse than any.
            if worse || value.is_nan() {
                *held = value;
            }
        }
        Ok(worst.into_values().collect())
    }

    async fn rows(
        &self,
        store: &SampleStore,
        (service, standing): Whom<'_>,
        query: &str,
        grid: Grid,
    ) -> Result<Vec<Row>, String> {
        let text = written(
            query,
            &[
                ("service", service.as_str()),
                ("slot", standing.slot.as_str()),
                ("release", standing.version.as_str()),
            ],
        );
        match &self.source {
            Some(source) => self.elsewhere(source, &text, grid).await,
            None => own(store, &text, grid).await,
        }
    }

    async fn elsewhere(
        &self,
        source: &MetricsSource,
        query: &str,
        grid: Grid,
    ) -> Result<Vec<Row>, String> {
        let cluster = self.cluster.as_deref();
        let client = self
            .client
            .get_or_try_init(|| open(source, &self.secrets, cluster, PATIENCE))
            .await?;
        let moment = Timestamp::from_millis;
        let step = Span::from_millis(grid.step.unsigned_abs());
        let answer = client
            .query_range(query, moment(grid.start), moment(grid.end), step)
            .await
            .map_err(|e| e.to_string())?;
        let Told::Tracks(tracks) = answer.value else {
            return Err("the query gives no series".into());
        };
        let rows = tracks.into_iter().map(|track| {
            let points = track.points.into_iter();
            points.map(|p| (p.at.as_millis(), p.value)).collect()
        });
        Ok(rows.collect())
    }
}

async fn own(store: &SampleStore, query: &str, grid: Grid) -> Result<Vec<Row>, String> {
    let Grid { start, end, step } = grid;
    let answer = evaluate(store, query, When::Range { start, end, step }).await;
    match answer.map_err(|problem| problem.message)?.value {
        Value::Matrix(all) => Ok(all
            .iter()
            .map(|series| series.floats.iter().map(|p| (p.t, p.v)).collect())
            .collect()),
        _ => Err("the query gives no series".into()),
    }
}

/// The moments of one look; the first is where the one before ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Grid {
    start: i64,
    end: i64,
    step: i64,
}

impl Grid {
    /// None: not one whole interval has passed.
    fn of(interval: Span, after: Timestamp, until: Timestamp) -> Option<Grid> {
        let interval = i64::try_from(interval.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let (start, until) = (after.as_millis(), until.as_millis());
        let passed = until.saturating_sub(start) / interval;
        let step = interval.saturating_mul(passed / MOMENTS + 1);
        let steps = until.saturating_sub(start) / step;
        (steps >= 1).then(|| Grid {
            start,
            end: start + steps * step,
            step,
        })
    }
}

/// How much all counters rose, by the end of each interval in which any had both its ends.
fn rises(rows: &[Row], grid: Grid) -> BTreeMap<i64, f64> {
    let mut rises = BTreeMap::new();
    for row in rows {
        for (at, value) in row {
            let Some(before) = row.get(&(at - grid.step)) else {
                continue;
            };
            let rise = value - before;
            if rise >= 0.0 {
                *rises.entry(*at).or_insert(0.0) += rise;
            } else if rise.is_nan() {
                rises.insert(*at, f64::NAN);
            }
        }
    }
    rises
}

/// Counters count whole things; sums of floats may miss one by a rounding.
fn whole(rise: f64) -> Result<u64, String> {
    let near = rise.round();
    let exact = (rise - near).abs() <= 1e-6 * near.abs().max(1.0);
    match exact && (0.0..9e15).contains(&near) {
        true => Ok(near as u64),
        false => Err(format!(
            "the queries must give counters that count whole things; one rose by {rise}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(seconds: i64) -> Option<Grid> {
        let t = Timestamp::from_millis;
        Grid::of(Span::from_secs(5), t(1_000), t(1_000 + seconds * 1000))
    }

    #[test]
    fn looks_go_on_where_the_one_before_ended() {
        assert_eq!(grid(4), None);
        let first = grid(17).unwrap();
        assert_eq!((first.start, first.end, first.step), (1_000, 16_000, 5_000));
        let long = grid(100_000).unwrap();
        assert!((long.end - long.start) / long.step <= MOMENTS);
        assert_eq!(long.step % 5_000, 0);
        assert_eq!(grid(-60), None);
    }

    #[test]
    fn a_counter_that_falls_or_begins_adds_nothing() {
        let grid = grid(20).unwrap();
        let moments = [1_000, 6_000, 11_000, 16_000, 21_000];
        let row = |values: [f64; 5]| moments.into_iter().zip(values).collect::<Row>();
        let fallen = row([100.0, 110.0, 5.0, 9.0, 9.0]);
        let late: Row = [(16_000, 1000.0), (21_000, 1001.0)].into();
        let rises = rises(&[fallen, late], grid);
        let found: Vec<(i64, f64)> = rises.into_iter().collect();
        assert_eq!(found, [(6_000, 10.0), (16_000, 4.0), (21_000, 1.0)]);
    }

    #[test]
    fn what_is_no_count_is_an_error() {
        assert_eq!(whole(3.000_000_1), Ok(3));
        for wrong in [0.35, f64::NAN, f64::INFINITY, -2.0, 1e17] {
            assert!(whole(wrong).is_err(), "{wrong}");
        }
    }
}
