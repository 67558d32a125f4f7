//! Making rollups: a day of a series at a time, once nothing can come late for it any more.

use std::sync::atomic::Ordering;

use deckwatch_domain::Timestamp;
use deckwatch_promql::Matcher;
use sqlx::{Row, SqliteConnection};

use super::chunks::{self, RAW, put_chunks};
use super::fold::{read_tails, take_chunks};
use super::rollup::{self, LEVELS, Resolution, Window};
use super::{SampleStore, StoreError};
use crate::chunk::Point;
use crate::sample::Labels;

const DAY: i64 = 86_400_000;
/// How far back the last point before a day is looked for: a fall across midnight is one.
const BEFORE: i64 = 6 * 3_600_000;
/// Series that are rolled up under one write lock.
const STEP: usize = 64;

/// The beginning of the day that a moment is in.
pub(super) fn day(at: i64) -> i64 {
    at.div_euclid(DAY).saturating_mul(DAY)
}

/// The windows of one series.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesWindows {
    pub name: String,
    pub labels: Labels,
    /// In order of time.
    pub windows: Vec<Window>,
}

impl SampleStore {
    /// Rolls up the days that are over. Cheap when no new day is.
    pub(super) async fn roll(&self, now: Timestamp) -> Result<(), StoreError> {
        let late = i64::try_from(self.options.late.as_millis()).unwrap_or(DAY);
        let today = day(now.as_millis().saturating_sub(late));
        if self.rolled_day.load(Ordering::Relaxed) >= today {
            return Ok(());
        }
        self.fold().await?;
        let wrong = |error| self.error(error);
        let ids: Vec<i64> = {
            let mut reader = self.reader.lock().await;
            sqlx::query_scalar(
                "SELECT series_id FROM tails WHERE rolled_ms < ? AND newest_ms >= rolled_ms
                 ORDER BY series_id",
            )
            .bind(today)
            .fetch_all(&mut reader.connection)
            .await
            .map_err(wrong)?
        };
        for some in ids.chunks(STEP) {
            let mut writer = self.writer()?.lock().await;
            let mut tx = self.begin(&mut writer.connection).await?;
            for id in some {
                self.roll_series(&mut tx, *id, today).await?;
            }
            tx.commit().await.map_err(wrong)?;
        }
        self.rolled_day.store(today, Ordering::Relaxed);
        Ok(())
    }

    async fn roll_series(
        &self,
        tx: &mut SqliteConnection,
        id: i64,
        until: i64,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let tails = read_tails(tx, &[id]).await.map_err(wrong)?;
        let Some(tail) = tails.get(&id) else {
            return Ok(());
        };
        let first: Option<i64> =
            sqlx::query_scalar("SELECT min(from_ms) FROM chunks WHERE series_id = ? AND level = 0")
                .bind(id)
                .fetch_one(&mut *tx)
                .await
                .map_err(wrong)?;
        let first = first.or(tail.points.first().map(|(at, _)| *at));
        let mut begin = tail.rolled.max(first.map_or(until, day));
        while begin < until {
            let points = self.day_points(tx, id, begin, &tail.points).await?;
            let split = points.partition_point(|(at, _)| *at < begin);
            let (before, points) = points.split_at(split);
            let mut made = Vec::new();
            for level in LEVELS {
                let width = match level {
                    1 => Resolution::FiveMinutes.width(),
                    _ => Resolution::Hour.width(),
                };
                let rolled = rollup::roll(points, before.last().copied(), width);
                made.extend(rolled.chunk(id, level));
            }
            put_chunks(tx, &made).await.map_err(wrong)?;
            begin += DAY;
        }
        sqlx::query("UPDATE tails SET rolled_ms = ? WHERE series_id = ?")
            .bind(until)
            .bind(id)
            .execute(tx)
            .await
            .map_err(wrong)?;
        Ok(())
    }

    /// The points of a day, and those shortly before it.
    async fn day_points(
        &self,
        tx: &mut SqliteConnection,
        id: i64,
        begin: i64,
        tail: &[Point],
    ) -> Result<Vec<Point>, StoreError> {
        let (from, end) = (begin - BEFORE, begin + DAY - 1);
        let found = take_chunks(tx, id, RAW, from, end).await;
        let mut points = Vec::new();
        for chunk in found.map_err(|error| self.error(error))? {
            match chunks::points(id, &chunk.body) {
                Some(some) => points.extend(some),
                None => self.note_damage(tx, id, chunk.from, chunk.to).await?,
            }
        }
        points.extend(tail);
        points.retain(|(at, _)| (from..=end).contains(at));
        chunks::settle(&mut points);
        Ok(points)
    }

    /// The rolled-up windows of the matching series that begin from `from` to `to`. Days that are
    /// not over have none yet.
    pub async fn windows(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        resolution: Resolution,
    ) -> Result<Vec<SeriesWindows>, StoreError> {
        let wrong = |error| self.error(error);
        let named = |id: i64, name: String, labels: Labels| (id, name, labels);
        let series = self.identities(matchers, named).await?;
        let (from, to) = (from.as_millis(), to.as_millis());
        let mut reader = self.bulk().await?.lock().await;
        let mut found = Vec::new();
        for (id, name, labels) in series {
            let rows = sqlx::query(
                "SELECT from_ms, to_ms, body FROM chunks INDEXED BY chunks_in_time
                 WHERE series_id = ? AND level = ? AND to_ms >= ? AND from_ms <= ? ORDER BY to_ms",
            )
            .bind(id)
            .bind(resolution.level())
            .bind(from)
            .bind(to)
            .fetch_all(&mut reader.connection)
            .await
            .map_err(wrong)?;
            let mut windows = Vec::new();
            for row in rows {
                let body: &[u8] = row.try_get(2).map_err(wrong)?;
                match rollup::read(id, body) {
                    Some(rolled) => windows.extend(rolled.windows),
                    None => self.damaged(
                        id,
                        row.try_get(0).map_err(wrong)?,
                        row.try_get(1).map_err(wrong)?,
                    ),
                }
            }
            windows.retain(|w| (from..=to).contains(&w.start));
            found.push(SeriesWindows {
                name,
                labels,
                windows,
            });
        }
        found.retain(|series| !series.windows.is_empty());
        Ok(found)
    }
}
