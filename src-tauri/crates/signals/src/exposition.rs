//! The Prometheus text format 0.0.4, read strictly.
//!
//! A target is not trusted: it may be another program on that port, cut off in the middle, or
//! hostile. So every answer is read within [`Limits`], a mistake is an error with its line, and
//! nothing a target sends can make this panic. One broken line refuses the whole answer, because
//! half a scrape would look like counters that vanished.

use std::collections::BTreeMap;

use crate::sample::{Labels, Sample};

/// How much of an answer is read before it is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub bytes: usize,
    pub samples: usize,
    /// Labels of one sample.
    pub labels: usize,
    /// Bytes of one name or one label value.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 8 * 1024 * 1024,
            samples: 50_000,
            labels: 64,
            text: 2048,
        }
    }
}

/// What a `# TYPE` line says of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricType {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Untyped,
}

/// One answer, read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Exposition {
    pub samples: Vec<Sample>,
    /// By metric family name. A family without a `# TYPE` line is untyped and not listed.
    pub types: BTreeMap<String, MetricType>,
}

/// Why an answer was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ExpositionError {
    /// Lines start at 1; 0 means the answer as a whole.
    pub line: usize,
    pub what: String,
}

/// Reads one answer.
pub fn parse(text: &str, limits: &Limits) -> Result<Exposition, ExpositionError> {
    if text.len() > limits.bytes {
        let what = format!("{} bytes; at most {} are read", text.len(), limits.bytes);
        return Err(ExpositionError { line: 0, what });
    }
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
    let line = line.trim_matches([' ', '\t']);
    if line.is_empty() {
        return Ok(());
    }
    if let Some(comment) = line.strip_prefix('#') {
        return read_comment(comment, limits, &mut read.types);
    }
    if read.samples.len() >= limits.samples {
        return Err(format!("more than {} samples", limits.samples));
    }
    let sample = read_sample(line, limits)?;
    read.samples.push(sample);
    Ok(())
}

/// `# TYPE name kind`. Every other comment, `# HELP` included, says nothing we keep.
fn read_comment(
    comment: &str,
    limits: &Limits,
    types: &mut BTreeMap<String, MetricType>,
) -> Result<(), String> {
    let mut words = comment.split([' ', '\t']).filter(|word| !word.is_empty());
    if words.next() != Some("TYPE") {
        return Ok(());
    }
    let (Some(name), Some(kind), None) = (words.next(), words.next(), words.next()) else {
        return Err("a TYPE line is `# TYPE name kind`".into());
    };
    check_name(name, true, limits)?;
    let kind = match kind {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "summary" => MetricType::Summary,
        "untyped" | "unknown" => MetricType::Untyped,
        other => return Err(format!("`{}` is not a metric type", shown(other))),
    };
    if types.insert(name.to_owned(), kind).is_some() {
        return Err(format!("a second TYPE line for {name}"));
    }
    Ok(())
}

fn read_sample(line: &str, limits: &Limits) -> Result<Sample, String> {
    let end = line
        .find(|c: char| !is_name_char(c, true))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    check_name(name, true, limits)?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => read_labels(inside, limits)?,
        None => (Labels::new(), rest),
    };
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = words.next().ok_or("the value is missing")?;
    let value = read_value(value)?;
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
        name: name.to_owned(),
        labels,
        value,
        timestamp_ms,
    })
}

/// Everything up to the closing brace; returns what stands behind it.
fn read_labels<'t>(mut rest: &'t str, limits: &Limits) -> Result<(Labels, &'t str), String> {
    let blank = [' ', '\t'];
    let mut labels = Labels::new();
    let mut seen = 0;
    loop {
        rest = rest.trim_start_matches(blank);
        if let Some(after) = rest.strip_prefix('}') {
            break rest = after;
        }
        seen += 1;
        if seen > limits.labels {
            return Err(format!("more than {} labels", limits.labels));
        }
        let end = rest
            .find(|c: char| !is_name_char(c, false))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        check_name(name, false, limits)?;
        let after = after
            .trim_start_matches(blank)
            .strip_prefix('=')
            .ok_or_else(|| format!("`=` is missing after the label {name}"))?;
        let after = after
            .trim_start_matches(blank)
            .strip_prefix('"')
            .ok_or_else(|| format!("the value of the label {name} is not in quotes"))?;
        let (value, after) = read_quoted(after, limits)?;
        // An empty label is the same as none; keeping it would make two series of one.
        if !value.is_empty() {
            labels.push((name.to_owned(), value));
        }
        rest = after.trim_start_matches(blank);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err(format!("`,` or `}}` is missing after the label {name}")),
        }
    }
    labels.sort();
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(format!("the label {} stands twice", pair[0].0)),
        None => Ok((labels, rest)),
    }
}

/// The text up to the closing quote, with `\\`, `\"` and `\n` resolved.
fn read_quoted<'t>(text: &'t str, limits: &Limits) -> Result<(String, &'t str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if value.len() > limits.text {
            return Err(format!("a label value of more than {} bytes", limits.text));
        }
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, '\\')) => value.push('\\'),
                Some((_, '"')) => value.push('"'),
                Some((_, 'n')) => value.push('\n'),
                Some((_, other)) => return Err(format!("`\\{other}` is not an escape")),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a label value does not end".into())
}

fn read_value(word: &str) -> Result<f64, String> {
    word.parse()
        .map_err(|_| format!("`{}` is not a number", shown(word)))
}

fn is_name_char(c: char, colons: bool) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':')
}

fn check_name(name: &str, colons: bool, limits: &Limits) -> Result<(), String> {
    let kind = if colons { "metric" } else { "label" };
    if name.is_empty() {
        return Err(format!("a {kind} name is missing"));
    }
    if name.len() > limits.text {
        return Err(format!("a {kind} name of more than {} bytes", limits.text));
    }
    let wrong = name.starts_with(|c: char| c.is_ascii_digit())
        || name.chars().any(|c| !is_name_char(c, colons));
    if wrong {
        return Err(format!("`{}` is not a {kind} name", shown(name)));
    }
    Ok(())
}

/// A stranger's word, short enough for a message.
fn shown(word: &str) -> String {
    word.chars()
        .take(40)
        .collect::<String>()
        .escape_debug()
        .to_string()
}

#[cfg(test)]
#[path = "exposition_tests.rs"]
mod tests;
