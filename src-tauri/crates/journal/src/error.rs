//! What can go wrong, in the words of the journal and not of the database beneath it.

use std::path::PathBuf;

use deckwatch_domain::{Epoch, EventId};

use crate::lease::LeaseRow;
use crate::verify::Flaw;

/// Why the journal could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    #[error("there is no journal at {}", .0.display())]
    Missing(PathBuf),
    /// Another program held the file for longer than we were prepared to wait. Nothing was
    /// written; trying again is right.
    #[error("another program holds the journal file and did not let go in time")]
    Busy,
    #[error("the journal file cannot be written: it, or its disk, is read-only")]
    ReadOnly,
    /// Nothing of the append was kept.
    #[error("the disk is full: nothing was written to the journal")]
    DiskFull,
    /// `seq` is where, when that is known.
    #[error("the journal file is damaged{}: {what}", .seq.map(|s| format!(" at event {s}")).unwrap_or_default())]
    Corrupt { seq: Option<u64>, what: String },
    #[error(
        "the journal file is from a newer Deckwatch (format {found}; this one knows up to {known}); it was left untouched"
    )]
    Newer { found: u32, known: u32 },
    /// The name now points at another file: somebody set this one aside. Open it again.
    #[error("the journal file was moved or replaced while it was open; open it again")]
    Replaced,
    /// What was noted outside of the journal is not in it ([`FileAnchor`](crate::FileAnchor)).
    #[error("{0}")]
    Unanchored(Flaw),
    /// What was asked is not allowed, and nothing was done.
    #[error("{0}")]
    Refused(String),
    #[error("the journal file could not be used: {0}")]
    Io(String),
}

impl JournalError {
    /// A stable word to branch on across a process boundary.
    pub fn code(&self) -> &'static str {
        match self {
            JournalError::Missing(_) => "journal.missing",
            JournalError::Busy => "journal.busy",
            JournalError::ReadOnly => "journal.read-only",
            JournalError::DiskFull => "journal.disk-full",
            JournalError::Corrupt { .. } => "journal.corrupt",
            JournalError::Newer { .. } => "journal.newer",
            JournalError::Replaced => "journal.replaced",
            JournalError::Unanchored(_) => "journal.unanchored",
            JournalError::Refused(_) => "journal.refused",
            JournalError::Io(_) => "journal.io",
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        JournalError::Corrupt {
            seq: None,
            what: what.into(),
        }
    }

    pub(crate) fn refused(what: impl Into<String>) -> Self {
        JournalError::Refused(what.into())
    }
}

/// Why an append was not done. In every case nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Somebody else wrote to the stream first: read it again and decide anew.
    #[error("`{stream}` is at version {actual}, not {expected}: somebody wrote to it first")]
    Conflict {
        stream: String,
        expected: u64,
        actual: u64,
    },
    /// The lease is no longer held as the fence says; `found` is how it stands now.
    #[error("the lease `{lease}` is no longer held by {holder} at epoch {epoch}")]
    Fenced {
        lease: String,
        holder: String,
        epoch: Epoch,
        found: Option<Box<LeaseRow>>,
    },
    /// The id is taken by an event of another stream or of another kind: not a repeat of this one.
    #[error("event {event_id} is already recorded as `{kind}` in `{stream}`")]
    Duplicate {
        event_id: EventId,
        stream: String,
        kind: String,
    },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why a lease was not taken or kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It is held, and not as the caller last saw it: look again before trying again.
    #[error("the lease `{}` is held by {} at epoch {}", .0.name, .0.holder.as_deref().unwrap_or("nobody"), .0.epoch)]
    Held(LeaseRow),
    /// The caller does not hold it, or no longer at this epoch.
    #[error("the lease `{name}` is no longer ours")]
    Lost {
        name: String,
        found: Option<LeaseRow>,
    },
    #[error(transparent)]
    Journal(#[from] JournalError),
}
