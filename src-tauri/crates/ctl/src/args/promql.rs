//! Questions in PromQL.

use std::path::PathBuf;

use clap::Subcommand;
use deckwatch_domain::{Span, Timestamp};

use super::metrics::Source;

#[derive(Subcommand, Debug)]
pub enum Promql {
    /// Ask: of this folder's samples, of the cluster's Prometheus, or of any
    Query {
        query: String,
        /// The moment that is meant, or the end of the range (else now)
        #[arg(long)]
        at: Option<Timestamp>,
        /// The start of a range
        #[arg(long, requires = "step")]
        from: Option<Timestamp>,
        /// From moment to moment of a range
        #[arg(long, requires = "from")]
        step: Option<Span>,
        /// The address of a Prometheus to be asked instead
        #[arg(long)]
        url: Option<String>,
        /// Whom to ask: `samples` or `prometheus` (else the environment's Prometheus if it names one)
        #[arg(long, conflicts_with = "url")]
        source: Option<Source>,
        /// Print comma-separated values
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
    /// Write a query well, or say what is wrong with it and where
    Format { query: String },
    /// What may be written at a place in a query
    Complete {
        query: String,
        /// Before which character, in UTF-16 units (else the end)
        #[arg(long)]
        at: Option<usize>,
    },
    /// Run files of Prometheus' own test language, with nothing but what they load
    Test {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}
