//! A head noted outside of the journal: it moves on along one journal, and what is not as it was
//! noted is said, set aside or vouched for.

use std::path::Path;
use std::time::Duration;

use deckwatch_journal::{FileAnchor, Flaw, GENESIS, Head, JournalError, Recorded, Store};
use deckwatch_journal::{Journal, set_aside};
use serde_json::{Value, json};

use crate::support::*;

fn anchor(place: &Place) -> FileAnchor {
    FileAnchor::new(place.folder.path().join("anchor"))
}

/// Thirty events, all of them noted; nobody has the file open.
async fn noted() -> (Place, FileAnchor, Head) {
    let place = Place::new();
    let journal = place.filled(30).await;
    let anchor = anchor(&place);
    let head = anchor.advance(&journal).await.unwrap();
    journal.close().await;
    (place, anchor, head)
}

/// Another sound journal takes this one's place.
async fn swap(place: &Place, events_in_it: u128) {
    let other = Place::new();
    let journal = other.open().await;
    put(&journal, "other", events(500..500 + events_in_it)).await;
    journal.close().await;
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", place.path().display()));
    }
    std::fs::copy(other.path(), place.path()).unwrap();
}

fn said(event: &Recorded) -> Value {
    serde_json::from_slice(event.payload.as_deref().unwrap()).unwrap()
}

fn head_of(event: &Recorded) -> Head {
    Head {
        seq: event.seq,
        hash: event.hash,
    }
}

fn kept(anchor: &FileAnchor, ending: &str) -> Option<Head> {
    let path = format!("{}{ending}", anchor.path().display());
    FileAnchor::new(Path::new(&path)).read().unwrap()
}

#[tokio::test]
async fn a_note_follows_the_head() {
    let place = Place::new();
    let (journal, anchor) = (place.open().await, anchor(&place));
    assert_eq!(anchor.read().unwrap(), None);
    anchor.advance(&journal).await.unwrap();
    assert_eq!(anchor.read().unwrap(), None, "there is nothing to note yet");
    for n in [1, 2, 40] {
        put(&journal, "a", events(n * 100..n * 100 + n)).await;
        let head = anchor.advance(&journal).await.unwrap();
        assert_eq!(head, journal.head().await.unwrap());
        assert_eq!(anchor.read().unwrap(), Some(head));
    }
    std::fs::write(anchor.path(), b"{").unwrap();
    for _ in 0..2 {
        let broken = anchor.advance(&journal).await;
        assert!(
            matches!(broken, Err(JournalError::Corrupt { .. })),
            "a broken note is evidence, too: {broken:?}"
        );
    }
}

#[tokio::test]
async fn a_note_is_never_overwritten_by_a_journal_that_lacks_the_noted_event() {
    // Cut; cut and grown again beyond the note; another one, shorter and longer; an empty one.
    for (case, wanted) in [
        ("cut", Flaw::Cut { seq: 30, last: 20 }),
        ("grown", Flaw::Rewritten { seq: 30 }),
        ("shorter", Flaw::Cut { seq: 30, last: 7 }),
        ("longer", Flaw::Rewritten { seq: 30 }),
        ("empty", Flaw::Cut { seq: 30, last: 0 }),
    ] {
        let (place, anchor, head) = noted().await;
        match case {
            "cut" => cut(&place.path(), 20).await,
            "grown" => {
                cut(&place.path(), 20).await;
                put(&place.open().await, "forged", events(500..540)).await;
            }
            "shorter" => swap(&place, 7).await,
            "longer" => swap(&place, 70).await,
            _ => std::fs::remove_file(place.path()).unwrap(),
        }
        let journal = place.open().await;
        assert!(journal.verify(&[]).await.unwrap().is_sound(), "{case}");
        let refused = anchor.advance(&journal).await;
        assert_eq!(
            refused,
            Err(JournalError::Unanchored(wanted.clone())),
            "{case}"
        );
        assert_eq!(anchor.read().unwrap(), Some(head), "{case}");
        let found = journal.verify(&[head]).await.unwrap();
        assert_eq!(found.findings[0].flaw, wanted, "{case}");
    }
}

