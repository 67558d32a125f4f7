//! The words of the command line.

mod cluster;
mod metrics;
mod promql;
mod release;
mod slo;
mod targets;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use deckwatch_domain::{ServiceName, Span, Timestamp};
use deckwatch_rollout::plan::RollbackKind;

pub use cluster::{Cluster, Environment, NewEnvironment, Only};
pub use metrics::{Dashboard, Metrics, Source, UseSource};
pub use promql::Promql;
pub use release::{Release, Start, Undo};
pub use slo::{Alerts, Rules, Slo};
pub use targets::{Health, Targets};

/// Ship releases, watch them being judged, and take them back.
///
/// New here? `deckwatchctl demo` shows a release going out, one being taken back and a rollback,
/// on real processes under real load, in about two minutes.
#[derive(Parser, Debug)]
#[command(name = "deckwatchctl", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// The data folder (else DECKWATCH_DATA, else the platform's own)
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Use the training ground's folder inside the data folder
    #[arg(long, global = true)]
    pub training: bool,
    /// The environment, by its name in the settings (see `environment list`)
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        env = "DECKWATCH_ENVIRONMENT",
        conflicts_with = "training"
    )]
    pub environment: Option<String>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// A name to show beside your user name; it proves nothing
    #[arg(long, global = true, value_name = "NAME", env = "DECKWATCH_NAME")]
    pub display_name: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

pub const EXIT_CODES: &str = "Exit codes:
  0  done; with --wait: promoted; judge: Pass
  1  something is broken
  2  the command line is wrong
  3  refused: not allowed now, and why
  4  rolled back, aborted or superseded; judge: Fail
  5  held: a person is needed; judge: Inconclusive, NoData or Error
  6  a check found something (rollout validate, journal verify, plan check, targets check, slo check, rules check, rules test,
     health, doctor)";

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Services and rollouts at a glance
    Status,
    /// Services: what runs here
    #[command(subcommand)]
    Service(Service),
    /// Plans: how releases go out
    #[command(subcommand)]
    Plan(Plan),
    /// Checks that ship: what a plan can ask for under `validate`
    #[command(subcommand)]
    Check(Check),
    /// Rollouts: one release going to one service
    #[command(subcommand)]
    Rollout(Rollout),
    /// Baselines: what a service was like, kept to be held against later
    #[command(subcommand)]
    Baseline(Baseline),
    /// Take traffic back now: one write, whatever state the rollout is in
    Rollback(Rollback),
    /// Close every `no_freeze` gate, for a reason
    #[command(subcommand)]
    Freeze(Freeze),
    /// Secrets that tasks can use
    #[command(subcommand)]
    Secret(Secret),
    /// Who is bound to which role
    Roles,
    /// Who you are to Deckwatch
    Whoami,
    /// The journal: every decision, approval and effect
    #[command(subcommand)]
    Journal(Journal),
    /// Judge recorded series or counts, offline
    Judge(Judge),
    /// Drive rollouts and scrape, without a window, until stopped
    Agent(Agent),
    /// The node: the process that runs the services of this machine
    #[command(subcommand)]
    Node(Node),
    /// Ask in PromQL, and run files of its test language
    #[command(subcommand)]
    Promql(Promql),
    /// Targets: what is scraped and probed, and how it is
    Targets {
        #[command(subcommand)]
        what: Option<Targets>,
    },
    /// This machine: now, and over the last minutes
    Host {
        /// How far back
        #[arg(long, default_value = "5m")]
        over: Span,
    },
    /// Whether Deckwatch itself is well, for probes and monitors
    Health(Health),
    /// Metrics: what there is to ask for, who is asked, dashboards
    #[command(subcommand)]
    Metrics(Metrics),
    /// Objectives: what is promised, how fast its budget burns, who spent it
    Slo {
        #[command(subcommand)]
        what: Option<Slo>,
    },
    /// Alerts, by rules and objectives
    Alerts {
        #[command(subcommand)]
        what: Option<Alerts>,
    },
    /// Rule files of Prometheus: evaluated, checked, tested, held against the past
    #[command(subcommand)]
    Rules(Rules),
    /// Environments: places that releases go to, on this machine or in a cluster
    #[command(subcommand)]
    Environment(Environment),
    /// The cluster of an environment: its rights, and what is taken in from it
    #[command(subcommand)]
    Cluster(Cluster),
    /// The training ground: demo services, faults, drills
    #[command(subcommand)]
    Training(Training),
    /// Show it all on real processes: a good release, a bad one, a rollback
    Demo(Demo),
    /// What is missing and what is reachable
    Doctor,
    /// Ask anything by its name in the list, with JSON
    Call {
        /// The name; without one, the list
        name: Option<String>,
        /// Its parameters
        #[arg(default_value = "{}")]
        params: String,
    },
    /// Completions for a shell, on standard output
    Completions { shell: clap_complete::Shell },
    /// (internal) stands between the node and one instance
    #[command(hide = true)]
    Shim,
    /// (internal) carries one attempt at a task out
    #[command(hide = true)]
    TaskRun { folder: PathBuf },
    /// (internal) the training ground's service
    #[command(hide = true)]
    DemoService(DemoServiceArgs),
}

