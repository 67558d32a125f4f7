//! From the command to the last response of the bad version, many times over, at 1,000 requests a
//! second. Arrivals are open-loop: a request is due when it is due, whatever became of the last.

use std::path::Path;
use std::time::{Duration, Instant};

use deckwatch_domain::Slot;

use crate::load::{Counts, Load, RATE};
use crate::peers::Bench;
use crate::times;

const AIM: Duration = Duration::from_millis(50);

/// Whether the aim was kept.
pub fn run(runtime: &tokio::runtime::Runtime, host: &Path, quick: bool) -> bool {
    let runs: u64 = if quick { 40 } else { 220 };
    runtime.block_on(async {
        let bench = Bench::start(host, 2).await;
        bench.up(Slot::Green, "v2", 2).await;
        let load = Load::start(bench.listen);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (mut last_bad, mut acknowledged, mut at_node) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..runs {
            // A rollout of its own each time: the one before is latched. Each take-back raises
            // the epoch by one.
            bench.weigh(50, Some((1000 + u128::from(run), run))).await;
            tokio::time::sleep(Duration::from_millis(30 + run % 20)).await;
            let commanded = Instant::now();
            let applied = bench.take_back(run).await;
            acknowledged.push(commanded.elapsed());
            at_node.push(Duration::from_micros(applied.took_us));
            tokio::time::sleep(Duration::from_millis(60)).await;
            let last = load.last("v2");
            last_bad.push(last.map_or(Duration::ZERO, |l| l.saturating_duration_since(commanded)));
        }
        judge(load.stop().await, runs, last_bad, acknowledged, at_node)
    })
}

fn judge(
    counts: Counts,
    runs: u64,
    last_bad: Vec<Duration>,
    acknowledged: Vec<Duration>,
    at_node: Vec<Duration>,
) -> bool {
    println!(
        "\n{runs} take-backs at {RATE} requests/s ({} requests):",
        counts.sent
    );
    for (what, all) in [
        ("command → last bad response", &last_bad),
        ("command → acknowledged", &acknowledged),
        ("at the node, disk included", &at_node),
    ] {
        println!("  {what:<28} {}", times::line(all));
    }
    // Nothing here gives the node a reason to close a connection: one that it closed counts too.
    let dropped = counts.dropped + counts.reconnected;
    let kept = times::percentile(&last_bad, 0.99) <= AIM && dropped == 0;
    let said = if kept { "met" } else { "MISSED" };
    println!("  dropped {dropped}; aim: p99 ≤ {AIM:?} and 0 dropped: {said}");
    if let Some(why) = counts.why {
        println!("  last failure: {why}");
    }
    kept
}
