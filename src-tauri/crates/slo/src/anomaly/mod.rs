//! What is usual for a series by the hour and the day, and what is not.
//!
//! A series is taken apart into trend, seasons and the rest (STL: Cleveland et al., "STL: A
//! Seasonal-Trend Decomposition Procedure Based on Loess", 1990, in its robust form). The newest
//! points are not part of what they are held against: the trend's end and the last cycle of each
//! season say what was to be expected, the spread of the rest how far off is usual.
//!
//! This informs. It knows nothing of budgets, and nothing here pages.

mod change;

use deckwatch_domain::{Span, Timestamp};
use serde::Serialize;
use stlrs::{MstlParams, StlParams};

use crate::figures::number;

pub use change::Change;

/// How a series varies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// By factors, as traffic and latency do: twice as much is as far off as half.
    Factors,
    /// By amounts, as shares do.
    Amounts,
}

/// How a series is judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The seasons to look for; those of which there are not two whole cycles are left out.
    pub seasons: Vec<Span>,
    /// Half the width of the band, in (robust) standard deviations of the rest.
    pub width: f64,
    /// How many of the newest points are judged by those before them.
    pub judged: usize,
    /// How it varies.
    pub scale: Scale,
}

impl Default for Settings {
    fn default() -> Self {
        let day = Span::from_secs(86_400);
        Settings {
            seasons: vec![day, Span::from_secs(7 * 86_400)],
            width: 4.0,
            judged: 12,
            scale: Scale::Factors,
        }
    }
}

/// Why there is no band.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoBand {
    /// Too little of it is known.
    #[error("{known} of {needed} points are known before those to be judged")]
    TooShort {
        /// How many would be enough.
        needed: usize,
        /// How many there are.
        known: usize,
    },
    /// More than a fifth is missing.
    #[error("{missing} of {points} points are missing, too many to tell what is usual")]
    Holes {
        /// How many are missing.
        missing: usize,
        /// Of how many.
        points: usize,
    },
    /// The decomposition refused.
    #[error("the series cannot be taken apart: {0}")]
    Refused(String),
}

/// Where a point lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "BandPlace")]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The names say it.
pub enum Place {
    Inside,
    Above,
    Below,
    Unknown,
}

/// One point with what was to be expected.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct BandPoint {
    /// When.
    pub at: Timestamp,
    /// What was measured.
    pub value: Option<f64>,
    /// What was to be expected.
    pub expected: f64,
    /// The lower edge of what is usual.
    pub low: f64,
    /// The upper edge.
    pub high: f64,
    /// Where the value lies.
    pub place: Place,
}

/// A series with its band.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Bands {
    /// All points, oldest first.
    pub points: Vec<BandPoint>,
    /// The seasons that were found whole twice.
    pub seasons: Vec<Span>,
    /// The judged points that lie outside.
    pub outside: usize,
    /// Where its level changed.
    pub changes: Vec<Change>,
    /// In words.
    pub words: String,
}

/// Half of the deviations are below this many standard deviations.
const MAD: f64 = 1.482_602_218_505_602;
/// What a band is at least wide to each side, where a series hardly varies: two percent.
const LEAST: f64 = 0.02;
/// Points that are looked at at most.
const MOST: usize = 20_000;