#[tokio::test]
async fn a_note_never_goes_back() {
    let place = Place::new();
    let (journal, anchor) = (place.filled(10).await, anchor(&place));
    // It means to note event 10, and has to wait while another program notes event 11.
    let turn = std::fs::File::create(place.folder.path().join("anchor.lock")).unwrap();
    turn.lock().unwrap();
    let slow = tokio::spawn({
        let (journal, anchor) = (journal.clone(), anchor.clone());
        async move { anchor.advance(&journal).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!slow.is_finished());
    put(&journal, "a", events(900..901)).await;
    let head = journal.head().await.unwrap();
    std::fs::write(anchor.path(), serde_json::to_vec(&head).unwrap()).unwrap();
    drop(turn);
    assert_eq!(slow.await.unwrap(), Ok(head));
    assert_eq!(anchor.read().unwrap(), Some(head));
    // And with several at once.
    let tasks = (0..6_u128).map(|task| {
        let (path, anchor) = (place.path(), anchor.clone());
        tokio::spawn(async move {
            let journal = Journal::open(&path).await.unwrap();
            for n in 0..25 {
                let id = 1000 * (task + 1) + n;
                put(&journal, "a", events(id..id + 1)).await;
                let head = anchor.advance(&journal).await.unwrap();
                let noted = anchor.read().unwrap().unwrap();
                assert!(noted.seq >= head.seq, "{noted:?} after {head:?}");
            }
        })
    });
    for done in futures_util::future::join_all(tasks).await {
        done.unwrap();
    }
    assert_eq!(anchor.read().unwrap(), Some(journal.head().await.unwrap()));
}

#[tokio::test]
async fn what_is_not_as_it_was_noted_is_set_aside() {
    for (case, reason, last_sound) in [
        ("cut", "event 30, but the journal ends at 20", 20),
        ("another", "knows another event 30", 29),
        ("gone", "event 30, but the journal ends at 0", 0),
        ("unreadable", "cannot be read", 30),
    ] {
        let (place, anchor, head) = noted().await;
        match case {
            "cut" => cut(&place.path(), 20).await,
            "another" => swap(&place, 50).await,
            "gone" => std::fs::remove_file(place.path()).unwrap(),
            _ => std::fs::write(anchor.path(), b"{").unwrap(),
        }
        let aside = set_aside(&place.path(), Some(&anchor), ana(), at(0)).await;
        let aside = aside.unwrap().expect(case);
        assert!(aside.reason.contains(reason), "{case}: {}", aside.reason);
        let old = Journal::open_read_only(&aside.to).await.unwrap();
        let whole = all(&old).await;
        let sound = whole.get(last_sound - usize::from(last_sound > 0));
        let journal = place.open().await;
        let began = all(&journal).await.remove(0);
        let noted = (case != "unreadable").then_some(head);
        let predecessor = Head {
            seq: last_sound as u64,
            hash: sound.map_or(GENESIS, |event| event.hash),
        };
        assert_eq!(began.kind, "journal.began", "{case}");
        assert_eq!(said(&began)["predecessor"], json!(predecessor), "{case}");
        assert_eq!(said(&began)["noted"], json!(noted), "{case}");
        assert_eq!(said(&began)["reason"], aside.reason, "{case}");
        // The note begins anew, the old one is kept, and life goes on.
        assert_eq!(anchor.read().unwrap(), Some(head_of(&began)), "{case}");
        if noted.is_some() {
            assert_eq!(kept(&anchor, ".old"), noted, "{case}");
        }
        let again = set_aside(&place.path(), Some(&anchor), ana(), at(1)).await;
        assert_eq!(again.unwrap(), None, "{case}");
        put(&journal, "a", events(900..905)).await;
        let head = anchor.advance(&journal).await.unwrap();
        assert!(journal.verify(&[head]).await.unwrap().is_sound());
    }
    let nothing = Place::new();
    let fresh = set_aside(&nothing.path(), Some(&anchor(&nothing)), ana(), at(0)).await;
    assert_eq!(fresh.unwrap(), None);
    assert!(!nothing.path().exists());
}

#[tokio::test]
async fn every_old_note_is_kept() {
    let (place, anchor, first) = noted().await;
    cut(&place.path(), 20).await;
    let path = place.path();
    let aside = |now| set_aside(&path, Some(&anchor), ana(), at(now));
    aside(0).await.unwrap().unwrap();
    let journal = place.open().await;
    put(&journal, "a", events(900..905)).await;
    let second = anchor.advance(&journal).await.unwrap();
    journal.close().await;
    cut(&place.path(), 3).await;
    aside(1).await.unwrap().unwrap();
    assert_eq!(kept(&anchor, ".old"), Some(first));
    assert_eq!(kept(&anchor, ".old-1"), Some(second));
}

#[tokio::test]
async fn somebody_can_vouch_for_a_journal_as_it_stands() {
    let (place, anchor, head) = noted().await;
    let journal = place.open().await;
    assert_eq!(
        journal.trust(&anchor, ana(), at(0)).await,
        Ok(None),
        "nothing is wrong with it"
    );
    assert_eq!(journal.head().await.unwrap(), head);
    journal.close().await;
    cut(&place.path(), 20).await;
    let journal = place.open().await;
    let reason = journal.trust(&anchor, ana(), at(0)).await.unwrap().unwrap();
    assert!(reason.contains("ends at 20"), "{reason}");
    let event = all(&journal).await.pop().unwrap();
    assert_eq!(
        (event.stream.as_str(), event.kind.as_str(), event.seq),
        ("journal", "journal.trusted", 21)
    );
    assert_eq!(event.actor, ana());
    assert_eq!(said(&event)["noted"], json!(head));
    assert_eq!(said(&event)["reason"], reason);
    assert_eq!(anchor.read().unwrap(), Some(head_of(&event)));
    assert_eq!(kept(&anchor, ".old"), Some(head));
    put(&journal, "a", events(900..905)).await;
    let head = anchor.advance(&journal).await.unwrap();
    assert!(journal.verify(&[head]).await.unwrap().is_sound());
    assert_eq!(journal.trust(&anchor, ana(), at(1)).await, Ok(None));
}

#[tokio::test]
async fn nobody_can_vouch_for_a_broken_chain() {
    let (place, anchor, head) = noted().await;
    cut(&place.path(), 20).await;
    let change = "UPDATE events SET actor = replace(actor, 'ana', 'eva') WHERE seq = 11";
    unguarded(&place.path(), change).await;
    let journal = place.open().await;
    let refused = journal.trust(&anchor, ana(), at(0)).await;
    assert!(
        matches!(&refused, Err(JournalError::Refused(why)) if why.contains("event 11")),
        "{refused:?}"
    );
    assert_eq!(journal.head().await.unwrap().seq, 20);
    assert_eq!(anchor.read().unwrap(), Some(head));
}

#[tokio::test]
async fn a_superuser_leaves_nothing_that_locks_the_owner_out() {
    use std::os::unix::fs::{MetadataExt, chown};
    let (place, anchor, _) = noted().await;
    std::fs::remove_file(anchor.path()).unwrap();
    std::fs::remove_file(place.folder.path().join("anchor.lock")).unwrap();
    if chown(place.folder.path(), Some(65534), Some(65534)).is_err() {
        eprintln!("not run: only a superuser can give a folder away");
        return;
    }
    let journal = place.open().await;
    anchor.advance(&journal).await.unwrap();
    journal.close().await;
    cut(&place.path(), 20).await;
    let journal = place.open().await;
    journal.trust(&anchor, ana(), at(0)).await.unwrap().unwrap();
    for name in ["anchor", "anchor.lock", "anchor.old"] {
        let found = std::fs::metadata(place.folder.path().join(name)).unwrap();
        assert_eq!(found.uid(), 65534, "{name}");
    }
}
