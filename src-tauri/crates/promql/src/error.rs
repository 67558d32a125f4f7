//! Why a query gives nothing.

use crate::parse::ParseError;
use crate::source::SourceError;

/// What the caller says when asked whether to go on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Interrupt {
    /// Go on.
    Continue,
    /// The question is no longer asked.
    Cancelled,
    /// It has taken too long.
    TimedOut,
}

/// Why a query gives nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EvalError {
    /// The text is no query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The query cannot be answered, for the reason given.
    #[error("{0}")]
    Execution(String),
    /// More samples would be held at once than allowed.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The caller cancelled it.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// It took too long.
    #[error("query timed out in expression evaluation")]
    TimedOut,
    /// The source does not have the samples.
    #[error("expanding series: {0}")]
    Source(#[from] SourceError),
}

impl EvalError {
    pub(crate) fn execution(why: impl Into<String>) -> Self {
        EvalError::Execution(why.into())
    }

    pub(crate) fn same_labels() -> Self {
        EvalError::execution("vector cannot contain metrics with the same labelset")
    }
}
