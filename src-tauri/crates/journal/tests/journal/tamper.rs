//! Every way to change a journal behind its back is found, with its place.

use deckwatch_journal::{FileAnchor, Flaw, Journal, Store};
use sqlx::{Connection, Row};

use crate::support::*;

/// The findings after `deed` on a journal of thirty events, as (seq, flaw).
async fn after(deed: &str) -> Vec<(Option<u64>, Flaw)> {
    let place = Place::new();
    let journal = place.filled(30).await;
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    unguarded(&place.path(), deed).await;
    let found = journal.verify(&[]).await.unwrap();
    assert_eq!(found.is_sound(), found.findings.is_empty());
    found
        .findings
        .into_iter()
        .map(|f| (f.seq, f.flaw))
        .collect()
}

#[tokio::test]
async fn every_changed_column_is_found_where_it_is() {
    for (deed, flaw) in [
        (
            "payload = CAST(replace(payload, 'v', 'w') AS BLOB)",
            Flaw::Payload,
        ),
        ("payload = CAST(payload || x'20' AS BLOB)", Flaw::Payload),
        ("payload = x''", Flaw::Payload),
        ("payload_hash = zeroblob(32)", Flaw::Payload),
        ("event_id = zeroblob(16)", Flaw::Fields),
        ("stream = 'stream/9', version = 1", Flaw::Fields),
        ("kind = 'test.kind-x'", Flaw::Fields),
        ("actor = replace(actor, 'ana', 'eva')", Flaw::Fields),
        ("occurred_at = occurred_at + 1", Flaw::Fields),
        ("recorded_at = recorded_at - 1", Flaw::Fields),
        ("prev_hash = zeroblob(32)", Flaw::Link),
        ("prev_hash = x'00'", Flaw::Link),
        ("hash = zeroblob(32)", Flaw::Hash),
        ("hash = x''", Flaw::Hash),
    ] {
        for seq in [1, 13, 30] {
            let found = after(&format!("UPDATE events SET {deed} WHERE seq = {seq}")).await;
            let flaw = match (&flaw, seq) {
                (Flaw::Link, 1) => Flaw::Start,
                _ => flaw.clone(),
            };
            assert!(
                found.contains(&(Some(seq), flaw)),
                "{deed} at {seq}: {found:?}"
            );
            // It is one place, and the findings say so: nothing far from it.
            assert!(
                found
                    .iter()
                    .all(|(at, _)| at
                        .is_none_or(|at| at.abs_diff(seq) <= 1 || deed.contains("stream"))),
                "{deed} at {seq}: {found:?}"
            );
        }
    }
}

