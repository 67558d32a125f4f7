//! What there is to ask for: metrics with their types, labels, and the values of labels.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_promql::Matcher;
use deckwatch_promql::labels::METRIC_NAME;
use deckwatch_promql::parse::parse_selector;
use deckwatch_signals::prometheus::{Among, Metadata, Prometheus};
use serde::{Deserialize, Serialize};

use super::{Source, SourceName, Unit, own, rank, refused, source, unit};
use crate::console::Console;
use crate::problem::Problem;

/// Metrics that are told at once where no other number is said.
const MOST: usize = 500;
/// Metrics, labels or values that are read of a source at most.
const LIMIT: usize = 50_000;
/// Names are asked for again after so long.
const FRESH: Duration = Duration::from_secs(20);

/// A metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct MetricName {
    pub name: String,
    /// `counter`, `gauge`, `histogram`, `summary`; none: nobody says.
    pub kind: Option<String>,
    pub help: Option<String>,
    pub unit: Unit,
    /// The type is guessed from the name, as nobody says it.
    pub guessed: bool,
}

/// Which metrics.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct NamesAsk {
    /// Letters of the name or words of its help; the best fit comes first.
    #[serde(default)]
    #[ts(optional)]
    pub filter: Option<String>,
    #[serde(default)]
    #[ts(optional)]
    pub limit: Option<usize>,
    #[serde(default)]
    #[ts(optional)]
    pub source: Option<SourceName>,
    #[serde(default)]
    #[ts(optional)]
    pub url: Option<String>,
}

/// Whose labels, or whose values.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct LabelsAsk {
    /// A selector, `up{job="node"}`; none: all series.
    #[serde(default)]
    #[ts(optional)]
    pub selector: Option<String>,
    /// The label whose values are meant.
    #[serde(default)]
    #[ts(optional)]
    pub label: Option<String>,
    #[serde(default)]
    #[ts(optional)]
    pub limit: Option<usize>,
    #[serde(default)]
    #[ts(optional)]
    pub source: Option<SourceName>,
    #[serde(default)]
    #[ts(optional)]
    pub url: Option<String>,
}

/// Some of what there is, and how much there is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Found<T> {
    pub rows: Vec<T>,
    pub total: usize,
    /// Who answered: `samples`, or an address.
    pub source: String,
}

fn cut<T>(mut rows: Vec<T>, limit: Option<usize>, source: &Source) -> Found<T> {
    let total = rows.len();
    rows.truncate(limit.unwrap_or(MOST));
    Found {
        rows,
        total,
        source: source.name().to_owned(),
    }
}

/// # Errors
/// Why the source does not answer.
pub async fn names(console: &Console, ask: NamesAsk) -> Result<Found<MetricName>, Problem> {
    let source = source(console, ask.source, ask.url.as_deref()).await?;
    let known = all(console, &source).await?;
    let filter = ask.filter.as_deref().unwrap_or("").trim();
    let fit = |metric: &MetricName| {
        let help = metric.help.as_deref().unwrap_or("").to_lowercase();
        let words = || help.contains(&filter.to_lowercase()).then_some(95);
        rank::fit(filter, &metric.name).or_else(words)
    };
    let found = known.iter().filter_map(|m| Some((fit(m)?, m.clone())));
    let mut found: Vec<(u32, MetricName)> = found.collect();
    found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    let rows = found.into_iter().map(|(_, metric)| metric).collect();
    Ok(cut(rows, ask.limit, &source))
}

/// # Errors
/// That the selector is none, or why the source does not answer.
pub async fn labels(console: &Console, ask: LabelsAsk) -> Result<Found<String>, Problem> {
    let source = source(console, ask.source, ask.url.as_deref()).await?;
    let rows = label_names(&source, &matchers(ask.selector.as_deref())?).await?;
    Ok(cut(rows, ask.limit, &source))
}

/// # Errors
/// That no label is named or the selector is none, or why the source does not answer.
pub async fn values(console: &Console, ask: LabelsAsk) -> Result<Found<String>, Problem> {
    let Some(label) = &ask.label else {
        return Err(Problem::new("request.invalid", "name the label"));
    };
    let source = source(console, ask.source, ask.url.as_deref()).await?;
    let rows = label_values(&source, label, &matchers(ask.selector.as_deref())?).await?;
    Ok(cut(rows, ask.limit, &source))
}

fn matchers(selector: Option<&str>) -> Result<Vec<Matcher>, Problem> {
    let Some(selector) = selector else {
        return Ok(Vec::new());
    };
    parse_selector(selector).map_err(|e| super::misread(selector, &e))
}

