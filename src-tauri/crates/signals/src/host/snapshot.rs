//! This machine now and over the last minutes, from its samples.

use std::time::Duration;

use deckwatch_domain::Timestamp;

use super::JOB;
use crate::store::{SampleStore, Selector, Series, StoreError};

/// A figure of the newest moment, and how it was spread over the stretch. None where nothing was
/// measured.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Spread {
    pub now: Option<f64>,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub points: usize,
}

/// A mounted file system.
#[derive(Clone, PartialEq, Debug)]
pub struct FileSystem {
    pub mount: String,
    pub device: String,
    pub size: f64,
    pub available: f64,
}

/// All processes of one name.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    pub name: String,
    /// Processors' worth of time.
    pub cpu_cores: f64,
    pub resident_bytes: f64,
    pub processes: f64,
}

/// The machine.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Snapshot {
    /// The newest moment that was measured.
    pub at: Option<Timestamp>,
    /// Shares, 0 to 1.
    pub cpu: Spread,
    pub memory: Spread,
    pub swap: Spread,
    pub load1: Spread,
    /// Bytes a second, all devices together.
    pub disk_read: Spread,
    pub disk_written: Spread,
    pub network_received: Spread,
    pub network_sent: Spread,
    pub processes: Spread,
    pub cpus: Option<f64>,
    pub memory_bytes: Option<f64>,
    pub booted: Option<Timestamp>,
    pub file_systems: Vec<FileSystem>,
    /// The busiest first.
    pub programs: Vec<Program>,
}

/// Reads the stretch of `over` before `now`.
///
/// # Errors
/// The store's.
pub async fn read(
    store: &SampleStore,
    now: Timestamp,
    over: Duration,
) -> Result<Snapshot, StoreError> {
    let from = now.minus(over);
    let get = async |name: &str| -> Result<Vec<Series>, StoreError> {
        let mut found = store
            .range(&Selector::new(name, &[("job", JOB)]), from, now)
            .await?;
        // A marker that a series ends is no figure; a series that has ended is not there now.
        found.retain(|series| series.points.last().is_some_and(|(_, v)| !v.is_nan()));
        for series in &mut found {
            series.points.retain(|(_, value)| !value.is_nan());
        }
        Ok(found)
    };
    let one = async |name: &str| -> Result<Vec<(Timestamp, f64)>, StoreError> {
        let found = get(name).await?;
        Ok(found
            .into_iter()
            .next()
            .map(|s| s.points)
            .unwrap_or_default())
    };
    let cpu = one("deckwatch_host_cpu_usage_ratio").await?;
    let total = one("node_memory_MemTotal_bytes").await?;
    let available = one("node_memory_MemAvailable_bytes").await?;
    let swap = one("node_memory_SwapTotal_bytes").await?;
    let swap_free = one("node_memory_SwapFree_bytes").await?;
    let last = |points: &[(Timestamp, f64)]| points.last().map(|(_, value)| *value);
    let booted = last(&one("node_boot_time_seconds").await?);
    Ok(Snapshot {
        at: cpu.last().map(|(at, _)| *at),
        cpu: spread(&cpu),
        memory: spread(&used(&total, &available)),
        swap: spread(&used(&swap, &swap_free)),
        load1: spread(&one("node_load1").await?),
        disk_read: spread(&rates(&get("node_disk_read_bytes_total").await?)),
        disk_written: spread(&rates(&get("node_disk_written_bytes_total").await?)),
        network_received: spread(&rates(&get("node_network_receive_bytes_total").await?)),
        network_sent: spread(&rates(&get("node_network_transmit_bytes_total").await?)),
        processes: spread(&one("deckwatch_host_processes").await?),
        cpus: last(&one("deckwatch_host_cpus").await?),
        memory_bytes: last(&total),
        booted: booted.map(|seconds| Timestamp::from_millis((seconds * 1000.0) as i64)),
        file_systems: file_systems(
            &get("node_filesystem_size_bytes").await?,
            &get("node_filesystem_avail_bytes").await?,
        ),
        programs: programs(
            &get("deckwatch_host_program_cpu_cores").await?,
            &get("deckwatch_host_program_resident_bytes").await?,
            &get("deckwatch_host_program_processes").await?,
        ),
    })
}

