//! The one connection that writes, and the small set of those that read.
//!
//! Whoever wants to write takes the pen: it waits for its turn in this process, then for the
//! file's write lock against other processes. A future that is dropped with the pen in hand
//! leaves a transaction of unknown state; the next writer then throws the connection away, which
//! undoes what was not committed, and opens another.

use std::sync::{Mutex, PoisonError};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{MutexGuard, Semaphore};

use super::fault::fault;
use super::file::{Place, Use};
use crate::error::JournalError;

pub(crate) struct Writer {
    conn: Option<SqliteConnection>,
    how: Use,
    /// Set while a transaction may be open.
    busy: bool,
}

impl Writer {
    pub fn new(conn: SqliteConnection, how: Use) -> Self {
        Writer {
            conn: Some(conn),
            how,
            busy: false,
        }
    }

    #[cfg(test)]
    pub fn connection(&mut self) -> Option<&mut SqliteConnection> {
        self.conn.as_mut()
    }

    /// Closes the connection in order; the next pen opens another.
    pub async fn close(&mut self) {
        if let Some(conn) = self.conn.take() {
            let _ = conn.close().await;
        }
    }
}

/// The right to write, inside an open transaction.
pub(crate) struct Pen<'w> {
    writer: MutexGuard<'w, Writer>,
}

impl<'w> Pen<'w> {
    /// `same` says whether the file still is the one that was opened.
    pub async fn take(
        mut writer: MutexGuard<'w, Writer>,
        place: &Place,
        same: impl Fn() -> bool,
    ) -> Result<Pen<'w>, JournalError> {
        if !same() {
            return Err(JournalError::Replaced);
        }
        if writer.busy || writer.conn.is_none() {
            writer.conn = None;
            writer.conn = Some(place.connect(writer.how).await?);
        }
        writer.busy = true;
        let mut pen = Pen { writer };
        let begun = sqlx::query("BEGIN IMMEDIATE").execute(pen.conn()?).await;
        if let Err(error) = begun {
            let error = fault(error);
            // Refused without a transaction; after anything else, start afresh.
            pen.writer.busy = error != JournalError::Busy;
            return Err(error);
        }
        // Asked again under the lock: setting a file aside takes it, too.
        match same() {
            true => Ok(pen),
            false => pen.end(Err(JournalError::Replaced)).await,
        }
    }

    pub fn conn(&mut self) -> Result<&mut SqliteConnection, JournalError> {
        self.writer
            .conn
            .as_mut()
            .ok_or(JournalError::Io("the connection to it was lost".into()))
    }

    /// Keeps what was written if `result` is good, and nothing of it otherwise.
    pub async fn end<T, E: From<JournalError>>(mut self, result: Result<T, E>) -> Result<T, E> {
        let committed = match &result {
            Ok(_) => sqlx::query("COMMIT")
                .execute(self.conn()?)
                .await
                .map_err(fault),
            Err(_) => Ok(Default::default()),
        };
        if result.is_ok() && committed.is_ok() {
            self.writer.busy = false;
            return result;
        }
        // The database may have rolled back by itself (a full disk); then this complains, rightly,
        // and the connection is replaced, which is always safe.
        let undone = sqlx::query("ROLLBACK").execute(self.conn()?).await;
        self.writer.busy = undone.is_err();
        committed?;
        result
    }
}

const READERS: usize = 4;

/// Connections for reading. One that is in use when its future is dropped is not put back.
pub(crate) struct Readers {
    idle: Mutex<Vec<SqliteConnection>>,
    turns: Semaphore,
    pub how: Use,
}

impl Readers {
    pub fn new(how: Use) -> Self {
        Readers {
            idle: Mutex::new(Vec::new()),
            turns: Semaphore::new(READERS),
            how,
        }
    }

    /// A connection and the turn that goes with it.
    pub async fn take(
        &self,
        place: &Place,
    ) -> Result<(SqliteConnection, tokio::sync::SemaphorePermit<'_>), JournalError> {
        let closed = |_| JournalError::Io("the journal is closed".into());
        let turn = self.turns.acquire().await.map_err(closed)?;
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(conn) => Ok((conn, turn)),
            None => Ok((place.connect(self.how).await?, turn)),
        }
    }

    pub fn put_back(&self, conn: SqliteConnection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(conn);
    }

    pub fn drain(&self) -> Vec<SqliteConnection> {
        std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