/// The labels that matching series have, but for the name.
pub(super) async fn label_names(
    source: &Source,
    matchers: &[Matcher],
) -> Result<Vec<String>, Problem> {
    let mut found: Vec<String> = match source {
        Source::Own(store) => {
            let found = store.label_names(matchers).await;
            found.map_err(|e| own::unread(&e))?
        }
        Source::Prometheus { client, .. } => {
            client.labels(&among(matchers)).await.map_err(refused)?
        }
    };
    found.retain(|name| name != METRIC_NAME);
    Ok(found)
}

/// The values that a label has among the matching series.
pub(super) async fn label_values(
    source: &Source,
    label: &str,
    matchers: &[Matcher],
) -> Result<Vec<String>, Problem> {
    match source {
        Source::Own(store) => {
            let found = store.label_values(label, matchers).await;
            found.map_err(|e| own::unread(&e))
        }
        Source::Prometheus { client, .. } => {
            let found = client.label_values(label, &among(matchers)).await;
            found.map_err(refused)
        }
    }
}

/// The values that a label has among the series of a selector.
///
/// # Errors
/// That the selector is none, or why the source does not answer.
pub(crate) async fn values_of(
    source: &Source,
    label: &str,
    selector: &str,
) -> Result<Vec<String>, Problem> {
    label_values(source, label, &matchers(Some(selector))?).await
}

fn among(matchers: &[Matcher]) -> Among {
    let said: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    Among {
        selector: (!said.is_empty()).then(|| format!("{{{}}}", said.join(","))),
        limit: Some(LIMIT),
        ..Among::default()
    }
}

/// All metrics of a source; asked for again after a while.
pub(crate) async fn all(
    console: &Console,
    source: &Source,
) -> Result<Arc<Vec<MetricName>>, Problem> {
    if let Some(known) = console.sources.known_names(source.name(), FRESH) {
        return Ok(known);
    }
    let found = match source {
        Source::Own(store) => {
            let names = store.label_values(METRIC_NAME, &[]).await;
            let names = names.map_err(|e| own::unread(&e))?.into_iter();
            names.map(|name| named(name, None)).collect()
        }
        Source::Prometheus { client, .. } => of_prometheus(client).await?,
    };
    let found = Arc::new(found);
    console.sources.know_names(source.name(), found.clone());
    Ok(found)
}

async fn of_prometheus(client: &Prometheus) -> Result<Vec<MetricName>, Problem> {
    let limited = among(&[]);
    let names = client.label_values(METRIC_NAME, &limited);
    // Without metadata there is still something to ask for.
    let (names, told) = futures_util::future::join(names, client.metadata()).await;
    let told = told.unwrap_or_default();
    let said = |name: &str| told.get(name).and_then(|all| all.first());
    let names = names.map_err(refused)?.into_iter().map(|name| {
        let metadata = said(&name).or_else(|| said(base(&name)));
        named(name.clone(), metadata)
    });
    Ok(names.collect())
}

/// A histogram or summary that a series is a part of.
fn base(name: &str) -> &str {
    let parts = ["_bucket", "_sum", "_count", "_total"];
    let found = parts.iter().find_map(|part| name.strip_suffix(part));
    found.unwrap_or(name)
}

fn named(name: String, told: Option<&Metadata>) -> MetricName {
    let told = told.filter(|told| told.kind != "unknown");
    let guess = guess(&name);
    let unit = match unit::of_name(&name) {
        Unit::None if told.is_some_and(|t| t.unit == "seconds") => Unit::Seconds,
        Unit::None if told.is_some_and(|t| t.unit == "bytes") => Unit::Bytes,
        unit => unit,
    };
    MetricName {
        guessed: told.is_none() && guess.is_some(),
        kind: told.map(|t| t.kind.clone()).or(guess.map(str::to_owned)),
        help: told.map(|t| t.help.clone()).filter(|help| !help.is_empty()),
        unit,
        name,
    }
}

/// What a name says by its end.
fn guess(name: &str) -> Option<&'static str> {
    match name {
        name if name.ends_with("_bucket") => Some("histogram"),
        name if name.ends_with("_total") => Some("counter"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_words_of_its_histogram() {
        assert_eq!(base("x_seconds_bucket"), "x_seconds");
        assert_eq!(base("x"), "x");
        let told = Metadata {
            kind: "histogram".into(),
            help: "How long.".into(),
            unit: String::new(),
        };
        let metric = named("x_seconds_sum".into(), Some(&told));
        assert_eq!(metric.kind.as_deref(), Some("histogram"));
        assert_eq!((metric.unit, metric.guessed), (Unit::Seconds, false));
        let alone = named("x_total".into(), None);
        assert_eq!(
            (alone.kind.as_deref(), alone.guessed),
            (Some("counter"), true)
        );
        assert_eq!(named("x".into(), None).kind, None);
    }
}
