//! Where a node lives: one folder of its user, holding its socket, its lock and what it must
//! remember. Only that user may enter it. A path that a Unix socket cannot have is refused here,
//! in words, before anything tries to bind it.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::NodeError;

/// The longest path a Unix socket can have, without the closing zero (Linux 108, elsewhere 104).
const LONGEST_SOCKET: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A node's folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeFolder {
    path: PathBuf,
}

impl NodeFolder {
    /// Takes a folder that need not exist yet. Relative paths are taken from here and now.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, NodeError> {
        let path = path.into();
        let path = std::path::absolute(&path).map_err(|e| NodeError::Folder {
            path: path.clone(),
            why: e.to_string(),
        })?;
        let folder = NodeFolder { path };
        let length = folder.socket().as_os_str().len();
        if length > LONGEST_SOCKET {
            return Err(NodeError::Folder {
                why: format!(
                    "its socket would have a path of {length} bytes and the system allows \
                     {LONGEST_SOCKET}; choose a folder with a shorter path (DECKWATCH_DATA)"
                ),
                path: folder.path,
            });
        }
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("node.sock")
    }

    /// Where a newer node asks for everything. Its name is as long as the control socket's.
    pub fn handover_socket(&self) -> PathBuf {
        self.path.join("next.sock")
    }

    /// What a node started by [`super::ensure_node`] prints.
    pub fn log(&self) -> PathBuf {
        self.path.join("node.log")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.path.join("node.lock")
    }

    pub(crate) fn services(&self) -> PathBuf {
        self.path.join("services")
    }

    /// What the services' own code is told of audiences; other programs read there.
    pub(crate) fn flags(&self) -> PathBuf {
        self.path.join("flags")
    }

    /// Whose node this is, in words for somebody who is kept from it. Where the socket itself
    /// cannot be seen, it is whose folder hides it.
    pub(crate) fn kept_from_others(&self) -> String {
        let socket = self.socket();
        let seen = socket.ancestors().find_map(|path| path.metadata().ok());
        let me = rustix::process::geteuid().as_raw();
        let path = self.path.display();
        match seen.map(|found| found.uid()) {
            Some(owner) if owner != me => {
                format!("the node in {path} belongs to user {owner} and this is user {me}")
            }
            _ => format!("the node in {path} cannot be reached: permission denied"),
        }
    }

    /// Makes the folder, and makes sure that it is this user's and closed to all others.
    pub(crate) fn create(&self) -> Result<(), NodeError> {
        let wrong = |why: String| NodeError::Folder {
            path: self.path.clone(),
            why,
        };
        for folder in [self.path.clone(), self.services()] {
            make_private(&folder).map_err(|e| wrong(e.to_string()))?;
        }
        let owner = std::fs::metadata(&self.path)
            .map_err(|e| wrong(e.to_string()))?
            .uid();
        let me = rustix::process::geteuid().as_raw();
        if owner != me {
            return Err(wrong(format!(
                "it belongs to user {owner} and this is user {me}"
            )));
        }
        Ok(())
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made?;
    let mode = std::fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_in_words() {
        let error = NodeFolder::new(format!("/tmp/{}", "x".repeat(100))).unwrap_err();
        assert!(error.to_string().contains("shorter path"), "{error}");
        assert!(NodeFolder::new("/tmp/node").is_ok());
    }

    #[test]
    fn the_folder_is_closed_to_others_even_if_it_was_open() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("node");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        NodeFolder::new(&path).unwrap().create().unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
