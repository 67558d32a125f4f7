//! A range as a picture needs it: columns on one grid, and no more of them than an eye can tell
//! apart.

use std::collections::BTreeMap;
use std::time::Instant;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::When;
use deckwatch_promql::parse::{Dialect, parse};
use deckwatch_promql::value::Value;
use deckwatch_signals::prometheus::{Prometheus, Value as Told};
use serde::{Deserialize, Serialize};

use super::read::independent;
use super::{MOMENTS, Source, SourceName, Unit, labels, own, refused, source, unit};
use crate::console::Console;
use crate::problem::Problem;

/// Moments that a chart has room for where nothing else is said.
const POINTS: u32 = 240;
/// Series that are drawn where nothing else is said.
const DRAWN: usize = 40;

/// Which range of which query.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ChartAsk {
    #[serde(default)]
    pub query: String,
    /// With an end; none: as long ago as `over` says.
    #[serde(default)]
    #[ts(optional)]
    pub from: Option<Timestamp>,
    /// None: now.
    #[serde(default)]
    #[ts(optional)]
    pub to: Option<Timestamp>,
    /// How long a time where no beginning is said; an hour if neither is.
    #[serde(default)]
    #[ts(optional)]
    pub over: Option<Span>,
    /// From moment to moment; none: what suits the range.
    #[serde(default)]
    #[ts(optional)]
    pub step: Option<Span>,
    /// Moments that there is room for.
    #[serde(default)]
    #[ts(optional)]
    pub points: Option<u32>,
    /// Series that are told at most; those with the greatest values are.
    #[serde(default)]
    #[ts(optional)]
    pub most: Option<usize>,
    #[serde(default)]
    #[ts(optional)]
    pub source: Option<SourceName>,
    #[serde(default)]
    #[ts(optional)]
    pub url: Option<String>,
}

/// One line of a chart.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ChartSeries {
    #[ts(type = "Record<string, string>")]
    pub labels: BTreeMap<String, String>,
    /// One a moment; none where there is no finite value.
    pub values: Vec<Option<f64>>,
    pub last: Option<f64>,
    pub least: Option<f64>,
    pub most: Option<f64>,
    pub mean: Option<f64>,
    /// Values that are `NaN` or infinite, and so not in the picture.
    pub odd: usize,
}

/// What is drawn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct MetricsChart {
    /// The first moment; the others follow every `step_ms`.
    pub from: Timestamp,
    #[ts(type = "number")]
    pub step_ms: i64,
    pub moments: usize,
    /// In the order that the query gives them.
    pub series: Vec<ChartSeries>,
    /// Series there are; more than are told where they are too many.
    pub total: usize,
    pub unit: Unit,
    pub notes: Vec<String>,
    /// Who answered: `samples`, or an address.
    pub source: String,
    /// Milliseconds until the answer was there.
    #[ts(type = "number")]
    pub took_ms: u64,
}

/// Steps that people think in, in milliseconds.
const STEPS: [i64; 18] = [
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
];

/// From when to when, on a grid that stays where it is while time goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Grid {
    start: i64,
    end: i64,
    step: i64,
}

impl Grid {
    /// # Errors
    /// That the range is none, or has too many moments.
    fn of(ask: &ChartAsk, now: Timestamp) -> Result<Grid, Problem> {
        let invalid = |why: &str| Err(Problem::new("request.invalid", why));
        let millis = |span: Span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let end = ask.to.unwrap_or(now).as_millis();
        let over = millis(ask.over.unwrap_or(Span::from_secs(3600)));
        let start = match ask.from {
            Some(from) => from.as_millis(),
            None => end.saturating_sub(over),
        };
        if end < start {
            return invalid("a range ends after it begins");
        }
        let points = i64::from(ask.points.unwrap_or(POINTS).clamp(2, 2000));
        let step = match ask.step {
            Some(step) => millis(step),
            None => suited((end - start) / points),
        };
        if step < 1 {
            return invalid("a step is more than nothing");
        }
        if (end - start) / step >= MOMENTS {
            return invalid("more than 11,000 moments: take a longer step");
        }
        let grid = |t: i64| t.div_euclid(step) * step;
        Ok(Grid {
            start: grid(start),
            end: grid(end),
            step,
        })
    }

