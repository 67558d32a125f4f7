//! Questions in PromQL: about this folder's own samples, or about what a Prometheus knows.
//!
//! Places in a query cross as text fields count them, in UTF-16 units.

mod chart;
mod complete;
mod csv;
mod marks;
mod names;
mod over;
mod own;
mod rank;
mod read;
mod source;
mod unit;
mod usual;

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::ParseError;
use deckwatch_promql::value::{Sample, SampleValue, Value};
use deckwatch_promql::{Answer, EvalError, When};
use deckwatch_signals::prometheus;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use chart::grid_step;
pub use chart::{ChartAsk, MetricsChart, chart};
pub use complete::{CompleteAsk, Completion, Completions, complete};
pub use csv::{CsvAsk, CsvWritten, csv, export};
pub use marks::{MarksAsk, marks};
pub use names::{Found, LabelsAsk, MetricName, NamesAsk, labels as label_names, names, values};
pub(crate) use names::{all as all_names, values_of};
pub(crate) use over::range;
pub(crate) use own::evaluate;
pub use read::{QueryRead, ReadAsk, read};
pub use source::{MetricsSources, SourceName, sources};
pub(crate) use source::{Source, source};
pub(crate) use source::{Sources, open};
pub use unit::Unit;
pub use usual::{Usual, UsualAsk, usual};

use crate::console::Console;
use crate::problem::Problem;

/// Moments of one range, as Prometheus limits them.
const MOMENTS: i64 = 11_000;

/// A question.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
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
    /// Who is asked; none: the environment's Prometheus if it names one, else its own samples.
    #[serde(default)]
    #[ts(optional)]
    pub source: Option<SourceName>,
    /// Asks the Prometheus at this address instead.
    #[serde(default)]
    #[ts(optional)]
    pub url: Option<String>,
    /// Series that are told at most; none: all.
    #[serde(default)]
    #[ts(optional)]
    pub limit: Option<usize>,
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
    /// Series there are; more than are told where they were limited.
    pub total: usize,
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
    let mut answer = match source(console, ask.source, ask.url.as_deref()).await? {
        Source::Prometheus { client, url } => asked(&client, &ask, when, url).await?,
        Source::Own(store) => told(own::evaluate(&store, &ask.query, when).await?, &ask.query),
    };
    answer.total = answer.series.len();
    answer.series.truncate(ask.limit.unwrap_or(usize::MAX));
    Ok(answer)
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

async fn asked(
    prometheus: &prometheus::Prometheus,
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
    let answer = answer.map_err(refused)?;
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
        total: 0,
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

/// What a Prometheus said instead of an answer. A query that it cannot read is the asker's mistake.
fn refused(error: prometheus::PrometheusError) -> Problem {
    match &error {
        prometheus::PrometheusError::Refused { kind, message } if kind == "bad_data" => {
            Problem::new("request.invalid", message.clone())
        }
        _ => Problem::new("prometheus", error.to_string()),
    }
}

fn misread(text: &str, error: &ParseError) -> Problem {
    let (start, end) = units(text, error.span.start, error.span.end);
    Problem::new("request.invalid", error.to_string()).with(json!({"start": start, "end": end}))
}

fn failed(text: &str, error: EvalError) -> Problem {
    match &error {
        EvalError::Parse(parse) => misread(text, parse),
        _ => Problem::new("metrics.query", error.to_string()),
    }
}

/// Bytes as UTF-16 units. What lies past the end is its end.
fn units(text: &str, start: usize, end: usize) -> (usize, usize) {
    let unit = |byte: usize| -> usize {
        let before = text.char_indices().take_while(|(at, _)| *at < byte);
        before.map(|(_, c)| c.len_utf16()).sum()
    };
    (unit(start), unit(end))
}

/// A UTF-16 unit as a byte: the beginning of the character that it is in.
fn byte(text: &str, unit: usize) -> usize {
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units > unit {
            return at;
        }
    }
    text.len()
}

fn told(answer: Answer, text: &str) -> QueryAnswer {
    let remarks = answer.annotations.iter();
    let notes = remarks.map(|remark| remark.words(text)).collect();
    let kind = |kind: &str, series: Vec<QuerySeries>, text: Option<String>| QueryAnswer {
        kind: kind.into(),
        series,
        total: 0,
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
