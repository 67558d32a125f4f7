//! Objectives and rules.

use std::path::PathBuf;

use clap::Subcommand;
use deckwatch_domain::ServiceName;

#[derive(Subcommand, Debug)]
pub enum Slo {
    /// Every objective: budget, burn, when it is gone; the worst first
    List,
    /// One objective: who spent its budget, and what each alert says
    Show { service: ServiceName, name: String },
    /// The file that names the objectives
    File,
    /// Its mistakes, each with its place
    Check {
        /// Another file (`-` for standard input)
        file: Option<PathBuf>,
    },
    /// Put this file in its place (`-` for standard input)
    Set { file: PathBuf },
    /// Add what a document of OpenSLO, Sloth or Pyrra promises (`-` for standard input)
    Import {
        file: PathBuf,
        /// Only say what would come of it
        #[arg(long)]
        dry_run: bool,
    },
    /// The objectives as OpenSLO
    Export,
    /// The rules of Prometheus that the objectives mean
    Rules,
    /// An objective to begin with: availability, availability-burn, latency or uptime
    Preset { name: String, service: ServiceName },
}

#[derive(Subcommand, Debug)]
pub enum Rules {
    /// Read rule files of Prometheus: mistakes, and what their rules cannot do
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run the unit tests that are kept beside rules, in the files that promtool reads
    Test {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}
