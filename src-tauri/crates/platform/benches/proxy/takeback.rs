//! From the command to the last response of the bad version, many times over, at 1,000 requests a
//! second. Arrivals are open-loop: a request is due when it is due, whatever became of the last.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deckwatch_domain::{Actor, EventId, Slot, Timestamp};
use deckwatch_platform::{Action, TakeBack};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;

use crate::peers::Bench;

const AIM: Duration = Duration::from_millis(50);
const RATE: u64 = 1000;
/// Lanes of the load; each asks on a connection of its own.
const LANES: u64 = 50;

type Sender = SendRequest<Empty<Bytes>>;

struct Load {
    stop: AtomicBool,
    sent: AtomicU64,
    dropped: AtomicU64,
    /// When the last answer of the bad version came, since the beginning.
    last_bad: Mutex<Option<Instant>>,
    why: Mutex<Option<String>>,
}

async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|e| e.to_string())?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(kept: &mut Option<Sender>, address: SocketAddr) -> Result<bool, String> {
    let mut sender = match kept.take() {
        Some(sender) => sender,
        None => connect(address).await?,
    };
    sender.ready().await.map_err(|e| e.to_string())?;
    let request = Request::get("/")
        .header("host", "bench")
        .body(Empty::new())
        .map_err(|e| e.to_string())?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|e| e.to_string())?;
    if answer.status() != 200 {
        return Err(answer.status().to_string());
    }
    let bad = answer.headers().get("x-version").is_some_and(|v| v == "v2");
    answer
        .into_body()
        .collect()
        .await
        .map_err(|e| e.to_string())?;
    *kept = Some(sender);
    Ok(bad)
}

async fn lane(load: Arc<Load>, address: SocketAddr, number: u64) {
    let gap = Duration::from_micros(1_000_000 * LANES / RATE);
    let mut due = tokio::time::Instant::now() + gap.mul_f64(number as f64 / LANES as f64);
    let mut kept = None;
    while !load.stop.load(Relaxed) {
        tokio::time::sleep_until(due).await;
        due += gap;
        load.sent.fetch_add(1, Relaxed);
        match ask(&mut kept, address).await {
            Ok(true) => *load.last_bad.lock().expect("no panic") = Some(Instant::now()),
            Ok(false) => {}
            Err(why) => {
                load.dropped.fetch_add(1, Relaxed);
                *load.why.lock().expect("no panic") = Some(why);
            }
        }
    }
}

/// Whether the aim was kept.
pub fn run(runtime: &tokio::runtime::Runtime, host: &Path, quick: bool) -> bool {
    let runs: u64 = if quick { 40 } else { 220 };
    runtime.block_on(async {
        let bench = Bench::start(host, 2).await;
        bench.up(Slot::Green, "v2", 2).await;
        let load = Arc::new(Load {
            stop: false.into(),
            sent: 0.into(),
            dropped: 0.into(),
            last_bad: Mutex::default(),
            why: Mutex::default(),
        });
        let lanes: Vec<_> = (0..LANES)
            .map(|n| tokio::spawn(lane(load.clone(), bench.listen, n)))
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (mut last_bad, mut acknowledged, mut at_node) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..runs {
            // A rollout of its own each time: the one before is latched. Each take-back raises
            // the epoch by one.
            bench.weigh(50, Some((1000 + u128::from(run), run))).await;
            tokio::time::sleep(Duration::from_millis(30 + run % 20)).await;
            let take = TakeBack {
                event_id: EventId::from_u128(u128::from(run) + 1),
                actor: Actor::machine("bench", "here"),
                at: Timestamp::EPOCH,
                reason: "bench".into(),
                only: None,
                now: false,
            };
            let commanded = Instant::now();
            let applied = bench.apply(0, None, Action::TakeBack(take)).await;
            acknowledged.push(commanded.elapsed());
            at_node.push(Duration::from_micros(applied.took_us));
            tokio::time::sleep(Duration::from_millis(60)).await;
            let last = *load.last_bad.lock().expect("no panic");
            last_bad.push(last.map_or(Duration::ZERO, |l| l.saturating_duration_since(commanded)));
        }
        load.stop.store(true, Relaxed);
        for lane in lanes {
            let _ = lane.await;
        }
        judge(&load, runs, last_bad, acknowledged, at_node)
    })
}

fn judge(
    load: &Load,
    runs: u64,
    last_bad: Vec<Duration>,
    acknowledged: Vec<Duration>,
    at_node: Vec<Duration>,
) -> bool {
    let (sent, dropped) = (load.sent.load(Relaxed), load.dropped.load(Relaxed));
    println!("\n{runs} take-backs at {RATE} requests/s ({sent} requests):");
    let p99 = percentile(&last_bad, 0.99);
    for (what, all) in [
        ("command → last bad response", &last_bad),
        ("command → acknowledged", &acknowledged),
        ("at the node, disk included", &at_node),
    ] {
        let ms = |p: f64| percentile(all, p).as_secs_f64() * 1e3;
        println!(
            "  {what:<28} p50 {:>7.2} ms   p99 {:>7.2} ms   max {:>7.2} ms",
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
    let kept = p99 <= AIM && dropped == 0;
    let said = if kept { "met" } else { "MISSED" };
    println!("  dropped {dropped}; aim: p99 ≤ {AIM:?} and 0 dropped: {said}");
    if let Some(why) = load.why.lock().expect("no panic").as_ref() {
        println!("  last failure: {why}");
    }
    kept
}

fn percentile(all: &[Duration], p: f64) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() as f64 * p).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(at - 1).copied().unwrap_or_default()
}
