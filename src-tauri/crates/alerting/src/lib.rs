//! Rules over samples: what they say, whether they can do it, and what came of them.
//!
//! ```text
//! text -> RuleFile -> Evaluation::run(at, samples) -> alerts, recorded samples
//!             |                    ^
//!             '-> findings          '-- unit tests, backtests and the evaluator alike
//! ```
//!
//! [`rules`] reads and writes the rule files of Prometheus, every mistake with its place; [`eval`]
//! evaluates groups with Prometheus' states and timing; [`template`] expands labels and annotations;
//! [`unit`] runs the unit tests that people keep beside their rules. [`lint`] says what a rule cannot
//! do, [`backtest`] what it would have done, [`why`] what it did, in words; [`replay`] plans what was
//! missed.
//!
//! Everything here is a function of its arguments: no IO, no clock. Time and samples are given. What
//! must never happen here: an evaluation that is skipped in silence, or a result that depends on
//! when it was computed rather than on what it is about.

pub mod backtest;
pub mod comparison;
pub mod eval;
pub mod lint;
pub mod replay;
pub mod rules;
pub mod template;
pub mod unit;
pub mod why;
