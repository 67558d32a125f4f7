//! Functions over ranges: a window that slides over each series once.

use std::sync::Arc;

use super::collect::refuse_same_labels;
use super::selector::{only_statistics, without_stale};
use super::{Evaluator, Outcome, extended, over_time, rate, resets, trend};
use crate::annotations::{Annotation, Annotations};
use crate::ast::Extension;
use crate::error::EvalError;
use crate::labels::Labels;
use crate::plan::{CallPlan, Node, Resolved};
use crate::source::SeriesSamples;
use crate::span::Span;
use crate::value::{FloatPoint, HistogramPoint, Matrix, SampleValue, Series};

/// What a function sees of one series at one step.
pub(super) struct View<'a> {
    /// The whole series, for what is looked up across windows.
    pub all: &'a SeriesSamples,
    /// Where the window begins in it.
    pub first_float: usize,
    pub floats: &'a [FloatPoint],
    pub histograms: &'a [HistogramPoint],
    pub float_starts: &'a [i64],
    pub histogram_starts: &'a [i64],
    /// Where the whole series' numbers fall; empty unless the function asks for it.
    pub falls: &'a [usize],
    /// The moment of evaluation.
    pub t: i64,
    /// The range's open end and its closed one.
    pub from: i64,
    pub to: i64,
    pub extension: Extension,
    pub metric: &'a str,
    /// Where the range stands in the query.
    pub span: Span,
}

impl View<'_> {
    /// The range's length in seconds.
    pub fn seconds(&self) -> f64 {
        self.to.saturating_sub(self.from) as f64 / 1000.0
    }

    pub fn is_mixed(&self) -> bool {
        !self.floats.is_empty() && !self.histograms.is_empty()
    }
}

/// A range argument with its series.
struct Ranged {
    series: Vec<(Arc<SeriesSamples>, bool)>,
    range: i64,
    shift: Resolved,
    extension: Extension,
    /// How many samples a subquery holds until the function is done.
    held: usize,
}

/// Where a window lies in a series; moves forward only.
#[derive(Default)]
struct Slide {
    start: usize,
    end: usize,
}

impl Slide {
    fn advance<T>(&mut self, points: &[T], time: impl Fn(&T) -> i64, from: i64, to: i64) {
        while points.get(self.end).is_some_and(|p| time(p) <= to) {
            self.end += 1;
        }
        while self.start < self.end && time(&points[self.start]) <= from {
            self.start += 1;
        }
    }

    fn part<'a, T>(&self, points: &'a [T]) -> &'a [T] {
        points.get(self.start..self.end).unwrap_or(&[])
    }
}

/// Places at which numbers are smaller than the one before.
fn falls(points: &[FloatPoint]) -> Vec<usize> {
    (1..points.len())
        .filter(|at| points[*at].v < points[at - 1].v)
        .collect()
}

