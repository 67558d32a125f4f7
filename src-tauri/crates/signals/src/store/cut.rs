//! Removing points: of some series, from one moment to another, to the millisecond.

use sqlx::SqliteConnection;

use deckwatch_domain::Timestamp;
use deckwatch_promql::Matcher;

use super::chunks::{self, Chunk, RAW, put_chunks, put_tails};
use super::fold::{drop_chunks, read_tails, take_chunks};
use super::rollup::{self, LEVELS};
use super::{Kept, SampleStore, StoreError};

/// Series that are cut under one write lock.
const STEP: usize = 256;

impl SampleStore {
    /// Removes the points of the matching series from `from` to `to`, both included, with what
    /// stands for them in rollups, and every series that is left without one.
    pub async fn delete(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Kept, StoreError> {
        let ids = self.ids(matchers).await?;
        self.remove(&ids, from.as_millis(), to.as_millis()).await
    }

    /// Cuts some series at a time, so that no scrape waits long.
    pub(super) async fn remove(&self, ids: &[i64], from: i64, to: i64) -> Result<Kept, StoreError> {
        let wrong = |error| self.error(error);
        let mut kept = Kept::default();
        match self.fold().await {
            // Removing is what makes room.
            Err(StoreError::Full { .. }) => {}
            other => other?,
        }
        for some in ids.chunks(STEP) {
            let mut writer = self.writer()?.lock().await;
            let mut tx = self.begin(&mut writer.connection).await?;
            kept.removed_samples += self.cut(&mut tx, some, from, to).await?;
            tx.commit().await.map_err(wrong)?;
        }
        if kept.removed_samples > 0 {
            kept.removed_series = self.drop_empty_series().await?;
        }
        kept.bytes = self.used_bytes().await?;
        Ok(kept)
    }

    /// Removes every point of the job at or after `at`.
    pub(super) async fn forget_from(
        &self,
        tx: &mut SqliteConnection,
        job: &str,
        at: i64,
    ) -> Result<u64, StoreError> {
        let wrong = |error| self.error(error);
        self.fold_within(tx).await?;
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT series.id FROM series, json_each(labels) AS pair
             WHERE json_extract(pair.value, '$[0]') = 'job'
               AND json_extract(pair.value, '$[1]') = ? ORDER BY series.id",
        )
        .bind(job)
        .fetch_all(&mut *tx)
        .await
        .map_err(wrong)?;
        let removed = self.cut(tx, &ids, at, i64::MAX).await?;
        if removed > 0 {
            // What every process knows of newest moments is no longer true.
            sqlx::query("UPDATE state SET generation = generation + 1")
                .execute(tx)
                .await
                .map_err(wrong)?;
        }
        Ok(removed)
    }

    /// Says how many points were removed; those that only rollups stood for are not counted.
    async fn cut(
        &self,
        tx: &mut SqliteConnection,
        ids: &[i64],
        from: i64,
        to: i64,
    ) -> Result<u64, StoreError> {
        let wrong = |error| self.error(error);
        let mut removed = 0;
        let mut tails = read_tails(tx, ids).await.map_err(wrong)?;
        for id in ids {
            removed += self.cut_chunks(tx, *id, from, to).await?;
            for level in LEVELS {
                self.cut_rollups(tx, *id, level, from, to).await?;
            }
            let Some(tail) = tails.get_mut(id) else {
                continue;
            };
            let before = tail.points.len();
            tail.points.retain(|(at, _)| !(from..=to).contains(at));
            removed += (before - tail.points.len()) as u64;
            let sealed: Option<i64> = sqlx::query_scalar(
                "SELECT max(to_ms) FROM chunks WHERE series_id = ? AND level = 0",
            )
            .bind(id)
            .fetch_one(&mut *tx)
            .await
            .map_err(wrong)?;
            tail.sealed = sealed.unwrap_or(i64::MIN);
            tail.newest = tail.points.last().map_or(tail.sealed, |(at, _)| *at);
        }
        let tails: Vec<_> = tails.into_values().collect();
        put_tails(tx, &tails).await.map_err(wrong)?;
        sqlx::query("UPDATE state SET folds = folds + 1")
            .execute(tx)
            .await
            .map_err(wrong)?;
        Ok(removed)
    }

