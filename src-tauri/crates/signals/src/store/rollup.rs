//! Rollups: windows of five minutes or an hour in place of the points in them. Pure.
//!
//! Of each window the least, the greatest, the sum and the number of values are kept, and a few of
//! the points themselves, as they were: the last one, and both sides of every fall. That is what
//! keeps counters usable. What a counter rose by from one kept point to the next is then the same
//! as by all the points in between (each fall is a restart, and none is left out), so `rate` and
//! `increase` see every restart and lose nothing; only the edges of their ranges are as coarse as
//! the window. Where more than a third of a window's steps fall, it is no counter but a gauge, and
//! the last point is enough.

use deckwatch_promql::value::is_stale;

use super::chunks::{self, Chunk};
use super::read::State;
use crate::chunk::{self, Point, read_columns, write_columns};

pub(super) const LEVELS: [i64; 2] = [1, 2];
/// One step in so many may fall before a window is a gauge's.
const FALLS: usize = 3;

/// How closely points stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Resolution {
    /// Every sample that was stored.
    Raw,
    FiveMinutes,
    Hour,
}

impl Resolution {
    /// Milliseconds of a window; nothing for raw samples.
    pub fn width(self) -> i64 {
        match self {
            Resolution::Raw => 0,
            Resolution::FiveMinutes => 300_000,
            Resolution::Hour => 3_600_000,
        }
    }

    /// The coarsest points that do for a query with this step (none: one moment) which looks back
    /// over `range` at each, in milliseconds: no coarser than the step, and twelve to a range.
    pub fn sufficient(step: Option<i64>, range: i64) -> Self {
        let does = |r: &Resolution| r.width() <= range / 12 && step.is_none_or(|s| r.width() <= s);
        [Resolution::Hour, Resolution::FiveMinutes]
            .into_iter()
            .find(does)
            .unwrap_or(Resolution::Raw)
    }

    fn of_level(level: i64) -> Self {
        match level {
            1 => Resolution::FiveMinutes,
            2 => Resolution::Hour,
            _ => Resolution::Raw,
        }
    }

    pub(super) fn level(self) -> i64 {
        match self {
            Resolution::Raw => 0,
            Resolution::FiveMinutes => 1,
            Resolution::Hour => 2,
        }
    }

    /// What is to be read for a stretch of time, the coarsest first: beyond what is kept at this
    /// resolution the next one, and after what is rolled up the raw samples.
    pub(super) fn levels(self, state: &State, from: i64, to: i64) -> Vec<(i64, i64, i64)> {
        let mut found = Vec::new();
        if from < state.fine_from || self == Resolution::Hour {
            let end = match self {
                Resolution::Hour => to,
                _ => to.min(state.fine_from),
            };
            found.push((2, from, end));
        }
        if self == Resolution::FiveMinutes || (self == Resolution::Raw && from < state.raw_from) {
            let end = match self {
                Resolution::FiveMinutes => to,
                _ => to.min(state.raw_from),
            };
            found.push((1, from, end));
        }
        found.push((chunks::RAW, from, to));
        found
    }
}

/// What the values of one stretch of time were. Stale markers are no values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Window {
    /// When it begins, in milliseconds since 1970; a multiple of its width.
    pub start: i64,
    pub count: f64,
    pub sum: f64,
    /// NaN if all values are.
    pub min: f64,
    pub max: f64,
}

/// Windows and the points that stand for their points.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Rolled {
    pub kept: Vec<Point>,
    pub windows: Vec<Window>,
}

/// Rolls points up; `before` is the last one before them, if there is one.
pub(super) fn roll(points: &[Point], before: Option<Point>, width: i64) -> Rolled {
    let mut rolled = Rolled::default();
    let mut before = before.filter(|(_, v)| !v.is_nan());
    for part in points.chunk_by(|a, b| a.0.div_euclid(width) == b.0.div_euclid(width)) {
        keep(part, before, &mut rolled.kept);
        before = part
            .iter()
            .rev()
            .find(|(_, v)| !v.is_nan())
            .copied()
            .or(before);
        if let Some(window) = summed(part, width) {
            rolled.windows.push(window);
        }
    }
    rolled
}

