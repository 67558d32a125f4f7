//! `deckwatchctl`: the console without a window; also the agent, the node and the shim.
//!
//! It decides nothing: it asks the console and prints the answer, as aligned tables or as JSON.

mod args;
mod ask;
mod demo;
mod live;
mod paint;
mod print;
mod run;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use deckwatch_console::{ConsoleOptions, DataFolder, Problem};

use args::{Cli, Command};

/// What `--help` documents.
pub mod code {
    pub const DONE: u8 = 0;
    pub const BROKEN: u8 = 1;
    pub const REFUSED: u8 = 3;
    pub const TAKEN_BACK: u8 = 4;
    pub const HELD: u8 = 5;
    pub const FOUND: u8 = 6;
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        // These run without a runtime or a console.
        Command::Shim => return deckwatch_platform::local::run_shim(),
        Command::TaskRun { folder } => {
            return deckwatch_platform::local::run_task(folder.clone());
        }
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(*shell, &mut command, "deckwatchctl", &mut std::io::stdout());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("DECKWATCH_LOG")
                .unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("deckwatchctl: no runtime: {error}");
            return ExitCode::from(code::BROKEN);
        }
    };
    let json = cli.json;
    let ended = runtime.block_on(run::run(cli));
    // What only waits, for an address or a file, is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(2));
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(problem) => report(&problem, json),
    }
}

fn report(problem: &Problem, json: bool) -> ExitCode {
    if json {
        eprintln!("{}", serde_json::json!(problem));
    } else {
        eprintln!("deckwatchctl: {problem}");
    }
    ExitCode::from(if problem.is_refusal() {
        code::REFUSED
    } else {
        code::BROKEN
    })
}

/// How the console is opened by these arguments.
fn options(cli: &Cli) -> Result<ConsoleOptions, Problem> {
    let folder = DataFolder::find(cli.data.as_deref())?;
    let display = cli.display_name.clone();
    if let Some(name) = &cli.environment {
        return ConsoleOptions::of(folder.path(), name, display);
    }
    let folder = if cli.training {
        folder.training()
    } else {
        folder.path().to_owned()
    };
    Ok(ConsoleOptions {
        folder: Some(folder),
        display,
        ..ConsoleOptions::default()
    })
}
