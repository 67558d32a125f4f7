//! Series of the test language: `name{label="value"} 1+2x5 _ stale {{sum:3 count:2}}`.

use std::sync::Arc;

use super::cursor::{Cursor, Failed, Parsed};
use super::token::Kind;
use crate::histogram::{Bucket, Histogram, ResetHint};
use crate::labels::{Labels, METRIC_NAME};
use crate::value::stale_nan;

/// One step of a sequence.
#[derive(Clone, Debug)]
pub enum SequenceValue {
    /// No sample here.
    Omitted,
    /// A number; the stale marker is one.
    Float(f64),
    /// A native histogram.
    Histogram {
        /// Its value.
        histogram: Arc<Histogram>,
        /// Whether its reset hint was written, so that results have to have it.
        hint_written: bool,
    },
}

/// More steps than this is a slip of the pen, not a test.
const MOST_VALUES: usize = 1_000_000;

struct Described {
    histogram: Histogram,
    hint_written: bool,
}

impl Described {
    fn value(&self, histogram: Histogram) -> SequenceValue {
        SequenceValue::Histogram {
            histogram: Arc::new(histogram),
            hint_written: self.hint_written,
        }
    }
}

impl Cursor<'_> {
    pub fn whole_series(&mut self) -> Option<(Labels, Vec<SequenceValue>)> {
        let parsed = self.series();
        self.named(parsed, "", "").ok()
    }

    fn series(&mut self) -> Parsed<(Labels, Vec<SequenceValue>)> {
        let mut pairs = Vec::new();
        if self.kind().names_metric() {
            let word = self.advance();
            pairs.push((METRIC_NAME.to_owned(), word.text));
        }
        if self.kind() == Kind::LeftBrace {
            self.advance();
            let given = std::mem::take(&mut pairs);
            pairs = self.label_set()?;
            // A name before the braces wins over one inside.
            pairs.extend(given);
        }
        let values = self.series_values()?;
        Ok((Labels::from_pairs(pairs), values))
    }

    fn label_set(&mut self) -> Parsed<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        loop {
            if self.eat(Kind::RightBrace).is_some() {
                return Ok(pairs);
            }
            let name = match self.kind() {
                Kind::Identifier => self.advance().text,
                Kind::String => {
                    let token = self.advance();
                    let name = self.text_of(&token);
                    if self.kind() != Kind::Equal {
                        pairs.push((METRIC_NAME.to_owned(), name));
                        self.end_of_label()?;
                        continue;
                    }
                    name
                }
                _ => {
                    self.unexpected("label set", "identifier or \"}\"");
                    return Err(Failed);
                }
            };
            let equal = self.expect(Kind::Equal);
            self.named(equal, "label set", "\"=\"")?;
            let value = self.expect(Kind::String);
            let token = self.named(value, "label set", "string")?;
            pairs.push((name, self.text_of(&token)));
            self.end_of_label()?;
        }
    }

    fn end_of_label(&mut self) -> Parsed<()> {
        if self.eat(Kind::Comma).is_none() && self.kind() != Kind::RightBrace {
            self.unexpected("label set", "\",\" or \"}\"");
            return Err(Failed);
        }
        Ok(())
    }

    fn text_of(&mut self, token: &super::token::Token) -> String {
        String::from_utf8_lossy(&self.unquoted(token)).into_owned()
    }

    fn series_values(&mut self) -> Parsed<Vec<SequenceValue>> {
        let mut values = Vec::new();
        loop {
            if self.kind() == Kind::Eof {
                return Ok(values);
            }
            let space = self.expect(Kind::Space);
            self.named(space, "series values", "")?;
            if self.kind() == Kind::Eof {
                return Ok(values);
            }
            let item = self.series_item(&mut values);
            self.named(item, "series values", "")?;
            if values.len() > MOST_VALUES {
                self.error(self.token.span, "too many values in series");
                return Err(Failed);
            }
        }
    }

    fn series_item(&mut self, values: &mut Vec<SequenceValue>) -> Parsed<()> {
        match self.kind() {
            Kind::Blank => {
                self.advance();
                let times = self.repetition()?.unwrap_or(1);
                values.extend((0..times).map(|_| SequenceValue::Omitted));
                Ok(())
            }
            Kind::OpenHistogram => self.histogram_item(values),
            _ => self.float_item(values),
        }
    }

    /// `x5` after an item.
    fn repetition(&mut self) -> Parsed<Option<usize>> {
        if self.eat(Kind::Times).is_none() {
            return Ok(None);
        }
        let token = self.expect(Kind::Number)?;
        match token.text.parse::<usize>() {
            Ok(times) if times <= MOST_VALUES => Ok(Some(times)),
            _ => {
                self.error(token.span, "invalid repetition in series values");
                Err(Failed)
            }
        }
    }

    fn float_item(&mut self, values: &mut Vec<SequenceValue>) -> Parsed<()> {
        let mut value = if self.kind() == Kind::Identifier {
            if self.token.text != "stale" {
                self.unexpected("series values", "number or \"stale\"");
                return Err(Failed);
            }
            self.advance();
            stale_nan()
        } else {
            self.signed_number()?
        };
        let mut step = None;
        if matches!(self.kind(), Kind::Add | Kind::Sub) {
            step = Some(self.signed_number()?);
        }
        match (self.repetition()?, step) {
            (None, Some(_)) => return Err(Failed),
            (None, None) => values.push(SequenceValue::Float(value)),
            (Some(times), None) => {
                values.extend((0..=times).map(|_| SequenceValue::Float(value)));
            }
            (Some(times), Some(step)) => values.extend((0..=times).map(|_| {
                let now = value;
                value += step;
                SequenceValue::Float(now)
            })),
        }
        Ok(())
    }

    fn signed_number(&mut self) -> Parsed<f64> {
        let negative = match self.kind() {
            Kind::Add | Kind::Sub => self.advance().kind == Kind::Sub,
            _ => false,
        };
        let token = self.expect(Kind::Number)?;
        let value = self.number_value(&token);
        Ok(if negative { -value } else { value })
    }

    fn histogram_item(&mut self, values: &mut Vec<SequenceValue>) -> Parsed<()> {
        let first = self.described_histogram()?;
        let sign = match self.kind() {
            Kind::Add => 1.0,
            Kind::Sub => -1.0,
            _ => {
                let times = self.repetition()?.unwrap_or(0);
                let value = first.value(first.histogram.clone());
                values.extend((0..=times).map(|_| value.clone()));
                return Ok(());
            }
        };
        self.advance();
        let step = self.described_histogram()?;
        let times = self.repetition()?.ok_or(Failed)?;
        let mut now = first.histogram.clone();
        values.push(step.value(now.clone()));
        for _ in 0..times {
            if now.schema > step.histogram.schema {
                self.error(
                    self.token.span,
                    format!(
                        "error combining histograms: cannot merge from schema {} to {}",
                        step.histogram.schema, now.schema
                    ),
                );
                return Err(Failed);
            }
            let combined = if sign > 0.0 {
                now.add(&step.histogram)
            } else {
                now.subtract(&step.histogram)
            };
            if let Err(why) = combined {
                self.error(self.token.span, why.to_string());
                return Err(Failed);
            }
            values.push(step.value(now.clone()));
        }
        Ok(())
    }

    fn described_histogram(&mut self) -> Parsed<Described> {
        self.expect(Kind::OpenHistogram)?;
        let mut given = Vec::new();
        loop {
            while self.eat(Kind::Space).is_some() {}
            if self.eat(Kind::CloseHistogram).is_some() {
                break;
            }
            let part = self.histogram_part();
            given.push(self.named(
                part,
                "histogram description",
                "histogram description key, e.g. buckets:[5 10 7]",
            )?);
        }
        let mut keys: Vec<&str> = given.iter().map(|part| part.key.as_str()).collect();
        keys.sort_unstable();
        if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("duplicate key \"{}\" in histogram", twice[0]);
            self.error(self.token.span, message);
        }
        Ok(assemble(&given))
    }

    fn histogram_part(&mut self) -> Parsed<Part> {
        let key = self.expect(Kind::HistogramKey)?.text.to_ascii_lowercase();
        self.expect(Kind::Colon)?;
        let mut part = Part {
            key,
            numbers: Vec::new(),
            hint: None,
        };
        if let Some(word) = self.eat(Kind::ResetHint) {
            part.hint = Some(match word.text.to_ascii_lowercase().as_str() {
                "reset" => ResetHint::Reset,
                "not_reset" => ResetHint::NotReset,
                "gauge" => ResetHint::Gauge,
                _ => ResetHint::Unknown,
            });
        } else if self.eat(Kind::LeftBracket).is_some() {
            loop {
                while self.eat(Kind::Space).is_some() {}
                if self.eat(Kind::RightBracket).is_some() {
                    break;
                }
                part.numbers.push(self.signed_number()?);
            }
        } else {
            part.numbers.push(self.signed_number()?);
        }
        Ok(part)
    }
}

/// `key:value` of a histogram.
struct Part {
    key: String,
    numbers: Vec<f64>,
    hint: Option<ResetHint>,
}

fn assemble(parts: &[Part]) -> Described {
    let list = |key: &str| {
        parts
            .iter()
            .find(|part| part.key == key)
            .map_or(&[][..], |part| &part.numbers)
    };
    let number = |key: &str| list(key).first().copied().unwrap_or(0.0);
    let side = |buckets: &str, offset: &str| -> Vec<Bucket> {
        let first = number(offset) as i32;
        (0..)
            .zip(list(buckets))
            .map(|(at, count)| Bucket {
                index: first.saturating_add(at),
                count: *count,
            })
            .collect()
    };
    let hint = parts.iter().find_map(|part| part.hint);
    Described {
        histogram: Histogram {
            reset_hint: hint.unwrap_or_default(),
            schema: number("schema") as i32,
            zero_threshold: number("z_bucket_w"),
            zero_count: number("z_bucket"),
            count: number("count"),
            sum: number("sum"),
            positive: side("buckets", "offset"),
            negative: side("n_buckets", "n_offset"),
            custom_bounds: list("custom_values").into(),
        },
        hint_written: hint.is_some(),
    }
}
