//! Leases: who may act for a rollout, as rows in the journal's file.
//!
//! A row says who holds it, at which epoch, and counts the holder's beats. It holds no time:
//! clocks of two programs need not agree. Whoever watches decides that a holder is gone when *it*
//! has not seen the beat change for as long as the holder promised to beat in ([`LeaseWatch`]).
//! The transitions below are pure and shared by every store; a store runs them inside a
//! transaction.

use std::time::Duration;

use deckwatch_domain::Epoch;
use serde::{Deserialize, Serialize};

use crate::error::{JournalError, LeaseError};
use crate::event::Fence;

/// A lease as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeaseRow {
    pub name: String,
    /// `None`: released.
    pub holder: Option<String>,
    /// Rises with every taking, and never falls.
    pub epoch: Epoch,
    /// Rises with every sign of life at this epoch.
    pub beat: u64,
    /// Without a sign of life for this long, the holder may be taken for gone.
    pub ttl: Duration,
}

impl LeaseRow {
    pub(crate) fn held_by(&self, holder: &str, epoch: Epoch) -> bool {
        self.holder.as_deref() == Some(holder) && self.epoch == epoch
    }
}

/// What may be taken: a lease nobody has, or the very row (epoch and beat) the taker saw expire.
pub(crate) fn take(
    current: Option<LeaseRow>,
    name: &str,
    holder: &str,
    seen: Option<(Epoch, u64)>,
    at_least: Epoch,
    ttl: Duration,
) -> Result<LeaseRow, LeaseError> {
    if name.is_empty() || name.len() > 256 || holder.is_empty() || holder.len() > 256 {
        return Err(
            JournalError::refused("a lease and its holder have names of 1 to 256 bytes").into(),
        );
    }
    let epoch = match current {
        None => Epoch(1),
        Some(row) if row.holder.is_none() => row.epoch.next(),
        Some(row) if seen == Some((row.epoch, row.beat)) => row.epoch.next(),
        Some(row) => return Err(LeaseError::Held(row)),
    };
    Ok(LeaseRow {
        name: name.to_owned(),
        holder: Some(holder.to_owned()),
        epoch: storable(epoch.max(at_least))?,
        beat: 0,
        // Whole milliseconds are stored, and every store must give back the same row.
        ttl: Duration::from_millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).min(MAX)),
    })
}

const MAX: u64 = i64::MAX as u64;

fn storable(epoch: Epoch) -> Result<Epoch, LeaseError> {
    if epoch.0 > MAX {
        return Err(JournalError::refused("the lease's epoch cannot rise further").into());
    }
    Ok(epoch)
}

fn ours(
    current: Option<LeaseRow>,
    name: &str,
    holder: &str,
    epoch: Epoch,
) -> Result<LeaseRow, LeaseError> {
    match current {
        Some(row) if row.held_by(holder, epoch) => Ok(row),
        found => Err(LeaseError::Lost {
            name: name.to_owned(),
            found,
        }),
    }
}

pub(crate) fn beat(
    current: Option<LeaseRow>,
    name: &str,
    holder: &str,
    epoch: Epoch,
) -> Result<LeaseRow, LeaseError> {
    let mut row = ours(current, name, holder, epoch)?;
    row.beat = (row.beat + 1).min(MAX);
    Ok(row)
}

pub(crate) fn raise(
    current: Option<LeaseRow>,
    name: &str,
    holder: &str,
    epoch: Epoch,
    at_least: Epoch,
) -> Result<LeaseRow, LeaseError> {
    let mut row = beat(current, name, holder, epoch)?;
    row.epoch = storable(row.epoch.max(at_least))?;
    Ok(row)
}

