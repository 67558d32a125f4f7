//! Questions to the tables, and their rows as values.

use std::collections::HashMap;
use std::time::Duration;

use deckwatch_domain::{Digest, Epoch, EventId};
use futures_util::TryStreamExt;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::fault::fault;
use crate::chain::{Row, digest};
use crate::error::JournalError;
use crate::event::{Head, Recorded};
use crate::lease::LeaseRow;

/// The columns in the order in which [`row`] reads them.
macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT seq, event_id, stream, version, kind, payload, payload_hash, actor, ",
            "occurred_at, recorded_at, prev_hash, hash FROM events ",
            $rest
        )
    };
}
pub(crate) use columns;

/// Reads bytes whatever type the column claims: a damaged record must be seen as it is.
pub(crate) fn row(row: &SqliteRow) -> Result<Row, JournalError> {
    let read = || -> Result<Row, sqlx::Error> {
        Ok(Row {
            seq: row.try_get_unchecked(0)?,
            event_id: row.try_get_unchecked(1)?,
            stream: row.try_get_unchecked(2)?,
            version: row.try_get_unchecked(3)?,
            kind: row.try_get_unchecked(4)?,
            payload: row.try_get_unchecked(5)?,
            payload_hash: row.try_get_unchecked(6)?,
            actor: row.try_get_unchecked(7)?,
            occurred_at: row.try_get_unchecked(8)?,
            recorded_at: row.try_get_unchecked(9)?,
            prev_hash: row.try_get_unchecked(10)?,
            hash: row.try_get_unchecked(11)?,
        })
    };
    read().map_err(fault)
}

/// As the database counts: signed. Nothing lies beyond what it can count to.
pub(crate) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) async fn read(
    conn: &mut SqliteConnection,
    after_seq: u64,
    limit: usize,
) -> Result<Vec<Recorded>, JournalError> {
    let mut rows = sqlx::query(columns!("WHERE seq > ? ORDER BY seq LIMIT ?"))
        .bind(signed(after_seq))
        .bind(signed(limit as u64))
        .fetch(conn);
    let mut events = Vec::with_capacity(limit.min(1024));
    while let Some(found) = rows.try_next().await.map_err(fault)? {
        events.push(row(&found)?.into_recorded()?);
    }
    Ok(events)
}

pub(crate) async fn read_stream(
    conn: &mut SqliteConnection,
    stream: &str,
    after_version: u64,
    limit: usize,
) -> Result<Vec<Recorded>, JournalError> {
    let sql = columns!("WHERE stream = ? AND version > ? ORDER BY version LIMIT ?");
    let mut rows = sqlx::query(sql)
        .bind(stream)
        .bind(signed(after_version))
        .bind(signed(limit as u64))
        .fetch(conn);
    let mut events = Vec::new();
    while let Some(found) = rows.try_next().await.map_err(fault)? {
        events.push(row(&found)?.into_recorded()?);
    }
    Ok(events)
}

/// Those of `ids` that are recorded already: one question, however many there are.
pub(crate) async fn by_ids(
    conn: &mut SqliteConnection,
    ids: &[EventId],
) -> Result<HashMap<EventId, Recorded>, JournalError> {
    let digits: Vec<String> = ids
        .iter()
        .map(|id| id.uuid().simple().to_string())
        .collect();
    // Hexadecimal digits need no escaping.
    let list = format!("[\"{}\"]", digits.join("\",\""));
    let sql = columns!("WHERE event_id IN (SELECT unhex(value) FROM json_each(?))");
    let found = sqlx::query(sql)
        .bind(list)
        .fetch_all(conn)
        .await
        .map_err(fault)?;
    found
        .iter()
        .map(|found| {
            row(found)?
                .into_recorded()
                .map(|event| (event.event_id, event))
        })
        .collect()
}

pub(crate) async fn head(conn: &mut SqliteConnection) -> Result<Head, JournalError> {
    let found = sqlx::query("SELECT seq, hash FROM head")
        .fetch_optional(conn)
        .await;
    read_head(found.map_err(fault)?.as_ref())
}

