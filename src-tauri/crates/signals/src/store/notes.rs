//! What happened to the record itself: the clock was set back, nobody looked for a while, samples
//! came too late, something is damaged. Kept in the file, so that whoever reads the numbers can
//! see why they look as they do.

use deckwatch_domain::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{SampleStore, StoreError};

/// Notes that are kept.
const MOST: i64 = 1000;
/// Damaged chunks that one process remembers.
const MOST_DAMAGE: usize = 1000;

/// What a note is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoteKind {
    /// A job's clock was set back; its samples from then on were removed.
    SetBack,
    /// A job was not scraped for longer than a sample counts: the machine slept, nobody scraped,
    /// or its clock was set forward.
    Gap,
    /// Samples came too late to be taken.
    Late,
    /// A part of the file could not be read and was left out.
    Damaged,
}

impl NoteKind {
    fn word(self) -> &'static str {
        match self {
            NoteKind::SetBack => "set-back",
            NoteKind::Gap => "gap",
            NoteKind::Late => "late",
            NoteKind::Damaged => "damaged",
        }
    }

    fn read(word: &str) -> Self {
        match word {
            "set-back" => NoteKind::SetBack,
            "gap" => NoteKind::Gap,
            "late" => NoteKind::Late,
            _ => NoteKind::Damaged,
        }
    }
}

/// Something that happened to the record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// As of the samples that were written then.
    pub at: Timestamp,
    pub kind: NoteKind,
    /// The job or the series.
    pub about: String,
    pub text: String,
}

/// A chunk whose bytes are not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// As the store numbers it.
    pub series: i64,
    /// What is lost lies within.
    pub from: Timestamp,
    pub to: Timestamp,
}

pub(super) async fn note(
    tx: &mut SqliteConnection,
    at: i64,
    kind: NoteKind,
    about: &str,
    text: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO notes (at_ms, kind, about, text) VALUES (?, ?, ?, ?)")
        .bind(at)
        .bind(kind.word())
        .bind(about)
        .bind(text)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM notes WHERE id <= (SELECT max(id) FROM notes) - ?")
        .bind(MOST)
        .execute(tx)
        .await?;
    Ok(())
}

impl SampleStore {
    /// The newest notes, the newest first; 1,000 are kept.
    pub async fn notes(&self) -> Result<Vec<Note>, StoreError> {
        let wrong = |error| self.error(error);
        let mut reader = self.reader.lock().await;
        let rows = sqlx::query("SELECT at_ms, kind, about, text FROM notes ORDER BY id DESC")
            .fetch_all(&mut reader.connection)
            .await
            .map_err(wrong)?;
        let one = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Note {
                at: Timestamp::from_millis(row.try_get(0)?),
                kind: NoteKind::read(row.try_get(1)?),
                about: row.try_get(2)?,
                text: row.try_get(3)?,
            })
        };
        rows.iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map_err(wrong)
    }

    /// Samples that came too late and were not taken, since the file was made.
    pub async fn late(&self) -> Result<u64, StoreError> {
        let mut reader = self.reader.lock().await;
        let late: i64 = sqlx::query_scalar("SELECT late FROM state")
            .fetch_one(&mut reader.connection)
            .await
            .map_err(|error| self.error(error))?;
        Ok(late.unsigned_abs())
    }

    /// The damaged chunks that this process has met. Reads leave them out.
    pub fn damage(&self) -> Vec<Damage> {
        let found = self.damage.lock();
        found.unwrap_or_else(|e| e.into_inner()).clone()
    }

    pub(super) fn damaged(&self, series: i64, from: i64, to: i64) {
        let one = Damage {
            series,
            from: Timestamp::from_millis(from),
            to: Timestamp::from_millis(to),
        };
        let mut found = self.damage.lock().unwrap_or_else(|e| e.into_inner());
        if found.len() < MOST_DAMAGE && !found.contains(&one) {
            let file = self.path.display();
            tracing::warn!(%file, series, from, to, "a damaged chunk of samples is left out");
            found.push(one);
        }
    }
}
