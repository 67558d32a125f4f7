//! Writing: one scrape, one transaction, one row of the log.

use std::collections::HashMap;

use deckwatch_domain::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::notes::{NoteKind, note};
use super::{Claim, Known, SampleStore, StoreError, Writer, fold, log};
use crate::sample::{Labels, Sample};

/// A job that was not scraped for longer than this has a gap: five minutes is how long a sample
/// counts in a query.
const GAP: i64 = 300_000;

/// What became of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    pub stored: u64,
    /// Lay further behind the newest of their series than [`super::Options::late`]: not stored,
    /// but counted ([`SampleStore::late`]).
    pub late: u64,
}

/// On whose behalf samples are written.
#[derive(Clone, Copy, Debug)]
pub enum Under<'a> {
    Nobody,
    /// While the claim is held.
    Held(&'a Claim),
    /// While the claim is held, by the only one who writes its job: see
    /// [`SampleStore::append_claimed`].
    Job(&'a Claim),
}

/// Series whose ids were learnt in a transaction that is not committed yet.
type Fresh = HashMap<(String, Labels), Known>;

impl SampleStore {
    /// Writes samples as of `at`, all or none, but for those that come too late
    /// ([`super::Options::late`]). A sample's own timestamp, where it has one, wins. A point that
    /// is already there is replaced.
    pub async fn append(&self, at: Timestamp, samples: &[Sample]) -> Result<(), StoreError> {
        self.ingest(at, samples, Under::Nobody).await.map(|_| ())
    }

    /// As [`SampleStore::append`], for the holder of a claim, and only while it is held.
    pub async fn append_held(
        &self,
        claim: &Claim,
        at: Timestamp,
        samples: &[Sample],
    ) -> Result<(), StoreError> {
        let under = Under::Held(claim);
        self.ingest(at, samples, under).await.map(|_| ())
    }

    /// As [`SampleStore::append_held`], for the one who writes the claim's job, in order of time.
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
        self.ingest(at, samples, Under::Job(claim))
            .await
            .map(|_| ())
    }

    /// Removes the points of a job that lie at or after `at`, while the claim is held: they come
    /// from a clock that has since been set back. Says how many there were.
    pub async fn forget_ahead(
        &self,
        claim: &Claim,
        job: &str,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut writer = self.writer()?.lock().await;
        let mut tx = self.begin(&mut writer.connection).await?;
        self.check(&mut tx, claim).await?;
        let at = at.as_millis();
        let removed = self.forget_from(&mut tx, job, at).await?;
        let wrong = |error| self.error(error);
        if removed > 0 {
            let text =
                format!("the clock was set back; {removed} samples from then on were removed");
            note(&mut tx, at, NoteKind::SetBack, job, &text)
                .await
                .map_err(wrong)?;
        }
        tx.commit().await.map_err(wrong)?;
        Ok(removed)
    }

    /// As [`SampleStore::append`] and the like, and says what was taken.
    pub async fn ingest(
        &self,
        at: Timestamp,
        samples: &[Sample],
        under: Under<'_>,
    ) -> Result<Written, StoreError> {
        let mut writer = self.writer()?.lock().await;
        let written = match self.write(&mut writer, at, samples, under).await {
            // Folding makes room: nothing is refused for want of it before that was tried.
            Err(StoreError::Full { .. }) => {
                self.fold_now(&mut writer).await?;
                self.write(&mut writer, at, samples, under).await?
            }
            other => other?,
        };
        Ok(written)
    }

    async fn write(
        &self,
        writer: &mut Writer,
        at: Timestamp,
        samples: &[Sample],
        under: Under<'_>,
    ) -> Result<Written, StoreError> {
        let Writer {
            connection,
            known,
            generation,
        } = writer;
        let wrong = |error| self.error(error);
        let mut tx = self.begin(connection).await?;
        match under {
            Under::Nobody => {}
            Under::Held(claim) => self.check(&mut tx, claim).await?,
            Under::Job(claim) => {
                self.check(&mut tx, claim).await?;
                self.mind_the_clock(&mut tx, claim, at).await?;
            }
        }
        let grown = grow(&mut tx, samples.len()).await.map_err(wrong)?;
        if grown.generation != *generation {
            known.clear();
            *generation = grown.generation;
        }
        let (mut entries, mut fresh) = (Vec::with_capacity(samples.len()), Fresh::new());
        let mut written = Written::default();
        for sample in samples {
            let here = self.place(&mut tx, known, &mut fresh, sample).await?;
            let moment = sample.timestamp_ms.unwrap_or(at.as_millis());
            if self.is_late(here, moment) {
                written.late += 1;
                continue;
            }
            entries.push((here.id, (moment, sample.value)));
        }
        written.stored = entries.len() as u64;
        if !entries.is_empty() {
            sqlx::query("INSERT INTO log (payload) VALUES (?)")
                .bind(log::write(&entries))
                .execute(&mut *tx)
                .await
                .map_err(wrong)?;
        }
        if written.late > 0 {
            let about = match under {
                Under::Nobody => "",
                Under::Held(claim) | Under::Job(claim) => &claim.job,
            };
            count_late(&mut tx, at, written.late, about)
                .await
                .map_err(wrong)?;
        }
        tx.commit().await.map_err(wrong)?;
        remember(known, fresh, at, samples);
        let series = known.values().map(HashMap::len).sum();
        if fold::is_due(grown.rows, grown.samples, series) {
            // The samples are in the file whatever comes of this; the next write tries again.
            if let Err(error) = self.fold_now(writer).await {
                tracing::warn!(%error, "the log of samples was not folded");
            }
        }
        Ok(written)
    }

    fn is_late(&self, here: Known, moment: i64) -> bool {
        let late = i64::try_from(self.options.late.as_millis()).unwrap_or(i64::MAX);
        moment < here.newest.saturating_sub(late)
    }

    async fn check(&self, tx: &mut SqliteConnection, claim: &Claim) -> Result<(), StoreError> {
        let held = claim.check(tx).await.map_err(|error| self.error(error))?;
        held.then_some(()).ok_or_else(|| StoreError::ClaimLost {
            job: claim.job.clone(),
        })
    }

    /// Removes what a clock that was set back had written, and notes that, and gaps.
    async fn mind_the_clock(
        &self,
        tx: &mut SqliteConnection,
        claim: &Claim,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let at = at.as_millis();
        let newest: Option<i64> = sqlx::query_scalar("SELECT newest_ms FROM jobs WHERE job = ?")
            .bind(&claim.job)
            .fetch_optional(&mut *tx)
            .await
            .map_err(wrong)?;
        match newest {
            Some(newest) if newest >= at => {
                let removed = self.forget_from(tx, &claim.job, at).await?;
                let text = format!(
                    "the clock was set back by {} ms or more; {removed} samples from then on were removed",
                    newest - at
                );
                note(tx, at, NoteKind::SetBack, &claim.job, &text)
                    .await
                    .map_err(wrong)?;
            }
            Some(newest) if newest < at - GAP => {
                let text = format!(
                    "not scraped for {} s: asleep, nobody there, or the clock was set forward",
                    (at - newest) / 1000
                );
                note(tx, at, NoteKind::Gap, &claim.job, &text)
                    .await
                    .map_err(wrong)?;
            }
            _ => {}
        }
        sqlx::query("INSERT OR REPLACE INTO jobs (job, newest_ms) VALUES (?, ?)")
            .bind(&claim.job)
            .bind(at)
            .execute(tx)
            .await
            .map_err(wrong)?;
        Ok(())
    }

    async fn place(
        &self,
        tx: &mut SqliteConnection,
        known: &HashMap<String, HashMap<Labels, Known>>,
        fresh: &mut Fresh,
        sample: &Sample,
    ) -> Result<Known, StoreError> {
        let there = known.get(&sample.name).and_then(|m| m.get(&sample.labels));
        if let Some(here) = there {
            return Ok(*here);
        }
        let key = (sample.name.clone(), sample.labels.clone());
        if let Some(here) = fresh.get(&key) {
            return Ok(*here);
        }
        let here = self.learn(tx, &key).await?;
        fresh.insert(key, here);
        Ok(here)
    }

    /// The series of this name and labels, made if there is none and room for one more.
    async fn learn(
        &self,
        tx: &mut SqliteConnection,
        (name, labels): &(String, Labels),
    ) -> Result<Known, StoreError> {
        let wrong = |error| self.error(error);
        let text = labels_text(labels);
        let found = sqlx::query(
            "SELECT id, newest_ms FROM series LEFT JOIN tails ON series_id = id
             WHERE name = ? AND labels = ?",
        )
        .bind(name)
        .bind(&text)
        .fetch_optional(&mut *tx)
        .await
        .map_err(wrong)?;
        if let Some(row) = found {
            let newest: Option<i64> = row.try_get(1).map_err(wrong)?;
            return Ok(Known {
                id: row.try_get(0).map_err(wrong)?,
                newest: newest.unwrap_or(i64::MIN),
            });
        }
        // As a condition of the insert: counting is cheap in the file, and only done for new ones.
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO series (name, labels)
             SELECT ?1, ?2 WHERE (SELECT count(*) FROM series) < ?3 RETURNING id",
        )
        .bind(name)
        .bind(&text)
        .bind(i64::try_from(self.options.most_series).unwrap_or(i64::MAX))
        .fetch_optional(tx)
        .await
        .map_err(wrong)?;
        let id = id.ok_or_else(|| StoreError::TooMuch {
            what: format!(
                "{} would be one series too many for the store",
                shown(name, labels)
            ),
            limit: self.options.most_series,
        })?;
        let newest = i64::MIN;
        Ok(Known { id, newest })
    }
}

