//! Functions: which part of the evaluator answers them.

use super::{Evaluator, Outcome};
use crate::annotations::Annotation;
use crate::ast::ValueType;
use crate::error::EvalError;
use crate::plan::{CallPlan, Node, Planned};
use crate::span::Span;
use crate::value::{FloatPoint, Matrix, Series};

/// The text that an argument is.
pub(super) fn text(planned: &Planned) -> &[u8] {
    match &planned.node {
        Node::Text(bytes) => bytes,
        _ => &[],
    }
}

impl Evaluator<'_> {
    pub(super) fn call(&self, call: &CallPlan, span: Span) -> Outcome<Matrix> {
        let name = call.function.name;
        if let Some(at) = call
            .args
            .iter()
            .position(|arg| arg.value_type == ValueType::Matrix)
        {
            return self.range_function(call, at, span);
        }
        match name {
            "timestamp" | "start_timestamp" => self.timestamp(call),
            "label_replace" => self.label_replace(call),
            "label_join" => self.label_join(call),
            "info" => self.info(call),
            "time" => self.series_of(|t| t as f64 / 1000.0),
            "pi" => self.series_of(|_| std::f64::consts::PI),
            "vector" => {
                let mut matrix = self.eval(&call.args[0])?;
                matrix.truncate(1);
                Ok(matrix)
            }
            "max_of" | "min_of" => self.larger_or_smaller(call, name == "max_of"),
            "scalar" => self.scalar(call),
            "absent" => self.absent(call),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                if !self.scope.is_single() {
                    self.remark(Annotation::sort_in_range(span));
                }
                self.sorted(call)
            }
            "histogram_quantile" => self.histogram_quantile(call),
            "histogram_quantiles" => self.histogram_quantiles(call),
            "histogram_fraction" => self.histogram_fraction(call),
            "year" | "month" | "day_of_month" | "day_of_week" | "day_of_year" | "days_in_month"
            | "hour" | "minute" => self.date(call),
            _ if name.starts_with("histogram_") => self.native_histogram(call),
            _ => self.simple(call),
        }
    }

    /// A scalar that depends on the moment only.
    pub(super) fn series_of(&self, value: impl Fn(i64) -> f64) -> Outcome<Matrix> {
        Ok(vec![Series {
            floats: self
                .scope
                .moments()
                .map(|t| FloatPoint { t, v: value(t) })
                .collect(),
            ..Series::default()
        }])
    }

    fn larger_or_smaller(&self, call: &CallPlan, larger: bool) -> Outcome<Matrix> {
        let a = self.scalars(&call.args[0])?;
        let b = self.scalars(&call.args[1])?;
        self.series_of(|t| {
            let step = self.step_of(t);
            let (a, b) = (a[step], b[step]);
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else if larger {
                a.max(b)
            } else {
                a.min(b)
            }
        })
    }

    /// The only number of a vector.
    fn scalar(&self, call: &CallPlan) -> Outcome<Matrix> {
        let matrix = self.eval(&call.args[0])?;
        let mut values = vec![f64::NAN; self.scope.steps()];
        let mut counts = vec![0u32; self.scope.steps()];
        for point in matrix.iter().flat_map(|s| &s.floats) {
            let step = self.step_of(point.t);
            counts[step] = counts[step].saturating_add(1);
            values[step] = point.v;
        }
        self.series_of(|t| {
            let step = self.step_of(t);
            if counts[step] == 1 {
                values[step]
            } else {
                f64::NAN
            }
        })
    }

    /// The steps at which a vector has nothing.
    fn absent(&self, call: &CallPlan) -> Outcome<Matrix> {
        let matrix = self.eval(&call.args[0])?;
        Ok(self.missing(&matrix, call, false))
    }

    /// A series of ones at the steps at which no series has a sample.
    pub(super) fn missing(&self, matrix: &Matrix, call: &CallPlan, drop_name: bool) -> Matrix {
        let mut present = vec![false; self.scope.steps()];
        for series in matrix {
            let floats = series.floats.iter().map(|p| p.t);
            for t in floats.chain(series.histograms.iter().map(|p| p.t)) {
                present[self.step_of(t)] = true;
            }
        }
        let floats: Vec<FloatPoint> = self
            .scope
            .moments()
            .filter(|t| !present[self.step_of(*t)])
            .map(|t| FloatPoint { t, v: 1.0 })
            .collect();
        if floats.is_empty() {
            return Matrix::new();
        }
        vec![Series {
            labels: call.absent.clone(),
            floats,
            drop_name,
            ..Series::default()
        }]
    }

    /// When the sample was taken that counts at a moment; for anything but a selector that is the
    /// moment itself.
    fn timestamp(&self, call: &CallPlan) -> Outcome<Matrix> {
        let wants_start = call.function.name == "start_timestamp";
        let arg = &call.args[0];
        let arg = match &arg.node {
            Node::Invariant(inner) if matches!(inner.node, Node::Vector(_)) => inner,
            _ => arg,
        };
        let Node::Vector(selector) = &arg.node else {
            return self.timestamp_of_result(call, wants_start);
        };
        let use_starts = self.shared.options.start_timestamps;
        let lookback = self.shared.options.lookback_ms;
        let mut matrix = Matrix::new();
        for samples in self.select(selector)? {
            let from = selector.selection.from_ms;
            let mut latest = super::selector::Latest::new(&samples, from);
            let mut series = Series {
                labels: self.without_name(&samples.labels),
                drop_name: true,
                ..Series::default()
            };
            for t in self.scope.moments() {
                let Some((taken, start, _)) = latest.at(selector.shift.moment(t), lookback) else {
                    continue;
                };
                let ms = match (wants_start, use_starts) {
                    (false, _) => taken,
                    (true, true) => start,
                    (true, false) => continue,
                };
                series.floats.push(FloatPoint {
                    t,
                    v: ms as f64 / 1000.0,
                });
            }
            if !series.is_empty() {
                self.hold(series.weight())?;
                matrix.push(series);
            }
        }
        self.rejoined(matrix)
    }

    fn timestamp_of_result(&self, call: &CallPlan, wants_start: bool) -> Outcome<Matrix> {
        let matrix = self.eval(&call.args[0])?;
        if wants_start {
            return Ok(Matrix::new());
        }
        let mapped = matrix
            .into_iter()
            .map(|series| {
                let floats = series.floats.iter().map(|p| p.t);
                let mut times: Vec<i64> = floats
                    .chain(series.histograms.iter().map(|p| p.t))
                    .collect();
                times.sort_unstable();
                Series {
                    labels: self.without_name(&series.labels),
                    floats: times
                        .into_iter()
                        .map(|t| FloatPoint {
                            t,
                            v: t as f64 / 1000.0,
                        })
                        .collect(),
                    histograms: Vec::new(),
                    drop_name: true,
                }
            })
            .collect();
        self.rejoined(mapped)
    }

    pub(super) fn unknown_function<T>(&self, name: &str) -> Outcome<T> {
        Err(EvalError::execution(format!(
            "unexpected nil implementation for function {}",
            crate::text::quote(name)
        )))
    }
}
