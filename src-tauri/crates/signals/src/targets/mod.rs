//! `targets.yaml`: what is scraped, what is probed, and what is measured of this machine.
//!
//! Its mistakes are reported all at once, each with its line and column. It names secrets, never
//! their values. [`schema`] publishes its shape for editors; [`Job::targets`] makes the targets of
//! a job's static list. Nothing here asks anybody anything.

mod discover;
mod probe;
mod read;
mod read_probes;
mod read_rules;
mod schema;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use deckwatch_domain::{Problems, Span};

use crate::relabel::{LabelMap, Rule};

pub use discover::{Source, Target, Via, made};
pub use probe::{DnsProbe, Expect, HttpProbe, Probe, ProbeKind, TcpProbe};

/// The job of what a cluster's metrics-server measured.
pub const CLUSTER_JOB: &str = "deckwatch-cluster";

/// Jobs of Deckwatch's own figures: its node, this machine, its probes, a cluster.
pub const RESERVED: [&str; 5] = [
    CLUSTER_JOB,
    crate::NODE_JOB,
    crate::host::JOB,
    crate::probe::JOB,
    crate::pool::CLAIM,
];

/// The whole file. Where there is none, nothing is scraped or probed.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    pub jobs: Vec<Arc<Job>>,
    pub kubernetes: Option<Kubernetes>,
    pub probes: Vec<Arc<Probe>>,
    pub host: HostSettings,
}

/// How this machine is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostSettings {
    /// None: as the environment has it.
    pub measured: Option<bool>,
    pub every: Span,
    /// How many of the busiest programs are told of by name.
    pub programs: usize,
}

impl Default for HostSettings {
    fn default() -> Self {
        HostSettings {
            measured: None,
            every: Span::from_secs(5),
            programs: 10,
        }
    }
}

/// What is scraped in one way.
#[derive(Clone, Debug)]
pub struct Job {
    pub name: String,
    pub groups: Vec<Group>,
    pub scheme: String,
    pub path: String,
    /// Of the address, in order.
    pub params: Vec<(String, String)>,
    pub interval: Span,
    /// Never longer than the interval.
    pub timeout: Span,
    /// A label of the target's own wins over one of the sample's.
    pub honor_labels: bool,
    /// A sample's own time is taken.
    pub honor_timestamps: bool,
    /// Bytes of one answer.
    pub body_limit: usize,
    /// Samples of one answer, after the rules.
    pub sample_limit: usize,
    pub auth: Login,
    pub tls: Tls,
    pub relabel: Vec<Rule>,
    pub metric_relabel: Vec<Rule>,
}

impl Job {
    /// With everything as it is where nothing is said.
    pub fn new(name: &str) -> Self {
        Job {
            name: name.to_owned(),
            groups: Vec::new(),
            scheme: "http".into(),
            path: "/metrics".into(),
            params: Vec::new(),
            interval: Span::from_secs(15),
            timeout: Span::from_secs(10),
            honor_labels: false,
            honor_timestamps: true,
            body_limit: 16 << 20,
            sample_limit: 50_000,
            auth: Login::None,
            tls: Tls::default(),
            relabel: Vec::new(),
            metric_relabel: Vec::new(),
        }
    }
}

/// Targets with the labels that they share.
#[derive(Clone, Debug)]
pub struct Group {
    /// `host:port`, or a whole address.
    pub targets: Vec<String>,
    pub labels: LabelMap,
}

/// How one shows who one is: secrets by their names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Login {
    #[default]
    None,
    Bearer {
        secret: String,
    },
    Basic {
        user: String,
        secret: String,
    },
}

/// What a TLS connection goes by. Files are PEM.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Tls {
    /// An authority beside those that this system knows.
    pub ca: Option<PathBuf>,
    /// The name that the certificate is for, where it is not the address'.
    pub server_name: Option<String>,
    /// What is shown of oneself: a certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Targets that a cluster's pods name by their annotations `prometheus.io/…`.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    /// None: the environment's own.
    pub namespaces: Vec<String>,
    pub via: Reach,
    /// How they are scraped; it has no groups.
    pub job: Arc<Job>,
}

/// How a pod is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Through the API server, which works from everywhere and needs the right `get pods/proxy`.
    ApiServer,
    /// At the pod's own address.
    Direct,
}

/// Reads the file.
///
/// # Errors
/// Every mistake in it, in the order of its lines.
pub fn read(text: &str) -> Result<Targets, Problems> {
    read::file(text)
}

/// The JSON Schema of the file.
pub fn schema() -> serde_json::Value {
    schema::schema()
}

impl Targets {
    /// The names of the secrets that the file uses.
    pub fn secrets(&self) -> Vec<&str> {
        let jobs = self.jobs.iter().map(|job| &job.auth);
        let pods = self.kubernetes.iter().map(|k| &k.job.auth);
        let probes = self.probes.iter().filter_map(|probe| match &probe.kind {
            ProbeKind::Http(http) => Some(&http.auth),
            _ => None,
        });
        let named = jobs
            .chain(pods)
            .chain(probes)
            .filter_map(|login| match login {
                Login::None => None,
                Login::Bearer { secret } | Login::Basic { secret, .. } => Some(secret.as_str()),
            });
        let named: BTreeMap<&str, ()> = named.map(|name| (name, ())).collect();
        named.into_keys().collect()
    }
}

#[cfg(test)]
mod tests;
