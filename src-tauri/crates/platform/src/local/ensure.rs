//! Starting a node where none answers.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::LocalPlatform;
use super::protocol::NodeStatus;
use super::{NodeError, NodeFolder};
use crate::model::PlatformError;

/// Tells a node that it was started by [`ensure_node`] and is to have a session of its own.
pub(super) const DETACH: &str = "DECKWATCH_NODE_DETACH";
/// How much of the log an error shows, in bytes.
const TAIL: u64 = 2048;
/// A log longer than this begins anew when a node is started.
const LONGEST_LOG: u64 = 1024 * 1024;

/// Makes sure that a node answers in this folder: if none does, starts `command` (a program and its
/// arguments that call [`super::run_node`]) in a session of its own, with its output in the
/// folder's `node.log`, and waits for it no longer than `deadline`.
pub async fn ensure_node(
    folder: &NodeFolder,
    command: &[OsString],
    deadline: Duration,
) -> Result<NodeStatus, NodeError> {
    let platform = LocalPlatform::new(folder.clone());
    match platform.node().await {
        Ok(status) => return Ok(status),
        Err(PlatformError::Unreachable { .. }) => {}
        Err(PlatformError::Denied { why }) => {
            return Err(NodeError::NotStarted {
                why,
                log: String::new(),
            });
        }
        Err(other) => {
            return Err(NodeError::NotStarted {
                why: format!("one is there, but: {other}"),
                log: String::new(),
            });
        }
    }
    folder.create()?;
    let mut child = start(folder, command)?;
    let began = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Ok(status) = platform.node().await {
            // Collected when it ends, should we still be there.
            std::thread::spawn(move || child.wait());
            return Ok(status);
        }
        let ended = child.try_wait().ok().flatten();
        let why = match ended {
            // Another console may have been quicker: then its node answers.
            Some(status) => match answers_soon(&platform).await {
                Some(answer) => return Ok(answer),
                None => format!("it ended at once ({status})"),
            },
            None if began.elapsed() > deadline => {
                let _ = child.kill();
                let _ = child.wait();
                format!("it has not answered within {deadline:?}")
            }
            None => continue,
        };
        return Err(NodeError::NotStarted {
            why,
            log: tail(folder),
        });
    }
}

async fn answers_soon(platform: &LocalPlatform) -> Option<NodeStatus> {
    for _ in 0..20 {
        if let Ok(status) = platform.node().await {
            return Some(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

fn start(folder: &NodeFolder, command: &[OsString]) -> Result<Child, NodeError> {
    let path = folder.log();
    let long = std::fs::metadata(&path).is_ok_and(|m| m.len() > LONGEST_LOG);
    let open = || {
        OpenOptions::new()
            .create(true)
            .append(!long)
            .write(true)
            .truncate(long)
            .mode(0o600)
            .open(&path)
    };
    let wrong = |e| NodeError::io(format!("the log {} cannot be written", path.display()), e);
    let log = open().map_err(wrong)?;
    let errors = log.try_clone().map_err(wrong)?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(NodeError::NotStarted {
            why: "no command was given to start it with".into(),
            log: String::new(),
        });
    };
    // The node leaves the terminal's session itself, first thing; only a session's non-leader can.
    Command::new(program)
        .args(arguments)
        .env(DETACH, "1")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|e| NodeError::io(format!("`{}` cannot be started", program.display()), e))
}

fn tail(folder: &NodeFolder) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(folder.log())?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_default()
}
