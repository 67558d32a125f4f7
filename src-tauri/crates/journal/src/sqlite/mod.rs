//! The journal in a file that several programs of one user share.

mod aside;
mod backup;
mod fault;
mod file;
mod leases;
mod pen;
mod poll;
mod redact;
mod rows;
#[cfg(test)]
mod tests;
mod transfer;
mod verify;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{Digest, Epoch, EventId, Timestamp};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use aside::{SetAside, set_aside};
pub(crate) use fault::fault;
pub use file::Opening;
pub(crate) use file::{Place, Use, cannot_create, let_readers_in};

use crate::append::{Step, absorb, check_fence, check_version, writes};
use crate::chain::Row;
use crate::error::{AppendError, JournalError, LeaseError};
use crate::event::{Expected, Fence, Head, NewEvent, Recorded, check_append};
use crate::lease::LeaseRow;
use crate::store::Store;
use crate::subscribe::{Signal, Subscription, announce};
use pen::Readers;
pub(crate) use pen::{Pen, Writer};

/// The journal's file, opened. Clones share its connections.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

pub(crate) struct Inner {
    place: Place,
    /// Which file it was when it was opened; the name may come to mean another.
    identity: Option<(u64, u64)>,
    writer: Option<tokio::sync::Mutex<Writer>>,
    readers: Readers,
    signal: watch::Sender<Signal>,
    poller: Mutex<Option<JoinHandle<()>>>,
}

impl Inner {
    fn same_file(&self) -> bool {
        self.place.identity() == self.identity
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let poller = self
            .poller
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(poller) = poller.take() {
            poller.abort();
        }
    }
}

/// Reads on a connection of the pool; it goes back only when all went well.
macro_rules! reading {
    ($self:ident, $conn:ident => $work:expr) => {{
        if !$self.0.same_file() {
            return Err(JournalError::Replaced);
        }
        let ($conn, _turn) = $self.0.readers.take(&$self.0.place).await?;
        let mut $conn = $conn;
        let result = $work;
        if result.is_ok() {
            $self.0.readers.put_back($conn);
        }
        result.map_err(|error| $self.0.place.explain(error))
    }};
}

impl Journal {
    /// Opens the journal at `path`, and makes it when there is none: its folder for the owner
    /// only (0700), the file likewise (0600). An older format is brought up to date; a newer one
    /// is refused and left as it is, byte for byte.
    pub async fn open(path: &Path) -> Result<Journal, JournalError> {
        Journal::open_with(path, Opening::default()).await
    }

    /// [`open`](Journal::open) with another patience.
    pub async fn open_with(path: &Path, opening: Opening) -> Result<Journal, JournalError> {
        let place = Place::new(path, opening)?;
        if !place.path.exists() {
            place.create()?;
        }
        let started = std::time::Instant::now();
        let conn = loop {
            match Journal::prepare(&place).await {
                // Two programs that make the same file at once are told "busy" without a wait.
                Err(JournalError::Busy) if started.elapsed() < opening.patience => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                other => break other.map_err(|error| place.explain_writing(error))?,
            }
        };
        let writer = Some(tokio::sync::Mutex::new(Writer::new(conn, Use::Write)));
        Ok(Journal::assemble(place, writer, Readers::new(Use::Read)))
    }

    async fn prepare(place: &Place) -> Result<SqliteConnection, JournalError> {
        place.inspect(Use::Look).await?;
        let mut conn = place.connect(Use::Write).await?;
        let_readers_in(&mut conn).await?;
        file::migrate(&mut conn).await?;
        Ok(conn)
    }

    /// Opens an existing journal without ever writing to it: every append answers
    /// [`JournalError::ReadOnly`].
    pub async fn open_read_only(path: &Path) -> Result<Journal, JournalError> {
        Journal::open_read_only_with(path, Opening::default()).await
    }

    /// [`open_read_only`](Journal::open_read_only) with another patience.
    pub async fn open_read_only_with(
        path: &Path,
        opening: Opening,
    ) -> Result<Journal, JournalError> {
        let place = Place::new(path, opening)?;
        if !place.path.exists() {
            return Err(JournalError::Missing(place.path));
        }
        let mut how = Use::Look;
        let mut found = place.inspect(how).await;
        if matches!(found, Err(JournalError::Io(_) | JournalError::ReadOnly)) && !has_tail(&place) {
            // On a medium where nothing can be made, not even the companions that readers share.
            how = Use::Frozen;
            found = place.inspect(how).await;
        }
        match found? as usize {
            n if n == file::MIGRATIONS.len() => {}
            0 => return Err(JournalError::corrupt("this is not a journal file")),
            _ => {
                return Err(JournalError::refused(
                    "the journal file is from an older Deckwatch: open it once for writing",
                ));
            }
        }
        Ok(Journal::assemble(place, None, Readers::new(how)))
    }

    fn assemble(
        place: Place,
        writer: Option<tokio::sync::Mutex<Writer>>,
        readers: Readers,
    ) -> Journal {
        Journal(Arc::new(Inner {
            identity: place.identity(),
            place,
            writer,
            readers,
            signal: watch::Sender::new(Signal::default()),
            poller: Mutex::new(None),
        }))
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.0.place.path
    }

