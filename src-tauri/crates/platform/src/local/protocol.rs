//! The control protocol: HTTP/1.1 and JSON over the node's Unix socket.
//!
//! A client names its protocol's number in every request; a node that speaks another refuses, and
//! both then know who is older. Within one number only additions are made.

use deckwatch_domain::{PerSlot, ReleaseVersion, ServiceName, Timestamp, Weights};
use serde::{Deserialize, Serialize};

/// The protocol's number.
pub const PROTOCOL: u32 = 1;
/// The header that carries it.
pub(crate) const PROTOCOL_HEADER: &str = "x-deckwatch-protocol";
/// The longest body either side reads at once.
pub(crate) const LONGEST_BODY: usize = 1024 * 1024;

/// What a node says of itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct NodeStatus {
    /// Deckwatch's version.
    pub version: String,
    pub protocol: u32,
    pub pid: u32,
    pub started_at: Timestamp,
    pub services: Vec<ServiceStatus>,
    /// What went wrong and was got around: set-aside files, disk trouble. Newest last.
    #[serde(default)]
    pub troubles: Vec<String>,
}

/// One line about a service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ServiceStatus {
    pub service: ServiceName,
    #[ts(type = "string")]
    pub listen: std::net::SocketAddr,
    pub weights: Weights,
    pub releases: PerSlot<Option<ReleaseVersion>>,
    pub ready: PerSlot<u32>,
    /// Requests answered 503 that count for no slot, because neither could have served them.
    #[serde(default)]
    pub unserved: u64,
}

/// Something observable changed. Changes that come together are told together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tick {
    /// Rises with every change since the node started; 0 before the first word from a node.
    pub change: u64,
    /// Whether the node answers.
    pub connected: bool,
}
