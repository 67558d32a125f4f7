//! The whole console, measured on real processes under real load: what driving a canary costs,
//! how soon a killed driver is replaced, and how long a rollback takes as people run it.
//!
//! Fails when an aim is missed (exit code 1) or when something could not be measured (2, with
//! what the agents said). The program that is measured is the one of this bench's own profile.
//! `DECKWATCH_ROLLBACKS` says how many rollbacks there are (100).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_console::api::{self, GiveUp, Promote, TrainingDesk};
use deckwatch_console::{ByService, Console, ConsoleOptions};
use deckwatch_domain::{ServiceName, Slot};
use deckwatch_training::drills::{Desk, SERVICE};
use deckwatch_training::load::{self, LoadOptions};

const RATE: f64 = 1000.0;
/// The requests whose latency is compared come on top of those.
const PROBE: f64 = 200.0;
const BLOCK: Duration = Duration::from_secs(5);
const BLOCKS: usize = 6;
const RESTARTS: u8 = 10;
/// How finely the load generator tells times apart, in percent.
const BUCKET: f64 = 3.2;

/// Anything that keeps a figure from being measured.
type Wrong = Box<dyn std::error::Error>;

/// `DECKWATCH_PROGRAM`, else the program beside this bench, of the same profile.
fn program() -> Result<PathBuf, Wrong> {
    let given = std::env::var_os("DECKWATCH_PROGRAM").filter(|p| !p.is_empty());
    let program = match given {
        Some(given) => PathBuf::from(given),
        None => {
            // target/release/deps/console-… -> target/release/deckwatchctl
            let here = std::env::current_exe()?;
            let folder = here.parent().and_then(Path::parent);
            folder
                .ok_or("this bench lies in no target folder")?
                .join("deckwatchctl")
        }
    };
    if program.is_file() {
        return Ok(program);
    }
    let words =
        "run `cargo build --release -p deckwatch-ctl` first, or name one with DECKWATCH_PROGRAM";
    Err(format!("there is no program at {}: {words}", program.display()).into())
}

fn main() -> ExitCode {
    let measured = tokio::runtime::Runtime::new()
        .map_err(Wrong::from)
        .and_then(|runtime| runtime.block_on(measure()));
    match measured {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("{missed} aims missed");
            ExitCode::from(1)
        }
        Err(wrong) => {
            eprintln!("the console could not be measured: {wrong}");
            ExitCode::from(2)
        }
    }
}

async fn measure() -> Result<u32, Wrong> {
    let folder = tempfile::Builder::new().prefix("dwb").tempdir()?;
    let program = program()?;
    println!("measuring {}", program.display());
    let console = Console::open(ConsoleOptions {
        folder: Some(folder.path().to_owned()),
        program: Some(program.clone()),
        ..ConsoleOptions::default()
    })?;
    let ground = Ground {
        desk: TrainingDesk::new(&console, |_| {})?.at_rate(RATE),
        service: ServiceName::new(SERVICE)?,
        program,
        log: folder.path().join("agents.log"),
    };
    let measured = all(&ground).await;
    let status = ground.desk.status().await;
    // Whatever happened, nothing is left running.
    ground.desk.leave().await;
    measured.map_err(|wrong| {
        let said = std::fs::read_to_string(&ground.log).unwrap_or_default();
        let rollout = status.map(|s| format!("{:?} {} {}", s.phase, s.note, s.ending));
        format!("{wrong}\nthe rollout: {rollout:?}\nthe agents said:\n{said}").into()
    })
}

async fn all(ground: &Ground) -> Result<u32, Wrong> {
    ground.desk.begin().await?;
    // The desk's own agent makes room for those that are measured.
    ground.desk.kill_driver().await?;
    Ok(cost(ground).await? + restart(ground).await? + back(ground).await?)
}

struct Ground {
    desk: TrainingDesk,
    service: ServiceName,
    program: PathBuf,
    log: PathBuf,
}

impl Ground {
    fn console(&self) -> Arc<Console> {
        self.desk.console()
    }

