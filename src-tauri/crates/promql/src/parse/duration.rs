//! Lengths of time inside selectors: literals, and the calculations between them.

use super::cursor::{Cursor, Failed, Parsed};
use super::token::{Kind, Token};
use crate::ast::{DurationExpr, DurationOp, Expr, Length};
use crate::span::Span;

/// 63 bits of nanoseconds, in seconds.
const LONGEST_SECONDS: f64 = 9_223_372_036.854_775;

/// Seconds to milliseconds, by way of whole nanoseconds as Prometheus keeps them.
pub(crate) fn milliseconds(seconds: f64) -> i64 {
    ((seconds * 1e9).round() as i64) / 1_000_000
}

fn operator(kind: Kind) -> Option<(DurationOp, u8)> {
    Some(match kind {
        Kind::Add => (DurationOp::Add, 1),
        Kind::Sub => (DurationOp::Sub, 1),
        Kind::Mul => (DurationOp::Mul, 2),
        Kind::Div => (DurationOp::Div, 2),
        Kind::Mod => (DurationOp::Mod, 2),
        Kind::Pow => (DurationOp::Pow, 3),
        _ => return None,
    })
}

fn literal(seconds: f64, span: Span) -> DurationExpr {
    DurationExpr::Literal {
        seconds,
        with_unit: false,
        span,
    }
}

impl Cursor<'_> {
    /// A length that has to be more than nothing.
    pub(super) fn positive_length(&mut self) -> Parsed<Length> {
        let expr = self.duration_expr(0)?;
        if let DurationExpr::Literal { seconds, span, .. } = expr {
            if seconds <= 0.0 {
                self.error(span, "duration must be greater than 0");
                return Ok(Length::Fixed(0));
            }
            return Ok(Length::Fixed(milliseconds(seconds)));
        }
        Ok(Length::Expr(Box::new(expr)))
    }

    /// The length after `offset`: a calculation only in parentheses, since what follows belongs
    /// to the query again.
    pub(super) fn offset_length(&mut self) -> Parsed<Length> {
        let expr = match self.kind() {
            Kind::Add | Kind::Sub => {
                let sign = self.advance();
                let inner = self.duration_operand()?;
                self.signed(&sign, inner)
            }
            Kind::LeftParen => self.duration_expr(0)?,
            _ => self.duration_operand()?,
        };
        Ok(match expr {
            DurationExpr::Literal { seconds, .. } => Length::Fixed(milliseconds(seconds)),
            expr => Length::Expr(Box::new(expr)),
        })
    }

    fn duration_expr(&mut self, least: u8) -> Parsed<DurationExpr> {
        self.nested(|p| p.duration_operators(least))
    }

    fn duration_operators(&mut self, least: u8) -> Parsed<DurationExpr> {
        let mut left = if matches!(self.kind(), Kind::Add | Kind::Sub) {
            let sign = self.advance();
            let inner = self.duration_expr(3)?;
            self.signed(&sign, inner)
        } else {
            self.duration_operand()?
        };
        while let Some((op, tight)) = operator(self.kind()) {
            if tight < least {
                break;
            }
            let sign = self.advance();
            let next = if op == DurationOp::Pow {
                tight
            } else {
                tight + 1
            };
            let right = self.duration_expr(next)?;
            left = self.calculated(op, left, right, &sign);
        }
        Ok(left)
    }

    fn calculated(
        &mut self,
        op: DurationOp,
        left: DurationExpr,
        right: DurationExpr,
        sign: &Token,
    ) -> DurationExpr {
        self.calculation_at(left.span());
        let zero = matches!(&right, DurationExpr::Literal { seconds, .. } if *seconds == 0.0);
        let wrong = match op {
            DurationOp::Div if zero => Some("division by zero"),
            DurationOp::Mod if zero => Some("modulo by zero"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.error(sign.span, wrong);
            return literal(0.0, sign.span);
        }
        let span = left.span().to(right.span());
        DurationExpr::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
            span,
        }
    }

    fn calculation_at(&mut self, span: Span) {
        if !self.dialect.duration_expressions {
            self.error(span, "experimental duration expression is not enabled");
        }
    }

    fn signed(&mut self, sign: &Token, expr: DurationExpr) -> DurationExpr {
        let negative = sign.kind == Kind::Sub;
        match expr {
            DurationExpr::Literal {
                seconds,
                with_unit,
                span,
            } => DurationExpr::Literal {
                seconds: if negative { -seconds } else { seconds },
                with_unit,
                span: sign.span.to(span),
            },
            expr if negative => {
                let span = sign.span.to(expr.span());
                DurationExpr::Negated(Box::new(expr), span)
            }
            expr => expr,
        }
    }

    fn duration_operand(&mut self) -> Parsed<DurationExpr> {
        match self.kind() {
            Kind::Number | Kind::Duration => self.duration_literal(),
            Kind::Step | Kind::Range => {
                let word = self.advance();
                self.expect(Kind::LeftParen)?;
                let close = self.expect(Kind::RightParen)?;
                let span = word.span.to(close.span);
                self.calculation_at(span);
                Ok(if word.kind == Kind::Step {
                    DurationExpr::Step(span)
                } else {
                    DurationExpr::Range(span)
                })
            }
            Kind::MaxOf | Kind::MinOf => self.duration_pair(),
            Kind::LeftParen => {
                let open = self.advance();
                let inner = self.duration_expr(0)?;
                let close = self.expect(Kind::RightParen)?;
                self.calculation_at(inner.span());
                Ok(DurationExpr::Paren(
                    Box::new(inner),
                    open.span.to(close.span),
                ))
            }
            _ => Err(Failed),
        }
    }

    fn duration_literal(&mut self) -> Parsed<DurationExpr> {
        let Expr::Number {
            value,
            is_duration,
            span,
        } = self.number_literal()?
        else {
            return Err(Failed);
        };
        if value.abs() > LONGEST_SECONDS {
            self.error(span, "duration out of range");
            return Ok(literal(0.0, span));
        }
        Ok(DurationExpr::Literal {
            seconds: value,
            with_unit: is_duration,
            span,
        })
    }

    fn duration_pair(&mut self) -> Parsed<DurationExpr> {
        let word = self.advance();
        self.expect(Kind::LeftParen)?;
        let left = self.duration_expr(0)?;
        self.expect(Kind::Comma)?;
        let right = self.duration_expr(0)?;
        let close = self.expect(Kind::RightParen)?;
        let span = word.span.to(close.span);
        self.calculation_at(span);
        let op = if word.kind == Kind::MaxOf {
            DurationOp::MaxOf
        } else {
            DurationOp::MinOf
        };
        Ok(DurationExpr::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
            span,
        })
    }
}