#[derive(Args, Debug)]
pub struct DemoServiceArgs {
    #[arg(long)]
    pub name: String,
    #[arg(long)]
    pub version: String,
    #[arg(long)]
    pub port: u16,
}

#[derive(Subcommand, Debug)]
pub enum Service {
    /// Every service
    List,
    /// One service: slots, instances, routing
    Show { service: ServiceName },
    /// Add or change a service from a YAML file (`-` for standard input)
    Define { file: PathBuf },
    /// Remove a service
    Remove {
        service: ServiceName,
        /// Even while it serves
        #[arg(long)]
        force: bool,
    },
    /// What its instances printed
    Logs {
        service: ServiceName,
        #[arg(long, short = 'n', default_value_t = 50)]
        lines: usize,
        /// Only lines that have this in them, or in their instance's name
        #[arg(long)]
        filter: Option<String>,
    },
}

#[derive(Subcommand, Debug)]
pub enum Plan {
    /// The plans that ship with Deckwatch
    List,
    /// A plan's text
    Show { name: String },
    /// A plan's mistakes, and how long a Pass takes at today's traffic
    Check {
        file: PathBuf,
        #[arg(long)]
        service: Option<ServiceName>,
    },
    /// The JSON Schema of plans, for editors
    Schema,
}

#[derive(Subcommand, Debug)]
pub enum Check {
    /// The checks that ship with Deckwatch
    List,
    /// Their text, to be put into a plan
    Show { name: String },
}

#[derive(Subcommand, Debug)]
pub enum Baseline {
    /// Keep what stable is like now
    Capture {
        service: ServiceName,
        /// Else the version's
        #[arg(long)]
        name: Option<String>,
        /// How far back to look
        #[arg(long, default_value = "5m")]
        over: Span,
    },
    /// The baselines that are kept, newest first
    List { service: ServiceName },
    /// One beside another, or beside now
    Compare {
        service: ServiceName,
        a: String,
        #[arg(default_value = "now")]
        b: String,
        /// How far back `now` goes (else as long as the first)
        #[arg(long)]
        over: Option<Span>,
    },
    /// Forget one
    Remove { service: ServiceName, name: String },
}

#[derive(Subcommand, Debug)]
pub enum Rollout {
    /// Send a release out
    Start(Box<Start>),
    /// Bring an earlier revision up again, by a rollout
    Undo(Box<Undo>),
    /// What was promoted to a service, the newest first
    Revisions { service: ServiceName },
    /// Run the checks of a plan for a release, before it starts
    Validate(Box<Release>),
    /// End the validation that runs
    CancelValidation {
        service: ServiceName,
        #[arg(default_value = "")]
        note: String,
    },
    /// Every rollout, newest first
    List,
    /// The newest rollout of a service, with its evidence
    Show { service: ServiceName },
    /// The same, live, until it is over
    Watch { service: ServiceName },
    /// What happened
    Events { service: ServiceName },
    /// Hold it where it stands
    Pause {
        service: ServiceName,
        #[arg(default_value = "")]
        note: String,
    },
    /// Go on
    Resume { service: ServiceName },
    /// Watch the current step anew, with fresh evidence
    Retry { service: ServiceName },
    /// End the current step
    Promote {
        service: ServiceName,
        /// Straight to 100 %
        #[arg(long)]
        full: bool,
        /// Override what is not open, for this reason; it is recorded
        #[arg(long, value_name = "REASON")]
        break_glass: Option<String>,
    },
    /// Approve the current step
    Approve {
        service: ServiceName,
        #[arg(default_value = "")]
        note: String,
    },
    /// Reject the current step: traffic goes back
    Reject {
        service: ServiceName,
        reason: String,
        /// What is taken back beside the traffic
        #[arg(long, default_value = "quick", value_parser = kind)]
        kind: RollbackKind,
    },
    /// Give it up: traffic goes back
    Abort {
        service: ServiceName,
        #[arg(default_value = "")]
        reason: String,
        /// What is taken back beside the traffic
        #[arg(long, default_value = "quick", value_parser = kind)]
        kind: RollbackKind,
    },
    /// What a task printed
    Output { service: ServiceName, task: String },
}

