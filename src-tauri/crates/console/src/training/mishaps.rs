//! What a drill does to the training ground, and how it is undone: real signals to real
//! processes, real limits, and nothing that outlives the one who did it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deckwatch_rollout::lane::Report;
use deckwatch_training::drills::SERVICE;
use deckwatch_training::ground::schema_file;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use tokio::process::{Child, Command};

use crate::back::RollBackAnswer;
use crate::clock::skew_file;
use crate::console::Console;

/// Seconds without a sign of life after which a drill's drivers follow one another.
const LEASE: &str = "3";
/// What a process may write on a disk that is full: less than any file that matters has.
const ROOM: u64 = 4096;

/// What is to be undone.
#[derive(Default)]
pub(super) struct Mishaps {
    second: tokio::sync::Mutex<Option<Child>>,
    /// Wakes a driver that sleeps.
    alarm: tokio::sync::Mutex<Option<Child>>,
    asleep: Mutex<Option<Pid>>,
    full: Mutex<Option<Pid>>,
}

/// A driver of this ground. It ends when the one who started it does, however that ends.
pub(super) fn spawn_driver(console: &Console) -> Result<Child, String> {
    Command::new(&console.program)
        .arg("--data")
        .arg(console.folder.path())
        .args(["agent", "--leash", "--lease", LEASE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("{}: {e}", console.program.display()))
}

pub(super) fn schema(console: &Console) -> PathBuf {
    schema_file(console.folder.path(), SERVICE)
}

fn pid_of(child: &Child) -> Result<Pid, String> {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    id.and_then(Pid::from_raw)
        .ok_or_else(|| "the driver has ended".into())
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mishaps {
    pub(super) async fn second_driver(&self, console: &Console) -> Result<(), String> {
        *self.second.lock().await = Some(spawn_driver(console)?);
        Ok(())
    }

    /// Stops the process and wakes it by another one, so that it wakes even if we are killed.
    pub(super) async fn sleep(&self, driver: &Child, span: Duration) -> Result<(), String> {
        let pid = pid_of(driver)?;
        let script = "kill -STOP \"$0\"; sleep \"$1\"; kill -CONT \"$0\"";
        let alarm = Command::new("sh")
            .args(["-c", script])
            .arg(pid.as_raw_nonzero().to_string())
            .arg(span.as_secs().to_string())
            // A group of its own, so that what it waits with can be ended with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("sh: {e}"))?;
        *locked(&self.asleep) = Some(pid);
        *self.alarm.lock().await = Some(alarm);
        Ok(())
    }

    /// Wakes the driver, if one sleeps.
    pub(super) async fn wake(&self) {
        if let Some(mut alarm) = self.alarm.lock().await.take() {
            if let Ok(group) = pid_of(&alarm) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = alarm.wait().await;
        }
        if let Some(pid) = locked(&self.asleep).take() {
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    /// The process can make no file longer, as on a full disk.
    pub(super) fn fill(&self, driver: &Child) -> Result<(), String> {
        let pid = pid_of(driver)?;
        limit(pid, Some(ROOM))?;
        *locked(&self.full) = Some(pid);
        Ok(())
    }

    pub(super) fn empty(&self) -> Result<(), String> {
        match locked(&self.full).take() {
            Some(pid) => limit(pid, None),
            None => Ok(()),
        }
    }

    /// Undoes all of it. What is over by itself is no trouble.
    pub(super) async fn undo(&self, console: &Console) {
        let _ = std::fs::remove_file(skew_file(console.folder.path()));
        // A look at the clock, which finds that it runs true again.
        let _ = console.clock.now();
        self.wake().await;
        let _ = self.empty();
        if let Some(mut second) = self.second.lock().await.take() {
            let _ = second.kill().await;
        }
        let _ = std::fs::remove_file(schema(console));
    }
}

#[cfg(target_os = "linux")]
fn limit(pid: Pid, most: Option<u64>) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    // The hard limit is the one that it has from us, and stays: it must be possible to go back.
    let ours = getrlimit(Resource::Fsize);
    let limit = Rlimit {
        current: most.or(ours.current),
        maximum: ours.maximum,
    };
    let set = prlimit(Some(pid), Resource::Fsize, limit);
    set.map(|_| ()).map_err(|e| format!("prlimit: {e}"))
}

#[cfg(not(target_os = "linux"))]
fn limit(_: Pid, _: Option<u64>) -> Result<(), String> {
    Err("a process cannot be given a full disk on this system".into())
}

/// Whether this process has not ended.
pub(super) fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// A wall clock that is wrong by so much for everything on this ground, while this process lives.
pub(super) fn move_clock(console: &Console, seconds: i64) -> Result<(), String> {
    let file = skew_file(console.folder.path());
    if seconds == 0 {
        return match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        };
    }
    // In one step: a reader must not find half of it.
    let said = format!("{} {}", std::process::id(), seconds.saturating_mul(1000));
    let new = file.with_extension("new");
    std::fs::write(&new, said)
        .and_then(|()| std::fs::rename(&new, &file))
        .map_err(|e| e.to_string())
}

/// Ends the node as a crash would.
pub(super) async fn kill_node(console: &Console) -> Result<(), String> {
    let node = console.local.node().await.map_err(|e| e.to_string())?;
    let pid = i32::try_from(node.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or("the node does not say which process it is")?;
    kill_process(pid, Signal::KILL).map_err(|e| e.to_string())
}

/// A rollback by a program of its own, which can write no file.
pub(super) async fn roll_back(console: &Console, reason: &str) -> Result<Report, String> {
    let script = format!("ulimit -f {}; exec \"$0\" \"$@\"", ROOM / 512);
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(&console.program)
        .arg("--data")
        .arg(console.folder.path())
        .args(["--json", "rollback", SERVICE, "--reason", reason])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| format!("sh: {e}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let answer: Result<RollBackAnswer, _> = serde_json::from_slice(&output.stdout);
    match answer {
        Ok(answer) if answer.recorded == "journal" => {
            Err("the rollback could write, so its disk was not full".into())
        }
        Ok(answer) => Ok(answer.report),
        Err(_) => Err(format!(
            "the rollback ended with {}: {}",
            output.status,
            said(&output.stderr)
        )),
    }
}