    fn agent(&self) -> Result<Agent, Wrong> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .arg("--data")
            .arg(self.console().folder().path())
            .arg("agent")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Agent(child))
    }

    async fn start(&self, plan: String) -> Result<(), Wrong> {
        let start = api::Start {
            service: Some(self.service.clone()),
            version: Some("v2".parse()?),
            plan_yaml: Some(plan),
            ..api::Start::default()
        };
        api::start(&self.console(), start).await?;
        Ok(())
    }

    /// Waits until a look satisfies; says what it waited for when it never does.
    async fn until<F: Future<Output = bool>>(
        &self,
        what: &str,
        mut look: impl FnMut() -> F,
    ) -> Result<(), Wrong> {
        let began = Instant::now();
        while !look().await {
            if began.elapsed() > Duration::from_secs(60) {
                return Err(format!("waited in vain for {what}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    async fn baking(&self) -> Result<(), Wrong> {
        let baking = async || {
            let status = self.desk.status().await;
            status.is_ok_and(|s| s.stage == deckwatch_rollout::Stage::Bake && !s.phase.is_over())
        };
        self.until("the canary to bake", baking).await
    }

    async fn over(&self) -> Result<(), Wrong> {
        let over = async || self.desk.status().await.is_ok_and(|s| s.phase.is_over());
        self.until("the rollout to end", over).await
    }

    async fn abort(&self) -> Result<(), Wrong> {
        let asked = GiveUp {
            service: self.service.clone(),
            note: "measured".into(),
            kind: Default::default(),
        };
        api::abort(&self.console(), asked).await?;
        self.over().await
    }
}

/// A driver as a process of its own, gone when it is dropped, without farewell.
struct Agent(Child);

impl Agent {
    fn signal(&self, name: &str) -> Result<(), Wrong> {
        let words = format!("kill -{name} {}", self.0.id());
        let done = Command::new("sh").args(["-c", &words]).status()?;
        done.success().then_some(()).ok_or(words.into())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor seconds of a process so far.
fn cpu(pid: u32) -> Result<f64, Wrong> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|error| format!("process {pid} is gone while it is measured: {error}"))?;
    let (_, rest) = stat.rsplit_once(')').ok_or("no process state")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |i: usize| -> Result<f64, Wrong> { Ok(fields.get(i).ok_or("short")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn cpu_of(pids: &[u32]) -> Result<f64, Wrong> {
    pids.iter().map(|pid| cpu(*pid)).sum()
}

/// The value below which this share of them lies: of few values, the highest.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

fn met(yes: bool) -> &'static str {
    if yes { "met" } else { "MISSED" }
}

/// A plan whose steps hold for as long as any measurement takes.
fn plan(weights: &[u8], judged: bool) -> String {
    let step = |w: &u8| {
        format!("  - {{ weight: {w}, bake: {{ min: 10m, max: 20m }}, analysis: {judged} }}\n")
    };
    let steps: String = weights.iter().map(step).collect();
    // Without a judge nothing is captured, but two of its intervals are waited for all the same.
    let (interval, baseline) = match judged {
        true => ("5s", "5s"),
        false => ("500ms", "0s"),
    };
    format!(
        "plan: measured
strategy: canary
steps:
{steps}analysis:
  interval: {interval}
  metrics:
    - {{ name: errors, count: errors, margin: 1% }}
    - {{ name: slow answers, slower_than: 300ms, margin: 2% }}
baseline: {baseline}
"
    )
}

/// One stretch of time: processor seconds and the latency of the probe's requests.
struct Block {
    agent: f64,
    traffic: f64,
    p50: f64,
    p99: f64,
}

async fn block(agent: &Agent, traffic: &[u32], target: LoadOptions) -> Result<Block, Wrong> {
    let before = (cpu(agent.0.id())?, cpu_of(traffic)?);
    let probe = load::start(target)?;
    tokio::time::sleep(BLOCK).await;
    let after = (cpu(agent.0.id())?, cpu_of(traffic)?);
    let latency = probe.stop().await.latency;
    Ok(Block {
        agent: after.0 - before.0,
        traffic: after.1 - before.1,
        p50: latency.p50_ms,
        p99: latency.p99_ms,
    })
}

/// With and without the driver, turn by turn: it is suspended for every other block, and the
/// rollout, the traffic and the machine's moods stay the same.
async fn cost(ground: &Ground) -> Result<u32, Wrong> {
    let console = ground.console();
    let agent = ground.agent()?;
    ground.start(plan(&[10, 100], true)).await?;
    ground.baking().await?;
    let service = ground.service.clone();
    let view = api::service(&console, ByService { service }).await?;
    let mut traffic: Vec<u32> = Slot::BOTH
        .iter()
        .flat_map(|slot| &view.observation.slots[*slot].instances)
        .filter_map(|instance| instance.pid)
        .collect();
    traffic.push(console.local().node().await?.pid);
    let definition = view.definition.ok_or("the service is not defined")?;
    let target = LoadOptions {
        rate: PROBE,
        ..LoadOptions::new(definition.listen)
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        agent.signal("STOP")?;
        without.push(block(&agent, &traffic, target.clone()).await?);
        agent.signal("CONT")?;
        with.push(block(&agent, &traffic, target.clone()).await?);
    }
    ground.abort().await?;
    let seconds = BLOCK.as_secs_f64() * BLOCKS as f64;
    let driving = with.iter().map(|b| b.agent).sum::<f64>() / seconds;
    let serving = without.iter().map(|b| b.traffic).sum::<f64>() / seconds;
    let both = with.iter().map(|b| b.traffic).sum::<f64>() / seconds;
    let share = driving * 100.0;
    println!(
        "driving, judging and scraping one service at {:.0} requests/s: {share:.2} % of one core, beside {:.1} % for the traffic itself (node and instances; {:+.1} % while it is driven) (aim: at most 1 %) {}",
        RATE + PROBE,
        serving * 100.0,
        (both / serving - 1.0) * 100.0,
        met(share <= 1.0)
    );
    Ok(u32::from(share > 1.0) + latency(&with, &without))
}

/// What the driver adds to a request's time, beside what changes from block to block without it.
/// The load generator's own buckets are 3 % wide: less than that is not seen.
fn latency(with: &[Block], without: &[Block]) -> u32 {
    let added = |of: fn(&Block) -> f64| {
        let pairs = with.iter().zip(without);
        let mut more: Vec<f64> = pairs.map(|(w, o)| (of(w) / of(o) - 1.0) * 100.0).collect();
        quantile(&mut more, 0.5)
    };
    let mut moods: Vec<f64> = without
        .windows(2)
        .map(|b| (b[1].p50 / b[0].p50 - 1.0).abs() * 100.0)
        .collect();
    let noise = quantile(&mut moods, 0.5);
    let more = added(|b| b.p50);
    // A difference that the machine makes by itself is nobody's miss.
    let good = more <= noise.max(BUCKET);
    println!(
        "a request's time while it is driven, against the same seconds without a driver: median {more:+.1} %, p99 {:+.1} %; between two blocks without one the median moves by {noise:.1} % (resolved to {BUCKET} %; aim: nothing above that or above what the machine does by itself) {}",
        added(|b| b.p99),
        met(good)
    );
    u32::from(!good)
}

/// kill -9, then a new agent, which has a step to take: how long until the traffic shows it.
async fn restart(ground: &Ground) -> Result<u32, Wrong> {
    let console = ground.console();
    let mut times = Vec::new();
    let mut agent = ground.agent()?;
    let weights: Vec<u8> = (1..=RESTARTS + 1).chain([100]).collect();
    ground.start(plan(&weights, false)).await?;
    ground.baking().await?;
    for round in 1..=RESTARTS {
        // The whole of it: dead, asked, started, the lease taken over, the weight written.
        drop(agent);
        let ask = Promote {
            service: ground.service.clone(),
            full: false,
            break_glass: Some("measured".into()),
        };
        api::promote(&console, ask).await?;
        let began = Instant::now();
        agent = ground.agent()?;
        let moved = async || {
            let seen = console.platform().observe(&ground.service).await;
            seen.is_ok_and(|seen| {
                Slot::BOTH
                    .map(|slot| seen.traffic.weights.of(slot))
                    .contains(&(round + 1))
            })
        };
        ground.until("the next weight", moved).await?;
        times.push(began.elapsed().as_secs_f64());
        ground.baking().await?;
    }
    ground.abort().await?;
    let median = quantile(&mut times, 0.5);
    let worst = quantile(&mut times, 1.0);
    println!(
        "from a new agent's start after kill -9 until it has moved traffic: median {median:.2} s, worst of {} {worst:.2} s (aim: at most 1 s) {}",
        times.len(),
        met(worst <= 1.0)
    );
    Ok(u32::from(worst > 1.0))
}

/// `deckwatchctl rollback`, the whole program, on a live canary.
async fn back(ground: &Ground) -> Result<u32, Wrong> {
    let rounds = match std::env::var("DECKWATCH_ROLLBACKS") {
        Ok(text) => text.parse()?,
        Err(_) => 100,
    };
    let _agent = ground.agent()?;
    let before = ground.desk.load().failures.dropped();
    let (mut whole, mut last) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ground.start(plan(&[10, 100], false)).await?;
        ground.baking().await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        let answer = Command::new(&ground.program)
            .arg("--data")
            .arg(ground.console().folder().path())
            .args(["--json", "rollback", SERVICE, "--reason", "measured"])
            .output()?;
        whole.push(began.elapsed().as_secs_f64() * 1000.0);
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr).into_owned();
            return Err(format!("rollback: {}: {said}", answer.status).into());
        }
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout)?;
        let report = &answer["report"];
        let written = report["acknowledged_us"].as_f64();
        last.push(
            written.ok_or("the rollback does not say when it was written")? / 1000.0
                + report["last_response_after_ms"].as_f64().unwrap_or(0.0),
        );
        ground.over().await?;
    }
    let dropped = ground.desk.load().failures.dropped() - before;
    let p99 = quantile(&mut last, 0.99);
    let good = p99 <= 50.0 && dropped == 0;
    println!(
        "deckwatchctl rollback at {RATE:.0} requests/s, {rounds} times: command to last bad response median {:.1} ms, p99 {p99:.1} ms, worst {:.1} ms; the whole program p99 {:.0} ms; {dropped} requests dropped (aim: p99 50 ms, 0) {}",
        quantile(&mut last, 0.5),
        quantile(&mut last, 1.0),
        quantile(&mut whole, 0.99),
        met(good)
    );
    Ok(u32::from(!good))
}
