//! Queries: read once, asked of any source.

use std::cell::{Cell, RefCell};

use crate::annotations::Annotations;
use crate::ast::{Expr, ValueType};
use crate::error::{EvalError, Interrupt};
use crate::eval::{Evaluator, Shared, finished};
use crate::parse::{Dialect, ParseError, parse};
use crate::plan::{Lowering, Node, Planned, Scope, plan};
use crate::source::{SampleSource, Selection};
use crate::value::{Sample, SampleValue, Series, Value};

/// How queries are evaluated.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// How long a sample counts, in milliseconds; five minutes unless said otherwise.
    pub lookback_ms: i64,
    /// The step of subqueries that name none, in milliseconds; a minute unless said otherwise.
    pub subquery_step_ms: i64,
    /// How many samples may be held at once. A histogram counts by its size.
    pub max_samples: usize,
    /// Drop metric names at the end of the query rather than in each function
    /// (`promql-delayed-name-removal`), so that labels can still be made of them.
    pub delayed_name_removal: bool,
    /// Let the start times of samples tell resets, where they are known.
    pub start_timestamps: bool,
    /// The labels `__type__` and `__unit__` are there; a counter is known by its type rather
    /// than by its name.
    pub type_and_unit_labels: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            max_samples: 50_000_000,
            delayed_name_removal: false,
            start_timestamps: false,
            type_and_unit_labels: false,
        }
    }
}

/// The moments that a query is about, in milliseconds since 1970.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum When {
    /// One moment.
    Instant(i64),
    /// From moment to moment, both ends included.
    Range {
        /// The first moment.
        start: i64,
        /// No moment is later.
        end: i64,
        /// From moment to moment; more than nothing.
        step: i64,
    },
}

impl When {
    fn scope(self) -> Scope {
        match self {
            When::Instant(t) => Scope {
                start: t,
                end: t,
                interval: 1,
            },
            When::Range { start, end, step } => Scope {
                start,
                end,
                interval: step,
            },
        }
    }
}

/// What a query gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The result.
    pub value: Value,
    /// What there is to say of it.
    pub annotations: Annotations,
}

/// A query that has been read.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    text: String,
    expr: Expr,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The first thing wrong with it, with its position.
    pub fn new(text: &str, dialect: Dialect) -> Result<Self, ParseError> {
        Ok(Query {
            text: text.to_owned(),
            expr: parse(text, dialect)?,
        })
    }

    /// What was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    fn planned(&self, when: When, options: &Options) -> Result<Planned, EvalError> {
        let scope = when.scope();
        let step = match when {
            When::Instant(_) => 0,
            When::Range { step, .. } if step <= 0 => {
                return Err(EvalError::execution(
                    "zero or negative query resolution step widths are not accepted. Try a positive integer",
                ));
            }
            When::Range { step, .. } => step,
        };
        let value_type = self.expr.value_type();
        if step > 0 && !matches!(value_type, ValueType::Scalar | ValueType::Vector) {
            return Err(EvalError::execution(format!(
                "invalid expression type {} for range query, must be Scalar or instant Vector",
                crate::text::quote(value_type.documented())
            )));
        }
        let lowering = Lowering {
            start: scope.start,
            end: scope.end,
            step,
            lookback: options.lookback_ms,
            subquery_step: options.subquery_step_ms,
        };
        plan(&self.expr, &lowering, scope)
    }

    /// Everything that evaluation will read, so that it can be fetched beforehand.
    ///
    /// # Errors
    /// A calculated length of time that is none.
    pub fn needs(&self, when: When, options: &Options) -> Result<Vec<Selection>, EvalError> {
        let mut found = Vec::new();
        self.planned(when, options)?.selections(&mut found);
        Ok(found)
    }

    /// Evaluates the query.
    ///
    /// # Errors
    /// Why there is no answer; remarks on it are lost then.
    pub fn run(
        &self,
        when: When,
        source: &dyn SampleSource,
        options: &Options,
    ) -> Result<Answer, EvalError> {
        self.run_while(when, source, options, &|| Interrupt::Continue)
    }

    /// [`Query::run`], asking now and then whether to go on: before every part of the query and
    /// every series.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn run_while(
        &self,
        when: When,
        source: &dyn SampleSource,
        options: &Options,
        interrupt: &dyn Fn() -> Interrupt,
    ) -> Result<Answer, EvalError> {
        let planned = self.planned(when, options)?;
        let scope = when.scope();
        let shared = Shared {
            source,
            options,
            interrupt,
            held: Cell::new(0),
            remarks: RefCell::default(),
        };
        let evaluator = Evaluator {
            shared: &shared,
            scope,
        };
        let value = match bare_text(&planned) {
            Some(bytes) => Value::String {
                t: scope.start,
                v: String::from_utf8_lossy(bytes).into_owned(),
            },
            None => {
                let matrix = finished(evaluator.eval(&planned)?, options)?;
                result(matrix, planned.value_type, when)
            }
        };
        Ok(Answer {
            value,
            annotations: shared.remarks.into_inner(),
        })
    }
}

fn bare_text(planned: &Planned) -> Option<&[u8]> {
    match &planned.node {
        Node::Text(bytes) => Some(bytes),
        _ => None,
    }
}

fn sorted(mut matrix: Vec<Series>) -> Value {
    matrix.sort_by(|a, b| a.labels.cmp(&b.labels));
    Value::Matrix(matrix)
}

fn result(matrix: Vec<Series>, value_type: ValueType, when: When) -> Value {
    let When::Instant(t) = when else {
        return sorted(matrix);
    };
    match value_type {
        ValueType::Scalar => Value::Scalar {
            t,
            v: matrix
                .first()
                .and_then(|s| s.floats.first())
                .map_or(f64::NAN, |p| p.v),
        },
        ValueType::Matrix => sorted(matrix),
        _ => Value::Vector(
            matrix
                .into_iter()
                .filter_map(|series| {
                    let value = match (series.histograms.first(), series.floats.first()) {
                        (Some(h), _) => SampleValue::Histogram(h.v.clone()),
                        (None, Some(f)) => SampleValue::Float(f.v),
                        (None, None) => return None,
                    };
                    Some(Sample {
                        labels: series.labels,
                        t,
                        value,
                    })
                })
                .collect(),
        ),
    }
}
