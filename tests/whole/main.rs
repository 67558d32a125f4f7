//! The whole console, with real processes and sockets: the real node, the real `deckwatchctl`,
//! real traffic. Nothing is mocked.
//!
//! Every test has a data folder and ports of its own and leaves no process behind; [`harness`]
//! sees to both. What cannot be had here (root, `mount`, `sqlite3`) is said on the spot, with the
//! part that was not run.

#![cfg(unix)]

mod aftermath;
mod alerts;
mod audience;
mod back;
mod back_disk;
mod back_journal;
mod cli;
mod cli_engine;
mod cli_gates;
mod cluster;
mod cluster_back;
mod cluster_kills;
mod control_plane;
mod drills;
mod driver;
mod harness;
mod journal;
mod kills;
mod metrics;
mod mounts;
mod people;
mod plans;
mod points;
mod process;
mod promql;
mod rolling;
mod scene;
mod slo;
mod targets;
mod tasks;
mod validation;
