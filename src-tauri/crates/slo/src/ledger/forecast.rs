//! When a budget will be gone, with a band.
//!
//! The pace of the recent past goes on. How far that can be trusted is read from the recent past
//! itself: bad events come in bursts, so their count varies more than chance alone would have it.
//! The recent past is cut into 24 blocks; how much more they vary than a Poisson count widens the
//! band, which is meant to hold in four cases of five.

use deckwatch_domain::{Span, Timestamp};
use serde::Serialize;

use crate::figures::percent;
use crate::objective::Objective;
use crate::period::PeriodSpan;
use crate::track::Prepared;

/// Which budget is meant.
#[derive(Clone, PartialEq, Debug)]
pub enum Horizon {
    /// The rolling one: losses leave it as they grow old.
    Rolling,
    /// A period's: what is lost stays lost until its end. With the events it allows to be bad.
    Period {
        /// The period.
        span: PeriodSpan,
        /// As in [`super::Ledger::allowed`].
        allowed: f64,
    },
}

/// When nothing is left, if things go on as they did.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloForecast")]
pub struct Forecast {
    /// The stretch whose pace goes on.
    pub lookback: Span,
    /// The share of the budget that goes in an hour.
    pub points_per_hour: f64,
    /// The moment when it is gone; `None` if not within the period.
    pub likely: Option<Timestamp>,
    /// If it goes faster.
    pub earliest: Option<Timestamp>,
    /// If it goes slower; `None` if it then lasts.
    pub latest: Option<Timestamp>,
    /// Whether it is gone already.
    pub gone: bool,
    /// In words.
    pub words: String,
}

/// The width of the band in standard deviations: four cases of five.
const BAND: f64 = 1.281_551_565_544_6;
const BLOCKS: u64 = 24;

/// Bad events a second: likely, fewest, most; and all events a second.
struct Rates {
    bad: [f64; 3],
    total: f64,
}

impl Objective {
    /// When the budget is gone if the last `lookback` goes on. `None` when nothing is known of it.
    pub fn forecast(
        &self,
        track: &Prepared,
        now: Timestamp,
        lookback: Span,
        horizon: &Horizon,
    ) -> Option<Forecast> {
        let as_of = track.as_of(now);
        let rates = rates(track, as_of, lookback)?;
        let (left, allowed, ends) = match horizon {
            Horizon::Rolling => {
                let spent = track.last(self.period.nominal(), as_of);
                let allowed = spent.total * self.target.budget();
                (allowed - spent.bad, allowed, None)
            }
            Horizon::Period { span, allowed } => {
                let bad = track.window(span.from, as_of.min(span.to)).bad;
                (allowed - bad, *allowed, Some(span.to))
            }
        };
        let gone = allowed > 0.0 && left <= 0.0;
        let when = |bad: f64| match horizon {
            Horizon::Rolling => self.rolled_out(track, as_of, bad, rates.total),
            Horizon::Period { span, .. } => straight(left, bad, as_of, span.to),
        };
        let [likely, latest, earliest] = if gone {
            [Some(as_of); 3]
        } else {
            rates.bad.map(when)
        };
        let [pace, ..] = rates.bad;
        let points_per_hour = if allowed > 0.0 {
            pace * 3600.0 / allowed
        } else {
            0.0
        };
        let mut forecast = Forecast {
            lookback,
            points_per_hour,
            likely,
            earliest,
            latest,
            gone,
            words: String::new(),
        };
        forecast.words = words(&forecast, ends);
        Some(forecast)
    }

    /// Step by step: what happens comes in, what is older than the period goes out.
    fn rolled_out(
        &self,
        track: &Prepared,
        as_of: Timestamp,
        bad: f64,
        total: f64,
    ) -> Option<Timestamp> {
        let length = self.period.nominal();
        // Slots may be fine; a hundred-thousandth of the period is fine enough.
        let finest = length.as_secs_f64() / 1e5;
        let step = track.track().step.as_secs_f64().max(finest).max(1e-3);
        let steps = (length.as_secs_f64() / step).ceil() as u64;
        let moment = |n: u64| {
            let elapsed = Span::from_millis((n as f64 * step * 1000.0) as u64);
            as_of.plus(elapsed.duration())
        };
        let gone = |n: &u64| {
            let at = moment(*n);
            let kept = track.window(at.minus(length.duration()), as_of);
            let ahead = *n as f64 * step;
            let all = (kept.total + ahead * total, kept.bad + ahead * bad);
            all.1 > 0.0 && all.1 >= all.0 * self.target.budget()
        };
        // Strides first, then step by step within the one in which it goes.
        let stride = (steps / STRIDES).max(1);
        let hit = (stride..=steps + stride)
            .step_by(stride as usize)
            .find(|n| gone(n))?;
        (hit + 1 - stride..=hit).find(gone).map(moment)
    }
}

/// How many strides a period is looked over with.
const STRIDES: u64 = 2_000;

fn rates(track: &Prepared, as_of: Timestamp, lookback: Span) -> Option<Rates> {
    let from = as_of.minus(lookback.duration());
    let seconds = track.counted_time(from, as_of).as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    let all = track.window(from, as_of);
    let block = Span::from_millis((lookback.as_millis() / BLOCKS).max(1));
    let counts: Vec<f64> = (0..BLOCKS)
        .map(|i| {
            let since = block.as_millis().saturating_mul(i);
            let start = from.plus(Span::from_millis(since).duration());
            track.window(start, start.plus(block.duration())).bad
        })
        .collect();
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let bursts = if mean > 0.0 {
        (variance / mean).max(1.0)
    } else {
        1.0
    };
    let spread = BAND * (bursts * (all.bad + 1.0)).sqrt();
    let low = (all.bad - spread).max(0.0);
    Some(Rates {
        bad: [all.bad, low, all.bad + spread].map(|bad| bad / seconds),
        total: all.total / seconds,
    })
}

fn straight(left: f64, bad: f64, as_of: Timestamp, end: Timestamp) -> Option<Timestamp> {
    if bad <= 0.0 {
        return None;
    }
    let millis = left / bad * 1000.0;
    if millis > 1e15 {
        return None;
    }
    let at = as_of.plus(Span::from_millis(millis as u64).duration());
    (at < end).then_some(at)
}

fn words(forecast: &Forecast, ends: Option<Timestamp>) -> String {
    let pace = format!(
        "At the pace of the last {} another {} of the budget goes each hour",
        forecast.lookback,
        percent(forecast.points_per_hour)
    );
    if forecast.gone {
        return format!("The budget is overspent. {pace}.");
    }
    let until = ends.map_or_else(
        || "it lasts".to_owned(),
        |end| format!("it lasts to the period's end, {}", end.words()),
    );
    match (forecast.likely, forecast.earliest, forecast.latest) {
        (Some(likely), Some(earliest), Some(latest)) => format!(
            "{pace}; it is gone at {}, between {} and {}.",
            likely.words(),
            earliest.words(),
            latest.words()
        ),
        (Some(likely), Some(earliest), None) => format!(
            "{pace}; it is gone at {}, at the earliest {}, if it does not last.",
            likely.words(),
            earliest.words()
        ),
        (None, Some(earliest), _) => {
            format!(
                "{pace}; {until}, or is gone at {} at the earliest.",
                earliest.words()
            )
        }
        _ => format!("{pace}; {until}."),
    }
}
