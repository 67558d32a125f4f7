//! This machine: processor, memory, disks, network, load and the busiest programs, as samples.
//!
//! Names are node_exporter's where it has the same figure in the same unit. What this library of
//! ours cannot see on every system (time by processor mode, time that disks keep others waiting,
//! open connections) is not told, rather than guessed.

pub mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_domain::{Span, Timestamp};
use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, ProcessRefreshKind,
    ProcessesToUpdate, System,
};

use crate::pool::{Duty, stale_marker};
use crate::sample::{Labels, Sample};
use crate::targets::HostSettings;

/// The job that its samples carry.
pub const JOB: &str = "deckwatch-host";
/// Disks and programs change slower than the rest, and cost more to look at.
const SLOW: Duration = Duration::from_secs(15);

/// What looks at this machine. Looking blocks for some milliseconds.
pub struct Look {
    system: System,
    disks: Disks,
    networks: Networks,
    /// The newest figures of what is looked at seldom.
    slow: Vec<Sample>,
    slow_at: Option<Instant>,
    programs: usize,
}

impl Look {
    pub fn new(programs: usize) -> Self {
        let mut look = Look {
            system: System::new(),
            disks: Disks::new(),
            networks: Networks::new(),
            slow: Vec::new(),
            slow_at: None,
            programs,
        };
        // What is used is told between two looks: this is the first.
        look.system.refresh_cpu_usage();
        look.refresh_programs();
        look
    }

    /// The samples of this moment.
    pub fn samples(&mut self) -> Vec<Sample> {
        self.system
            .refresh_cpu_specifics(CpuRefreshKind::nothing().with_cpu_usage());
        self.system
            .refresh_memory_specifics(MemoryRefreshKind::everything());
        self.networks.refresh(true);
        let mut samples = self.quick();
        if self.slow_at.is_none_or(|at| at.elapsed() >= SLOW) {
            self.slow_at = Some(Instant::now());
            self.disks.refresh_specifics(
                true,
                DiskRefreshKind::nothing().with_storage().with_io_usage(),
            );
            self.refresh_programs();
            self.slow = self.disks();
            let programs = self.programs();
            self.slow.extend(programs);
        }
        samples.extend(self.slow.iter().cloned());
        samples
    }

    fn refresh_programs(&mut self) {
        let kind = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    }

    fn quick(&self) -> Vec<Sample> {
        let load = System::load_average();
        let system = &self.system;
        let mut samples: Vec<Sample> = [
            (
                "deckwatch_host_cpu_usage_ratio",
                f64::from(system.global_cpu_usage()) / 100.0,
            ),
            ("deckwatch_host_cpus", system.cpus().len() as f64),
            ("node_load1", load.one),
            ("node_load5", load.five),
            ("node_load15", load.fifteen),
            ("node_memory_MemTotal_bytes", system.total_memory() as f64),
            (
                "node_memory_MemAvailable_bytes",
                system.available_memory() as f64,
            ),
            ("node_memory_SwapTotal_bytes", system.total_swap() as f64),
            ("node_memory_SwapFree_bytes", system.free_swap() as f64),
            ("node_boot_time_seconds", System::boot_time() as f64),
        ]
        .into_iter()
        .map(|(name, value)| own(name, &[], value))
        .collect();
        for (device, seen) in self.networks.list() {
            let labels = [("device", device.as_str())];
            let received = seen.total_received() as f64;
            samples.push(own("node_network_receive_bytes_total", &labels, received));
            let sent = seen.total_transmitted() as f64;
            samples.push(own("node_network_transmit_bytes_total", &labels, sent));
            let wrong = seen.total_errors_on_received() as f64;
            samples.push(own("node_network_receive_errs_total", &labels, wrong));
            let wrong = seen.total_errors_on_transmitted() as f64;
            samples.push(own("node_network_transmit_errs_total", &labels, wrong));
        }
        samples
    }

