//! The file's format, step by step. A step that has shipped never changes; a new one is added.
//!
//! All steps that a file lacks are taken in one transaction: it has either format, never half of
//! one.

use sqlx::{Row, SqliteConnection};

use super::StoreError;
use super::chunks::{TARGET, Tail, put_chunks, put_tails};
use crate::chunk::Point;

/// "DWsm", so that a file of another program is never taken for ours.
pub(super) const APPLICATION: i64 = 0x4457_736d;
pub(super) const VERSION: i64 = 2;
/// Of new files. Chunks are about a kilobyte: on larger pages less room is left over.
pub(super) const PAGE: u32 = 8192;

/// One row a sample.
const FIRST: &str = "
CREATE TABLE series (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL,
    labels TEXT NOT NULL,
    UNIQUE (name, labels)
);
CREATE TABLE samples (
    series_id INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    value     REAL,
    PRIMARY KEY (series_id, at_ms)
) WITHOUT ROWID;
CREATE TABLE claims (
    job      TEXT PRIMARY KEY,
    holder   TEXT NOT NULL,
    until_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE generation (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
INSERT INTO generation VALUES (1, 0);
PRAGMA application_id = 1146581869;
PRAGMA user_version = 1;
";

/// Samples in chunks. `log` is the open head, one row a write; `tails` the chunk of each series
/// that is still growing; `chunks` what is full, and the rollups (`level` 1: 5 minutes, 2: an
/// hour). `state` counts: `generation` rises when series are deleted, `folds` when rows of the log
/// are.
const SECOND: &str = "
CREATE TABLE log (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    payload BLOB NOT NULL
);
CREATE TABLE tails (
    series_id INTEGER PRIMARY KEY,
    sealed_ms INTEGER NOT NULL,
    newest_ms INTEGER NOT NULL,
    rolled_ms INTEGER NOT NULL,
    body      BLOB NOT NULL
);
CREATE TABLE chunks (
    id        INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL,
    level     INTEGER NOT NULL,
    from_ms   INTEGER NOT NULL,
    to_ms     INTEGER NOT NULL,
    samples   INTEGER NOT NULL,
    body      BLOB NOT NULL
);
CREATE INDEX chunks_in_time ON chunks (series_id, level, to_ms, from_ms);
CREATE TABLE jobs (job TEXT PRIMARY KEY, newest_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    about TEXT NOT NULL,
    text  TEXT NOT NULL
);
CREATE TABLE state (
    only         INTEGER PRIMARY KEY CHECK (only = 1),
    generation   INTEGER NOT NULL,
    folds        INTEGER NOT NULL,
    log_rows     INTEGER NOT NULL,
    log_samples  INTEGER NOT NULL,
    folded_to_ms INTEGER NOT NULL,
    raw_from_ms  INTEGER NOT NULL,
    fine_from_ms INTEGER NOT NULL,
    late         INTEGER NOT NULL
);
INSERT INTO state
    SELECT 1, number, 0, 0, 0, -9223372036854775808, -9223372036854775808, -9223372036854775808, 0
    FROM generation;
DROP TABLE generation;
";

const SECOND_DONE: &str = "DROP TABLE samples; PRAGMA user_version = 2;";

/// Tables whose first page is looked at when a file is opened.
pub(super) const PROBES: [&str; 5] = [
    "SELECT count(*) FROM (SELECT 1 FROM series LIMIT 1)",
    "SELECT count(*) FROM (SELECT 1 FROM chunks LIMIT 1)",
    "SELECT count(*) FROM (SELECT 1 FROM tails LIMIT 1)",
    "SELECT count(*) FROM (SELECT 1 FROM claims LIMIT 1)",
    "SELECT generation FROM state",
];

/// Takes the steps from format `found` (0: an empty file) to [`VERSION`].
pub(super) async fn advance(
    tx: &mut SqliteConnection,
    found: i64,
    wrong: &(dyn Fn(sqlx::Error) -> StoreError + Send + Sync),
) -> Result<(), StoreError> {
    if found < 1 {
        sqlx::raw_sql(FIRST)
            .execute(&mut *tx)
            .await
            .map_err(wrong)?;
    }
    if found < 2 {
        sqlx::raw_sql(SECOND)
            .execute(&mut *tx)
            .await
            .map_err(wrong)?;
        rows_into_chunks(tx, wrong).await?;
        sqlx::raw_sql(SECOND_DONE)
            .execute(&mut *tx)
            .await
            .map_err(wrong)?;
    }
    Ok(())
}

/// Moves the samples of the first format, series by series.
async fn rows_into_chunks(
    tx: &mut SqliteConnection,
    wrong: &(dyn Fn(sqlx::Error) -> StoreError + Send + Sync),
) -> Result<(), StoreError> {
    let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM series ORDER BY id")
        .fetch_all(&mut *tx)
        .await
        .map_err(wrong)?;
    let mut folded_to = i64::MIN;
    for id in ids {
        // A part of a series at a time: a year of seconds does not fit into memory comfortably.
        let mut after = i64::MIN;
        let mut tail = Tail::empty(id);
        loop {
            let rows = sqlx::query(
                "SELECT at_ms, value FROM samples WHERE series_id = ?1 AND at_ms > ?2
                 ORDER BY at_ms LIMIT ?3",
            )
            .bind(id)
            .bind(after)
            .bind(16 * TARGET as i64)
            .fetch_all(&mut *tx)
            .await
            .map_err(wrong)?;
            let Some(last) = rows.last() else { break };
            after = last.try_get(0).map_err(wrong)?;
            for row in &rows {
                // The first format could not store NaN.
                let value: Option<f64> = row.try_get(1).map_err(wrong)?;
                let point: Point = (row.try_get(0).map_err(wrong)?, value.unwrap_or(f64::NAN));
                tail.points.push(point);
            }
            let full = tail.seal();
            put_chunks(tx, &full).await.map_err(wrong)?;
        }
        if after > i64::MIN {
            folded_to = folded_to.max(after);
            put_tails(tx, &[tail]).await.map_err(wrong)?;
        }
    }
    sqlx::query("UPDATE state SET folded_to_ms = ?")
        .bind(folded_to)
        .execute(&mut *tx)
        .await
        .map_err(wrong)?;
    sqlx::query(
        "INSERT INTO jobs SELECT json_extract(pair.value, '$[1]'), max(newest_ms)
         FROM series JOIN tails ON series_id = series.id, json_each(labels) AS pair
         WHERE name = 'up' AND json_extract(pair.value, '$[0]') = 'job' GROUP BY 1",
    )
    .execute(&mut *tx)
    .await
    .map_err(wrong)?;
    Ok(())
}

/// The first format, for tests of what became of it.
#[cfg(test)]
pub(super) fn first() -> &'static str {
    FIRST
}
