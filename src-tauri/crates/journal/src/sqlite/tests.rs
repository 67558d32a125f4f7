//! What can only be seen from inside: a migration that fails, a disk that is full at a page.

use std::path::Path;

use deckwatch_domain::{Actor, EventId, Timestamp};
use sqlx::Row as _;

use super::*;

fn event(n: u128, size: usize) -> NewEvent {
    NewEvent {
        event_id: EventId::from_u128(n),
        kind: "test".into(),
        payload: vec![b'1'; size],
        actor: Actor::person("ana", "bridge-7"),
        occurred_at: Timestamp::from_millis(0),
    }
}

async fn append(journal: &Journal, n: u128, size: usize) -> Result<Vec<Recorded>, AppendError> {
    let now = Timestamp::from_millis(1);
    journal
        .append("a", Expected::Any, vec![event(n, size)], None, now)
        .await
}

#[tokio::test]
async fn a_full_disk_keeps_nothing_of_the_append_and_everything_before() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db"))
        .await
        .unwrap();
    append(&journal, 1, 10).await.unwrap();
    {
        let mut writer = journal.0.writer.as_ref().unwrap().lock().await;
        let conn = writer.connection().unwrap();
        sqlx::raw_sql("PRAGMA max_page_count = 40")
            .execute(conn)
            .await
            .unwrap();
    }
    let full = append(&journal, 2, 500_000).await;
    assert_eq!(full, Err(AppendError::Journal(JournalError::DiskFull)));
    assert_eq!(journal.head().await.unwrap().seq, 1);
    // The next writer finds a usable connection and the next number.
    assert_eq!(append(&journal, 3, 10).await.unwrap()[0].seq, 2);
    assert!(journal.verify(&[]).await.unwrap().is_sound());
}

#[tokio::test]
async fn a_migration_is_done_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let place = Place::new(&path, Opening::default()).unwrap();
    place.create().unwrap();
    let mut conn = place.connect(Use::Write).await.unwrap();
    // A step that stumbles in its middle: a table of that name is there already. The file is not
    // empty then, so it must be marked as ours for the migration to begin at all.
    sqlx::raw_sql("CREATE TABLE leases (x); PRAGMA application_id = 0x4465636b")
        .execute(&mut conn)
        .await
        .unwrap();
    assert!(file::migrate(&mut conn).await.is_err());
    let tables = sqlx::query("SELECT name FROM sqlite_schema")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    let names: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["leases"], "nothing of the step stayed");
    assert_eq!(file::inspect(&mut conn).await, Ok(0));
    sqlx::raw_sql("DROP TABLE leases")
        .execute(&mut conn)
        .await
        .unwrap();
    file::migrate(&mut conn).await.unwrap();
    file::migrate(&mut conn).await.unwrap();
    assert_eq!(file::inspect(&mut conn).await, Ok(1));
}

/// Steps are only ever added: what was released once makes the files that are out there.
#[test]
fn released_migrations_never_change() {
    let digest = deckwatch_domain::Digest::of(file::MIGRATIONS[0].as_bytes());
    assert_eq!(
        digest.to_string(),
        "3543116634ce858c45e9c18235eeb76c5ef4e0e371065bcdf5b0541a3a028929",
        "format 1 was changed"
    );
}

#[tokio::test]
async fn writing_is_flushed_to_the_disk_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("journal.db");
    let journal = Journal::open(path).await.unwrap();
    let mut writer = journal.0.writer.as_ref().unwrap().lock().await;
    let conn = writer.connection().unwrap();
    for (question, answer) in [("PRAGMA synchronous", "2"), ("PRAGMA journal_mode", "wal")] {
        let row = sqlx::query(question).fetch_one(&mut *conn).await.unwrap();
        let found: String = row
            .try_get::<String, _>(0)
            .unwrap_or_else(|_| row.get::<i64, _>(0).to_string());
        assert_eq!(found, answer, "{question}");
    }
}
