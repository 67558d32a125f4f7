//! Validation: whether a release may go out at all, asked before anything of it runs.
//!
//! The checks of one plan are run for one release, many at once. What was begun and how it ended
//! are events in a stream of their own, `validations/<service>`, so that a validation never gets in
//! the way of a rollout's. What is to be done next ([`next`]) and whether a start is allowed
//! ([`admit`]) are pure.
//!
//! What must never happen here: a start while a critical check has not passed, unless a person
//! gave a reason that is on record; a validation that never ends; a rollback that asks for one.

mod admit;
mod event;
mod next;
pub mod secrets;
mod state;
mod status;

#[cfg(test)]
mod random;

use deckwatch_domain::Span;

pub use admit::{Validated, admit};
pub use event::{Begun, Ending, Event, service_of, stream};
pub use next::{MOST_AT_ONCE, Step, Why, begin, cancel, next};
pub use state::{CheckRecord, CheckStanding, Outcome, Validation, Validations};
pub use status::{CheckStatus, Standing, ValidationStatus, status};

/// A validation is over by then, whatever its checks say.
pub const LIMIT: Span = Span::from_secs(300);
