//! The rules of an append, apart from where the events are kept: every store follows these, so
//! that a simulation meets the same refusals as the file.

use crate::error::AppendError;
use crate::event::{Expected, Fence, NewEvent, Recorded};
use crate::lease::{LeaseRow, fenced_out};

/// What is to be done with each event of an append, in its order.
pub(crate) enum Step {
    /// It was recorded before: give back that record.
    Absorbed(Recorded),
    Write(NewEvent),
}

/// Pairs the events with what is already recorded under their ids. The same id in the same stream
/// with the same kind is a repeat; anything else that bears the id is a mistake.
pub(crate) fn absorb(
    stream: &str,
    events: Vec<NewEvent>,
    found: Vec<Option<Recorded>>,
) -> Result<Vec<Step>, AppendError> {
    events
        .into_iter()
        .zip(found)
        .map(|(event, found)| match found {
            None => Ok(Step::Write(event)),
            Some(old) if old.stream == stream && old.kind == event.kind => Ok(Step::Absorbed(old)),
            Some(old) => Err(AppendError::Duplicate {
                event_id: event.event_id,
                stream: old.stream,
                kind: old.kind,
            }),
        })
        .collect()
}

/// Whether there is anything to write. When there is not, neither fence nor version is asked: a
/// retry after an unknown outcome must succeed although its own first try moved both.
pub(crate) fn writes(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Write(_)))
}

pub(crate) fn check_fence(fence: &Fence, found: Option<LeaseRow>) -> Result<(), AppendError> {
    if fenced_out(found.as_ref(), fence) {
        return Err(AppendError::Fenced {
            lease: fence.lease.clone(),
            holder: fence.holder.clone(),
            epoch: fence.epoch,
            found: found.map(Box::new),
        });
    }
    Ok(())
}

pub(crate) fn check_version(
    stream: &str,
    expected: Expected,
    actual: u64,
) -> Result<(), AppendError> {
    match expected {
        Expected::Version(expected) if expected != actual => Err(AppendError::Conflict {
            stream: stream.to_owned(),
            expected,
            actual,
        }),
        _ => Ok(()),
    }
}
