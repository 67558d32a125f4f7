//! This machine, as it is told.

use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_signals::host::snapshot::{self, Spread};
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::problem::Problem;

/// Figures older than this are stale.
const STALE: Duration = Duration::from_secs(30);
const LONGEST: Span = Span::from_secs(86_400);

/// How far back.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct HostAsk {
    /// Five minutes when it is not said; at most a day.
    pub over: Option<Span>,
}

/// A figure of the newest moment, and how it was spread. None where nothing was measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct SpreadRow {
    pub now: Option<f64>,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    /// Measurements that it is made of.
    pub points: usize,
}

impl From<Spread> for SpreadRow {
    fn from(spread: Spread) -> Self {
        SpreadRow {
            now: spread.now,
            p50: spread.p50,
            p95: spread.p95,
            p99: spread.p99,
            points: spread.points,
        }
    }
}

/// A mounted file system, in bytes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct FileSystemRow {
    pub mount: String,
    pub device: String,
    pub size: f64,
    pub available: f64,
}

/// All processes of one name.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ProgramRow {
    pub name: String,
    /// Processors' worth of time.
    pub cpu_cores: f64,
    pub resident_bytes: f64,
    pub processes: f64,
}

/// The machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct HostView {
    pub host: String,
    /// The newest moment that was measured; none: nothing was, in this stretch.
    pub at: Option<Timestamp>,
    /// That moment is of now.
    pub current: bool,
    pub over: Span,
    /// Shares, 0 to 1.
    pub cpu: SpreadRow,
    pub memory: SpreadRow,
    pub swap: SpreadRow,
    pub load1: SpreadRow,
    /// Bytes a second, all devices together.
    pub disk_read: SpreadRow,
    pub disk_written: SpreadRow,
    pub network_received: SpreadRow,
    pub network_sent: SpreadRow,
    pub processes: SpreadRow,
    pub cpus: Option<f64>,
    pub memory_bytes: Option<f64>,
    pub booted: Option<Timestamp>,
    pub file_systems: Vec<FileSystemRow>,
    /// The busiest first.
    pub programs: Vec<ProgramRow>,
}

/// # Errors
/// The samples'.
pub async fn snapshot(console: &Console, ask: HostAsk) -> Result<HostView, Problem> {
    let over = ask.over.unwrap_or(Span::from_secs(300)).min(LONGEST);
    let now = console.clock.now().wall;
    let store = console.samples().await?;
    let found = snapshot::read(&store, now, over.duration()).await;
    let found = found.map_err(|e| Problem::new("samples", e.to_string()))?;
    Ok(HostView {
        host: crate::identity::Host::this().0,
        current: found.at.is_some_and(|at| now.since(at) < STALE),
        at: found.at,
        over,
        cpu: found.cpu.into(),
        memory: found.memory.into(),
        swap: found.swap.into(),
        load1: found.load1.into(),
        disk_read: found.disk_read.into(),
        disk_written: found.disk_written.into(),
        network_received: found.network_received.into(),
        network_sent: found.network_sent.into(),
        processes: found.processes.into(),
        cpus: found.cpus,
        memory_bytes: found.memory_bytes,
        booted: found.booted,
        file_systems: found
            .file_systems
            .into_iter()
            .map(|f| FileSystemRow {
                mount: f.mount,
                device: f.device,
                size: f.size,
                available: f.available,
            })
            .collect(),
        programs: found
            .programs
            .into_iter()
            .map(|p| ProgramRow {
                name: p.name,
                cpu_cores: p.cpu_cores,
                resident_bytes: p.resident_bytes,
                processes: p.processes,
            })
            .collect(),
    })
}
