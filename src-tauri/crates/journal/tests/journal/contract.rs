//! What every store promises. Each test runs over the file and over memory.

use std::time::Duration;

use deckwatch_domain::{Digest, Epoch, EventId};
use deckwatch_journal::{
    AppendError, Expected, Fence, GENESIS, Head, Journal, JournalError, LARGEST_PAYLOAD,
    LeaseError, MemoryStore, Store,
};

use crate::support::*;

macro_rules! over_both {
    ($($name:ident),* $(,)?) => {
        mod file {
            $(#[tokio::test]
            async fn $name() {
                let place = super::Place::new();
                super::$name(&place.open().await).await;
            })*
        }
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::MemoryStore::new()).await;
            })*
        }
        /// The two must not merely both be right: they must give the same answers.
        #[tokio::test]
        async fn both_seal_the_same_chain() {
            let place = Place::new();
            let (file, memory) = (place.open().await, MemoryStore::new());
            for store in [&file as &dyn Store, &memory] {
                put(store, "a", events(1..4)).await;
                put(store, "b", events(4..9)).await;
                // Some of these ids are taken by the other stream.
                let mixed = store.append("a", Expected::Any, events(2..12), None, at(0)).await;
                assert!(mixed.is_err());
                put(store, "a", events(2..4)).await;
            }
            assert_eq!(all(&file).await, all(&memory).await);
            assert_eq!(file.head().await.unwrap(), memory.head().await.unwrap());
        }
    };
}

over_both!(
    numbers_have_no_gaps,
    a_chain_links_each_event_to_the_one_before,
    versions_are_the_lock,
    an_append_is_whole_or_not_at_all,
    an_id_is_absorbed_once,
    a_retry_after_success_succeeds,
    an_id_elsewhere_is_no_repeat,
    what_is_too_large_or_in_our_name_is_refused,
    reading_is_bounded_and_in_order,
    a_fence_holds_back_who_lost_the_lease,
    leases_are_taken_in_turn,
    an_epoch_never_falls,
    a_follower_sees_each_event_once,
);

