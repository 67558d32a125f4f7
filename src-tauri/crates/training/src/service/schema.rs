//! The schema that a demo service finds: a number in a file, as a database would answer it. A
//! version that does not run on it fails every request, whatever its readiness says.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the schema is while nobody has migrated it.
pub const FIRST_SCHEMA: u32 = 1;
/// How long an answer counts: a migration is felt at once, and requests do not wait for the disk.
const COUNTS_FOR: Duration = Duration::from_millis(20);

/// Where the schema is found, and which ones this version runs on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// None: no schema is looked at.
    pub file: Option<PathBuf>,
    /// None: the first alone.
    pub runs_on: Option<Vec<u32>>,
}

impl Needs {
    fn fits(&self, found: u32) -> bool {
        match &self.runs_on {
            Some(all) => all.contains(&found),
            None => found == FIRST_SCHEMA,
        }
    }
}

/// Looks the schema up, not more often than it must.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    needs: Needs,
    last: Mutex<Option<(Instant, u32)>>,
}

impl Lookup {
    pub(super) fn new(needs: Needs) -> Self {
        Lookup {
            needs,
            last: Mutex::default(),
        }
    }

    /// Why this version cannot serve now; none: it can.
    pub(super) fn trouble(&self) -> Option<String> {
        let found = self.found()?;
        let fits = self.needs.fits(found);
        (!fits).then(|| format!("this version does not run on schema {found}"))
    }

    fn found(&self) -> Option<u32> {
        let file = self.needs.file.as_ref()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, found)) = *last
            && at.elapsed() < COUNTS_FOR
        {
            return Some(found);
        }
        // A file that is being rewritten is read again soon after; until then it is as it was.
        let before = last.map_or(FIRST_SCHEMA, |(_, found)| found);
        let found = match std::fs::read_to_string(file) {
            Ok(text) => text.trim().parse().unwrap_or(before),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => FIRST_SCHEMA,
            Err(_) => before,
        };
        *last = Some((Instant::now(), found));
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_serves_on_the_schemas_it_runs_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schema");
        let old = Lookup::new(Needs {
            file: Some(file.clone()),
            runs_on: None,
        });
        let new = Lookup::new(Needs {
            file: Some(file.clone()),
            runs_on: Some(vec![1, 2]),
        });
        assert_eq!((old.trouble(), new.trouble()), (None, None));
        std::fs::write(&file, "2\n").unwrap();
        std::thread::sleep(COUNTS_FOR);
        let why = old.trouble().unwrap();
        assert!(why.contains("schema 2"), "{why}");
        assert_eq!(new.trouble(), None);
        // Cut off in the middle of being written.
        std::fs::write(&file, "").unwrap();
        std::thread::sleep(COUNTS_FOR);
        assert!(old.trouble().is_some());
        std::fs::remove_file(&file).unwrap();
        std::thread::sleep(COUNTS_FOR);
        assert_eq!(old.trouble(), None);
        assert_eq!(Lookup::new(Needs::default()).trouble(), None);
    }
}
