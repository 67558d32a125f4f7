//! The samples, in an SQLite file of their own.
//!
//! A write is one row of the log: it is in the file when it is acknowledged, and a process that is
//! killed loses nothing that was. When the log has grown it is folded into chunks of one series
//! each ([`crate::chunk`]), in one transaction. What is asked for is found by an index of labels
//! that is held in memory, and read from chunks, growing tails and log together, as of one moment.
//!
//! Several processes of one user share the file: each opens a store, SQLite's write-ahead log
//! keeps readers and the writer out of each other's way, and a [`Claim`] sees to it that only one
//! of them scrapes a target at a time. A write waits at most [`Options::patience`] for another
//! process and then says so; nobody who decides anything ever waits for a write here.
//!
//! Losing this file costs history and nothing else, so it is written with `synchronous=NORMAL`:
//! a power cut may take the last second. A damaged chunk costs that chunk and is reported
//! ([`SampleStore::damage`]); a damaged file is reported as such and put aside; neither is ever
//! repaired in silence, and the file is never deleted.

mod chunks;
mod claim;
mod cut;
mod error;
mod fold;
mod head;
mod index;
mod labels;
mod log;
mod notes;
mod open;
mod read;
mod retention;
mod rolling;
mod rollup;
mod schema;
mod thin;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{Mutex, OnceCell};

pub use claim::Claim;
pub use error::StoreError;
pub use notes::{Damage, Note, NoteKind};
pub use open::set_aside;
pub use read::{Selector, Series};
pub use retention::{Kept, Retention};
pub use rolling::SeriesWindows;
pub use rollup::{Resolution, Window};
pub use write::{Under, Written};

use crate::sample::Labels;
use read::Reader;

/// How a store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long a write waits for another process' write.
    pub patience: Duration,
    /// The file never grows beyond this; a write that would is refused with
    /// [`StoreError::Full`]. [`Retention::bytes`] should lie well below it.
    pub most_bytes: u64,
    /// Different series held at once.
    pub most_series: u64,
    /// Points one read returns at most.
    pub most_points: usize,
    /// How far a sample may lie behind the newest of its series and is still taken.
    pub late: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            patience: Duration::from_millis(500),
            most_bytes: 1 << 30,
            most_series: 100_000,
            most_points: 2_000_000,
            late: Duration::from_secs(3600),
        }
    }
}

/// The samples of this machine's consoles.
pub struct SampleStore {
    path: PathBuf,
    options: Options,
    /// For what decides and for what is small.
    reader: Mutex<Reader>,
    /// For queries, which may take long: nobody waits for them. Opened by the first.
    bulk: OnceCell<Mutex<Reader>>,
    /// None when opened for reading only.
    writer: Option<Mutex<Writer>>,
    damage: std::sync::Mutex<Vec<Damage>>,
    /// The day up to which this process last looked for something to roll up.
    rolled_day: AtomicI64,
}

struct Writer {
    connection: SqliteConnection,
    /// Series known to be in the file, true for `generation`. Forgotten when another process
    /// deletes series, which raises the generation.
    known: HashMap<String, HashMap<Labels, Known>>,
    generation: i64,
}

#[derive(Clone, Copy)]
struct Known {
    id: i64,
    /// The newest moment that this process knows of.
    newest: i64,
}

impl SampleStore {
    /// Opens the file, and makes it if it is absent. A file of an older format is brought to this
    /// one, at once or not at all.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Options::default()).await
    }

    pub async fn open_with(path: &Path, options: Options) -> Result<Self, StoreError> {
        let connection = open::for_writing(path, &options).await?;
        let reader = open::for_reading(path, &options).await?;
        let writer = Writer {
            connection,
            known: HashMap::new(),
            generation: -1,
        };
        Ok(Self::of(path, options, reader, Some(writer)))
    }

    /// Opens an existing file for reading; nothing in it is changed. One of an older format has
    /// to be opened for writing once.
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let options = Options::default();
        let reader = open::for_reading(path, &options).await?;
        Ok(Self::of(path, options, reader, None))
    }

    fn of(path: &Path, options: Options, reader: SqliteConnection, writer: Option<Writer>) -> Self {
        SampleStore {
            path: path.to_owned(),
            options,
            reader: Mutex::new(Reader::new(reader)),
            bulk: OnceCell::new(),
            writer: writer.map(Mutex::new),
            damage: std::sync::Mutex::default(),
            rolled_day: AtomicI64::new(i64::MIN),
        }
    }

    /// Closes the file and, if no other process has it open, folds its log into it. A store that
    /// is merely dropped loses nothing either; its log stays beside it.
    pub async fn close(self) -> Result<(), StoreError> {
        let wrong = |error| StoreError::from_sqlite(&self.path, error);
        // The readers first: only the last to leave folds the log, and only a writer can.
        for reader in self.bulk.into_inner().into_iter().chain([self.reader]) {
            reader
                .into_inner()
                .connection
                .close()
                .await
                .map_err(wrong)?;
        }
        if let Some(writer) = self.writer {
            writer
                .into_inner()
                .connection
                .close()
                .await
                .map_err(wrong)?;
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn writer(&self) -> Result<&Mutex<Writer>, StoreError> {
        self.writer.as_ref().ok_or_else(|| StoreError::ReadOnly {
            path: self.path.clone(),
        })
    }

    /// Begins a write. What was dropped half-way before is rolled back by the connection's own
    /// thread, a little later: that is waited for. Where SQLite had rolled back by itself, as it
    /// may when the disk is full, the connection does not know, and another is opened.
    async fn begin<'c>(
        &self,
        connection: &'c mut SqliteConnection,
    ) -> Result<Transaction<'c, Sqlite>, StoreError> {
        if connection.is_in_transaction() {
            connection.ping().await.map_err(|error| self.error(error))?;
        }
        if connection.is_in_transaction() {
            *connection = open::for_writing(&self.path, &self.options).await?;
        }
        let begun = connection.begin_with("BEGIN IMMEDIATE").await;
        begun.map_err(|error| self.error(error))
    }

    fn error(&self, error: sqlx::Error) -> StoreError {
        StoreError::from_sqlite(&self.path, error)
    }
}

#[cfg(test)]
mod tests;
