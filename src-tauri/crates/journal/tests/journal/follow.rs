//! Following within one process: many followers, fast writers, and no event missed or repeated.

use std::time::{Duration, Instant};

use deckwatch_journal::{Expected, Journal, MemoryStore, Store};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_followers_and_writers_agree_on_the_order() {
    let place = Place::new();
    let journal = place.open().await;
    // A second handle is to the first what another program is.
    let stranger = place.open().await;
    let followers: Vec<_> = (0..6)
        .map(|n| {
            let source = if n % 2 == 0 {
                journal.clone()
            } else {
                stranger.clone()
            };
            tokio::spawn(async move {
                let mut follower = source.subscribe(0);
                let mut seen = Vec::new();
                while seen.len() < 300 {
                    seen.extend(follower.next().await.unwrap());
                }
                seen
            })
        })
        .collect();
    let writers: Vec<_> = (0..4_u128)
        .map(|w| {
            let store = if w % 2 == 0 {
                journal.clone()
            } else {
                stranger.clone()
            };
            tokio::spawn(async move {
                for n in 0..25 {
                    let from = w * 1000 + n * 3;
                    put(&store, &format!("writer/{w}"), events(from..from + 3)).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let truth = all(&journal).await;
    assert_eq!(truth.len(), 300);
    for follower in followers {
        assert!(follower.await.unwrap() == truth);
    }
    assert!(journal.verify(&[]).await.unwrap().is_sound());
}

#[tokio::test]
async fn own_commits_wake_at_once_and_others_within_a_poll() {
    let place = Place::new();
    let (journal, stranger) = (place.open().await, place.open().await);
    let mut follower = journal.subscribe(0);
    put(&journal, "a", events(0..1)).await;
    follower.next().await.unwrap();
    let mut waits = [Vec::new(), Vec::new()];
    for n in 1..21 {
        let own = n % 2 == 0;
        let writer = if own { &journal } else { &stranger };
        put(writer, "a", events(n..n + 1)).await;
        let started = Instant::now();
        follower.next().await.unwrap();
        waits[usize::from(own)].push(started.elapsed());
    }
    waits.iter_mut().for_each(|waits| waits.sort());
    assert!(
        waits[1][5] < Duration::from_millis(15),
        "own: {:?}",
        waits[1]
    );
    assert!(
        waits[0][5] < Duration::from_millis(80),
        "others: {:?}",
        waits[0]
    );
}

#[tokio::test]
async fn versions_decide_between_two_writers() {
    let place = Place::new();
    let (a, b) = (place.open().await, place.open().await);
    let mut won = 0;
    for n in 0..20_u128 {
        let append = |store: Journal, id: u128| async move {
            store
                .append(
                    "a",
                    Expected::Version(n as u64),
                    events(id..id + 1),
                    None,
                    at(0),
                )
                .await
        };
        let (x, y) = tokio::join!(append(a.clone(), n * 2), append(b.clone(), n * 2 + 1));
        assert!(x.is_ok() != y.is_ok(), "{x:?} {y:?}");
        won += usize::from(x.is_ok());
    }
    assert!(won <= 20);
    assert_eq!(all(&a).await.len(), 20);
}

#[tokio::test]
async fn a_follower_of_memory_waits_without_polling() {
    let store = MemoryStore::new();
    let mut follower = store.subscribe(0);
    let writer = store.clone();
    let task = tokio::spawn(async move { follower.next().await });
    tokio::task::yield_now().await;
    put(&writer, "a", events(1..3)).await;
    assert_eq!(task.await.unwrap().unwrap().len(), 2);
}

/// A follower whose wait is dropped again and again, at any point, still gets everything, and at
/// once: no sign is used up by a future that did not live to act on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_a_wait_loses_no_sign() {
    let place = Place::new();
    let journal = place.open().await;
    let mut follower = journal.subscribe(0);
    for n in 1..200_u128 {
        let writer = journal.clone();
        let write = tokio::spawn(async move { put(&writer, "a", events(n..n + 1)).await });
        for k in 0..4 {
            let brief = Duration::from_micros((n as u64 * 31 + k * 97) % 400);
            if let Ok(events) = tokio::time::timeout(brief, follower.next()).await {
                assert_eq!(events.unwrap().len(), 1);
            }
        }
        write.await.unwrap();
        while follower.position() < n as u64 {
            let next = tokio::time::timeout(Duration::from_secs(2), follower.next()).await;
            next.expect("a sign was lost").unwrap();
        }
    }
}
