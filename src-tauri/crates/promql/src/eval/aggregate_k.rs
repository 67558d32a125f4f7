//! Aggregations that pick samples: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use super::aggregate::group_key;
use super::collect::{Collector, Held, walks};
use super::sort::{ascending, descending};
use super::{Evaluator, Outcome};
use crate::annotations::{Annotation, Annotations};
use crate::ast::AggregateOp;
use crate::error::EvalError;
use crate::labels::Labels;
use crate::plan::AggregatePlan;
use crate::span::Span;
use crate::text::float_g;
use crate::value::{Matrix, SampleValue};

/// The samples picked of one group at one step, the least wanted first.
#[derive(Default)]
struct Picked {
    members: Vec<(f64, usize)>,
}

/// A heap as Go's `container/heap` keeps it, so that of equal samples the same are dropped.
impl Picked {
    fn before(op: AggregateOp, a: f64, b: f64) -> bool {
        a.is_nan()
            || if op == AggregateOp::TopK {
                a < b
            } else {
                a > b
            }
    }

    fn offer(&mut self, op: AggregateOp, most: usize, sample: (f64, usize)) {
        if self.members.len() < most {
            self.members.push(sample);
            self.up(op);
            return;
        }
        let worst = self.members[0].0;
        let better = match op {
            AggregateOp::TopK => worst < sample.0,
            _ => worst > sample.0,
        };
        if better || (worst.is_nan() && !sample.0.is_nan()) {
            self.members[0] = sample;
            self.down(op);
        }
    }

    fn up(&mut self, op: AggregateOp) {
        let mut at = self.members.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !Self::before(op, self.members[at].0, self.members[parent].0) {
                break;
            }
            self.members.swap(at, parent);
            at = parent;
        }
    }

    fn down(&mut self, op: AggregateOp) {
        let mut at = 0;
        loop {
            let left = 2 * at + 1;
            if left >= self.members.len() {
                break;
            }
            let right = left + 1;
            let mut child = left;
            if right < self.members.len()
                && Self::before(op, self.members[right].0, self.members[left].0)
            {
                child = right;
            }
            if !Self::before(op, self.members[child].0, self.members[at].0) {
                break;
            }
            self.members.swap(at, child);
            at = child;
        }
    }

    fn sorted(&mut self, op: AggregateOp) -> &[(f64, usize)] {
        self.members.sort_by(|a, b| match op {
            AggregateOp::TopK => descending(a.0, b.0),
            AggregateOp::BottomK => ascending(a.0, b.0),
            _ => std::cmp::Ordering::Equal,
        });
        &self.members
    }
}

/// Whether a series is in the share that a ratio takes; a negative ratio takes the other end.
fn in_share(hash: u64, ratio: f64) -> bool {
    let place = hash as f64 / u64::MAX as f64;
    if ratio >= 0.0 {
        place < ratio
    } else {
        place >= 1.0 + ratio
    }
}

/// Picks step by step.
struct Picker<'a> {
    evaluator: &'a Evaluator<'a>,
    op: AggregateOp,
    matrix: &'a Matrix,
    /// Each series' group.
    groups: Vec<usize>,
    /// Each series' hash, if shares are taken.
    hashes: Vec<u64>,
    out: Collector,
    /// Where each series' samples go.
    slots: Vec<Option<usize>>,
    /// Each series' sample at this step.
    values: Vec<Option<SampleValue>>,
    remarks: Annotations,
    span: Span,
}

impl Picker<'_> {
    /// Offers a series' sample to its group.
    fn offer(&mut self, picks: &mut [Picked], at: usize, held: Held<'_>, parameter: f64) {
        let group = &mut picks[self.groups[at]];
        let most = (parameter as i64).clamp(0, self.matrix.len() as i64) as usize;
        let ratio = parameter.clamp(-1.0, 1.0);
        let (sort_value, value) = match held {
            Held::Float(v) => (v, SampleValue::Float(v)),
            Held::Histogram(h) => (0.0, SampleValue::Histogram(h.clone())),
        };
        match (self.op, &value) {
            (AggregateOp::LimitRatio, _) => {
                if ratio == 0.0 || !in_share(self.hashes[at], ratio) {
                    return;
                }
                group.members.push((sort_value, at));
            }
            _ if most == 0 => return,
            (AggregateOp::LimitK, _) => {
                if group.members.len() >= most {
                    return;
                }
                group.members.push((sort_value, at));
            }
            (op, SampleValue::Histogram(_)) => {
                let remark = Annotation::ignored_in_aggregation(op.name(), self.span);
                self.remarks.add(remark);
                return;
            }
            (op, SampleValue::Float(_)) => group.offer(op, most, (sort_value, at)),
        }
        self.values[at] = Some(value);
    }

    /// Takes what a group has picked.
    fn take(&mut self, picked: &mut Picked, t: i64) -> Outcome<()> {
        for (_, at) in picked.sorted(self.op) {
            let series = &self.matrix[*at];
            let slot = match self.slots[*at] {
                Some(slot) => slot,
                None => self.out.slot(&series.labels, series.drop_name),
            };
            self.slots[*at] = Some(slot);
            if let Some(value) = self.values[*at].take() {
                self.out.push(slot, t, value)?;
            }
        }
        picked.members.clear();
        Ok(())
    }
}

