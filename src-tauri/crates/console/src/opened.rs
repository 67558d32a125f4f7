//! The journal as it is open: one that was put in its place since is opened instead, and one that
//! could not be opened is tried again.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deckwatch_journal::{Journal, JournalError, Opening};
use tokio::sync::Mutex;

/// Between two tries to open a journal that cannot be.
const AGAIN: Duration = Duration::from_secs(1);

/// The journal of a folder.
#[derive(Default)]
pub(crate) struct OpenJournal {
    held: Mutex<Option<Opened>>,
    /// Rises when another journal is opened in the place of the one before.
    times: AtomicU64,
}

/// The journal as it was opened, or why it could not be.
struct Opened {
    journal: Result<Journal, JournalError>,
    /// Device and number of the file; none: there was none.
    file: Option<(u64, u64)>,
    at: Instant,
}

impl Opened {
    fn stands(&self, path: &Path) -> bool {
        match self.journal {
            // Where there is none now, whoever uses it is told so by it.
            Ok(_) => file_of(path).is_none_or(|file| Some(file) == self.file),
            Err(_) => self.at.elapsed() < AGAIN,
        }
    }
}

fn file_of(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

impl OpenJournal {
    /// The journal at this path.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub async fn get(&self, path: &Path) -> Result<Journal, JournalError> {
        let mut held = self.held.lock().await;
        if let Some(opened) = held.as_ref()
            && opened.stands(path)
        {
            return opened.journal.clone();
        }
        if held.as_ref().is_some_and(|opened| opened.journal.is_ok()) {
            self.times.fetch_add(1, Ordering::SeqCst);
        }
        let journal = Journal::open_with(path, Opening::default()).await;
        *held = Some(Opened {
            journal: journal.clone(),
            file: file_of(path),
            at: Instant::now(),
        });
        journal
    }

    /// Which journal it is: the first, the second, …
    pub fn times(&self) -> u64 {
        self.times.load(Ordering::SeqCst)
    }
}
