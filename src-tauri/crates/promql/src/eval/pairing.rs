//! Pairs of samples on the two sides of an operator, and the labels of what comes of them.

use std::collections::{HashMap, HashSet};

use super::binary::{Marks, truth};
use super::collect::{Collector, Held, Walk};
use super::element::element;
use super::{Evaluator, Outcome};
use crate::annotations::Annotation;
use crate::ast::Cardinality;
use crate::error::EvalError;
use crate::labels::Labels;
use crate::plan::BinaryPlan;
use crate::span::Span;
use crate::value::Matrix;

/// A series by its place, with its sample.
pub(super) type At<'a> = (usize, Held<'a>);

/// The series that have a sample at a moment, with their match groups.
pub(super) fn present<'a>(
    walks: &mut [Walk<'a>],
    groups: &[usize],
    t: i64,
    found: &mut Vec<(At<'a>, usize)>,
) {
    for (at, walk) in walks.iter_mut().enumerate() {
        if let Some(held) = walk.at(t) {
            found.push(((at, held), groups[at]));
        }
    }
}

/// A sample, or the value that stands for a missing one.
fn or_filled<'h>(at: Option<At<'h>>, fill: Option<f64>) -> Option<Held<'h>> {
    at.map(|(_, held)| held).or(fill.map(Held::Float))
}

/// Pairs samples of the "many" side with those of the "one" side.
pub(super) struct Pairing<'a> {
    evaluator: &'a Evaluator<'a>,
    plan: &'a BinaryPlan,
    span: Span,
    swapped: bool,
    many: &'a Matrix,
    one: &'a Matrix,
    pub out: Collector,
    /// Where the results of a pair of series go.
    slots: HashMap<(Option<usize>, Option<usize>), usize>,
    /// The pair last seen of each series: mostly it is the same at every step.
    last_slots: Vec<Option<(Option<usize>, usize)>>,
    /// Match groups used at this step.
    pub used: Marks,
    /// Match groups with result labels used at this step, where one may match many.
    used_slots: HashSet<(usize, Labels)>,
    pub remark: Option<Annotation>,
}

impl<'a> Pairing<'a> {
    pub fn new(
        evaluator: &'a Evaluator<'a>,
        plan: &'a BinaryPlan,
        span: Span,
        [many, one]: [&'a Matrix; 2],
        groups: usize,
    ) -> Self {
        Pairing {
            evaluator,
            plan,
            span,
            swapped: plan.matching.cardinality == Cardinality::OneToMany,
            many,
            one,
            out: Collector::new(evaluator),
            slots: HashMap::new(),
            last_slots: vec![None; many.len()],
            used: Marks::new(groups),
            used_slots: HashSet::new(),
            remark: None,
        }
    }

    pub fn begin(&mut self) {
        self.used.clear();
        self.used_slots.clear();
    }

    pub fn duplicate(&self, at: usize, other: usize) -> EvalError {
        let matching = &self.plan.matching;
        let labels = &self.one[at].labels;
        let group = labels.matched(matching.on, &matching.labels);
        let side = if self.swapped { "left" } else { "right" };
        let mut both = [labels.to_string(), self.one[other].labels.to_string()];
        both.sort();
        EvalError::execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            both[0], both[1]
        ))
    }

    /// Pairs two samples. A missing one is filled in if there is a value for it; else nothing
    /// comes of the other.
    pub fn pair(
        &mut self,
        t: i64,
        group: usize,
        many: Option<At<'_>>,
        one: Option<At<'_>>,
    ) -> Outcome<()> {
        // What fills in the left side fills in the "many" side: the two are swapped together.
        let matching = &self.plan.matching;
        let (Some(many_held), Some(one_held)) = (
            or_filled(many, matching.fill_left),
            or_filled(one, matching.fill_right),
        ) else {
            return Ok(());
        };
        self.apply(
            t,
            group,
            (many.map(|m| m.0), many_held),
            (one.map(|o| o.0), one_held),
        )
    }

    fn apply(
        &mut self,
        t: i64,
        group: usize,
        (many, many_held): (Option<usize>, Held<'_>),
        (one, one_held): (Option<usize>, Held<'_>),
    ) -> Outcome<()> {
        let (left, right) = if self.swapped {
            (one_held, many_held)
        } else {
            (many_held, one_held)
        };
        let (applied, remark) = element(self.plan.op, left, right, self.span);
        if remark.is_some() {
            self.remark = remark;
        }
        let Some(applied) = applied else {
            return Ok(());
        };
        if self.plan.matching.cardinality == Cardinality::OneToOne {
            if self.used.has(group) {
                return Err(EvalError::execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
            self.used.set(group);
        } else {
            self.used.set(group);
            let labels = self.labels(many, one);
            if !self.used_slots.insert((group, labels)) {
                return Err(EvalError::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
        }
        let value = if self.plan.return_bool {
            truth(applied.keep)
        } else if applied.keep {
            applied.value
        } else {
            return Ok(());
        };
        let slot = self.slot(many, one);
        self.out.push(slot, t, value)
    }

    fn slot(&mut self, many: Option<usize>, one: Option<usize>) -> usize {
        if let Some(at) = many
            && let Some((last, slot)) = self.last_slots[at]
            && last == one
        {
            return slot;
        }
        let slot = match self.slots.get(&(many, one)) {
            Some(slot) => *slot,
            None => {
                let labels = self.labels(many, one);
                let slot = self.out.slot(&labels, self.plan.return_bool);
                self.slots.insert((many, one), slot);
                slot
            }
        };
        if let Some(at) = many {
            self.last_slots[at] = Some((one, slot));
        }
        slot
    }

    /// The labels of a pair's result.
    fn labels(&self, many: Option<usize>, one: Option<usize>) -> Labels {
        let matching = &self.plan.matching;
        let of = |side: &Matrix, at: Option<usize>| at.map(|at| side[at].labels.clone());
        let (many, one) = (of(self.many, many), of(self.one, one));
        // A missing side has the labels that the two are matched by.
        let stand_in = |labels: &Option<Labels>| {
            labels
                .as_ref()
                .map(|l| l.matched(matching.on, &matching.labels))
                .unwrap_or_default()
        };
        let left = many.clone().unwrap_or_else(|| stand_in(&one));
        let right = one.clone().unwrap_or_else(|| stand_in(&many));
        let dropped = self.plan.return_bool && !self.evaluator.delayed_names();
        let mut labels = if dropped || self.plan.op.is_arithmetic() {
            left.without_metadata()
        } else {
            left
        };
        if matching.cardinality == Cardinality::OneToOne {
            labels = if matching.on {
                labels.keep(&matching.labels)
            } else {
                labels.without(&matching.labels)
            };
        }
        for name in &matching.include {
            labels = labels.with(name, right.get(name));
        }
        labels
    }
}
