//! A PromQL evaluator over samples that the caller holds.
//!
//! A [`Query`] is read once and asked of any [`SampleSource`], at a moment or over a range. It gives
//! a [`Value`](value::Value) and [`Annotations`]: warnings that the result may be wrong, infos that
//! it may not be what was meant.
//!
//! ```
//! use deckwatch_promql::labels::Labels;
//! use deckwatch_promql::parse::Dialect;
//! use deckwatch_promql::value::{FloatPoint, Value};
//! use deckwatch_promql::{MemorySource, Options, Query, SeriesSamples, When};
//!
//! let requests = SeriesSamples {
//!     labels: Labels::from_pairs([("__name__", "requests_total"), ("service", "shop")]),
//!     floats: (0..5).map(|n| FloatPoint { t: n * 60_000, v: 120.0 * n as f64 }).collect(),
//!     ..SeriesSamples::default()
//! };
//! let source = MemorySource::new([requests]);
//! let query = Query::new("sum by (service) (rate(requests_total[3m]))", Dialect::default())?;
//! let answer = query.run(When::Instant(240_000), &source, &Options::default())?;
//! let Value::Vector(samples) = answer.value else { panic!() };
//! assert_eq!(samples[0].labels.to_string(), r#"{service="shop"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is understood is the language of Prometheus 3 with native histograms; what Prometheus keeps
//! behind switches is behind [`parse::Dialect`] and [`Options`]. Results follow Prometheus to the
//! rounding: compensated sums, extrapolation, interpolation, the order of samples, the words of
//! errors and remarks and the places in the query that they point at.
//! How far that goes is measured: `docs/conformance.md`.
//!
//! Everything here is a function of its arguments: no IO, no clock, no threads, no randomness. What
//! a query will read is known beforehand ([`Query::needs`]), so that samples can be fetched at the
//! edges and evaluation stays pure. Whether to go on is asked of the caller
//! ([`Query::run_while`]), and how much may be held is limited ([`Options::max_samples`]).
//!
//! What must never happen here: a panic that a query or samples can reach, an answer that depends
//! on anything but them, or a rescan of a whole series for every step.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod almost;
mod annotations;
pub mod ast;
mod calendar;
pub mod context;
mod duration;
mod error;
mod eval;
mod format;
pub mod functions;
mod hash;
mod head;
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
pub use head::{Head, NotTaken};
pub use matcher::{MatchOp, Matcher};
pub use query::{Answer, Options, Query, When};
pub use source::{MemorySource, SampleSource, Selection, SeriesSamples, SourceError};
pub use span::Span;
