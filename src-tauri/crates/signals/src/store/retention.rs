//! Forgetting: by age and by size, in small steps, so that no scrape waits long for it.

use deckwatch_domain::{Span, Timestamp};
use futures_util::TryStreamExt;

use super::chunks::{self, RAW, put_tails};
use super::fold::read_tails;
use super::{SampleStore, StoreError, log};

/// Chunks deleted under one write lock: some milliseconds.
const STEP: i64 = 2_000;

/// What is kept, and how closely: every sample for some time, then windows of five minutes
/// ([`super::Resolution`]), then windows of an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Every sample.
    pub age: Span,
    /// Windows of five minutes.
    pub fine: Span,
    /// Windows of an hour.
    pub coarse: Span,
    /// Bytes in use; beyond it the oldest samples go, whatever their age.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |n: u64| Span::from_secs(n * 86_400);
        Retention {
            age: days(14),
            fine: days(90),
            coarse: days(730),
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
    /// Removes everything before `before`, and every series that is left without a sample.
    pub async fn prune(&self, before: Timestamp) -> Result<Kept, StoreError> {
        let ids = self.ids(&[]).await?;
        let until = before.as_millis().saturating_sub(1);
        self.remove(&ids, i64::MIN, until).await
    }

    /// Rolls up what is due and applies a retention: first by age, then, while too much is in
    /// use, the oldest tenth of the time that is left.
    pub async fn keep(&self, now: Timestamp, retention: &Retention) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        match self.roll(now).await {
            // Forgetting is what makes room.
            Err(StoreError::Full { .. }) if self.used_bytes().await? > retention.bytes => {
                kept.removed_samples += self.shed().await?;
            }
            Err(StoreError::Full { .. }) => {}
            other => other?,
        }
        let before = |span: Span| now.minus(span.duration()).as_millis();
        let ages = [
            (RAW, before(retention.age), "raw_from_ms"),
            (1, before(retention.fine), "fine_from_ms"),
            (2, before(retention.coarse), ""),
        ];
        for (level, before, column) in ages {
            let removed = self.expire(level, before, column).await?;
            kept.removed_samples += if level == RAW { removed } else { 0 };
        }
        if kept.removed_samples > 0 {
            kept.removed_series = self.drop_empty_series().await?;
        }
        kept.bytes = self.used_bytes().await?;
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

    /// Removes the oldest writes of a log that there is no room to fold, a quarter at a time, until
    /// there is; says how many samples that were.
    async fn shed(&self) -> Result<u64, StoreError> {
        let wrong = |error| self.error(error);
        let mut removed = 0;
        loop {
            match self.fold().await {
                Err(StoreError::Full { .. }) => {}
                other => return other.map(|()| removed),
            }
            let mut writer = self.writer()?.lock().await;
            let mut tx = self.begin(&mut writer.connection).await?;
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
                "SELECT seq, payload FROM log ORDER BY seq
                 LIMIT (SELECT count(*) / 4 + 1 FROM log)",
            )
            .fetch_all(&mut *tx)
            .await
            .map_err(wrong)?;
            let Some((last, _)) = rows.last() else {
                return Ok(removed);
            };
            let mut samples = 0_i64;
            for (_, payload) in &rows {
                // Of a damaged row nobody knows how many it held.
                let _ = log::read(payload, |_| samples += 1);
            }
            sqlx::query("DELETE FROM log WHERE seq <= ?")
                .bind(last)
                .execute(&mut *tx)
                .await
                .map_err(wrong)?;
            sqlx::query(
                "UPDATE state SET folds = folds + 1, log_rows = max(0, log_rows - ?),
                    log_samples = max(0, log_samples - ?)",
            )
            .bind(rows.len() as i64)
            .bind(samples)
            .execute(&mut *tx)
            .await
            .map_err(wrong)?;
            tx.commit().await.map_err(wrong)?;
            removed += samples.unsigned_abs();
        }
    }

    /// Removes the chunks of a level that end before a moment, and the tails of series that ended
    /// before it; says how many samples that were. A chunk goes when all of it is due.
    async fn expire(&self, level: i64, before: i64, column: &str) -> Result<u64, StoreError> {
        let wrong = |error| self.error(error);
        let due: Vec<i64> = {
            let mut reader = self.reader.lock().await;
            sqlx::query_scalar(
                "SELECT DISTINCT series_id FROM tails WHERE EXISTS (SELECT 1 FROM chunks
                    INDEXED BY chunks_in_time WHERE chunks.series_id = tails.series_id
                    AND level = ?1 AND to_ms < ?2)
                 OR (?1 = 0 AND newest_ms < ?2 AND newest_ms > sealed_ms)",
            )
            .bind(level)
            .bind(before)
            .fetch_all(&mut reader.connection)
            .await
            .map_err(wrong)?
        };
        if due.is_empty() {
            return Ok(0);
        }
        let mut removed = 0;
        for id in due {
            removed += self.expire_series(id, level, before).await?;
        }
        let mark = match column {
            "raw_from_ms" => "UPDATE state SET raw_from_ms = max(raw_from_ms, ?)",
            "fine_from_ms" => "UPDATE state SET fine_from_ms = max(fine_from_ms, ?)",
            _ => return Ok(removed),
        };
        let mut writer = self.writer()?.lock().await;
        sqlx::query(mark)
            .bind(before)
            .execute(&mut writer.connection)
            .await
            .map_err(wrong)?;
        Ok(removed)
    }

    async fn expire_series(&self, id: i64, level: i64, before: i64) -> Result<u64, StoreError> {
        let wrong = |error| self.error(error);
        let mut removed = 0;
        loop {
            let mut writer = self.writer()?.lock().await;
            let gone: Vec<i64> = sqlx::query_scalar(
                "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks INDEXED BY chunks_in_time
                    WHERE series_id = ? AND level = ? AND to_ms < ? LIMIT ?) RETURNING samples",
            )
            .bind(id)
            .bind(level)
            .bind(before)
            .bind(STEP)
            .fetch_all(&mut writer.connection)
            .await
            .map_err(wrong)?;
            removed += gone.iter().sum::<i64>().unsigned_abs();
            if (gone.len() as i64) < STEP {
                break;
            }
        }
        if level == RAW {
            removed += self.expire_tail(id, before).await?;
        }
        Ok(removed)
    }

    /// Empties the tail of a series that has ended.
    async fn expire_tail(&self, id: i64, before: i64) -> Result<u64, StoreError> {
        let wrong = |error| self.error(error);
        let mut writer = self.writer()?.lock().await;
        let mut tx = self.begin(&mut writer.connection).await?;
        let mut tails = read_tails(&mut tx, &[id]).await.map_err(wrong)?;
        let Some(mut tail) = tails.remove(&id).filter(|tail| tail.newest < before) else {
            return Ok(0);
        };
        let removed = tail.points.len() as u64;
        tail.points.clear();
        tail.sealed = tail.newest;
        put_tails(&mut tx, &[tail]).await.map_err(wrong)?;
        tx.commit().await.map_err(wrong)?;
        Ok(removed)
    }

    /// The first moment of anything that is folded.
    async fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let wrong = |error| self.error(error);
        let mut reader = self.reader.lock().await;
        let mut oldest: Option<i64> = sqlx::query_scalar("SELECT min(from_ms) FROM chunks")
            .fetch_one(&mut reader.connection)
            .await
            .map_err(wrong)?;
        let mut tails = sqlx::query_as::<_, (i64, Vec<u8>)>("SELECT series_id, body FROM tails")
            .fetch(&mut reader.connection);
        while let Some((id, body)) = tails.try_next().await.map_err(wrong)? {
            let points = chunks::points(id, &body).unwrap_or_default();
            if let Some((at, _)) = points.first() {
                oldest = Some(oldest.map_or(*at, |oldest| oldest.min(*at)));
            }
        }
        Ok(oldest.map(Timestamp::from_millis))
    }

    /// Bytes of pages that hold something.
    pub async fn used_bytes(&self) -> Result<u64, StoreError> {
        let mut reader = self.reader.lock().await;
        let bytes: i64 = sqlx::query_scalar(
            "SELECT (p.page_count - f.freelist_count) * s.page_size
             FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
        )
        .fetch_one(&mut reader.connection)
        .await
        .map_err(|error| self.error(error))?;
        Ok(bytes.unsigned_abs())
    }
}
