//! What a target answers with: the Prometheus text format 0.0.4 and OpenMetrics 1.0, read strictly.
//!
//! A target is not trusted: it may be another program on that port, cut off in the middle, or
//! hostile. So every answer is read within [`Limits`], a mistake is an error with its line, and
//! nothing a target sends can make this panic. One broken line refuses the whole answer, because
//! half a scrape would look like counters that vanished.
//!
//! Names may be any UTF-8 where they stand in quotes (`{"http.requests", "url.path"="/"} 1`).
//! Exemplars are read, so that a broken one is an error, and dropped. `_created` series are kept as
//! the series that they are, as Prometheus does.

mod line;
mod openmetrics;
mod text;

use std::collections::BTreeMap;

use crate::sample::Sample;

/// What is asked for: OpenMetrics where the target knows it, names in UTF-8 where it has any.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.9,\
     application/openmetrics-text;version=1.0.0;q=0.8,\
     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.7,\
     text/plain;version=0.0.4;q=0.6,*/*;q=0.1";

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

/// In which of the two formats an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    #[default]
    Text,
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` names. One that says nothing of a format, or is missing,
    /// is the text format's, as old exporters know of no other.
    ///
    /// # Errors
    /// That it names a format that is not text.
    pub fn of(content_type: Option<&str>) -> Result<Format, String> {
        let named = content_type.unwrap_or_default();
        let kind = named.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" => Ok(Format::OpenMetrics),
            "application/vnd.google.protobuf" => {
                Err("the answer is in protobuf, which is not read; text was asked for".into())
            }
            "text/html" => Err("the answer is a page (text/html), not metrics".into()),
            _ => Ok(Format::Text),
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
    GaugeHistogram,
    Info,
    StateSet,
}

/// One answer, read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Exposition {
    pub samples: Vec<Sample>,
    /// By metric family name. A family without a `# TYPE` line is untyped and not listed.
    pub types: BTreeMap<String, MetricType>,
    /// By metric family name, where OpenMetrics says it: `seconds`, `bytes`.
    pub units: BTreeMap<String, String>,
    /// Exemplars that were read and dropped.
    pub exemplars: usize,
}

/// Why an answer was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ExpositionError {
    /// Lines start at 1; 0 means the answer as a whole.
    pub line: usize,
    pub what: String,
}

/// Reads one answer in the text format.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse(text: &str, limits: &Limits) -> Result<Exposition, ExpositionError> {
    parse_as(Format::Text, text, limits)
}

/// Reads one answer in the format that it is written in.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse_as(
    format: Format,
    text: &str,
    limits: &Limits,
) -> Result<Exposition, ExpositionError> {
    if text.len() > limits.bytes {
        let what = format!("{} bytes; at most {} are read", text.len(), limits.bytes);
        return Err(ExpositionError { line: 0, what });
    }
    match format {
        Format::Text => text::read(text, limits),
        Format::OpenMetrics => openmetrics::read(text, limits),
    }
}

fn push(sample: Sample, limits: &Limits, read: &mut Exposition) -> Result<(), String> {
    if read.samples.len() >= limits.samples {
        return Err(format!("more than {} samples", limits.samples));
    }
    read.samples.push(sample);
    Ok(())
}

#[cfg(test)]
mod tests;
