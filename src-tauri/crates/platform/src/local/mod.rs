//! The platform for this machine: a *node*, a small process of its own that outlives the console.
//!
//! The node supervises instances (real processes, each under a [`run_shim`]) and fronts each
//! service with a weighted HTTP proxy. [`LocalPlatform`] speaks to it over a Unix socket that only
//! its user can open. What the node must never do: lose a traffic write that it acknowledged, let
//! a take-back wait for anything slow, leave an orphan behind, or give traffic to what the rules
//! in [`crate::rules`] refuse.
//!
//! The rooms: `definition` what a service is, `protocol` the words on the socket, `client` the
//! platform's side, `node` the other, `proxy` the path every request takes, `shim` the process
//! between the node and an instance, `wire` their words, `tasks` what is run around a release.

#[cfg(not(unix))]
mod absent;
#[cfg(unix)]
mod client;
mod definition;
#[cfg(unix)]
mod ensure;
mod error;
#[cfg(unix)]
mod folder;
#[cfg(unix)]
mod node;
mod protocol;
#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod shim;
#[cfg(unix)]
mod tasks;
#[cfg(unix)]
mod wire;

#[cfg(not(unix))]
pub use absent::{LocalPlatform, NodeFolder, NodeOptions, ensure_node, run_node, run_shim};
#[cfg(unix)]
pub use client::LocalPlatform;
pub use definition::{HeaderRoute, Readiness, Restart, RouteTo, ServiceDefinition, Sticky, Stop};
#[cfg(unix)]
pub use ensure::ensure_node;
pub use error::NodeError;
#[cfg(unix)]
pub use folder::NodeFolder;
#[cfg(unix)]
pub use node::{NodeOptions, run_node};
pub use protocol::{NodeStatus, PROTOCOL, ServiceStatus, Tick};
#[cfg(unix)]
pub use shim::run_shim;
#[cfg(unix)]
pub use tasks::{LocalTasks, TaskOutput, health, run_task};

/// The present moment by the system's clock.
#[cfg(unix)]
pub(crate) fn now() -> deckwatch_domain::Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    deckwatch_domain::Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Locks, whatever became of whoever held it last: no state here is left half-written by a panic.
#[cfg(unix)]
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
