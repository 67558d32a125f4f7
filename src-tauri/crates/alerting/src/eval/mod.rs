//! Groups of rules, evaluated at moments. Pure: the same samples and moments give the same alerts.

mod alert;
mod group;
mod recorder;
mod restore;
mod standing;
mod vector;

pub use alert::{Alert, Change, Due, RESEND_MS};
pub use group::{Evaluation, Outcome, Remembered, RuleOutcome};
pub(crate) use recorder::merged;
pub use recorder::{Over, Recorder};
pub use restore::{GRACE_MS, OUTAGE_MS};
pub use standing::{AlertState, Lengths, RESOLVED_KEPT_MS, Standing};
pub use vector::{ALERT_NAME, Failure};
pub(crate) use vector::{alert_labels, named};
