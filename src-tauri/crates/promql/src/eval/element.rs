//! What an operator does with two samples.

use std::sync::Arc;

use super::collect::Held;
use crate::annotations::{Annotation, Combining};
use crate::ast::BinaryOp;
use crate::histogram::{Histogram, Keep, ResetHint};
use crate::span::Span;
use crate::value::SampleValue;

/// An operator's result: the value, and whether a comparison holds.
pub(super) struct Element {
    pub value: SampleValue,
    pub keep: bool,
}

/// A result, if there is one, and what there is to say of it.
pub(super) type Applied = (Option<Element>, Option<Annotation>);

/// What a number operator gives, comparisons as 0 or 1.
pub(super) fn numbers(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => f64::from(u8::from(holds(op, a, b))),
    }
}

fn holds(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Greater => a > b,
        BinaryOp::Less => a < b,
        BinaryOp::GreaterOrEqual => a >= b,
        BinaryOp::LessOrEqual => a <= b,
        _ => false,
    }
}

fn float(v: f64, keep: bool) -> Option<Element> {
    Some(Element {
        value: SampleValue::Float(v),
        keep,
    })
}

fn histogram(h: Histogram, keep: bool) -> Option<Element> {
    Some(Element {
        value: SampleValue::Histogram(Arc::new(h)),
        keep,
    })
}

/// Applies an operator to two samples; nothing if it cannot be applied to samples of these kinds.
pub(super) fn element(op: BinaryOp, a: Held<'_>, b: Held<'_>, span: Span) -> Applied {
    let kind = |held: Held<'_>| match held {
        Held::Float(_) => "float",
        Held::Histogram(_) => "histogram",
    };
    let result = match (a, b) {
        (Held::Float(a), Held::Float(b)) => match op {
            BinaryOp::TrimLower | BinaryOp::TrimUpper => None,
            op if op.is_comparison() => float(a, holds(op, a, b)),
            op => float(numbers(op, a, b), true),
        },
        (Held::Float(a), Held::Histogram(b)) => match op {
            BinaryOp::Mul => histogram((**b).clone().multiplied(a).compacted(), true),
            _ => None,
        },
        (Held::Histogram(a), Held::Float(b)) => {
            let a = || (**a).clone();
            match op {
                BinaryOp::Mul => histogram(a().multiplied(b).compacted(), true),
                BinaryOp::Div => histogram(a().divided(b).compacted(), true),
                BinaryOp::TrimUpper => histogram(a().trimmed(b, Keep::Below), true),
                BinaryOp::TrimLower => histogram(a().trimmed(b, Keep::Above), true),
                _ => None,
            }
        }
        (Held::Histogram(a), Held::Histogram(b)) => match op {
            BinaryOp::Add | BinaryOp::Sub => return combined(op, a, b, span),
            BinaryOp::Equal => histogram((**a).clone(), a.equals(b)),
            BinaryOp::NotEqual => histogram((**a).clone(), !a.equals(b)),
            _ => None,
        },
    };
    let remark = match result {
        Some(_) => None,
        None => Some(Annotation::incompatible_types(
            kind(a),
            op.symbol(),
            kind(b),
            span,
        )),
    };
    (result, remark)
}

fn combined(op: BinaryOp, a: &Histogram, b: &Histogram, span: Span) -> Applied {
    let mut result = a.clone();
    let (combined, combining) = if op == BinaryOp::Add {
        (result.add(b), Combining::Addition)
    } else {
        (result.subtract(b), Combining::Subtraction)
    };
    let Ok(combined) = combined else {
        let remark = Annotation::incompatible_buckets(op.symbol(), span);
        return (None, Some(remark));
    };
    if combined.hints_collide {
        // Prometheus gives no sample where hints collide.
        return (None, Some(Annotation::hints_collide(combining, span)));
    }
    if op == BinaryOp::Sub {
        result.reset_hint = ResetHint::Gauge;
    }
    let remark = combined
        .bounds_reconciled
        .then(|| Annotation::bounds_reconciled(combining, span));
    (histogram(result.compacted(), true), remark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_between() {
        assert_eq!(numbers(BinaryOp::Mod, -5.0, 3.0), -2.0);
        assert!(numbers(BinaryOp::Mod, 1.0, 0.0).is_nan());
        assert_eq!(numbers(BinaryOp::Pow, 2.0, 10.0), 1024.0);
        assert_eq!(numbers(BinaryOp::LessOrEqual, 2.0, 2.0), 1.0);
        assert_eq!(numbers(BinaryOp::Equal, f64::NAN, f64::NAN), 0.0);
    }

    #[test]
    fn kinds_that_do_not_go_together_give_nothing() {
        let h = Arc::new(Histogram::default());
        let span = Span::new(0, 1);
        let (result, remark) = element(BinaryOp::Add, Held::Float(1.0), Held::Histogram(&h), span);
        assert!(result.is_none());
        assert_eq!(
            remark.unwrap().words("a"),
            "PromQL info: incompatible sample types encountered for binary operator \"+\": float + histogram (1:1)"
        );
    }
}
