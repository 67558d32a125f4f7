//! A journal that is damaged, or not as it was noted outside of it, is set aside, and a new one
//! begins by naming it; or somebody vouches for it as it stands.

use std::fs;
use std::path::{Path, PathBuf};

use deckwatch_domain::{Actor, Timestamp};
use sqlx::Connection;

use super::redact::record_own;
use super::transfer::start_chain;
use super::{Journal, Opening, Place, Use, file, verify};
use crate::anchor::{FileAnchor, sync_folder, with_ending};
use crate::chain::GENESIS;
use crate::error::JournalError;
use crate::event::{BEGAN, Head, Recorded, TRUSTED};
use crate::subscribe::announce;
use crate::verify::{Beginning, Trust, Verification};

/// The files that belong to a journal beside the journal itself.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// A journal that was set aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// Where it lies now.
    pub to: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Moves a journal that is damaged, or not as `anchor` knows it, to `journal.corrupt-<time>.db`
/// beside it, with what belongs to it, and begins a new one whose first event, `journal.began`,
/// names the last sound event of the old one and where it lies now; the new chain continues from
/// that event's hash. The anchor begins anew with it, and its old note is kept.
///
/// A journal that verifies is left alone and `None` is the answer, so that of several programs
/// that find the damage at once only the first one acts. So is a missing one of which nothing was
/// noted. A file from a newer Deckwatch is refused ([`JournalError::Newer`]), and so is one that
/// another program is holding.
///
/// Programs that still have the old file open are told [`JournalError::Replaced`] when they
/// next write.
pub async fn set_aside(
    path: &Path,
    anchor: Option<&FileAnchor>,
    actor: Actor,
    now: Timestamp,
) -> Result<Option<SetAside>, JournalError> {
    let place = Place::new(path, Opening::default())?;
    let _turn = Turn::take(&place).await?;
    let known = Known::by(anchor)?;
    if !place.path.exists() {
        if known.doubt.is_none() && known.noted.is_none_or(|noted| noted.seq == 0) {
            return Ok(None);
        }
        place.create()?;
    }
    let (last, reason) = match examine(&place, known.anchors()).await {
        Ok(found) => match known.doubt_of(&found) {
            None => return Ok(None),
            Some(reason) => (found.sound_to, reason),
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
        reason: reason.clone(),
        noted: known.noted,
    };
    // The new one is complete before the old one moves: whatever stops us, there is a journal.
    let draft = Place::new(&with_ending(&place.path, ".new"), place.opening)?;
    let begun = begin(&draft, &said, actor, now).await;
    let moved = begun.and_then(|head| exchange(&place.path, &to, &draft.path).map(|()| head));
    match (moved, anchor) {
        (Ok(head), Some(anchor)) => anchor.restart(head).await?,
        (Ok(_), None) => {}
        (Err(error), _) => {
            remove_all(&draft.path);
            return Err(error);
        }
    }
    Ok(Some(SetAside { to, reason }))
}

impl Journal {
    /// Goes on with a journal that is sound in itself and yet not as `anchor` knows it, because
    /// somebody says that it is to be trusted as it stands: a backup that was put in its place,
    /// say. An event says who, against what; then the anchor begins anew with this journal, and
    /// its old note is kept. Answers what was wrong; `None` when nothing was, and then nothing
    /// is done.
    ///
    /// A journal that is broken in itself is refused.
    pub async fn trust(
        &self,
        anchor: &FileAnchor,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Option<String>, JournalError> {
        let known = Known::by(Some(anchor))?;
        let found = self.verify(known.anchors()).await?;
        if let Some(own) = found.first_own() {
            return Err(JournalError::Refused(format!(
                "the journal is broken in itself and cannot be trusted as it stands: {own}"
            )));
        }
        let Some(reason) = known.doubt_of(&found) else {
            return Ok(None);
        };
        let said = Trust {
            v: 1,
            noted: known.noted,
            reason: reason.clone(),
        };
        let mut pen = self.pen().await?;
        let done = record_own(pen.conn()?, TRUSTED, &said, actor, now).await;
        let event = pen.end(done).await?;
        announce(&self.0.signal, event.seq);
        anchor.restart(head_of(&event)).await?;
        Ok(Some(reason))
    }
}

fn head_of(event: &Recorded) -> Head {
    Head {
        seq: event.seq,
        hash: event.hash,
    }
}

/// What an anchor knows; one that cannot be read is a doubt of its own.
struct Known {
    noted: Option<Head>,
    doubt: Option<String>,
}

impl Known {
    fn by(anchor: Option<&FileAnchor>) -> Result<Known, JournalError> {
        let (noted, doubt) = match anchor.map(FileAnchor::read) {
            None => (None, None),
            Some(Ok(noted)) => (noted, None),
            Some(Err(JournalError::Corrupt { what, .. })) => (None, Some(what)),
            Some(Err(other)) => return Err(other),
        };
        Ok(Known { noted, doubt })
    }

    fn anchors(&self) -> &[Head] {
        self.noted.as_slice()
    }

    /// Why the journal cannot go on as if nothing had happened.
    fn doubt_of(&self, found: &Verification) -> Option<String> {
        let finding = found.findings.first().map(ToString::to_string);
        finding.or_else(|| self.doubt.clone())
    }
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

async fn examine(place: &Place, anchors: &[Head]) -> Result<Verification, JournalError> {
    if place.inspect(Use::Look).await? == 0 {
        // Empty, as a journal is before its first opening.
        let journal = Journal::open(&place.path).await?;
        let found = journal.verify(anchors).await;
        journal.close().await;
        return found;
    }
    let mut conn = place.connect(Use::Look).await?;
    let found = verify::verify(&mut conn, anchors).await;
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
) -> Result<Head, JournalError> {
    remove_all(&draft.path);
    let journal = Journal::open(&draft.path).await?;
    let mut pen = journal.pen().await?;
    let conn = pen.conn()?;
    let done = async {
        start_chain(conn, said.predecessor.hash).await?;
        record_own(conn, BEGAN, said, actor, now).await
    }
    .await;
    let head = head_of(&pen.end(done).await?);
    // Everything must lie in the one file that is moved.
    let mut conn = journal.0.place.connect(Use::Write).await?;
    journal.close().await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_all(&mut conn)
        .await
        .map_err(super::fault)?;
    conn.close().await.map_err(super::fault)?;
    Ok(head)
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
