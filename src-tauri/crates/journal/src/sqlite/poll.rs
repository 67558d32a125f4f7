//! Notices the commits of other programs.
//!
//! One connection that does nothing else asks the file's change counter every few milliseconds,
//! however many followers there are; only when it moved is the head read. It runs while somebody
//! follows and stops by itself.

use std::sync::{Arc, Weak};

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::fault::fault;
use super::{Inner, rows};
use crate::error::JournalError;
use crate::subscribe::announce;

/// Makes sure that the poller runs. Called from inside the runtime, often.
pub(crate) fn ensure(inner: &Arc<Inner>) {
    let mut poller = inner
        .poller
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    // Finished: it found nobody following, or the runtime it ran in is gone.
    if poller
        .as_ref()
        .is_none_or(tokio::task::JoinHandle::is_finished)
    {
        // Without a runtime, only our own commits are noticed.
        let runtime = tokio::runtime::Handle::try_current().ok();
        *poller = runtime.map(|runtime| runtime.spawn(run(Arc::downgrade(inner))));
    }
}

async fn run(weak: Weak<Inner>) {
    let mut eye: Option<(SqliteConnection, i64)> = None;
    loop {
        let Some(inner) = weak.upgrade() else { return };
        {
            // Under the lock, so that a follower who arrives now starts another.
            let mut poller = inner
                .poller
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if inner.signal.receiver_count() == 0 {
                *poller = None;
                return;
            }
        }
        let pause = inner.place.opening.poll;
        if look(&inner, &mut eye).await.is_err() {
            // Followers look for themselves, and meet the same trouble.
            eye = None;
            inner.signal.send_modify(|signal| signal.troubles += 1);
            drop(inner);
            tokio::time::sleep(pause * 10).await;
            continue;
        }
        drop(inner);
        tokio::time::sleep(pause).await;
    }
}

async fn look(
    inner: &Inner,
    eye: &mut Option<(SqliteConnection, i64)>,
) -> Result<(), JournalError> {
    if !inner.same_file() {
        return Err(JournalError::Replaced);
    }
    let (conn, last) = match eye {
        Some(eye) => (&mut eye.0, Some(eye.1)),
        None => {
            let conn = inner.place.connect(inner.readers.how).await?;
            (&mut eye.insert((conn, 0)).0, None)
        }
    };
    let counter = sqlx::query("PRAGMA data_version")
        .fetch_one(&mut *conn)
        .await
        .map_err(fault)?;
    let counter: i64 = counter.try_get_unchecked(0).map_err(fault)?;
    if last != Some(counter) {
        // The counter was read first: a commit in between is found again by the next look.
        announce(&inner.signal, rows::head(conn).await?.seq);
        if let Some(eye) = eye {
            eye.1 = counter;
        }
    }
    Ok(())
}
