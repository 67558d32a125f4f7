//! Writes a tree as text that reads back as the same tree.

use std::fmt;

use crate::ast::{
    Aggregate, At, Binary, Cardinality, DurationExpr, DurationOp, Expr, Extension, Length, Shift,
    VectorMatching, VectorSelector,
};
use crate::duration::format_duration;
use crate::labels::METRIC_NAME;
use crate::labels::is_plain_name;
use crate::matcher::MatchOp;
use crate::text::{float_f, float_g, quote, quote_bytes};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Number {
                value, is_duration, ..
            } => f.write_str(&number(*value, *is_duration)),
            Expr::String { bytes, .. } => f.write_str(&quote_bytes(bytes)),
            Expr::Paren(inner, _) => write!(f, "({inner})"),
            Expr::Unary { negative, expr, .. } => {
                write!(f, "{}{expr}", if *negative { '-' } else { '+' })
            }
            Expr::Binary(binary) => binary.fmt(f),
            Expr::Aggregate(aggregate) => aggregate.fmt(f),
            Expr::Call(call) => {
                let args: Vec<String> = call.args.iter().map(Expr::to_string).collect();
                write!(f, "{}({})", call.function.name, args.join(", "))
            }
            Expr::Vector(selector) => selector.fmt(f),
            Expr::Matrix(matrix) => {
                let selector = &matrix.selector;
                write!(f, "{}[{}]", bare(selector), matrix.range)?;
                f.write_str(extension(selector.extension))?;
                selector.shift.fmt(f)
            }
            Expr::Subquery(subquery) => {
                write!(f, "{}[{}:", subquery.expr, subquery.range)?;
                if let Some(step) = &subquery.step {
                    step.fmt(f)?;
                }
                f.write_str("]")?;
                subquery.shift.fmt(f)
            }
        }
    }
}

fn number(value: f64, is_duration: bool) -> String {
    if is_duration {
        format_duration((value * 1000.0).round() as i64)
    } else {
        float_f(value)
    }
}

fn extension(extension: Extension) -> &'static str {
    match extension {
        Extension::None => "",
        Extension::Anchored => " anchored",
        Extension::Smoothed => " smoothed",
    }
}

fn names(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .map(|name| {
            if is_plain_name(name) {
                name.clone()
            } else {
                quote(name)
            }
        })
        .collect();
    shown.join(", ")
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.name())?;
        if self.without {
            write!(f, " without ({}) ", names(&self.grouping))?;
        } else if !self.grouping.is_empty() {
            write!(f, " by ({}) ", names(&self.grouping))?;
        }
        match &self.parameter {
            Some(parameter) => write!(f, "({parameter}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op.symbol())?;
        if self.return_bool {
            f.write_str(" bool")?;
        }
        write!(f, "{} {}", self.matching, self.right)
    }
}

impl fmt::Display for VectorMatching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = match self.cardinality {
            Cardinality::ManyToOne => Some("left"),
            Cardinality::OneToMany => Some("right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if !self.labels.is_empty() || self.on || group.is_some() {
            let word = if self.on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", names(&self.labels))?;
        }
        if let Some(side) = group {
            write!(f, " group_{side} ({})", names(&self.include))?;
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left == right => {
                write!(f, " fill ({})", float_g(left))
            }
            (left, right) => {
                for (side, value) in [("left", left), ("right", right)] {
                    if let Some(value) = value {
                        write!(f, " fill_{side} ({})", float_g(value))?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// The selector without its modifiers.
fn bare(selector: &VectorSelector) -> String {
    let mut conditions: Vec<String> = selector
        .matchers
        .iter()
        .filter(|m| {
            let is_name = m.name() == METRIC_NAME
                && m.op() == MatchOp::Equal
                && !m.value().is_empty()
                && selector.name.as_deref() == Some(m.value());
            !is_name
        })
        .map(ToString::to_string)
        .collect();
    conditions.sort();
    let name = selector.name.as_deref().unwrap_or("");
    if conditions.is_empty() && !name.is_empty() {
        name.to_owned()
    } else {
        format!("{name}{{{}}}", conditions.join(","))
    }
}

impl fmt::Display for VectorSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bare(self))?;
        self.shift.at_words(f)?;
        f.write_str(extension(self.extension))?;
        self.shift.offset_words(f)
    }
}

impl Shift {
    fn at_words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(At::Time(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0),
            Some(At::Start) => f.write_str(" @ start()"),
            Some(At::End) => f.write_str(" @ end()"),
            None => Ok(()),
        }
    }

    fn offset_words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offset == Length::Fixed(0) {
            return Ok(());
        }
        write!(f, " offset {}", self.offset)
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at_words(f)?;
        self.offset_words(f)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Length::Fixed(ms) => f.write_str(&format_duration(*ms)),
            Length::Expr(expr) => expr.fmt(f),
        }
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DurationExpr::Literal {
                seconds, with_unit, ..
            } => f.write_str(&number(*seconds, *with_unit)),
            DurationExpr::Step(_) => f.write_str("step()"),
            DurationExpr::Range(_) => f.write_str("range()"),
            DurationExpr::Negated(inner, _) => write!(f, "-{inner}"),
            DurationExpr::Paren(inner, _) => write!(f, "({inner})"),
            DurationExpr::Binary {
                op, left, right, ..
            } => {
                let sign = match op {
                    DurationOp::Add => '+',
                    DurationOp::Sub => '-',
                    DurationOp::Mul => '*',
                    DurationOp::Div => '/',
                    DurationOp::Mod => '%',
                    DurationOp::Pow => '^',
                    DurationOp::MinOf => return write!(f, "min_of({left}, {right})"),
                    DurationOp::MaxOf => return write!(f, "max_of({left}, {right})"),
                };
                write!(f, "{left} {sign} {right}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::{Dialect, parse};

    #[test]
    fn what_is_written_reads_back() {
        for (query, written) in [
            ("up", "up"),
            (r#"{a="b", __name__="up"}"#, r#"{__name__="up",a="b"}"#),
            ("sum(x)by(a,\"b c\")", "sum by (a, \"b c\") (x)"),
            ("a[5m]offset 1w@100", "a[5m] @ 100.000 offset 1w"),
            ("-a^2", "-a ^ 2"),
            (
                "a*on(x)group_left(y)fill(1)b",
                "a * on (x) group_left (y) fill (1) b",
            ),
            ("a[step()+5m]", "a[step() + 5m]"),
            ("rate(a[1m])[1h:] @ end()", "rate(a[1m])[1h:] @ end()"),
            ("topk without()(3,a)", "topk without () (3, a)"),
            ("1h", "1h"),
        ] {
            let expr = parse(query, Dialect::FULL).unwrap_or_else(|e| panic!("{query}: {e}"));
            assert_eq!(expr.to_string(), written);
            let again = parse(written, Dialect::FULL).unwrap();
            assert_eq!(again.to_string(), written);
        }
    }
}
