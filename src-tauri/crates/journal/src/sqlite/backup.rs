//! A copy of the file as of one moment, made while others go on writing.

use std::fs;
use std::path::Path;

use sqlx::Connection;

use super::{Journal, Opening, Place, Use, fault, file, verify};
use crate::anchor::{sync_folder, with_ending};
use crate::error::JournalError;
use crate::event::Head;
use crate::verify::Verification;

impl Journal {
    /// Writes a copy to `to`, which must not exist yet, and verifies it. The name appears only
    /// when the copy is whole, sound and on the disk. A damaged journal is not backed up: the
    /// copy would look like a good one.
    pub async fn backup(&self, to: &Path) -> Result<Verification, JournalError> {
        let to = Place::new(to, self.0.place.opening)?;
        let taken = || JournalError::refused(format!("{} is already there", to.path.display()));
        if to.path.exists() {
            return Err(taken());
        }
        let ending = format!(".{}.partial", uuid::Uuid::new_v4().simple());
        let draft = Place::new(&with_ending(&to.path, &ending), Opening::default())?;
        // Made by us and empty, so that it is ours alone from its first byte on.
        draft.create()?;
        let done = self.copy_into(&draft).await;
        let done = match done {
            Ok(verification) => give_name(&draft.path, &to.path)
                .map(|()| verification)
                .map_err(|error| match error.kind() {
                    std::io::ErrorKind::AlreadyExists => taken(),
                    _ => file::cannot_create(error),
                }),
            Err(error) => Err(error),
        };
        let _ = fs::remove_file(&draft.path);
        done
    }

    async fn copy_into(&self, draft: &Place) -> Result<Verification, JournalError> {
        let name = draft.path.to_str().ok_or_else(|| {
            JournalError::refused(format!("{} is not a name in Unicode", draft.path.display()))
        })?;
        // Not the readers' way of opening, which forbids all writing, to other files as well.
        let how = if self.0.readers.how == Use::Frozen {
            Use::Frozen
        } else {
            Use::Look
        };
        let mut conn = self.0.place.connect(how).await?;
        let head = super::rows::head(&mut conn).await?;
        let copied = sqlx::query("VACUUM INTO ?")
            .bind(name)
            .execute(&mut conn)
            .await;
        let _ = conn.close().await;
        copied.map_err(fault)?;
        fs::File::open(&draft.path)
            .and_then(|file| file.sync_all())
            .map_err(file::cannot_create)?;
        check_copy(draft, head).await
    }
}

/// A hard link does not replace a file that came in between, as a rename would; where there are
/// none (on many a memory stick) the rename has to do.
fn give_name(draft: &Path, to: &Path) -> std::io::Result<()> {
    match fs::hard_link(draft, to) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => fs::rename(draft, to)?,
        Ok(()) => {}
    }
    sync_folder(to)
}

/// The copy must be sound and reach at least as far as the journal did when it was begun.
async fn check_copy(draft: &Place, head: Head) -> Result<Verification, JournalError> {
    let mut conn = draft.connect(Use::Frozen).await?;
    let anchors: &[Head] = if head.seq > 0 { &[head] } else { &[] };
    let verification = verify::verify(&mut conn, anchors).await;
    let _ = conn.close().await;
    let verification = verification?;
    match verification.findings.first() {
        None => Ok(verification),
        Some(finding) => Err(JournalError::Corrupt {
            seq: finding.seq,
            what: finding.flaw.to_string(),
        }),
    }
}
