//! Objectives, how fast their budgets burn, and who spent them.
//!
//! An [`Objective`] says what share of events must be good over which period. Its document is read
//! by [`read_objectives`] (also from OpenSLO, Sloth and Pyrra: [`import`]) and names the PromQL that
//! counts its events over any window ([`Objective::queries`]), so that whoever has a source of
//! samples can count. What was counted comes back as [`Track`]s, one per group, and everything
//! else is arithmetic on them: [`budget`], [`burn`], [`ledger`], [`gate`].
//!
//! ```
//! use deckwatch_slo::{Events, Target, budget::Budget};
//!
//! let target = Target::new(0.9995)?;
//! let budget = Budget::of(Events::of(1_000_000.0, 120.0), target);
//! assert_eq!(budget.allowed, 500.0);
//! assert_eq!(budget.left, 0.76);
//! # Ok::<(), String>(())
//! ```
//!
//! Everything here is a function of its arguments: no IO, no clock, no randomness. Time zones come
//! from the program itself, not from the machine.
//!
//! What must never happen here:
//! - a mean of ratios: events are summed first, and one division follows;
//! - silence that looks like success: without data there is no burn, no open gate, and the
//!   objective's own policy says what a hole counts as;
//! - a budget that hides an overdraft: what is below zero stays below zero.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod anomaly;
pub mod budget;
pub mod burn;
mod collect;
pub mod export;
mod figures;
pub mod gate;
pub mod import;
pub mod ledger;
mod objective;
mod period;
pub mod presets;
pub mod rules;
mod target;
mod track;

pub use collect::Grid;
pub use objective::{
    BucketError, Comparison, Counting, Exclusion, Indicator, Measured, NoData, Objective, Side,
    bucket_label, checked_query, checked_selector, read_objectives, write_objectives,
};
pub use period::{CalendarUnit, Period, PeriodSpan, Zone};
pub use target::Target;
pub use track::{Events, Prepared, Track, TrackError};
