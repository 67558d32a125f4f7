//! What may be written at a place in a query, the likeliest first.

use deckwatch_promql::Matcher;
use deckwatch_promql::ast::AggregateOp;
use deckwatch_promql::context::{Expected, context};
use deckwatch_promql::functions::{FUNCTIONS, Function};
use deckwatch_promql::labels::METRIC_NAME;
use serde::{Deserialize, Serialize};

use super::names::{all, label_names, label_values};
use super::{Source, SourceName, byte, rank, source, units};
use crate::console::Console;
use crate::problem::Problem;

/// Completions that are told at once.
const MOST: usize = 50;

/// A place in a query.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct CompleteAsk {
    pub query: String,
    /// Before which UTF-16 unit.
    pub at: usize,
    #[serde(default)]
    #[ts(optional)]
    pub source: Option<SourceName>,
    #[serde(default)]
    #[ts(optional)]
    pub url: Option<String>,
}

/// One of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Completion {
    /// What is shown.
    pub text: String,
    /// What takes the place of the word.
    pub insert: String,
    /// `metric`, `function`, `aggregation`, `label`, `value`, `duration`, `keyword`
    pub kind: String,
    /// Beside it, quiet.
    pub about: String,
}

/// What may be written there.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Completions {
    /// The word that a completion takes the place of, in UTF-16 units.
    pub start: usize,
    pub end: usize,
    pub rows: Vec<Completion>,
    pub total: usize,
}

/// # Errors
/// Why the source does not answer. Functions and keywords need none: where only they are known, they
/// are the answer.
pub async fn complete(console: &Console, ask: CompleteAsk) -> Result<Completions, Problem> {
    let text = &ask.query;
    let at = byte(text, ask.at);
    let place = context(text, at);
    let letters = text.get(place.word.start..at).unwrap_or("");
    let source = source(console, ask.source, ask.url.as_deref()).await;
    let mut found = offered(console, source, place.expected).await?;
    found.retain_mut(|(fit, one)| match rank::fit(letters, &one.text) {
        Some(letters) => {
            *fit += letters * 10;
            true
        }
        None => false,
    });
    found.sort_by(|a, b| {
        let key = |(fit, c): &(u32, Completion)| (*fit, c.text.len());
        key(a).cmp(&key(b)).then_with(|| a.1.text.cmp(&b.1.text))
    });
    let total = found.len();
    let rows = found.into_iter().take(MOST).map(|(_, c)| c).collect();
    let (start, end) = units(text, place.word.start, place.word.end);
    Ok(Completions {
        start,
        end,
        rows,
        total,
    })
}

type Offered = Vec<(u32, Completion)>;

/// With how much each stands back behind others that fit as well.
async fn offered(
    console: &Console,
    source: Result<Source, Problem>,
    expected: Expected,
) -> Result<Offered, Problem> {
    Ok(match expected {
        Expected::Nothing => Vec::new(),
        Expected::Duration => DURATIONS.iter().map(|d| plain(d, "duration", "")).collect(),
        Expected::Operator => KEYWORDS
            .iter()
            .map(|(word, about)| plain(word, "keyword", about))
            .collect(),
        Expected::Expression => {
            let mut found = words();
            // Without a source there are still functions.
            if let Ok(source) = source
                && let Ok(metrics) = all(console, &source).await
            {
                found.extend(metrics.iter().map(|metric| {
                    let kind = metric.kind.as_deref().unwrap_or("");
                    let help = metric.help.as_deref().unwrap_or("");
                    let about = [kind, help].join(" ");
                    plain(&metric.name, "metric", about.trim())
                }));
            }
            found
        }
        Expected::LabelName { metric, matchers } => {
            let said: Vec<String> = matchers.iter().map(|m| m.name().to_owned()).collect();
            let names = label_names(&source?, &among(metric, matchers)).await?;
            let names = names.into_iter().filter(|name| !said.contains(name));
            let one = |name: String| Completion {
                insert: format!("{name}=\""),
                ..plain(&name, "label", "").1
            };
            names.map(|name| (0, one(name))).collect()
        }
        Expected::LabelValue {
            metric,
            label,
            matchers,
        } => {
            let values = label_values(&source?, &label, &among(metric, matchers)).await?;
            let one = |value: String| Completion {
                insert: value.replace('\\', "\\\\").replace('"', "\\\""),
                ..plain(&value, "value", "").1
            };
            values.into_iter().map(|value| (0, one(value))).collect()
        }
        Expected::Grouping { metrics } => {
            let source = source?;
            let mut names = Vec::new();
            for metric in metrics.iter().take(4) {
                let named = Matcher::equal(METRIC_NAME, metric);
                names.extend(label_names(&source, &[named]).await?);
            }
            names.sort();
            names.dedup();
            names.iter().map(|name| plain(name, "label", "")).collect()
        }
    })
}

fn among(metric: Option<String>, mut matchers: Vec<Matcher>) -> Vec<Matcher> {
    matchers.extend(metric.map(|metric| Matcher::equal(METRIC_NAME, &metric)));
    matchers
}

fn plain(text: &str, kind: &str, about: &str) -> (u32, Completion) {
    let one = Completion {
        text: text.to_owned(),
        insert: text.to_owned(),
        kind: kind.to_owned(),
        about: about.to_owned(),
    };
    (0, one)
}

/// Functions and aggregations. A metric that fits as well is meant more often than a rare function.
fn words() -> Offered {
    let functions = FUNCTIONS.iter().filter(|f| !f.experimental).map(|f| {
        let one = Completion {
            insert: format!("{}(", f.name),
            ..plain(f.name, "function", &signature(f)).1
        };
        (if COMMON.contains(&f.name) { 0 } else { 5 }, one)
    });
    let aggregations = AggregateOp::ALL.iter().map(|(_, name)| {
        let about = "over series, `by` or `without` labels";
        (if COMMON.contains(name) { 0 } else { 5 }, {
            Completion {
                insert: format!("{name} "),
                ..plain(name, "aggregation", about).1
            }
        })
    });
    functions.chain(aggregations).collect()
}

fn signature(function: &Function) -> String {
    let args: Vec<&str> = function.args.iter().map(|t| t.documented()).collect();
    format!("({})", args.join(", "))
}

const COMMON: [&str; 9] = [
    "rate",
    "sum",
    "increase",
    "histogram_quantile",
    "avg",
    "max",
    "min",
    "count",
    "topk",
];

const DURATIONS: [&str; 9] = ["1m", "5m", "15m", "30m", "1h", "6h", "1d", "1w", "30d"];

const KEYWORDS: [(&str, &str); 14] = [
    ("by", "keep these labels"),
    ("without", "keep all but these labels"),
    ("offset", "look back"),
    ("on", "match by these labels"),
    ("ignoring", "match by all but these labels"),
    ("group_left", "many on the left"),
    ("group_right", "many on the right"),
    ("bool", "0 or 1"),
    ("and", "where both are"),
    ("or", "either"),
    ("unless", "where the other is not"),
    ("==", "equal"),
    (">", "greater"),
    ("/", "divided by"),
];
