//! Remarks on a result: warnings (it may be wrong) and infos (it may not be what was meant).

use std::collections::BTreeMap;

use crate::span::Span;
use crate::text::{float_g, float_two_digits, quote};

/// How much a remark matters.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The result may be wrong.
    Warning,
    /// The result may not be what was meant.
    Info,
}

/// What a remark adds to its sentence once the query is over.
#[derive(Clone, PartialEq, Debug)]
enum Detail {
    None,
    /// Buckets of a classic histogram that had to be raised.
    Monotonicity {
        from_ms: i64,
        to_ms: i64,
        low: f64,
        high: f64,
        difference: f64,
        samples: usize,
    },
    /// Start times that overlap, by metric and how often.
    Overlap {
        metric: String,
        count: usize,
    },
}

/// A remark.
#[derive(Clone, PartialEq, Debug)]
pub struct Annotation {
    severity: Severity,
    message: String,
    span: Span,
    detail: Detail,
}

impl Annotation {
    fn new(severity: Severity, message: impl Into<String>, span: Span) -> Self {
        let word = match severity {
            Severity::Warning => "PromQL warning: ",
            Severity::Info => "PromQL info: ",
        };
        Annotation {
            severity,
            message: format!("{word}{}", message.into()),
            span,
            detail: Detail::None,
        }
    }

    pub(crate) fn warning(message: impl Into<String>, span: Span) -> Self {
        Annotation::new(Severity::Warning, message, span)
    }

    pub(crate) fn info(message: impl Into<String>, span: Span) -> Self {
        Annotation::new(Severity::Info, message, span)
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The part of the query that it is about.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The sentence, with the position in the query.
    pub fn words(&self, query: &str) -> String {
        let at = self.span.describe(query);
        match &self.detail {
            Detail::None => format!("{} ({at})", self.message),
            Detail::Monotonicity {
                from_ms,
                to_ms,
                low,
                high,
                difference,
                samples,
            } => format!(
                "{}, from buckets {} to {}, with a max diff of {}, over {samples} samples from {} to {} ({at})",
                self.message,
                float_g(*low),
                float_g(*high),
                float_two_digits(*difference),
                crate::calendar::rfc3339(*from_ms),
                crate::calendar::rfc3339(*to_ms),
            ),
            Detail::Overlap { metric, count } => {
                let often = if *count > 1 {
                    format!(" ({count} occurrences)")
                } else {
                    String::new()
                };
                format!(
                    "{} for metric {}{often} ({at})",
                    self.message,
                    quote(metric)
                )
            }
        }
    }

    /// Takes in what an earlier remark of the same kind said.
    fn absorb(&mut self, earlier: &Annotation) {
        match (&mut self.detail, &earlier.detail) {
            (
                Detail::Monotonicity {
                    from_ms,
                    to_ms,
                    low,
                    high,
                    difference,
                    samples,
                },
                Detail::Monotonicity {
                    from_ms: from_before,
                    to_ms: to_before,
                    low: low_before,
                    high: high_before,
                    difference: difference_before,
                    samples: samples_before,
                },
            ) => {
                *from_ms = (*from_ms).min(*from_before);
                *to_ms = (*to_ms).max(*to_before);
                *low = low.min(*low_before);
                *high = high.max(*high_before);
                *difference = difference.max(*difference_before);
                *samples += samples_before;
            }
            (Detail::Overlap { count, .. }, Detail::Overlap { count: before, .. }) => {
                *count += before;
            }
            _ => {}
        }
    }
}

/// The remarks on one result; each sentence once.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Annotations(BTreeMap<String, Annotation>);

impl Annotations {
    pub(crate) fn add(&mut self, mut annotation: Annotation) {
        let key = match &annotation.detail {
            Detail::Overlap { metric, .. } => format!("{} {metric}", annotation.message),
            _ => annotation.message.clone(),
        };
        if let Some(earlier) = self.0.get(&key) {
            annotation.absorb(earlier);
        }
        self.0.insert(key, annotation);
    }

    pub(crate) fn merge(&mut self, others: Annotations) {
        for annotation in others.0.into_values() {
            self.add(annotation);
        }
    }

    /// All remarks, warnings and infos mixed, in a stable order.
    pub fn iter(&self) -> impl Iterator<Item = &Annotation> {
        self.0.values()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentences of one severity.
    pub fn words(&self, severity: Severity, query: &str) -> Vec<String> {
        self.iter()
            .filter(|a| a.severity == severity)
            .map(|a| a.words(query))
            .collect()
    }
}

/// What two histograms were being combined for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Combining {
    Addition,
    Subtraction,
    Aggregation,
}

impl Combining {
    fn word(self) -> &'static str {
        match self {
            Combining::Addition => "addition",
            Combining::Subtraction => "subtraction",
            Combining::Aggregation => "aggregation",
        }
    }
}

fn named(message: &str, metric: &str) -> String {
    if metric.is_empty() {
        message.to_owned()
    } else {
        format!("{message} for metric name {}", quote(metric))
    }
}

/// The remarks that there are, in Prometheus' words.
impl Annotation {
    pub(crate) fn invalid_quantile(q: f64, span: Span) -> Self {
        let q = float_g(q);
        Annotation::warning(
            format!("quantile value should be between 0 and 1, got {q}"),
            span,
        )
    }

    pub(crate) fn invalid_ratio(ratio: f64, cap: f64, span: Span) -> Self {
        Annotation::warning(
            format!(
                "ratio value should be between -1 and 1, got {}, capping to {}",
                float_g(ratio),
                float_g(cap)
            ),
            span,
        )
    }