/// Adds the points of one window that are kept.
fn keep(part: &[Point], before: Option<Point>, kept: &mut Vec<Point>) {
    let mut wanted = vec![false; part.len()];
    let (mut falls, mut steps) = (0, 0);
    let mut last: Option<(Option<usize>, f64)> = before.map(|(_, v)| (None, v));
    for (place, (_, value)) in part.iter().enumerate() {
        if value.is_nan() {
            continue;
        }
        // The step into the window says nothing of what moves within it.
        let within = matches!(last, Some((Some(_), _)));
        steps += usize::from(within);
        if let Some((there, had)) = last
            && *value < had
        {
            falls += usize::from(within);
            wanted[place] = true;
            if let Some(there) = there {
                wanted[there] = true;
            }
        }
        last = Some((Some(place), *value));
    }
    if falls * FALLS > steps && falls > 1 {
        wanted.fill(false);
    }
    // The last value, and a marker after it that says there are no more.
    if let Some((Some(place), _)) = last {
        wanted[place] = true;
    }
    if let Some(end) = wanted.last_mut() {
        *end = true;
    }
    kept.extend(part.iter().zip(wanted).filter(|(_, w)| *w).map(|(p, _)| *p));
}

fn summed(part: &[Point], width: i64) -> Option<Window> {
    let mut values = part.iter().map(|(_, v)| *v).filter(|v| !is_stale(*v));
    let first = values.next()?;
    let start = part.first()?.0.div_euclid(width) * width;
    let mut window = Window {
        start,
        count: 1.0,
        sum: first,
        min: first,
        max: first,
    };
    for value in values {
        window.count += 1.0;
        window.sum += value;
        // These take the number where one of the two is NaN.
        window.min = window.min.min(value);
        window.max = window.max.max(value);
    }
    Some(window)
}

impl Rolled {
    /// Without what lies in a stretch of time or stands for something there.
    pub fn without(mut self, level: i64, from: i64, to: i64) -> Self {
        let width = Resolution::of_level(level).width();
        self.kept.retain(|(at, _)| !(from..=to).contains(at));
        self.windows
            .retain(|w| w.start.saturating_add(width) <= from || w.start > to);
        self
    }

    /// As a row; none if there is nothing.
    pub fn chunk(&self, series: i64, level: i64) -> Option<Chunk> {
        let first = self.kept.first().map(|(at, _)| *at);
        let last = self.kept.last().map(|(at, _)| *at);
        let begin = self.windows.first().map(|w| w.start);
        let end = self.windows.last().map(|w| w.start);
        Some(Chunk {
            series,
            level,
            from: [first, begin].into_iter().flatten().min()?,
            to: [last, end].into_iter().flatten().max()?,
            samples: self.kept.len() as i64,
            body: self.body(series)?,
        })
    }

    fn body(&self, series: i64) -> Option<Vec<u8>> {
        let kept = chunk::encode(&self.kept).ok()?;
        let times: Vec<i64> = self.windows.iter().map(|w| w.start).collect();
        let column = |of: fn(&Window) -> f64| self.windows.iter().map(of).collect::<Vec<f64>>();
        let columns = [
            column(|w| w.count),
            column(|w| w.sum),
            column(|w| w.min),
            column(|w| w.max),
        ];
        let mut out = u32::try_from(kept.len()).ok()?.to_le_bytes().to_vec();
        out.extend(kept);
        out.extend(write_columns(&times, &columns).ok()?);
        Some(chunks::sealed(series, out))
    }
}

