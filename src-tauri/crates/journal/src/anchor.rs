//! Heads noted outside the journal.
//!
//! A chain cannot see that its own tail was cut off, nor that another chain lies in its place.
//! Whoever keeps a head elsewhere (another disk, a node's state, a cluster's record) can: the
//! noted event must still be there.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::JournalError;
use crate::event::Head;
use crate::sqlite::{Journal, cannot_create};
use crate::verify::Flaw;

/// How long to wait for another program that is just noting a head.
const PATIENCE: Duration = Duration::from_secs(5);

/// A head in a small file of its own: `{"seq":…,"hash":"…"}`.
///
/// It only ever moves on along one journal. To begin anew is for [`set_aside`](crate::set_aside)
/// and [`Journal::trust`], which both leave a record of it.
#[derive(Clone, Debug)]
pub struct FileAnchor {
    path: PathBuf,
}

impl FileAnchor {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        FileAnchor { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The noted head; `None` when none was noted yet.
    pub fn read(&self) -> Result<Option<Head>, JournalError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
                JournalError::corrupt(format!("the anchor {} cannot be read", self.path.display()))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::Io(error.to_string())),
        }
    }

    /// Notes the journal's head and answers it, provided that the event noted last is still in
    /// the journal. Otherwise the note is the only proof of what happened and stays as it is:
    /// [`JournalError::Unanchored`].
    ///
    /// Asking costs a small file's read and one question to the journal; noting a head that
    /// moved costs one sync of a small file. Of an empty journal nothing is noted.
    pub async fn advance(&self, journal: &Journal) -> Result<Head, JournalError> {
        loop {
            let noted = self.read()?;
            let (head, there) = journal.head_and_hash_of(noted.map_or(0, |n| n.seq)).await?;
            if let Some(noted) = noted.filter(|n| n.seq > 0 && Some(n.hash) != there) {
                let (seq, last) = (noted.seq, head.seq);
                return Err(JournalError::Unanchored(match there {
                    None => Flaw::Cut { seq, last },
                    Some(_) => Flaw::Rewritten { seq },
                }));
            }
            if head.seq == 0 || noted == Some(head) {
                return Ok(head);
            }
            let replaced = self.locked(move |anchor| {
                // Somebody may have noted more in the meantime, and a note never goes back.
                let same = anchor.read()? == noted;
                if same {
                    anchor.replace(&head)?;
                }
                Ok(same)
            });
            if replaced.await? {
                return Ok(head);
            }
        }
    }

    /// Notes the head of a journal that goes on without what was noted; the old note is kept
    /// beside it, with `.old` in its name.
    pub(crate) async fn restart(&self, head: Head) -> Result<(), JournalError> {
        self.locked(move |anchor| {
            let kept = (0_u32..)
                .map(|n| match n {
                    0 => with_ending(&anchor.path, ".old"),
                    n => with_ending(&anchor.path, &format!(".old-{n}")),
                })
                .find(|path| !path.exists());
            match (fs::read(&anchor.path), kept) {
                (Ok(old), Some(to)) => write(&to, &old).map_err(cannot_create)?,
                (Err(error), _) if error.kind() != ErrorKind::NotFound => {
                    return Err(JournalError::Io(error.to_string()));
                }
                _ => {}
            }
            anchor.replace(&head)?;
            sync_folder(&anchor.path).map_err(cannot_create)
        })
        .await
    }

    /// Does what replaces the note while no other program does: a lock file beside it.
    async fn locked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FileAnchor) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let anchor = self.clone();
        let task = move || {
            let _turn = take_turn(&with_ending(&anchor.path, ".lock"))?;
            work(&anchor)
        };
        // A disk that does not answer holds up nobody else.
        match tokio::task::spawn_blocking(task).await {
            Ok(done) => done,
            Err(error) => Err(JournalError::Io(error.to_string())),
        }
    }

    /// Atomically; a note that a crash of the machine takes back was true of this journal, too,
    /// so the new name need not be on the disk yet.
    fn replace(&self, head: &Head) -> Result<(), JournalError> {
        let bytes = serde_json::to_vec(head).map_err(|e| JournalError::Io(e.to_string()))?;
        let draft = with_ending(&self.path, ".new");
        let done = write(&draft, &bytes).and_then(|()| fs::rename(&draft, &self.path));
        done.map_err(|error| {
            let _ = fs::remove_file(&draft);
            cannot_create(error)
        })
    }
}

/// Makes a file, or empties it, and gives it to the owner of its folder: what a superuser leaves
/// there must not lock the owner out.
fn make(path: &Path) -> std::io::Result<fs::File> {
    let file = fs::File::create(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let folder = fs::metadata(path.parent().unwrap_or(Path::new(".")));
        if let Ok(folder) = folder
            && folder.uid() != file.metadata()?.uid()
        {
            // Nobody else may, and then it is somebody else's folder.
            let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
        }
    }
    Ok(file)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = make(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Waits for the lock, but not for ever: the next note makes good for one that was not written.
fn take_turn(path: &Path) -> Result<fs::File, JournalError> {
    let file = make(path).map_err(cannot_create)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::Error(error)) => return Err(cannot_create(error)),
            Err(fs::TryLockError::WouldBlock) if began.elapsed() > PATIENCE => {
                return Err(JournalError::Busy);
            }
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A new name is on the disk only when its folder is.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
