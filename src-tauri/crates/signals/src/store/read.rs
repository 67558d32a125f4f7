//! Reading: series by name and labels, over a stretch of time.

use deckwatch_domain::Timestamp;
use futures_util::TryStreamExt;
use sqlx::Row;

use super::{SampleStore, StoreError};
use crate::sample::{Labels, label};

/// What a label must be. One kind for now; PromQL brings the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Matcher {
    /// Equal; the empty value also matches an absent label.
    Is(String, String),
}

impl Matcher {
    pub fn matches(&self, labels: &Labels) -> bool {
        match self {
            Matcher::Is(name, value) => label(labels, name) == value,
        }
    }
}

/// Which series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    pub name: String,
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// The series of this name whose labels have these values.
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        Selector {
            name: name.to_owned(),
            matchers: labels
                .iter()
                .map(|(name, value)| Matcher::Is((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }
}

/// One series' points, in order of time.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    pub name: String,
    pub labels: Labels,
    pub points: Vec<(Timestamp, f64)>,
}

impl Series {
    /// The value of one label; empty when absent.
    pub fn label(&self, name: &str) -> &str {
        label(&self.labels, name)
    }
}

impl SampleStore {
    /// The matching series and their points from `from` to `to`, both included. Series without a
    /// point in that stretch are left out; the rest are sorted by labels.
    pub async fn range(
        &self,
        selector: &Selector,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Series>, StoreError> {
        let mut reader = self.reader.lock().await;
        let mut found = self.matching(&mut reader, selector).await?;
        self.fill(&mut reader, &mut found, from, to).await?;
        let mut series: Vec<Series> = found.into_iter().map(|(_, series)| series).collect();
        series.retain(|series| !series.points.is_empty());
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(series)
    }

    /// The matching series with their ids, in order of id, without points.
    pub(super) async fn matching(
        &self,
        reader: &mut sqlx::SqliteConnection,
        selector: &Selector,
    ) -> Result<Vec<(i64, Series)>, StoreError> {
        let wrong = |error| self.error(error);
        let rows = sqlx::query("SELECT id, labels FROM series WHERE name = ? ORDER BY id")
            .bind(&selector.name)
            .fetch_all(&mut *reader)
            .await
            .map_err(wrong)?;
        let mut found: Vec<(i64, Series)> = Vec::new();
        for row in rows {
            let text: &str = row.try_get(1).map_err(wrong)?;
            let labels: Labels = serde_json::from_str(text).map_err(|_| StoreError::Corrupt {
                path: self.path.clone(),
                why: format!("unreadable labels of a series {}", selector.name),
            })?;
            if selector
                .matchers
                .iter()
                .all(|matcher| matcher.matches(&labels))
            {
                let name = selector.name.clone();
                let points = Vec::new();
                found.push((
                    row.try_get(0).map_err(wrong)?,
                    Series {
                        name,
                        labels,
                        points,
                    },
                ));
            }
        }
        Ok(found)
    }

    async fn fill(
        &self,
        reader: &mut sqlx::SqliteConnection,
        found: &mut [(i64, Series)],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
        let mut rows = sqlx::query(
            "SELECT series_id, at_ms, value FROM samples
             WHERE series_id IN (SELECT value FROM json_each(?)) AND at_ms BETWEEN ? AND ?
             ORDER BY series_id, at_ms",
        )
        .bind(serde_json::to_string(&ids).unwrap_or_default())
        .bind(from.as_millis())
        .bind(to.as_millis())
        .fetch(reader);
        let mut place = 0;
        let mut points = 0;
        while let Some(row) = rows.try_next().await.map_err(wrong)? {
            points += 1;
            if points > self.options.most_points {
                return Err(StoreError::TooMuch {
                    what: "more points than one query may return; ask for less time".into(),
                    limit: self.options.most_points as u64,
                });
            }
            let id: i64 = row.try_get(0).map_err(wrong)?;
            // Both lists are in order of id, so the right series is here or further on.
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
        Ok(())
    }
}