    fn disks(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut devices = BTreeSet::new();
        for disk in self.disks.list() {
            let device = disk.name().to_string_lossy();
            let mount = disk.mount_point().to_string_lossy();
            let kind = disk.file_system().to_string_lossy();
            let labels = [
                ("device", device.as_ref()),
                ("mountpoint", mount.as_ref()),
                ("fstype", kind.as_ref()),
            ];
            let size = disk.total_space() as f64;
            samples.push(own("node_filesystem_size_bytes", &labels, size));
            let free = disk.available_space() as f64;
            samples.push(own("node_filesystem_avail_bytes", &labels, free));
            // A device that is mounted twice reads and writes once.
            if devices.insert(device.to_string()) {
                let (usage, device) = (disk.usage(), [("device", device.as_ref())]);
                let read = usage.total_read_bytes as f64;
                samples.push(own("node_disk_read_bytes_total", &device, read));
                let written = usage.total_written_bytes as f64;
                samples.push(own("node_disk_written_bytes_total", &device, written));
            }
        }
        samples
    }

    /// How many processes there are, and the busiest programs: processes of one name together.
    fn programs(&self) -> Vec<Sample> {
        let mut by_name: BTreeMap<String, (f64, f64, u32)> = BTreeMap::new();
        for process in self.system.processes().values() {
            let name = process.name().to_string_lossy().into_owned();
            let sums = by_name.entry(name).or_default();
            sums.0 += f64::from(process.cpu_usage()) / 100.0;
            sums.1 += process.memory() as f64;
            sums.2 += 1;
        }
        let mut busiest: Vec<_> = by_name.iter().collect();
        let weight = |(cpu, memory, _): &(f64, f64, u32)| {
            let total = self.system.total_memory().max(1) as f64;
            cpu / self.system.cpus().len().max(1) as f64 + memory / total
        };
        busiest.sort_by(|a, b| weight(b.1).total_cmp(&weight(a.1)).then(a.0.cmp(b.0)));
        let count = self.system.processes().len() as f64;
        let mut samples = vec![own("deckwatch_host_processes", &[], count)];
        for (name, (cpu, memory, count)) in busiest.into_iter().take(self.programs) {
            let labels = [("program", name.as_str())];
            samples.push(own("deckwatch_host_program_cpu_cores", &labels, *cpu));
            samples.push(own(
                "deckwatch_host_program_resident_bytes",
                &labels,
                *memory,
            ));
            samples.push(own(
                "deckwatch_host_program_processes",
                &labels,
                f64::from(*count),
            ));
        }
        samples
    }
}

fn own(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
    let mut labels = labels.to_vec();
    labels.push(("job", JOB));
    Sample::new(name, &labels, value)
}

/// Measures this machine for ever; ends when it is dropped. `settings` may change at any time.
pub async fn run(
    duty: Arc<Duty>,
    settings: impl Fn() -> HostSettings,
    now: impl Fn() -> Timestamp,
) {
    let mut look: Option<(usize, Look)> = None;
    let mut live: BTreeSet<(String, Labels)> = BTreeSet::new();
    loop {
        let HostSettings {
            measured,
            every,
            programs,
        } = settings();
        if measured.unwrap_or(true) && duty.is_mine() {
            let kept = look.take().filter(|(of, _)| *of == programs);
            let looked = tokio::task::spawn_blocking(move || {
                let mut look = kept.map_or_else(|| Look::new(programs), |(_, look)| look);
                let samples = look.samples();
                (look, samples)
            });
            if let Ok((kept, samples)) = looked.await {
                look = Some((programs, kept));
                write(&duty, &mut live, samples, now()).await;
            }
        } else if !live.is_empty() && duty.is_mine() {
            write(&duty, &mut live, Vec::new(), now()).await;
            look = None;
        } else {
            live.clear();
            look = None;
        }
        tokio::time::sleep(every.max(Span::from_secs(1)).duration()).await;
    }
}

async fn write(
    duty: &Duty,
    live: &mut BTreeSet<(String, Labels)>,
    mut samples: Vec<Sample>,
    at: Timestamp,
) {
    let keys = samples.iter().map(|s| (s.name.clone(), s.labels.clone()));
    let keys: BTreeSet<_> = keys.collect();
    let gone = live.difference(&keys).cloned();
    samples.extend(gone.map(|(name, labels)| Sample {
        name,
        labels,
        value: stale_marker(),
        timestamp_ms: None,
    }));
    match duty.append(JOB, at, &samples).await {
        Ok(()) => *live = keys,
        Err(error) => tracing::warn!(%error, "this machine's figures were not stored"),
    }
}
