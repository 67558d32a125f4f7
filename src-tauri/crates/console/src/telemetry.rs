//! What is scraped, probed and measured for this folder, and how it is told.
//!
//! `targets.yaml` says what; `run.rs` does it, in one process at a time; what only that process
//! knows (last errors, durations) lies in `targets.status` beside the samples, so that every other
//! console shows the same. Losing that file costs a few seconds of looking.

mod cluster;
mod file;
mod host;
mod run;
mod view;
mod well;

pub use cluster::{ClusterUsage, cluster_usage};
pub use file::{CheckTargets, TargetsCheck, TargetsFile, TargetsText, check, schema, show, write};
pub use host::{HostAsk, HostView, SpreadRow, snapshot};
pub use run::Telemetry;
pub use view::{HealthState, ProbesView, TargetState, TargetsAsk, TargetsView, probes, targets};
pub use well::{Wellness, wellness};
