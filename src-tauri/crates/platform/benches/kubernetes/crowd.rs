//! Ten thousand pods and a thousand services in one namespace: what the index of them costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_domain::Slot;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::drive::Drive;
use crate::times;
use crate::world::World;

/// A look at one service may take so long: the window asks for a page of them once a second.
const AIM: Duration = Duration::from_millis(1);
/// Changes of pods a second, and for how long.
const CHANGES: u32 = 50;
const LASTS: Duration = Duration::from_secs(10);

/// The memory of this process that is there now, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The processor's time that this process has used, by its clock of hundredths.
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |n: usize| {
        fields
            .get(n)
            .and_then(|f| f.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn pod(service: usize, n: usize) -> Value {
    json!({"metadata": {"name": format!("s{service}-{n}"), "labels": {
            "app": format!("s{service}"), "team": "crowd", "tier": "backend"}},
        "spec": {"nodeName": format!("node-{}", (service + n) % 10),
            "containers": [{"name": "main", "image": "registry/s:v1",
                "env": [{"name": "A", "value": "some value that is as long as they are"}]}]}})
}

async fn fill(world: &World, services: usize, pods: usize) {
    stream::iter(0..services)
        .for_each_concurrent(8, |n| async move {
            let name = format!("s{n}");
            let body = json!({"metadata": {"name": name, "labels": {"deckwatch.dev/service": name}},
                "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}});
            world.make("v1", "services", body).await;
            for k in 0..pods {
                world.make("v1", "pods", pod(n, k)).await;
            }
        })
        .await;
}

/// Whether the aim was kept.
pub async fn run(cluster: &Arc<Cluster>, quick: bool) -> bool {
    let (services, each) = if quick { (100, 10) } else { (1000, 10) };
    let world = World::new(cluster.clone(), "bench-crowd").await;
    let began = Instant::now();
    world.adopted(2, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 2).await;
    fill(&world, services, each).await;
    println!(
        "\n{} pods and {services} services in one namespace (made in {:.0?}):",
        services * each,
        began.elapsed()
    );
    let (memory, cpu, began) = (resident(), used(), Instant::now());
    world.platform.follow();
    while world.platform.as_of().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (filled, filled_cpu) = (began.elapsed(), used().saturating_sub(cpu));
    let memory = resident().saturating_sub(memory);
    println!(
        "  index filled after {} ms, {filled_cpu:.0?} of processor, {} MiB more in memory",
        filled.as_millis(),
        memory / (1024 * 1024)
    );
    let mut looks = Vec::new();
    for _ in 0..1000 {
        let began = Instant::now();
        let seen = world.seen().await;
        looks.push(began.elapsed());
        assert_eq!(seen.slots.green.ready, 2);
    }
    println!("  one look at a service   {}", times::line(&looks));
    changes(&world, services).await;
    let kept = times::percentile(&looks, 0.99) <= AIM;
    let said = if kept { "met" } else { "MISSED" };
    println!("  aim: a look within {AIM:?} (p99), none of it asked of the API server: {said}");
    kept
}

/// What following costs while pods change all the time, beside the cost of the changes themselves.
async fn changes(world: &World, services: usize) {
    let cost = async |n: u32| {
        let (cpu, began) = (used(), Instant::now());
        let mut done = 0;
        while began.elapsed() < LASTS {
            for k in 0..n {
                let name = format!("pods/s{}-0", (done + k) as usize % services);
                let note = json!({"metadata": {"annotations": {"n": done.to_string()}}});
                world.edit("v1", &name, note).await;
            }
            done += n;
            let due = Duration::from_secs_f64(f64::from(done) / f64::from(CHANGES));
            tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        }
        (done, used().saturating_sub(cpu))
    };
    let (done, with) = cost(5).await;
    println!(
        "  {done} changes of pods in {LASTS:?}, made and followed: {with:.0?} of processor, {:.2} ms each",
        with.as_secs_f64() * 1e3 / f64::from(done)
    );
    let idle = used();
    tokio::time::sleep(LASTS).await;
    println!(
        "  nothing changes for {LASTS:?}: {:.0?} of processor",
        used().saturating_sub(idle)
    );
}
