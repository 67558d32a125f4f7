//! What there is to ask for: the series that meet conditions on their labels.

use deckwatch_promql::Matcher;
use deckwatch_promql::labels::METRIC_NAME;
use sqlx::Row;

use super::{SampleStore, StoreError};
use crate::sample::{Labels, label};

impl SampleStore {
    /// Names and labels of the series that meet all conditions, sorted; all series with none.
    pub async fn series(&self, matchers: &[Matcher]) -> Result<Vec<(String, Labels)>, StoreError> {
        let wrong = |error| self.error(error);
        let mut reader = self.reader.lock().await;
        let rows = sqlx::query("SELECT name, labels FROM series")
            .fetch_all(&mut *reader)
            .await
            .map_err(wrong)?;
        drop(reader);
        let mut found = Vec::new();
        for row in rows {
            let name: String = row.try_get(0).map_err(wrong)?;
            let text: &str = row.try_get(1).map_err(wrong)?;
            let labels: Labels = serde_json::from_str(text).map_err(|_| StoreError::Corrupt {
                path: self.path.clone(),
                why: format!("unreadable labels of a series {name}"),
            })?;
            let value = |of: &str| match of {
                METRIC_NAME => name.as_str(),
                of => label(&labels, of),
            };
            if matchers.iter().all(|m| m.matches(value(m.name()))) {
                found.push((name, labels));
            }
        }
        found.sort();
        Ok(found)
    }
}