/// `None`: it was already released at this epoch, and a repeat is no mistake.
pub(crate) fn release(
    current: Option<LeaseRow>,
    name: &str,
    holder: &str,
    epoch: Epoch,
) -> Result<Option<LeaseRow>, LeaseError> {
    if current
        .as_ref()
        .is_some_and(|row| row.holder.is_none() && row.epoch == epoch)
    {
        return Ok(None);
    }
    let mut row = ours(current, name, holder, epoch)?;
    row.holder = None;
    Ok(Some(row))
}

/// Whether `fence` stands against the row.
pub(crate) fn fenced_out(current: Option<&LeaseRow>, fence: &Fence) -> bool {
    !current.is_some_and(|row| row.held_by(&fence.holder, fence.epoch))
}

/// What a watcher makes of a lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LeaseView {
    /// Nobody holds it.
    Free,
    /// `since_seen`: how long ago its last sign of life was seen.
    HeldBy {
        holder: String,
        since_seen: Duration,
    },
    /// Silent for its whole term. `seen` is what to take it with
    /// ([`Store::lease_take`](crate::Store::lease_take)).
    Expired {
        holder: String,
        silent: Duration,
        seen: (Epoch, u64),
    },
}

/// Watches one lease and decides when its holder is gone. Pure: it is told the rows it sees and
/// the time, as a `Duration` since any fixed origin on a clock that keeps counting while the
/// machine sleeps (CLOCK_BOOTTIME; `Instant` stops).
///
/// A row that is seen for the first time is given its whole term: what happened before we looked
/// cannot be known.
#[derive(Clone, Default, Debug)]
pub struct LeaseWatch {
    last: Option<(Epoch, u64, Duration)>,
}

impl LeaseWatch {
    pub fn see(&mut self, row: Option<&LeaseRow>, now: Duration) -> LeaseView {
        let Some((row, holder)) = row.and_then(|row| Some((row, row.holder.clone()?))) else {
            self.last = None;
            return LeaseView::Free;
        };
        let changed = match self.last {
            // Time that runs backwards is another clock: the term starts again.
            Some((epoch, beat, at)) if (epoch, beat) == (row.epoch, row.beat) && at <= now => at,
            _ => now,
        };
        self.last = Some((row.epoch, row.beat, changed));
        let silent = now.saturating_sub(changed);
        if silent < row.ttl {
            return LeaseView::HeldBy {
                holder,
                since_seen: silent,
            };
        }
        LeaseView::Expired {
            holder,
            silent,
            seen: (row.epoch, row.beat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: u64, beat: u64) -> LeaseRow {
        LeaseRow {
            name: "rollout/1".into(),
            holder: Some("a".into()),
            epoch: Epoch(epoch),
            beat,
            ttl: Duration::from_secs(10),
        }
    }

    fn expired(view: &LeaseView) -> bool {
        matches!(view, LeaseView::Expired { .. })
    }

    #[test]
    fn a_term_runs_from_the_last_change_that_was_seen() {
        let at = Duration::from_secs;
        let mut watch = LeaseWatch::default();
        assert_eq!(watch.see(None, at(1000)), LeaseView::Free);
        // First sight: the whole term, however old the row may be.
        assert!(!expired(&watch.see(Some(&row(1, 7)), at(1000))));
        assert!(!expired(&watch.see(Some(&row(1, 7)), at(1009))));
        assert!(!expired(&watch.see(Some(&row(1, 8)), at(1009))));
        assert!(!expired(&watch.see(Some(&row(1, 8)), at(1018))));
        let view = watch.see(Some(&row(1, 8)), at(1019));
        let seen = (Epoch(1), 8);
        assert_eq!(
            view,
            LeaseView::Expired {
                holder: "a".into(),
                silent: at(10),
                seen
            }
        );
        // A new epoch with the same beat is a sign of life, too.
        assert!(!expired(&watch.see(Some(&row(2, 8)), at(1020))));
        // A clock that jumped back starts the term again instead of never ending it.
        assert!(!expired(&watch.see(Some(&row(2, 8)), at(5))));
        assert!(expired(&watch.see(Some(&row(2, 8)), at(15))));
    }
}
