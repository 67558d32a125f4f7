//! The file itself: where it lies, how a connection to it is made, and its format.
//!
//! The file is never opened by other means than the database while a connection of this process
//! may be open: closing any descriptor of a file drops all POSIX locks a process has on it, and
//! with them the database's.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row as _};

use super::fault::fault;
use crate::anchor::with_ending;
use crate::chain::GENESIS;
use crate::error::JournalError;

/// `Deck`, so that `file` and we can tell a journal from another program's file.
const APPLICATION: i64 = 0x4465_636b;

/// Every step of the format, oldest first. Steps are only ever added at the end.
pub(crate) const MIGRATIONS: &[&str] = &[include_str!("schema-1.sql")];

/// How long to wait, and how often to look.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// How long to wait for another program to let go of the file before [`JournalError::Busy`].
    pub patience: Duration,
    /// How often followers look for commits of other programs.
    pub poll: Duration,
}

impl Default for Opening {
    fn default() -> Self {
        Opening {
            patience: Duration::from_secs(5),
            poll: Duration::from_millis(25),
        }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    Write,
    /// Writes what can be made again from the journal.
    Derived,
    /// Reads a file that this process may otherwise write.
    Read,
    /// Never writes a byte, not even to tidy up.
    Look,
    /// A medium nobody writes, without its companions.
    Frozen,
}

#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub path: PathBuf,
    pub opening: Opening,
}

impl Place {
    pub fn new(path: &Path, opening: Opening) -> Result<Place, JournalError> {
        let path = std::path::absolute(path).map_err(|e| JournalError::Io(e.to_string()))?;
        Ok(Place { path, opening })
    }

    pub async fn connect(&self, how: Use) -> Result<SqliteConnection, JournalError> {
        let mut options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(false)
            .read_only(matches!(how, Use::Look | Use::Frozen))
            .immutable(how == Use::Frozen)
            .busy_timeout(self.opening.patience)
            .row_buffer_size(1024)
            .disable_statement_logging();
        options = match how {
            Use::Write => options
                .synchronous(SqliteSynchronous::Full)
                // On macOS a plain sync does not reach the platter.
                .pragma("fullfsync", "1")
                // A redacted payload must leave the file, not only the table.
                .pragma("secure_delete", "ON"),
            // After a crash of the machine the last events are applied once more.
            Use::Derived => options.synchronous(SqliteSynchronous::Normal),
            Use::Read => options.pragma("query_only", "ON"),
            Use::Look | Use::Frozen => options,
        };
        options
            .connect()
            .await
            .map_err(|error| self.explain(fault(error)))
    }

    /// "Cannot be opened" has a reason that can be seen from outside.
    pub fn explain(&self, error: JournalError) -> JournalError {
        match error {
            JournalError::Io(_) | JournalError::Corrupt { .. } if !self.path.exists() => {
                JournalError::Missing(self.path.clone())
            }
            other => other,
        }
    }

    /// Which file the name stands for now.
    pub fn identity(&self) -> Option<(u64, u64)> {
        let metadata = fs::metadata(&self.path).ok()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some((metadata.dev(), metadata.ino()))
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Some((0, 0))
        }
    }

    /// Makes folder and file, for their owner only, unless they are there.
    pub fn create(&self) -> Result<(), JournalError> {
        let mut folder = fs::DirBuilder::new();
        let mut file = fs::OpenOptions::new();
        file.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
            folder.mode(0o700);
            file.mode(0o600);
        }
        if let Some(parent) = self.path.parent() {
            folder
                .recursive(true)
                .create(parent)
                .map_err(cannot_create)?;
        }
        match file.open(&self.path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(cannot_create(error)),
        }
    }

    /// Why a file that is there cannot be opened for writing: often its folder takes no files.
    pub fn explain_writing(&self, error: JournalError) -> JournalError {
        let JournalError::Io(_) = error else {
            return error;
        };
        let probe = with_ending(&self.path, &format!(".probe-{}", std::process::id()));
        match fs::File::create_new(&probe) {
            Ok(_) => {
                let _ = fs::remove_file(&probe);
                error
            }
            Err(refused) => match cannot_create(refused) {
                JournalError::Io(_) => error,
                better => better,
            },
        }
    }

    /// Refuses what must not be touched, without touching it: a newer format, another program's
    /// file. Answers the format found; 0 for a file that is still empty.
    pub async fn inspect(&self, how: Use) -> Result<u32, JournalError> {
        let mut conn = self.connect(how).await?;
        let found = inspect(&mut conn)
            .await
            .map_err(|error| self.explain(error));
        let _ = conn.close().await;
        found
    }
}

pub(crate) fn cannot_create(error: std::io::Error) -> JournalError {
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => JournalError::ReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => JournalError::DiskFull,
        _ => JournalError::Io(error.to_string()),
    }
}

pub(crate) async fn inspect(conn: &mut SqliteConnection) -> Result<u32, JournalError> {
    let known = MIGRATIONS.len() as u32;
    // One question, one moment: another program may be making the file right now.
    let found = sqlx::query(
        "SELECT (SELECT user_version FROM pragma_user_version), \
         (SELECT application_id FROM pragma_application_id), count(*) FROM sqlite_schema",
    )
    .fetch_one(conn)
    .await
    .map_err(fault)?;
    let number = |column: usize| found.try_get_unchecked::<i64, _>(column).map_err(fault);
    let (version, application, tables) = (number(0)?, number(1)?, number(2)?);
    if application != APPLICATION && (application != 0 || tables != 0 || version != 0) {
        return Err(JournalError::corrupt("this is another program's file"));
    }
    match u32::try_from(version) {
        Ok(found) if found <= known => Ok(found),
        found => Err(JournalError::Newer {
            found: found.unwrap_or(u32::MAX),
            known,
        }),
    }
}

/// Brings the file to the format we know, whole or not at all. Several programs may try at once:
/// what is left to do is asked again under the lock.
pub(crate) async fn migrate(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    if inspect(conn).await? == MIGRATIONS.len() as u32 {
        return Ok(());
    }
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut *conn)
        .await
        .map_err(fault)?;
    let done = apply_missing(conn).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    sqlx::raw_sql(end).execute(conn).await.map_err(fault)?;
    done
}

async fn apply_missing(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let found = inspect(conn).await? as usize;
    for (step, sql) in (1..).zip(MIGRATIONS).skip(found) {
        sqlx::raw_sql(*sql)
            .execute(&mut *conn)
            .await
            .map_err(fault)?;
        let mark = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {step}"));
        sqlx::raw_sql(mark)
            .execute(&mut *conn)
            .await
            .map_err(fault)?;
    }
    if found == 0 {
        let mark = sqlx::AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION}"));
        sqlx::raw_sql(mark)
            .execute(&mut *conn)
            .await
            .map_err(fault)?;
        sqlx::query("INSERT INTO head (one, seq, hash) VALUES (1, 0, ?)")
            .bind(GENESIS.as_bytes().as_slice())
            .execute(conn)
            .await
            .map_err(fault)?;
    }
    Ok(())
}

/// The journal's mode of writing: readers and a writer do not stand in each other's way.
pub(crate) async fn let_readers_in(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let sql = "PRAGMA journal_mode = WAL";
    sqlx::query(sql)
        .fetch_all(conn)
        .await
        .map_err(fault)
        .map(|_| ())
}
