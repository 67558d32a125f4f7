//! From text to tree.
//!
//! A parser of our own: the grammar is that of Prometheus 3, with its messages and the places
//! they point at. Why none of the existing crates does is told in `docs/adr/0006-promql-parser.md`.

mod check;
mod cursor;
mod duration;
mod expression;
mod grouping;
mod lexer;
mod literal;
mod modifiers;
mod selector;
pub(crate) mod series;
mod series_lexer;
mod token;

use crate::ast::Expr;
use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::span::Span;
use cursor::Cursor;
pub use series::SequenceValue;

pub(crate) use literal::unquote;

/// Which parts of the language that Prometheus keeps behind switches are understood.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub struct Dialect {
    /// Functions and aggregations marked experimental.
    pub experimental_functions: bool,
    /// Calculated lengths of time: `[5m + step()]`.
    pub duration_expressions: bool,
    /// `anchored` and `smoothed`.
    pub extended_ranges: bool,
    /// `fill`, `fill_left` and `fill_right`.
    pub fill_modifiers: bool,
}

impl Dialect {
    /// Everything switched on, as Prometheus' own tests have it.
    pub const FULL: Dialect = Dialect {
        experimental_functions: true,
        duration_expressions: true,
        extended_ranges: true,
        fill_modifiers: true,
    };
}

/// Why a text is no query.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{position}: parse error: {message}")]
pub struct ParseError {
    /// The offending bytes; may reach past the end if something is missing there.
    pub span: Span,
    /// `line:column` of its start.
    pub position: String,
    /// What is wrong.
    pub message: String,
}

/// Whether a word means something of its own: an operator, a modifier, an aggregation.
pub(crate) fn is_keyword(word: &str) -> bool {
    token::keyword(word).is_some()
}

fn first(cursor: Cursor<'_>) -> Result<(), ParseError> {
    match cursor.into_errors().into_iter().next() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Reads a query.
///
/// # Errors
/// The first thing wrong with it, in Prometheus' words.
pub fn parse(query: &str, dialect: Dialect) -> Result<Expr, ParseError> {
    let mut cursor = Cursor::new(query, dialect, false);
    let parsed = cursor.whole_expression();
    if let (Some(expr), false) = (&parsed, cursor.has_errors()) {
        cursor.check(expr);
    }
    match parsed {
        Some(expr) if !cursor.has_errors() => Ok(expr),
        _ => Err(first(cursor).err().unwrap_or_else(|| ParseError {
            span: Span::default(),
            position: "1:1".to_owned(),
            message: "unexpected error".to_owned(),
        })),
    }
}

/// Reads a selector alone, as in `match[]` parameters.
///
/// # Errors
/// The first thing wrong with it.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut cursor = Cursor::new(text, Dialect::default(), false);
    let matchers = cursor.whole_selector();
    first(cursor)?;
    Ok(matchers.unwrap_or_default())
}

/// Reads a line of the test language: a metric and its values.
///
/// # Errors
/// The first thing wrong with it.
pub fn parse_series(line: &str) -> Result<(Labels, Vec<SequenceValue>), ParseError> {
    let mut cursor = Cursor::new(line, Dialect::FULL, true);
    let parsed = cursor.whole_series();
    first(cursor)?;
    Ok(parsed.unwrap_or_default())
}
