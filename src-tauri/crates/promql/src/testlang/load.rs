//! `load`: series with their samples, classic histograms also as native ones if that is asked.

use super::histograms::native_histograms;
use super::script::Misread;
use super::store::{Store, Stored};
use crate::duration::parse_duration;
use crate::labels::Labels;
use crate::parse::{SequenceValue, parse_series};
use crate::value::SampleValue;

/// A `load` command.
pub(super) struct Load {
    line: usize,
    with_native: bool,
    series: Vec<(Labels, Vec<Stored>)>,
}

impl Load {
    /// Reads a command; `number` is its line, from 1.
    pub fn read(line: &str, body: &[&str], number: usize) -> Result<Self, Misread> {
        let misread = |offset: usize, message: String| Misread {
            line: number + offset,
            message,
        };
        let mut words = line.split_whitespace();
        let with_native = match words.next() {
            Some("load") => false,
            Some("load_with_nhcb") => true,
            _ => {
                let message = "invalid load command. (load[_with_nhcb] <step:duration>)";
                return Err(misread(0, message.to_owned()));
            }
        };
        let step = words.next().unwrap_or("");
        let gap = parse_duration(step)
            .map_err(|why| misread(0, format!("invalid step definition {step:?}: {why}")))?;
        let mut load = Load {
            line: number,
            with_native,
            series: Vec::new(),
        };
        let mut starts: Option<(Labels, Vec<Option<i64>>)> = None;
        for (offset, line) in body.iter().enumerate() {
            let wrong = |why: String| misread(offset + 1, why);
            if let Some((metric, values)) = start_line(line) {
                if starts.is_some() {
                    let message = "@st line has no following sample line";
                    return Err(wrong(message.to_owned()));
                }
                starts = Some((metric.map_err(wrong)?, values.map_err(wrong)?));
                continue;
            }
            let (labels, values) = parse_series(line).map_err(|why| wrong(why.to_string()))?;
            let starts = starts.take();
            if let Some((metric, starts)) = &starts {
                if *metric != labels {
                    let message = "@st metric does not match the following sample line metric";
                    return Err(wrong(message.to_owned()));
                }
                if starts.len() != values.len() {
                    return Err(wrong(format!(
                        "@st line has {} values but sample line has {}",
                        starts.len(),
                        values.len()
                    )));
                }
            }
            load.add(labels, &values, starts.map(|(_, s)| s), gap);
        }
        if starts.is_some() {
            let message = "@st line has no following sample line";
            return Err(misread(body.len(), message.to_owned()));
        }
        Ok(load)
    }

    fn add(
        &mut self,
        labels: Labels,
        values: &[SequenceValue],
        starts: Option<Vec<Option<i64>>>,
        gap: i64,
    ) {
        let samples = values.iter().enumerate().filter_map(|(at, value)| {
            let t = at as i64 * gap;
            let start = starts.as_ref().and_then(|s| s.get(at).copied().flatten());
            let value = match value {
                SequenceValue::Omitted => return None,
                SequenceValue::Float(v) => SampleValue::Float(*v),
                SequenceValue::Histogram { histogram, .. } => {
                    SampleValue::Histogram(histogram.clone())
                }
            };
            Some(Stored {
                t,
                start: start.map_or(0, |offset| t + offset),
                value,
            })
        });
        let samples = samples.collect();
        // A series given twice in one command counts as given the second time.
        self.series.retain(|(have, _)| *have != labels);
        self.series.push((labels, samples));
    }

    pub fn into_store(self, store: &mut Store) -> Result<(), Misread> {
        if self.with_native {
            let line = self.line;
            let native =
                native_histograms(&self.series).map_err(|message| Misread { line, message })?;
            for (labels, samples) in native {
                store.append(labels, samples);
            }
        }
        for (labels, samples) in self.series {
            store.append(labels, samples);
        }
        Ok(())
    }
}

type StartLine = (Result<Labels, String>, Result<Vec<Option<i64>>, String>);

/// `metric@st offset…`: when the counters of the following line's samples began, from each
/// sample's own moment.
fn start_line(line: &str) -> Option<StartLine> {
    let (metric, values) = line.split_once([' ', '\t'])?;
    let metric = metric.strip_suffix("@st")?;
    let labels = parse_series(&format!("{metric} _"))
        .map(|(labels, _)| labels)
        .map_err(|why| format!("invalid @st line metric {metric:?}: {why}"));
    let mut starts = Vec::new();
    for item in values.split_whitespace() {
        match start_item(item) {
            Ok(more) => starts.extend(more),
            Err(why) => {
                let message = format!("invalid @st sequence: invalid ST item {item:?}: {why}");
                return Some((labels, Err(message)));
            }
        }
    }
    Some((labels, Ok(starts)))
}

fn repeat(text: &str) -> Result<usize, String> {
    const MOST: usize = 1_000_000;
    text.parse()
        .ok()
        .filter(|count| *count <= MOST)
        .ok_or_else(|| "invalid repeat count".to_owned())
}

fn start_item(item: &str) -> Result<Vec<Option<i64>>, String> {
    if item == "_" {
        return Ok(vec![None]);
    }
    if let Some(count) = item.strip_prefix("_x") {
        return Ok(vec![None; repeat(count)?]);
    }
    let (base, rest) = signed_duration(item)?;
    if rest.is_empty() {
        return Ok(vec![Some(base)]);
    }
    if let Some(count) = rest.strip_prefix('x') {
        return Ok(vec![Some(base); repeat(count)? + 1]);
    }
    if !rest.starts_with(['+', '-']) {
        return Err(format!("unexpected {rest:?} after duration"));
    }
    let (step, rest) = signed_duration(rest)?;
    let count = rest
        .strip_prefix('x')
        .ok_or("expected 'x<count>' after step duration")?;
    Ok((0..=repeat(count)? as i64)
        .map(|n| Some(base + n * step))
        .collect())
}

/// A length with an optional sign, and what follows it.
fn signed_duration(text: &str) -> Result<(i64, &str), String> {
    let (negative, bare) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(format!("expected digits in duration {text:?}"));
    }
    let unit = bare[digits..]
        .bytes()
        .take_while(|b| b.is_ascii_alphabetic() && *b != b'x')
        .count();
    let (duration, rest) = bare.split_at(digits + unit);
    let ms = parse_duration(duration)?;
    Ok((if negative { -ms } else { ms }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_offsets_expand() {
        assert_eq!(start_item("-1m"), Ok(vec![Some(-60_000)]));
        assert_eq!(start_item("_x2"), Ok(vec![None, None]));
        assert_eq!(start_item("0x1"), Ok(vec![Some(0), Some(0)]));
        assert_eq!(
            start_item("-1s-2sx2"),
            Ok(vec![Some(-1_000), Some(-3_000), Some(-5_000)])
        );
        assert!(start_item("1m+").is_err());
    }

    #[test]
    fn start_lines_have_to_fit() {
        let body = ["a@st -1m _", "a 1 2"];
        assert!(Load::read("load 1m", &body, 1).is_ok());
        assert!(Load::read("load 1m", &["a@st -1m", "b 1"], 1).is_err());
        assert!(Load::read("load 1m", &["a@st -1m", "a 1 2"], 1).is_err());
        assert!(Load::read("load 1m", &["a@st -1m"], 1).is_err());
    }
}