/// The log, once a write is in it.
struct Grown {
    generation: i64,
    rows: i64,
    samples: i64,
}

async fn grow(tx: &mut SqliteConnection, by: usize) -> Result<Grown, sqlx::Error> {
    let row = sqlx::query(
        "UPDATE state SET log_rows = log_rows + 1, log_samples = log_samples + ?
         RETURNING generation, log_rows, log_samples",
    )
    .bind(by as i64)
    .fetch_one(tx)
    .await?;
    Ok(Grown {
        generation: row.try_get(0)?,
        rows: row.try_get(1)?,
        samples: row.try_get(2)?,
    })
}

async fn count_late(
    tx: &mut SqliteConnection,
    at: Timestamp,
    late: u64,
    about: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE state SET late = late + ?")
        .bind(i64::try_from(late).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
    let text = format!("{late} samples came too late and were not taken");
    note(tx, at.as_millis(), NoteKind::Late, about, &text).await
}

/// Ids become known only once they are in the file for good.
fn remember(
    known: &mut HashMap<String, HashMap<Labels, Known>>,
    fresh: Fresh,
    at: Timestamp,
    samples: &[Sample],
) {
    for ((name, labels), here) in fresh {
        known.entry(name).or_default().insert(labels, here);
    }
    for sample in samples {
        let here = known
            .get_mut(&sample.name)
            .and_then(|m| m.get_mut(&sample.labels));
        if let Some(here) = here {
            let moment = sample.timestamp_ms.unwrap_or(at.as_millis());
            here.newest = here.newest.max(moment);
        }
    }
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
