//! A driver's name in leases and claims, and how others on this machine can tell that it is gone.
//!
//! Each driver holds a lock on a file of its own for as long as its process lives; the operating
//! system lets go when it dies, however it dies. A suspended process keeps its lock, and then its
//! lease has to run out.

use std::fs::File;
use std::path::{Path, PathBuf};

use deckwatch_rollout::ports::Liveness;

use crate::identity::Host;

/// This process as the holder of leases and claims.
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

impl LockFiles {
    /// Somebody who stands ready to drive on this machine, if anybody does.
    pub fn any_alive(&self) -> Option<String> {
        let files = std::fs::read_dir(&self.drivers).ok()?;
        files
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "lock"))
            .find(|path| File::open(path).is_ok_and(|file| file.try_lock_shared().is_err()))
            .and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
    }
}

impl Liveness for LockFiles {
    fn is_gone(&self, holder: &str) -> bool {
        let here = format!("{}/", Host::this().0);
        let here = holder.strip_prefix(&here);
        // Of another machine, or a name that was never a lock file's: nothing is known.
        if here.is_none_or(|rest| rest.split('/').count() != 2) {
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
    use deckwatch_signals::{Claim, Outcome, SampleStore, ScrapeOptions, Scraper};
    use std::time::Duration;

    use crate::clock::SystemClock;

    #[test]
    fn a_holder_is_gone_once_its_lock_is() {
        let folder = tempfile::tempdir().unwrap();
        let files = LockFiles {
            drivers: folder.path().to_owned(),
        };
        let holder = Holder::new(folder.path()).unwrap();
        assert!(!files.is_gone(&holder.name));
        assert!(!files.is_gone("elsewhere/1/abc"));
        // A name that never had a lock file, though of this machine.
        assert!(!files.is_gone(&format!("{}/abc", Host::this().0)));
        let name = holder.name.clone();
        drop(holder);
        assert!(files.is_gone(&name));
    }

    const FOLDER: &str = "CONSOLE_TEST_FOLDER";

    async fn samples(folder: &Path) -> SampleStore {
        SampleStore::open(&folder.join("samples.db")).await.unwrap()
    }

    /// Run by the next test as a process of its own; nothing on its own.
    #[tokio::test]
    async fn claiming_process() {
        let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
            return;
        };
        let holder = Holder::new(&folder).unwrap();
        let claim = Claim {
            job: "node".into(),
            holder: holder.name.clone(),
        };
        let hour = Duration::from_secs(3600);
        let now = SystemClock::wall();
        let store = samples(&folder).await;
        assert!(store.claim(&claim, now, hour, &|_| false).await.unwrap());
        std::fs::write(folder.join("claimed"), &holder.name).unwrap();
        tokio::time::sleep(hour).await;
    }

    /// The claim of a killed process runs for an hour: it is the lock file that tells.
    #[tokio::test]
    async fn a_killed_scraper_is_followed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut other = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "holder::tests::claiming_process"])
            .env(FOLDER, folder.path())
            .spawn()
            .unwrap();
        let claimed = folder.path().join("claimed");
        for _ in 0..600 {
            if claimed.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let store = samples(folder.path()).await;
        let files = LockFiles {
            drivers: folder.path().to_owned(),
        };
        let options = ScrapeOptions {
            interval: deckwatch_domain::Span::from_secs(1800),
            ..ScrapeOptions::new("node", "me")
        };
        let target = || async { Ok::<_, String>("a 1\n".to_owned()) };
        let scraper = Scraper::new(target, options).knowing(move |holder| files.is_gone(holder));
        let before = scraper.scrape_once(&store, SystemClock::wall()).await;
        other.kill().unwrap();
        other.wait().unwrap();
        let after = scraper.scrape_once(&store, SystemClock::wall()).await;
        assert_eq!(before.outcome, Outcome::Elsewhere);
        assert_eq!(after.outcome, Outcome::Stored { samples: 1 });
    }
}