    async fn cut_chunks(
        &self,
        tx: &mut SqliteConnection,
        id: i64,
        from: i64,
        to: i64,
    ) -> Result<u64, StoreError> {
        let wrong = |error| self.error(error);
        let (mut gone, mut made, mut removed) = (Vec::new(), Vec::new(), 0);
        for chunk in take_chunks(tx, id, RAW, from, to).await.map_err(wrong)? {
            if from <= chunk.from && chunk.to <= to {
                gone.push(chunk.id);
                removed += chunk.samples.unsigned_abs();
                continue;
            }
            let Some(points) = chunks::points(id, &chunk.body) else {
                self.note_damage(tx, id, chunk.from, chunk.to).await?;
                continue;
            };
            gone.push(chunk.id);
            let before = points.iter().filter(|(at, _)| *at < from);
            let before: Vec<_> = before.copied().collect();
            let after = points.iter().filter(|(at, _)| *at > to);
            let after: Vec<_> = after.copied().collect();
            removed += (points.len() - before.len() - after.len()) as u64;
            made.extend(Chunk::raw(id, &before));
            made.extend(Chunk::raw(id, &after));
        }
        drop_chunks(tx, &gone).await.map_err(wrong)?;
        put_chunks(tx, &made).await.map_err(wrong)?;
        Ok(removed)
    }

    async fn cut_rollups(
        &self,
        tx: &mut SqliteConnection,
        id: i64,
        level: i64,
        from: i64,
        to: i64,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let (mut gone, mut made) = (Vec::new(), Vec::new());
        for chunk in take_chunks(tx, id, level, from, to).await.map_err(wrong)? {
            let left = match rollup::read(id, &chunk.body) {
                Some(rolled) => rolled.without(level, from, to),
                None => {
                    self.note_damage(tx, id, chunk.from, chunk.to).await?;
                    continue;
                }
            };
            gone.push(chunk.id);
            made.extend(left.chunk(id, level));
        }
        drop_chunks(tx, &gone).await.map_err(wrong)?;
        put_chunks(tx, &made).await.map_err(wrong)
    }

    /// Removes the series that are left without a point. While there is no room to fold the log,
    /// nobody knows which these are, and none goes.
    pub(super) async fn drop_empty_series(&self) -> Result<u64, StoreError> {
        match self.drop_empty().await {
            Err(StoreError::Full { .. }) => Ok(0),
            other => other,
        }
    }

    /// Raises the generation in the same transaction, so that every process forgets its ids.
    async fn drop_empty(&self) -> Result<u64, StoreError> {
        let mut writer = self.writer()?.lock().await;
        let wrong = |error| self.error(error);
        let mut tx = self.begin(&mut writer.connection).await?;
        // Another process may have begun a series that so far is in the log alone.
        self.fold_within(&mut tx).await?;
        let tails: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT series_id, body FROM tails WHERE NOT EXISTS
                (SELECT 1 FROM chunks WHERE chunks.series_id = tails.series_id)",
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(wrong)?;
        let empty = tails
            .into_iter()
            .filter(|(id, body)| chunks::points(*id, body).is_some_and(|points| points.is_empty()));
        let ids: Vec<i64> = empty.map(|(id, _)| id).collect();
        sqlx::query("DELETE FROM tails WHERE series_id IN (SELECT value FROM json_each(?))")
            .bind(serde_json::to_string(&ids).unwrap_or_default())
            .execute(&mut *tx)
            .await
            .map_err(wrong)?;
        let removed = sqlx::query(
            "DELETE FROM series WHERE NOT EXISTS
                (SELECT 1 FROM tails WHERE tails.series_id = series.id)",
        )
        .execute(&mut *tx)
        .await
        .map_err(wrong)?
        .rows_affected();
        if removed > 0 {
            sqlx::query("UPDATE state SET generation = generation + 1")
                .execute(&mut *tx)
                .await
                .map_err(wrong)?;
        }
        tx.commit().await.map_err(wrong)?;
        Ok(removed)
    }
}