/// The band of a series on a grid.
///
/// # Errors
/// If too little is known.
pub fn bands(
    from: Timestamp,
    step: Span,
    values: &[Option<f64>],
    settings: &Settings,
) -> Result<Bands, NoBand> {
    let skipped = values.len().saturating_sub(MOST);
    let values = values.get(skipped..).unwrap_or_default();
    let from = moment(from, step, skipped);
    let history = values.len().saturating_sub(settings.judged);
    let (past, _) = values.split_at(history);
    let seasons = whole(past.len(), step, &settings.seasons);
    let known: Vec<f64> = past.iter().flatten().copied().collect();
    let shortest = settings.seasons.iter().min().copied().unwrap_or_default();
    let needed = 2 * (shortest.as_millis() / step.as_millis().max(1)).max(2) as usize;
    if seasons.is_empty() || known.len() < needed {
        return Err(NoBand::TooShort {
            needed,
            known: known.len(),
        });
    }
    let missing = past.len() - known.len();
    if missing * 5 > past.len() {
        return Err(NoBand::Holes {
            missing,
            points: past.len(),
        });
    }
    let work = Work::new(settings.scale, &known);
    let series = filled(past.iter().map(|v| v.map(|v| work.onto(v))));
    let parts = taken_apart(&series, &seasons)?;
    let expected: Vec<f64> = (0..values.len())
        .map(|i| parts.expected(i, &seasons))
        .collect();
    let off = spread(&parts.rest).max(held_out(&series, &seasons));
    let spread = (off * settings.width).max(work.least());
    let points: Vec<BandPoint> = values
        .iter()
        .zip(&expected)
        .enumerate()
        .map(|(i, (value, expected))| work.point(moment(from, step, i), *value, *expected, spread))
        .collect();
    let level = filled(
        values
            .iter()
            .zip(&expected)
            .enumerate()
            .map(|(i, (value, _))| value.map(|v| work.onto(v) - parts.season(i, &seasons))),
    );
    let window = seasons.first().map_or(12, |n| (n / 2).max(6));
    let changes = change::changes(&level, window, &work, |i| moment(from, step, i));
    let judged = points.get(history..).unwrap_or_default();
    Ok(Bands {
        outside: judged
            .iter()
            .filter(|p| matches!(p.place, Place::Above | Place::Below))
            .count(),
        words: words(judged, &changes),
        seasons: seasons
            .iter()
            .map(|n| Span::from_millis(step.as_millis() * *n as u64))
            .collect(),
        changes,
        points,
    })
}

fn moment(from: Timestamp, step: Span, n: usize) -> Timestamp {
    from.plus(Span::from_millis(step.as_millis().saturating_mul(n as u64)).duration())
}

/// Seasons in points, those with two whole cycles, the shortest first.
fn whole(points: usize, step: Span, seasons: &[Span]) -> Vec<usize> {
    let each = step.as_millis().max(1);
    let mut found: Vec<usize> = seasons
        .iter()
        .map(|s| (s.as_millis() / each) as usize)
        .filter(|n| *n >= 2 && 2 * n <= points)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The scale on which a series is taken apart.
pub(crate) struct Work {
    scale: Scale,
    /// What stands for nothing where factors are meant.
    floor: f64,
    /// What the series usually is.
    usual: f64,
}

impl Work {
    fn new(scale: Scale, known: &[f64]) -> Self {
        let usual = median(known.iter().map(|v| v.abs()).collect());
        Work {
            scale,
            floor: (usual * 1e-3).max(1e-9),
            usual,
        }
    }

    fn onto(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Factors => value.max(self.floor).ln(),
            Scale::Amounts => value,
        }
    }

    fn back(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Factors => value.exp(),
            Scale::Amounts => value,
        }
    }

    fn least(&self) -> f64 {
        match self.scale {
            Scale::Factors => LEAST,
            Scale::Amounts => (LEAST * self.usual).max(1e-9),
        }
    }

    fn point(&self, at: Timestamp, value: Option<f64>, expected: f64, spread: f64) -> BandPoint {
        let (low, high) = (self.back(expected - spread), self.back(expected + spread));
        BandPoint {
            at,
            value,
            expected: self.back(expected),
            low,
            high,
            place: match value {
                Some(v) if v > high => Place::Above,
                Some(v) if v < low => Place::Below,
                Some(_) => Place::Inside,
                None => Place::Unknown,
            },
        }
    }
}

/// Trend, seasons and the rest.
struct Parts {
    trend: Vec<f64>,
    seasons: Vec<Vec<f64>>,
    rest: Vec<f64>,
}

