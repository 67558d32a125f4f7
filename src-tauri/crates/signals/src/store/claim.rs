//! Who scrapes: one process at a time for each job.
//!
//! Two scrapers of one target interleave their answers: the later stamp may carry the earlier
//! count, the counter seems to fall, and a fall is taken for a restart that counts in full. So a
//! scraper claims its job in the shared file before it asks, and its samples are only taken while
//! the claim is its own.

use std::time::Duration;

use deckwatch_domain::Timestamp;
use sqlx::SqliteConnection;

use super::{SampleStore, StoreError};

/// The right to scrape one job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    pub job: String,
    /// Names the process: unique among all that share the file.
    pub holder: String,
}

impl Claim {
    /// Whether this claim stands in the file. Expiry is not looked at: until another process has
    /// taken over, the last holder is still the only one.
    pub(super) async fn check(&self, tx: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let holder: Option<String> = sqlx::query_scalar("SELECT holder FROM claims WHERE job = ?")
            .bind(&self.job)
            .fetch_optional(tx)
            .await?;
        Ok(holder.as_deref() == Some(self.holder.as_str()))
    }
}

impl SampleStore {
    /// Takes or renews the claim until `now + term`. False: another process holds it.
    ///
    /// `gone` says whether a holder is known to be dead, and then nobody waits for its claim to
    /// end; not knowing is `false`. A claim that reaches further than `term` into the future was
    /// made before the clock was set back, and binds nobody.
    pub async fn claim(
        &self,
        claim: &Claim,
        now: Timestamp,
        term: Duration,
        gone: &(dyn Fn(&str) -> bool + Send + Sync),
    ) -> Result<bool, StoreError> {
        let mut writer = self.writer()?.lock().await;
        let wrong = |error| self.error(error);
        let mut tx = self.begin(&mut writer.connection).await?;
        let present: Option<String> = sqlx::query_scalar("SELECT holder FROM claims WHERE job = ?")
            .bind(&claim.job)
            .fetch_optional(&mut *tx)
            .await
            .map_err(wrong)?;
        // Asked inside the transaction: whoever is found gone here still is the holder below.
        let gone = present.is_some_and(|holder| holder != claim.holder && gone(&holder));
        let until = now.plus(term);
        let taken = sqlx::query(
            "INSERT INTO claims (job, holder, until_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (job) DO UPDATE SET holder = ?2, until_ms = ?3
             WHERE holder = ?2 OR until_ms <= ?4 OR until_ms > ?3 OR ?5",
        )
        .bind(&claim.job)
        .bind(&claim.holder)
        .bind(until.as_millis())
        .bind(now.as_millis())
        .bind(gone)
        .execute(&mut *tx)
        .await
        .map_err(wrong)?
        .rows_affected();
        tx.commit().await.map_err(wrong)?;
        Ok(taken > 0)
    }

    /// Gives the claim up, so that another process need not wait for it to end.
    pub async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        let mut writer = self.writer()?.lock().await;
        sqlx::query("DELETE FROM claims WHERE job = ? AND holder = ?")
            .bind(&claim.job)
            .bind(&claim.holder)
            .execute(&mut writer.connection)
            .await
            .map_err(|error| self.error(error))?;
        Ok(())
    }
}
