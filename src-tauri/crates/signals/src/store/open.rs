//! Opening the file: its format, its version, and what happens when it is neither ours nor sound.

use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use deckwatch_domain::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::schema::{self, APPLICATION, PAGE, PROBES, VERSION};
use super::{Options, StoreError};

fn options(path: &Path, options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(options.patience)
        .row_buffer_size(256)
        .disable_statement_logging()
}

/// Makes the file for its owner alone, or closes it to others; its companions are made as it is.
/// What cannot be made is said by whoever connects next.
fn make_private(path: &Path) {
    let only_mine = std::fs::Permissions::from_mode(0o600);
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    if made.is_ok() {
        return;
    }
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        let open = std::fs::metadata(&file).is_ok_and(|f| f.mode() & 0o077 != 0);
        if open && let Err(error) = std::fs::set_permissions(&file, only_mine.clone()) {
            tracing::warn!(%error, file = %file.display(), "others can read it");
        }
    }
}

/// A file that belongs to the store at `path`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) async fn for_writing(
    path: &Path,
    limits: &Options,
) -> Result<SqliteConnection, StoreError> {
    let wrong = |error| StoreError::from_sqlite(path, error);
    // Making a store is rare and worth a wait: two programs starting at once both want to.
    let patient = Options {
        patience: limits.patience.max(Duration::from_secs(5)),
        ..*limits
    };
    make_private(path);
    let mut connection = options(path, &patient)
        .page_size(PAGE)
        .create_if_missing(true)
        .connect()
        .await
        .map_err(wrong)?;
    if known(path, &mut connection).await? != Some(VERSION) {
        create(path, &mut connection).await?;
    }
    // A file keeps the page size that it was made with.
    let page: i64 = sqlx::query_scalar("PRAGMA page_size")
        .fetch_one(&mut connection)
        .await
        .map_err(wrong)?;
    connection.close().await.map_err(wrong)?;
    let pages = limits.most_bytes / page.unsigned_abs().max(512);
    options(path, limits)
        .synchronous(SqliteSynchronous::Normal)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("journal_size_limit", "16777216")
        .pragma("max_page_count", pages.max(64).to_string())
        .connect()
        .await
        .map_err(wrong)
}

pub(super) async fn for_reading(
    path: &Path,
    limits: &Options,
) -> Result<SqliteConnection, StoreError> {
    let mut connection = options(path, limits)
        .read_only(true)
        .connect()
        .await
        .map_err(|error| StoreError::from_sqlite(path, error))?;
    match known(path, &mut connection).await? {
        Some(VERSION) => Ok(connection),
        Some(found) => Err(StoreError::Older {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        None => Err(StoreError::Corrupt {
            path: path.to_owned(),
            why: "it is empty".into(),
        }),
    }
}

/// Makes the tables, or brings those of an older format to this one.
async fn create(path: &Path, connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let wrong = |error| StoreError::from_sqlite(path, error);
    // Outside the transaction, as a mode cannot be changed within one.
    sqlx::query("PRAGMA journal_mode = WAL")
        .execute(&mut *connection)
        .await
        .map_err(wrong)?;
    let mut tx = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(wrong)?;
    // Another process may have done it while we waited for the lock.
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *tx)
        .await
        .map_err(wrong)?;
    if found < VERSION {
        schema::advance(&mut tx, found, &wrong).await?;
    }
    tx.commit().await.map_err(wrong)
}

/// The format of a store of ours, none for an empty file, an error for anything else.
async fn known(path: &Path, connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    let wrong = |error| StoreError::from_sqlite(path, error);
    let corrupt = |why: &str| StoreError::Corrupt {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    // In one statement: another process may be making the file at this moment.
    let (application, found, tables): (i64, i64, i64) = sqlx::query_as(
        "SELECT a.application_id, u.user_version,
                (SELECT count(*) FROM sqlite_schema WHERE type = 'table')
         FROM pragma_application_id a, pragma_user_version u",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(wrong)?;
    if application == 0 && tables == 0 {
        return Ok(None);
    }
    if application != APPLICATION {
        return Err(corrupt("it belongs to another program"));
    }
    if found > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    // Touches the root page of each table: the cheap part of an integrity check. Damage further
    // in is reported by whoever reads it.
    let probes: &[&str] = if found == VERSION { &PROBES } else { &[] };
    for probe in probes {
        sqlx::query_scalar::<_, i64>(*probe)
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| match StoreError::from_sqlite(path, error) {
                StoreError::Failed { why, .. } => corrupt(&why),
                other => other,
            })?;
    }
    Ok(Some(found))
}

/// Moves a damaged store out of the way and returns its new place, so that a new one can begin.
///
/// Looks again first: when two processes find the damage at the same time, the second must not
/// put the first one's new file aside. Returns none when the file is sound, newer or absent.
pub async fn set_aside(path: &Path, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
    match for_reading(path, &Options::default()).await {
        Err(StoreError::Corrupt { .. }) => {}
        Err(StoreError::Unavailable { .. }) if !path.exists() => return Ok(None),
        Err(other @ (StoreError::Busy { .. } | StoreError::Unavailable { .. })) => {
            return Err(other);
        }
        _ => return Ok(None),
    }
    let aside = beside(path, &format!(".corrupt-{}", now.as_millis()));
    let failed = |error: std::io::Error| StoreError::Unavailable {
        path: path.to_owned(),
        why: format!("it cannot be moved to {}: {error}", aside.display()),
    };
    // The log and its index go along, or they would be replayed into the new file.
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
    }
    std::fs::rename(path, &aside).map_err(failed)?;
    Ok(Some(aside))
}