    fn moments(self) -> usize {
        usize::try_from((self.end - self.start) / self.step).unwrap_or(0) + 1
    }
}

fn suited(wanted: i64) -> i64 {
    let found = STEPS.iter().find(|step| **step >= wanted);
    found.copied().unwrap_or(wanted)
}

/// The step that a range is drawn with, in milliseconds.
///
/// # Errors
/// That the range is none, or has too many moments.
pub(crate) fn grid_step(ask: &ChartAsk, now: Timestamp) -> Result<i64, Problem> {
    Ok(Grid::of(ask, now)?.step)
}

/// # Errors
/// What is wrong with the query, with its place; that it takes too long or too many samples.
pub async fn chart(console: &Console, ask: ChartAsk) -> Result<MetricsChart, Problem> {
    let began = Instant::now();
    let now = console.clock.now().wall;
    let grid = Grid::of(&ask, now)?;
    let source = source(console, ask.source, ask.url.as_deref()).await?;
    let name = source.name().to_owned();
    let (rows, notes) = match &source {
        Source::Own(store) => own_rows(store, &ask.query, grid).await?,
        Source::Prometheus { client, url } => {
            asked(console, client, url, &ask.query, grid, now).await?
        }
    };
    let total = rows.len();
    let kept = greatest(rows, ask.most.unwrap_or(DRAWN));
    let unit = parse(&ask.query, Dialect::default()).map_or(Unit::None, |e| unit::of(&e));
    Ok(MetricsChart {
        from: Timestamp::from_millis(grid.start),
        step_ms: grid.step,
        moments: grid.moments(),
        series: kept,
        total,
        unit,
        notes,
        source: name,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

type Rows = (Vec<ChartSeries>, Vec<String>);

async fn own_rows(
    store: &deckwatch_signals::SampleStore,
    query: &str,
    grid: Grid,
) -> Result<Rows, Problem> {
    let Grid { start, end, step } = grid;
    let answer = own::evaluate(store, query, When::Range { start, end, step }).await?;
    let remarks = answer.annotations.iter();
    let notes = remarks.map(|remark| remark.words(query)).collect();
    let rows = match answer.value {
        Value::Matrix(all) => all
            .iter()
            .map(|s| row(labels(&s.labels), s.floats.iter().map(|p| (p.t, p.v)), grid))
            .collect(),
        // A range gives nothing else; a text has no picture.
        Value::Scalar { .. } | Value::String { .. } | Value::Vector(_) => Vec::new(),
    };
    Ok((rows, notes))
}

async fn asked(
    console: &Console,
    client: &Prometheus,
    url: &str,
    query: &str,
    grid: Grid,
    now: Timestamp,
) -> Result<Rows, Problem> {
    let moment = Timestamp::from_millis;
    let (from, to) = (moment(grid.start), moment(grid.end));
    let step = Span::from_millis(grid.step.unsigned_abs());
    let answer = match independent(query) {
        true => {
            let memory = &console.sources.memory;
            memory
                .range(client, url, query, (from, to), step, now)
                .await
        }
        false => client.query_range(query, from, to, step).await,
    };
    let answer = answer.map_err(refused)?;
    let Told::Tracks(tracks) = answer.value else {
        return Ok((Vec::new(), answer.notes));
    };
    let rows = tracks.into_iter().map(|track| {
        let points = track.points.iter().map(|p| (p.at.as_millis(), p.value));
        let points: Vec<(i64, f64)> = points.collect();
        row(track.labels.into_iter().collect(), points, grid)
    });
    Ok((rows.collect(), answer.notes))
}

fn row(
    labels: BTreeMap<String, String>,
    points: impl IntoIterator<Item = (i64, f64)>,
    grid: Grid,
) -> ChartSeries {
    let mut values = vec![None; grid.moments()];
    let mut odd = 0;
    for (t, v) in points {
        let place = usize::try_from((t - grid.start).div_euclid(grid.step)).ok();
        let Some(place) = place.and_then(|i| values.get_mut(i)) else {
            continue;
        };
        match v.is_finite() {
            true => *place = Some(v),
            false => odd += 1,
        }
    }
    let known = || values.iter().flatten().copied();
    let count = known().count();
    ChartSeries {
        labels,
        last: known().last(),
        least: known().reduce(f64::min),
        most: known().reduce(f64::max),
        // Each is divided first: a sum of the greatest floats is none.
        mean: (count > 0).then(|| known().map(|v| v / count as f64).sum()),
        odd,
        values,
    }
}

/// Those with the greatest values, in the order that they came in.
fn greatest(rows: Vec<ChartSeries>, most: usize) -> Vec<ChartSeries> {
    if rows.len() <= most {
        return rows;
    }
    let peak = |row: &ChartSeries| row.most.unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| peak(&rows[*b]).total_cmp(&peak(&rows[*a])).then(a.cmp(b)));
    let kept: std::collections::BTreeSet<usize> = order.into_iter().take(most).collect();
    let rows = rows.into_iter().enumerate();
    rows.filter(|(i, _)| kept.contains(i))
        .map(|(_, row)| row)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(over_s: u64) -> ChartAsk {
        ChartAsk {
            query: "up".into(),
            over: Some(Span::from_secs(over_s)),
            ..ChartAsk::default()
        }
    }

    #[test]
    fn a_grid_stays_where_it_is_while_time_goes_on() {
        let at = |ms: i64| Grid::of(&ask(3600), Timestamp::from_millis(ms)).unwrap();
        let first = at(1_770_000_003_217);
        assert_eq!(first.step, 15_000);
        assert_eq!((first.start % 15_000, first.end % 15_000), (0, 0));
        assert_eq!(at(1_770_000_004_000), first);
        assert_eq!(at(1_770_000_020_000).start, first.start + 15_000);
        let long = Grid::of(&ask(30 * 86_400), Timestamp::from_millis(1_770_000_000_000));
        assert_eq!(long.unwrap().step, 21_600_000);
    }

    #[test]
    fn a_range_without_end_is_refused() {
        let now = Timestamp::from_millis(1_770_000_000_000);
        let fine = ChartAsk {
            step: Some(Span::from_millis(1)),
            ..ask(3600)
        };
        assert_eq!(Grid::of(&fine, now).unwrap_err().code, "request.invalid");
        let never = ChartAsk {
            step: Some(Span::from_millis(0)),
            ..ask(3600)
        };
        assert!(Grid::of(&never, now).is_err());
        let turned = ChartAsk {
            from: Some(now),
            to: Some(Timestamp::from_millis(0)),
            ..ask(1)
        };
        assert!(Grid::of(&turned, now).is_err());
    }

    #[test]
    fn what_is_not_finite_is_counted_and_not_drawn() {
        let grid = Grid {
            start: 0,
            end: 40,
            step: 10,
        };
        let points = [
            (0, 1.0),
            (10, f64::NAN),
            (20, f64::INFINITY),
            (40, 3.0),
            (90, 7.0),
        ];
        let drawn = row(BTreeMap::new(), points, grid);
        assert_eq!(drawn.values, [Some(1.0), None, None, None, Some(3.0)]);
        assert_eq!(
            (drawn.odd, drawn.last, drawn.mean),
            (2, Some(3.0), Some(2.0))
        );
        let nothing = row(BTreeMap::new(), [], grid);
        assert_eq!((nothing.last, nothing.mean), (None, None));
    }

    #[test]
    fn of_too_many_the_greatest_are_drawn_in_their_order() {
        let grid = Grid {
            start: 0,
            end: 0,
            step: 1,
        };
        let one = |v: f64| row(BTreeMap::new(), [(0, v)], grid);
        let kept = greatest(vec![one(1.0), one(9.0), one(3.0), one(5.0)], 2);
        let kept: Vec<_> = kept.iter().map(|r| r.last).collect();
        assert_eq!(kept, [Some(9.0), Some(5.0)]);
    }
}
