//! Whether a release may start, by what was validated of it.

use deckwatch_domain::{Digest, Span, Timestamp};

use super::event::Ending;
use super::state::Validation;
use crate::command::{Refusal, refuse};
use crate::event::Started;

/// What a start has to show when its plan asks for a validation.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Validated {
    /// The digest of the plan as it was asked for, where the rollout goes by another: a service's
    /// first release does.
    pub plan: Option<Digest>,
    /// The newest validation of this release by that plan.
    pub newest: Option<Box<Validation>>,
    /// Why it is to start all the same.
    pub break_glass: Option<String>,
}

/// Allows a start, or says what is lacking. With a reason it is allowed all the same, and what was
/// lacking is the answer: it goes on record.
///
/// # Errors
/// A refusal that names every critical check that has not passed, and what would allow the start.
pub fn admit(
    started: &Started,
    validated: &Validated,
    now: Timestamp,
) -> Result<Option<String>, Refusal> {
    // An undo brings back what was promoted before: nothing is to stand in its way.
    if started.plan.validate.is_empty() || started.undo_to.is_some() {
        return Ok(None);
    }
    let Some(lacking) = lacking(started, validated, now) else {
        return Ok(None);
    };
    let reason = validated.break_glass.as_deref().map(str::trim);
    if reason.is_some_and(|reason| !reason.is_empty()) {
        return Ok(Some(lacking));
    }
    refuse(
        "not-validated",
        format!(
            "{} may not go out to {}: {lacking}",
            started.release.version, started.service
        ),
        "validate it again once that is mended, or give a reason with break glass",
    )
}

/// What keeps the release from starting; none when nothing does.
fn lacking(started: &Started, validated: &Validated, now: Timestamp) -> Option<String> {
    let plan = validated.plan.unwrap_or(started.plan_digest);
    let fits = |v: &&Validation| {
        v.service == started.service
            && v.release == started.release
            && v.plan_digest == plan
            && v.checks == started.plan.validate
    };
    let Some(found) = validated.newest.as_deref().filter(fits) else {
        let names: Vec<&str> = started
            .plan
            .validate
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        return Some(format!(
            "it has not been validated with this plan, command and environment; missing: {}",
            names.join(", ")
        ));
    };
    let Some((ending, ended_at)) = found.ended else {
        return Some("its validation has not ended".into());
    };
    let failed = found.lacking();
    if !found.can_deploy() {
        let ended = match ending {
            Ending::Finished => Vec::new(),
            other => vec![format!("its validation did not finish ({})", other.words())],
        };
        return Some([ended, failed].concat().join("; "));
    }
    // A clock that was set back does not make a validation count for ever.
    let age = Span::from(now.since(ended_at).max(ended_at.since(now)));
    let within = started.plan.validated_within;
    (age > within).then(|| {
        format!("its validation ended {age} ago, and one counts for {within} by this plan")
    })
}
