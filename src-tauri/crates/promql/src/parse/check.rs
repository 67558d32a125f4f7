//! Whether a tree makes sense: types, labels, selectors that select something.

use super::cursor::Cursor;
use crate::ast::{Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, ValueType};
use crate::functions::Variadic;
use crate::labels::METRIC_NAME;
use crate::span::Span;
use crate::text::quote;

impl Cursor<'_> {
    /// Notes everything that makes no sense.
    pub fn check(&mut self, expr: &Expr) {
        match expr {
            Expr::Number { .. } | Expr::String { .. } => {}
            Expr::Paren(inner, _) => self.check(inner),
            Expr::Unary {
                expr: inner, span, ..
            } => self.check_unary(inner, *span),
            Expr::Binary(binary) => self.check_binary(binary, expr.span()),
            Expr::Aggregate(aggregate) => self.check_aggregate(aggregate),
            Expr::Call(call) => self.check_call(call),
            Expr::Vector(selector) => self.check_selector(selector, false),
            Expr::Matrix(matrix) => self.check_selector(&matrix.selector, false),
            Expr::Subquery(subquery) => {
                self.check(&subquery.expr);
                let found = subquery.expr.value_type();
                if found != ValueType::Vector {
                    let name = match found {
                        ValueType::Matrix => "matrix",
                        other => other.documented(),
                    };
                    self.error(
                        subquery.span,
                        format!("subquery is only allowed on instant vector, got {name} instead"),
                    );
                }
            }
        }
    }

    fn expect_type(&mut self, expr: &Expr, wanted: ValueType, place: &str) {
        self.check(expr);
        let found = expr.value_type();
        if found != wanted {
            self.error(
                expr.span(),
                format!(
                    "expected type {} in {place}, got {}",
                    wanted.documented(),
                    found.documented()
                ),
            );
        }
    }

    fn check_unary(&mut self, inner: &Expr, span: Span) {
        self.check(inner);
        let found = inner.value_type();
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            self.error(
                span,
                format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                    quote(found.documented())
                ),
            );
        }
    }

    fn check_aggregate(&mut self, aggregate: &Aggregate) {
        self.expect_type(&aggregate.expr, ValueType::Vector, "aggregation expression");
        if let Some(parameter) = &aggregate.parameter {
            let wanted = match aggregate.op {
                AggregateOp::CountValues => ValueType::String,
                _ => ValueType::Scalar,
            };
            self.expect_type(parameter, wanted, "aggregation parameter");
        }
    }

    /// What stands between two sides, without the blanks around it.
    fn between(&self, left: Span, right: Span) -> Span {
        let text = self.query().get(left.end..right.start).unwrap_or("");
        let start = left.end + (text.len() - text.trim_start().len());
        Span::new(start, left.end + text.trim_end().len())
    }

    fn check_binary(&mut self, binary: &Binary, span: Span) {
        self.check(&binary.left);
        self.check(&binary.right);
        let (left, right) = (binary.left.value_type(), binary.right.value_type());
        let op = binary.op;
        let op_span = self.between(binary.left.span(), binary.right.span());
        if binary.return_bool && !op.is_comparison() {
            self.error(
                op_span,
                "bool modifier can only be used on comparison operators",
            );
        }
        let scalar = ValueType::Scalar;
        if op.is_comparison() && !binary.return_bool && left == scalar && right == scalar {
            self.error(
                op_span,
                "comparisons between scalars must use BOOL modifier",
            );
        }
        if binary.matching.on {
            for label in &binary.matching.labels {
                if binary.matching.include.contains(label) {
                    self.error(
                        op_span,
                        format!(
                            "label {} must not occur in ON and GROUP clause at once",
                            quote(label)
                        ),
                    );
                }
            }
        }
        for side in [&binary.left, &binary.right] {
            if !matches!(side.value_type(), ValueType::Scalar | ValueType::Vector) {
                self.error(
                    side.span(),
                    "binary expression must contain only scalar and instant vector types",
                );
            }
        }
        self.check_matching(binary, span);
        if (left == scalar || right == scalar) && op.is_set() {
            self.error(
                span,
                format!(
                    "set operator {} not allowed in binary scalar expression",
                    quote(op.symbol())
                ),
            );
        }
    }

    fn check_matching(&mut self, binary: &Binary, span: Span) {
        let matching = &binary.matching;
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        let vector = ValueType::Vector;
        let both = binary.left.value_type() == vector && binary.right.value_type() == vector;
        if !both {
            if !matching.labels.is_empty() {
                self.error(span, "vector matching only allowed between instant vectors");
            }
            if filled {
                self.error(
                    span,
                    "filling in missing series only allowed between instant vectors",
                );
            }
        } else if binary.op.is_set() {
            if matches!(
                matching.cardinality,
                Cardinality::OneToMany | Cardinality::ManyToOne
            ) {
                let op = quote(binary.op.symbol());
                self.error(span, format!("no grouping allowed for {op} operation"));
            }
            if matching.cardinality != Cardinality::ManyToMany {
                self.error(span, "set operations must always be many-to-many");
            }
            if filled {
                self.error(
                    span,
                    "filling in missing series not allowed for set operators",
                );
            }
        }
    }

    fn check_call(&mut self, call: &Call) {
        self.check_count(call);
        let function = call.function;
        let info = function.name == "info";
        if info && let Some(second) = call.args.get(1) {
            self.check_info_selector(second, call.span);
        }
        for (at, arg) in call.args.iter().enumerate() {
            if at >= function.args.len() && function.variadic == Variadic::No {
                break;
            }
            let Some(wanted) = function.args.get(at).or(function.args.last()) else {
                break;
            };
            match arg {
                Expr::Vector(selector) if info && at == 1 => self.check_selector(selector, true),
                _ => self.check(arg),
            }
            let found = arg.value_type();
            if found != *wanted {
                self.error(
                    arg.span(),
                    format!(
                        "expected type {} in call to function {}, got {}",
                        wanted.documented(),
                        quote(function.name),
                        found.documented()
                    ),
                );
            }
        }
    }

    fn check_count(&mut self, call: &Call) {
        let name = quote(call.function.name);
        let (types, got) = (call.function.args.len(), call.args.len());
        let least = types.saturating_sub(1);
        let message = match call.function.variadic {
            Variadic::No if types != got => {
                format!("expected {types} argument(s) in call to {name}, got {got}")
            }
            Variadic::UpTo(_) | Variadic::Any if got < least => {
                format!("expected at least {least} argument(s) in call to {name}, got {got}")
            }
            Variadic::UpTo(more) if got > least + more => {
                format!(
                    "expected at most {} argument(s) in call to {name}, got {got}",
                    least + more
                )
            }
            _ => return,
        };
        self.error(call.span, message);
    }

    /// The second argument of `info`: conditions on labels, nothing else.
    fn check_info_selector(&mut self, arg: &Expr, call: Span) {
        let found = arg.value_type();
        if found != ValueType::Vector {
            self.error(
                call,
                format!(
                    "expected type instant vector in call to function \"info\", got {}",
                    found.documented()
                ),
            );
        }
        match arg {
            Expr::Vector(selector) if selector.name.is_some() => self.error(
                arg.span(),
                "expected label selectors only, got vector selector instead",
            ),
            Expr::Vector(_) => {}
            _ => self.error(arg.span(), "expected label selectors only"),
        }
    }

    fn check_selector(&mut self, selector: &crate::ast::VectorSelector, may_be_empty: bool) {
        if let Some(name) = &selector.name {
            let others = &selector.matchers[..selector.matchers.len().saturating_sub(1)];
            for matcher in others.iter().filter(|m| m.name() == METRIC_NAME) {
                self.error(
                    selector.span,
                    format!(
                        "metric name must not be set twice: {} or {}",
                        quote(name),
                        quote(matcher.value())
                    ),
                );
            }
        } else if !may_be_empty && selector.matchers.iter().all(|m| m.matches("")) {
            self.error(
                selector.span,
                "vector selector must contain at least one non-empty matcher",
            );
        }
    }
}
