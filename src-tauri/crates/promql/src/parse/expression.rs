//! Expressions: operators by precedence, and what stands between them.

use super::cursor::{Cursor, Failed, Parsed};
use super::token::{Kind, Token};
use super::unquote;
use crate::ast::{Binary, BinaryOp, Call, Cardinality, Expr, VectorMatching};
use crate::functions::function;
use crate::matcher::Matcher;
use crate::span::Span;
use crate::text::{parse_number, quote};

/// How tightly `^` binds; a sign binds less tightly than that, more than `*`.
const POWER: u8 = 6;

fn binary_op(kind: Kind) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        Kind::Or => (BinaryOp::Or, 1),
        Kind::And => (BinaryOp::And, 2),
        Kind::Unless => (BinaryOp::Unless, 2),
        Kind::EqualEqual => (BinaryOp::Equal, 3),
        Kind::NotEqual => (BinaryOp::NotEqual, 3),
        Kind::Less => (BinaryOp::Less, 3),
        Kind::LessOrEqual => (BinaryOp::LessOrEqual, 3),
        Kind::Greater => (BinaryOp::Greater, 3),
        Kind::GreaterOrEqual => (BinaryOp::GreaterOrEqual, 3),
        Kind::TrimUpper => (BinaryOp::TrimUpper, 3),
        Kind::TrimLower => (BinaryOp::TrimLower, 3),
        Kind::Add => (BinaryOp::Add, 4),
        Kind::Sub => (BinaryOp::Sub, 4),
        Kind::Mul => (BinaryOp::Mul, 5),
        Kind::Div => (BinaryOp::Div, 5),
        Kind::Mod => (BinaryOp::Mod, 5),
        Kind::Atan2 => (BinaryOp::Atan2, 5),
        Kind::Pow => (BinaryOp::Pow, POWER),
        _ => return None,
    })
}

