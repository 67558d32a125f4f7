//! What is scraped and probed, and whether Deckwatch itself is well.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand, Debug)]
pub enum Targets {
    /// Every target: state, last scrape, last error
    List {
        /// Only those with this in their address, labels or error
        #[arg(long)]
        filter: Option<String>,
    },
    /// Checks from outside, and the components that they tell of
    Probes,
    /// The file that says what is scraped and probed
    Show,
    /// Its mistakes, each with its place
    Check {
        /// Another file (`-` for standard input)
        file: Option<PathBuf>,
    },
    /// Put this file in its place (`-` for standard input)
    Set { file: PathBuf },
    /// Its JSON Schema, for editors
    Schema,
}

#[derive(Args, Debug)]
pub struct Health {
    /// Only whether it is alive: whether a restart would mend something
    #[arg(long)]
    pub live: bool,
}
