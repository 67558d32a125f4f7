//! `histogram_quantile` and its kin, for classic buckets and native histograms alike.

use std::collections::HashMap;

use super::collect::{Collector, Held, walks};
use super::{Evaluator, Outcome, native};
use crate::annotations::{Annotation, Annotations};
use crate::histogram::Histogram;
use crate::labels::{BUCKET, Labels, METRIC_NAME};
use crate::plan::{CallPlan, Planned};
use crate::span::Span;
use crate::text::{float_open_metrics, parse_float};
use crate::value::{Matrix, SampleValue};

/// A classic bucket: how many observations lie at or below a bound.
#[derive(Copy, Clone, PartialEq, Debug)]
struct Cumulative {
    bound: f64,
    count: f64,
}

/// What a series of the input is.
#[derive(Copy, Clone)]
struct Member {
    /// The bound of a classic bucket; nothing if the label is none.
    bound: Option<f64>,
    /// The classic histogram that it belongs to.
    group: usize,
    /// The classic histogram that has the same labels, were this a native one.
    twin: Option<usize>,
}

/// The input's series by histogram.
struct Grouped {
    members: Vec<Member>,
    /// Each classic histogram's labels, without name and bound.
    groups: Vec<Labels>,
}

fn grouped(matrix: &Matrix) -> Grouped {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups = Vec::new();
    let mut members = Vec::with_capacity(matrix.len());
    for series in matrix {
        let signature = series.labels.without_one(BUCKET);
        let bound = parse_float(series.labels.get(BUCKET));
        let group = *places.entry(signature).or_insert_with_key(|signature| {
            groups.push(signature.without_one(METRIC_NAME));
            groups.len() - 1
        });
        members.push(Member {
            bound,
            group,
            twin: None,
        });
    }
    for (series, member) in matrix.iter().zip(&mut members) {
        member.twin = places.get(&series.labels).copied();
    }
    Grouped { members, groups }
}

/// A question asked of every histogram at every step.
trait Question {
    /// How many answers each histogram gives.
    fn answers(&self) -> usize;
    /// The label that tells them apart, if there is one.
    fn label(&self, answer: usize, step: usize) -> Option<(&str, String)>;
    fn native(
        &self,
        answer: usize,
        step: usize,
        histogram: &Histogram,
        metric: &str,
        remarks: &mut Annotations,
    ) -> f64;
    fn classic(
        &self,
        answer: usize,
        step: usize,
        t: i64,
        buckets: &mut Vec<Cumulative>,
        remarks: &mut Annotations,
    ) -> f64;
}

struct Quantiles<'a> {
    /// By answer and step.
    values: Vec<Vec<f64>>,
    label: Option<&'a str>,
    span: Span,
}

impl Question for Quantiles<'_> {
    fn answers(&self) -> usize {
        self.values.len()
    }

    fn label(&self, answer: usize, step: usize) -> Option<(&str, String)> {
        let value = float_open_metrics(self.values[answer][step]);
        self.label.map(|label| (label, value))
    }

    fn native(
        &self,
        answer: usize,
        step: usize,
        histogram: &Histogram,
        metric: &str,
        remarks: &mut Annotations,
    ) -> f64 {
        native::quantile(
            self.values[answer][step],
            histogram,
            metric,
            self.span,
            remarks,
        )
    }

    fn classic(
        &self,
        answer: usize,
        step: usize,
        t: i64,
        buckets: &mut Vec<Cumulative>,
        remarks: &mut Annotations,
    ) -> f64 {
        let (value, raised) = bucket_quantile(self.values[answer][step], buckets);
        if let Some(raised) = raised {
            remarks.add(Annotation::forced_monotonicity("", self.span, t, raised));
        }
        value
    }
}

struct Fraction {
    lower: Vec<f64>,
    upper: Vec<f64>,
    span: Span,
}

impl Question for Fraction {
    fn answers(&self) -> usize {
        1
    }

    fn label(&self, _: usize, _: usize) -> Option<(&str, String)> {
        None
    }

    fn native(
        &self,
        _: usize,
        step: usize,
        histogram: &Histogram,
        metric: &str,
        remarks: &mut Annotations,
    ) -> f64 {
        let (lower, upper) = (self.lower[step], self.upper[step]);
        native::fraction(lower, upper, histogram, metric, self.span, remarks)
    }

    fn classic(
        &self,
        _: usize,
        step: usize,
        _: i64,
        buckets: &mut Vec<Cumulative>,
        _: &mut Annotations,
    ) -> f64 {
        bucket_fraction(self.lower[step], self.upper[step], buckets)
    }
}