    pub(crate) fn bad_bucket_label(metric: &str, label: &str, span: Span) -> Self {
        let message = format!(
            "bucket label \"le\" is missing or has a malformed value of {}",
            quote(label)
        );
        Annotation::warning(named(&message, metric), span)
    }

    pub(crate) fn mixed_floats_histograms(metric: &str, span: Span) -> Self {
        Annotation::warning(
            format!(
                "encountered a mix of histograms and floats for metric name {}",
                quote(metric)
            ),
            span,
        )
    }

    pub(crate) fn mixed_in_aggregation(span: Span) -> Self {
        Annotation::warning(
            "encountered a mix of histograms and floats for aggregation",
            span,
        )
    }

    pub(crate) fn mixed_classic_native(metric: &str, span: Span) -> Self {
        Annotation::warning(
            named(
                "vector contains a mix of classic and native histograms",
                metric,
            ),
            span,
        )
    }

    pub(crate) fn not_counter(metric: &str, span: Span) -> Self {
        Annotation::warning(
            format!(
                "this native histogram metric is not a counter: {}",
                quote(metric)
            ),
            span,
        )
    }

    pub(crate) fn not_gauge(metric: &str, span: Span) -> Self {
        Annotation::warning(
            format!(
                "this native histogram metric is not a gauge: {}",
                quote(metric)
            ),
            span,
        )
    }

    pub(crate) fn mixed_schemas(metric: &str, span: Span) -> Self {
        Annotation::warning(
            format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                quote(metric)
            ),
            span,
        )
    }

    pub(crate) fn incompatible_buckets(op: &str, span: Span) -> Self {
        Annotation::warning(
            format!("incompatible bucket layout encountered for binary operator {op}"),
            span,
        )
    }

    pub(crate) fn sort_in_range(span: Span) -> Self {
        Annotation::warning(
            "sort is ineffective for range queries since results are always ordered by labels",
            span,
        )
    }

    pub(crate) fn hints_collide(combining: Combining, span: Span) -> Self {
        Annotation::warning(
            format!(
                "conflicting counter resets during histogram {}",
                combining.word()
            ),
            span,
        )
    }

    pub(crate) fn start_overlap(metric: &str, span: Span) -> Self {
        let mut annotation = Annotation::warning(
            "sample has start time that overlaps with previous sample timestamp",
            span,
        );
        annotation.detail = Detail::Overlap {
            metric: metric.to_owned(),
            count: 1,
        };
        annotation
    }

    pub(crate) fn bounds_reconciled(combining: Combining, span: Span) -> Self {
        Annotation::info(
            format!(
                "mismatched custom buckets were reconciled during {}",
                combining.word()
            ),
            span,
        )
    }

    pub(crate) fn possible_non_counter(metric: &str, span: Span) -> Self {
        Annotation::info(
            format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quote(metric)
            ),
            span,
        )
    }

    pub(crate) fn possible_non_counter_type(metric: &str, found: &str, span: Span) -> Self {
        Annotation::info(
            format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                quote(found),
                quote(metric)
            ),
            span,
        )
    }

    pub(crate) fn forced_monotonicity(
        metric: &str,
        span: Span,
        t: i64,
        (low, high, difference): (f64, f64, f64),
    ) -> Self {
        let mut annotation = Annotation::info(
            named(
                "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                metric,
            ),
            span,
        );
        annotation.detail = Detail::Monotonicity {
            from_ms: t,
            to_ms: t,
            low,
            high,
            difference,
            samples: 1,
        };
        annotation
    }

    pub(crate) fn incompatible_types(left: &str, op: &str, right: &str, span: Span) -> Self {
        Annotation::info(
            format!(
                "incompatible sample types encountered for binary operator {}: {left} {op} {right}",
                quote(op)
            ),
            span,
        )
    }

    pub(crate) fn ignored_in_aggregation(aggregation: &str, span: Span) -> Self {
        Annotation::info(
            format!("ignored histogram in {aggregation} aggregation"),
            span,
        )
    }

    pub(crate) fn ignored_in_range(metric: &str, span: Span) -> Self {
        Annotation::info(
            format!(
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                quote(metric)
            ),
            span,
        )
    }

    pub(crate) fn quantile_nan_result(metric: &str, span: Span) -> Self {
        let message = "input to histogram_quantile has NaN observations, result is NaN";
        Annotation::info(named(message, metric), span)
    }

    pub(crate) fn quantile_nan_skew(metric: &str, span: Span) -> Self {
        let message = "input to histogram_quantile has NaN observations, result is skewed higher";
        Annotation::info(named(message, metric), span)
    }

    pub(crate) fn fraction_nan(metric: &str, span: Span) -> Self {
        let message = "input to histogram_fraction has NaN observations, which are excluded from all fractions";
        Annotation::info(named(message, metric), span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sentence_stands_once() {
        let mut all = Annotations::default();
        all.add(Annotation::not_gauge("x", Span::new(0, 1)));
        all.add(Annotation::not_gauge("x", Span::new(2, 3)));
        assert_eq!(
            all.words(Severity::Warning, "abc"),
            ["PromQL warning: this native histogram metric is not a gauge: \"x\" (1:3)"]
        );
        assert!(all.words(Severity::Info, "abc").is_empty());
    }

    #[test]
    fn raised_buckets_are_summed_up() {
        let mut all = Annotations::default();
        for (t, low) in [(60_000, 2.0), (0, 1.0)] {
            all.add(Annotation::forced_monotonicity(
                "",
                Span::new(0, 1),
                t,
                (low, 4.0, 0.5),
            ));
        }
        let words = all.words(Severity::Info, "a").remove(0);
        assert!(
            words.ends_with(
                "from buckets 1 to 4, with a max diff of 0.5, over 2 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:1)"
            ),
            "{words}"
        );
    }
}
