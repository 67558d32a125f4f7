//! From the command to the API server's acknowledgement, beside one bare patch of the same object.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_domain::Slot;
use deckwatch_platform::{Action, Platform as _};
use http::Method;
use serde_json::json;

use crate::cluster::Cluster;
use crate::drive::{Drive, order, take_back};
use crate::times;
use crate::world::{World, service};

/// A way back may take so many times what a bare patch takes.
const AIM: f64 = 2.0;

/// Whether the aim was kept.
pub async fn run(cluster: &Arc<Cluster>, quick: bool) -> bool {
    let runs: u64 = if quick { 60 } else { 300 };
    let world = World::new(cluster.clone(), "bench-back").await;
    world.adopted(2, true).await;
    Drive::new(0, Slot::Green).begin(&world, "v2", 2).await;
    let path = format!(
        "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/shop",
        world.namespace
    );
    let (mut back, mut bare) = (Vec::new(), Vec::new());
    for run in 0..runs {
        // A rollout of its own each time: the one before is latched.
        let drive = Drive::new(10 * (run + 1), Slot::Green);
        drive.done(&world, drive.weight(50)).await;
        // In turns, so that both meet the same machine.
        let note = json!({"metadata": {"annotations": {"bench": run.to_string()}}});
        let began = Instant::now();
        world.ask(Method::PATCH, &path, Some(note)).await;
        bare.push(began.elapsed());
        let take = order(Action::TakeBack(take_back()));
        let began = Instant::now();
        world.platform.apply(&service(), &take).await.expect("back");
        back.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ratio = |part: f64| {
        times::percentile(&back, part).as_secs_f64() / times::percentile(&bare, part).as_secs_f64()
    };
    println!("\n{runs} ways back through an HTTPRoute, in turns with one bare patch of it:");
    println!("  command → acknowledged  {}", times::line(&back));
    println!("  a bare patch            {}", times::line(&bare));
    let kept = ratio(0.5) <= AIM;
    println!(
        "  {:.2} times (p50), {:.2} times (p99); aim: p50 ≤ {AIM} times: {}",
        ratio(0.5),
        ratio(0.99),
        if kept { "met" } else { "MISSED" }
    );
    kept
}
