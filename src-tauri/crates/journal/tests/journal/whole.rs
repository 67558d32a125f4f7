//! What is done to a journal as a whole: out, in, copied, redacted, set aside.

use deckwatch_journal::{
    Flaw, GENESIS, Head, Journal, JournalError, NewEvent, Recorded, Store, set_aside,
};

use crate::support::*;

async fn exported(journal: &Journal) -> Vec<u8> {
    let mut out = Vec::new();
    journal.export(&mut out).await.unwrap();
    out
}

async fn odd_journal(place: &Place) -> Journal {
    let journal = place.filled(20).await;
    let payloads: [&[u8]; 8] = [
        b"null",
        b"",
        b"\xff\x00",
        b" {}",
        b"{\"b\":1,\"a\":1.0e3,\"a\":2}",
        b"[\n1]",
        b"\"\\u0041\"",
        "\"é\u{2028}\"".as_bytes(),
    ];
    let odd: Vec<_> = payloads
        .iter()
        .enumerate()
        .map(|(n, payload)| NewEvent {
            payload: payload.to_vec(),
            ..event(100 + n as u128)
        })
        .collect();
    put(&journal, "odd \"stream\" ünïcode", odd).await;
    let mut named = event(200);
    named.actor.display = Some("Ana \"the\" Great".into());
    put(&journal, "a", vec![named]).await;
    journal
        .redact(5, "it named a person", ana(), at(7))
        .await
        .unwrap();
    journal
}

#[tokio::test]
async fn an_export_comes_back_byte_for_byte() {
    let (from, to) = (Place::new(), Place::new());
    let journal = odd_journal(&from).await;
    let text = exported(&journal).await;
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    assert_eq!(lines.len(), 31, "thirty events and the end");
    let first: Recorded = serde_json::from_slice(lines[0]).unwrap();
    assert_eq!(first, all(&journal).await[0]);

    let copy = to.open().await;
    let anchors = [journal.head().await.unwrap()];
    let verification = copy.import(&mut text.as_slice(), &anchors).await.unwrap();
    assert_eq!((verification.events, verification.redacted), (30, 1));
    assert_eq!(all(&copy).await, all(&journal).await);
    assert!(copy.verify(&anchors).await.unwrap().is_sound());
    assert_eq!(exported(&copy).await, text);
    // It goes on from there.
    let next = put(&copy, "a", events(300..301)).await;
    assert_eq!((next[0].seq, next[0].prev_hash), (31, anchors[0].hash));
    let again = copy.import(&mut text.as_slice(), &[]).await;
    assert!(
        matches!(again, Err(JournalError::Refused(_))),
        "only into an empty journal"
    );
}

