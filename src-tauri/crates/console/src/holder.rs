//! A driver's name in leases, and how others on this machine can tell that it is gone.
//!
//! Each driver holds a lock on a file of its own for as long as its process lives; the operating
//! system lets go when it dies, however it dies. A suspended process keeps its lock, and then its
//! lease has to run out.

use std::fs::File;
use std::path::{Path, PathBuf};

use deckwatch_rollout::ports::Liveness;

use crate::identity::Host;

/// This process as a lease's holder.
#[derive(Debug)]
pub struct Holder {
    pub name: String,
    path: PathBuf,
    _lock: File,
}

impl Holder {
    /// Makes a name that nobody else has, and locks its file.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn new(drivers: &Path) -> std::io::Result<Self> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{}/{}/{}", Host::this().0, std::process::id(), &id[..12]);
        let path = drivers.join(file_name(&name));
        let lock = File::create(&path)?;
        lock.lock()?;
        Ok(Holder {
            name,
            path,
            _lock: lock,
        })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn file_name(holder: &str) -> String {
    format!("{}.lock", holder.replace('/', "-"))
}

/// Tells by the lock files whether a holder on this machine is gone.
pub struct LockFiles {
    pub drivers: PathBuf,
}

impl Liveness for LockFiles {
    fn is_gone(&self, holder: &str) -> bool {
        let here = format!("{}/", Host::this().0);
        if !holder.starts_with(&here) {
            return false;
        }
        match File::open(self.drivers.join(file_name(holder))) {
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => {
                    let _ = std::fs::remove_file(self.drivers.join(file_name(holder)));
                    true
                }
                Err(_) => false,
            },
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_gone_once_its_lock_is() {
        let folder = std::env::temp_dir().join(format!("dw-holder-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = LockFiles {
            drivers: folder.clone(),
        };
        let holder = Holder::new(&folder).unwrap();
        assert!(!files.is_gone(&holder.name));
        assert!(!files.is_gone("elsewhere/1/abc"));
        let name = holder.name.clone();
        drop(holder);
        assert!(files.is_gone(&name));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
