//! What is shown of a namespace: rows, and how true they are.

use deckwatch_domain::{ServiceName, Slot, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::index::Freshness;
use super::super::kind::Kind;

/// How an object stands, worst first.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It does not do what it is there for.
    Bad,
    /// It does, and something should be looked at.
    Warn,
    /// It is on its way.
    Moving,
    Good,
    /// Nothing is expected of it: an old ReplicaSet.
    Idle,
}

/// Rows with how true they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows<T> {
    pub freshness: Freshness,
    pub rows: Vec<T>,
}

/// Whose an object is, if it belongs to a service that was adopted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whose {
    pub service: ServiceName,
    /// None: it is both slots', as a route is.
    pub slot: Option<Slot>,
}

/// One object that is neither a pod nor an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ObjectRow {
    pub kind: Kind,
    pub name: String,
    /// The adopted service that it belongs to.
    pub service: Option<ServiceName>,
    pub slot: Option<Slot>,
    pub standing: Standing,
    /// How it stands in words: `3 of 4 ready`.
    pub state: String,
    /// Why it is not well, in words.
    pub why: Option<String>,
    /// Images, ports, hosts: what a person knows it by.
    pub about: String,
    /// What made it: a ReplicaSet's Deployment.
    pub owner: Option<String>,
    pub created: Timestamp,
}

/// One pod.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PodRow {
    pub name: String,
    pub service: Option<ServiceName>,
    pub slot: Option<Slot>,
    /// The Deployment that it is of.
    pub workload: Option<String>,
    pub standing: Standing,
    /// As the cluster has it, or why a container waits: `Running`, `CrashLoopBackOff`.
    pub phase: String,
    /// Containers that are ready.
    pub ready: u32,
    /// Their names.
    pub containers: Vec<String>,
    pub restarts: u32,
    pub node: Option<String>,
    pub created: Timestamp,
    /// The first container's, or the one that releases are for.
    pub image: String,
    /// Why it is not ready, in words.
    pub why: Option<String>,
}

/// One thing that the cluster says has happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct NoticeRow {
    pub warning: bool,
    pub reason: String,
    pub message: String,
    /// Kind and name of what it is about; the kind may be one that is not read here.
    pub kind: String,
    pub name: String,
    pub service: Option<ServiceName>,
    pub slot: Option<Slot>,
    pub count: u32,
    pub first: Timestamp,
    pub last: Timestamp,
    pub by: String,
}
