//! Why a node did not start, in words that say what to do.

use std::path::PathBuf;

/// Why a node could not be run or reached.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("the node's folder {path} cannot be used: {why}")]
    Folder { path: PathBuf, why: String },
    #[error("a node is already running in {path}{}; stop it first, or take over from it", pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    AlreadyRunning { path: PathBuf, pid: Option<u32> },
    #[error("taking over from the running node failed: {why}")]
    TakeOver { why: String },
    #[error("the node did not start: {why}{}", if log.is_empty() { String::new() } else { format!("\nlast lines of its log:\n{log}") })]
    NotStarted { why: String, log: String },
    #[error("{what}: {error}")]
    Io {
        what: String,
        #[source]
        error: std::io::Error,
    },
    #[error(
        "the local node needs Unix: sockets, process groups and signals; use another platform here"
    )]
    Unsupported,
}

impl NodeError {
    pub(crate) fn io(what: impl Into<String>, error: std::io::Error) -> Self {
        NodeError::Io {
            what: what.into(),
            error,
        }
    }
}
