//! From tree to plan.

use super::invariant::{invariance, is_query_constant};
use super::{
    AggregatePlan, BinaryPlan, CallPlan, InfoPlan, Node, Planned, Resolved, Scope, Selector,
    SubqueryPlan, Window,
};
use crate::ast::{Aggregate, At, Binary, Call, Expr, Extension, Shift, Subquery, VectorSelector};
use crate::error::EvalError;
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::{MatchOp, Matcher};
use crate::source::Selection;

/// What lowering has to know of the query as a whole.
pub(crate) struct Lowering {
    pub start: i64,
    pub end: i64,
    /// 0 for an instant query.
    pub step: i64,
    pub lookback: i64,
    pub subquery_step: i64,
}

/// Makes a query ready.
pub(crate) fn plan(expr: &Expr, lowering: &Lowering, scope: Scope) -> Result<Planned, EvalError> {
    let mut planned = lowering.wrapped(expr, scope)?;
    super::statistics::mark(&mut planned, false);
    Ok(planned)
}

impl Lowering {
    /// The expression, evaluated once if that is worth while.
    fn wrapped(&self, expr: &Expr, scope: Scope) -> Result<Planned, EvalError> {
        if !invariance(expr).worthwhile {
            return self.lower(expr, scope);
        }
        self.once(expr, scope)
    }

    fn once(&self, expr: &Expr, scope: Scope) -> Result<Planned, EvalError> {
        let inner = self.lower(expr, scope.first())?;
        Ok(Planned {
            span: inner.span,
            value_type: inner.value_type,
            node: Node::Invariant(Box::new(inner)),
        })
    }