impl Parts {
    /// The seasons' share of a point; beyond the end that of the last cycle.
    fn season(&self, i: usize, periods: &[usize]) -> f64 {
        let of = |(values, period): (&Vec<f64>, &usize)| {
            let n = values.len();
            let back = if i < n { 0 } else { (i - n) / period + 1 };
            let at = i.saturating_sub(back * period);
            values.get(at).copied().unwrap_or(0.0)
        };
        self.seasons.iter().zip(periods).map(of).sum()
    }

    fn expected(&self, i: usize, periods: &[usize]) -> f64 {
        let trend = self.trend.get(i).or(self.trend.last());
        trend.copied().unwrap_or(0.0) + self.season(i, periods)
    }
}

fn taken_apart(series: &[f64], periods: &[usize]) -> Result<Parts, NoBand> {
    let mut stl = StlParams::new();
    stl.robust(true);
    let mut params = MstlParams::new();
    params.stl_params(stl);
    let (seasons, trend, rest) = params
        .fit(series, periods)
        .map_err(|why| NoBand::Refused(why.to_string()))?
        .into_parts();
    Ok(Parts {
        trend,
        seasons,
        rest,
    })
}

/// How far off the last cycle would have been, foretold by those before it. What a decomposition
/// leaves over is smaller than what it cannot foresee: it has seen it.
fn held_out(series: &[f64], periods: &[usize]) -> f64 {
    let cycle = periods.first().copied().unwrap_or(0);
    let (past, last) = series.split_at(series.len().saturating_sub(cycle));
    let periods: Vec<usize> = periods
        .iter()
        .copied()
        .filter(|n| 2 * n <= past.len())
        .collect();
    if periods.is_empty() {
        return 0.0;
    }
    let Ok(parts) = taken_apart(past, &periods) else {
        return 0.0;
    };
    let errors = last.iter().enumerate();
    let errors = errors.map(|(i, v)| (v - parts.expected(past.len() + i, &periods)).abs());
    MAD * median(errors.collect())
}

/// Holes are bridged in a straight line, ends carried on.
fn filled(values: impl Iterator<Item = Option<f64>>) -> Vec<f64> {
    let values: Vec<Option<f64>> = values.map(|v| v.filter(|v| v.is_finite())).collect();
    let mut out = Vec::with_capacity(values.len());
    let mut before: Option<(usize, f64)> = None;
    for (i, value) in values.iter().enumerate() {
        let Some(value) = *value else { continue };
        let (start, from) = before.unwrap_or((i, value));
        while out.len() < i {
            let part = match i - start {
                0 => 0.0,
                length => (out.len() - start) as f64 / length as f64,
            };
            out.push(from + (value - from) * part);
        }
        out.push(value);
        before = Some((i, value));
    }
    let last = before.map_or(0.0, |(_, v)| v);
    out.resize(values.len(), last);
    out
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A standard deviation that a few outliers do not move.
fn spread(rest: &[f64]) -> f64 {
    let middle = median(rest.to_vec());
    MAD * median(rest.iter().map(|r| (r - middle).abs()).collect())
}

fn words(judged: &[BandPoint], changes: &[Change]) -> String {
    let outside = |p: &&BandPoint| matches!(p.place, Place::Above | Place::Below);
    let known = judged.iter().filter(|p| p.value.is_some()).count();
    let last = judged.iter().rev().find(|p| p.value.is_some());
    let mut said = match last {
        None => "Nothing is known of the newest points.".to_owned(),
        Some(last) => {
            let place = match last.place {
                Place::Above => "above what is usual",
                Place::Below => "below what is usual",
                _ => "as usual",
            };
            format!(
                "{} is {place} ({} to {}); {} of the last {known} points lie outside.",
                number(last.value.unwrap_or_default()),
                number(last.low),
                number(last.high),
                judged.iter().filter(outside).count(),
            )
        }
    };
    if let Some(change) = changes.last() {
        said.push_str(&format!(
            " The level changed at {} from {} to {}.",
            change.at.words(),
            number(change.before),
            number(change.after)
        ));
    }
    said
}
