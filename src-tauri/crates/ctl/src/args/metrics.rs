//! Metrics: what there is to ask for, who is asked, and dashboards.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use deckwatch_console::api::SourceName;

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Source {
    /// This folder's own samples
    Samples,
    /// The environment's Prometheus
    Prometheus,
}

impl From<Source> for SourceName {
    fn from(source: Source) -> Self {
        match source {
            Source::Samples => SourceName::Samples,
            Source::Prometheus => SourceName::Prometheus,
        }
    }
}

#[derive(Subcommand, Debug)]
pub enum Metrics {
    /// The metrics there are, with type, unit and help
    Names {
        /// Letters of the name or words of its help
        filter: Option<String>,
        #[arg(long, default_value_t = 200)]
        limit: usize,
        #[arg(long)]
        source: Option<Source>,
    },
    /// The labels that series have
    Labels {
        /// A selector: `up{job="node"}` (else all series)
        selector: Option<String>,
        #[arg(long)]
        source: Option<Source>,
    },
    /// The values that a label has
    Values {
        label: String,
        /// A selector: `up{job="node"}` (else all series)
        selector: Option<String>,
        #[arg(long)]
        source: Option<Source>,
    },
    /// What is usual of a series by its days and weeks, and where it is not as usual
    Usual {
        /// A query that gives one series
        query: String,
        /// How many days are looked at
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=42))]
        days: u32,
        /// It varies by amounts, as shares do (else by factors, as traffic and latency do)
        #[arg(long)]
        amounts: bool,
        #[arg(long)]
        source: Option<Source>,
    },
    /// Who can be asked here, and whether it answers
    Sources,
    /// Name the Prometheus of this environment
    Use(UseSource),
    /// Dashboards: panels of queries
    #[command(subcommand)]
    Dashboard(Dashboard),
}

#[derive(Args, Debug)]
pub struct UseSource {
    /// `https://…`, or a service of the cluster: `service://namespace/name:port`
    #[arg(required_unless_present = "none")]
    pub url: Option<String>,
    /// None: own samples answer
    #[arg(long, conflicts_with = "url")]
    pub none: bool,
    /// Who asks, where it wants a password
    #[arg(long, requires = "token")]
    pub user: Option<String>,
    /// The name of the secret that holds its token, or the user's password
    #[arg(long, value_name = "SECRET")]
    pub token: Option<String>,
    /// A PEM file with the authority that vouches for it
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum Dashboard {
    /// Those that ship, and the files in the data folder
    List,
    /// A dashboard's text
    Show { name: String },
    /// A dashboard's mistakes, each with line and column
    Check { file: PathBuf },
    /// The JSON Schema of dashboards
    Schema,
}
