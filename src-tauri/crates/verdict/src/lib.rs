//! The judge: is the candidate worse than stable?
//!
//! Whatever can be counted is counted (requests, and the bad ones among them) and judged
//! sequentially by [`CountJudge`]: it may be asked after every scrape, as often as one likes, and
//! still keeps its promised rate of false alarms. What cannot be counted (CPU, memory) is a gauge
//! and is compared once, by rank ([`judge_gauge`]). Absolute limits are separate rules
//! ([`judge_limit`]). [`combine`] makes one [`Answer`] of all of them, and [`offline`] judges what
//! people bring in files.
//!
//! Everything here is a pure function of its arguments: no IO, no clock, no randomness, no state
//! but what the caller holds. The same input gives the same answer on every machine.
//!
//! What must never happen here:
//! - failing open: only [`Verdict::Pass`] lets a stage advance, and no missing, broken or empty
//!   input may become one;
//! - a panic that input can reach: NaN, infinities, negative and huge numbers become an error or
//!   an `Error` verdict;
//! - evidence that depends on units, on how often one looks, or on the order of equal values.
//!
//! The method, its promises and its limits are described in `docs/judge.md`.

#![forbid(unsafe_code)]

mod combine;
mod counts;
mod evidence;
mod figures;
mod gauge;
mod harm;
mod judge;
pub mod kayenta;
mod limit;
mod logs;
pub mod mann_whitney;
pub mod offline;
mod outlook;
mod projection;
mod ratio;
mod reference;
mod rule;
mod safe;
mod value;

pub use combine::{Answer, Detail, Direction, MetricAnswer, combine};
pub use counts::{Counts, Interval, Verdict};
pub use evidence::{Basis, CountEvidence, SafeBy, no_harm_after};
pub use gauge::{FEWEST_POINTS, GaugeAnswer, GaugeRule, judge_gauge};
pub use judge::CountJudge;
pub use limit::{Limit, LimitAnswer, LimitRule, Observed, judge_limit};
pub use outlook::{requests_to_pass, requests_to_pass_alone};
pub use rule::{Budget, CountRule, RuleError};
pub use value::{ValueBound, ValueRule, judge_value};
