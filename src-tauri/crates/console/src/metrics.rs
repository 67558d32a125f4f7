//! Questions in PromQL: about this folder's own samples, or, in a cluster, about what its
//! Prometheus knows.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::{Dialect, ParseError};
use deckwatch_promql::value::{Sample, SampleValue, Value};
use deckwatch_promql::{Answer, EvalError, Options, Query, When};
use deckwatch_signals::prometheus::{self, Access, Prometheus};
use deckwatch_signals::source::{self, AskError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cluster::reach;
use crate::console::Console;
use crate::problem::Problem;

/// The longest that a query may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Samples that are held at once, at most: some hundred megabytes.
const SAMPLES: usize = 10_000_000;
/// Moments of one range, as Prometheus limits them.
const MOMENTS: i64 = 11_000;

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct QueryAsk {
    pub query: String,
    /// The one moment that is meant; none: now, or the end of the range.
    #[serde(default)]
    #[ts(optional)]
    pub at: Option<Timestamp>,
    /// With a step, from here on.
    #[serde(default)]
    #[ts(optional)]
    pub from: Option<Timestamp>,
    #[serde(default)]
    #[ts(optional)]
    pub step: Option<Span>,
    /// Asks the Prometheus at this address instead.
    #[serde(default)]
    #[ts(optional)]
    pub url: Option<String>,
}

/// One series of an answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct QuerySeries {
    #[ts(type = "Record<string, string>")]
    pub labels: BTreeMap<String, String>,
    /// Moments and values, the oldest first; values as text, as they may be `NaN` or `+Inf`.
    pub points: Vec<(Timestamp, String)>,
}

/// What a query gave.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct QueryAnswer {
    /// `scalar`, `string`, `vector`, `matrix`
    pub kind: String,
    /// In the order that the query gives them.
    pub series: Vec<QuerySeries>,
    /// Of a `string`.
    pub text: Option<String>,
    /// Warnings and remarks.
    pub notes: Vec<String>,
    /// Who answered: `samples`, or an address.
    pub source: String,
}

/// # Errors
/// What is wrong with the query, with its place; that it takes too long or too many samples.
pub async fn query(console: &Console, ask: QueryAsk) -> Result<QueryAnswer, Problem> {
    let at = ask.at.unwrap_or_else(|| console.clock.now().wall);
    let when = when(&ask, at)?;
    let elsewhere = match (&ask.url, &console.cluster) {
        (Some(url), _) => Some((url.clone(), client(&Access::open(url))?)),
        (None, Some(cluster)) => {
            let Some(source) = &cluster.place.metrics else {
                let why = "no Prometheus is named for this environment";
                return Err(Problem::new("refused.no-metrics", why));
            };
            let reached = reach(source, &console.secrets()).await;
            let reached = reached.map_err(|why| Problem::new("prometheus", why))?;
            Some((source.url.clone(), reached))
        }
        (None, None) => None,
    };
    match elsewhere {
        Some((url, prometheus)) => asked(&prometheus, &ask, when, url).await,
        None => own(console, &ask.query, when).await,
    }
}

fn when(ask: &QueryAsk, at: Timestamp) -> Result<When, Problem> {
    let invalid = |why: &str| Err(Problem::new("request.invalid", why));
    let (start, end) = match (ask.from, ask.step) {
        (None, None) => return Ok(When::Instant(at.as_millis())),
        (Some(from), Some(_)) => (from.as_millis(), at.as_millis()),
        _ => return invalid("a range takes both `from` and `step`"),
    };
    let step = ask.step.map_or(0, |step| step.as_millis());
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    if step == 0 {
        return invalid("a step is more than nothing");
    }
    if end < start {
        return invalid("a range ends after it begins");
    }
    if (end - start) / step > MOMENTS {
        return invalid("more than 11,000 moments: take a longer step");
    }
    Ok(When::Range { start, end, step })
}

fn client(access: &Access) -> Result<Prometheus, Problem> {
    Prometheus::new(access).map_err(|e| Problem::new("prometheus", e.to_string()))
}