    fn lower(&self, expr: &Expr, scope: Scope) -> Result<Planned, EvalError> {
        let node = match expr {
            Expr::Number { value, .. } => Node::Number(*value),
            Expr::String { bytes, .. } => Node::Text(bytes.clone()),
            Expr::Paren(inner, _) => return self.lower(inner, scope),
            Expr::Unary {
                negative: false,
                expr,
                ..
            } => return self.lower(expr, scope),
            Expr::Unary { expr, .. } => Node::Negated(Box::new(self.lower(expr, scope)?)),
            Expr::Binary(binary) => self.binary(binary, scope)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, scope)?,
            Expr::Call(call) => self.call(call, scope)?,
            Expr::Vector(selector) => Node::Vector(self.selector(selector, scope, None)?),
            Expr::Matrix(matrix) => {
                let range = self.length(&matrix.range, false)?;
                Node::Matrix(Window {
                    selector: self.selector(&matrix.selector, scope, Some(range))?,
                    range,
                })
            }
            Expr::Subquery(subquery) => self.subquery(subquery, scope)?,
        };
        Ok(Planned {
            node,
            span: expr.span(),
            value_type: expr.value_type(),
        })
    }

    fn binary(&self, binary: &Binary, scope: Scope) -> Result<Node, EvalError> {
        let both = invariance(&binary.left).invariant && invariance(&binary.right).invariant;
        let side = |expr: &Expr| {
            if both {
                self.lower(expr, scope)
            } else {
                self.wrapped(expr, scope)
            }
        };
        Ok(Node::Binary(BinaryPlan {
            op: binary.op,
            left: Box::new(side(&binary.left)?),
            right: Box::new(side(&binary.right)?),
            matching: binary.matching.clone(),
            return_bool: binary.return_bool,
        }))
    }

    fn aggregate(&self, aggregate: &Aggregate, scope: Scope) -> Result<Node, EvalError> {
        let parameter = match &aggregate.parameter {
            Some(parameter) => Some(Box::new(self.lower(parameter.bare(), scope)?)),
            None => None,
        };
        let mut grouping = aggregate.grouping.clone();
        grouping.sort();
        Ok(Node::Aggregate(AggregatePlan {
            op: aggregate.op,
            expr: Box::new(self.lower(aggregate.expr.bare(), scope)?),
            parameter,
            grouping,
            without: aggregate.without,
        }))
    }

    fn call(&self, call: &Call, scope: Scope) -> Result<Node, EvalError> {
        let name = call.function.name;
        if is_query_constant(name) {
            return Ok(Node::Number(self.query_constant(name)));
        }
        let whole = invariance(&Expr::Call(call.clone())).invariant;
        let mut args = Vec::with_capacity(call.args.len());
        for (at, arg) in call.args.iter().enumerate() {
            let bare = arg.bare();
            args.push(if name == "info" && at == 1 {
                Planned {
                    node: Node::Text(Vec::new()),
                    span: bare.span(),
                    value_type: bare.value_type(),
                }
            } else if whole {
                self.lower(bare, scope)?
            } else {
                self.wrapped(bare, scope)?
            });
        }
        let info = if name == "info" {
            Some(self.info(call, scope)?)
        } else {
            None
        };
        Ok(Node::Call(CallPlan {
            function: call.function,
            args,
            absent: call
                .args
                .first()
                .map_or_else(Labels::default, |arg| absent_labels(arg.bare())),
            info,
        }))
    }

    fn query_constant(&self, name: &str) -> f64 {
        let ms = match name {
            "start" => self.start,
            "end" => self.end,
            "range" => self.end.saturating_sub(self.start),
            _ if self.start == self.end => 0,
            _ => self.step,
        };
        ms as f64 / 1000.0
    }

    fn shift(&self, shift: &Shift) -> Result<Resolved, EvalError> {
        Ok(Resolved {
            offset: self.length(&shift.offset, true)?,
            at: shift.at.map(|at| match at {
                At::Time(ms) => ms,
                At::Start => self.start,
                At::End => self.end,
            }),
        })
    }

    fn selector(
        &self,
        selector: &VectorSelector,
        scope: Scope,
        range: Option<i64>,
    ) -> Result<Selector, EvalError> {
        let shift = self.shift(&selector.shift)?;
        let extended = selector.extension != Extension::None;
        let back = match range {
            None => self.lookback,
            Some(range) if extended => range.saturating_add(self.lookback),
            Some(range) => range,
        };
        let ahead = if selector.extension == Extension::Smoothed {
            self.lookback
        } else {
            0
        };
        Ok(Selector {
            selection: Selection {
                matchers: selector.matchers.clone(),
                from_ms: shift.moment(scope.start).saturating_sub(back - 1),
                to_ms: shift.moment(scope.end).saturating_add(ahead),
            },
            shift,
            extension: selector.extension,
            statistics: false,
        })
    }

    fn subquery(&self, subquery: &Subquery, scope: Scope) -> Result<Node, EvalError> {
        let shift = self.shift(&subquery.shift)?;
        let step = match &subquery.step {
            Some(step) => self.length(step, false)?,
            None => 0,
        };
        let range = self.length(&subquery.range, false)?;
        let interval = if step > 0 { step } else { self.subquery_step }.max(1);
        let last = if scope.interval > 0 {
            let whole = scope.end.saturating_sub(scope.start) / scope.interval;
            scope.start.saturating_add(whole * scope.interval)
        } else {
            scope.end
        };
        let before = shift.moment(scope.start).saturating_sub(range);
        // Steps stand at multiples of the interval, the first of them after the range's open end.
        let mut start = interval * (before / interval);
        if start <= before {
            start = start.saturating_add(interval);
        }
        let inner_scope = Scope {
            start,
            end: shift.moment(last),
            interval,
        };
        let inner = if invariance(&subquery.expr).invariant {
            self.once(&subquery.expr, inner_scope)?
        } else {
            self.lower(&subquery.expr, inner_scope)?
        };
        Ok(Node::Subquery(SubqueryPlan {
            inner: Box::new(inner),
            scope: inner_scope,
            range,
            shift,
        }))
    }

    /// Where and when `info` looks for its series: where its first argument looks, if all of that
    /// looks at the same moment.
    fn info(&self, call: &Call, scope: Scope) -> Result<InfoPlan, EvalError> {
        let mut names = Vec::new();
        let mut data = Vec::new();
        if let Some(Expr::Vector(selector)) = call.args.get(1).map(Expr::bare) {
            for matcher in &selector.matchers {
                if matcher.name() == METRIC_NAME {
                    names.push(matcher.clone());
                } else {
                    data.push(matcher.clone());
                }
            }
        }
        let positive = |m: &Matcher| matches!(m.op(), MatchOp::Equal | MatchOp::Regex);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !names.iter().any(positive) {
            let any = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info")
                .map_err(EvalError::Execution)?;
            names.insert(0, any);
        }
        let mut moments = Vec::new();
        let mut constant = false;
        if let Some(first) = call.args.first() {
            self.moments(first, Resolved::default(), &mut moments, &mut constant)?;
        }
        let reference = |r: &Resolved| (r.at.is_some(), r.at.unwrap_or(0).saturating_sub(r.offset));
        let same = moments
            .windows(2)
            .all(|pair| reference(&pair[0]) == reference(&pair[1]));
        let shift = match moments.first() {
            Some(first) if same && !constant => *first,
            _ => Resolved::default(),
        };
        let mut matchers = names.clone();
        matchers.extend(data.iter().cloned());
        Ok(InfoPlan {
            selector: Selector {
                selection: Selection {
                    matchers,
                    from_ms: shift.moment(scope.start).saturating_sub(self.lookback - 1),
                    to_ms: shift.moment(scope.end),
                },
                shift,
                extension: Extension::None,
                statistics: false,
            },
            data,
            names,
        })
    }

    /// The moments that an expression's selectors look at. Whether there was a selector.
    fn moments(
        &self,
        expr: &Expr,
        outside: Resolved,
        found: &mut Vec<Resolved>,
        constant: &mut bool,
    ) -> Result<bool, EvalError> {
        use crate::ast::ValueType::{Matrix, Vector};
        if !matches!(expr.value_type(), Vector | Matrix) {
            return Ok(false);
        }
        let joined = |inner: Resolved| {
            if inner.at.is_some() {
                return inner;
            }
            Resolved {
                offset: inner.offset.saturating_add(outside.offset),
                at: outside.at,
            }
        };
        match expr {
            Expr::Vector(v) => found.push(joined(self.shift(&v.shift)?)),
            Expr::Matrix(m) => found.push(joined(self.shift(&m.selector.shift)?)),
            Expr::Subquery(s) => {
                let outside = joined(self.shift(&s.shift)?);
                return self.moments(&s.expr, outside, found, constant);
            }
            Expr::Call(c) if c.function.name == "info" => {
                return match c.args.first() {
                    Some(first) => self.moments(first, outside, found, constant),
                    None => Ok(false),
                };
            }
            other => {
                let mut any = false;
                for child in other.children() {
                    any |= self.moments(child, outside, found, constant)?;
                }
                *constant |= !any;
                return Ok(any);
            }
        }
        Ok(true)
    }
}

/// The labels that a selector fixes to one value each.
fn absent_labels(expr: &Expr) -> Labels {
    let matchers = match expr {
        Expr::Vector(v) => &v.matchers,
        Expr::Matrix(m) => &m.selector.matchers,
        _ => return Labels::default(),
    };
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|m| m.name() != METRIC_NAME) {
        let name = matcher.name();
        if matcher.op() == MatchOp::Equal && !seen.contains(&name) {
            pairs.push((name, matcher.value()));
            seen.push(name);
        } else {
            pairs.retain(|(have, _)| *have != name);
        }
    }
    Labels::from_pairs(pairs)
}
