//! What a service should be, on disk: its definition, and what should stand in its slots.
//!
//! Written before anything is done about it, by atomic rename, so that a node that dies in between
//! finds either the old or the new, whole. The one before is kept beside it: a file that cannot be
//! read is set aside, the one before is used, and both are said.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use deckwatch_domain::{IntentId, PerSlot, ServiceName};
use serde::{Deserialize, Serialize};

use crate::local::definition::ServiceDefinition;
use crate::model::ReleaseSpec;

/// What should stand in a slot.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct DesiredSlot {
    pub release: Option<ReleaseSpec>,
    pub instances: u32,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Desired {
    pub format: u32,
    pub definition: ServiceDefinition,
    pub slots: PerSlot<DesiredSlot>,
    /// The newest slot orders that were carried out.
    pub applied: Vec<IntentId>,
}

/// The files of one service.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
    name: String,
}

impl Files {
    pub(super) fn new(folder: &Path, service: &ServiceName) -> Self {
        Files {
            folder: folder.to_owned(),
            name: service.to_string(),
        }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }

    pub(super) fn traffic(&self) -> PathBuf {
        self.path("traffic")
    }

    pub(super) fn write(&self, desired: &Desired) -> io::Result<()> {
        let (now, new, before) = (self.path("json"), self.path("new"), self.path("before"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(desired)?)?;
        file.sync_all()?;
        let _ = std::fs::remove_file(&before);
        let _ = std::fs::hard_link(&now, &before);
        std::fs::rename(&new, &now)?;
        File::open(&self.folder)?.sync_all()
    }

    /// What should be, and what was wrong on the way to it.
    pub(super) fn read(&self, troubles: &mut Vec<String>) -> Option<Desired> {
        let now = self.path("json");
        match read(&now) {
            Ok(desired) => return Some(desired),
            Err(why) => {
                let aside = self.set_aside(&now);
                troubles.push(format!("{} cannot be read ({why}); {aside}", now.display()));
            }
        }
        let before = self.path("before");
        match read(&before) {
            Ok(desired) => {
                troubles.push(format!("{}: what it said before is used", self.name));
                Some(desired)
            }
            Err(why) => {
                troubles.push(format!(
                    "{}: nothing older either ({why}); define it again",
                    self.name
                ));
                None
            }
        }
    }

    /// Moves a damaged file out of the way; says where to.
    pub(super) fn set_aside(&self, path: &Path) -> String {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".damaged-{}", crate::local::now().as_millis()));
        match std::fs::rename(path, &aside) {
            Ok(()) => format!("set aside as {}", PathBuf::from(aside).display()),
            Err(e) => format!("and cannot be set aside: {e}"),
        }
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        for ending in ["json", "before", "new", "traffic"] {
            match std::fs::remove_file(self.path(ending)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        File::open(&self.folder)?.sync_all()
    }

    /// Every service with files in this folder.
    pub(super) fn list(folder: &Path) -> io::Result<Vec<ServiceName>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name();
            let Some((stem, "json" | "before")) = name.to_str().and_then(|n| n.rsplit_once('.'))
            else {
                continue;
            };
            if let Ok(name) = ServiceName::new(stem)
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

fn read(path: &Path) -> Result<Desired, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let desired: Desired = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    match desired.definition.faults() {
        faults if faults.is_empty() => Ok(desired),
        faults => Err(faults.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_set_aside_and_the_one_before_is_used() {
        let root = tempfile::tempdir().unwrap();
        let service = ServiceName::new("a").unwrap();
        let files = Files::new(root.path(), &service);
        let definition = ServiceDefinition::new(
            service.clone(),
            "127.0.0.1:1".parse().unwrap(),
            vec!["x".into()],
        );
        let mut desired = Desired {
            format: 1,
            definition,
            slots: PerSlot::default(),
            applied: Vec::new(),
        };
        files.write(&desired).unwrap();
        desired.slots.blue.instances = 7;
        files.write(&desired).unwrap();
        let mut troubles = Vec::new();
        assert_eq!(files.read(&mut troubles).unwrap(), desired);
        assert!(troubles.is_empty());
        std::fs::write(root.path().join("a.json"), b"{ torn").unwrap();
        assert_eq!(files.read(&mut troubles).unwrap().slots.blue.instances, 0);
        assert_eq!(troubles.len(), 2, "{troubles:?}");
        assert_eq!(Files::list(root.path()).unwrap(), vec![service]);
        files.remove().unwrap();
        assert!(files.read(&mut troubles).is_none());
    }
}
