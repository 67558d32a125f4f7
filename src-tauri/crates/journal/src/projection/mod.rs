//! Projections: tables that are only ever a reading of the events, kept for quick queries.
//!
//! They live in a local file of their own, whichever journal is followed. A projection's position
//! is stored in the transaction that applies the events up to it, so what is in its tables is
//! always exactly what a rebuild up to that position would make. The file may be deleted at any
//! time; nothing is in it that is not in the journal.
//!
//! A projection is rebuilt from the first event when its version changed, when the journal is not
//! the one it was built from (set aside, imported, restored), and when an event it has already
//! applied was redacted: a redacted payload must not live on in a table.

mod activity;
mod cell;

use std::path::Path;

use async_trait::async_trait;
use deckwatch_domain::Digest;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;

pub use activity::{Activity, KindActivity, StreamActivity};
pub use cell::{Cell, Cells, ProjectionTx};

use crate::anchor::with_ending;
use crate::error::JournalError;
use crate::event::{OWN_STREAM, REDACTED, Recorded};
use crate::sqlite::{Opening, Pen, Place, Use, Writer, fault, let_readers_in};
use crate::store::Store;
use crate::verify::Redaction;

/// How many events are applied in one transaction.
const BATCH: usize = 1000;
/// Of the table of positions. Another format is simply built anew.
const FORMAT: i64 = 1;

/// A reading of the events. It must depend on nothing but the events it is given: no clock, no
/// setting, no other table.
#[async_trait]
pub trait Projection: Send + Sync {
    /// Unique and lasting. Its tables' names begin with it.
    fn name(&self) -> &'static str;

    /// Raised whenever its tables or its understanding of events change.
    fn version(&self) -> u32;

    /// Drops its tables if there are any, and makes them, empty.
    async fn reset(&self, tx: &mut ProjectionTx<'_>) -> Result<(), JournalError>;

    /// Takes in one event. Events come in order, each once, and redacted ones without payload; a
    /// payload that is not understood is passed over, never an error.
    async fn apply(&self, tx: &mut ProjectionTx<'_>, event: &Recorded) -> Result<(), JournalError>;
}

/// The projections of one program, and the file they live in. Several programs may share it.
pub struct Projections {
    place: Place,
    identity: Option<(u64, u64)>,
    list: Vec<Box<dyn Projection>>,
    writer: Mutex<Writer>,
    reader: Mutex<Option<SqliteConnection>>,
}

/// How far one of them has come.
struct Position {
    seq: u64,
    hash: Option<Digest>,
    /// The journal's head when it was last built anew: redactions up to here are in it.
    clean: u64,
}

impl Projections {
    /// Opens the file, and makes it when it is missing or cannot be used.
    pub async fn open(
        path: &Path,
        list: Vec<Box<dyn Projection>>,
    ) -> Result<Projections, JournalError> {
        let place = Place::new(path, Opening::default())?;
        let conn = match prepare(&place).await {
            Err(JournalError::Corrupt { what, .. }) => {
                tracing::info!(what, "the projections are made anew");
                for ending in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(with_ending(&place.path, ending));
                }
                prepare(&place).await?
            }
            other => other?,
        };
        Ok(Projections {
            identity: place.identity(),
            writer: Mutex::new(Writer::new(conn, Use::Derived)),
            reader: Mutex::new(None),
            place,
            list,
        })
    }

    /// Applies everything that was recorded since the last time. Answers how many events that
    /// were, rebuilding included. When it is dropped or fails half-way, what was applied stays.
    pub async fn catch_up(&self, store: &dyn Store) -> Result<u64, JournalError> {
        let mut applied = 0;
        loop {
            let mut pen = self.pen().await?;
            let done = self.batch(pen.conn()?, store).await;
            match pen.end(done).await? {
                0 => return Ok(applied),
                more => applied += more,
            }
        }
    }

    /// Forgets everything, so that the next [`catch_up`](Projections::catch_up) builds it anew.
    pub async fn forget(&self) -> Result<(), JournalError> {
        let mut pen = self.pen().await?;
        let done = sqlx::query("DELETE FROM positions")
            .execute(pen.conn()?)
            .await;
        pen.end(done.map(|_| ()).map_err(fault)).await
    }

    /// Asks the tables, as of the last batch that was applied.
    pub async fn rows(
        &self,
        sql: &'static str,
        arguments: &[Cell],
    ) -> Result<Vec<Cells>, JournalError> {
        let mut reader = self.reader.lock().await;
        let mut conn = match reader.take() {
            Some(conn) => conn,
            None => self.place.connect(Use::Read).await?,
        };
        let rows = ProjectionTx::new(&mut conn).rows(sql, arguments).await?;
        *reader = Some(conn);
        Ok(rows)
    }

    /// Closes the file in order.
    pub async fn close(self) {
        self.writer.lock().await.close().await;
        if let Some(conn) = self.reader.lock().await.take() {
            let _ = conn.close().await;
        }
    }

    async fn pen(&self) -> Result<Pen<'_>, JournalError> {
        let writer = self.writer.lock().await;
        Pen::take(writer, &self.place, || {
            self.place.identity() == self.identity
        })
        .await
    }

