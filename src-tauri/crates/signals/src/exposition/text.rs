//! The Prometheus text format 0.0.4, with the names in quotes that 1.0.0 of it added.

use super::line::{BLANK, family, number, series, shown};
use super::{Exposition, ExpositionError, Limits, MetricType, push};
use crate::sample::Sample;

pub(super) fn read(text: &str, limits: &Limits) -> Result<Exposition, ExpositionError> {
    let mut read = Exposition::default();
    for (index, line) in text.split('\n').enumerate() {
        read_line(line, limits, &mut read).map_err(|what| ExpositionError {
            line: index + 1,
            what,
        })?;
    }
    Ok(read)
}

fn read_line(line: &str, limits: &Limits, read: &mut Exposition) -> Result<(), String> {
    let line = line.trim_matches(BLANK);
    if line.is_empty() {
        return Ok(());
    }
    match line.strip_prefix('#') {
        Some(comment) => read_comment(comment.trim_start_matches(BLANK), limits, read),
        None => push(read_sample(line, limits)?, limits, read),
    }
}

/// `# TYPE name kind`. Every other comment, `# HELP` included, says nothing that is kept.
fn read_comment(comment: &str, limits: &Limits, read: &mut Exposition) -> Result<(), String> {
    let Some(rest) = comment.strip_prefix("TYPE") else {
        return Ok(());
    };
    if !rest.is_empty() && !rest.starts_with(BLANK) {
        return Ok(());
    }
    let shape = || "a TYPE line is `# TYPE name kind`".to_owned();
    let rest = rest.trim_start_matches(BLANK);
    if rest.is_empty() {
        return Err(shape());
    }
    let (name, kind) = family(rest, limits)?;
    let kind = match kind.trim_matches(BLANK) {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "summary" => MetricType::Summary,
        "untyped" | "unknown" => MetricType::Untyped,
        "" => return Err(shape()),
        other if other.contains(BLANK) => return Err(shape()),
        other => return Err(format!("`{}` is not a metric type", shown(other))),
    };
    match read.types.insert(name.clone(), kind) {
        None => Ok(()),
        Some(_) => Err(format!("a second TYPE line for {}", shown(&name))),
    }
}

fn read_sample(line: &str, limits: &Limits) -> Result<Sample, String> {
    let (name, labels, rest) = series(line, limits)?;
    let mut words = rest.split(BLANK).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or("the value is missing")?)?;
    let timestamp_ms = match words.next() {
        None => None,
        Some(word) => Some(
            word.parse::<i64>()
                .map_err(|_| format!("`{}` is not a timestamp in milliseconds", shown(word)))?,
        ),
    };
    if let Some(extra) = words.next() {
        return Err(format!("`{}` after the sample's end", shown(extra)));
    }
    Ok(Sample {
        name,
        labels,
        value,
        timestamp_ms,
    })
}