impl Evaluator<'_> {
    fn check_quantiles(&self, values: &[f64], span: Span) {
        for q in values.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
            self.remark(Annotation::invalid_quantile(*q, span));
        }
    }

    pub(super) fn histogram_quantile(&self, call: &CallPlan) -> Outcome<Matrix> {
        let values = self.scalars(&call.args[0])?;
        self.check_quantiles(&values, call.args[0].span);
        let question = Quantiles {
            values: vec![values],
            label: None,
            span: call.args[1].span,
        };
        self.ask(&call.args[1], &question)
    }

    pub(super) fn histogram_quantiles(&self, call: &CallPlan) -> Outcome<Matrix> {
        let label = String::from_utf8_lossy(super::call::text(&call.args[1]));
        let mut values = Vec::new();
        for arg in &call.args[2..] {
            let scalars = self.scalars(arg)?;
            self.check_quantiles(&scalars, arg.span);
            values.push(scalars);
        }
        let question = Quantiles {
            values,
            label: Some(&label),
            span: call.args[0].span,
        };
        self.ask(&call.args[0], &question)
    }

    pub(super) fn histogram_fraction(&self, call: &CallPlan) -> Outcome<Matrix> {
        let question = Fraction {
            lower: self.scalars(&call.args[0])?,
            upper: self.scalars(&call.args[1])?,
            span: call.args[2].span,
        };
        self.ask(&call.args[2], &question)
    }

    fn ask(&self, input: &Planned, question: &dyn Question) -> Outcome<Matrix> {
        let matrix = self.eval(input)?;
        let grouped = grouped(&matrix);
        let mut walks = walks(&matrix);
        let mut out = Collector::new(self);
        let (mut remarks, span) = (Annotations::default(), input.span);
        let named = |labels: &Labels| match self.delayed_names() {
            true => labels.metric_name().to_owned(),
            false => String::new(),
        };
        let mut buckets: Vec<Vec<Cumulative>> = vec![Vec::new(); grouped.groups.len()];
        let mut natives = Vec::new();
        for (step, t) in self.scope.moments().enumerate() {
            buckets.iter_mut().for_each(Vec::clear);
            natives.clear();
            for (at, walk) in walks.iter_mut().enumerate() {
                let member = grouped.members[at];
                match (walk.at(t), member.bound) {
                    (None, _) => {}
                    (Some(Held::Histogram(h)), _) => natives.push((at, h.clone())),
                    (Some(Held::Float(count)), Some(bound)) => {
                        buckets[member.group].push(Cumulative { bound, count });
                    }
                    (Some(Held::Float(_)), None) => {
                        let labels = &matrix[at].labels;
                        remarks.add(bad_label(&named(labels), labels, span));
                    }
                }
            }
            natives.retain(|(at, _)| {
                let twin = grouped.members[*at]
                    .twin
                    .filter(|g| !buckets[*g].is_empty());
                if let Some(twin) = twin {
                    let metric = named(&matrix[*at].labels);
                    remarks.add(Annotation::mixed_classic_native(&metric, span));
                    buckets[twin].clear();
                }
                twin.is_none()
            });
            let mut step = Step {
                evaluator: self,
                question,
                step,
                t,
                out: &mut out,
                remarks: &mut remarks,
            };
            for answer in 0..question.answers() {
                for (at, histogram) in &natives {
                    step.native(answer, &matrix[*at].labels, histogram)?;
                }
                for (labels, buckets) in grouped.groups.iter().zip(&mut buckets) {
                    step.classic(answer, labels, buckets)?;
                }
            }
        }
        self.remarks(remarks);
        out.finish(self)
    }
}

fn bad_label(metric: &str, labels: &Labels, span: Span) -> Annotation {
    Annotation::bad_bucket_label(metric, labels.get(BUCKET), span)
}

/// The answers at one step.
struct Step<'a> {
    evaluator: &'a Evaluator<'a>,
    question: &'a dyn Question,
    step: usize,
    t: i64,
    out: &'a mut Collector,
    remarks: &'a mut Annotations,
}

impl Step<'_> {
    fn push(&mut self, answer: usize, labels: &Labels, v: f64) -> Outcome<()> {
        let slot = match self.question.label(answer, self.step) {
            Some((label, value)) => self.out.slot(&labels.with(label, &value), true),
            None => self.out.slot(labels, true),
        };
        self.out.push(slot, self.t, SampleValue::Float(v))
    }

    fn native(&mut self, answer: usize, labels: &Labels, histogram: &Histogram) -> Outcome<()> {
        let metric = labels.metric_name();
        let v = self
            .question
            .native(answer, self.step, histogram, metric, self.remarks);
        self.push(answer, &self.evaluator.without_name(labels), v)
    }

    fn classic(
        &mut self,
        answer: usize,
        labels: &Labels,
        buckets: &mut Vec<Cumulative>,
    ) -> Outcome<()> {
        if buckets.is_empty() {
            return Ok(());
        }
        let v = self
            .question
            .classic(answer, self.step, self.t, buckets, self.remarks);
        self.push(answer, labels, v)
    }
}

