//! What a query says: the tree that the parser makes and the printer writes.

mod operators;

pub use operators::{AggregateOp, BinaryOp};

use crate::functions::Function;
use crate::matcher::Matcher;
use crate::span::Span;

/// What an expression evaluates to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// A text.
    String,
    /// One sample per series.
    Vector,
    /// Many samples per series.
    Matrix,
}

impl ValueType {
    /// The type's name in error messages.
    pub fn documented(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::String => "string",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
        }
    }
}

/// How many series on each side of an operator may match one another.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The names say it.
pub enum Cardinality {
    OneToOne,
    ManyToOne,
    OneToMany,
    ManyToMany,
}

/// How the series of two sides are matched.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorMatching {
    /// Which side may have many.
    pub cardinality: Cardinality,
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// The labels named there.
    pub labels: Vec<String>,
    /// The labels to take over from the "one" side.
    pub include: Vec<String>,
    /// The value that stands for a missing left side.
    pub fill_left: Option<f64>,
    /// The value that stands for a missing right side.
    pub fill_right: Option<f64>,
}

impl Default for VectorMatching {
    fn default() -> Self {
        VectorMatching {
            cardinality: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        }
    }
}

/// The moment that `@` names.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum At {
    /// Milliseconds since 1970.
    Time(i64),
    /// The query's start.
    Start,
    /// The query's end.
    End,
}

/// An operator between lengths of time.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The names are the operators'.
pub enum DurationOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    MinOf,
    MaxOf,
}

/// A calculated length of time, such as `[5m + step()]`.
#[derive(Clone, PartialEq, Debug)]
pub enum DurationExpr {
    /// A length in seconds.
    Literal {
        /// Seconds.
        seconds: f64,
        /// Written with units.
        with_unit: bool,
        /// Where it stands.
        span: Span,
    },
    /// `step()`: the query's step.
    Step(Span),
    /// `range()`: from the query's start to its end.
    Range(Span),
    /// A sign before.
    Negated(Box<DurationExpr>, Span),
    /// Two lengths.
    Binary {
        /// What is done with them.
        op: DurationOp,
        /// The left one.
        left: Box<DurationExpr>,
        /// The right one.
        right: Box<DurationExpr>,
        /// Where it stands.
        span: Span,
    },
    /// Between parentheses.
    Paren(Box<DurationExpr>, Span),
}

impl DurationExpr {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            DurationExpr::Literal { span, .. }
            | DurationExpr::Step(span)
            | DurationExpr::Range(span)
            | DurationExpr::Negated(_, span)
            | DurationExpr::Binary { span, .. }
            | DurationExpr::Paren(_, span) => *span,
        }
    }
}

/// A length of time in a selector.
#[derive(Clone, PartialEq, Debug)]
pub enum Length {
    /// Milliseconds.
    Fixed(i64),
    /// Known only once the query's step and range are.
    Expr(Box<DurationExpr>),
}

/// Where a selector looks, apart from the moment of evaluation.
#[derive(Clone, PartialEq, Debug)]
pub struct Shift {
    /// How far back; zero if none was given.
    pub offset: Length,
    /// A fixed moment.
    pub at: Option<At>,
}

impl Default for Shift {
    fn default() -> Self {
        Shift {
            offset: Length::Fixed(0),
            at: None,
        }
    }
}

/// How a range selector treats its ends.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub enum Extension {
    /// Samples inside the range only.
    #[default]
    None,
    /// With the last sample before the range.
    Anchored,
    /// With values interpolated at both ends.
    Smoothed,
}

/// `name{label="value"}` with its modifiers.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorSelector {
    /// The metric's name, if it stands before the braces.
    pub name: Option<String>,
    /// All conditions; the one that `name` means is the last.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: Shift,
    /// `anchored` or `smoothed`.
    pub extension: Extension,
    /// Where it stands.
    pub span: Span,
}

/// A selector with a range, such as `name[5m]`.
#[derive(Clone, PartialEq, Debug)]
pub struct MatrixSelector {
    /// What is selected.
    pub selector: VectorSelector,
    /// How far back.
    pub range: Length,
    /// Where it stands.
    pub span: Span,
}

