//! A tree made ready for one evaluation: lengths of time calculated, moments resolved, parts that
//! do not change from step to step found, and every selector with the range of time it will read.

mod invariant;
mod length;
mod lower;
mod statistics;

use crate::ast::{AggregateOp, BinaryOp, Extension, ValueType, VectorMatching};
use crate::functions::Function;
use crate::labels::Labels;
use crate::source::Selection;
use crate::span::Span;

pub(crate) use lower::{Lowering, plan};

/// The moments at which a part of the query is evaluated.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Scope {
    /// First moment, milliseconds.
    pub start: i64,
    /// No moment is later.
    pub end: i64,
    /// From moment to moment; 1 if there is one only.
    pub interval: i64,
}

impl Scope {
    /// How many moments there are.
    pub fn steps(&self) -> usize {
        if self.end < self.start {
            return 0;
        }
        usize::try_from(self.end.saturating_sub(self.start) / self.interval.max(1))
            .unwrap_or(usize::MAX - 1)
            + 1
    }

    /// The moments.
    pub fn moments(self) -> impl Iterator<Item = i64> {
        (0..self.steps() as i64).map(move |n| self.start + n * self.interval)
    }

    /// The first moment alone.
    pub fn first(self) -> Scope {
        Scope {
            end: self.start,
            ..self
        }
    }

    /// Whether there is one moment only.
    pub fn is_single(&self) -> bool {
        self.start == self.end
    }
}

/// Where a selector looks.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Resolved {
    pub offset: i64,
    pub at: Option<i64>,
}

impl Resolved {
    /// The moment looked at when it is `t`.
    pub fn moment(&self, t: i64) -> i64 {
        self.at.unwrap_or(t).saturating_sub(self.offset)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Selector {
    pub selection: Selection,
    pub shift: Resolved,
    pub extension: Extension,
    /// Only count and sum of histograms will be asked for.
    pub statistics: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub selector: Selector,
    pub range: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct SubqueryPlan {
    pub inner: Box<Planned>,
    /// When the inner expression is evaluated.
    pub scope: Scope,
    pub range: i64,
    pub shift: Resolved,
}

#[derive(Clone, Debug)]
pub(crate) struct BinaryPlan {
    pub op: BinaryOp,
    pub left: Box<Planned>,
    pub right: Box<Planned>,
    pub matching: VectorMatching,
    pub return_bool: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct AggregatePlan {
    pub op: AggregateOp,
    pub expr: Box<Planned>,
    pub parameter: Option<Box<Planned>>,
    /// Sorted.
    pub grouping: Vec<String>,
    pub without: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct CallPlan {
    pub function: &'static Function,
    pub args: Vec<Planned>,
    /// What `absent` says is missing.
    pub absent: Labels,
    /// Where `info` finds its series.
    pub info: Option<InfoPlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct InfoPlan {
    pub selector: Selector,
    /// Conditions on labels other than the name, by which the labels to add are chosen too.
    pub data: Vec<crate::matcher::Matcher>,
    /// Conditions on the info metric's name.
    pub names: Vec<crate::matcher::Matcher>,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Number(f64),
    Text(Vec<u8>),
    Negated(Box<Planned>),
    Binary(BinaryPlan),
    Aggregate(AggregatePlan),
    Call(CallPlan),
    Vector(Selector),
    Matrix(Window),
    Subquery(SubqueryPlan),
    /// The same at every step.
    Invariant(Box<Planned>),
}

/// A part of the query, ready.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub node: Node,
    pub span: Span,
    pub value_type: ValueType,
}

impl Planned {
    /// Everything that will be read, in no particular order.
    pub fn selections(&self, found: &mut Vec<Selection>) {
        match &self.node {
            Node::Number(_) | Node::Text(_) => {}
            Node::Negated(inner) | Node::Invariant(inner) => inner.selections(found),
            Node::Binary(b) => {
                b.left.selections(found);
                b.right.selections(found);
            }
            Node::Aggregate(a) => {
                a.expr.selections(found);
                if let Some(parameter) = &a.parameter {
                    parameter.selections(found);
                }
            }
            Node::Call(call) => {
                for arg in &call.args {
                    // The second argument of `info` holds conditions; it is not evaluated.
                    if call.info.is_some() && matches!(arg.node, Node::Text(_)) {
                        continue;
                    }
                    arg.selections(found);
                }
                if let Some(info) = &call.info {
                    found.push(info.selector.selection.clone());
                }
            }
            Node::Vector(selector) => found.push(selector.selection.clone()),
            Node::Matrix(window) => found.push(window.selector.selection.clone()),
            Node::Subquery(subquery) => subquery.inner.selections(found),
        }
    }
}