fn parts(series: i64, body: &[u8]) -> Option<(&[u8], &[u8])> {
    let bytes = chunks::unsealed(series, body)?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// The kept points of a rollup's row; none if it is damaged.
pub(super) fn points(series: i64, body: &[u8]) -> Option<Vec<Point>> {
    chunk::decode(parts(series, body)?.0).ok()
}

/// All of a rollup's row; none if it is damaged.
pub(super) fn read(series: i64, body: &[u8]) -> Option<Rolled> {
    let (kept, windows) = parts(series, body)?;
    let kept = chunk::decode(kept).ok()?;
    let (times, [count, sum, min, max]) = read_columns::<4>(windows).ok()?;
    let window = |(n, start): (usize, i64)| {
        Some(Window {
            start,
            count: *count.get(n)?,
            sum: *sum.get(n)?,
            min: *min.get(n)?,
            max: *max.get(n)?,
        })
    };
    let windows = times
        .into_iter()
        .enumerate()
        .map(window)
        .collect::<Option<_>>()?;
    Some(Rolled { kept, windows })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: i64 = 300_000;

    /// What a counter rose by, every fall being a restart.
    fn rose(points: &[Point]) -> f64 {
        let pairs = points.windows(2);
        pairs
            .map(|p| {
                if p[1].1 < p[0].1 {
                    p[1].1
                } else {
                    p[1].1 - p[0].1
                }
            })
            .sum()
    }

    fn within(points: &[Point], from: i64, to: i64) -> Vec<Point> {
        let wanted = points.iter().filter(|(at, _)| (from..=to).contains(at));
        wanted.copied().collect()
    }

    #[test]
    fn a_gauge_keeps_one_point_a_window_and_its_figures() {
        let points: Vec<Point> = (0..40)
            .map(|n| (n * 15_000, [5.0, 1.0, 9.0, 3.0][n as usize % 4]))
            .collect();
        let rolled = roll(&points, None, WIDTH);
        assert_eq!(rolled.kept, [points[19], points[39]]);
        let window = Window {
            start: 300_000,
            count: 20.0,
            sum: 90.0,
            min: 1.0,
            max: 9.0,
        };
        assert_eq!(rolled.windows[1], window);
        let row = rolled.chunk(7, 1).unwrap();
        assert_eq!(read(7, &row.body).unwrap(), rolled);
        assert_eq!(points_of(&row), rolled.kept);
        assert_eq!(read(8, &row.body), None);
        let left = rolled.without(1, 0, 299_999);
        assert_eq!((left.kept.len(), left.windows.len()), (1, 1));
    }

    fn points_of(row: &Chunk) -> Vec<Point> {
        points(row.series, &row.body).unwrap()
    }

    #[test]
    fn the_end_of_a_series_is_kept() {
        let stale = deckwatch_promql::value::stale_nan();
        let rolled = roll(&[(0, 1.0), (15_000, 2.0), (30_000, stale)], None, WIDTH);
        assert_eq!(rolled.kept.len(), 2);
        assert_eq!(rolled.kept[0], (15_000, 2.0));
        assert!(is_stale(rolled.kept[1].1));
        assert_eq!(rolled.windows[0].count, 2.0);
    }

    #[test]
    fn steps_and_ranges_choose() {
        let hour = 3_600_000;
        assert_eq!(
            Resolution::sufficient(Some(hour), 12 * hour),
            Resolution::Hour
        );
        assert_eq!(
            Resolution::sufficient(Some(hour), hour),
            Resolution::FiveMinutes
        );
        assert_eq!(
            Resolution::sufficient(Some(60_000), 30 * hour),
            Resolution::Raw
        );
        assert_eq!(Resolution::sufficient(Some(hour), 300_000), Resolution::Raw);
        assert_eq!(Resolution::sufficient(None, 72 * hour), Resolution::Hour);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Between any two kept points a counter rose as much as it did by all its points.
        #[test]
        fn counters_stay_right_across_restarts(
            steps in prop::collection::vec((1_i64..40_000, 0_u32..50, 0_u8..20), 2..300),
        ) {
            let mut at = 0;
            let mut value = 0.0;
            let points: Vec<Point> = steps.iter().map(|(step, by, restart)| {
                at += step;
                value = if *restart == 0 { f64::from(*by) } else { value + f64::from(*by) };
                (at, value)
            }).collect();
            // At most a third of any window's steps fall, or it would pass for a gauge.
            let falls = |part: &[Point]| part.windows(2).filter(|p| p[1].1 < p[0].1).count();
            let parts = points.chunk_by(|a, b| a.0 / WIDTH == b.0 / WIDTH);
            prop_assume!(parts.into_iter().all(|part| falls(part) < 2 || falls(part) * 4 < part.len()));
            let kept = roll(&points, None, WIDTH).kept;
            for pair in kept.windows(2) {
                let all = within(&points, pair[0].0, pair[1].0);
                prop_assert!((rose(&all) - rose(pair)).abs() < 1e-9, "{:?}", pair);
            }
        }
    }
}