    /// The head, and the hash of event `seq` if there is one.
    pub(crate) async fn head_and_hash_of(
        &self,
        seq: u64,
    ) -> Result<(Head, Option<Digest>), JournalError> {
        reading!(self, conn => rows::head_and_hash_of(&mut conn, seq).await)
    }

    /// Closes the idle connections in order, so that the file is left tidy. What is still in use
    /// elsewhere closes when it ends.
    pub async fn close(self) {
        for conn in self.0.readers.drain() {
            let _ = conn.close().await;
        }
        if let Some(writer) = &self.0.writer {
            let mut writer = writer.lock().await;
            writer.close().await;
        }
    }

    /// The right to write, unless a newer Deckwatch has given the file its format meanwhile.
    async fn pen(&self) -> Result<Pen<'_>, JournalError> {
        let writer = self
            .0
            .writer
            .as_ref()
            .ok_or(JournalError::ReadOnly)?
            .lock()
            .await;
        let mut pen = Pen::take(writer, &self.0.place, || self.0.same_file()).await?;
        match file::inspect(pen.conn()?).await {
            Ok(_) => Ok(pen),
            Err(error) => pen.end(Err(error)).await,
        }
    }

    /// A connection of its own, for work that needs one state of the file for a while.
    async fn aside_connection(&self) -> Result<SqliteConnection, JournalError> {
        self.0.place.connect(self.0.readers.how).await
    }
}

/// Whether commits lie beside the file that are not in it yet.
fn has_tail(place: &Place) -> bool {
    let mut name = place.path.clone().into_os_string();
    name.push("-wal");
    std::fs::metadata(name).is_ok_and(|tail| tail.len() > 0)
}

#[async_trait]
impl Store for Journal {
    async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<NewEvent>,
        fence: Option<&Fence>,
        recorded_at: Timestamp,
    ) -> Result<Vec<Recorded>, AppendError> {
        check_append(stream, &events)?;
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let mut pen = self.pen().await?;
        let done = append(pen.conn()?, stream, expected, events, fence, recorded_at).await;
        let events = pen.end(done).await?;
        announce(
            &self.0.signal,
            events.iter().map(|event| event.seq).max().unwrap_or(0),
        );
        Ok(events)
    }

    async fn read(&self, after_seq: u64, limit: usize) -> Result<Vec<Recorded>, JournalError> {
        reading!(self, conn => rows::read(&mut conn, after_seq, limit).await)
    }

    async fn read_stream(
        &self,
        stream: &str,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, JournalError> {
        reading!(self, conn => rows::read_stream(&mut conn, stream, after_version, limit).await)
    }

    async fn head(&self) -> Result<Head, JournalError> {
        reading!(self, conn => rows::head(&mut conn).await)
    }

    fn subscribe(&self, after_seq: u64) -> Subscription {
        let weak = Arc::downgrade(&self.0);
        let look = Arc::new(move || {
            if let Some(inner) = weak.upgrade() {
                poll::ensure(&inner);
            }
        });
        Subscription::new(
            Arc::new(self.clone()),
            self.0.signal.subscribe(),
            look,
            after_seq,
        )
    }

    async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, JournalError> {
        reading!(self, conn => rows::lease(&mut conn, name).await)
    }

    async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        seen: Option<(Epoch, u64)>,
        at_least: Epoch,
        ttl: Duration,
    ) -> Result<LeaseRow, LeaseError> {
        leases::take(self, name, holder, seen, at_least, ttl).await
    }

    async fn lease_beat(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
    ) -> Result<LeaseRow, LeaseError> {
        leases::beat(self, name, holder, epoch).await
    }

    async fn lease_raise(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
        at_least: Epoch,
    ) -> Result<LeaseRow, LeaseError> {
        leases::raise(self, name, holder, epoch, at_least).await
    }

    async fn lease_release(
        &self,
        name: &str,
        holder: &str,
        epoch: Epoch,
    ) -> Result<(), LeaseError> {
        leases::release(self, name, holder, epoch).await
    }
}

/// Inside an open transaction.
async fn append(
    conn: &mut SqliteConnection,
    stream: &str,
    expected: Expected,
    events: Vec<NewEvent>,
    fence: Option<&Fence>,
    recorded_at: Timestamp,
) -> Result<Vec<Recorded>, AppendError> {
    let ids: Vec<EventId> = events.iter().map(|event| event.event_id).collect();
    let mut known = rows::by_ids(conn, &ids).await?;
    let found = ids.iter().map(|id| known.remove(id)).collect();
    let steps = absorb(stream, events, found)?;
    let (mut head, mut version) = rows::head_and_version(conn, stream).await?;
    if writes(&steps) {
        if let Some(fence) = fence {
            check_fence(fence, rows::lease(conn, &fence.lease).await?)?;
        }
        check_version(stream, expected, version)?;
    }
    let mut answer = Vec::with_capacity(steps.len());
    for step in steps {
        match step {
            Step::Absorbed(old) => answer.push(old),
            Step::Write(event) => {
                version += 1;
                let actor = event.actor.clone();
                let row = Row::next(head, stream, version, event, recorded_at)?;
                rows::insert(conn, &row).await?;
                let event = row.recorded_by(actor)?;
                head = Head {
                    seq: event.seq,
                    hash: event.hash,
                };
                answer.push(event);
            }
        }
    }
    Ok(answer)
}