#[tokio::test]
async fn an_import_that_is_not_sound_leaves_nothing() {
    let (from, to) = (Place::new(), Place::new());
    let journal = odd_journal(&from).await;
    let head = journal.head().await.unwrap();
    let text = String::from_utf8(exported(&journal).await).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let copy = to.open().await;
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(3, 4);
        lines.join("\n")
    };
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat().join("\n");
    for (name, bad) in [
        (
            "a changed payload",
            text.replacen("\"n\":7}", "\"n\":8}", 1),
        ),
        ("a changed actor", text.replacen("ana@", "eva@", 1)),
        ("a changed time", text.replacen("00.000Z", "00.001Z", 1)),
        ("two lines swapped", swapped),
        ("a line removed", without(9)),
        ("the first line removed", without(0)),
        ("the last line removed", without(29)),
        ("the redaction removed", lines[..29].join("\n")),
        ("half a line", text[..text.len() - 50].to_owned()),
        ("something added", format!("{text}{{}}\n")),
        (
            "an unknown field",
            text.replacen("\"seq\":1,", "\"seq\":1,\"x\":1,", 1),
        ),
        ("no JSON", "hello\n".to_owned()),
        ("an endless line", "x".repeat(3 * 1024 * 1024)),
        ("nothing at all", String::new()),
    ] {
        let done = copy.import(&mut bad.as_bytes(), &[head]).await;
        assert!(
            matches!(done, Err(JournalError::Refused(_))),
            "{name}: {done:?}"
        );
        assert_eq!(
            copy.head().await.unwrap(),
            Head {
                seq: 0,
                hash: GENESIS
            },
            "{name}"
        );
    }
    let cut = copy
        .import(&mut lines[..25].join("\n").as_bytes(), &[head])
        .await;
    assert!(cut.is_err(), "a cut tail, with an anchor");
    copy.import(&mut text.as_bytes(), &[head]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_whole_while_others_write() {
    let place = Place::new();
    let journal = place.filled(40).await;
    let writer = {
        let journal = journal.clone();
        tokio::spawn(async move {
            for n in 0..120 {
                put(&journal, "busy", events(1000 + n * 2..1002 + n * 2)).await;
            }
        })
    };
    let mut last = 0;
    for n in 0..4 {
        let to = place.folder.path().join(format!("backup-{n}.db"));
        let found = journal.backup(&to).await.unwrap();
        assert!(found.is_sound() && found.head.seq >= last);
        last = found.head.seq;
        let copy = Journal::open(&to).await.unwrap();
        let events = all(&copy).await;
        assert_eq!(events.len() as u64, found.head.seq);
        assert_eq!(events, journal.read(0, events.len()).await.unwrap());
        // A backup is a journal.
        put(&copy, "after", events_of_copy()).await;
        assert!(copy.verify(&[found.head]).await.unwrap().is_sound());
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&to).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let taken = journal.backup(&to).await;
        assert!(
            matches!(taken, Err(JournalError::Refused(_))),
            "never over another file"
        );
    }
    writer.await.unwrap();
    let leftovers = std::fs::read_dir(place.folder.path())
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("partial")
        })
        .count();
    assert_eq!(leftovers, 0);
}

fn events_of_copy() -> Vec<NewEvent> {
    events(9000..9001)
}

#[tokio::test]
async fn a_redacted_payload_leaves_the_file() {
    let place = Place::new();
    let journal = place.filled(10).await;
    let secret = "correct-horse-battery-staple";
    let long = format!("{{\"token\":\"{}\"}}", secret.repeat(300));
    let kept = put(
        &journal,
        "a",
        vec![NewEvent {
            payload: long.into_bytes(),
            ..event(50)
        }],
    )
    .await;
    put(&journal, "a", events(60..80)).await;
    let before = journal.head().await.unwrap();
    let said = journal
        .redact(kept[0].seq, "a token", ana(), at(5))
        .await
        .unwrap();
    assert_eq!(
        (said.stream.as_str(), said.kind.as_str()),
        ("journal", "journal.redacted")
    );
    assert_eq!((said.seq, said.prev_hash), (before.seq + 1, before.hash));

    let found = &journal.read(kept[0].seq - 1, 1).await.unwrap()[0];
    assert_eq!(
        found,
        &Recorded {
            payload: None,
            ..kept[0].clone()
        }
    );
    let verification = journal.verify(&[before]).await.unwrap();
    assert!(verification.is_sound(), "{verification:?}");
    for name in ["journal.db", "journal.db-wal"] {
        let bytes = std::fs::read(place.folder.path().join(name)).unwrap_or_default();
        let there = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!there, "the secret is still in {name}");
    }
    for (seq, reason) in [
        (kept[0].seq, "again"),
        (said.seq, "hide it"),
        (0, "x"),
        (999, "x"),
        (2, " "),
    ] {
        let refused = journal.redact(seq, reason, ana(), at(6)).await;
        assert!(
            matches!(refused, Err(JournalError::Refused(_))),
            "{seq}: {refused:?}"
        );
    }
    assert_eq!(journal.head().await.unwrap().seq, said.seq);
}

