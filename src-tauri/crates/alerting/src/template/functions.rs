//! The functions that templates can use, beside those of the language.

use std::collections::BTreeMap;
use std::sync::Arc;

use deckwatch_promql::parse_duration;
use gotmpl::{FuncMap, TemplateError, Value, ValueFunc};
use regex::Regex;

use super::humanize::{
    four_digits, humanize, humanize_1024, humanize_duration, humanize_percentage, moment,
};
use super::net::{link, path, query_escape, strip_domain, strip_port};
use super::{Ask, Context};
use crate::rules::Words;

type Given = Result<Value, String>;

/// A map of values.
pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Arc::new(entries.map(|(name, value)| (name.into(), value)).into()))
}

/// Names and values as a template sees them.
pub(super) fn words(words: &Words) -> Value {
    let pairs = words.iter();
    let pairs = pairs.map(|(n, v)| (n.as_str().into(), Value::String(v.as_str().into())));
    Value::Map(Arc::new(pairs.collect()))
}

fn text(value: &str) -> Value {
    Value::String(value.into())
}

/// A function of `N` values.
fn function<const N: usize>(
    name: &'static str,
    work: impl Fn(&[Value; N]) -> Given + Send + Sync + 'static,
) -> (String, ValueFunc) {
    let called = move |args: &[Value]| {
        let wrong = |why: String| TemplateError::Exec(format!("error calling {name}: {why}"));
        let args: &[Value; N] = args
            .try_into()
            .map_err(|_| wrong(format!("wrong number of args: want {N} got {}", args.len())))?;
        work(args).map_err(wrong)
    };
    (name.to_owned(), Arc::new(called))
}

fn words_of(name: &'static str, work: fn(&str) -> String) -> (String, ValueFunc) {
    function(name, move |[value]| Ok(text(&work(&string(value)?))))
}

fn number_of(name: &'static str, work: fn(f64) -> String) -> (String, ValueFunc) {
    function(name, move |[value]| Ok(text(&work(number(value)?))))
}

pub(super) fn all(context: &Context) -> FuncMap {
    let asks = context.ask.clone();
    let now = context.at_ms as f64 / 1000.0;
    let url = context.external_url.clone();
    let prefix = path(&url);
    let mut all: FuncMap = [
        function("query", move |[query]| ask(&asks, &string(query)?)),
        function("first", |[samples]| match list(samples)?.first() {
            Some(first) => Ok(first.clone()),
            None => Err("first() called on vector with no elements".into()),
        }),
        function("label", |[name, sample]| {
            let labels = sample.field("Labels").ok_or("this is no sample")?;
            Ok(labels.field(&string(name)?).cloned().unwrap_or_else(|| text("")))
        }),
        function("value", |[sample]| {
            sample.field("Value").cloned().ok_or_else(|| "this is no sample".into())
        }),
        function("strvalue", |[sample]| {
            let labels = sample.field("Labels").ok_or("this is no sample")?;
            Ok(labels.field("__value__").cloned().unwrap_or_else(|| text("")))
        }),
        function("sortByLabel", |[name, samples]| sorted(&string(name)?, list(samples)?)),
        function("match", |[pattern, value]| {
            let pattern = compiled(&string(pattern)?)?;
            Ok(Value::Bool(pattern.is_match(&string(value)?)))
        }),
        function("reReplaceAll", |[pattern, by, value]| {
            let pattern = compiled(&string(pattern)?)?;
            let (by, value) = (string(by)?, string(value)?);
            Ok(text(&pattern.replace_all(&value, by.as_str())))
        }),
        function("humanizeTimestamp", |[value]| {
            let v = number(value)?;
            Ok(text(&if v.is_finite() { moment(v)? } else { four_digits(v) }))
        }),
        function("toTime", |[value]| Ok(text(&moment(number(value)?)?))),
        function("toDuration", |[value]| Ok(text(&go_duration(number(value)?)))),
        function("parseDuration", |[value]| {
            Ok(Value::Float(parse_duration(&string(value)?)? as f64 / 1000.0))
        }),
        function("now", move |[]| Ok(Value::Float(now))),
        function("externalURL", move |[]| Ok(text(&url))),
        function("pathPrefix", move |[]| Ok(text(&prefix))),
        number_of("humanize", humanize),
        number_of("humanize1024", humanize_1024),
        number_of("humanizeDuration", humanize_duration),
        number_of("humanizePercentage", humanize_percentage),
        words_of("toUpper", str::to_uppercase),
        words_of("toLower", str::to_lowercase),
        words_of("title", title),
        words_of("safeHtml", str::to_owned),
        words_of("stripPort", strip_port),
        words_of("stripDomain", strip_domain),
        words_of("urlQueryEscape", query_escape),
        words_of("graphLink", |expression| link(expression, false)),
        words_of("tableLink", |expression| link(expression, true)),
    ]
    .into();
    let args: ValueFunc = Arc::new(|args: &[Value]| {
        let named = args.iter().enumerate();
        let named = named.map(|(at, value)| (format!("arg{at}").into(), value.clone()));
        Ok(Value::Map(Arc::new(named.collect::<BTreeMap<_, _>>())))
    });
    all.insert("args".into(), args);
    all
}