impl Cursor<'_> {
    /// A query from end to end.
    pub fn whole_expression(&mut self) -> Option<Expr> {
        if self.kind() == Kind::Eof {
            self.error(Span::default(), "no expression found in input");
            return None;
        }
        let parsed = self.expression(0).and_then(|expr| {
            self.expect(Kind::Eof)?;
            Ok(expr)
        });
        self.named(parsed, "", "").ok()
    }

    /// A selector from end to end.
    pub fn whole_selector(&mut self) -> Option<Vec<Matcher>> {
        let parsed = self.vector_selector().and_then(|selector| {
            self.expect(Kind::Eof)?;
            Ok(selector.matchers)
        });
        self.named(parsed, "", "").ok()
    }

    /// An expression whose operators all bind at least as tightly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Parsed<Expr> {
        self.nested(|p| p.operators(least))
    }

    fn operators(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.operand()?;
        while let Some((op, tight)) = binary_op(self.kind()) {
            if tight < least {
                break;
            }
            self.advance();
            let (return_bool, matching) = self.binary_modifiers()?;
            // `^` groups from the right.
            let right = self.expression(if op == BinaryOp::Pow {
                tight
            } else {
                tight + 1
            })?;
            left = self.binary(op, left, right, return_bool, matching);
        }
        Ok(left)
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        return_bool: bool,
        mut matching: VectorMatching,
    ) -> Expr {
        let span = left.span().to(right.span());
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if filled && !self.dialect.fill_modifiers {
            self.error(
                span,
                "binop fill modifiers are experimental and not enabled",
            );
        }
        if op.is_set() && matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        Expr::Binary(Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
            matching,
            return_bool,
        })
    }

    fn operand(&mut self) -> Parsed<Expr> {
        if !matches!(self.kind(), Kind::Add | Kind::Sub) {
            return self.modified_operand();
        }
        let sign = self.advance();
        let negative = sign.kind == Kind::Sub;
        let inner = self.expression(POWER)?;
        Ok(match inner {
            Expr::Number {
                value,
                is_duration,
                span,
            } => Expr::Number {
                value: if negative { -value } else { value },
                is_duration,
                span: sign.span.to(span),
            },
            expr => Expr::Unary {
                negative,
                span: sign.span.to(expr.span()),
                expr: Box::new(expr),
            },
        })
    }

    fn modified_operand(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        loop {
            expr = match self.kind() {
                Kind::LeftBracket => self.range_or_subquery(expr)?,
                Kind::Offset => self.offset(expr)?,
                Kind::At => self.at(expr)?,
                Kind::Anchored | Kind::Smoothed => self.extension(expr),
                _ => return Ok(expr),
            };
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        match self.kind() {
            Kind::Number | Kind::Duration => self.number_literal(),
            Kind::String => {
                let token = self.advance();
                let bytes = self.unquoted(&token);
                Ok(Expr::String {
                    bytes,
                    span: token.span,
                })
            }
            Kind::LeftParen => {
                let open = self.advance();
                let inner = self.expression(0)?;
                let close = self.expect(Kind::RightParen)?;
                Ok(Expr::Paren(Box::new(inner), open.span.to(close.span)))
            }
            Kind::LeftBrace => Ok(Expr::Vector(self.vector_selector()?)),
            Kind::Aggregate(op) => self.aggregate_or_metric(op),
            kind if kind.names_metric() => {
                let word = self.advance();
                let callable = !matches!(
                    word.kind,
                    Kind::MetricIdentifier
                        | Kind::By
                        | Kind::Without
                        | Kind::And
                        | Kind::Or
                        | Kind::Unless
                        | Kind::Offset
                        | Kind::Anchored
                        | Kind::Smoothed
                        | Kind::Fill
                        | Kind::FillLeft
                        | Kind::FillRight
                );
                if callable && self.kind() == Kind::LeftParen {
                    return self.call(word);
                }
                Ok(Expr::Vector(self.named_selector(word)?))
            }
            _ => Err(Failed),
        }
    }

    /// A number or a length of time.
    pub(super) fn number_literal(&mut self) -> Parsed<Expr> {
        let token = match self.kind() {
            Kind::Number | Kind::Duration => self.advance(),
            _ => return Err(Failed),
        };
        Ok(Expr::Number {
            value: self.number_value(&token),
            is_duration: token.kind == Kind::Duration,
            span: token.span,
        })
    }

    /// What a number or length token means, in seconds for a length.
    pub(super) fn number_value(&mut self, token: &Token) -> f64 {
        if token.kind == Kind::Duration {
            return match crate::duration::parse_duration(&token.text) {
                Ok(ms) => ms as f64 / 1000.0,
                Err(why) => {
                    self.error(token.span, why);
                    0.0
                }
            };
        }
        match parse_number(&token.text) {
            Some(value) => value,
            None => {
                let text = quote(&token.text);
                self.error(
                    token.span,
                    format!(
                        "error parsing number: strconv.ParseFloat: parsing {text}: invalid syntax"
                    ),
                );
                0.0
            }
        }
    }

    /// The bytes of a string token.
    pub(super) fn unquoted(&mut self, token: &Token) -> Vec<u8> {
        match unquote(&token.text) {
            Some(bytes) => bytes,
            None => {
                let text = quote(&token.text);
                self.error(
                    token.span,
                    format!("error unquoting string {text}: invalid syntax"),
                );
                Vec::new()
            }
        }
    }

    fn call(&mut self, word: Token) -> Parsed<Expr> {
        let found = function(&word.text);
        match found {
            None => self.error(
                word.span,
                format!("unknown function with name {}", quote(&word.text)),
            ),
            Some(f) if f.experimental && !self.dialect.experimental_functions => self.error(
                word.span,
                format!("function {} is not enabled", quote(&word.text)),
            ),
            Some(_) => {}
        }
        let (args, end) = self.arguments()?;
        let span = word.span.to(end);
        match found {
            Some(function) => Ok(Expr::Call(Call {
                function,
                args,
                span,
            })),
            // The error is noted; something has to stand here until parsing is over.
            None => Ok(Expr::Paren(
                Box::new(Expr::Number {
                    value: 0.0,
                    is_duration: false,
                    span,
                }),
                span,
            )),
        }
    }

    /// Arguments between parentheses, and where the closing one stands.
    pub(super) fn arguments(&mut self) -> Parsed<(Vec<Expr>, Span)> {
        self.expect(Kind::LeftParen)?;
        let mut args = Vec::new();
        if let Some(close) = self.eat(Kind::RightParen) {
            return Ok((args, close.span));
        }
        args.push(self.expression(0)?);
        loop {
            let Some(comma) = self.eat(Kind::Comma) else {
                let close = self.expect(Kind::RightParen)?;
                return Ok((args, close.span));
            };
            if matches!(self.kind(), Kind::RightParen | Kind::Comma) {
                self.error(
                    comma.span,
                    "trailing commas not allowed in function call args",
                );
                continue;
            }
            args.push(self.expression(0)?);
        }
    }
}
