//! Aggregations that make one series of each group.
//!
//! A group is worked off by itself, some steps at a time, its series one after the other: the sums
//! of each step see the series in the same order as if step by step were gone, and what is held at
//! a time is one row of sums.

use std::collections::HashMap;
use std::sync::Arc;

use super::reduce::{HistogramMean, Noted, quantile};
use super::{Evaluator, Outcome};
use crate::annotations::{Annotation, Annotations};
use crate::ast::AggregateOp;
use crate::error::EvalError;
use crate::histogram::{CompensatedSum, Histogram};
use crate::kahan::{Kahan, Mean};
use crate::labels::{Labels, METRIC_NAME};
use crate::plan::{AggregatePlan, Planned};
use crate::span::Span;
use crate::text::float_f;
use crate::value::{Matrix, SampleValue, Series};

/// The labels of a group.
pub(super) fn group_labels(labels: &Labels, plan: &AggregatePlan, grouping: &[String]) -> Labels {
    if plan.without {
        labels.without(grouping).without_one(METRIC_NAME)
    } else {
        labels.keep(grouping)
    }
}

/// What two series have in common if they belong to one group. The name counts unless it is
/// named after `without`, so that `without` keeps metrics apart.
pub(super) fn group_key(labels: &Labels, plan: &AggregatePlan) -> Labels {
    if plan.without {
        labels.without(&plan.grouping).without_one(METRIC_NAME)
    } else {
        labels.keep(&plan.grouping)
    }
}

