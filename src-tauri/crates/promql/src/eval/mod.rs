//! Evaluation: each part of the query gives its series over all steps at once, as Prometheus does
//! it, so that labels are compared once per series and not once per step.

mod aggregate;
mod aggregate_k;
mod binary;
mod call;
mod collect;
mod dates;
mod element;
mod extended;
mod info;
mod labels;
mod native;
mod over_time;
mod pairing;
mod quantile;
mod rate;
mod reduce;
mod resets;
mod selector;
mod simple;
mod sort;
mod trend;
mod window;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::annotations::{Annotation, Annotations};
use crate::error::{EvalError, Interrupt};
use crate::plan::{Node, Planned, Scope};
use crate::query::Options;
use crate::source::SampleSource;
use crate::value::{FloatPoint, HistogramPoint, Matrix, Series};

use collect::merge_same_labels;

pub(crate) type Outcome<T> = Result<T, EvalError>;

/// What all parts of an evaluation share.
pub(crate) struct Shared<'a> {
    pub source: &'a dyn SampleSource,
    pub options: &'a Options,
    pub interrupt: &'a dyn Fn() -> Interrupt,
    /// Samples held at the moment.
    pub held: Cell<usize>,
    pub remarks: RefCell<Annotations>,
}

/// An evaluation over some moments.
#[derive(Copy, Clone)]
pub(crate) struct Evaluator<'a> {
    pub shared: &'a Shared<'a>,
    pub scope: Scope,
}

impl Evaluator<'_> {
    pub fn with_scope(&self, scope: Scope) -> Self {
        Evaluator { scope, ..*self }
    }

    pub fn delayed_names(&self) -> bool {
        self.shared.options.delayed_name_removal
    }

    pub fn remark(&self, annotation: Annotation) {
        self.shared.remarks.borrow_mut().add(annotation);
    }

    pub fn remarks(&self, annotations: Annotations) {
        if !annotations.is_empty() {
            self.shared.remarks.borrow_mut().merge(annotations);
        }
    }

    /// Asks whether to go on.
    pub fn check(&self) -> Outcome<()> {
        match (self.shared.interrupt)() {
            Interrupt::Continue => Ok(()),
            Interrupt::Cancelled => Err(EvalError::Cancelled),
            Interrupt::TimedOut => Err(EvalError::TimedOut),
        }
    }

    /// Counts samples that are now held.
    pub fn hold(&self, samples: usize) -> Outcome<()> {
        let held = self.shared.held.get().saturating_add(samples);
        self.shared.held.set(held);
        if held > self.shared.options.max_samples {
            return Err(EvalError::TooManySamples);
        }
        Ok(())
    }

    pub fn release(&self, samples: usize) {
        let held = self.shared.held.get();
        self.shared.held.set(held.saturating_sub(samples));
    }

    /// The series that a part gives. Its inputs are no longer held when it is done.
    pub fn eval(&self, planned: &Planned) -> Outcome<Matrix> {
        self.check()?;
        if self.scope.end < self.scope.start {
            return Ok(Matrix::new());
        }
        // More steps than samples may be held: nothing that has a value at each could be held.
        if self.scope.steps() > self.shared.options.max_samples {
            return Err(EvalError::TooManySamples);
        }
        let before = self.shared.held.get();
        let matrix = self.eval_node(planned)?;
        self.shared.held.set(before);
        self.hold(matrix.iter().map(Series::weight).sum())?;
        Ok(matrix)
    }

    fn eval_node(&self, planned: &Planned) -> Outcome<Matrix> {
        match &planned.node {
            Node::Number(value) => self.constant(*value),
            // Texts are read from the plan by the functions that take them.
            Node::Text(_) => Ok(Matrix::new()),
            Node::Negated(inner) => self.negated(inner),
            Node::Binary(binary) => self.binary(binary, planned.span),
            Node::Aggregate(aggregate) => self.aggregate(aggregate, planned.span),
            Node::Call(call) => self.call(call, planned.span),
            Node::Vector(selector) => self.vector_selector(selector, planned.span),
            Node::Matrix(window) => self.matrix_selector(window),
            Node::Subquery(subquery) => self.subquery(subquery),
            Node::Invariant(inner) => self.invariant(inner),
        }
    }

    fn constant(&self, value: f64) -> Outcome<Matrix> {
        self.hold(self.scope.steps())?;
        self.release(self.scope.steps());
        Ok(vec![Series {
            floats: self
                .scope
                .moments()
                .map(|t| FloatPoint { t, v: value })
                .collect(),
            ..Series::default()
        }])
    }

    /// The values of a scalar at every step.
    pub fn scalars(&self, planned: &Planned) -> Outcome<Vec<f64>> {
        if let Node::Number(value) = planned.node {
            self.hold(self.scope.steps())?;
            return Ok(vec![value; self.scope.steps()]);
        }
        let matrix = self.eval(planned)?;
        let mut values = vec![f64::NAN; self.scope.steps()];
        if let Some(series) = matrix.first() {
            for point in &series.floats {
                if let Some(value) = values.get_mut(self.step_of(point.t)) {
                    *value = point.v;
                }
            }
        }
        Ok(values)
    }

    /// Which step a moment is.
    pub fn step_of(&self, t: i64) -> usize {
        usize::try_from((t - self.scope.start) / self.scope.interval.max(1)).unwrap_or(0)
    }

    fn negated(&self, inner: &Planned) -> Outcome<Matrix> {
        let mut matrix = self.eval(inner)?;
        let is_vector = inner.value_type == crate::ast::ValueType::Vector;
        for series in &mut matrix {
            if !self.delayed_names() {
                series.labels = series.labels.without_metadata();
            }
            series.drop_name = is_vector;
            for point in &mut series.floats {
                point.v = -point.v;
            }
            for point in &mut series.histograms {
                point.v = Arc::new((*point.v).clone().multiplied(-1.0));
            }
        }
        if self.delayed_names() {
            return Ok(matrix);
        }
        merge_same_labels(matrix)
    }

    /// Evaluates once and repeats the result at every step.
    fn invariant(&self, inner: &Planned) -> Outcome<Matrix> {
        let once = self.with_scope(self.scope.first());
        let mut matrix = once.eval(inner)?;
        let is_range = matches!(inner.node, Node::Matrix(_) | Node::Subquery(_));
        if is_range || self.scope.is_single() {
            return Ok(matrix);
        }
        let steps = self.scope.steps();
        for series in &mut matrix {
            self.hold(series.weight().saturating_mul(steps))?;
            if let Some(point) = series.floats.first().copied() {
                series.floats = self
                    .scope
                    .moments()
                    .map(|t| FloatPoint { t, v: point.v })
                    .collect();
            } else if let Some(point) = series.histograms.first().cloned() {
                series.histograms = self
                    .scope
                    .moments()
                    .map(|t| HistogramPoint {
                        t,
                        v: point.v.clone(),
                    })
                    .collect();
            }
        }
        Ok(matrix)
    }
}

/// The result of a whole query: names that no longer fit are dropped now, if they are dropped late.
pub(crate) fn finished(mut matrix: Matrix, options: &Options) -> Outcome<Matrix> {
    if !options.delayed_name_removal {
        return Ok(matrix);
    }
    for series in matrix.iter_mut().filter(|series| series.drop_name) {
        series.labels = series.labels.without_metadata();
    }
    merge_same_labels(matrix)
}
