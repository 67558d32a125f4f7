//! Folding: the log's rows become chunks of one series each, in one transaction.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection};

use super::chunks::{self, Chunk, RAW, Tail, put_chunks, put_tails, settle};
use super::notes::{NoteKind, note};
use super::rolling::day;
use super::{SampleStore, StoreError, Writer, log};
use crate::chunk::Point;

/// Rows of the log: at a scrape a second, ten minutes.
const ROWS: i64 = 600;
/// Samples of the log: some ten megabytes in the file and in each reader's memory.
const SAMPLES: i64 = 1 << 20;
/// Points a series that a fold should bring, so that growing tails are not rewritten for one or
/// two; past four times [`SAMPLES`] they are all the same.
const EACH: i64 = 32;

pub(super) fn is_due(rows: i64, samples: i64, series: usize) -> bool {
    let enough = EACH
        .saturating_mul(series as i64)
        .clamp(SAMPLES, 4 * SAMPLES);
    rows >= ROWS || samples >= enough
}

impl SampleStore {
    /// Folds what the log holds now. Happens by itself; to be asked for when the file should be as
    /// small as it gets.
    pub async fn fold(&self) -> Result<(), StoreError> {
        let mut writer = self.writer()?.lock().await;
        self.fold_now(&mut writer).await
    }

    pub(super) async fn fold_now(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let mut tx = self.begin(&mut writer.connection).await?;
        self.fold_within(&mut tx).await?;
        tx.commit().await.map_err(wrong)
    }

    /// Empties the log into tails and chunks.
    pub(super) async fn fold_within(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let mut log = read_log(tx).await.map_err(wrong)?;
        if log.is_empty() {
            return Ok(());
        }
        // First, so that their room can be used again.
        sqlx::query("DELETE FROM log")
            .execute(&mut *tx)
            .await
            .map_err(wrong)?;
        let ids: Vec<i64> = log.keys().copied().collect();
        let mut tails = read_tails(tx, &ids).await.map_err(wrong)?;
        let (mut full, mut grown) = (Vec::new(), Vec::new());
        let mut folded_to = i64::MIN;
        for (id, points) in &mut log {
            settle(points);
            let mut tail = tails.remove(id).unwrap_or_else(|| Tail::empty(*id));
            self.merge(tx, &mut tail, std::mem::take(points)).await?;
            full.append(&mut tail.seal());
            folded_to = folded_to.max(tail.newest);
            grown.push(tail);
        }
        put_chunks(tx, &full).await.map_err(wrong)?;
        put_tails(tx, &grown).await.map_err(wrong)?;
        sqlx::query(
            "UPDATE state SET folds = folds + 1, log_rows = 0, log_samples = 0,
                folded_to_ms = max(folded_to_ms, ?)",
        )
        .bind(folded_to)
        .execute(tx)
        .await
        .map_err(wrong)?;
        Ok(())
    }

    /// Puts points where they belong in time: into the tail, or into full chunks they came late for.
    async fn merge(
        &self,
        tx: &mut SqliteConnection,
        tail: &mut Tail,
        mut points: Vec<Point>,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let behind = points.partition_point(|(at, _)| *at <= tail.sealed);
        let on_time = points.split_off(behind);
        if let Some((first, _)) = points.first().or(on_time.first())
            && *first < tail.rolled
        {
            // What was rolled up without them is rolled up again.
            tail.rolled = roll_again(tx, tail.series, day(*first))
                .await
                .map_err(wrong)?;
        }
        if !points.is_empty() {
            self.insert_late(tx, tail, points).await?;
        }
        tail.points.extend(on_time);
        settle(&mut tail.points);
        Ok(())
    }

    /// Makes the chunks anew that such points fall into.
    async fn insert_late(
        &self,
        tx: &mut SqliteConnection,
        tail: &Tail,
        late: Vec<Point>,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let (Some(first), Some(last)) = (late.first(), late.last()) else {
            return Ok(());
        };
        let id = tail.series;
        let found = take_chunks(tx, id, RAW, first.0, last.0)
            .await
            .map_err(wrong)?;
        let (mut points, mut gone) = (Vec::new(), Vec::new());
        for chunk in found {
            match chunks::points(id, &chunk.body) {
                Some(some) => {
                    points.extend(some);
                    gone.push(chunk.id);
                }
                // Left as it is: it is reported, and nobody makes it worse.
                None => self.note_damage(tx, id, chunk.from, chunk.to).await?,
            }
        }
        points.extend(late);
        settle(&mut points);
        drop_chunks(tx, &gone).await.map_err(wrong)?;
        let parts = points.chunks(chunks::TARGET);
        let made: Vec<Chunk> = parts.filter_map(|part| Chunk::raw(id, part)).collect();
        put_chunks(tx, &made).await.map_err(wrong)
    }

