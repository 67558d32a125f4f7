//! Environments, and those of them that are in a cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use deckwatch_domain::{ServiceName, Span};

#[derive(Subcommand, Debug)]
pub enum Environment {
    /// All of them, the built-in ones first
    List,
    /// Add one; with a context, its services run in a cluster
    Add(Box<NewEnvironment>),
    /// Forget one; its folder stays
    Remove { name: String },
    /// Open a read-only one for a while: everybody's consoles, for a reason that is kept
    Open {
        /// For how long, at most 8h
        #[arg(long = "for", default_value = "30m")]
        within: Span,
        #[arg(long, short)]
        reason: String,
    },
    /// Close it again
    Close,
}

#[derive(Args, Debug)]
pub struct NewEnvironment {
    pub name: String,
    /// production, staging, development
    #[arg(long, default_value = "development")]
    pub class: String,
    /// Commands are refused, but for the way back; production in a cluster begins so
    #[arg(long)]
    pub read_only: bool,
    /// Production in a cluster that is not read-only
    #[arg(long, conflicts_with = "read_only")]
    pub writable: bool,
    /// Where its journal and samples lie (else a folder of its own in the data folder)
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// A context of the kubeconfig
    #[arg(long)]
    pub context: Option<String>,
    /// A kubeconfig (else the files of KUBECONFIG, or the one in the home directory)
    #[arg(long, requires = "context")]
    pub kubeconfig: Option<PathBuf>,
    /// Else the context's own
    #[arg(long, requires = "context")]
    pub namespace: Option<String>,
    /// The address of a Prometheus; in a cluster, of the one that counts the requests
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// The name of the secret that holds its token
    #[arg(long, requires = "prometheus", value_name = "SECRET")]
    pub token: Option<String>,
    /// A PEM file with the authority that vouches for it
    #[arg(long, requires = "prometheus", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Counters of requests by `pod` and `code`; `$namespace` stands for the namespace
    #[arg(long, requires = "prometheus", value_name = "PROMQL")]
    pub responses: Option<String>,
    /// Counters of a latency histogram by `pod` and `le`; empty: latency is not judged
    #[arg(long, requires = "prometheus", value_name = "PROMQL")]
    pub seconds: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum Cluster {
    /// The contexts that kubeconfig files name
    Contexts {
        #[arg(long)]
        kubeconfig: Option<PathBuf>,
    },
    /// Which cluster, as whom, with which rights
    Show,
    /// Take a Deployment and what stands in front of it in, without a restart
    Adopt {
        deployment: String,
        /// The Service that leads to it (else the only one that does)
        #[arg(long)]
        service: Option<String>,
        /// The HTTPRoute that leads to that Service (else the Service carries all or nothing)
        #[arg(long)]
        route: Option<String>,
        /// Istio's VirtualService that leads to it, in place of a route
        #[arg(long, conflicts_with = "route")]
        virtual_service: Option<String>,
        /// The container that releases are for (else the only one)
        #[arg(long)]
        container: Option<String>,
        /// Say exactly what would be written, and write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Let an adopted service go as it was found
    Release { service: ServiceName },
}
