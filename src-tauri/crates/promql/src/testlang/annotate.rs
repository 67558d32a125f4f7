//! The same query with `@` on every selector: asked at any moment, it has to give the same.

use crate::ast::{At, Expr, Shift};
use crate::functions::depends_on_time;
use crate::parse::{Dialect, parse};

/// The query with every selector fixed at a moment, unless it asks for the moment itself.
pub(super) fn fixed_at(query: &str, at: i64) -> Option<String> {
    let mut expr = parse(query, Dialect::FULL).ok()?;
    let mut asks_time = false;
    fix(&mut expr, at, &mut asks_time);
    (!asks_time).then(|| expr.to_string())
}

/// Other moments to ask at.
pub(super) fn other_moments(at: i64) -> Vec<i64> {
    if at == 0 {
        vec![-1_000, 0, 1_000]
    } else {
        vec![-10 * at, 0, at / 5, at, 10 * at]
    }
}

fn set(shift: &mut Shift, at: i64) {
    shift.at.get_or_insert(At::Time(at));
}

fn fix(expr: &mut Expr, at: i64, asks_time: &mut bool) {
    match expr {
        Expr::Number { .. } | Expr::String { .. } => {}
        Expr::Paren(inner, _) => fix(inner, at, asks_time),
        Expr::Unary { expr, .. } => fix(expr, at, asks_time),
        Expr::Binary(binary) => {
            fix(&mut binary.left, at, asks_time);
            fix(&mut binary.right, at, asks_time);
        }
        Expr::Aggregate(aggregate) => {
            fix(&mut aggregate.expr, at, asks_time);
            if let Some(parameter) = &mut aggregate.parameter {
                fix(parameter, at, asks_time);
            }
        }
        Expr::Call(call) => {
            *asks_time |= depends_on_time(call.function.name);
            for arg in &mut call.args {
                fix(arg, at, asks_time);
            }
        }
        Expr::Vector(selector) => set(&mut selector.shift, at),
        Expr::Matrix(matrix) => set(&mut matrix.selector.shift, at),
        // What is inside a subquery moves with its steps.
        Expr::Subquery(subquery) => set(&mut subquery.shift, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_fixed_where_they_are_not() {
        assert_eq!(
            fixed_at("a + rate(b[5m] @ 3)[1h:]", 60_000),
            None,
            "that is no query"
        );
        assert_eq!(
            fixed_at("sum(rate(b[5m] @ 3)) + c", 60_000).unwrap(),
            "sum(rate(b[5m] @ 3.000)) + c @ 60.000"
        );
        assert_eq!(fixed_at("time()", 1), None);
    }
}
