//! The one function in front of every write to a cluster.
//!
//! A context may be for looking only, which is how production begins; opening it lasts until a
//! stated moment and then it is closed again by itself. The way back is exempt, and this is the
//! only place that says so.

use deckwatch_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::PlatformError;

/// What may be done in a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Looking, and the way back.
    #[default]
    ReadOnly,
    /// Everything before this moment, then as `ReadOnly`.
    OpenUntil(Timestamp),
    Open,
}

/// What a write is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Traffic returns, or the slot that it returns to gets more instances.
    WayBack,
    /// A rollout moves on, a slot is changed.
    Forward,
    /// A service is adopted, released or put right.
    Upkeep,
}

/// Whether a write may be sent now.
///
/// # Errors
/// [`PlatformError::Denied`] where the context is read-only and the write is not the way back.
pub fn admit(
    access: Access,
    purpose: Purpose,
    context: &str,
    now: Timestamp,
) -> Result<(), PlatformError> {
    let open = match access {
        Access::Open => true,
        Access::OpenUntil(until) => now < until,
        Access::ReadOnly => false,
    };
    if open || purpose == Purpose::WayBack {
        return Ok(());
    }
    let closed = match access {
        Access::OpenUntil(until) => format!("was open until {until} and is read-only again"),
        _ => "is read-only here".to_owned(),
    };
    Err(PlatformError::Denied {
        why: format!("the context {context} {closed}; the way back works all the same"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_way_back_is_the_only_write_that_a_closed_context_takes() {
        for access in [Access::ReadOnly, Access::OpenUntil(at(5))] {
            assert!(admit(access, Purpose::WayBack, "prod", at(9)).is_ok());
            for purpose in [Purpose::Forward, Purpose::Upkeep] {
                let refused = admit(access, purpose, "prod", at(9)).unwrap_err();
                assert!(matches!(refused, PlatformError::Denied { .. }));
                assert!(refused.to_string().contains("prod"), "{refused}");
            }
        }
    }

    #[test]
    fn an_open_context_closes_by_itself() {
        let access = Access::OpenUntil(at(5));
        assert!(admit(access, Purpose::Forward, "prod", at(4)).is_ok());
        assert!(admit(access, Purpose::Forward, "prod", at(5)).is_err());
        assert!(admit(Access::Open, Purpose::Upkeep, "dev", at(5)).is_ok());
        assert_eq!(Access::default(), Access::ReadOnly);
    }
}
