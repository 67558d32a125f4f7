//! What happened where, and who did how much of what: the overview of a journal.

use async_trait::async_trait;
use deckwatch_domain::Timestamp;

use super::{Projection, ProjectionTx, Projections};
use crate::error::JournalError;
use crate::event::Recorded;

/// Counts events by stream, and by kind and actor.
pub struct Activity;

/// One stream.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct StreamActivity {
    pub stream: String,
    pub events: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub last_kind: String,
}

/// One kind of event by one actor.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct KindActivity {
    pub kind: String,
    pub actor: String,
    pub events: u64,
    pub last_at: Timestamp,
}

#[async_trait]
impl Projection for Activity {
    fn name(&self) -> &'static str {
        "activity"
    }

    fn version(&self) -> u32 {
        1
    }

    async fn reset(&self, tx: &mut ProjectionTx<'_>) -> Result<(), JournalError> {
        for sql in [
            "DROP TABLE IF EXISTS activity_streams",
            "DROP TABLE IF EXISTS activity_kinds",
            "CREATE TABLE activity_streams (stream TEXT PRIMARY KEY, events INTEGER NOT NULL, \
             first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, last_kind TEXT NOT NULL, \
             last_seq INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            "CREATE TABLE activity_kinds (kind TEXT NOT NULL, actor TEXT NOT NULL, \
             events INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (kind, actor)) \
             STRICT, WITHOUT ROWID",
            "CREATE INDEX activity_streams_latest ON activity_streams (last_seq)",
        ] {
            tx.execute(sql, &[]).await?;
        }
        Ok(())
    }

    async fn apply(&self, tx: &mut ProjectionTx<'_>, event: &Recorded) -> Result<(), JournalError> {
        tx.execute(
            "INSERT INTO activity_streams (stream, events, first_at, last_at, last_kind, last_seq) \
             VALUES (?1, 1, ?2, ?2, ?3, ?4) ON CONFLICT (stream) DO UPDATE SET \
             events = events + 1, last_at = ?2, last_kind = ?3, last_seq = ?4",
            &[
                event.stream.as_str().into(),
                event.recorded_at.into(),
                event.kind.as_str().into(),
                event.seq.into(),
            ],
        )
        .await?;
        tx.execute(
            "INSERT INTO activity_kinds (kind, actor, events, last_at) VALUES (?1, ?2, 1, ?3) \
             ON CONFLICT (kind, actor) DO UPDATE SET events = events + 1, last_at = ?3",
            &[
                event.kind.as_str().into(),
                event.actor.id.as_str().into(),
                event.recorded_at.into(),
            ],
        )
        .await?;
        Ok(())
    }
}

impl Activity {
    /// The streams, the one that was last written to first.
    pub async fn streams(
        projections: &Projections,
        limit: u64,
    ) -> Result<Vec<StreamActivity>, JournalError> {
        let sql = "SELECT stream, events, first_at, last_at, last_kind FROM activity_streams \
                   ORDER BY last_seq DESC LIMIT ?";
        let rows = projections.rows(sql, &[limit.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(StreamActivity {
                    stream: row.text(0).unwrap_or_default().to_owned(),
                    events: row.count(1)?,
                    first_at: row.moment(2).unwrap_or_default(),
                    last_at: row.moment(3).unwrap_or_default(),
                    last_kind: row.text(4).unwrap_or_default().to_owned(),
                })
            })
            .collect()
    }

    /// Who did what, most frequent first.
    pub async fn kinds(
        projections: &Projections,
        limit: u64,
    ) -> Result<Vec<KindActivity>, JournalError> {
        let sql = "SELECT kind, actor, events, last_at FROM activity_kinds \
                   ORDER BY events DESC, kind, actor LIMIT ?";
        let rows = projections.rows(sql, &[limit.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(KindActivity {
                    kind: row.text(0).unwrap_or_default().to_owned(),
                    actor: row.text(1).unwrap_or_default().to_owned(),
                    events: row.count(2)?,
                    last_at: row.moment(3).unwrap_or_default(),
                })
            })
            .collect()
    }
}
