//! OpenMetrics 1.0.
//!
//! Stricter than the text format where its specification is: the answer ends with `# EOF` and
//! nothing stands behind it, there are no blank lines and no comments but its own, what is said of
//! a family is said once, and a unit is the end of the family's name. Blanks between the parts of
//! a line may be several, as nothing can be misread by that.

use std::collections::BTreeSet;

use super::line::{BLANK, family, labels, number, series, shown};
use super::{Exposition, ExpositionError, Limits, MetricType, push};
use crate::sample::Sample;

/// Characters of all names and values of an exemplar's labels together.
const EXEMPLAR: usize = 128;
/// Timestamps, in seconds, beyond which a number is no time: the year 10,000.
const LATEST: f64 = 253_402_300_800.0;

pub(super) fn read(text: &str, limits: &Limits) -> Result<Exposition, ExpositionError> {
    let mut reader = Reader {
        limits,
        read: Exposition::default(),
        helped: BTreeSet::new(),
    };
    let wrong = |line: usize, what: String| Err(ExpositionError { line, what });
    let mut lines = text.split('\n').enumerate().peekable();
    let mut last = 0;
    while let Some((index, line)) = lines.next() {
        if line == "# EOF" {
            return match lines.find(|(_, rest)| !rest.is_empty()) {
                None => Ok(reader.read),
                Some((index, _)) => wrong(index + 1, "there is more after `# EOF`".into()),
            };
        }
        // What stands behind the last line's end is no line.
        if line.is_empty() && lines.peek().is_none() {
            break;
        }
        last = index + 1;
        reader
            .line(line)
            .map_err(|what| ExpositionError { line: last, what })?;
    }
    let what = "the answer does not end with `# EOF`: it may be cut off";
    wrong(last, what.into())
}

struct Reader<'l> {
    limits: &'l Limits,
    read: Exposition,
    /// Families with a `# HELP` line.
    helped: BTreeSet<String>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Err("a blank line".into());
        }
        match line.strip_prefix('#') {
            Some(comment) => self.metadata(comment),
            None => self.sample(line),
        }
    }

    fn metadata(&mut self, comment: &str) -> Result<(), String> {
        let known = || "only HELP, TYPE, UNIT and EOF stand behind `#`".to_owned();
        let comment = comment.strip_prefix(' ').ok_or_else(known)?;
        let (word, rest) = comment.split_once(' ').ok_or_else(known)?;
        if !matches!(word, "TYPE" | "UNIT" | "HELP") {
            return Err(known());
        }
        let (name, rest) = family(rest, self.limits)?;
        let rest = match rest.strip_prefix(' ') {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => return Err(format!("a blank is missing after {}", shown(&name))),
        };
        let first = match word {
            "TYPE" => {
                let kind = kind(rest)?;
                self.read.types.insert(name.clone(), kind).is_none()
            }
            "UNIT" => {
                unit(&name, rest)?;
                let unit = rest.to_owned();
                self.read.units.insert(name.clone(), unit).is_none()
            }
            _ => {
                help(rest)?;
                self.helped.insert(name.clone())
            }
        };
        match first {
            true => Ok(()),
            false => Err(format!("a second {word} line for {}", shown(&name))),
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let (name, labels, rest) = series(line, self.limits)?;
        if !rest.starts_with(BLANK) {
            return Err(match rest.is_empty() {
                true => "the value is missing".into(),
                false => format!("`{}` where the value belongs", shown(rest)),
            });
        }
        let (rest, exemplar) = match rest.split_once(" # ") {
            Some((rest, exemplar)) => (rest, Some(exemplar)),
            None => (rest, None),
        };
        let (value, timestamp_ms) = value_and_time(rest)?;
        if let Some(exemplar) = exemplar {
            self.exemplar(exemplar)?;
            self.read.exemplars += 1;
        }
        let sample = Sample {
            name,
            labels,
            value,
            timestamp_ms,
        };
        push(sample, self.limits, &mut self.read)
    }

    fn exemplar(&self, text: &str) -> Result<(), String> {
        let wrong = |what: String| format!("the exemplar: {what}");
        let inside = text.strip_prefix('{');
        let inside = inside.ok_or_else(|| wrong("its labels are missing".into()))?;
        let (found, rest) = labels(inside, self.limits).map_err(wrong)?;
        let length = found.iter().map(|(name, value)| {
            let (name, value) = (name.chars().count(), value.chars().count());
            name + value
        });
        if length.sum::<usize>() > EXEMPLAR {
            let what = format!("its labels have more than {EXEMPLAR} characters");
            return Err(wrong(what));
        }
        value_and_time(rest).map_err(wrong)?;
        Ok(())
    }
}

/// A number and, behind it, seconds since the epoch, which may have a fraction.
fn value_and_time(text: &str) -> Result<(f64, Option<i64>), String> {
    let mut words = text.split(BLANK).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or("the value is missing")?)?;
    let at = match words.next() {
        None => None,
        Some(word) => {
            let seconds = word.parse::<f64>().ok().filter(|s| s.abs() < LATEST);
            let seconds = seconds
                .ok_or_else(|| format!("`{}` is not a timestamp in seconds", shown(word)))?;
            Some((seconds * 1000.0).round() as i64)
        }
    };
    match words.next() {
        None => Ok((value, at)),
        Some(extra) => Err(format!("`{}` after the sample's end", shown(extra))),
    }
}

fn kind(word: &str) -> Result<MetricType, String> {
    Ok(match word {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "gaugehistogram" => MetricType::GaugeHistogram,
        "summary" => MetricType::Summary,
        "info" => MetricType::Info,
        "stateset" => MetricType::StateSet,
        "unknown" => MetricType::Untyped,
        "" => return Err("a TYPE line is `# TYPE name kind`".into()),
        other => return Err(format!("`{}` is not a metric type", shown(other))),
    })
}

fn unit(name: &str, unit: &str) -> Result<(), String> {
    let front = name.strip_suffix(unit);
    match unit.is_empty() || front.is_some_and(|front| front.ends_with('_')) {
        true => Ok(()),
        false => Err(format!(
            "the unit {} is not the end of the name {}",
            shown(unit),
            shown(name)
        )),
    }
}

fn help(text: &str) -> Result<(), String> {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && !matches!(chars.next(), Some('\\' | 'n' | '"')) {
            return Err("a HELP line has a `\\` that begins no escape".into());
        }
    }
    Ok(())
}