fn kind(text: &str) -> Result<RollbackKind, String> {
    let kinds = [
        RollbackKind::Quick,
        RollbackKind::Full,
        RollbackKind::DataPreserving,
    ];
    let found = kinds.into_iter().find(|kind| kind.words() == text);
    found.ok_or_else(|| format!("`{text}` is none of quick, full, data-preserving"))
}

#[derive(Args, Debug)]
pub struct Rollback {
    pub service: ServiceName,
    /// Why; it goes into the record
    #[arg(long, short, default_value = "")]
    pub reason: String,
    /// Shift even if no instance is ready there
    #[arg(long)]
    pub now: bool,
    /// What is taken back beside the traffic, which comes first: quick, full, data-preserving
    #[arg(long, default_value = "quick", value_parser = kind)]
    pub kind: RollbackKind,
    /// Say what would be written, rehearse it, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Subcommand, Debug)]
pub enum Secret {
    /// Names, where their values lie, and who set them; never a value
    List,
    /// Keep a secret: its value is read from standard input
    Set { name: String },
    /// Forget one
    Remove { name: String },
}

#[derive(Subcommand, Debug)]
pub enum Freeze {
    /// The freeze that is on
    Show,
    /// Declare one
    Declare { reason: String },
    /// Lift it
    Lift,
}

#[derive(Subcommand, Debug)]
pub enum Journal {
    /// Events, newest last
    Events {
        #[arg(long)]
        service: Option<ServiceName>,
        #[arg(long)]
        actor: Option<String>,
        /// The kind, or how it begins
        #[arg(long)]
        kind: Option<String>,
        #[arg(long)]
        since: Option<Timestamp>,
        #[arg(long)]
        until: Option<Timestamp>,
        #[arg(long, short = 'n', default_value_t = 50)]
        limit: usize,
        /// Full payloads
        #[arg(long)]
        full: bool,
    },
    /// Check the whole chain
    Verify,
    /// Write every event as a line of JSON
    Export { to: PathBuf },
    /// Take an export into an empty journal
    Import { from: PathBuf },
    /// Copy the journal while it is in use
    Backup { to: PathBuf },
    /// Move a journal that is damaged, or not as it was noted, away and begin a new one
    SetAside {
        /// Go on with it as it stands, and vouch for it
        #[arg(long)]
        trust: bool,
    },
}

#[derive(Args, Debug)]
pub struct Judge {
    /// The candidate's series or counts, CSV or JSON; or a list of cases
    pub candidate: PathBuf,
    /// Stable's, in the same form
    pub stable: Option<PathBuf>,
    /// Options for the judge, as JSON
    #[arg(long, default_value = "{}")]
    pub options: String,
}

#[derive(Args, Debug)]
pub struct Agent {
    /// Without a sign of life for this many seconds, another driver may take over
    #[arg(long, default_value_t = 5.0)]
    pub lease: f64,
    /// End when standard input does: with whoever started it
    #[arg(long)]
    pub leash: bool,
}

#[derive(Subcommand, Debug)]
pub enum Node {
    /// Run the node in the foreground
    Run {
        /// Take everything over from the node that runs now, without dropping a request
        #[arg(long)]
        take_over: bool,
    },
    /// Start it if none answers
    Start,
    /// Stop it and everything it runs
    Stop,
    /// What it says of itself
    Show,
}

#[derive(Subcommand, Debug)]
pub enum Training {
    /// Bring the demo services up
    Up,
    /// Take them down
    Down,
    /// The drills and how to try them by hand
    Drills,
    /// Play one
    Drill {
        /// As `training drills` lists them: `bad canary`, `slow leak`
        name: Vec<String>,
        /// Leave the ground as it is afterwards
        #[arg(long)]
        keep: bool,
        /// Requests a second
        #[arg(long, default_value_t = 1000.0)]
        rate: f64,
    },
    /// Switch faults of a demo service's version, as JSON: '{"errors": 0.2}'
    Fault {
        service: ServiceName,
        version: String,
        faults: String,
    },
}

#[derive(Args, Debug)]
pub struct Demo {
    /// Requests a second
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// Leave everything running at the end
    #[arg(long)]
    pub keep: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
