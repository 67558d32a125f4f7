//! The narrow door to a journal: what everything above this room may rely on, whichever store is
//! behind it.

use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{Epoch, Timestamp};

use crate::error::{AppendError, JournalError, LeaseError};
use crate::event::{Expected, Fence, Head, NewEvent, Recorded};
use crate::lease::LeaseRow;
use crate::subscribe::Subscription;

/// An append-only log of events in streams, with a lease table beside it.
#[async_trait]
pub trait Store: Send + Sync {
    /// Records `events` at the end of `stream`: all of them or none, in one transaction that is
    /// on the disk when this returns. The answer has one record for each event, in order.
    ///
    /// **Once.** An event whose id is already recorded in this stream with this kind is not
    /// written again: its first record (first payload, first `recorded_at`) is given back in its
    /// place. The same id in another stream or with another kind is [`AppendError::Duplicate`].
    /// When *all* events are recorded already, neither `expected` nor `fence` is looked at, so
    /// the answer to an unknown outcome (a lost connection, a dropped future, an error from the
    /// disk) is to append the same events with the same ids again. When some are new, the fence
    /// must hold and `expected` must be the stream's version before them.
    ///
    /// **Dropped.** When the future is dropped half-way, the append happened whole or not at all.
    ///
    /// Refused ([`JournalError::Refused`]): the stream `journal`, kinds that begin with
    /// `journal.`, payloads over [`LARGEST_PAYLOAD`](crate::LARGEST_PAYLOAD), an id that stands
    /// twice in `events`. An append of no events does nothing and checks nothing.
    async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<NewEvent>,
        fence: Option<&Fence>,
        recorded_at: Timestamp,
    ) -> Result<Vec<Recorded>, AppendError>;

    /// Up to `limit` events after `after_seq`, in order and without a gap.
    async fn read(&self, after_seq: u64, limit: usize) -> Result<Vec<Recorded>, JournalError>;

    /// Up to `limit` events of one stream after `after_version`, in order.
    async fn read_stream(
        &self,
        stream: &str,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, JournalError>;

    /// The end of the chain.
    async fn head(&self) -> Result<Head, JournalError>;

    /// Follows the journal from after `after_seq`, commits of other programs included.
    fn subscribe(&self, after_seq: u64) -> Subscription;

    /// A lease as it stands; `None` when it was never taken.
    async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, JournalError>;

    /// Takes a lease that nobody holds, or whose holder the caller saw expire: `seen` is the
    /// epoch and beat it saw, and the taking fails with [`LeaseError::Held`] when the row has
    /// moved since. The new epoch is one more than the old, and at least `at_least`.
    async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        seen: Option<(Epoch, u64)>,
        at_least: Epoch,
        ttl: Duration,
    ) -> Result<LeaseRow, LeaseError>;

    /// A sign of life: the beat rises by one.
    async fn lease_beat(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
    ) -> Result<LeaseRow, LeaseError>;

    /// Lifts the epoch of a lease we hold to at least `at_least` (never down); also a beat.
    /// Appends fenced with the old epoch are refused from here on when it rose.
    async fn lease_raise(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
        at_least: Epoch,
    ) -> Result<LeaseRow, LeaseError>;

    /// Gives a lease back. Its epoch stays; releasing twice is no mistake.
    async fn lease_release(&self, name: &str, holder: &str, epoch: Epoch)
    -> Result<(), LeaseError>;
}
