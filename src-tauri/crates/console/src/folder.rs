//! Where everything lies.

use std::path::{Path, PathBuf};

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
    pub fn training(&self) -> PathBuf {
        self.0.join("training")
    }
}