fn ask(asks: &Ask, query: &str) -> Given {
    let samples = asks(query)?.into_iter().map(|(labels, value)| {
        map([("Labels", words(&labels)), ("Value", Value::Float(value))])
    });
    Ok(Value::List(samples.collect()))
}

fn list(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::List(items) => Ok(items),
        other => Err(format!("{} is no list of samples", other.type_name())),
    }
}

fn string(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        other => Err(format!("wrong type for value; expected string; got {}", other.type_name())),
    }
}

/// A number, or a text that is one.
fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Int(n) => Ok(*n as f64),
        Value::Uint(n) => Ok(*n as f64),
        Value::Float(v) => Ok(*v),
        Value::String(text) => text.parse().map_err(|_| format!("\"{text}\" is not a number")),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// Anchored nowhere, as in Go; `$1x` names the group `1x` there and here.
fn compiled(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|e| e.to_string())
}

/// Every word with a capital.
fn title(value: &str) -> String {
    let mut begins = true;
    value
        .chars()
        .flat_map(|c| {
            let first = begins && c.is_alphabetic();
            begins = !(c.is_alphanumeric() || c == '_' || c == '\'');
            match first {
                true => c.to_uppercase().collect::<Vec<_>>(),
                false => vec![c],
            }
        })
        .collect()
}

/// By a label's value, runs of digits as the numbers that they are.
fn sorted(name: &str, samples: &[Value]) -> Given {
    let key = |sample: &Value| {
        let labels = sample.field("Labels");
        let value = labels.and_then(|l| l.field(name)).and_then(Value::as_str);
        natural(value.unwrap_or_default())
    };
    let mut samples = samples.to_vec();
    samples.sort_by_cached_key(key);
    Ok(Value::List(samples.into()))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Digits(usize, String),
    Other(String),
}

fn natural(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for c in text.chars() {
        match (c.is_ascii_digit(), parts.last_mut()) {
            (true, Some(Part::Digits(length, digits))) => {
                digits.push(c);
                let bare = digits.trim_start_matches('0');
                (*length, *digits) = (bare.len(), bare.to_owned());
            }
            (true, _) => {
                let bare = if c == '0' { String::new() } else { c.to_string() };
                parts.push(Part::Digits(bare.len(), bare));
            }
            (false, Some(Part::Other(word))) => word.push(c),
            (false, _) => parts.push(Part::Other(c.to_string())),
        }
    }
    parts
}

/// Seconds as Go prints a length of time: `1h1m1.5s`, `250ms`.
fn go_duration(seconds: f64) -> String {
    let nanos = (seconds * 1e9) as i64;
    if nanos == 0 {
        return "0s".into();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let rest = value % unit;
        let digits = unit.to_string().len() - 1;
        match rest {
            0 => String::new(),
            rest => format!(".{rest:0digits$}").trim_end_matches('0').to_owned(),
        }
    };
    if nanos < 1_000_000_000 {
        let (unit, name) = match nanos {
            ..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{}{name}", nanos / unit, fraction(nanos, unit));
    }
    let whole = nanos / 1_000_000_000;
    let seconds = format!("{}{}s", whole % 60, fraction(nanos, 1_000_000_000));
    match (whole / 3600, whole / 60 % 60) {
        (0, 0) => format!("{sign}{seconds}"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_printed_as_go_prints_them() {
        let table = [
            (0.0, "0s"),
            (0.25, "250ms"),
            (0.000_001_5, "1.5µs"),
            (61.5, "1m1.5s"),
            (3600.0, "1h0m0s"),
            (-1.0, "-1s"),
        ];
        for (seconds, expected) in table {
            assert_eq!(go_duration(seconds), expected, "{seconds}");
        }
    }
}