/// The series of each group, by their places.
pub(super) fn groups(matrix: &Matrix, plan: &AggregatePlan) -> Vec<(Labels, Vec<usize>)> {
    let mut known: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
    for (at, series) in matrix.iter().enumerate() {
        let key = group_key(&series.labels, plan);
        let group = *known.entry(key).or_insert_with(|| {
            let labels = group_labels(&series.labels, plan, &plan.grouping);
            groups.push((labels, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(at);
    }
    groups
}

/// Histograms of a group at one step.
enum Histograms {
    None,
    Sum(Box<CompensatedSum>),
    Mean(Box<HistogramMean>),
    /// Of kinds that do not go together.
    Incompatible,
}

/// What a group has come to at one step.
struct Row {
    seen: bool,
    has_float: bool,
    count: f64,
    value: f64,
    sum: Kahan,
    mean: Option<Mean>,
    /// For the spread: a running mean.
    middle: f64,
    values: Vec<f64>,
    histograms: Histograms,
    noted: Noted,
}

impl Row {
    fn new() -> Self {
        Row {
            seen: false,
            has_float: false,
            count: 0.0,
            value: 0.0,
            sum: Kahan::default(),
            mean: None,
            middle: 0.0,
            values: Vec::new(),
            histograms: Histograms::None,
            noted: Noted::default(),
        }
    }

    fn add_float(&mut self, op: AggregateOp, v: f64) {
        use AggregateOp::*;
        let first = !self.seen;
        self.seen = true;
        self.has_float = true;
        self.count += 1.0;
        match op {
            Sum if first => self.sum = Kahan::from(v),
            Sum => self.sum.add(v),
            Avg => match &mut self.mean {
                Some(mean) => mean.add(v),
                None => self.mean = Some(Mean::from(v)),
            },
            Max if first || self.value < v || self.value.is_nan() => self.value = v,
            Min if first || self.value > v || self.value.is_nan() => self.value = v,
            StdDev | StdVar if first => {
                self.middle = v;
                self.value = if v.is_finite() { 0.0 } else { f64::NAN };
            }
            StdDev | StdVar => {
                let delta = v - self.middle;
                self.middle += delta / self.count;
                self.value += delta * (v - self.middle);
            }
            Quantile => self.values.push(v),
            _ => {}
        }
    }

    /// Adds a histogram; says if its schema does not go with the others'.
    fn add_histogram(&mut self, op: AggregateOp, h: &Arc<Histogram>) -> Result<(), ()> {
        self.seen = true;
        self.count += 1.0;
        if !matches!(op, AggregateOp::Sum | AggregateOp::Avg) {
            return Ok(());
        }
        if self.has_float {
            // Mixed: nothing will come of it, and the kind is noted.
            if matches!(self.histograms, Histograms::None) {
                self.histograms = Histograms::Sum(Box::new(CompensatedSum::new((**h).clone())));
            }
            return Ok(());
        }
        self.noted.hint(h.reset_hint);
        let added = match &mut self.histograms {
            Histograms::None => {
                let first = (**h).clone();
                self.histograms = if op == AggregateOp::Sum {
                    Histograms::Sum(Box::new(CompensatedSum::new(first)))
                } else {
                    Histograms::Mean(Box::new(HistogramMean::from(first)))
                };
                return Ok(());
            }
            Histograms::Sum(sum) => sum.add(h).map(|c| c.bounds_reconciled),
            Histograms::Mean(mean) => mean.add(h),
            Histograms::Incompatible => return Ok(()),
        };
        match added {
            Ok(reconciled) => {
                self.noted.reconciled |= reconciled;
                Ok(())
            }
            Err(_) => {
                self.histograms = Histograms::Incompatible;
                Err(())
            }
        }
    }

    fn value(
        mut self,
        op: AggregateOp,
        q: f64,
        span: Span,
        remarks: &mut Annotations,
    ) -> Option<SampleValue> {
        use AggregateOp::*;
        if !matches!(op, Sum | Avg) {
            return Some(SampleValue::Float(match op {
                Count => self.count,
                Group => 1.0,
                StdVar => self.value / self.count,
                StdDev => (self.value / self.count).sqrt(),
                Quantile => quantile(q, &mut self.values),
                _ => self.value,
            }));
        }
        let histogram = match self.histograms {
            Histograms::None => {
                return Some(SampleValue::Float(match self.mean {
                    Some(mean) => mean.value(),
                    None => self.sum.total(),
                }));
            }
            _ if self.has_float => {
                remarks.add(Annotation::mixed_in_aggregation(span));
                return None;
            }
            Histograms::Incompatible => return None,
            Histograms::Sum(sum) => sum.total(),
            Histograms::Mean(mean) => mean.value(),
        };
        self.noted.remark(span, remarks);
        Some(SampleValue::Histogram(Arc::new(histogram.compacted())))
    }
}

/// The name by which an aggregation that leaves histograms out is remarked on.
fn leaves_out(op: AggregateOp) -> Option<&'static str> {
    use AggregateOp::*;
    matches!(op, StdDev | StdVar | Quantile | Min | Max).then(|| op.name())
}

/// A group's rows, some steps at a time.
struct Rows<'a> {
    evaluator: &'a Evaluator<'a>,
    plan: &'a AggregatePlan,
    /// Each series with the places up to which its numbers and histograms are used.
    members: Vec<(&'a Series, usize, usize)>,
    next: usize,
}

impl<'a> Rows<'a> {
    /// How many steps are worked off together.
    const TOGETHER: usize = 1_024;

    fn new(
        evaluator: &'a Evaluator<'a>,
        plan: &'a AggregatePlan,
        matrix: &'a Matrix,
        members: &[usize],
    ) -> Self {
        Rows {
            evaluator,
            plan,
            members: members.iter().map(|at| (&matrix[*at], 0, 0)).collect(),
            next: 0,
        }
    }

    /// The next rows, with the first one's step.
    fn next(&mut self, remarks: &mut Annotations) -> Option<(usize, Vec<Row>)> {
        let first = self.next;
        let end = self.evaluator.scope.steps().min(first + Self::TOGETHER);
        if first >= end {
            return None;
        }
        self.next = end;
        let (op, span) = (self.plan.op, self.plan.expr.span);
        let mut rows: Vec<Row> = (first..end).map(|_| Row::new()).collect();
        for (series, float, histogram) in &mut self.members {
            while let Some(point) = series.floats.get(*float) {
                let step = self.evaluator.step_of(point.t);
                if step >= end {
                    break;
                }
                rows[step - first].add_float(op, point.v);
                *float += 1;
            }
            if let (Some(name), false) = (leaves_out(op), series.histograms.is_empty()) {
                remarks.add(Annotation::ignored_in_aggregation(name, span));
                continue;
            }
            while let Some(point) = series.histograms.get(*histogram) {
                let step = self.evaluator.step_of(point.t);
                if step >= end {
                    break;
                }
                if rows[step - first].add_histogram(op, &point.v).is_err() {
                    let metric = series.labels.metric_name();
                    remarks.add(Annotation::mixed_schemas(metric, span));
                }
                *histogram += 1;
            }
        }
        Some((first, rows))
    }
}

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, plan: &AggregatePlan, span: Span) -> Outcome<Matrix> {
        use AggregateOp::*;
        if plan.op == CountValues {
            return self.count_values(plan);
        }
        let parameters = match &plan.parameter {
            Some(parameter) => self.scalars(parameter)?,
            None => Vec::new(),
        };
        let matrix = self.eval(&plan.expr)?;
        if matches!(plan.op, TopK | BottomK | LimitK | LimitRatio) {
            return self.aggregate_k(plan, &matrix, &parameters, span);
        }
        if let Some(parameter) = &plan.parameter {
            self.check_quantile(&parameters, parameter);
        }
        let mut out = Matrix::new();
        let mut remarks = Annotations::default();
        for (labels, members) in groups(&matrix, plan) {
            self.check()?;
            let mut result = Series {
                labels,
                drop_name: members.iter().any(|at| matrix[*at].drop_name),
                ..Series::default()
            };
            let mut rows = Rows::new(self, plan, &matrix, &members);
            while let Some((first, row)) = rows.next(&mut remarks) {
                for (step, row) in (first..).zip(row) {
                    if !row.seen {
                        continue;
                    }
                    let q = parameters.get(step).copied().unwrap_or(f64::NAN);
                    let t = self.scope.start + step as i64 * self.scope.interval;
                    if let Some(value) = row.value(plan.op, q, plan.expr.span, &mut remarks) {
                        result.push(t, value);
                    }
                }
            }
            if !result.is_empty() {
                self.hold(result.weight())?;
                out.push(result);
            }
        }
        self.remarks(remarks);
        Ok(out)
    }

    fn check_quantile(&self, parameters: &[f64], parameter: &Planned) {
        let span = parameter.span;
        if parameters.iter().any(|q| q.is_nan()) {
            self.remark(Annotation::invalid_quantile(f64::NAN, span));
        }
        let largest = parameters.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = parameters.iter().copied().fold(f64::INFINITY, f64::min);
        if largest > 1.0 {
            self.remark(Annotation::invalid_quantile(largest, span));
        }
        if smallest < 0.0 {
            self.remark(Annotation::invalid_quantile(smallest, span));
        }
    }

    fn count_values(&self, plan: &AggregatePlan) -> Outcome<Matrix> {
        let bytes = plan.parameter.as_deref().map_or(&[][..], super::call::text);
        let label = std::str::from_utf8(bytes).unwrap_or("");
        if label.is_empty() {
            return Err(EvalError::execution(format!(
                "invalid label name {}",
                crate::text::quote_bytes(bytes)
            )));
        }
        let mut grouping = plan.grouping.clone();
        if !plan.without {
            grouping.push(label.to_owned());
        }
        let matrix = self.eval(&plan.expr)?;
        let steps = self.scope.steps();
        let mut counts: HashMap<Labels, usize> = HashMap::new();
        let mut found: Vec<(Labels, Vec<u32>)> = Vec::new();
        for series in &matrix {
            let floats = series.floats.iter().map(|p| (p.t, float_f(p.v)));
            let histograms = series.histograms.iter().map(|p| (p.t, p.v.to_string()));
            for (t, value) in floats.chain(histograms) {
                let labels = group_labels(&series.labels.with(label, &value), plan, &grouping);
                let place = *counts.entry(labels).or_insert_with_key(|labels| {
                    found.push((labels.clone(), vec![0; steps]));
                    found.len() - 1
                });
                found[place].1[self.step_of(t)] += 1;
            }
        }
        let mut out = Matrix::with_capacity(found.len());
        for (labels, counts) in found {
            let mut series = Series {
                labels,
                ..Series::default()
            };
            for (t, count) in self.scope.moments().zip(counts).filter(|(_, c)| *c > 0) {
                series.push(t, SampleValue::Float(f64::from(count)));
            }
            out.push(series);
        }
        Ok(out)
    }
}
