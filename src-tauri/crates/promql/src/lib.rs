//! A PromQL evaluator.
#![forbid(unsafe_code)]

mod almost;
mod annotations;
pub mod ast;
mod calendar;
mod duration;
mod error;
mod eval;
mod format;
pub mod functions;
mod hash;
pub mod histogram;
mod kahan;
pub mod labels;
mod matcher;
pub mod parse;
mod plan;
mod query;
mod source;
mod span;
pub mod testlang;
pub mod text;
pub mod value;

pub use annotations::{Annotation, Annotations, Severity};
pub use duration::{format_duration, parse_duration};
pub use error::{EvalError, Interrupt};
pub use matcher::{MatchOp, Matcher};
pub use query::{Answer, Options, Query, When};
pub use source::{MemorySource, SampleSource, Selection, SeriesSamples, SourceError};
pub use span::Span;
