//! A damaged journal is set aside, and a new one begins by naming it.

use std::fs;
use std::path::{Path, PathBuf};

use deckwatch_domain::{Actor, Timestamp};
use sqlx::Connection;

use super::redact::record_own;
use super::transfer::start_chain;
use super::{Journal, Opening, Place, Use, file, verify};
use crate::anchor::{sync_folder, with_ending};
use crate::chain::GENESIS;
use crate::error::JournalError;
use crate::event::{BEGAN, Head};
use crate::verify::{Beginning, Verification};

/// The files that belong to a journal beside the journal itself.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Moves a damaged journal to `journal.corrupt-<time>.db` beside it, with what belongs to it, and
/// begins a new one whose first event, `journal.began`, names the last sound event of the old one
/// and where it lies now; the new chain continues from that event's hash. Answers that place.
///
/// A journal that verifies is left alone and `None` is the answer, so that of several programs
/// that find the damage at once only the first one acts. So is a missing one. A file from a newer Deckwatch is
/// refused ([`JournalError::Newer`]), and so is one that another program is holding.
///
/// Programs that still have the old file open are told [`JournalError::Replaced`] when they
/// next write.
pub async fn set_aside(
    path: &Path,
    actor: Actor,
    now: Timestamp,
) -> Result<Option<PathBuf>, JournalError> {
    let place = Place::new(path, Opening::default())?;
    let _turn = Turn::take(&place).await?;
    if !place.path.exists() {
        return Ok(None);
    }
    let (last, reason) = match examine(&place).await {
        Ok(found) => match found.findings.first() {
            None => return Ok(None),
            Some(finding) => (found.sound_to, finding.to_string()),
        },
        Err(JournalError::Corrupt { what, .. }) => (
            Head {
                seq: 0,
                hash: GENESIS,
            },
            what,
        ),
        Err(other) => return Err(other),
    };
    let to = free_name(&place.path, now);
    let said = Beginning {
        v: 1,
        predecessor: last,
        set_aside: to.display().to_string(),
        reason,
    };
    // The new one is complete before the old one moves: whatever stops us, there is a journal.
    let draft = Place::new(&with_ending(&place.path, ".new"), place.opening)?;
    let begun = begin(&draft, &said, actor, now).await;
    let moved = begun.and_then(|()| exchange(&place.path, &to, &draft.path));
    if moved.is_err() {
        remove_all(&draft.path);
    }
    moved.map(|()| Some(to))
}

/// One set-aside at a time, among all programs.
struct Turn {
    _file: fs::File,
}

impl Turn {
    async fn take(place: &Place) -> Result<Turn, JournalError> {
        let path = with_ending(&place.path, ".lock");
        let lock = move || -> std::io::Result<Turn> {
            let file = fs::File::create(path)?;
            file.lock()?;
            Ok(Turn { _file: file })
        };
        match tokio::task::spawn_blocking(lock).await {
            Ok(turn) => turn.map_err(file::cannot_create),
            Err(_) => Err(JournalError::Io("it could not be locked".into())),
        }
    }
}

async fn examine(place: &Place) -> Result<Verification, JournalError> {
    if place.inspect(Use::Look).await? == 0 {
        // Empty, as a journal is before its first opening: nothing is lost.
        return Journal::open(&place.path).await?.verify(&[]).await;
    }
    let mut conn = place.connect(Use::Look).await?;
    let found = verify::verify(&mut conn, &[]).await;
    let _ = conn.close().await;
    found
}

/// `journal.db` becomes `journal.corrupt-<time>.db`; a number is added while that is taken.
fn free_name(path: &Path, now: Timestamp) -> PathBuf {
    let stem = path
        .file_stem()
        .map(|s| s.to_string_lossy())
        .unwrap_or("journal".into());
    let ending = path
        .extension()
        .map(|s| s.to_string_lossy())
        .unwrap_or("db".into());
    let time: String = now
        .to_string()
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.'))
        .collect();
    let name = |more: String| path.with_file_name(format!("{stem}.corrupt-{time}{more}.{ending}"));
    (0_u32..)
        .map(|n| {
            name(if n == 0 {
                String::new()
            } else {
                format!("-{n}")
            })
        })
        .find(|path| !path.exists())
        .unwrap_or_else(|| name(String::new()))
}

async fn begin(
    draft: &Place,
    said: &Beginning,
    actor: Actor,
    now: Timestamp,
) -> Result<(), JournalError> {
    remove_all(&draft.path);
    let journal = Journal::open(&draft.path).await?;
    let mut pen = journal.pen().await?;
    let conn = pen.conn()?;
    let done = async {
        start_chain(conn, said.predecessor.hash).await?;
        record_own(conn, BEGAN, said, actor, now).await
    }
    .await;
    pen.end(done).await?;
    // Everything must lie in the one file that is moved.
    let mut conn = journal.0.place.connect(Use::Write).await?;
    journal.close().await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_all(&mut conn)
        .await
        .map_err(super::fault)?;
    conn.close().await.map_err(super::fault)
}

fn exchange(path: &Path, to: &Path, draft: &Path) -> Result<(), JournalError> {
    let done = (|| {
        // The companions go first: left behind, they would be taken for the new journal's.
        for ending in COMPANIONS {
            match fs::rename(with_ending(path, ending), with_ending(to, ending)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        // Two names for the old file, then the new one takes its place: never no journal.
        if fs::hard_link(path, to).is_err() {
            fs::rename(path, to)?;
        }
        fs::rename(draft, path)?;
        sync_folder(path)
    })();
    done.map_err(file::cannot_create)
}

fn remove_all(path: &Path) {
    let _ = fs::remove_file(path);
    for ending in COMPANIONS {
        let _ = fs::remove_file(with_ending(path, ending));
    }
}
