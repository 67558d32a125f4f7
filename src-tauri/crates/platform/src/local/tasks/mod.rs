//! Tasks on this machine: each attempt is a process of its own that outlives whoever began it.
//!
//! An attempt has a folder named by its intent. Making its `claim` file begins it, once; the
//! runner ([`run_task`]) holds a lock on that file while it lives, and writes `result.json` when
//! it has ended. So anybody can tell from the folder alone what became of it: nothing there, never
//! begun; locked, running; a result, ended; neither, its runner was killed.
//!
//! What must never happen here: an attempt that runs twice, and a task's process that outlives its
//! time.

mod call;
mod output;
mod runner;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deckwatch_domain::IntentId;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

pub use call::health;
pub use runner::run_task;

use crate::task::{TaskOutcome, TaskRun, TaskSeen};

/// Attempts whose folders are kept.
const KEPT: usize = 500;

/// The tasks of one data folder.
#[derive(Clone, Debug)]
pub struct LocalTasks {
    folder: PathBuf,
    /// The program that runs [`run_task`], and the arguments that make it do so.
    program: PathBuf,
}

/// What the runner reads from its standard input.
#[derive(serde::Serialize, serde::Deserialize)]
struct Orders {
    run: TaskRun,
    values: BTreeMap<String, String>,
}

/// What an attempt printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskOutput {
    pub text: String,
    /// Of everything it printed; more than `text` when that was cut off.
    pub bytes: u64,
    pub running: bool,
}

impl LocalTasks {
    pub fn new(folder: PathBuf, program: PathBuf) -> Self {
        LocalTasks { folder, program }
    }

    fn place(&self, intent: IntentId) -> PathBuf {
        self.folder.join(intent.to_string())
    }

    /// Begins this attempt, unless it was begun before. `values` are its secrets', by variable or
    /// header; they go to its process through a pipe and are written nowhere.
    ///
    /// # Errors
    /// That it was not begun, and why; it may be tried again.
    pub fn begin(&self, run: &TaskRun, values: BTreeMap<String, String>) -> Result<(), String> {
        let place = self.place(run.intent);
        let wrong = |what: &str, e: std::io::Error| format!("{what} {}: {e}", place.display());
        self.prune();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&place)
            .map_err(|e| wrong("cannot make the folder", e))?;
        let claim = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(place.join("claim"));
        let claim = match claim {
            Ok(claim) => claim,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            Err(e) => return Err(wrong("cannot claim", e)),
        };
        // The runner inherits the lock: there is no moment at which nobody holds it.
        let begun = flock(&claim, FlockOperation::NonBlockingLockExclusive)
            .map_err(std::io::Error::from)
            .and_then(|()| self.start(&place, &claim, run, values));
        begun.map_err(|e| {
            // Nothing runs, so it can be claimed again.
            let _ = std::fs::remove_file(place.join("claim"));
            wrong("cannot begin the task in", e)
        })
    }

    fn start(
        &self,
        place: &Path,
        claim: &File,
        run: &TaskRun,
        values: BTreeMap<String, String>,
    ) -> std::io::Result<()> {
        let mut child = Command::new(&self.program)
            .arg("task-run")
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::from(claim.try_clone()?))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let words = serde_json::to_vec(&Orders {
            run: run.clone(),
            values,
        })?;
        if let Err(error) = stdin.write_all(&words) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        drop(stdin);
        // Its end is read from its folder; this only keeps it from staying behind as a zombie.
        std::thread::Builder::new()
            .name("task".into())
            .stack_size(64 * 1024)
            .spawn(move || child.wait())?;
        Ok(())
    }

    /// What has become of it.
    ///
    /// # Errors
    /// That it cannot be told now, and why.
    pub fn look(&self, intent: IntentId) -> Result<TaskSeen, String> {
        let place = self.place(intent);
        if let Some(outcome) = result(&place)? {
            return Ok(TaskSeen::Ended(outcome));
        }
        let claim = match File::open(place.join("claim")) {
            Ok(claim) => claim,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(TaskSeen::Unknown),
            Err(e) => return Err(format!("cannot read {}: {e}", place.display())),
        };
        if flock(&claim, FlockOperation::NonBlockingLockShared).is_err() {
            return Ok(TaskSeen::Running);
        }
        // It may have ended between the two looks.
        Ok(match result(&place)? {
            Some(outcome) => TaskSeen::Ended(outcome),
            None => TaskSeen::Ended(TaskOutcome::lost(
                "its process was killed, and how far it came is not known",
            )),
        })
    }

    /// Ends it, if it runs.
    ///
    /// # Errors
    /// That it could not be told to.
    pub fn stop(&self, intent: IntentId) -> Result<(), String> {
        if self.look(intent)? != TaskSeen::Running {
            return Ok(());
        }
        let noted = std::fs::read_to_string(self.place(intent).join("pid"))
            .map_err(|e| format!("its process is not known: {e}"))?;
        let pid = noted.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.ok_or("its process is not known")?;
        kill_process(pid, Signal::TERM).map_err(|e| format!("it cannot be ended: {e}"))
    }

    /// What it printed: the newest `most` bytes of what was kept.
    ///
    /// # Errors
    /// That it cannot be read.
    pub fn output(&self, intent: IntentId, most: u64) -> Result<TaskOutput, String> {
        use std::io::{Seek as _, SeekFrom};
        let place = self.place(intent);
        let seen = self.look(intent)?;
        let mut bytes = Vec::new();
        let mut kept = 0;
        match File::open(place.join("output")) {
            Ok(mut file) => {
                let wrong = |e: std::io::Error| format!("cannot read {}: {e}", place.display());
                kept = file.metadata().map_err(wrong)?.len();
                file.seek(SeekFrom::Start(kept.saturating_sub(most)))
                    .map_err(wrong)?;
                file.take(most).read_to_end(&mut bytes).map_err(wrong)?;
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("cannot read {}: {e}", place.display())),
        }
        let all = match &seen {
            TaskSeen::Ended(outcome) => outcome.output_bytes,
            TaskSeen::Running | TaskSeen::Unknown => kept,
        };
        Ok(TaskOutput {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: all.max(kept),
            running: seen == TaskSeen::Running,
        })
    }

    /// Folders of long ago go; what matters of them is in the journal.
    fn prune(&self) {
        let Ok(found) = std::fs::read_dir(&self.folder) else {
            return;
        };
        let mut all: Vec<(std::time::SystemTime, PathBuf)> = found
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .collect();
        if all.len() <= KEPT {
            return;
        }
        all.sort();
        for (_, path) in &all[..all.len() - KEPT] {
            if path.join("result.json").exists() {
                let _ = std::fs::remove_dir_all(path);
            }
        }
    }
}

/// The result, once there is one.
fn result(place: &Path) -> Result<Option<TaskOutcome>, String> {
    let path = place.join("result.json");
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| format!("{} cannot be understood: {e}", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("cannot read {}: {e}", path.display())),
    }
}
