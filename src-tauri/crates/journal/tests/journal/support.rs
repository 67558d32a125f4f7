//! What the tests share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deckwatch_domain::{Actor, EventId, Timestamp};
use deckwatch_journal::{Expected, Journal, NewEvent, Opening, Recorded, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};
use tempfile::TempDir;

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + millis)
}

pub fn ana() -> Actor {
    Actor::person("ana", "bridge-7")
}

pub fn event(n: u128) -> NewEvent {
    NewEvent {
        event_id: EventId::from_u128(n),
        kind: format!("test.kind-{}", n % 3),
        payload: format!(r#"{{"v":1,"n":{n}}}"#).into_bytes(),
        actor: ana(),
        occurred_at: at(n as i64),
    }
}

pub fn events(numbers: std::ops::Range<u128>) -> Vec<NewEvent> {
    numbers.map(event).collect()
}

pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    pub async fn open(&self) -> Journal {
        Journal::open(&self.path()).await.unwrap()
    }

    /// A journal of `n` events in streams of some, one append each ten.
    pub async fn filled(&self, n: u128) -> Journal {
        let journal = self.open().await;
        let mut from = 1;
        while from <= n {
            let to = (from + 10).min(n + 1);
            let stream = format!("stream/{}", from % 4);
            put(&journal, &stream, events(from..to)).await;
            from = to;
        }
        journal
    }
}

pub async fn put(store: &dyn Store, stream: &str, events: Vec<NewEvent>) -> Vec<Recorded> {
    store
        .append(stream, Expected::Any, events, None, at(0))
        .await
        .unwrap()
}

pub async fn all(store: &dyn Store) -> Vec<Recorded> {
    store.read(0, usize::MAX).await.unwrap()
}

pub fn impatient() -> Opening {
    Opening {
        patience: Duration::from_millis(150),
        ..Opening::default()
    }
}

/// The file without us: what an attacker or another tool would use.
pub async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
        .connect()
        .await
        .unwrap()
}

pub async fn sql(path: &Path, text: &str) {
    let mut conn = raw(path).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned()))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

/// What an attacker does who takes the guards off first and puts them back afterwards.
pub async fn unguarded(path: &Path, deed: &str) {
    let mut conn = raw(path).await;
    let found = sqlx::query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    let mut script = String::from("BEGIN;");
    for trigger in &found {
        script += &format!("DROP TRIGGER {};", trigger.get::<String, _>(0));
    }
    script += deed;
    script += ";";
    for trigger in &found {
        script += &format!("{};", trigger.get::<String, _>(1));
    }
    script += "COMMIT;";
    sqlx::raw_sql(sqlx::AssertSqlSafe(script))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

/// Cuts the tail off, cleanly: the chain cannot know.
pub async fn cut(path: &Path, last: u64) {
    let deed = format!(
        "DELETE FROM events WHERE seq > {last}; UPDATE head SET seq = {last}, \
         hash = (SELECT hash FROM events WHERE seq = {last})"
    );
    unguarded(path, &deed).await;
}
