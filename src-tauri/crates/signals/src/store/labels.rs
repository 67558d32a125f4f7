//! What there is to ask for: series, the names of their labels, and the values of one label.

use std::collections::BTreeSet;

use deckwatch_promql::Matcher;
use deckwatch_promql::labels::METRIC_NAME;
use sqlx::Connection;

use super::index::Entry;
use super::{SampleStore, StoreError};
use crate::sample::Labels;

impl SampleStore {
    /// Names and labels of the series that meet all conditions, sorted; all series with none.
    pub async fn series(&self, matchers: &[Matcher]) -> Result<Vec<(String, Labels)>, StoreError> {
        let one = |entry: &Entry| (entry.name.clone(), entry.labels.clone());
        let mut found = self.entries(matchers, one).await?;
        found.sort();
        Ok(found)
    }

    /// The names of the labels that matching series have, `__name__` being one, sorted.
    pub async fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, StoreError> {
        let names = |entry: &Entry| -> Vec<String> {
            let names = entry.labels.iter().map(|(name, _)| name.clone());
            names.chain([METRIC_NAME.to_owned()]).collect()
        };
        let found = self.entries(matchers, names).await?;
        let found: BTreeSet<String> = found.into_iter().flatten().collect();
        Ok(found.into_iter().collect())
    }

    /// The values that a label has among the matching series, sorted.
    pub async fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
    ) -> Result<Vec<String>, StoreError> {
        let value = |entry: &Entry| entry.label(name).to_owned();
        let found = self.entries(matchers, value).await?;
        let found: BTreeSet<String> = found.into_iter().filter(|v| !v.is_empty()).collect();
        Ok(found.into_iter().collect())
    }

    pub(super) async fn ids(&self, matchers: &[Matcher]) -> Result<Vec<i64>, StoreError> {
        self.entries(matchers, |entry| entry.id).await
    }

    pub(super) async fn identities<T>(
        &self,
        matchers: &[Matcher],
        of: impl Fn(i64, String, Labels) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let one = |entry: &Entry| of(entry.id, entry.name.clone(), entry.labels.clone());
        self.entries(matchers, one).await
    }

    async fn entries<T>(
        &self,
        matchers: &[Matcher],
        of: impl Fn(&Entry) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let wrong = |error| self.error(error);
        let mut reader = self.reader.lock().await;
        let (connection, index, state) = reader.parts();
        let mut tx = connection.begin().await.map_err(wrong)?;
        self.catch_up(&mut tx, index, None, state).await?;
        tx.commit().await.map_err(wrong)?;
        Ok(index.matching(matchers).into_iter().map(of).collect())
    }
}
