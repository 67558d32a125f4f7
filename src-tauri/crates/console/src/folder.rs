//! Where everything lies.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;

use crate::identity::user_name;
use crate::problem::Problem;

/// The data folder and the names in it.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// `given`, else `DECKWATCH_DATA`, else the platform's own data folder.
    ///
    /// # Errors
    /// When none of them says where.
    pub fn find(given: Option<&Path>) -> Result<Self, Problem> {
        let path = given
            .map(Path::to_owned)
            .or_else(|| {
                std::env::var_os("DECKWATCH_DATA")
                    .filter(|v| !v.is_empty())
                    .map(PathBuf::from)
            })
            .or_else(|| dirs::data_dir().map(|d| d.join("deckwatch")));
        let path = path.ok_or_else(|| {
            Problem::new(
                "folder.unknown",
                "no data folder is known; set DECKWATCH_DATA",
            )
        })?;
        Ok(DataFolder(std::path::absolute(&path)?))
    }

    /// Why this user cannot work in it at all: it is another's, and closed.
    pub(crate) fn closed_to_us(&self) -> Option<Problem> {
        let closed = match self.0.metadata() {
            Ok(_) => {
                let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
                rustix::fs::access(&self.0, all) == Err(Errno::ACCESS)
            }
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        };
        closed.then(|| self.of_another()).flatten()
    }

    /// Said when it is another user's, also to the superuser, whom nothing keeps out: what is made
    /// in it in their place would be closed to them.
    pub fn of_another(&self) -> Option<Problem> {
        let owner = self.owner()?;
        (owner != rustix::process::geteuid().as_raw()).then(|| {
            Problem::new(
                "folder.not-yours",
                format!(
                    "the data folder {} belongs to user {}; only that user works in it",
                    self.0.display(),
                    user_name(owner)
                ),
            )
        })
    }

    /// None while there is no folder. One that cannot be seen is whose folder hides it.
    fn owner(&self) -> Option<u32> {
        for path in self.0.ancestors() {
            match path.metadata() {
                Ok(found) => return Some(found.uid()),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Makes the folder for this user alone.
    ///
    /// # Errors
    /// What the operating system said, with the path.
    pub fn prepare(&self) -> Result<(), Problem> {
        use std::os::unix::fs::DirBuilderExt;
        let wrong =
            |e: std::io::Error| Problem::new("folder", format!("{}: {e}", self.0.display()));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(wrong)?;
        std::fs::create_dir_all(self.drivers()).map_err(wrong)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.db")
    }
    pub fn samples(&self) -> PathBuf {
        self.0.join("samples.db")
    }
    pub fn node(&self) -> PathBuf {
        self.0.join("node")
    }
    pub fn tasks(&self) -> PathBuf {
        self.0.join("tasks")
    }
    pub fn fallback(&self) -> PathBuf {
        self.0.join("rollback-records")
    }
    /// The journal's head, noted outside of the journal.
    pub fn anchor(&self) -> PathBuf {
        self.0.join("journal.anchor")
    }
    pub fn roles(&self) -> PathBuf {
        self.0.join("roles.yaml")
    }
    /// One locked file for each living driver.
    pub fn drivers(&self) -> PathBuf {
        self.0.join("drivers")
    }
    /// What is scraped and probed.
    pub fn targets(&self) -> PathBuf {
        self.0.join("targets.yaml")
    }
    /// What whoever scrapes knows of it.
    pub fn targets_status(&self) -> PathBuf {
        self.0.join("targets.status")
    }
    /// One locked file for each process that stands ready to scrape.
    pub fn scrapers(&self) -> PathBuf {
        self.0.join("scrapers")
    }
    /// What is promised.
    pub fn objectives(&self) -> PathBuf {
        self.0.join("objectives.yaml")
    }
    /// What was counted for objectives, a file each; all of it can be counted again.
    pub fn counts(&self) -> PathBuf {
        self.0.join("slo-counts")
    }
    /// Rule files, as Prometheus reads them.
    pub fn rules(&self) -> PathBuf {
        self.0.join("rules")
    }
    /// What whoever evaluates them knows of alerts.
    pub fn alerts_status(&self) -> PathBuf {
        self.0.join("alerts.status")
    }
    /// One's own dashboards, a YAML file each.
    pub fn dashboards(&self) -> PathBuf {
        self.0.join("dashboards")
    }
    pub fn training(&self) -> PathBuf {
        self.0.join("training")
    }
}