/// The share that is used, moment by moment.
fn used(total: &[(Timestamp, f64)], free: &[(Timestamp, f64)]) -> Vec<(Timestamp, f64)> {
    let both = total
        .iter()
        .zip(free)
        .filter(|(t, f)| t.0 == f.0 && t.1 > 0.0);
    both.map(|(t, f)| (t.0, 1.0 - f.1 / t.1)).collect()
}

/// What counters rise by a second, all together. A counter that fell began anew, and then its
/// rise from nothing is not known; the moment after a gap is measured over the gap.
fn rates(series: &[Series]) -> Vec<(Timestamp, f64)> {
    let mut sums: std::collections::BTreeMap<Timestamp, f64> = std::collections::BTreeMap::new();
    for series in series {
        for pair in series.points.windows(2) {
            let seconds = pair[1].0.since(pair[0].0).as_secs_f64();
            if seconds > 0.0 && pair[1].1 >= pair[0].1 {
                *sums.entry(pair[1].0).or_default() += (pair[1].1 - pair[0].1) / seconds;
            }
        }
    }
    sums.into_iter().collect()
}

fn spread(points: &[(Timestamp, f64)]) -> Spread {
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let at = |q: f64| quantile(q, &values);
    Spread {
        now: points.last().map(|(_, value)| *value),
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        points: points.len(),
    }
}

/// Between two values it is interpolated, as PromQL's `quantile_over_time` does.
fn quantile(q: f64, sorted: &[f64]) -> Option<f64> {
    let rank = q * (sorted.len().checked_sub(1)? as f64);
    let (low, high) = (
        sorted.get(rank.floor() as usize)?,
        sorted.get(rank.ceil() as usize)?,
    );
    Some(low + (high - low) * (rank - rank.floor()))
}

fn newest(series: &[Series], same: impl Fn(&Series) -> bool) -> f64 {
    let found = series.iter().find(|series| same(series));
    found.and_then(|s| s.points.last()).map_or(0.0, |(_, v)| *v)
}

fn file_systems(sizes: &[Series], free: &[Series]) -> Vec<FileSystem> {
    let found = sizes.iter().map(|series| FileSystem {
        mount: series.label("mountpoint").to_owned(),
        device: series.label("device").to_owned(),
        size: newest(sizes, |s| s.labels == series.labels),
        available: newest(free, |s| s.labels == series.labels),
    });
    found.filter(|found| found.size > 0.0).collect()
}

fn programs(cpu: &[Series], memory: &[Series], count: &[Series]) -> Vec<Program> {
    let found = cpu.iter().map(|series| Program {
        name: series.label("program").to_owned(),
        cpu_cores: newest(cpu, |s| s.labels == series.labels),
        resident_bytes: newest(memory, |s| s.labels == series.labels),
        processes: newest(count, |s| s.labels == series.labels),
    });
    let mut found: Vec<Program> = found.collect();
    found.sort_by(|a, b| {
        let by = |p: &Program| (p.cpu_cores * 100.0).round();
        by(b)
            .total_cmp(&by(a))
            .then(b.resident_bytes.total_cmp(&a.resident_bytes))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_770_000_000_000 + seconds * 1000)
    }

    fn counter(points: &[(i64, f64)]) -> Series {
        Series {
            name: "c".into(),
            labels: Vec::new(),
            points: points.iter().map(|(t, v)| (at(*t), *v)).collect(),
        }
    }

    #[test]
    fn the_spread_is_of_all_points() {
        let points: Vec<_> = (0..=100)
            .map(|n| (at(n), f64::from(n as i32) / 100.0))
            .collect();
        let found = spread(&points);
        assert_eq!(
            (found.now, found.p50, found.points),
            (Some(1.0), Some(0.5), 101)
        );
        assert!(
            (found.p95.unwrap() - 0.95).abs() < 1e-9 && (found.p99.unwrap() - 0.99).abs() < 1e-9
        );
        assert_eq!(spread(&[]), Spread::default());
    }

    #[test]
    fn rates_are_summed_and_a_counter_that_fell_adds_nothing() {
        let all = [
            counter(&[(0, 100.0), (5, 150.0), (10, 20.0), (15, 30.0)]),
            counter(&[(5, 0.0), (15, 100.0)]),
        ];
        let found = rates(&all);
        assert_eq!(found, [(at(5), 10.0), (at(15), 2.0 + 10.0)]);
    }
}