/// The head, and the hash of event `seq` if there is one, as of one moment.
pub(crate) async fn head_and_hash_of(
    conn: &mut SqliteConnection,
    seq: u64,
) -> Result<(Head, Option<Digest>), JournalError> {
    let sql = "SELECT seq, hash, (SELECT e.hash FROM events e WHERE e.seq = ?) FROM head";
    let found = sqlx::query(sql)
        .bind(signed(seq))
        .fetch_optional(conn)
        .await
        .map_err(fault)?;
    let head = read_head(found.as_ref())?;
    let hash: Option<Vec<u8>> = match &found {
        Some(found) => found.try_get_unchecked(2).map_err(fault)?,
        None => None,
    };
    // A hash that cannot be one is an event that is not the noted one.
    let hash = hash.map(|hash| digest(&hash).unwrap_or(Digest::of(b"")));
    Ok((head, hash))
}

/// The head, and the version of `stream`, in one question: an append asks nothing twice.
pub(crate) async fn head_and_version(
    conn: &mut SqliteConnection,
    stream: &str,
) -> Result<(Head, u64), JournalError> {
    let sql = "SELECT seq, hash, (SELECT version FROM events WHERE stream = ? \
               ORDER BY version DESC LIMIT 1) FROM head";
    let found = sqlx::query(sql)
        .bind(stream)
        .fetch_optional(conn)
        .await
        .map_err(fault)?;
    let head = read_head(found.as_ref())?;
    let version: Option<i64> = match &found {
        Some(found) => found.try_get_unchecked(2).map_err(fault)?,
        None => None,
    };
    let version = u64::try_from(version.unwrap_or(0))
        .map_err(|_| JournalError::corrupt("a stream's version cannot be read"))?;
    Ok((head, version))
}

fn read_head(found: Option<&SqliteRow>) -> Result<Head, JournalError> {
    let damaged = || JournalError::corrupt("the record of its end cannot be read");
    let found = found.ok_or_else(damaged)?;
    let seq: i64 = found.try_get_unchecked(0).map_err(fault)?;
    let hash: Vec<u8> = found.try_get_unchecked(1).map_err(fault)?;
    Ok(Head {
        seq: u64::try_from(seq).map_err(|_| damaged())?,
        hash: digest(&hash).ok_or_else(damaged)?,
    })
}

pub(crate) async fn insert(conn: &mut SqliteConnection, row: &Row) -> Result<(), JournalError> {
    // Names and actors are text in the table; a record from an import is checked before.
    let text = |bytes: &[u8], what: &str| {
        String::from_utf8(bytes.to_vec())
            .map_err(|_| JournalError::refused(format!("its {what} is not text")))
    };
    sqlx::query(
        "INSERT INTO events (seq, event_id, stream, version, kind, payload, payload_hash, actor, \
         occurred_at, recorded_at, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.seq)
    .bind(row.event_id.as_slice())
    .bind(text(&row.stream, "stream")?)
    .bind(row.version)
    .bind(text(&row.kind, "kind")?)
    .bind(row.payload.as_deref())
    .bind(row.payload_hash.as_slice())
    .bind(text(&row.actor, "actor")?)
    .bind(row.occurred_at)
    .bind(row.recorded_at)
    .bind(row.prev_hash.as_slice())
    .bind(row.hash.as_slice())
    .execute(conn)
    .await
    .map_err(fault)?;
    Ok(())
}

pub(crate) async fn lease(
    conn: &mut SqliteConnection,
    name: &str,
) -> Result<Option<LeaseRow>, JournalError> {
    let found = sqlx::query("SELECT holder, epoch, beat, ttl_ms FROM leases WHERE name = ?")
        .bind(name)
        .fetch_optional(conn)
        .await
        .map_err(fault)?;
    let Some(found) = found else { return Ok(None) };
    let count = |column: usize| -> Result<u64, JournalError> {
        let n: i64 = found.try_get_unchecked(column).map_err(fault)?;
        u64::try_from(n).map_err(|_| JournalError::corrupt("a lease cannot be read"))
    };
    Ok(Some(LeaseRow {
        name: name.to_owned(),
        holder: found.try_get_unchecked(0).map_err(fault)?,
        epoch: Epoch(count(1)?),
        beat: count(2)?,
        ttl: Duration::from_millis(count(3)?),
    }))
}

pub(crate) async fn set_lease(
    conn: &mut SqliteConnection,
    row: &LeaseRow,
) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO leases (name, holder, epoch, beat, ttl_ms) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, \
         beat = excluded.beat, ttl_ms = excluded.ttl_ms",
    )
    .bind(row.name.as_str())
    .bind(row.holder.as_deref())
    .bind(signed(row.epoch.0))
    .bind(signed(row.beat))
    .bind(i64::try_from(row.ttl.as_millis()).unwrap_or(i64::MAX))
    .execute(conn)
    .await
    .map_err(fault)?;
    Ok(())
}
