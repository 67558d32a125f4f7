//! Many values to one: quantiles, sums and means of histograms.

use std::sync::Arc;

use crate::annotations::{Annotation, Annotations, Combining};
use crate::histogram::{CompensatedSum, Histogram, IncompatibleSchemas, ResetHint};
use crate::span::Span;

/// The φ-quantile by straight line between ranks. What is no number counts as the smallest.
/// Sorts the values.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        _ => a.total_cmp(b),
    });
    let last = (values.len() - 1) as f64;
    let rank = q * last;
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min(last);
    let weight = rank - rank.floor();
    values[lower as usize] * (1.0 - weight) + values[upper as usize] * weight
}

/// The mean of histograms that is a plain quotient until the sum overflows.
pub(super) struct HistogramMean {
    running: bool,
    count: f64,
    value: CompensatedSum,
}

impl HistogramMean {
    pub fn from(first: Histogram) -> Self {
        HistogramMean {
            running: false,
            count: 1.0,
            value: CompensatedSum::new(first),
        }
    }

    /// Adds one; whether bounds had to be reconciled.
    pub fn add(&mut self, histogram: &Histogram) -> Result<bool, IncompatibleSchemas> {
        self.count += 1.0;
        if !self.running {
            let mut sum = self.value.clone();
            let combined = sum.add(histogram)?;
            if !sum.has_overflow() {
                self.value = sum;
                return Ok(combined.bounds_reconciled);
            }
            self.running = true;
            self.value = self.value.clone().divided(self.count - 1.0);
        }
        self.value = self.value.clone().scaled((self.count - 1.0) / self.count);
        let part = histogram.clone().divided(self.count);
        Ok(self.value.add(&part)?.bounds_reconciled)
    }

    pub fn value(self) -> Histogram {
        if self.running {
            self.value.total()
        } else {
            self.value.divided(self.count).total()
        }
    }
}

/// What is noted while histograms are reduced.
#[derive(Default)]
pub(super) struct Noted {
    pub reset: bool,
    pub not_reset: bool,
    pub reconciled: bool,
}

impl Noted {
    pub fn hint(&mut self, hint: ResetHint) {
        self.reset |= hint == ResetHint::Reset;
        self.not_reset |= hint == ResetHint::NotReset;
    }

    /// Says what there is to say.
    pub fn remark(&self, span: Span, remarks: &mut Annotations) {
        if self.reset && self.not_reset {
            remarks.add(Annotation::hints_collide(Combining::Aggregation, span));
        }
        if self.reconciled {
            remarks.add(Annotation::bounds_reconciled(Combining::Aggregation, span));
        }
    }
}

/// The sum of histograms; nothing if their schemas do not go together.
pub(super) fn sum_of<'a>(
    mut points: impl Iterator<Item = &'a Arc<Histogram>>,
    metric: &str,
    span: Span,
    remarks: &mut Annotations,
) -> Option<Histogram> {
    let first = points.next()?;
    let mut noted = Noted::default();
    noted.hint(first.reset_hint);
    let mut sum = CompensatedSum::new((**first).clone());
    for histogram in points {
        noted.hint(histogram.reset_hint);
        match sum.add(histogram) {
            Ok(combined) => noted.reconciled |= combined.bounds_reconciled,
            Err(_) => {
                remarks.add(Annotation::mixed_schemas(metric, span));
                return None;
            }
        }
    }
    noted.remark(span, remarks);
    Some(sum.total())
}

/// The mean of histograms; nothing if their schemas do not go together.
pub(super) fn mean_of<'a>(
    mut points: impl Iterator<Item = &'a Arc<Histogram>>,
    metric: &str,
    span: Span,
    remarks: &mut Annotations,
) -> Option<Histogram> {
    let first = points.next()?;
    let mut noted = Noted::default();
    noted.hint(first.reset_hint);
    let mut mean = HistogramMean::from((**first).clone());
    for histogram in points {
        noted.hint(histogram.reset_hint);
        match mean.add(histogram) {
            Ok(reconciled) => noted.reconciled |= reconciled,
            Err(_) => {
                remarks.add(Annotation::mixed_schemas(metric, span));
                return None;
            }
        }
    }
    noted.remark(span, remarks);
    Some(mean.value())
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_lie_on_the_line_between_ranks() {
        assert_eq!(quantile(0.75, &mut [4.0, 0.0, 1.0]), 2.5);
        assert_eq!(quantile(0.0, &mut [4.0, 0.0, 1.0]), 0.0);
        assert!(quantile(0.0, &mut [4.0, f64::NAN]).is_nan());
        assert_eq!(quantile(1.0, &mut [4.0, f64::NAN]), 4.0);
        assert_eq!(quantile(-1.0, &mut [4.0]), f64::NEG_INFINITY);
        assert!(quantile(0.5, &mut []).is_nan());
    }
}