/// An expression evaluated over a range, such as `rate(x[1m])[1h:5m]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Box<Expr>,
    /// How far back.
    pub range: Length,
    /// How often; the evaluator's own step if not given.
    pub step: Option<Length>,
    /// `offset` and `@`.
    pub shift: Shift,
    /// Where it stands.
    pub span: Span,
}

/// Two expressions and what stands between them.
#[derive(Clone, PartialEq, Debug)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left side.
    pub left: Box<Expr>,
    /// The right side.
    pub right: Box<Expr>,
    /// How series are matched; meaningless unless both sides are vectors.
    pub matching: VectorMatching,
    /// 0 or 1 instead of filtering.
    pub return_bool: bool,
}

/// An aggregation over series.
#[derive(Clone, PartialEq, Debug)]
pub struct Aggregate {
    /// What is done.
    pub op: AggregateOp,
    /// Over what.
    pub expr: Box<Expr>,
    /// The parameter, for those that have one.
    pub parameter: Option<Box<Expr>>,
    /// The labels named after `by` or `without`.
    pub grouping: Vec<String>,
    /// `without` rather than `by`.
    pub without: bool,
    /// Where it stands.
    pub span: Span,
}

/// A function with its arguments.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// Any expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// A number.
    Number {
        /// Its value; a length of time counts in seconds.
        value: f64,
        /// Written as a length of time.
        is_duration: bool,
        /// Where it stands.
        span: Span,
    },
    /// A text. Escapes may make it bytes that are not UTF-8.
    String {
        /// The bytes between the quotes, escapes resolved.
        bytes: Vec<u8>,
        /// Where it stands.
        span: Span,
    },
    /// Between parentheses.
    Paren(Box<Expr>, Span),
    /// A sign before.
    Unary {
        /// Minus rather than plus.
        negative: bool,
        /// What the sign is for.
        expr: Box<Expr>,
        /// Where it stands.
        span: Span,
    },
    /// An operator.
    Binary(Binary),
    /// An aggregation.
    Aggregate(Aggregate),
    /// A function.
    Call(Call),
    /// A selector.
    Vector(VectorSelector),
    /// A selector with a range.
    Matrix(MatrixSelector),
    /// A subquery.
    Subquery(Subquery),
}

impl Expr {
    /// What it evaluates to.
    pub fn value_type(&self) -> ValueType {
        match self {
            Expr::Number { .. } => ValueType::Scalar,
            Expr::String { .. } => ValueType::String,
            Expr::Paren(expr, _) => expr.value_type(),
            Expr::Unary { expr, .. } => expr.value_type(),
            Expr::Binary(b) => {
                let scalar = ValueType::Scalar;
                if b.left.value_type() == scalar && b.right.value_type() == scalar {
                    scalar
                } else {
                    ValueType::Vector
                }
            }
            Expr::Aggregate(_) | Expr::Vector(_) => ValueType::Vector,
            Expr::Call(call) => call.function.returns,
            Expr::Matrix(_) | Expr::Subquery(_) => ValueType::Matrix,
        }
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Expr::Number { span, .. }
            | Expr::String { span, .. }
            | Expr::Paren(_, span)
            | Expr::Unary { span, .. } => *span,
            Expr::Binary(b) => b.left.span().to(b.right.span()),
            Expr::Aggregate(a) => a.span,
            Expr::Call(c) => c.span,
            Expr::Vector(v) => v.span,
            Expr::Matrix(m) => m.span,
            Expr::Subquery(s) => s.span,
        }
    }

    /// The expression inside any parentheses.
    pub fn bare(&self) -> &Expr {
        let mut expr = self;
        while let Expr::Paren(inner, _) = expr {
            expr = inner;
        }
        expr
    }

    /// The expressions directly below, in the order of evaluation.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Number { .. } | Expr::String { .. } | Expr::Vector(_) | Expr::Matrix(_) => {
                Vec::new()
            }
            Expr::Paren(expr, _) | Expr::Unary { expr, .. } => vec![expr],
            Expr::Binary(b) => vec![&b.left, &b.right],
            Expr::Aggregate(a) => a.parameter.iter().chain([&a.expr]).map(|e| &**e).collect(),
            Expr::Call(c) => c.args.iter().collect(),
            Expr::Subquery(s) => vec![&s.expr],
        }
    }
}
