//! Writing: one scrape, one transaction.

use std::collections::HashMap;

use deckwatch_domain::Timestamp;
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use super::{Claim, SampleStore, StoreError, Writer};
use crate::sample::{Labels, Sample};

/// Rows of one INSERT. Each row binds three values; one size, so that one statement is prepared.
const ROWS: usize = 256;

impl SampleStore {
    /// Writes samples as of `at`, all or none. A sample's own timestamp, where it has one, wins.
    /// A point that is already there is replaced.
    pub async fn append(&self, at: Timestamp, samples: &[Sample]) -> Result<(), StoreError> {
        self.write(at, samples, None).await
    }

    /// As [`SampleStore::append`], for the holder of a claim, and only while it is held.
    ///
    /// Points of this job that lie at or after `at` come from a clock that has since been set back; they are
    /// removed, or every counter would seem to fall and be taken for a restart. As counters
    /// accumulate, no count is lost by that.
    pub async fn append_claimed(
        &self,
        claim: &Claim,
        at: Timestamp,
        samples: &[Sample],
    ) -> Result<(), StoreError> {
        self.write(at, samples, Some(claim)).await
    }

    async fn write(
        &self,
        at: Timestamp,
        samples: &[Sample],
        claim: Option<&Claim>,
    ) -> Result<(), StoreError> {
        let mut guard = self.writer()?.lock().await;
        let Writer {
            connection,
            known,
            generation,
        } = &mut *guard;
        let wrong = |error| self.error(error);
        let mut tx = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(wrong)?;
        if let Some(claim) = claim {
            claim
                .check(&mut tx)
                .await
                .map_err(wrong)?
                .then_some(())
                .ok_or_else(|| StoreError::ClaimLost {
                    job: claim.job.clone(),
                })?;
            forget_from(&mut tx, &claim.job, at).await.map_err(wrong)?;
        }
        let current: i64 = sqlx::query_scalar("SELECT number FROM generation")
            .fetch_one(&mut *tx)
            .await
            .map_err(wrong)?;
        if current != *generation {
            known.clear();
            *generation = current;
        }
        // New ids become known only once they are in the file for good.
        let mut fresh = HashMap::new();
        let mut rows = Vec::with_capacity(samples.len());
        for sample in samples {
            let key = (sample.name.clone(), sample.labels.clone());
            let id = match known.get(&key).or_else(|| fresh.get(&key)) {
                Some(id) => *id,
                None => {
                    let id = self.series_id(&mut tx, &key).await?;
                    fresh.insert(key, id);
                    id
                }
            };
            rows.push((
                id,
                sample.timestamp_ms.unwrap_or(at.as_millis()),
                sample.value,
            ));
        }
        insert(&mut tx, &rows).await.map_err(wrong)?;
        tx.commit().await.map_err(wrong)?;
        known.extend(fresh);
        Ok(())
    }

    async fn series_id(
        &self,
        tx: &mut SqliteConnection,
        (name, labels): &(String, Labels),
    ) -> Result<i64, StoreError> {
        let wrong = |error| self.error(error);
        let text = labels_text(labels);
        let found = sqlx::query_scalar("SELECT id FROM series WHERE name = ? AND labels = ?")
            .bind(name)
            .bind(&text)
            .fetch_optional(&mut *tx)
            .await
            .map_err(wrong)?;
        if let Some(id) = found {
            return Ok(id);
        }
        let have: i64 = sqlx::query_scalar("SELECT count(*) FROM series")
            .fetch_one(&mut *tx)
            .await
            .map_err(wrong)?;
        if have.unsigned_abs() >= self.options.most_series {
            return Err(StoreError::TooMuch {
                what: format!(
                    "{} would be one series too many for the store",
                    shown(name, labels)
                ),
                limit: self.options.most_series,
            });
        }
        sqlx::query_scalar("INSERT INTO series (name, labels) VALUES (?, ?) RETURNING id")
            .bind(name)
            .bind(&text)
            .fetch_one(&mut *tx)
            .await
            .map_err(wrong)
    }
}

async fn insert(tx: &mut SqliteConnection, rows: &[(i64, i64, f64)]) -> Result<(), sqlx::Error> {
    for chunk in rows.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT OR REPLACE INTO samples (series_id, at_ms, value) ",
        );
        query.push_values(chunk, |mut row, (id, at, value)| {
            row.push_bind(*id).push_bind(*at).push_bind(*value);
        });
        query.build().execute(&mut *tx).await?;
    }
    Ok(())
}

/// Removes every point of the job at or after `at`, if its `up` says that there are any: one
/// cheap look in the ordinary case.
async fn forget_from(
    tx: &mut SqliteConnection,
    job: &str,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let label = serde_json::to_string(&("job", job)).unwrap_or_default();
    let set_back: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM series JOIN samples ON series_id = id
            WHERE name = 'up' AND instr(labels, ?) > 0 AND at_ms >= ?)",
    )
    .bind(&label)
    .bind(at.as_millis())
    .fetch_one(&mut *tx)
    .await?;
    if set_back {
        sqlx::query(
            "DELETE FROM samples WHERE at_ms >= ? AND series_id IN
                (SELECT id FROM series WHERE instr(labels, ?) > 0)",
        )
        .bind(at.as_millis())
        .bind(&label)
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Labels as they stand in the file: a JSON list of pairs, sorted, so that equal is equal as text.
pub(super) fn labels_text(labels: &Labels) -> String {
    // Serialising strings into memory cannot fail.
    serde_json::to_string(labels).unwrap_or_default()
}

fn shown(name: &str, labels: &Labels) -> String {
    let text: String = labels_text(labels).chars().take(200).collect();
    format!("{name}{text}")
}
