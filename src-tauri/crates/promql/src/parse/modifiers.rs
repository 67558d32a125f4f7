//! What follows a selector: ranges, subqueries, `offset`, `@`, `anchored`, `smoothed`.

use super::cursor::{Cursor, Failed, Parsed};
use super::token::Kind;
use crate::ast::{At, Expr, Extension, Length, MatrixSelector, Shift, Subquery};
use crate::span::Span;

impl Cursor<'_> {
    pub(super) fn range_or_subquery(&mut self, expr: Expr) -> Parsed<Expr> {
        let open = self.expect(Kind::LeftBracket)?;
        let range = self.positive_length();
        let range = self.named(
            range,
            "subquery or range selector",
            "number, duration, step(), or range()",
        )?;
        if let Some(close) = self.eat(Kind::RightBracket) {
            return Ok(self.matrix(expr, range, open.span.to(close.span)));
        }
        let colon = self.expect(Kind::Colon);
        self.named(colon, "subquery or range", "\":\" or \"]\"")?;
        let mut step = None;
        if self.kind() != Kind::RightBracket {
            let length = self.positive_length();
            step = Some(self.named(
                length,
                "subquery selector",
                "number, duration, step(), range(), or \"]\"",
            )?);
        }
        let close = self.expect(Kind::RightBracket);
        let close = self.named(close, "subquery selector", "\"]\"")?;
        Ok(Expr::Subquery(Subquery {
            span: expr.span().to(close.span),
            expr: Box::new(expr),
            range,
            step,
            shift: Shift::default(),
        }))
    }

    fn matrix(&mut self, expr: Expr, range: Length, brackets: Span) -> Expr {
        let Expr::Vector(selector) = expr else {
            self.error(brackets, "ranges only allowed for vector selectors");
            return expr;
        };
        if selector.shift.offset != Length::Fixed(0) {
            self.error(brackets, "no offset modifiers allowed before range");
        } else if selector.shift.at.is_some() {
            self.error(brackets, "no @ modifiers allowed before range");
        }
        Expr::Matrix(MatrixSelector {
            span: selector.span.to(brackets),
            selector,
            range,
        })
    }

    pub(super) fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.expect(Kind::Offset)?;
        let length = self.offset_length();
        let length = self.named(length, "offset", "number, duration, step(), or range()")?;
        let end = self.behind();
        let whole = expr.span();
        let Some((shift, span)) = shift_of(&mut expr) else {
            self.error(
                whole,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
            return Ok(expr);
        };
        let repeated = shift.offset != Length::Fixed(0);
        if !repeated {
            shift.offset = length;
        }
        span.end = end;
        if repeated {
            self.error(whole, "offset may not be set multiple times");
        }
        Ok(expr)
    }

    pub(super) fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.expect(Kind::At)?;
        let parsed = self.at_moment();
        let moment = self.named(parsed, "@", "timestamp")?;
        let whole = expr.span();
        let moment = match moment {
            Moment::Seconds(seconds) => {
                if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
                    self.error(
                        whole,
                        format!("timestamp out of bounds for @ modifier: {}", six(seconds)),
                    );
                }
                At::Time((seconds * 1000.0).round() as i64)
            }
            Moment::Named(at) => at,
        };
        let end = self.behind();
        let Some((shift, span)) = shift_of(&mut expr) else {
            self.error(
                whole,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
            return Ok(expr);
        };
        if shift.at.is_some() {
            self.error(whole, "@ <timestamp> may not be set multiple times");
            return Ok(expr);
        }
        shift.at = Some(moment);
        span.end = end;
        Ok(expr)
    }

    fn at_moment(&mut self) -> Parsed<Moment> {
        if matches!(self.kind(), Kind::Start | Kind::End) {
            let word = self.advance();
            self.expect(Kind::LeftParen)?;
            self.expect(Kind::RightParen)?;
            return Ok(Moment::Named(if word.kind == Kind::Start {
                At::Start
            } else {
                At::End
            }));
        }
        let negative = match self.kind() {
            Kind::Add | Kind::Sub => self.advance().kind == Kind::Sub,
            _ => false,
        };
        let Expr::Number { value, .. } = self.number_literal()? else {
            return Err(Failed);
        };
        Ok(Moment::Seconds(if negative { -value } else { value }))
    }

    pub(super) fn extension(&mut self, mut expr: Expr) -> Expr {
        let anchored = self.advance().kind == Kind::Anchored;
        let word = if anchored { "anchored" } else { "smoothed" };
        let span = expr.span();
        if !self.dialect.extended_ranges {
            self.error(
                span,
                format!("{word} modifier is experimental and not enabled"),
            );
            return expr;
        }
        let extension = match &mut expr {
            Expr::Vector(v) => &mut v.extension,
            Expr::Matrix(m) => &mut m.selector.extension,
            Expr::Subquery(_) => {
                self.error(
                    span,
                    format!("{word} modifier is not supported for subqueries"),
                );
                return expr;
            }
            // Nothing here reads samples over time, so there is nothing to change; these are the
            // words that people know from Prometheus.
            _ => {
                self.error(span, format!("{word} modifier not implemented"));
                return expr;
            }
        };
        let wanted = if anchored {
            Extension::Anchored
        } else {
            Extension::Smoothed
        };
        let clash = *extension != Extension::None && *extension != wanted;
        *extension = wanted;
        if clash {
            self.error(
                span,
                "anchored and smoothed modifiers cannot be used together",
            );
        }
        expr
    }
}

enum Moment {
    Seconds(f64),
    Named(At),
}

/// Go's `%f`.
fn six(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.6}")
    } else {
        crate::text::float_g(value)
    }
}

/// The modifiers of a selector or subquery, and where it ends.
fn shift_of(expr: &mut Expr) -> Option<(&mut Shift, &mut Span)> {
    match expr {
        Expr::Vector(v) => Some((&mut v.shift, &mut v.span)),
        Expr::Matrix(m) => Some((&mut m.selector.shift, &mut m.span)),
        Expr::Subquery(s) => Some((&mut s.shift, &mut s.span)),
        _ => None,
    }
}
