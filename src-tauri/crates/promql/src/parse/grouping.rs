//! What stands in parentheses after `by`, `on` and `fill`: aggregations and the matching of
//! operators.

use super::cursor::{Cursor, Failed, Parsed};
use super::token::Kind;
use crate::ast::{Aggregate, AggregateOp, Cardinality, Expr, VectorMatching};
use crate::span::Span;
use crate::text::quote;

/// `by (…)` or `without (…)`.
struct Grouping {
    labels: Vec<String>,
    without: bool,
    end: Span,
}

impl Cursor<'_> {
    pub(super) fn aggregate_or_metric(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let word = self.advance();
        match self.kind() {
            Kind::LeftParen | Kind::By | Kind::Without => {
                let parsed = self.aggregate(op, word.span);
                self.named(parsed, "aggregation", "")
            }
            // What may follow a metric's name; anything else was meant as an aggregation.
            Kind::Identifier
            | Kind::MetricIdentifier
            | Kind::String
            | Kind::Number
            | Kind::Duration
            | Kind::Aggregate(_)
            | Kind::Equal
            | Kind::RightBrace
            | Kind::Error => {
                self.unexpected("aggregation", "");
                Err(Failed)
            }
            _ => Ok(Expr::Vector(self.named_selector(word)?)),
        }
    }

    fn aggregate(&mut self, op: AggregateOp, start: Span) -> Parsed<Expr> {
        let mut grouping = self.aggregate_modifier()?;
        let (args, mut end) = self.arguments()?;
        if grouping.is_none() {
            grouping = self.aggregate_modifier()?;
            if let Some(grouping) = &grouping {
                end = grouping.end;
            }
        }
        let (labels, without) = grouping.map_or((Vec::new(), false), |g| (g.labels, g.without));
        let span = start.to(end);
        let (parameter, expr) = self.aggregate_arguments(op, args, span);
        Ok(Expr::Aggregate(Aggregate {
            op,
            expr: Box::new(expr),
            parameter: parameter.map(Box::new),
            grouping: labels,
            without,
            span,
        }))
    }

    fn aggregate_arguments(
        &mut self,
        op: AggregateOp,
        args: Vec<Expr>,
        span: Span,
    ) -> (Option<Expr>, Expr) {
        let wanted = if op.has_parameter() { 2 } else { 1 };
        let count = args.len();
        if count == 0 {
            self.error(span, "no arguments for aggregate expression provided");
        } else if op.is_experimental() && !self.dialect.experimental_functions {
            self.error(
                span,
                format!(
                    "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                    op.name()
                ),
            );
        } else if count != wanted {
            self.error(
                span,
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {count}"
                ),
            );
        }
        let mut args = args.into_iter();
        let parameter = if op.has_parameter() {
            args.next()
        } else {
            None
        };
        let missing = Expr::Number {
            value: 0.0,
            is_duration: false,
            span,
        };
        (parameter, args.next().unwrap_or(missing))
    }

    fn aggregate_modifier(&mut self) -> Parsed<Option<Grouping>> {
        let without = match self.kind() {
            Kind::By => false,
            Kind::Without => true,
            _ => return Ok(None),
        };
        self.advance();
        let (labels, end) = self.grouping_labels()?;
        Ok(Some(Grouping {
            labels,
            without,
            end,
        }))
    }

    /// Label names between parentheses.
    fn grouping_labels(&mut self) -> Parsed<(Vec<String>, Span)> {
        let open = self.expect(Kind::LeftParen);
        self.named(open, "grouping opts", "\"(\"")?;
        let mut labels = Vec::new();
        loop {
            if let Some(close) = self.eat(Kind::RightParen) {
                return Ok((labels, close.span));
            }
            let label = self.grouping_label();
            labels.push(self.named(label, "grouping opts", "label")?);
            if self.eat(Kind::Comma).is_none() && self.kind() != Kind::RightParen {
                self.unexpected("grouping opts", "\",\" or \")\"");
                return Err(Failed);
            }
        }
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        if self.kind().names_label() {
            return Ok(self.advance().text);
        }
        let token = self.expect(Kind::String)?;
        let bytes = self.unquoted(&token);
        match String::from_utf8(bytes) {
            Ok(name) if !name.is_empty() => Ok(name),
            Ok(name) => {
                let message = format!("invalid label name for grouping: {}", quote(&name));
                self.error(token.span, message);
                Ok(name)
            }
            Err(bad) => {
                let shown = crate::text::quote_bytes(bad.as_bytes());
                self.error(
                    token.span,
                    format!("invalid label name for grouping: {shown}"),
                );
                Ok(String::new())
            }
        }
    }

    /// `bool`, `on`, `ignoring`, `group_left`, `group_right` and `fill`, between an operator and
    /// its right side.
    pub(super) fn binary_modifiers(&mut self) -> Parsed<(bool, VectorMatching)> {
        let return_bool = self.eat(Kind::Bool).is_some();
        let mut matching = VectorMatching::default();
        if matches!(self.kind(), Kind::On | Kind::Ignoring) {
            matching.on = self.advance().kind == Kind::On;
            matching.labels = self.grouping_labels()?.0;
            let cardinality = match self.kind() {
                Kind::GroupLeft => Some(Cardinality::ManyToOne),
                Kind::GroupRight => Some(Cardinality::OneToMany),
                _ => None,
            };
            if let Some(cardinality) = cardinality {
                self.advance();
                matching.cardinality = cardinality;
                if self.kind() == Kind::LeftParen {
                    matching.include = self.grouping_labels()?.0;
                }
            }
        }
        self.fill_modifiers(&mut matching)?;
        Ok((return_bool, matching))
    }

    fn fill_modifiers(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        match self.kind() {
            Kind::Fill => {
                self.advance();
                let value = self.fill_value()?;
                matching.fill_left = Some(value);
                matching.fill_right = Some(value);
            }
            Kind::FillLeft => {
                self.advance();
                matching.fill_left = Some(self.fill_value()?);
                if self.eat(Kind::FillRight).is_some() {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            Kind::FillRight => {
                self.advance();
                matching.fill_right = Some(self.fill_value()?);
                if self.eat(Kind::FillLeft).is_some() {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Kind::LeftParen)?;
        let negative = match self.kind() {
            Kind::Add | Kind::Sub => self.advance().kind == Kind::Sub,
            _ => false,
        };
        let Expr::Number { value, .. } = self.number_literal()? else {
            return Err(Failed);
        };
        self.expect(Kind::RightParen)?;
        Ok(if negative { -value } else { value })
    }
}
