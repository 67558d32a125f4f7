//! What is usual of a series, by what its days and weeks were like, and where it is not as usual. It
//! informs: nothing in it pages.

use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::parse::{Dialect, parse};
use deckwatch_slo::anomaly::{Bands, Scale, Settings, bands};
use serde::{Deserialize, Serialize};

use super::{SourceName, Unit, range, source, unit};
use crate::console::Console;
use crate::problem::Problem;

/// Days that are looked at where nothing is said: two weeks tell a weekly season, and one more day
/// is judged by them.
const DAYS: u32 = 15;
const MOST_DAYS: u32 = 42;
const STEP: Span = Span::from_secs(300);
const DAY: i64 = 86_400_000;

/// Which series.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct UsualAsk {
    /// A query that gives one series.
    pub query: String,
    /// How many days are looked at, 1 to 42; 15.
    #[serde(default)]
    #[ts(optional)]
    pub days: Option<u32>,
    /// It varies by amounts, as shares do; else by factors, as traffic and latency do.
    #[serde(default)]
    #[ts(optional)]
    pub amounts: Option<bool>,
    #[serde(default)]
    #[ts(optional)]
    pub source: Option<SourceName>,
    #[serde(default)]
    #[ts(optional)]
    pub url: Option<String>,
}

/// A series with its band.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Usual {
    pub from: Timestamp,
    pub step_ms: u64,
    pub unit: Unit,
    /// None: too little is known; `why` says what is missing.
    pub bands: Option<Bands>,
    pub why: Option<String>,
    /// Who answered: `samples`, or an address.
    pub source: String,
}

/// # Errors
/// What is wrong with the query, that it gives no or several series, or why the source does not answer.
pub async fn usual(console: &Console, ask: UsualAsk) -> Result<Usual, Problem> {
    let source = source(console, ask.source, ask.url.as_deref()).await?;
    let days = i64::from(ask.days.unwrap_or(DAYS).clamp(1, MOST_DAYS));
    let step = i64::try_from(STEP.as_millis()).unwrap_or(i64::MAX);
    let end = console.clock.now().wall.as_millis().div_euclid(step) * step;
    let start = end - days * DAY;
    let found = range(&source, &ask.query, start, end, STEP).await?;
    let [series] = found.as_slice() else {
        let why = match found.len() {
            0 => "the query gives nothing in this time".to_owned(),
            n => format!(
                "the query gives {n} series; what is usual is told of one: `sum(…)` adds them up"
            ),
        };
        return Err(Problem::new("metrics.one-series", why));
    };
    let length = usize::try_from((end - start) / step + 1).unwrap_or(0);
    let mut values: Vec<Option<f64>> = vec![None; length];
    for point in &series.floats {
        let at = usize::try_from((point.t - start) / step).ok();
        if let Some(there) = at.and_then(|at| values.get_mut(at)) {
            *there = Some(point.v).filter(|v| v.is_finite());
        }
    }
    // What was before the first sample is no hole.
    let known = values.iter().position(Option::is_some).unwrap_or(length);
    let from = Timestamp::from_millis(start).plus(Duration::from_millis(
        STEP.as_millis().saturating_mul(known as u64),
    ));
    let settings = Settings {
        scale: match ask.amounts {
            Some(true) => Scale::Amounts,
            _ => Scale::Factors,
        },
        // The last day, by those before it.
        judged: usize::try_from(DAY / step).unwrap_or(usize::MAX),
        ..Settings::default()
    };
    let values = values.split_off(known);
    let found = tokio::task::spawn_blocking(move || bands(from, STEP, &values, &settings));
    let found = found
        .await
        .map_err(|e| Problem::new("metrics", e.to_string()))?;
    let (bands, why) = match found {
        Ok(bands) => (Some(bands), None),
        Err(why) => (None, Some(why.to_string())),
    };
    Ok(Usual {
        from,
        step_ms: STEP.as_millis(),
        unit: parse(&ask.query, Dialect::default()).map_or(Unit::None, |e| unit::of(&e)),
        bands,
        why,
        source: source.name().to_owned(),
    })
}
