//! Reading thinly: the newest point of each series in every stretch of a given length. What a
//! small picture of an hour needs, at a sixtieth of the points.

use std::time::Duration;

use deckwatch_domain::Timestamp;

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
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let place = |at: &Timestamp| at.as_millis().div_euclid(step);
        let mut found = self.range(selector, from, to).await?;
        for series in &mut found {
            // From the end back, so that the first of a stretch is its newest.
            series.points.reverse();
            series.points.dedup_by_key(|(at, _)| place(at));
            series.points.reverse();
        }
        Ok(found)
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
