//! Projections: incremental is rebuilt, whatever happens in between.

use deckwatch_journal::{Activity, Journal, MemoryStore, Projections, Store};
use rand::{RngExt, SeedableRng};

use crate::support::*;

async fn projections(place: &Place, name: &str) -> Projections {
    let path = place.folder.path().join(name);
    Projections::open(&path, vec![Box::new(Activity)])
        .await
        .unwrap()
}

/// All that the tables say, position included.
async fn tables(projections: &Projections) -> Vec<String> {
    let mut said = Vec::new();
    for sql in [
        "SELECT * FROM activity_streams ORDER BY stream",
        "SELECT * FROM activity_kinds ORDER BY kind, actor",
        "SELECT name, version, seq, hash FROM positions ORDER BY name",
    ] {
        let rows = projections.rows(sql, &[]).await.unwrap();
        said.extend(rows.iter().map(|row| format!("{row:?}")));
    }
    said
}

async fn rebuilt(place: &Place, store: &dyn Store, name: &str) -> Vec<String> {
    let fresh = projections(place, name).await;
    fresh.catch_up(store).await.unwrap();
    tables(&fresh).await
}

#[tokio::test]
async fn incremental_is_rebuilt() {
    let place = Place::new();
    let journal = place.open().await;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    let mut incremental = projections(&place, "p.db").await;
    let mut id = 1_u128;
    for round in 0..25 {
        let n = rng.random_range(1..90);
        put(
            &journal,
            &format!("s/{}", rng.random_range(0..9)),
            events(id..id + n),
        )
        .await;
        id += n;
        match round % 7 {
            // Dropped half-way, closed, and shared with another program.
            2 => {
                let brief = std::time::Duration::from_millis(rng.random_range(0..9));
                let _ = tokio::time::timeout(brief, incremental.catch_up(&journal)).await;
            }
            4 => incremental = projections(&place, "p.db").await,
            5 => {
                let other = projections(&place, "p.db").await;
                let (a, b) = tokio::join!(other.catch_up(&journal), incremental.catch_up(&journal));
                a.unwrap();
                b.unwrap();
            }
            _ => {
                incremental.catch_up(&journal).await.unwrap();
            }
        }
    }
    incremental.catch_up(&journal).await.unwrap();
    assert_eq!(
        tables(&incremental).await,
        rebuilt(&place, &journal, "fresh.db").await
    );
    let streams = Activity::streams(&incremental, 100).await.unwrap();
    assert_eq!(streams.iter().map(|s| s.events).sum::<u64>(), id as u64 - 1);
    assert_eq!(Activity::kinds(&incremental, 2).await.unwrap().len(), 2);
    incremental.forget().await.unwrap();
    assert_eq!(incremental.catch_up(&journal).await.unwrap(), id as u64 - 1);
    assert_eq!(
        tables(&incremental).await,
        rebuilt(&place, &journal, "again.db").await
    );
}

#[tokio::test]
async fn another_journal_is_read_from_its_beginning() {
    let (one, two) = (Place::new(), Place::new());
    let projections = projections(&one, "p.db").await;
    projections.catch_up(&one.filled(50).await).await.unwrap();
    let other = two.open().await;
    put(&other, "elsewhere", events(500..560)).await;
    assert_eq!(projections.catch_up(&other).await.unwrap(), 60);
    assert_eq!(
        tables(&projections).await,
        rebuilt(&one, &other, "fresh.db").await
    );
    // A shorter one, too, and a store of another sort.
    let memory = MemoryStore::new();
    put(&memory, "m", events(1..4)).await;
    assert_eq!(projections.catch_up(&memory).await.unwrap(), 3);
    assert_eq!(
        tables(&projections).await,
        rebuilt(&one, &memory, "m.db").await
    );
}

/// Keeps every payload: what a careless projection would do.
struct Payloads;

#[async_trait::async_trait]
impl deckwatch_journal::Projection for Payloads {
    fn name(&self) -> &'static str {
        "payloads"
    }
    fn version(&self) -> u32 {
        1
    }
    async fn reset(
        &self,
        tx: &mut deckwatch_journal::ProjectionTx<'_>,
    ) -> Result<(), deckwatch_journal::JournalError> {
        tx.execute("DROP TABLE IF EXISTS payloads", &[]).await?;
        tx.execute(
            "CREATE TABLE payloads (seq INTEGER PRIMARY KEY, bytes BLOB)",
            &[],
        )
        .await?;
        Ok(())
    }
    async fn apply(
        &self,
        tx: &mut deckwatch_journal::ProjectionTx<'_>,
        event: &deckwatch_journal::Recorded,
    ) -> Result<(), deckwatch_journal::JournalError> {
        let bytes = event.payload.as_deref().into();
        tx.execute(
            "INSERT INTO payloads VALUES (?, ?)",
            &[event.seq.into(), bytes],
        )
        .await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_redacted_payload_does_not_live_on_in_a_table() {
    let place = Place::new();
    let journal: Journal = place.filled(30).await;
    let path = place.folder.path().join("p.db");
    let kept = Projections::open(&path, vec![Box::new(Payloads), Box::new(Activity)])
        .await
        .unwrap();
    kept.catch_up(&journal).await.unwrap();
    let count = async |seq: u64| {
        let sql = "SELECT count(*) FROM payloads WHERE seq = ? AND bytes IS NOT NULL";
        kept.rows(sql, &[seq.into()]).await.unwrap()[0]
            .int(0)
            .unwrap()
    };
    assert_eq!(count(7).await, 1);
    put(&journal, "x", events(100..110)).await;
    journal.redact(7, "a name", ana(), at(0)).await.unwrap();
    journal
        .redact(35, "another, not yet applied", ana(), at(0))
        .await
        .unwrap();
    put(&journal, "x", events(110..120)).await;
    kept.catch_up(&journal).await.unwrap();
    assert_eq!((count(7).await, count(35).await, count(8).await), (0, 0, 1));
    // And it came to an end, instead of building anew for the same redaction for ever.
    assert_eq!(kept.catch_up(&journal).await.unwrap(), 0);
    let said = tables(&kept).await;
    let fresh = place.folder.path().join("fresh.db");
    let fresh = Projections::open(&fresh, vec![Box::new(Payloads), Box::new(Activity)]);
    let fresh = fresh.await.unwrap();
    fresh.catch_up(&journal).await.unwrap();
    assert_eq!(said, tables(&fresh).await);
}

#[tokio::test]
async fn a_broken_projection_file_is_made_anew() {
    let place = Place::new();
    let journal = place.filled(20).await;
    let first = projections(&place, "p.db").await;
    first.catch_up(&journal).await.unwrap();
    first.close().await;
    for bytes in [b"garbage".to_vec(), vec![0; 10_000]] {
        let path = place.folder.path().join("p.db");
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
        std::fs::write(&path, bytes).unwrap();
        let anew = projections(&place, "p.db").await;
        assert_eq!(anew.catch_up(&journal).await.unwrap(), 20);
        anew.close().await;
    }
}
