//! The comparison that most conditions are: something against a number.

use deckwatch_promql::ast::{Binary, BinaryOp, Expr, ValueType};
use deckwatch_promql::{Query, Span};

/// A comparison at the top of an expression, read from the value's side.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Comparison<'e> {
    pub value: &'e Expr,
    /// How the value has to stand to the threshold.
    pub op: BinaryOp,
    pub threshold: &'e Expr,
}

impl<'e> Comparison<'e> {
    /// Of the query, if it is one that filters.
    pub fn of(query: &'e Query) -> Option<Self> {
        match query.expr().bare() {
            Expr::Binary(binary) if !binary.return_bool => Self::read(binary),
            _ => None,
        }
    }

    /// Of an operator, if it compares.
    pub(crate) fn read(binary: &'e Binary) -> Option<Self> {
        if !binary.op.is_comparison() {
            return None;
        }
        Some(match binary.left.value_type() == ValueType::Scalar {
            true => Comparison {
                value: &binary.right,
                op: mirrored(binary.op),
                threshold: &binary.left,
            },
            false => Comparison {
                value: &binary.left,
                op: binary.op,
                threshold: &binary.right,
            },
        })
    }

    /// The threshold and where it stands, if it is a number.
    pub fn number(&self) -> Option<(f64, Span)> {
        match self.threshold.bare() {
            Expr::Number { value, span, .. } => Some((*value, *span)),
            Expr::Unary {
                negative,
                expr,
                span,
            } => match expr.bare() {
                Expr::Number { value, .. } if *negative => Some((-value, *span)),
                Expr::Number { value, .. } => Some((*value, *span)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The comparison with its sides exchanged.
pub(crate) fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        same => same,
    }
}

/// Whether two numbers compare so; a NaN is only unequal.
pub(crate) fn holds(op: BinaryOp, value: f64, threshold: f64) -> bool {
    match op {
        BinaryOp::Greater => value > threshold,
        BinaryOp::GreaterOrEqual => value >= threshold,
        BinaryOp::Less => value < threshold,
        BinaryOp::LessOrEqual => value <= threshold,
        BinaryOp::Equal => value == threshold,
        BinaryOp::NotEqual => value != threshold,
        _ => false,
    }
}