impl Evaluator<'_> {
    fn ranged(&self, call: &CallPlan, at: usize) -> Outcome<Ranged> {
        match &call.args[at].node {
            Node::Matrix(window) => Ok(Ranged {
                series: self
                    .select(&window.selector)?
                    .into_iter()
                    .map(|s| {
                        let clean = without_stale(&s);
                        if window.selector.statistics {
                            (only_statistics(&clean), false)
                        } else {
                            (clean, false)
                        }
                    })
                    .collect(),
                range: window.range,
                shift: window.selector.shift,
                extension: window.selector.extension,
                held: 0,
            }),
            Node::Subquery(subquery) => {
                let matrix = self.subquery(subquery)?;
                let held = matrix.iter().map(Series::weight).sum();
                let series = matrix.into_iter().map(|s| {
                    let samples = SeriesSamples {
                        labels: s.labels,
                        floats: s.floats,
                        histograms: s.histograms,
                        ..SeriesSamples::default()
                    };
                    (Arc::new(samples), s.drop_name)
                });
                Ok(Ranged {
                    series: series.collect(),
                    range: subquery.range,
                    shift: subquery.shift,
                    extension: Extension::None,
                    held,
                })
            }
            _ => self.unknown_function(call.function.name),
        }
    }

    pub(super) fn range_function(
        &self,
        call: &CallPlan,
        at: usize,
        _span: Span,
    ) -> Outcome<Matrix> {
        let name = call.function.name;
        let ranged = self.ranged(call, at)?;
        let mut parameters = Vec::new();
        for (place, arg) in call.args.iter().enumerate() {
            if place != at {
                parameters.push(self.scalars(arg)?);
            }
        }
        check_extension(ranged.extension, name)?;
        let span = call.args[0].span;
        let keeps_name = matches!(name, "last_over_time" | "first_over_time");
        let mut matrix = Matrix::with_capacity(ranged.series.len());
        let mut remarks = Annotations::default();
        for (samples, input_drops) in &ranged.series {
            self.check()?;
            let drops = !keeps_name || *input_drops;
            let mut series = Series {
                labels: if drops {
                    self.without_name(&samples.labels)
                } else {
                    samples.labels.clone()
                },
                drop_name: drops,
                ..Series::default()
            };
            self.slide(
                name,
                samples,
                &ranged,
                &parameters,
                span,
                &mut series,
                &mut remarks,
            )?;
            if matches!(name, "rate" | "increase") && !series.floats.is_empty() {
                self.check_counter_name(&samples.labels, span, &mut remarks);
            }
            if !series.is_empty() {
                self.hold(series.weight())?;
                matrix.push(series);
            }
        }
        self.remarks(remarks);
        self.release(ranged.held);
        if name == "absent_over_time" {
            return Ok(self.missing(&matrix, call, true));
        }
        if !self.delayed_names() {
            refuse_same_labels(&matrix)?;
        }
        Ok(matrix)
    }

    /// Moves the window over one series.
    #[allow(clippy::too_many_arguments)]
    fn slide(
        &self,
        name: &str,
        samples: &SeriesSamples,
        ranged: &Ranged,
        parameters: &[Vec<f64>],
        span: Span,
        out: &mut Series,
        remarks: &mut Annotations,
    ) -> Outcome<()> {
        let lookback = self.shared.options.lookback_ms;
        let (back, ahead) = match ranged.extension {
            Extension::None => (0, 0),
            Extension::Anchored => (lookback, 0),
            Extension::Smoothed => (lookback, lookback),
        };
        let counter = matches!(name, "rate" | "increase");
        let falls = if counter && samples.float_starts.is_empty() {
            falls(&samples.floats)
        } else {
            Vec::new()
        };
        let (mut floats, mut histograms) = (Slide::default(), Slide::default());
        let mut values = Vec::with_capacity(parameters.len());
        let mut most = 0;
        for (step, t) in self.scope.moments().enumerate() {
            let to = ranged.shift.moment(t);
            let from = to.saturating_sub(ranged.range);
            let (first, last) = (from.saturating_sub(back), to.saturating_add(ahead));
            floats.advance(&samples.floats, |p| p.t, first, last);
            histograms.advance(&samples.histograms, |p| p.t, first, last);
            let view = View {
                all: samples,
                first_float: floats.start,
                floats: floats.part(&samples.floats),
                histograms: histograms.part(&samples.histograms),
                float_starts: floats.part(&samples.float_starts),
                histogram_starts: histograms.part(&samples.histogram_starts),
                falls: &falls,
                t,
                from,
                to,
                extension: ranged.extension,
                metric: samples.labels.metric_name(),
                span,
            };
            if view.floats.is_empty() && view.histograms.is_empty() {
                continue;
            }
            most = most.max(view.floats.len() + view.histograms.len());
            values.clear();
            values.extend(parameters.iter().map(|p| p[step]));
            if let Some(value) = self.over_range(name, &view, &values, remarks)? {
                out.push(t, value);
            }
        }
        self.hold(most)?;
        self.release(most);
        Ok(())
    }

    fn over_range(
        &self,
        name: &str,
        view: &View<'_>,
        parameters: &[f64],
        remarks: &mut Annotations,
    ) -> Outcome<Option<SampleValue>> {
        let use_starts = self.shared.options.start_timestamps;
        Ok(match name {
            "rate" => rate::extrapolated(view, true, true, use_starts, remarks),
            "increase" => rate::extrapolated(view, true, false, use_starts, remarks),
            "delta" => rate::extrapolated(view, false, false, use_starts, remarks),
            "irate" => rate::instant(view, true, use_starts, remarks),
            "idelta" => rate::instant(view, false, use_starts, remarks),
            "resets" => resets::resets(view, use_starts),
            "changes" => resets::changes(view),
            "deriv" => trend::derivative(view, remarks),
            "predict_linear" => trend::predicted(view, parameters[0], remarks),
            "double_exponential_smoothing" => {
                trend::smoothed(view, parameters[0], parameters[1], remarks)?
            }
            _ => match over_time::over_time(name, view, parameters, remarks) {
                Some(value) => value,
                None => return self.unknown_function(name),
            },
        })
    }

    fn check_counter_name(&self, labels: &Labels, span: Span, remarks: &mut Annotations) {
        let metric = labels.metric_name();
        if metric.is_empty() {
            return;
        }
        if self.shared.options.type_and_unit_labels {
            let found = labels.get(crate::labels::TYPE);
            if !matches!(found, "counter" | "histogram") {
                remarks.add(Annotation::possible_non_counter_type(metric, found, span));
            }
            return;
        }
        let counts = ["_total", "_sum", "_count", "_bucket"]
            .iter()
            .any(|suffix| metric.ends_with(suffix));
        if !counts {
            remarks.add(Annotation::possible_non_counter(metric, span));
        }
    }
}

fn check_extension(extension: Extension, name: &str) -> Outcome<()> {
    let (word, allowed): (_, &[&str]) = match extension {
        Extension::None => return Ok(()),
        Extension::Anchored => ("anchored", &extended::ANCHORED),
        Extension::Smoothed => ("smoothed", &extended::SMOOTHED),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    Err(EvalError::execution(format!(
        "{word} modifier can only be used with: {} - not with {name}",
        allowed.join(", ")
    )))
}