#[tokio::test]
async fn a_damaged_journal_is_set_aside_and_named_by_the_next() {
    let place = Place::new();
    let journal = place.filled(200).await;
    let sound = journal.read(99, 1).await.unwrap().remove(0);
    assert_eq!(
        set_aside(&place.path(), None, ana(), at(0)).await.unwrap(),
        None,
        "it is sound"
    );
    sql(&place.path(), "DROP TRIGGER events_stand").await;
    let change = "UPDATE events SET actor = replace(actor, 'ana', 'eva') WHERE seq = 101";
    sql(&place.path(), change).await;

    let to = set_aside(&place.path(), None, ana(), at(0))
        .await
        .unwrap()
        .unwrap()
        .to;
    let name = to.file_name().unwrap().to_str().unwrap();
    assert_eq!(name, "journal.corrupt-20260101T000000000Z.db");
    // Who still had it open is told, and nothing goes into the old file any more.
    let refused = journal.append(
        "a",
        deckwatch_journal::Expected::Any,
        events(900..901),
        None,
        at(1),
    );
    assert!(refused.await.is_err());
    assert_eq!(journal.head().await, Err(JournalError::Replaced));
    assert_eq!(
        set_aside(&place.path(), None, ana(), at(9)).await.unwrap(),
        None,
        "once is enough"
    );

    let next = place.open().await;
    let began = all(&next).await.remove(0);
    assert_eq!(
        (began.kind.as_str(), began.prev_hash),
        ("journal.began", sound.hash)
    );
    let payload: serde_json::Value = serde_json::from_slice(&began.payload.unwrap()).unwrap();
    // Event 101 was in doubt; so the last sound one is the hundredth.
    assert_eq!(payload["predecessor"]["seq"], 100);
    assert_eq!(payload["predecessor"]["hash"], sound.hash.to_string());
    assert_eq!(payload["set_aside"], to.to_str().unwrap());
    put(&next, "a", events(900..905)).await;
    assert!(next.verify(&[]).await.unwrap().is_sound());
    let old = Journal::open_read_only(&to)
        .await
        .unwrap()
        .verify(&[])
        .await
        .unwrap();
    assert_eq!((old.events, old.sound_to.seq), (200, 100));
    assert!(
        old.findings
            .iter()
            .any(|f| f.seq == Some(101) && f.flaw == Flaw::Fields)
    );
}

#[tokio::test]
async fn a_journal_that_continues_another_travels_too() {
    let place = Place::new();
    place.filled(20).await.close().await;
    sql(&place.path(), "DROP TRIGGER events_stay").await;
    set_aside(&place.path(), None, ana(), at(0))
        .await
        .unwrap()
        .unwrap();
    let next = place.open().await;
    put(&next, "a", events(900..905)).await;
    // Its export is a journal that begins in the middle of a chain, and says so.
    let text = exported(&next).await;
    let copy = Journal::open(&place.folder.path().join("copy.db"))
        .await
        .unwrap();
    copy.import(&mut text.as_slice(), &[]).await.unwrap();
    let forged = String::from_utf8(text)
        .unwrap()
        .replacen("predecessor", "predecessoR", 1);
    let copy = Journal::open(&place.folder.path().join("forged.db"))
        .await
        .unwrap();
    assert!(copy.import(&mut forged.as_bytes(), &[]).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_set_aside_too() {
    for damage in ["zeros", "half", "text"] {
        let place = Place::new();
        place.filled(100).await.close().await;
        sql(&place.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
        let whole = std::fs::read(place.path()).unwrap();
        let damaged = match damage {
            "zeros" => vec![0; whole.len()],
            "half" => whole[..whole.len() / 2].to_vec(),
            _ => b"this is not a journal".to_vec(),
        };
        std::fs::write(place.path(), &damaged).unwrap();
        let to = set_aside(&place.path(), None, ana(), at(0))
            .await
            .unwrap()
            .unwrap()
            .to;
        assert_eq!(std::fs::read(&to).unwrap(), damaged, "kept as it was found");
        let next = place.open().await;
        assert_eq!(all(&next).await[0].kind, "journal.began");
        assert!(next.verify(&[]).await.unwrap().is_sound());
    }
    let nothing = Place::new();
    assert_eq!(
        set_aside(&nothing.path(), None, ana(), at(0))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn of_several_who_find_the_damage_one_acts() {
    let place = Place::new();
    place.filled(30).await.close().await;
    std::fs::write(place.path(), b"broken").unwrap();
    let path = place.path();
    let all_at_once = (0..5).map(|_| set_aside(&path, None, ana(), at(0)));
    let done = futures_util::future::join_all(all_at_once).await;
    let moved = done.into_iter().filter_map(|done| done.unwrap()).count();
    assert_eq!(moved, 1);
}
