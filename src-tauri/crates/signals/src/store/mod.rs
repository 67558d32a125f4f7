//! One table of samples, in an SQLite file of its own.
//!
//! Several processes of one user share the file: each opens a store, SQLite's write-ahead log
//! keeps readers and the writer out of each other's way, and a [`Claim`] sees to it that only one
//! of them scrapes a target at a time. A write waits at most [`Options::patience`] for another
//! process and then says so; nobody who decides anything ever waits for a write here.
//!
//! Losing this file costs history and nothing else, so it is written with `synchronous=NORMAL`:
//! a power cut may take the last second. A damaged file is reported as such and put aside; it is
//! never repaired in silence and never deleted.

mod claim;
mod error;
mod labels;
mod open;
mod read;
mod retention;
mod thin;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

pub use claim::Claim;
pub use error::StoreError;
pub use open::set_aside;
pub use read::{Matcher, Selector, Series};
pub use retention::{Kept, Retention};

use crate::sample::Labels;

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
    /// Points one `range` returns at most.
    pub most_points: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            patience: Duration::from_millis(500),
            most_bytes: 1 << 30,
            most_series: 100_000,
            most_points: 2_000_000,
        }
    }
}

/// The samples of this machine's consoles.
pub struct SampleStore {
    path: PathBuf,
    options: Options,
    reader: Mutex<SqliteConnection>,
    /// None when opened for reading only.
    writer: Option<Mutex<Writer>>,
}

struct Writer {
    connection: SqliteConnection,
    /// Ids of series known to be in the file, true for `generation`. Forgotten when another
    /// process deletes series, which raises the generation.
    known: HashMap<(String, Labels), i64>,
    generation: i64,
}

impl SampleStore {
    /// Opens the file, and makes it if it is absent.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Options::default()).await
    }

    pub async fn open_with(path: &Path, options: Options) -> Result<Self, StoreError> {
        let connection = open::for_writing(path, &options).await?;
        let reader = open::for_reading(path, &options).await?;
        Ok(SampleStore {
            path: path.to_owned(),
            options,
            reader: Mutex::new(reader),
            writer: Some(Mutex::new(Writer {
                connection,
                known: HashMap::new(),
                generation: -1,
            })),
        })
    }

    /// Opens an existing file for reading; nothing in it is changed.
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let options = Options::default();
        let reader = open::for_reading(path, &options).await?;
        Ok(SampleStore {
            path: path.to_owned(),
            options,
            reader: Mutex::new(reader),
            writer: None,
        })
    }

    /// Closes the file and, if no other process has it open, folds its log into it. A store that
    /// is merely dropped loses nothing either; its log stays beside it.
    pub async fn close(self) -> Result<(), StoreError> {
        let wrong = |error| StoreError::from_sqlite(&self.path, error);
        // The reader first: only the last to leave folds the log, and only a writer can.
        self.reader.into_inner().close().await.map_err(wrong)?;
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

    fn error(&self, error: sqlx::Error) -> StoreError {
        StoreError::from_sqlite(&self.path, error)
    }
}