async fn numbers_have_no_gaps(store: &dyn Store) {
    assert_eq!(
        store.head().await.unwrap(),
        Head {
            seq: 0,
            hash: GENESIS
        }
    );
    put(store, "a", events(1..4)).await;
    put(store, "b", events(4..5)).await;
    let refused = store
        .append("a", Expected::Version(9), events(5..6), None, at(0))
        .await;
    assert!(refused.is_err());
    put(store, "a", events(6..8)).await;
    let found = all(store).await;
    assert_eq!(
        found.iter().map(|e| e.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(
        found.iter().map(|e| e.version).collect::<Vec<_>>(),
        [1, 2, 3, 1, 4, 5]
    );
    let head = store.head().await.unwrap();
    assert_eq!((head.seq, head.hash), (6, found[5].hash));
}

async fn a_chain_links_each_event_to_the_one_before(store: &dyn Store) {
    put(store, "a", events(1..4)).await;
    let found = all(store).await;
    let mut last = GENESIS;
    for (event, given) in found.iter().zip(events(1..4)) {
        assert_eq!(event.prev_hash, last);
        assert_eq!(event.payload_hash, Digest::of(&given.payload));
        assert_eq!(event.payload.as_deref(), Some(given.payload.as_slice()));
        assert_eq!(
            (&event.actor, event.occurred_at),
            (&given.actor, given.occurred_at)
        );
        last = event.hash;
    }
}

async fn versions_are_the_lock(store: &dyn Store) {
    let append = |expected, n| store.append("a", expected, events(n..n + 1), None, at(0));
    append(Expected::Version(0), 1).await.unwrap();
    append(Expected::Version(1), 2).await.unwrap();
    for (wrong, n) in [(0, 3), (1, 4), (3, 5)] {
        let refused = append(Expected::Version(wrong), n).await.unwrap_err();
        let conflict = AppendError::Conflict {
            stream: "a".into(),
            expected: wrong,
            actual: 2,
        };
        assert_eq!(refused, conflict);
    }
    append(Expected::Any, 6).await.unwrap();
    assert_eq!(store.head().await.unwrap().seq, 3);
}

async fn an_append_is_whole_or_not_at_all(store: &dyn Store) {
    let mut many = events(1..6);
    many[3].payload = vec![b' '; LARGEST_PAYLOAD + 1];
    assert!(
        store
            .append("a", Expected::Any, many, None, at(0))
            .await
            .is_err()
    );
    put(store, "b", events(9..10)).await;
    let refused = store
        .append("a", Expected::Any, events(7..11), None, at(0))
        .await;
    assert!(matches!(refused, Err(AppendError::Duplicate { .. })));
    assert_eq!(store.head().await.unwrap().seq, 1);
    assert_eq!(put(store, "a", Vec::new()).await, []);
}

async fn an_id_is_absorbed_once(store: &dyn Store) {
    let first = put(store, "a", events(1..3)).await;
    let mut again = events(1..5);
    again[1].payload = b"{\"other\":true}".to_vec();
    let answer = store
        .append("a", Expected::Version(2), again, None, at(99))
        .await
        .unwrap();
    assert_eq!(&answer[..2], &first[..], "the first record stands");
    assert_eq!(
        answer.iter().map(|e| e.version).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(all(store).await.len(), 4);
}

async fn a_retry_after_success_succeeds(store: &dyn Store) {
    let row = store
        .lease_take("l", "me", None, Epoch(0), Duration::from_secs(1))
        .await
        .unwrap();
    let fence = Fence {
        lease: "l".into(),
        holder: "me".into(),
        epoch: row.epoch,
    };
    let append = || store.append("a", Expected::Version(0), events(1..4), Some(&fence), at(0));
    let first = append().await.unwrap();
    // Neither the version, which its own first try moved, nor a lease lost since stands against
    // being told what was recorded.
    store.lease_release("l", "me", row.epoch).await.unwrap();
    assert_eq!(append().await.unwrap(), first);
    let more = store
        .append("a", Expected::Any, events(1..5), Some(&fence), at(0))
        .await;
    assert!(
        matches!(more, Err(AppendError::Fenced { .. })),
        "but something new is fenced"
    );
}

async fn an_id_elsewhere_is_no_repeat(store: &dyn Store) {
    put(store, "a", events(1..2)).await;
    let other_stream = store
        .append("b", Expected::Any, events(1..2), None, at(0))
        .await;
    assert!(matches!(other_stream, Err(AppendError::Duplicate { stream, .. }) if stream == "a"));
    let mut other_kind = events(1..2);
    other_kind[0].kind = "other".into();
    let other_kind = store
        .append("a", Expected::Any, other_kind, None, at(0))
        .await;
    assert!(matches!(other_kind, Err(AppendError::Duplicate { .. })));
}

async fn what_is_too_large_or_in_our_name_is_refused(store: &dyn Store) {
    let refused = async |stream: &str, change: fn(&mut deckwatch_journal::NewEvent)| {
        let mut events = events(1..3);
        change(&mut events[1]);
        let answer = store
            .append(stream, Expected::Any, events, None, at(0))
            .await;
        assert!(
            matches!(answer, Err(AppendError::Journal(JournalError::Refused(_)))),
            "{stream}: {answer:?}"
        );
    };
    refused("", |_| {}).await;
    refused("a\nb", |_| {}).await;
    refused(&"x".repeat(257), |_| {}).await;
    refused("journal", |_| {}).await;
    refused("a", |e| e.kind = String::new()).await;
    refused("a", |e| e.kind = "journal.redacted".into()).await;
    refused("a", |e| e.payload = vec![b'1'; LARGEST_PAYLOAD + 1]).await;
    refused("a", |e| e.event_id = EventId::from_u128(1)).await;
    refused("a", |e| e.actor.id = "x".repeat(5000)).await;
    assert_eq!(store.head().await.unwrap().seq, 0);
    let mut largest = events(1..2);
    largest[0].payload = vec![b'1'; LARGEST_PAYLOAD];
    put(store, "a", largest).await;
}

async fn reading_is_bounded_and_in_order(store: &dyn Store) {
    put(store, "a", events(1..6)).await;
    put(store, "b", events(6..8)).await;
    let seqs =
        |found: Vec<deckwatch_journal::Recorded>| found.iter().map(|e| e.seq).collect::<Vec<_>>();
    assert_eq!(seqs(store.read(0, 3).await.unwrap()), [1, 2, 3]);
    assert_eq!(seqs(store.read(5, 100).await.unwrap()), [6, 7]);
    assert!(seqs(store.read(0, 0).await.unwrap()).is_empty());
    assert!(seqs(store.read(u64::MAX, usize::MAX).await.unwrap()).is_empty());
    assert_eq!(seqs(store.read_stream("a", 2, 2).await.unwrap()), [3, 4]);
    assert_eq!(seqs(store.read_stream("b", 0, 9).await.unwrap()), [6, 7]);
    assert!(seqs(store.read_stream("c", 0, 9).await.unwrap()).is_empty());
    assert!(seqs(store.read_stream("a", u64::MAX, 9).await.unwrap()).is_empty());
}

async fn a_fence_holds_back_who_lost_the_lease(store: &dyn Store) {
    let ttl = Duration::from_secs(1);
    let append = async |holder: &str, epoch: Epoch, n: u128| {
        let fence = Fence {
            lease: "l".into(),
            holder: holder.into(),
            epoch,
        };
        store
            .append("a", Expected::Any, events(n..n + 1), Some(&fence), at(0))
            .await
    };
    let never = append("me", Epoch(1), 1).await.unwrap_err();
    assert!(matches!(never, AppendError::Fenced { found: None, .. }));
    let mine = store
        .lease_take("l", "me", None, Epoch(0), ttl)
        .await
        .unwrap();
    append("me", mine.epoch, 2).await.unwrap();
    assert!(append("you", mine.epoch, 3).await.is_err());
    assert!(append("me", mine.epoch.next(), 4).await.is_err());
    let yours = store
        .lease_take("l", "you", Some((mine.epoch, 0)), Epoch(0), ttl)
        .await
        .unwrap();
    let lost = append("me", mine.epoch, 5).await.unwrap_err();
    assert!(matches!(lost, AppendError::Fenced { found: Some(row), .. } if *row == yours));
    append("you", yours.epoch, 6).await.unwrap();
    // Raising the epoch shuts out what was fenced with the old one, also of the holder itself.
    let raised = store
        .lease_raise("l", "you", yours.epoch, Epoch(40))
        .await
        .unwrap();
    assert_eq!(raised.epoch, Epoch(40));
    assert!(append("you", yours.epoch, 7).await.is_err());
    append("you", Epoch(40), 8).await.unwrap();
    store.lease_release("l", "you", Epoch(40)).await.unwrap();
    assert!(append("you", Epoch(40), 9).await.is_err());
    assert_eq!(store.head().await.unwrap().seq, 3);
}

async fn leases_are_taken_in_turn(store: &dyn Store) {
    let ttl = Duration::from_millis(1500);
    let take = |holder: &'static str, seen| store.lease_take("l", holder, seen, Epoch(0), ttl);
    assert_eq!(store.lease("l").await.unwrap(), None);
    let a = take("a", None).await.unwrap();
    assert_eq!((a.epoch, a.beat, a.ttl), (Epoch(1), 0, ttl));
    assert_eq!(store.lease("l").await.unwrap(), Some(a.clone()));
    assert_eq!(take("b", None).await, Err(LeaseError::Held(a.clone())));

    let beaten = store.lease_beat("l", "a", a.epoch).await.unwrap();
    assert_eq!(beaten.beat, 1);
    // It moved since it was seen.
    let late = take("b", Some((a.epoch, 0))).await;
    assert_eq!(late, Err(LeaseError::Held(beaten)));
    let b = take("b", Some((a.epoch, 1))).await.unwrap();
    assert_eq!(
        (b.epoch, b.beat, b.holder.as_deref()),
        (Epoch(2), 0, Some("b"))
    );

    let lost = LeaseError::Lost {
        name: "l".into(),
        found: Some(b.clone()),
    };
    assert_eq!(store.lease_beat("l", "a", a.epoch).await, Err(lost.clone()));
    assert_eq!(
        store.lease_release("l", "a", a.epoch).await,
        Err(lost.clone())
    );
    assert_eq!(
        store.lease_raise("l", "a", a.epoch, Epoch(9)).await,
        Err(lost)
    );
    store.lease_release("l", "b", b.epoch).await.unwrap();
    store.lease_release("l", "b", b.epoch).await.unwrap();
    assert_eq!(store.lease("l").await.unwrap().unwrap().holder, None);
    assert!(store.lease_beat("l", "b", b.epoch).await.is_err());
    // Free: whoever comes first, whatever they saw.
    assert_eq!(
        take("c", Some((Epoch(1), 7))).await.unwrap().epoch,
        Epoch(3)
    );
    assert!(take("", None).await.is_err());
}

async fn an_epoch_never_falls(store: &dyn Store) {
    let ttl = Duration::from_secs(1);
    let a = store
        .lease_take("l", "a", None, Epoch(17), ttl)
        .await
        .unwrap();
    assert_eq!(a.epoch, Epoch(17));
    let same = store
        .lease_raise("l", "a", a.epoch, Epoch(3))
        .await
        .unwrap();
    assert_eq!((same.epoch, same.beat), (Epoch(17), 1));
    store.lease_release("l", "a", a.epoch).await.unwrap();
    let b = store
        .lease_take("l", "b", None, Epoch(5), ttl)
        .await
        .unwrap();
    assert_eq!(b.epoch, Epoch(18));
    let too_far = store.lease_raise("l", "b", b.epoch, Epoch(u64::MAX)).await;
    assert!(matches!(
        too_far,
        Err(LeaseError::Journal(JournalError::Refused(_)))
    ));
    assert_eq!(store.lease("l").await.unwrap(), Some(b));
}

async fn a_follower_sees_each_event_once(store: &dyn Store) {
    put(store, "a", events(1..4)).await;
    let mut late = store.subscribe(2);
    let mut early = store.subscribe(0);
    assert_eq!(late.next().await.unwrap()[0].seq, 3);
    let mut seen = Vec::new();
    for round in 0..20_u128 {
        let from = 4 + round * 3;
        put(store, "b", events(from..from + 3)).await;
        while seen.len() < (from + 2) as usize {
            seen.extend(early.next().await.unwrap());
        }
    }
    assert_eq!(seen, all(store).await);
    assert_eq!(early.position(), 63);
    let mut lost = store.subscribe(1000);
    assert!(
        matches!(lost.next().await, Err(JournalError::Refused(_))),
        "another journal's number"
    );
    // Nothing more: it waits, and dropping the wait loses nothing.
    let idle = tokio::time::timeout(Duration::from_millis(60), early.next()).await;
    assert!(idle.is_err());
    put(store, "c", events(100..101)).await;
    assert_eq!(early.next().await.unwrap()[0].seq, 64);
}

/// A dropped append happened whole or not at all, and the next one is not held up by it.
#[tokio::test]
async fn a_dropped_append_leaves_nothing_open() {
    let place = Place::new();
    let journal = place.open().await;
    for n in 0..200_u128 {
        let batch = events(n * 10..n * 10 + 10);
        let mut append = Box::pin(journal.append("a", Expected::Any, batch, None, at(0)));
        let limit = Duration::from_micros((n as u64 * 37) % 3000);
        let _ = tokio::time::timeout(limit, &mut append).await;
    }
    let found = put(&journal, "b", events(9000..9001)).await;
    let count = found[0].seq - 1;
    assert_eq!(count % 10, 0, "{count} events: an append was torn");
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    let other = Journal::open_with(&place.path(), impatient())
        .await
        .unwrap();
    put(&other, "b", events(9001..9002)).await;
}
