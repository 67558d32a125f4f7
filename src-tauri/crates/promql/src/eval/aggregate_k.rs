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
        let op = plan.op;
        let by_value = matches!(op, AggregateOp::TopK | AggregateOp::BottomK);
        let mut known: std::collections::HashMap<Labels, usize> = Default::default();
        let groups: Vec<usize> = matrix
            .iter()
            .map(|series| {
                let next = known.len();
                *known.entry(group_key(&series.labels, plan)).or_insert(next)
            })
            .collect();
        let hashes: Vec<u64> = if op == AggregateOp::LimitRatio {
            matrix.iter().map(|s| s.labels.prometheus_hash()).collect()
        } else {
            Vec::new()
        };
        let mut out = Collector::new(self);
        let mut slots = vec![None; matrix.len()];
        let mut walks = walks(matrix);
        let mut picked: Vec<Picked> = (0..known.len()).map(|_| Picked::default()).collect();
        let mut values: Vec<Option<SampleValue>> = vec![None; matrix.len()];
        let mut remarks = Annotations::default();
        for (step, t) in self.scope.moments().enumerate() {
            let parameter = parameters.get(step).copied().unwrap_or(0.0);
            let most = (parameter as i64).clamp(0, matrix.len() as i64) as usize;
            let ratio = parameter.clamp(-1.0, 1.0);
            for (at, walk) in walks.iter_mut().enumerate() {
                let Some(held) = walk.at(t) else { continue };
                let group = &mut picked[groups[at]];
                let (sort_value, value) = match held {
                    Held::Float(v) => (v, SampleValue::Float(v)),
                    Held::Histogram(_) if by_value => {
                        if most > 0 {
                            remarks.add(Annotation::ignored_in_aggregation(op.name(), span));
                        }
                        continue;
                    }
                    Held::Histogram(h) => (0.0, SampleValue::Histogram(h.clone())),
                };
                match op {
                    AggregateOp::LimitRatio => {
                        if ratio != 0.0 && in_share(hashes[at], ratio) {
                            group.members.push((sort_value, at));
                        }
                    }
                    AggregateOp::LimitK => {
                        if group.members.len() < most {
                            group.members.push((sort_value, at));
                        }
                    }
                    _ if most > 0 => group.offer(op, most, (sort_value, at)),
                    _ => {}
                }
                values[at] = Some(value);
            }
            for group in &mut picked {
                for (_, at) in group.sorted(op) {
                    let series = &matrix[*at];
                    let slot = *slots[*at]
                        .get_or_insert_with(|| out.slot(&series.labels, series.drop_name));
                    if let Some(value) = values[*at].take() {
                        out.push(slot, t, value)?;
                    }
                }
                group.members.clear();
            }
        }
        self.remarks(remarks);
        out.finish(self)
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
