//! Taking a payload out of the journal, in the open.

use deckwatch_domain::{Actor, EventId, Timestamp};
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::{Journal, fault, rows};
use crate::chain::Row;
use crate::error::JournalError;
use crate::event::{NewEvent, OWN_PREFIX, OWN_STREAM, REDACTED, Recorded};
use crate::subscribe::announce;
use crate::verify::Redaction;

impl Journal {
    /// Blanks the payload of event `seq` and records who did so and why, in one transaction. The
    /// payload's hash stays, so the chain holds, and anybody who has the payload can still prove
    /// that it was there. Its bytes leave the file; backups and exports made before keep theirs.
    ///
    /// Projections notice the new event and are rebuilt without the payload.
    pub async fn redact(
        &self,
        seq: u64,
        reason: &str,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Recorded, JournalError> {
        let mut pen = self.pen().await?;
        let done = redact(pen.conn()?, seq, reason, actor, now).await;
        let event = pen.end(done).await?;
        announce(&self.0.signal, event.seq);
        self.sweep().await;
        Ok(event)
    }

    /// Commits lie in a file beside the journal until they are moved over; the old pages there
    /// still hold the payload. When a reader stands in the way, the next quiet moment does it.
    async fn sweep(&self) {
        let Ok(mut conn) = self.0.place.connect(super::Use::Write).await else {
            return;
        };
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_all(&mut conn)
            .await
        {
            tracing::debug!(%error, "a redacted payload stays in the log until it is moved over");
        }
    }
}

async fn redact(
    conn: &mut SqliteConnection,
    seq: u64,
    reason: &str,
    actor: Actor,
    now: Timestamp,
) -> Result<Recorded, JournalError> {
    let found = match seq {
        0 => Vec::new(),
        seq => rows::read(conn, seq - 1, 1).await?,
    };
    let event = found.into_iter().find(|event| event.seq == seq);
    let event =
        event.ok_or_else(|| JournalError::Refused(format!("there is no event {seq} to redact")))?;
    if event.kind.starts_with(OWN_PREFIX) {
        return Err(JournalError::refused(
            "what the journal says about itself cannot be redacted",
        ));
    }
    if event.payload.is_none() {
        return Err(JournalError::Refused(format!(
            "event {seq} is already redacted"
        )));
    }
    if reason.trim().is_empty() || reason.len() > 4096 {
        return Err(JournalError::refused(
            "a redaction needs a reason of at most 4 KiB",
        ));
    }
    sqlx::query("UPDATE events SET payload = NULL WHERE seq = ?")
        .bind(rows::signed(seq))
        .execute(&mut *conn)
        .await
        .map_err(fault)?;
    let said = Redaction {
        v: 1,
        seq,
        event_id: event.event_id,
        payload_hash: event.payload_hash,
        reason: reason.to_owned(),
    };
    record_own(conn, REDACTED, &said, actor, now).await
}

/// Appends an event of the journal's own, inside an open transaction.
pub(super) async fn record_own(
    conn: &mut SqliteConnection,
    kind: &str,
    said: &impl serde::Serialize,
    actor: Actor,
    now: Timestamp,
) -> Result<Recorded, JournalError> {
    let event = NewEvent {
        event_id: EventId::new(Uuid::new_v4()),
        kind: kind.to_owned(),
        payload: serde_json::to_vec(said).map_err(|e| JournalError::Refused(e.to_string()))?,
        actor,
        occurred_at: now,
    };
    let (head, version) = rows::head_and_version(conn, OWN_STREAM).await?;
    let row = Row::next(head, OWN_STREAM, version + 1, event, now)?;
    rows::insert(conn, &row).await?;
    row.into_recorded()
}
