//! Where there is no Unix there is no local node. Everything that would speak to one says so.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::ServiceName;
use tokio::sync::{mpsc, watch};

use super::definition::ServiceDefinition;
use super::error::NodeError;
use super::protocol::{NodeStatus, Tick};
use crate::Platform;
use crate::model::{Applied, Capabilities, LogLine, Observation, Order, PlatformError};

fn absent<T>() -> Result<T, PlatformError> {
    Err(PlatformError::Unreachable {
        why: NodeError::Unsupported.to_string(),
    })
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeFolder(PathBuf);

impl NodeFolder {
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, NodeError> {
        Ok(NodeFolder(path.into()))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    pub shim_command: Vec<OsString>,
    pub take_over: bool,
}

#[derive(Clone, Debug)]
pub struct LocalPlatform(NodeFolder);

impl LocalPlatform {
    pub fn new(folder: NodeFolder) -> Self {
        LocalPlatform(folder)
    }

    pub fn folder(&self) -> &NodeFolder {
        &self.0
    }

    pub async fn define(&self, _: &ServiceDefinition) -> Result<(), PlatformError> {
        absent()
    }

    pub async fn remove(&self, _: &ServiceName, _: bool) -> Result<(), PlatformError> {
        absent()
    }

    pub async fn definition(&self, _: &ServiceName) -> Result<ServiceDefinition, PlatformError> {
        absent()
    }

    pub async fn metrics(&self) -> Result<String, PlatformError> {
        absent()
    }

    pub async fn node(&self) -> Result<NodeStatus, PlatformError> {
        absent()
    }

    pub async fn shutdown(&self) -> Result<(), PlatformError> {
        absent()
    }

    pub fn watch(&self) -> watch::Receiver<Tick> {
        watch::channel(Tick::default()).1
    }

    pub async fn follow_logs(
        &self,
        _: &ServiceName,
        _: usize,
    ) -> Result<mpsc::Receiver<LogLine>, PlatformError> {
        absent()
    }
}

#[async_trait]
impl Platform for LocalPlatform {
    async fn observe(&self, _: &ServiceName) -> Result<Observation, PlatformError> {
        absent()
    }

    async fn services(&self) -> Result<Vec<ServiceName>, PlatformError> {
        absent()
    }

    async fn apply(&self, _: &ServiceName, _: &Order) -> Result<Applied, PlatformError> {
        absent()
    }

    async fn logs(&self, _: &ServiceName, _: usize) -> Result<Vec<LogLine>, PlatformError> {
        absent()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            exact_weights: false,
            header_routing: false,
            sticky_sessions: false,
            driver_lost_rollback: false,
        }
    }
}

pub async fn run_node(_: NodeFolder, _: NodeOptions) -> Result<(), NodeError> {
    Err(NodeError::Unsupported)
}

pub async fn ensure_node(
    _: &NodeFolder,
    _: &[OsString],
    _: Duration,
) -> Result<NodeStatus, NodeError> {
    Err(NodeError::Unsupported)
}

pub fn run_shim() -> ExitCode {
    eprintln!("{}", NodeError::Unsupported);
    ExitCode::from(69)
}