#[tokio::test]
async fn every_byte_of_a_record_counts() {
    const COLUMNS: &str = "event_id, stream, kind, payload, payload_hash, actor, prev_hash, hash";
    let place = Place::new();
    let journal = place.filled(9).await;
    sql(&place.path(), "DROP TRIGGER events_stand").await;
    let mut conn = raw(&place.path()).await;
    let read = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM events WHERE seq = 7"));
    let row = sqlx::query(read).fetch_one(&mut conn).await.unwrap();
    for (index, column) in COLUMNS.split(", ").enumerate() {
        let was: Vec<u8> = row.get_unchecked(index);
        let text = matches!(column, "stream" | "kind" | "actor");
        let kind = if text { "TEXT" } else { "BLOB" };
        let set = format!("UPDATE events SET {column} = CAST(? AS {kind}) WHERE seq = 7");
        for offset in 0..was.len() {
            let mut bytes = was.clone();
            // Text must stay text; an id must not become another one's.
            bytes[offset] ^= if text {
                1 << (offset % 5)
            } else {
                0x40 | (1 << (offset % 7))
            };
            for (value, sound) in [(&bytes, false), (&was, true)] {
                let set = sqlx::AssertSqlSafe(set.clone());
                sqlx::query(set)
                    .bind(value.as_slice())
                    .execute(&mut conn)
                    .await
                    .unwrap();
                let found = journal.verify(&[]).await.unwrap();
                let here = found.findings.iter().any(|f| matches!(f.seq, Some(7 | 8)));
                assert_eq!(here, !sound, "{column} at {offset}: {found:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_removed_reordered_or_inserted_is_found() {
    let gone = after("DELETE FROM events WHERE seq = 11").await;
    assert!(
        gone.contains(&(Some(11), Flaw::Gone { from: 11, to: 11 })),
        "{gone:?}"
    );
    assert!(gone.contains(&(Some(12), Flaw::Link)), "{gone:?}");

    // Removed, and the numbers closed up behind it.
    let closed = after(
        "DELETE FROM events WHERE seq = 11; UPDATE events SET seq = seq - 1 WHERE seq > 11; \
         UPDATE head SET seq = seq - 1",
    )
    .await;
    assert!(closed.contains(&(Some(11), Flaw::Link)), "{closed:?}");

    let first = after("DELETE FROM events WHERE seq = 1").await;
    assert!(
        first.contains(&(Some(1), Flaw::Gone { from: 1, to: 1 })),
        "{first:?}"
    );

    let swapped = after(
        "UPDATE events SET seq = 1000 WHERE seq = 5; UPDATE events SET seq = 5 WHERE seq = 6; \
         UPDATE events SET seq = 6 WHERE seq = 1000",
    )
    .await;
    assert!(swapped.contains(&(Some(5), Flaw::Link)), "{swapped:?}");

    let inserted = after(
        "INSERT INTO events SELECT 31, zeroblob(16), 'x', 1, kind, payload, payload_hash, actor, \
         occurred_at, recorded_at, (SELECT hash FROM head), zeroblob(32) FROM events WHERE seq = 3; \
         UPDATE head SET seq = 31, hash = zeroblob(32)",
    )
    .await;
    assert!(inserted.contains(&(Some(31), Flaw::Fields)), "{inserted:?}");

    let all = after("DELETE FROM events").await;
    assert!(
        all.contains(&(Some(1), Flaw::Tail { noted: 30, last: 0 })),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_cut_tail_is_found_by_the_note_of_the_end_and_by_an_anchor() {
    let careless = after("DELETE FROM events WHERE seq > 20").await;
    assert!(
        careless.contains(&(
            Some(21),
            Flaw::Tail {
                noted: 30,
                last: 20
            }
        )),
        "{careless:?}"
    );

    let place = Place::new();
    let journal = place.filled(30).await;
    let anchor = FileAnchor::new(place.folder.path().join("anchor"));
    let early = journal.read(9, 1).await.unwrap();
    anchor.advance(&journal).await.unwrap();
    cut(&place.path(), 20).await;
    // Cleanly cut, the chain cannot know; this is what anchors are for.
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    let anchors = [
        deckwatch_journal::Head {
            seq: 10,
            hash: early[0].hash,
        },
        anchor.read().unwrap().unwrap(),
    ];
    let found = journal.verify(&anchors).await.unwrap();
    assert_eq!(found.findings.len(), 1, "{found:?}");
    assert_eq!(found.findings[0].flaw, Flaw::Cut { seq: 30, last: 20 });

    // Cut and grown again: the same number, another event.
    put(&journal, "forged", events(500..515)).await;
    let found = journal.verify(&anchors).await.unwrap();
    assert_eq!(found.findings.len(), 1, "{found:?}");
    assert_eq!(found.findings[0].flaw, Flaw::Rewritten { seq: 30 });
}

#[tokio::test]
async fn a_whole_rewrite_needs_an_anchor_and_is_found_by_one() {
    let (honest, forged) = (Place::new(), Place::new());
    let head = honest.filled(30).await.head().await.unwrap();
    let journal = forged.open().await;
    put(&journal, "stream/1", events(100..140)).await;
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    let found = journal.verify(&[head]).await.unwrap();
    assert_eq!(found.findings[0].flaw, Flaw::Rewritten { seq: 30 });
    // A number renumbered: the end's own hash is no longer the last event's.
    unguarded(&forged.path(), "UPDATE head SET hash = zeroblob(32)").await;
    let found = journal.verify(&[]).await.unwrap();
    assert_eq!(
        (found.findings[0].seq, &found.findings[0].flaw),
        (Some(40), &Flaw::End)
    );
}

#[tokio::test]
async fn a_blanked_payload_needs_its_redaction() {
    let found = after("UPDATE events SET payload = NULL WHERE seq = 8").await;
    assert_eq!(found, [(Some(8), Flaw::Blanked)]);

    let place = Place::new();
    let journal = place.filled(12).await;
    journal.redact(8, "a password", ana(), at(1)).await.unwrap();
    let sound = journal.verify(&[]).await.unwrap();
    assert!(sound.is_sound());
    assert_eq!(sound.redacted, 1);
    unguarded(
        &place.path(),
        r#"UPDATE events SET payload = CAST('{"v":1,"n":8}' AS BLOB) WHERE seq = 8"#,
    )
    .await;
    let found = journal.verify(&[]).await.unwrap();
    assert_eq!(found.findings[0].seq, Some(8));
    assert_eq!(found.findings[0].flaw, Flaw::Returned);
}

#[tokio::test]
async fn the_file_guards_itself_and_a_missing_guard_is_found() {
    let place = Place::new();
    let journal = place.filled(5).await;
    let mut conn = raw(&place.path()).await;
    for deed in [
        "DELETE FROM events WHERE seq = 5",
        "DELETE FROM events",
        "UPDATE events SET kind = 'x' WHERE seq = 2",
        "UPDATE events SET payload = x'7b7d' WHERE seq = 2",
        "UPDATE events SET payload = NULL, actor = 'x' WHERE seq = 2",
        "INSERT INTO events SELECT 9, zeroblob(16), 'x', 1, kind, payload, payload_hash, actor, \
         0, 0, hash, hash FROM events WHERE seq = 5",
        "INSERT INTO events SELECT 6, zeroblob(16), 'x', 1, kind, payload, payload_hash, actor, \
         0, 0, prev_hash, hash FROM events WHERE seq = 5",
        "REPLACE INTO events SELECT 5, event_id, stream, version, kind, payload, payload_hash, \
         actor, 0, 0, prev_hash, hash FROM events WHERE seq = 5",
    ] {
        let done = sqlx::raw_sql(deed).execute(&mut conn).await;
        assert!(done.is_err(), "{deed} was allowed");
    }
    conn.close().await.unwrap();
    assert!(journal.verify(&[]).await.unwrap().is_sound());

    sql(
        &place.path(),
        "DROP TRIGGER events_stay; CREATE TABLE lair (x)",
    )
    .await;
    let found = journal.verify(&[]).await.unwrap();
    let guards: Vec<_> = found.findings.iter().map(|f| f.to_string()).collect();
    assert_eq!(guards.len(), 2, "{guards:?}");
    assert!(
        guards[0].contains("events_stay") && guards[1].contains("lair"),
        "{guards:?}"
    );
}

/// Bytes flipped in the file itself, anywhere: found, or it was in no record and in no use.
#[tokio::test]
async fn bytes_flipped_in_the_file_never_pass_for_another_history() {
    let place = Place::new();
    let journal = place.filled(60).await;
    let truth = all(&journal).await;
    journal.close().await;
    sql(&place.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let sound = std::fs::read(place.path()).unwrap();
    let (mut found, mut unread) = (0, 0);
    for n in 0..250 {
        let offset = 100 + (n * 7919) % (sound.len() - 100);
        let mut bytes = sound.clone();
        bytes[offset] ^= 1 << (n % 8);
        let copy = place.folder.path().join("copy.db");
        std::fs::write(&copy, &bytes).unwrap();
        let verdict = match Journal::open_read_only(&copy).await {
            Ok(journal) => match journal.verify(&[]).await {
                Ok(found) if found.is_sound() => Some(all(&journal).await),
                _ => None,
            },
            Err(_) => None,
        };
        match verdict {
            None => found += 1,
            Some(history) => {
                unread += 1;
                assert!(
                    history == truth,
                    "byte {offset} changed the history unnoticed"
                );
            }
        }
        for ending in ["copy.db", "copy.db-wal", "copy.db-shm"] {
            let _ = std::fs::remove_file(place.folder.path().join(ending));
        }
    }
    assert!(
        found > 100,
        "{found} of 250 found, {unread} in unused space"
    );
}
