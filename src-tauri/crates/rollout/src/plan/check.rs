//! Checks of a plan: what must be true before a release may go out at all.

use std::collections::BTreeMap;

use deckwatch_domain::{ServiceName, Span};
use deckwatch_platform::Does;
use serde::{Deserialize, Serialize};

/// One check.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Check {
    /// Unique in its plan.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub looks: Looks,
    /// Each attempt ends by then, at the latest.
    pub timeout: Span,
    /// Further attempts after one that failed.
    pub retries: u32,
    /// Whether the release stays where it is while this fails; else its failure is a warning.
    pub critical: bool,
    /// Environment of a command, beside what every task is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The variable of a command (the header of a call), and the secret's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
}

/// What a check looks at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Looks {
    /// A command or a call, run as tasks are: a process of its own.
    Run(Does),
    /// Whether something answers now.
    Health(Health),
    /// Whether stable is now as it was when a baseline was kept.
    Baseline(Within),
    /// Whether what the service needs stands: what its definition names, and these.
    Dependencies(Vec<ServiceName>),
    /// The release's program as it lies on the disk.
    Program,
    /// Whether anything that looks like a secret is in the arguments or the environment.
    Secrets,
}

impl Looks {
    /// What it looks at, in words.
    pub fn words(&self) -> String {
        match self {
            Looks::Run(Does::Command(command)) => command.join(" "),
            Looks::Run(Does::Http(call)) => format!("{} {}", call.method, call.url),
            Looks::Health(Health::Url(url)) => format!("health of {url}"),
            Looks::Health(Health::Service(service)) => format!("readiness of {service}"),
            Looks::Baseline(within) => format!("stable against the baseline {}", within.name),
            Looks::Dependencies(_) => "the services it needs".into(),
            Looks::Program => "the release's program".into(),
            Looks::Secrets => "arguments and environment".into(),
        }
    }
}

/// What is asked whether it is well.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// One GET; any status from 200 to 399 is yes.
    Url(String),
    /// A service of this platform: yes while stable has a ready instance.
    Service(ServiceName),
}

/// How far from a kept baseline stable may be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Within {
    /// The baseline's name; `newest` is the one that was captured last.
    pub name: String,
    /// How much of the present is looked at.
    pub over: Span,
    /// 0.2: at most a fifth above the baseline's.
    pub p95: f64,
    /// 0.2: at most a fifth above the baseline's.
    pub mean: f64,
    /// 0.01: at most one answer in a hundred more is bad.
    pub errors: f64,
}

/// The baseline that was captured last.
pub const NEWEST: &str = "newest";