impl Evaluator<'_> {
    pub(super) fn aggregate_k(
        &self,
        plan: &AggregatePlan,
        matrix: &Matrix,
        parameters: &[f64],
        span: Span,
    ) -> Outcome<Matrix> {
        if !self.check_parameter(plan, parameters)? {
            return Ok(Matrix::new());
        }
        let mut known: std::collections::HashMap<Labels, usize> = Default::default();
        let groups: Vec<usize> = matrix
            .iter()
            .map(|series| {
                let next = known.len();
                *known.entry(group_key(&series.labels, plan)).or_insert(next)
            })
            .collect();
        let hashes: Vec<u64> = if plan.op == AggregateOp::LimitRatio {
            matrix.iter().map(|s| s.labels.prometheus_hash()).collect()
        } else {
            Vec::new()
        };
        let mut picks: Vec<Picked> = (0..known.len()).map(|_| Picked::default()).collect();
        let mut picker = Picker {
            evaluator: self,
            op: plan.op,
            matrix,
            groups,
            hashes,
            out: Collector::new(self),
            slots: vec![None; matrix.len()],
            values: vec![None; matrix.len()],
            remarks: Annotations::default(),
            span,
        };
        let mut walks = walks(matrix);
        for (step, t) in self.scope.moments().enumerate() {
            let parameter = parameters.get(step).copied().unwrap_or(0.0);
            for (at, walk) in walks.iter_mut().enumerate() {
                if let Some(held) = walk.at(t) {
                    picker.offer(&mut picks, at, held, parameter);
                }
            }
            for picked in &mut picks {
                picker.take(picked, t)?;
            }
        }
        picker.evaluator.remarks(picker.remarks);
        picker.out.finish(self)
    }

    /// Whether anything can be picked at all.
    fn check_parameter(&self, plan: &AggregatePlan, parameters: &[f64]) -> Outcome<bool> {
        let largest = parameters.iter().copied().fold(-f64::MAX, go_max);
        let smallest = parameters.iter().copied().fold(f64::MAX, go_min);
        let any_nan = parameters.iter().any(|v| v.is_nan());
        let span = plan.parameter.as_ref().map(|p| p.span).unwrap_or_default();
        let refuse = |why: String| Err(EvalError::Execution(why));
        if plan.op == AggregateOp::LimitRatio {
            if largest == 0.0 && smallest == 0.0 {
                return Ok(false);
            }
            if any_nan {
                return refuse("Ratio value is NaN".to_owned());
            }
            if largest > 1.0 {
                self.remark(Annotation::invalid_ratio(largest, 1.0, span));
            }
            if smallest < -1.0 {
                self.remark(Annotation::invalid_ratio(smallest, -1.0, span));
            }
            return Ok(true);
        }
        if largest < 1.0 {
            return Ok(false);
        }
        if any_nan {
            return refuse("Parameter value is NaN".to_owned());
        }
        if smallest <= i64::MIN as f64 {
            return refuse(format!(
                "Scalar value {} underflows int64",
                float_g(smallest)
            ));
        }
        if largest >= i64::MAX as f64 {
            return refuse(format!("Scalar value {} overflows int64", float_g(largest)));
        }
        Ok(true)
    }
}

/// The larger one; no number if one of the two is none.
fn go_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// The smaller one; no number if one of the two is none.
fn go_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(op: AggregateOp, most: usize, values: &[f64]) -> Vec<f64> {
        let mut picked = Picked::default();
        for (at, value) in values.iter().enumerate() {
            picked.offer(op, most, (*value, at));
        }
        picked.sorted(op).iter().map(|(v, _)| *v).collect()
    }

    #[test]
    fn the_best_are_picked() {
        let values = [3.0, 1.0, 4.0, 1.5, 9.0];
        assert_eq!(pick(AggregateOp::TopK, 2, &values), [9.0, 4.0]);
        assert_eq!(pick(AggregateOp::BottomK, 2, &values), [1.0, 1.5]);
        let with_nan = [f64::NAN, 2.0, 1.0];
        assert_eq!(pick(AggregateOp::TopK, 2, &with_nan), [2.0, 1.0]);
        assert!(pick(AggregateOp::TopK, 3, &with_nan)[2].is_nan());
    }

    #[test]
    fn shares_of_both_ends_are_the_whole() {
        for hash in [0, 1 << 62, 1 << 63, u64::MAX - 1] {
            assert_ne!(in_share(hash, 0.3), in_share(hash, -0.7));
        }
    }
}
