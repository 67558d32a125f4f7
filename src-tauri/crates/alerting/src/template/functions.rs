//! The functions that templates can use, beside those of the language.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use deckwatch_promql::parse_duration;
use deckwatch_promql::text::parse_float;
use deckwatch_promql::value::SampleValue;
use gotmpl::{FuncMap, TemplateError, Value, ValueFunc};
use regex::Regex;

use super::humanize::{
    four_digits, humanize, humanize_1024, humanize_duration, humanize_percentage, moment,
};
use super::net::{link, path, query_escape, strip_domain, strip_port};
use super::{Moment, Scene, locked, printed};

type Given = Result<Value, String>;

/// A map of values.
pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Arc::new(
        entries.map(|(name, value)| (name.into(), value)).into(),
    ))
}

/// Names and values as a template sees them; `asked` are there in any case.
pub(super) fn words<'w>(
    pairs: impl Iterator<Item = (&'w str, &'w str)>,
    asked: &[Arc<str>],
) -> Value {
    let mut all: BTreeMap<Arc<str>, Value> =
        asked.iter().map(|name| (name.clone(), text(""))).collect();
    all.extend(pairs.map(|(name, value)| (name.into(), text(value))));
    Value::Map(Arc::new(all))
}

pub(super) fn number_or_histogram(value: &SampleValue) -> Value {
    match value {
        SampleValue::Float(v) => Value::Float(*v),
        SampleValue::Histogram(h) => text(&h.to_string()),
    }
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

pub(super) fn all(scene: &Scene, shared: &Arc<Mutex<Moment>>) -> FuncMap {
    let mut all = printed::functions();
    all.extend(of_samples(shared));
    all.extend(of_numbers());
    all.extend(of_texts());
    let (clock, url) = (shared.clone(), scene.external_url.clone());
    let prefix = path(&url);
    all.extend([
        function("now", move |[]| {
            Ok(Value::Float(locked(&clock).at_ms as f64 / 1000.0))
        }),
        function("externalURL", move |[]| Ok(text(&url))),
        function("pathPrefix", move |[]| Ok(text(&prefix))),
    ]);
    let args: ValueFunc = Arc::new(|args: &[Value]| {
        let named = args.iter().enumerate();
        let named = named.map(|(at, value)| (format!("arg{at}").into(), value.clone()));
        Ok(Value::Map(Arc::new(named.collect::<BTreeMap<_, _>>())))
    });
    all.insert("args".into(), args);
    all
}

fn of_samples(shared: &Arc<Mutex<Moment>>) -> [(String, ValueFunc); 6] {
    let asks = shared.clone();
    let label = |sample: &Value, name: &str| {
        let labels = sample.field("Labels").ok_or("this is no sample")?;
        Ok(labels.field(name).cloned().unwrap_or_else(|| text("")))
    };
    [
        function("query", move |[query]| ask(&asks, &string(query)?)),
        function("first", |[samples]| match list(samples)?.first() {
            Some(first) => Ok(first.clone()),
            None => Err("first() called on vector with no elements".into()),
        }),
        function("label", move |[name, sample]| label(sample, &string(name)?)),
        function("value", |[sample]| {
            let value = sample.field("Value").cloned();
            value.ok_or_else(|| "this is no sample".into())
        }),
        function("strvalue", move |[sample]| label(sample, "__value__")),
        function("sortByLabel", |[name, samples]| {
            sorted(&string(name)?, list(samples)?)
        }),
    ]
}

fn of_numbers() -> [(String, ValueFunc); 8] {
    [
        number_of("humanize", humanize),
        number_of("humanize1024", humanize_1024),
        number_of("humanizeDuration", humanize_duration),
        number_of("humanizePercentage", humanize_percentage),
        function("humanizeTimestamp", |[value]| {
            let v = number(value)?;
            let finite = v.is_finite().then(|| moment(v));
            Ok(text(&finite.unwrap_or_else(|| Ok(four_digits(v)))?))
        }),
        function("toTime", |[value]| Ok(text(&moment(number(value)?)?))),
        function("toDuration", |[value]| {
            Ok(text(&go_duration(number(value)?)))
        }),
        function("parseDuration", |[value]| {
            let written = string(value)?;
            let (sign, bare) = match written.strip_prefix('-') {
                Some(bare) => (-1.0, bare),
                None => (1.0, written.as_str()),
            };
            Ok(Value::Float(sign * parse_duration(bare)? as f64 / 1000.0))
        }),
    ]
}

fn of_texts() -> [(String, ValueFunc); 11] {
    [
        function("match", |[pattern, value]| {
            let pattern = compiled(&string(pattern)?)?;
            Ok(Value::Bool(pattern.is_match(&string(value)?)))
        }),
        function("reReplaceAll", |[pattern, by, value]| {
            let pattern = compiled(&string(pattern)?)?;
            let (by, value) = (string(by)?, string(value)?);
            Ok(text(&pattern.replace_all(&value, by.as_str())))
        }),
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
}

/// The answer, if it is known already; else it is wanted.
fn ask(shared: &Mutex<Moment>, query: &str) -> Given {
    let mut moment = locked(shared);
    let Some(answer) = moment.answers.get(query) else {
        moment.wanted.push(query.to_owned());
        return Err("not answered yet".into());
    };
    let samples = answer.as_ref().map_err(Clone::clone)?.iter().map(|sample| {
        map([
            ("Labels", words(sample.labels.iter(), &moment.names)),
            ("Value", number_or_histogram(&sample.value)),
        ])
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
        other => Err(format!(
            "wrong type for value; expected string; got {}",
            other.type_name()
        )),
    }
}

/// A number, or a text that is one.
fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Int(n) => Ok(*n as f64),
        Value::Uint(n) => Ok(*n as f64),
        Value::Float(v) => Ok(*v),
        Value::String(text) => {
            parse_float(text).ok_or_else(|| format!("\"{text}\" is not a number"))
        }
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// Anchored nowhere, as in Go; `$1x` names the group `1x` there and here.
fn compiled(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|e| e.to_string())
}

/// Every word with a capital. Words end where Unicode ends them: `a.b` and `don't` are one.
fn title(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut inside = false;
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let word = c.is_alphanumeric() || c == '_';
        match inside || !c.is_alphabetic() {
            true => out.push(c),
            false => out.extend(c.to_uppercase()),
        }
        let joins = inside && "'.:\u{b7}\u{2019}".contains(c);
        inside = word || (joins && chars.peek().is_some_and(|next| next.is_alphabetic()));
    }
    out
}

/// By a label's value, as texts.
fn sorted(name: &str, samples: &[Value]) -> Given {
    let key = |sample: &Value| {
        let labels = sample.field("Labels");
        let value = labels.and_then(|l| l.field(name)).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let mut samples = samples.to_vec();
    samples.sort_by_cached_key(key);
    Ok(Value::List(samples.into()))
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