    pub(super) async fn note_damage(
        &self,
        tx: &mut SqliteConnection,
        series: i64,
        from: i64,
        to: i64,
    ) -> Result<(), StoreError> {
        self.damaged(series, from, to);
        let text = format!("a chunk of series {series} is damaged: what it held is lost");
        let about = series.to_string();
        note(tx, to, NoteKind::Damaged, &about, &text)
            .await
            .map_err(|error| self.error(error))
    }
}

/// A row of `chunks`.
pub(super) struct Stored {
    pub id: i64,
    pub from: i64,
    pub to: i64,
    pub samples: i64,
    pub body: Vec<u8>,
}

/// The chunks of a series that overlap a stretch of time.
pub(super) async fn take_chunks(
    tx: &mut SqliteConnection,
    series: i64,
    level: i64,
    from: i64,
    to: i64,
) -> Result<Vec<Stored>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, from_ms, to_ms, samples, body FROM chunks INDEXED BY chunks_in_time
         WHERE series_id = ? AND level = ? AND to_ms >= ? AND from_ms <= ? ORDER BY to_ms",
    )
    .bind(series)
    .bind(level)
    .bind(from)
    .bind(to)
    .fetch_all(tx)
    .await?;
    let one = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Stored {
            id: row.try_get(0)?,
            from: row.try_get(1)?,
            to: row.try_get(2)?,
            samples: row.try_get(3)?,
            body: row.try_get(4)?,
        })
    };
    rows.iter().map(one).collect()
}

pub(super) async fn drop_chunks(tx: &mut SqliteConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    for id in ids {
        sqlx::query("DELETE FROM chunks WHERE id = ?")
            .bind(id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Forgets the rollups from a day on, unless what they were made of is gone; says from where on
/// they are missing.
async fn roll_again(tx: &mut SqliteConnection, series: i64, from: i64) -> Result<i64, sqlx::Error> {
    let raw_from: i64 = sqlx::query_scalar("SELECT raw_from_ms FROM state")
        .fetch_one(&mut *tx)
        .await?;
    let from = from.max(raw_from);
    sqlx::query("DELETE FROM chunks WHERE series_id = ? AND level > 0 AND from_ms >= ?")
        .bind(series)
        .bind(from)
        .execute(tx)
        .await?;
    Ok(from)
}

/// All that the log holds, by series, in the order it was written. Damaged rows are noted.
async fn read_log(tx: &mut SqliteConnection) -> Result<BTreeMap<i64, Vec<Point>>, sqlx::Error> {
    let mut found: BTreeMap<i64, Vec<Point>> = BTreeMap::new();
    let mut damaged = Vec::new();
    let mut rows = sqlx::query("SELECT payload, seq FROM log ORDER BY seq").fetch(&mut *tx);
    while let Some(row) = rows.try_next().await? {
        let read = log::read(row.try_get(0)?, |(series, point)| {
            found.entry(series).or_default().push(point);
        });
        if read.is_none() {
            damaged.push(row.try_get::<i64, _>(1)?);
        }
    }
    drop(rows);
    for seq in damaged {
        let text = format!("write {seq} of the log is damaged: what it held is lost");
        let at = found.values().flatten().map(|(at, _)| *at).max();
        note(tx, at.unwrap_or(0), NoteKind::Damaged, "log", &text).await?;
    }
    Ok(found)
}

/// The tails of these series. One that is damaged is as good as empty, and is noted.
pub(super) async fn read_tails(
    tx: &mut SqliteConnection,
    ids: &[i64],
) -> Result<BTreeMap<i64, Tail>, sqlx::Error> {
    let mut found = BTreeMap::new();
    let mut damaged = Vec::new();
    let mut rows = sqlx::query(
        "SELECT t.series_id, t.sealed_ms, t.newest_ms, t.rolled_ms, t.body
         FROM json_each(?) AS ids CROSS JOIN tails AS t ON t.series_id = ids.value",
    )
    .bind(serde_json::to_string(ids).unwrap_or_default())
    .fetch(&mut *tx);
    while let Some(row) = rows.try_next().await? {
        let series: i64 = row.try_get(0)?;
        let newest: i64 = row.try_get(2)?;
        let points = chunks::points(series, row.try_get(4)?);
        if points.is_none() {
            damaged.push((series, newest));
        }
        let tail = Tail {
            series,
            sealed: row.try_get(1)?,
            newest,
            rolled: row.try_get(3)?,
            points: points.unwrap_or_default(),
        };
        found.insert(series, tail);
    }
    drop(rows);
    for (series, newest) in damaged {
        let text = format!("the newest chunk of series {series} is damaged: what it held is lost");
        let about = series.to_string();
        note(tx, newest, NoteKind::Damaged, &about, &text).await?;
    }
    Ok(found)
}
