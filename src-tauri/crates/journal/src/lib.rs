//! The event log: every decision, approval, alert, side effect and note, in the order in which
//! it was recorded, in one append-only file whose records are chained by hash.
//!
//! This room owns the file. Nothing else writes events, and what is above it sees a [`Store`]:
//! append if the stream has the version I think it has (and if I still hold the lease), read,
//! follow, and the lease table. [`Journal`] is the store in a file that several programs of one
//! user share; [`MemoryStore`] has the same semantics for simulations. What can be done to a whole
//! file (verify, export, import, back up, redact, set aside) is on [`Journal`] alone.
//!
//! What must never happen here: an event changed or removed; a sequence number skipped, or seen
//! by a reader before a lower one; an acknowledged event lost. Secrets must never enter an event:
//! the chain would keep them, and [`Journal::redact`] reaches neither backups nor exports that
//! were made before it. The words of the database stop here: callers see a [`JournalError`].

mod anchor;
mod append;
mod chain;
mod error;
mod event;
mod lease;
mod line;
mod memory;
mod projection;
mod sqlite;
mod store;
mod subscribe;
mod verify;

pub use anchor::FileAnchor;
pub use chain::GENESIS;
pub use error::{AppendError, JournalError, LeaseError};
pub use event::{Expected, Fence, Head, LARGEST_PAYLOAD, NewEvent, Recorded};
pub use lease::{LeaseRow, LeaseView, LeaseWatch};
pub use memory::MemoryStore;
pub use projection::{
    Activity, Cell, Cells, KindActivity, Projection, ProjectionTx, Projections, StreamActivity,
};
pub use sqlite::{Journal, Opening, SetAside, set_aside};
pub use store::Store;
pub use subscribe::Subscription;
pub use verify::{Finding, Flaw, Verification};