    async fn batch(
        &self,
        conn: &mut SqliteConnection,
        store: &dyn Store,
    ) -> Result<u64, JournalError> {
        let mut positions = Vec::with_capacity(self.list.len());
        for projection in &self.list {
            positions.push(self.locate(conn, store, projection.as_ref()).await?);
        }
        let Some(start) = positions.iter().map(|position| position.seq).min() else {
            return Ok(0);
        };
        let events = store.read(start, BATCH).await?;
        let Some(last) = events.last() else {
            return Ok(0);
        };
        for (projection, position) in self.list.iter().zip(&positions) {
            if redacted_behind(position, &events) {
                self.reset(conn, store, projection.as_ref()).await?;
                continue;
            }
            let mut tx = ProjectionTx::new(conn);
            for event in events.iter().filter(|event| event.seq > position.seq) {
                projection.apply(&mut tx, event).await?;
            }
            if last.seq > position.seq {
                let position = Position {
                    seq: last.seq,
                    hash: Some(last.hash),
                    clean: position.clean,
                };
                keep(conn, projection.as_ref(), &position).await?;
            }
        }
        Ok(events.len() as u64)
    }

    /// Where a projection stands; at the beginning, with fresh tables, when it cannot go on.
    async fn locate(
        &self,
        conn: &mut SqliteConnection,
        store: &dyn Store,
        projection: &dyn Projection,
    ) -> Result<Position, JournalError> {
        let found = ProjectionTx::new(conn)
            .rows(
                "SELECT seq, hash, clean FROM positions WHERE name = ? AND version = ?",
                &[
                    projection.name().into(),
                    i64::from(projection.version()).into(),
                ],
            )
            .await?;
        if let Some(found) = found.first() {
            let seq = found.count(0)?;
            let hash = found.bytes(1).and_then(crate::chain::digest);
            let same = match seq {
                0 => true,
                seq => {
                    let there = store.read(seq - 1, 1).await?;
                    there
                        .first()
                        .is_some_and(|event| event.seq == seq && Some(event.hash) == hash)
                }
            };
            if same {
                return Ok(Position {
                    seq,
                    hash,
                    clean: found.count(2)?,
                });
            }
        }
        self.reset(conn, store, projection).await
    }

    async fn reset(
        &self,
        conn: &mut SqliteConnection,
        store: &dyn Store,
        projection: &dyn Projection,
    ) -> Result<Position, JournalError> {
        // Asked before any event is read: what is redacted up to here is read without payload.
        let clean = store.head().await?.seq;
        projection.reset(&mut ProjectionTx::new(conn)).await?;
        let position = Position {
            seq: 0,
            hash: None,
            clean,
        };
        keep(conn, projection, &position).await?;
        Ok(position)
    }
}

/// Whether the events redact one that was already applied, perhaps with its payload.
fn redacted_behind(position: &Position, events: &[Recorded]) -> bool {
    events
        .iter()
        .filter(|event| event.seq > position.seq.max(position.clean))
        .filter(|event| event.kind == REDACTED && event.stream == OWN_STREAM)
        .filter_map(|event| serde_json::from_slice(event.payload.as_deref()?).ok())
        .any(|redaction: Redaction| redaction.seq <= position.seq)
}

async fn keep(
    conn: &mut SqliteConnection,
    projection: &dyn Projection,
    position: &Position,
) -> Result<(), JournalError> {
    let sql = "INSERT INTO positions (name, version, seq, hash, clean) VALUES (?, ?, ?, ?, ?) \
               ON CONFLICT (name) DO UPDATE SET version = excluded.version, \
               seq = excluded.seq, hash = excluded.hash, clean = excluded.clean";
    let hash = position
        .hash
        .map_or(Cell::Null, |hash| Cell::Bytes(hash.as_bytes().to_vec()));
    let arguments = [
        projection.name().into(),
        i64::from(projection.version()).into(),
        position.seq.into(),
        hash,
        position.clean.into(),
    ];
    ProjectionTx::new(conn)
        .execute(sql, &arguments)
        .await
        .map(|_| ())
}

async fn prepare(place: &Place) -> Result<SqliteConnection, JournalError> {
    place.create()?;
    let mut conn = place.connect(Use::Derived).await?;
    let_readers_in(&mut conn).await?;
    let mut tx = ProjectionTx::new(&mut conn);
    let found = tx.rows("PRAGMA user_version", &[]).await?;
    let tables = tx.rows("SELECT count(*) FROM sqlite_schema", &[]).await?;
    let number = |rows: &[Cells]| rows.first().and_then(|row| row.int(0)).unwrap_or(-1);
    match (number(&found), number(&tables)) {
        (FORMAT, _) => {}
        (0, 0) => {
            let sql = "CREATE TABLE IF NOT EXISTS positions (name TEXT PRIMARY KEY, \
                       version INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB, \
                       clean INTEGER NOT NULL) STRICT; PRAGMA user_version = 1";
            sqlx::raw_sql(sql).execute(&mut conn).await.map_err(fault)?;
        }
        _ => return Err(JournalError::corrupt("it has another format")),
    }
    Ok(conn)
}
