//! What a service is: how it is started, reached, watched, stopped and routed to.
//!
//! A definition is a page of YAML that people write (`docs/services.md`), and JSON on the node's
//! socket. Both ways in end at the same checks: a definition that cannot work is refused with
//! every reason at once, and nothing here starts, opens or resolves anything.

mod check;
mod read;
mod write;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use deckwatch_domain::{Problems, Role, ServiceName, Slot, Span};
use serde::{Deserialize, Serialize};

/// One service of the local node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ServiceDefinition {
    pub service: ServiceName,
    /// Where clients reach it. A loopback address: the node offers nothing to the network.
    #[ts(type = "string")]
    pub listen: SocketAddr,
    /// Where whoever is candidate answers, whatever the weights say. A loopback address too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(as = "Option<String>")]
    pub preview: Option<SocketAddr>,
    /// Program and arguments of one instance. `{port}`, `{version}`, `{slot}` and `{instance}`
    /// are filled in; so they are in the values of `env`.
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The working folder of its instances; the node's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Instances of a full slot.
    #[serde(default = "defaults::instances")]
    pub instances: u32,
    #[serde(default)]
    pub readiness: Readiness,
    #[serde(default)]
    pub stop: Stop,
    #[serde(default)]
    pub restart: Restart,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routing: Vec<HeaderRoute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// The header that tells clients apart, so that bursts of one client count once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_header: Option<String>,
    /// The services it calls: what stands or falls with it before a release of it goes out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<_>")]
    pub needs: Vec<ServiceName>,
    /// How long an answer may take to begin, before the client gets 504.
    #[serde(default = "defaults::request_timeout")]
    pub request_timeout: Span,
    /// Lines of output kept per instance.
    #[serde(default = "defaults::output_lines")]
    pub output_lines: u32,
}

/// How it is known that an instance can serve: an HTTP GET that answers 2xx or 3xx.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
pub struct Readiness {
    pub path: String,
    pub interval: Span,
    pub timeout: Span,
    /// Good answers in a row before it is ready.
    pub healthy_after: u32,
    /// Bad answers in a row before it no longer is.
    pub unhealthy_after: u32,
}

impl Default for Readiness {
    fn default() -> Self {
        Readiness {
            path: "/".into(),
            interval: Span::from_secs(1),
            timeout: Span::from_millis(500),
            healthy_after: 2,
            unhealthy_after: 3,
        }
    }
}

/// How an instance is stopped: out of rotation, `drain` for its requests, SIGTERM, `grace`, SIGKILL.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    pub drain: Span,
    pub grace: Span,
}

impl Default for Stop {
    fn default() -> Self {
        Stop {
            drain: Span::from_secs(10),
            grace: Span::from_secs(5),
        }
    }
}

/// How an instance that ended by itself is started again: after `initial`, doubled up to `max`,
/// and from `initial` again once it has run for `reset_after`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
pub struct Restart {
    pub initial: Span,
    pub max: Span,
    pub reset_after: Span,
}

impl Default for Restart {
    fn default() -> Self {
        Restart {
            initial: Span::from_millis(200),
            max: Span::from_secs(30),
            reset_after: Span::from_secs(60),
        }
    }
}

/// Where a header route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "lowercase")]
pub enum RouteTo {
    Slot(Slot),
    Role(Role),
}

/// Requests whose header has this value go to one slot, whatever the weights say; honoured while
/// that slot plays a role and has a ready instance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct HeaderRoute {
    pub header: String,
    pub value: String,
    #[serde(flatten)]
    pub to: RouteTo,
}

/// Clients stay with the release that first answered them, while it has weight.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Sticky {
    pub cookie: String,
}

mod defaults {
    use deckwatch_domain::Span;

    pub(super) fn instances() -> u32 {
        2
    }
    pub(super) fn request_timeout() -> Span {
        Span::from_secs(30)
    }
    pub(super) fn output_lines() -> u32 {
        500
    }
}

impl ServiceDefinition {
    /// A definition with everything optional at its default.
    pub fn new(service: ServiceName, listen: SocketAddr, command: Vec<String>) -> Self {
        ServiceDefinition {
            service,
            listen,
            preview: None,
            command,
            env: BTreeMap::new(),
            folder: None,
            instances: defaults::instances(),
            readiness: Readiness::default(),
            stop: Stop::default(),
            restart: Restart::default(),
            routing: Vec::new(),
            sticky: None,
            client_header: None,
            needs: Vec::new(),
            request_timeout: defaults::request_timeout(),
            output_lines: defaults::output_lines(),
        }
    }

    /// Reads a definition; every mistake at once, with its line and column.
    pub fn from_yaml(text: &str) -> Result<Self, Problems> {
        read::from_yaml(text)
    }

    /// Writes it as [`ServiceDefinition::from_yaml`] reads it.
    pub fn to_yaml(&self) -> String {
        write::to_yaml(self)
    }

    /// Instances that a slot can have at most.
    pub const MOST_INSTANCES: u32 = check::MOST_INSTANCES;

    /// Everything that would keep a release from being started, in words.
    pub fn release_faults(release: &crate::model::ReleaseSpec) -> Vec<String> {
        let command = release
            .command
            .iter()
            .map(|command| check::command(command));
        let env = release
            .env
            .iter()
            .map(|(name, value)| check::env(name, value));
        command.chain(env).filter_map(Result::err).collect()
    }

    /// Why it cannot stand beside another service's definition, in words: a preview's port is
    /// nobody else's. (Two services that listen in one place cannot be opened both.)
    pub fn clash(&self, other: &ServiceDefinition) -> Option<String> {
        let name = &other.service;
        let theirs = other.preview.map(|a| a.port());
        if let Some(mine) = self.preview.map(|a| a.port()) {
            if mine == other.listen.port() {
                return Some(format!("preview: port {mine} is where {name} listens"));
            }
            if theirs == Some(mine) {
                return Some(format!("preview: port {mine} is where {name} previews"));
            }
        }
        let mine = self.listen.port();
        (theirs == Some(mine)).then(|| format!("listen: port {mine} is where {name} previews"))
    }

    /// Everything that would keep it from working, in words; for definitions that came as JSON.
    pub fn faults(&self) -> Vec<String> {
        check::faults(self)
    }
}

#[cfg(test)]
mod tests;