async fn asked(
    prometheus: &Prometheus,
    ask: &QueryAsk,
    when: When,
    source: String,
) -> Result<QueryAnswer, Problem> {
    let moment = Timestamp::from_millis;
    let answer = match when {
        When::Instant(t) => prometheus.query(&ask.query, moment(t)).await,
        When::Range { start, end, step } => {
            let step = Span::from_millis(step.unsigned_abs());
            prometheus
                .query_range(&ask.query, moment(start), moment(end), step)
                .await
        }
    };
    let answer = answer.map_err(|e| Problem::new("prometheus", e.to_string()))?;
    let kind = match (&answer.value, when) {
        (prometheus::Value::Scalar(_), _) => "scalar",
        (prometheus::Value::Text(_), _) => "string",
        (prometheus::Value::Tracks(_), When::Instant(_)) => "vector",
        (prometheus::Value::Tracks(_), When::Range { .. }) => "matrix",
    };
    let (series, text) = match answer.value {
        prometheus::Value::Text(text) => (Vec::new(), Some(text)),
        prometheus::Value::Scalar(point) => {
            let points = vec![(point.at, number(point.value))];
            (vec![series(BTreeMap::new(), points)], None)
        }
        prometheus::Value::Tracks(tracks) => {
            let tracks = tracks.into_iter().map(|track| {
                let points = track.points.iter().map(|p| (p.at, number(p.value)));
                series(track.labels.into_iter().collect(), points.collect())
            });
            (tracks.collect(), None)
        }
    };
    Ok(QueryAnswer {
        kind: kind.into(),
        series,
        text,
        notes: answer.notes,
        source,
    })
}

fn series(labels: BTreeMap<String, String>, points: Vec<(Timestamp, String)>) -> QuerySeries {
    QuerySeries { labels, points }
}

fn number(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        v => v.to_string(),
    }
}

async fn own(console: &Console, text: &str, when: When) -> Result<QueryAnswer, Problem> {
    let options = Options {
        max_samples: SAMPLES,
        ..Options::default()
    };
    let query = Query::new(text, Dialect::default()).map_err(|e| misread(&e))?;
    let store = console.samples().await?;
    let answer = source::ask(&*store, query, when, options, PATIENCE).await;
    Ok(told(answer.map_err(unanswered)?, text))
}

fn unanswered(error: AskError) -> Problem {
    match error {
        AskError::Query(error) => failed(error),
        AskError::Fetch(error) => Problem::new("samples", error.to_string()),
        AskError::Broken(why) => Problem::new("metrics", why),
    }
}

fn misread(error: &ParseError) -> Problem {
    let place = json!({"start": error.span.start, "end": error.span.end});
    Problem::new("request.invalid", error.to_string()).with(place)
}

fn failed(error: EvalError) -> Problem {
    match &error {
        EvalError::Parse(parse) => misread(parse),
        _ => Problem::new("metrics.query", error.to_string()),
    }
}

fn told(answer: Answer, text: &str) -> QueryAnswer {
    let remarks = answer.annotations.iter();
    let notes = remarks.map(|remark| remark.words(text)).collect();
    let kind = |kind: &str, series: Vec<QuerySeries>, text: Option<String>| QueryAnswer {
        kind: kind.into(),
        series,
        text,
        notes,
        source: "samples".into(),
    };
    let moment = Timestamp::from_millis;
    match answer.value {
        Value::Scalar { t, v } => {
            let points = vec![(moment(t), number(v))];
            kind("scalar", vec![series(BTreeMap::new(), points)], None)
        }
        Value::String { v, .. } => kind("string", Vec::new(), Some(v)),
        Value::Vector(samples) => {
            let samples = samples.iter().map(one).collect();
            kind("vector", samples, None)
        }
        Value::Matrix(all) => {
            let all = all.iter().map(|found| {
                let points = found.floats.iter().map(|p| (moment(p.t), number(p.v)));
                series(labels(&found.labels), points.collect())
            });
            kind("matrix", all.collect(), None)
        }
    }
}

fn one(sample: &Sample) -> QuerySeries {
    let value = match &sample.value {
        SampleValue::Float(v) => number(*v),
        SampleValue::Histogram(histogram) => histogram.to_string(),
    };
    let points = vec![(Timestamp::from_millis(sample.t), value)];
    series(labels(&sample.labels), points)
}

fn labels(labels: &Labels) -> BTreeMap<String, String> {
    let pairs = labels.iter();
    pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}
