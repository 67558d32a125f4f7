//! Heads noted outside the journal.
//!
//! A chain cannot see that its own tail was cut off. Whoever keeps a head elsewhere (another
//! disk, a node's state, a cluster's record) can: the noted event must still be there.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::JournalError;
use crate::event::Head;
use crate::sqlite::cannot_create;

/// A head in a small file of its own: `{"seq":…,"hash":"…"}`.
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

    /// Notes a head, atomically and durably. An anchor never goes back: a lower head, or another
    /// hash for the same event, is refused, as it would wipe out the proof it is kept for. After
    /// a journal was set aside, [`restart`](FileAnchor::restart) it.
    pub fn write(&self, head: &Head) -> Result<(), JournalError> {
        match self.read()? {
            Some(noted) if noted == *head => Ok(()),
            Some(noted) if noted.seq >= head.seq => Err(JournalError::refused(format!(
                "the anchor {} knows event {} already: the journal lost its tail or was rewritten",
                self.path.display(),
                noted.seq
            ))),
            _ => self.replace(head),
        }
    }

    /// Notes the head of a new journal, whatever was noted before; the old note is kept beside
    /// it, with `.old` at its end.
    pub fn restart(&self, head: &Head) -> Result<(), JournalError> {
        match fs::rename(&self.path, with_ending(&self.path, ".old")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot_create(error)),
            _ => self.replace(head),
        }
    }

    fn replace(&self, head: &Head) -> Result<(), JournalError> {
        let bytes = serde_json::to_vec(head).map_err(|e| JournalError::Io(e.to_string()))?;
        let draft = with_ending(&self.path, &format!(".{}.new", std::process::id()));
        let done = (|| {
            let mut file = fs::File::create(&draft)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &self.path)?;
            sync_folder(&self.path)
        })();
        done.map_err(|error| {
            let _ = fs::remove_file(&draft);
            cannot_create(error)
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_domain::Digest;

    #[test]
    fn an_anchor_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let anchor = FileAnchor::new(folder.path().join("anchor"));
        let head = |seq, text: &str| Head {
            seq,
            hash: Digest::of(text.as_bytes()),
        };
        assert_eq!(anchor.read().unwrap(), None);
        anchor.write(&head(3, "a")).unwrap();
        anchor.write(&head(3, "a")).unwrap();
        anchor.write(&head(9, "b")).unwrap();
        for wrong in [head(8, "b"), head(9, "c")] {
            assert!(matches!(
                anchor.write(&wrong),
                Err(JournalError::Refused(_))
            ));
        }
        assert_eq!(anchor.read().unwrap(), Some(head(9, "b")));
        anchor.restart(&head(1, "d")).unwrap();
        assert_eq!(anchor.read().unwrap(), Some(head(1, "d")));
        fs::write(anchor.path(), b"{").unwrap();
        assert!(matches!(anchor.read(), Err(JournalError::Corrupt { .. })));
        assert!(
            anchor.write(&head(10, "e")).is_err(),
            "a broken anchor is evidence, too"
        );
    }
}