/// Sorted, with counts of the same bound added; whether the last bound is +Inf.
fn tidy(buckets: &mut Vec<Cumulative>) -> bool {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    if buckets.last().is_none_or(|b| b.bound != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.bound == kept.bound;
        if same {
            kept.count += next.count;
        }
        same
    });
    true
}

/// Raises counts that are smaller than one before: buckets are not always scraped at once. Tiny
/// differences are rounding; larger ones are told: lowest and highest bound, largest difference.
fn make_monotonic(buckets: &mut [Cumulative]) -> Option<(f64, f64, f64)> {
    const TINY: f64 = 1e-12;
    let mut raised: Option<(f64, f64, f64)> = None;
    let mut before = buckets.first()?.count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if crate::almost::almost_equal(before, count, TINY) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let (low, high, most) = raised.unwrap_or((f64::INFINITY, f64::NEG_INFINITY, 0.0));
            raised = Some((
                low.min(bucket.bound),
                high.max(bucket.bound),
                most.max(before - count),
            ));
        } else {
            before = count;
        }
    }
    raised
}

fn bucket_quantile(q: f64, buckets: &mut Vec<Cumulative>) -> (f64, Option<(f64, f64, f64)>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !tidy(buckets) {
        return (f64::NAN, None);
    }
    let raised = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if buckets.len() < 2 || observations == 0.0 {
        return (f64::NAN, raised);
    }
    let mut rank = q * observations;
    // The first bucket that reaches the rank, +Inf if none does; a rank may be no number.
    let at = buckets[..last].partition_point(|b| b.count < rank || rank.is_nan());
    let value = if at == last {
        buckets[last - 1].bound
    } else if at == 0 && buckets[0].bound <= 0.0 {
        buckets[0].bound
    } else {
        let (mut start, end, mut count) = (0.0, buckets[at].bound, buckets[at].count);
        if at > 0 {
            start = buckets[at - 1].bound;
            count -= buckets[at - 1].count;
            rank -= buckets[at - 1].count;
        }
        start + (end - start) * (rank / count)
    };
    (value, raised)
}

fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<Cumulative>) -> f64 {
    if !tidy(buckets) {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |b| b.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut below = if buckets[0].bound <= 0.0 {
        f64::NEG_INFINITY
    } else {
        0.0
    };
    let (mut rank, mut lower_rank, mut upper_rank) = (0.0, None, None);
    for bucket in buckets.iter() {
        for (value, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_some() {
                continue;
            }
            if below >= value {
                *found = Some(rank);
            } else if bucket.bound > value {
                *found = Some(if below == f64::NEG_INFINITY {
                    bucket.count
                } else {
                    let width = bucket.bound - below;
                    rank + (bucket.count - rank) * (value - below) / width
                });
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank = bucket.count;
        below = bucket.bound;
    }
    let capped = |found: Option<f64>| found.filter(|rank| *rank <= count).unwrap_or(count);
    (capped(upper_rank) - capped(lower_rank)) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Cumulative> {
        pairs
            .iter()
            .map(|(bound, count)| Cumulative {
                bound: *bound,
                count: *count,
            })
            .collect()
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn quantiles_are_interpolated() {
        let mut b = buckets(&[(0.1, 5.0), (0.2, 7.0), (1.0, 11.0), (INF, 12.0)]);
        assert!((bucket_quantile(0.2, &mut b).0 - 0.048).abs() < 1e-12);
        assert_eq!(bucket_quantile(1.0, &mut b).0, 1.0);
        assert!(bucket_quantile(0.5, &mut buckets(&[(1.0, 1.0)])).0.is_nan());
        assert!(bucket_quantile(0.5, &mut buckets(&[(INF, 1.0)])).0.is_nan());
    }

    #[test]
    fn falling_counts_are_raised_and_told() {
        let mut b = buckets(&[(1.0, 2.0), (2.0, 1.0), (INF, 5.0)]);
        let (_, raised) = bucket_quantile(0.5, &mut b);
        assert_eq!(raised, Some((2.0, 2.0, 1.0)));
        assert_eq!(b[1].count, 2.0);
    }

    #[test]
    fn fractions_of_classic_buckets() {
        let b = buckets(&[(0.5, 2.5), (1.0, 7.5), (INF, 100.0)]);
        assert!((bucket_fraction(0.1, 0.75, &mut b.clone()) - 0.045).abs() < 1e-12);
        assert_eq!(bucket_fraction(2.0, 1.0, &mut b.clone()), 0.0);
        assert_eq!(bucket_fraction(-INF, INF, &mut b.clone()), 1.0);
    }
}
