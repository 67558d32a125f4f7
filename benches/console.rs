//! The whole console, measured on real processes under real load: what driving a canary costs,
//! how soon a killed driver is replaced, and how long a rollback takes as people run it.
//!
//! Fails when an aim is missed. `target/release/deckwatchctl` is the program that is measured.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_console::api::{self, TrainingDesk};
use deckwatch_console::{ByService, Console, ConsoleOptions};
use deckwatch_domain::ServiceName;
use deckwatch_training::drills::{Desk, SERVICE};

const RATE: f64 = 1000.0;

fn program() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let program = here.join("target/release/deckwatchctl");
    assert!(
        program.exists(),
        "build the program first: cargo build --release -p deckwatch-ctl"
    );
    program
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let missed = runtime.block_on(measure());
    if missed > 0 {
        eprintln!("{missed} aims missed");
        std::process::exit(1);
    }
}

struct Ground {
    desk: TrainingDesk,
    service: ServiceName,
    _folder: tempfile::TempDir,
}

async fn ground() -> Ground {
    let folder = tempfile::Builder::new().prefix("dwb").tempdir().unwrap();
    let console = Console::open(ConsoleOptions {
        folder: Some(folder.path().to_owned()),
        program: Some(program()),
        display: None,
    })
    .unwrap();
    let desk = TrainingDesk::new(&console, |_| {}).unwrap().at_rate(RATE);
    desk.begin().await.unwrap();
    Ground {
        desk,
        service: ServiceName::new(SERVICE).unwrap(),
        _folder: folder,
    }
}

async fn measure() -> u32 {
    let ground = ground().await;
    // Without the desk's own agent: it scrapes every second for the sake of short steps.
    ground.desk.kill_driver().await.unwrap();
    let mut missed = 0;
    missed += cost(&ground).await;
    missed += restart(&ground).await;
    missed += back(&ground).await;
    ground.desk.leave().await;
    missed
}

fn agent(console: &Console) -> Child {
    Command::new(program())
        .arg("--data")
        .arg(console.folder().path())
        .arg("agent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Processor seconds of a process so far.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |i: usize| {
        fields
            .get(i)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// A plan that holds at 10 % for as long as the measurement takes, with the usual interval.
const LONG: &str = "plan: measured
strategy: canary
steps:
  - weight: 10
    bake: { min: 10m, max: 20m }
  - weight: 100
    bake: { min: 10m, max: 20m }
analysis:
  interval: 5s
  metrics:
    - { name: errors, count: errors, margin: 1% }
    - { name: slow answers, slower_than: 300ms, margin: 2% }
baseline: 5s
";

async fn start(ground: &Ground, version: &str, plan: &str) {
    let console = ground.desk.console();
    api::start(
        &console,
        api::Start {
            service: Some(ground.service.clone()),
            version: version.parse().ok(),
            plan_yaml: Some(plan.to_owned()),
            ..api::Start::default()
        },
    )
    .await
    .unwrap();
}

async fn until_baking(ground: &Ground) {
    for _ in 0..600 {
        let status = ground.desk.status().await;
        if status.is_ok_and(|s| s.stage == deckwatch_rollout::Stage::Bake) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the canary never baked");
}

async fn cost(ground: &Ground) -> u32 {
    let console: Arc<Console> = ground.desk.console();
    let mut agent = agent(&console);
    start(ground, "v2", LONG).await;
    until_baking(ground).await;
    let view = api::service(
        &console,
        ByService {
            service: ground.service.clone(),
        },
    )
    .await
    .unwrap();
    let mut pids: Vec<u32> = deckwatch_domain::Slot::BOTH
        .iter()
        .flat_map(|slot| {
            view.observation.slots[*slot]
                .instances
                .iter()
                .filter_map(|i| i.pid)
        })
        .collect();
    pids.push(console.platform().node().await.unwrap().pid);
    let before: f64 = pids.iter().map(|p| cpu(*p)).sum();
    let agent_before = cpu(agent.id());
    tokio::time::sleep(Duration::from_secs(40)).await;
    let traffic: f64 = pids.iter().map(|p| cpu(*p)).sum::<f64>() - before;
    let driving = cpu(agent.id()) - agent_before;
    let _ = agent.kill();
    let _ = agent.wait();
    let share = driving / traffic;
    println!(
        "cost of driving and scraping a canary at {RATE:.0} requests/s, as a share of the traffic's own processor time (node and instances): {:.2} % (aim: at most 1 %) {}",
        share * 100.0,
        met(share <= 0.01)
    );
    u32::from(share > 0.01)
}

fn met(yes: bool) -> &'static str {
    if yes { "met" } else { "MISSED" }
}

/// kill -9, then a new agent: how long until the journal shows it driving.
async fn restart(ground: &Ground) -> u32 {
    let console = ground.desk.console();
    let mut times = Vec::new();
    let mut running = agent(&console);
    wait_for_other(ground, None).await;
    for _ in 0..10 {
        let before = api::driver(&console, &ground.service).await;
        let _ = running.kill();
        let _ = running.wait();
        let began = Instant::now();
        running = agent(&console);
        wait_for_other(ground, before).await;
        times.push(began.elapsed().as_secs_f64());
    }
    let _ = running.kill();
    let _ = running.wait();
    times.sort_by(f64::total_cmp);
    let worst = times[times.len() - 1];
    println!(
        "from a new agent's start after kill -9 until it drives: median {:.2} s, worst of {} {worst:.2} s (aim: at most 1 s) {}",
        times[times.len() / 2],
        times.len(),
        met(worst <= 1.0)
    );
    u32::from(worst > 1.0)
}

async fn wait_for_other(ground: &Ground, before: Option<String>) {
    let console = ground.desk.console();
    for _ in 0..4000 {
        let holder = api::driver(&console, &ground.service).await;
        if holder.is_some() && holder != before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody drives");
}

/// `deckwatchctl rollback`, the whole program, on a live canary.
async fn back(ground: &Ground) -> u32 {
    let console = ground.desk.console();
    let mut running = agent(&console);
    let (mut whole, mut last) = (Vec::new(), Vec::new());
    for round in 0..12 {
        if round > 0 {
            start(ground, "v2", LONG).await;
        }
        until_baking(ground).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let answer = Command::new(program())
            .arg("--data")
            .arg(console.folder().path())
            .args(["--json", "rollback", SERVICE, "--reason", "measured"])
            .output()
            .unwrap();
        whole.push(began.elapsed().as_secs_f64() * 1000.0);
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
        let report = &answer["report"];
        last.push(
            report["acknowledged_us"].as_f64().unwrap() / 1000.0
                + report["last_response_after_ms"].as_f64().unwrap_or(0.0),
        );
        for _ in 0..200 {
            if ground.desk.status().await.is_ok_and(|s| s.phase.is_over()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    let _ = running.kill();
    let _ = running.wait();
    let dropped = ground.desk.load().failures.dropped();
    whole.sort_by(f64::total_cmp);
    last.sort_by(f64::total_cmp);
    let good = last[last.len() - 1] <= 50.0 && dropped == 0;
    println!(
        "deckwatchctl rollback at {RATE:.0} requests/s: command to last bad response median {:.1} ms, worst of {} {:.1} ms; the whole program {:.0} ms; {dropped} requests dropped (aim: 50 ms, 0) {}",
        last[last.len() / 2],
        last.len(),
        last[last.len() - 1],
        whole[whole.len() / 2],
        met(good)
    );
    u32::from(!good)
}
