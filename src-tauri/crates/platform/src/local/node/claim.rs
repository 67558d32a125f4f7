//! The folder's lock and its sockets: one node a folder, and no socket that anyone else could open.

use std::fs::File;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::local::{NodeError, NodeFolder};

/// Takes the folder's lock, or says who has it. Held while the file is kept.
pub(super) fn hold(folder: &NodeFolder) -> Result<File, NodeError> {
    use rustix::fs::{FlockOperation, flock};
    let path = folder.lock();
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| NodeError::io(format!("the lock {} cannot be opened", path.display()), e))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let pid = std::fs::read_to_string(&path)
            .ok()
            .and_then(|t| t.trim().parse().ok());
        return Err(NodeError::AlreadyRunning {
            path: folder.path().to_owned(),
            pid,
        });
    }
    note_pid(&mut file);
    Ok(file)
}

/// Only a note for people; a full disk must not keep a node from starting.
pub(super) fn note_pid(file: &mut File) {
    use std::io::{Seek as _, Write as _};
    let _ = file.set_len(0);
    let _ = file.rewind();
    let _ = writeln!(file, "{}", std::process::id());
}

/// Opens a socket for this user alone. The lock is held, so one that is there belongs to nobody.
pub(super) fn bind(path: &Path) -> Result<UnixListener, NodeError> {
    let wrong = |e| NodeError::io(format!("the socket {} cannot be opened", path.display()), e);
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(wrong)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(wrong)?;
    Ok(listener)
}
