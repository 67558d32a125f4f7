//! Environments, and those of them that are in a cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use deckwatch_domain::{ServiceName, Span};
use deckwatch_platform::kubernetes::Kind;

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
    /// A kubeconfig, or a folder of them (else the files of KUBECONFIG, or the one in the home directory)
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
        /// The Ingress of ingress-nginx that leads to it, in place of a route: a canary is made beside it
        #[arg(long, conflicts_with_all = ["route", "virtual_service"])]
        ingress: Option<String>,
        /// The container that releases are for (else the only one)
        #[arg(long)]
        container: Option<String>,
        /// Say exactly what would be written, and write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Let an adopted service go as it was found
    Release { service: ServiceName },
    /// Settle a change of traffic that came from elsewhere: one of the two is the truth from now on
    Settle {
        service: ServiceName,
        /// What was changed is taken over
        #[arg(long, required_unless_present = "ours")]
        keep_theirs: bool,
        /// What was written here is written again
        #[arg(long = "write-ours", conflicts_with = "keep_theirs")]
        ours: bool,
    },
    /// Workloads, Services, routes, autoscalers and budgets: what is not well first
    Objects {
        #[command(flatten)]
        only: Only,
        /// Deployment, ReplicaSet, Service, HTTPRoute… or as kubectl shortens it
        #[arg(long)]
        kind: Option<Kind>,
    },
    /// Pods, and why one is not ready
    Pods {
        #[command(flatten)]
        only: Only,
        /// Only those that are not well
        #[arg(long)]
        trouble: bool,
    },
    /// What the cluster says has happened: warnings first, each newest first
    Events {
        #[command(flatten)]
        only: Only,
        /// Only what is about the object of this name
        #[arg(long, value_name = "NAME")]
        about: Option<String>,
        /// Only warnings
        #[arg(long)]
        warnings: bool,
        /// All of them by time
        #[arg(long)]
        newest: bool,
    },
    /// One object as YAML, without what is secret
    Yaml {
        /// `deployment/web`
        #[arg(value_parser = object)]
        object: Object,
        /// With who owns which field
        #[arg(long)]
        managed: bool,
    },
    /// What Deckwatch applied to an object beside what is there
    Diff {
        /// `httproute/basket`
        #[arg(value_parser = object)]
        object: Object,
        /// Fields that are as they were applied, too
        #[arg(long)]
        all: bool,
    },
    /// What a pod's container printed
    Logs {
        pod: String,
        /// The container (else the only one)
        #[arg(long, short)]
        container: Option<String>,
        /// Of the container that ran before this one
        #[arg(long, short, conflicts_with = "follow")]
        previous: bool,
        /// Go on as lines come
        #[arg(long, short)]
        follow: bool,
        /// The last so many lines, at most 10,000
        #[arg(long, short = 'n', default_value_t = 100)]
        lines: usize,
    },
}

/// Which rows.
#[derive(Args, Debug)]
pub struct Only {
    /// Only what belongs to this adopted service
    #[arg(long)]
    pub service: Option<ServiceName>,
    /// A part of a name, a state, a reason…
    #[arg(long)]
    pub filter: Option<String>,
    /// At most so many rows, and no more than 500
    #[arg(long, short = 'n', default_value_t = 200)]
    pub limit: usize,
}

/// Kind and name of one object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    pub kind: Kind,
    pub name: String,
}

fn object(text: &str) -> Result<Object, String> {
    let (kind, name) = text
        .split_once('/')
        .filter(|(_, name)| !name.is_empty())
        .ok_or_else(|| format!("`{text}` is no object such as deployment/web"))?;
    Ok(Object {
        kind: kind.parse()?,
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_kind_and_a_name() {
        let web = object("deploy/web").unwrap();
        assert_eq!((web.kind, web.name.as_str()), (Kind::Deployment, "web"));
        assert!(object("web").unwrap_err().contains("deployment/web"));
        assert!(object("deploy/").is_err());
        assert_eq!(object("secret/web").unwrap_err(), "Secrets are not read");
    }
}
