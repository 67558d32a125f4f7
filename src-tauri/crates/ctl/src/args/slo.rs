//! Objectives and rules.

use std::path::PathBuf;

use clap::Subcommand;
use deckwatch_domain::{EventId, ServiceName, Span, Timestamp};

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
    /// Times that do not count, and who says so
    Exclusions,
    /// Take a time out of the budget, for a reason
    Exclude {
        service: ServiceName,
        /// Of this objective (else of all of the service)
        #[arg(long)]
        objective: Option<String>,
        #[arg(long)]
        from: Timestamp,
        /// The first moment that counts again
        #[arg(long)]
        to: Timestamp,
        reason: String,
    },
    /// Let an excluded time count again, for a reason
    Withdraw { id: EventId, reason: String },
    /// The objectives as OpenSLO
    Export,
    /// The rules of Prometheus that the objectives mean
    Rules,
    /// An objective to begin with: availability, availability-burn, latency or uptime
    Preset { name: String, service: ServiceName },
}

#[derive(Subcommand, Debug)]
pub enum Alerts {
    /// What fires, waits or is just over; the most urgent first
    List {
        /// A part of the name, of a label or of the words
        filter: Option<String>,
    },
    /// One alert: its rule, why it fires, what the journal has of it
    Show { id: String },
}

#[derive(Subcommand, Debug)]
pub enum Rules {
    /// The rule files that are evaluated here, and how their rules fare
    List,
    /// A rule file to begin with; without a name, which there are
    Preset { name: Option<String> },
    /// Put this file among those that are evaluated (`-` for standard input)
    Set {
        /// What it is called there
        name: String,
        file: PathBuf,
    },
    /// Take a file from those that are evaluated
    Remove { name: String },
    /// What an alert would have done in the past
    Backtest {
        /// The rule file (`-` for standard input)
        file: PathBuf,
        /// The alert's name
        alert: String,
        /// How far back
        #[arg(long, default_value = "1d")]
        over: Span,
        /// Another threshold than the rule's
        #[arg(long)]
        threshold: Option<f64>,
        /// Another `for` than the rule's
        #[arg(long)]
        hold: Option<Span>,
    },
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
