//! Reading thinly: the newest point of each series in every stretch of a given length. What a
//! small picture of an hour needs, at a sixtieth of the points.

use std::time::Duration;

use deckwatch_domain::Timestamp;
use futures_util::TryStreamExt;
use sqlx::Row;

use super::{SampleStore, Selector, Series, StoreError};

impl SampleStore {
    /// As [`SampleStore::range`], but of the points that lie in one stretch of `step` (counted
    /// from the epoch) only the newest.
    pub async fn thin_range(
        &self,
        selector: &Selector,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Series>, StoreError> {
        let mut reader = self.reader.lock().await;
        let mut found = self.matching(&mut reader, selector).await?;
        let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
        let wrong = |error| self.error(error);
        // SQLite takes the bare column from the row that has the maximum.
        let mut rows = sqlx::query(
            "SELECT series_id, max(at_ms), value FROM samples
             WHERE series_id IN (SELECT value FROM json_each(?)) AND at_ms BETWEEN ? AND ?
             GROUP BY series_id, at_ms / ? ORDER BY series_id, at_ms",
        )
        .bind(serde_json::to_string(&ids).unwrap_or_default())
        .bind(from.as_millis())
        .bind(to.as_millis())
        .bind(i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1))
        .fetch(&mut *reader);
        let mut place = 0;
        while let Some(row) = rows.try_next().await.map_err(wrong)? {
            let id: i64 = row.try_get(0).map_err(wrong)?;
            while found.get(place).is_some_and(|(have, _)| *have < id) {
                place += 1;
            }
            let Some((_, series)) = found.get_mut(place).filter(|(have, _)| *have == id) else {
                continue;
            };
            let at = Timestamp::from_millis(row.try_get(1).map_err(wrong)?);
            let value: Option<f64> = row.try_get(2).map_err(wrong)?;
            series.points.push((at, value.unwrap_or(f64::NAN)));
        }
        drop(rows);
        Ok(found
            .into_iter()
            .map(|(_, series)| series)
            .filter(|series| !series.points.is_empty())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    #[tokio::test]
    async fn the_newest_point_of_each_stretch() {
        let folder = tempfile::tempdir().unwrap();
        let store = SampleStore::open(&folder.path().join("s.db"))
            .await
            .unwrap();
        for second in 0..10 {
            let at = Timestamp::from_millis(second * 1000);
            let value = second as f64;
            let samples = [
                Sample::new("n", &[("k", "a")], value),
                Sample::new("n", &[("k", "b")], -value),
                Sample::new("m", &[("k", "a")], 99.0),
            ];
            store.append(at, &samples).await.unwrap();
        }
        let all = Selector::new("n", &[]);
        let t = |s: i64| Timestamp::from_millis(s * 1000);
        let thin = store
            .thin_range(&all, t(1), t(9), Duration::from_secs(4))
            .await
            .unwrap();
        let points: Vec<_> = thin
            .iter()
            .map(|s| (s.label("k").to_owned(), s.points.clone()))
            .collect();
        assert_eq!(
            points,
            [
                ("a".into(), vec![(t(3), 3.0), (t(7), 7.0), (t(9), 9.0)]),
                ("b".into(), vec![(t(3), -3.0), (t(7), -7.0), (t(9), -9.0)]),
            ]
        );
        let none = Selector::new("n", &[("k", "c")]);
        let thin = store.thin_range(&none, t(0), t(9), Duration::ZERO).await;
        assert_eq!(thin.unwrap(), []);
    }
}
