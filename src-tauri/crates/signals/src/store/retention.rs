//! Forgetting: by age and by size, in small steps, so that no scrape waits long for it.

use deckwatch_domain::{Span, Timestamp};
use sqlx::Connection;

use super::{SampleStore, StoreError};

/// Rows deleted under one write lock: a few milliseconds.
const STEP: i64 = 10_000;

/// What is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    pub age: Span,
    /// Bytes in use; beyond it the oldest samples go, whatever their age.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            age: Span::from_secs(14 * 86_400),
            bytes: 512 << 20,
        }
    }
}

/// What a clearing-out did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    pub removed_samples: u64,
    pub removed_series: u64,
    /// Bytes in use afterwards. Freed pages are used again; the file itself does not shrink.
    pub bytes: u64,
}

impl SampleStore {
    /// Removes every sample before `before`, and every series that is left without one.
    pub async fn prune(&self, before: Timestamp) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        for id in self.series_ids().await? {
            loop {
                let removed = self.prune_step(id, before).await?;
                kept.removed_samples += removed;
                if removed < STEP.unsigned_abs() {
                    break;
                }
            }
        }
        if kept.removed_samples > 0 {
            kept.removed_series = self.drop_empty_series().await?;
        }
        kept.bytes = self.used_bytes().await?;
        Ok(kept)
    }

    /// Applies a retention: first by age, then, while too much is in use, the oldest tenth of the
    /// time that is left.
    pub async fn keep(&self, now: Timestamp, retention: &Retention) -> Result<Kept, StoreError> {
        let mut kept = self.prune(now.minus(retention.age.duration())).await?;
        // 0.9^100 of any history is nothing: the loop ends although sizes are only estimates.
        for _ in 0..100 {
            if kept.bytes <= retention.bytes {
                break;
            }
            let Some(oldest) = self.oldest().await? else {
                break;
            };
            let step = (now.since(oldest) / 10).max(std::time::Duration::from_secs(1));
            let more = self.prune(oldest.plus(step)).await?;
            kept.removed_samples += more.removed_samples;
            kept.removed_series += more.removed_series;
            kept.bytes = more.bytes;
        }
        Ok(kept)
    }

    async fn series_ids(&self) -> Result<Vec<i64>, StoreError> {
        let mut reader = self.reader.lock().await;
        sqlx::query_scalar("SELECT id FROM series")
            .fetch_all(&mut *reader)
            .await
            .map_err(|error| self.error(error))
    }

    async fn prune_step(&self, id: i64, before: Timestamp) -> Result<u64, StoreError> {
        let mut writer = self.writer()?.lock().await;
        let done = sqlx::query(
            "DELETE FROM samples WHERE series_id = ?1 AND at_ms < ?2 AND at_ms <=
                (SELECT max(at_ms) FROM
                    (SELECT at_ms FROM samples WHERE series_id = ?1 ORDER BY at_ms LIMIT ?3))",
        )
        .bind(id)
        .bind(before.as_millis())
        .bind(STEP)
        .execute(&mut writer.connection)
        .await
        .map_err(|error| self.error(error))?;
        Ok(done.rows_affected())
    }

    /// Raises the generation in the same transaction, so that every process forgets its ids.
    async fn drop_empty_series(&self) -> Result<u64, StoreError> {
        let mut writer = self.writer()?.lock().await;
        let wrong = |error| self.error(error);
        let mut tx = writer
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(wrong)?;
        let removed = sqlx::query(
            "DELETE FROM series WHERE NOT EXISTS
                (SELECT 1 FROM samples WHERE series_id = series.id)",
        )
        .execute(&mut *tx)
        .await
        .map_err(wrong)?
        .rows_affected();
        if removed > 0 {
            sqlx::query("UPDATE generation SET number = number + 1")
                .execute(&mut *tx)
                .await
                .map_err(wrong)?;
        }
        tx.commit().await.map_err(wrong)?;
        Ok(removed)
    }

    async fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut reader = self.reader.lock().await;
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT min((SELECT min(at_ms) FROM samples WHERE series_id = series.id)) FROM series",
        )
        .fetch_one(&mut *reader)
        .await
        .map_err(|error| self.error(error))?;
        Ok(oldest.map(Timestamp::from_millis))
    }

    /// Bytes of pages that hold something.
    pub async fn used_bytes(&self) -> Result<u64, StoreError> {
        let mut reader = self.reader.lock().await;
        let bytes: i64 = sqlx::query_scalar(
            "SELECT (p.page_count - f.freelist_count) * s.page_size
             FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
        )
        .fetch_one(&mut *reader)
        .await
        .map_err(|error| self.error(error))?;
        Ok(bytes.unsigned_abs())
    }
}
