//! Operators: scalars, vectors with scalars, and vectors whose series are matched.
//!
//! Which series match is decided once: every series gets the number of its match group. What is
//! left for each step is to see which of them have a sample.

use std::collections::HashMap;

use super::collect::{Collector, Held, walks};
use super::element::{element, numbers};
use super::pairing::{At, Pairing, present};
use super::{Evaluator, Outcome};
use crate::annotations::{Annotation, Annotations};
use crate::ast::{BinaryOp, Cardinality, ValueType, VectorMatching};
use crate::labels::Labels;
use crate::plan::BinaryPlan;
use crate::span::Span;
use crate::value::{FloatPoint, HistogramPoint, Matrix, SampleValue, Series};

fn owned(held: Held<'_>) -> SampleValue {
    match held {
        Held::Float(v) => SampleValue::Float(v),
        Held::Histogram(h) => SampleValue::Histogram(h.clone()),
    }
}

pub(super) fn truth(keep: bool) -> SampleValue {
    SampleValue::Float(f64::from(u8::from(keep)))
}

impl Evaluator<'_> {
    pub(super) fn binary(&self, plan: &BinaryPlan, span: Span) -> Outcome<Matrix> {
        let scalar = |t: ValueType| t == ValueType::Scalar;
        match (scalar(plan.left.value_type), scalar(plan.right.value_type)) {
            (true, true) => {
                let left = self.scalars(&plan.left)?;
                let right = self.scalars(&plan.right)?;
                self.series_of(|t| {
                    let step = self.step_of(t);
                    numbers(plan.op, left[step], right[step])
                })
            }
            (false, true) => {
                let matrix = self.eval(&plan.left)?;
                let scalars = self.scalars(&plan.right)?;
                self.with_scalar(plan, matrix, &scalars, false, span)
            }
            (true, false) => {
                let scalars = self.scalars(&plan.left)?;
                let matrix = self.eval(&plan.right)?;
                self.with_scalar(plan, matrix, &scalars, true, span)
            }
            (false, false) => {
                let left = self.eval(&plan.left)?;
                let right = self.eval(&plan.right)?;
                let matched = Matched::new(&left, &right, &plan.matching);
                if plan.op.is_set() {
                    self.set(plan.op, &left, &right, &matched)
                } else {
                    self.matched(plan, [&left, &right], &matched, span)
                }
            }
        }
    }

    fn with_scalar(
        &self,
        plan: &BinaryPlan,
        matrix: Matrix,
        scalars: &[f64],
        scalar_is_left: bool,
        span: Span,
    ) -> Outcome<Matrix> {
        let op = plan.op;
        let renamed = op.is_arithmetic() || plan.return_bool;
        let mut remarks = Annotations::default();
        let mut out = Matrix::with_capacity(matrix.len());
        for series in matrix {
            let mut result = Series {
                labels: if renamed {
                    self.without_name(&series.labels)
                } else {
                    series.labels.clone()
                },
                drop_name: series.drop_name || renamed,
                ..Series::default()
            };
            let mut apply = |t: i64, held: Held<'_>| {
                let scalar = Held::Float(scalars[self.step_of(t)]);
                let (value, remark) = beside_scalar(plan, held, scalar, scalar_is_left, span);
                if let Some(remark) = remark {
                    remarks.add(remark);
                }
                value
            };
            for FloatPoint { t, v } in &series.floats {
                if let Some(value) = apply(*t, Held::Float(*v)) {
                    result.push(*t, value);
                }
            }
            for HistogramPoint { t, v } in &series.histograms {
                if let Some(value) = apply(*t, Held::Histogram(v)) {
                    result.push(*t, value);
                }
            }
            result.floats.sort_by_key(|p| p.t);
            if !result.is_empty() {
                out.push(result);
            }
        }
        self.remarks(remarks);
        self.rejoined(out)
    }

    /// `and`, `or`, `unless`.
    fn set(
        &self,
        op: BinaryOp,
        left: &Matrix,
        right: &Matrix,
        matched: &Matched,
    ) -> Outcome<Matrix> {
        let mut out = Collector::new(self);
        let mut slots = |matrix: &Matrix| -> Vec<usize> {
            let slot = |s: &Series| out.slot(&s.labels, s.drop_name);
            matrix.iter().map(slot).collect()
        };
        let left_slots = slots(left);
        let right_slots = if op == BinaryOp::Or {
            slots(right)
        } else {
            Vec::new()
        };
        let (mut left_walks, mut right_walks) = (walks(left), walks(right));
        let mut seen = Marks::new(matched.groups);
        for t in self.scope.moments() {
            seen.clear();
            if op == BinaryOp::Or {
                for (at, walk) in left_walks.iter_mut().enumerate() {
                    if let Some(held) = walk.at(t) {
                        seen.set(matched.left[at]);
                        out.push(left_slots[at], t, owned(held))?;
                    }
                }
                for (at, walk) in right_walks.iter_mut().enumerate() {
                    if let Some(held) = walk.at(t)
                        && !seen.has(matched.right[at])
                    {
                        out.push(right_slots[at], t, owned(held))?;
                    }
                }
                continue;
            }
            for (at, walk) in right_walks.iter_mut().enumerate() {
                if walk.at(t).is_some() {
                    seen.set(matched.right[at]);
                }
            }
            for (at, walk) in left_walks.iter_mut().enumerate() {
                if let Some(held) = walk.at(t)
                    && seen.has(matched.left[at]) == (op == BinaryOp::And)
                {
                    out.push(left_slots[at], t, owned(held))?;
                }
            }
        }
        out.finish(self)
    }

    /// Operators between two vectors, one or many series to one.
    fn matched(
        &self,
        plan: &BinaryPlan,
        sides: [&Matrix; 2],
        matched: &Matched,
        span: Span,
    ) -> Outcome<Matrix> {
        let swapped = plan.matching.cardinality == Cardinality::OneToMany;
        let mut sides = [(sides[0], &matched.left), (sides[1], &matched.right)];
        if swapped {
            sides.reverse();
        }
        let [(many, many_groups), (one, one_groups)] = sides;
        let mut pairing = Pairing::new(self, plan, span, [many, one], matched.groups);
        let filled = plan.matching.fill_left.is_some() || plan.matching.fill_right.is_some();
        let (mut many_walks, mut one_walks) = (walks(many), walks(one));
        let (mut many_now, mut one_now) = (Vec::new(), Vec::new());
        let mut ones: Vec<Option<At<'_>>> = vec![None; matched.groups];
        for t in self.scope.moments() {
            for (_, group) in one_now.drain(..) {
                ones[group] = None;
            }
            present(&mut one_walks, one_groups, t, &mut one_now);
            many_now.clear();
            present(&mut many_walks, many_groups, t, &mut many_now);
            if !filled && (many_now.is_empty() || one_now.is_empty()) {
                // Nothing can match, so nothing is wrong with either side.
                continue;
            }
            for (one, group) in &one_now {
                if let Some((other, _)) = ones[*group].replace(*one) {
                    return Err(pairing.duplicate(one.0, other));
                }
            }
            pairing.begin();
            for (many, group) in &many_now {
                pairing.pair(t, *group, Some(*many), ones[*group])?;
            }
            for (one, group) in &one_now {
                if !pairing.used.has(*group) {
                    pairing.pair(t, *group, None, Some(*one))?;
                }
            }
            if let Some(remark) = pairing.remark.take() {
                self.remark(remark);
            }
        }
        pairing.out.finish(self)
    }
}

