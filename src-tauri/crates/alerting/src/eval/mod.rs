//! Groups of rules, evaluated at moments. Pure: the same samples and moments give the same alerts.

mod alert;
mod group;

pub use alert::{Alert, AlertState, Change, RESOLVED_KEPT_MS};
pub use group::{Evaluation, Failure, Outcome, RuleOutcome};