/// What an operator gives for a vector's sample and a scalar.
fn beside_scalar(
    plan: &BinaryPlan,
    held: Held<'_>,
    scalar: Held<'_>,
    scalar_is_left: bool,
    span: Span,
) -> (Option<SampleValue>, Option<Annotation>) {
    let (a, b) = if scalar_is_left {
        (scalar, held)
    } else {
        (held, scalar)
    };
    let (applied, remark) = element(plan.op, a, b, span);
    let value = applied.and_then(|applied| {
        if plan.return_bool {
            return Some(truth(applied.keep));
        }
        // A filter keeps the vector's value, on whichever side it stands.
        let value = if plan.op.is_comparison() && scalar_is_left {
            owned(held)
        } else {
            applied.value
        };
        applied.keep.then_some(value)
    });
    (value, remark)
}

/// The match group of every series.
struct Matched {
    left: Vec<usize>,
    right: Vec<usize>,
    groups: usize,
}

impl Matched {
    fn new(left: &Matrix, right: &Matrix, matching: &VectorMatching) -> Self {
        let mut known: HashMap<Labels, usize> = HashMap::new();
        let mut number = |matrix: &Matrix| -> Vec<usize> {
            matrix
                .iter()
                .map(|series| {
                    let signature = series.labels.matched(matching.on, &matching.labels);
                    let next = known.len();
                    *known.entry(signature).or_insert(next)
                })
                .collect()
        };
        let left = number(left);
        let right = number(right);
        Matched {
            left,
            right,
            groups: known.len(),
        }
    }
}

/// Marks that are wiped without touching each.
pub(super) struct Marks {
    round: u32,
    marks: Vec<u32>,
}

impl Marks {
    pub fn new(count: usize) -> Self {
        Marks {
            round: 1,
            marks: vec![0; count],
        }
    }

    pub fn clear(&mut self) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.marks.fill(0);
            self.round = 1;
        }
    }

    pub fn set(&mut self, at: usize) {
        self.marks[at] = self.round;
    }

    pub fn has(&self, at: usize) -> bool {
        self.marks[at] == self.round
    }
}
