//! The training ground: a console of its own, in a folder of its own, so that nothing done here
//! can touch what is real.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_platform::Platform;
use deckwatch_platform::local::ServiceDefinition;
use deckwatch_rollout::lane::Report;
use deckwatch_rollout::{Event, RolloutStatus};
use deckwatch_training::drills::{DRILLS, Desk, SERVICE};
use deckwatch_training::load::{LoadHandle, LoadOptions, LoadReport};
use deckwatch_training::{DemoService, services as demo_services};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::back::{RollBack, roll_back};
use crate::console::{Console, ConsoleOptions};
use crate::folder::DataFolder;
use crate::problem::Problem;
use crate::rollouts::{Noted, Start, abort, start};
use crate::route::{ByService, Done, Nothing};
use crate::show;

/// The first port of the training ground's services.
pub const FIRST_PORT: u16 = 17_701;
const RATE: f64 = 1000.0;

/// A drill, as listed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DrillRow {
    pub name: String,
    pub about: String,
    pub by_hand: String,
}

/// The demo services that stand.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ground {
    pub folder: PathBuf,
    /// Name, address and the releases there are.
    pub services: Vec<GroundService>,
}

/// One of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GroundService {
    pub service: String,
    pub about: String,
    pub address: String,
    pub releases: Vec<String>,
}

/// Faults to switch, as the demo service's `/faults` takes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub service: ServiceName,
    pub version: String,
    pub faults: Value,
}

/// # Errors
/// None.
pub async fn list_drills(_: &Console, _: Nothing) -> Result<Vec<DrillRow>, Problem> {
    Ok(DRILLS
        .iter()
        .map(|d| DrillRow {
            name: d.name.into(),
            about: d.about.into(),
            by_hand: d.by_hand.into(),
        })
        .collect())
}

fn ground(console: &Console) -> Vec<DemoService> {
    let first = std::env::var("DECKWATCH_TRAINING_PORT")
        .ok()
        .and_then(|p| p.parse().ok())
        .unwrap_or(FIRST_PORT);
    demo_services(&console.program, first)
}

/// The console of the training ground that belongs to this one.
///
/// # Errors
/// That its folder cannot be made.
pub fn training_console(console: &Console) -> Result<Console, Problem> {
    if console.folder.path().ends_with("training") {
        // Asked from inside: it is this one.
        return reopen(console, console.folder.path().to_owned());
    }
    reopen(console, console.folder.training())
}

fn reopen(console: &Console, folder: PathBuf) -> Result<Console, Problem> {
    Console::open(ConsoleOptions {
        folder: Some(folder),
        program: Some(console.program.clone()),
        display: console.actor.display.clone(),
    })
}

/// Defines the demo services and brings their first release up, where that is not so already.
///
/// # Errors
/// What did not come up, and why.
pub async fn stand(console: &Arc<Console>) -> Result<Vec<DemoService>, Problem> {
    console.ensure_node().await?;
    let wanted = ground(console);
    for demo in &wanted {
        let definition = ServiceDefinition::from_yaml(&demo.definition_yaml)
            .map_err(|p| crate::problem::invalid("definition", &p))?;
        console.platform.define(&definition).await?;
        let seen = console.platform.observe(&definition.service).await?;
        if seen
            .traffic
            .roles
            .playing(deckwatch_domain::Role::Stable)
            .is_some()
        {
            continue;
        }
        let state = console.rollouts(&definition.service).await?;
        if state.current.as_ref().is_some_and(|r| r.is_live()) {
            continue;
        }
        release(console, demo, "v1", "first").await?;
    }
    for demo in &wanted {
        let service = name(demo)?;
        serving(console, &service).await?;
    }
    Ok(wanted)
}

fn name(demo: &DemoService) -> Result<ServiceName, Problem> {
    ServiceName::new(demo.name).map_err(|e| Problem::new("training", e.to_string()))
}

/// Starts one release of a demo service.
///
/// # Errors
/// That there is no such release, or that it was refused.
pub async fn release(
    console: &Console,
    demo: &DemoService,
    version: &str,
    plan: &str,
) -> Result<(), Problem> {
    let found = demo.release(version).ok_or_else(|| {
        Problem::new(
            "training",
            format!("{} has no release {version}", demo.name),
        )
    })?;
    start(
        console,
        Start {
            service: Some(name(demo)?),
            version: version.parse().ok(),
            plan: Some(plan.into()),
            env: found.env.clone(),
            ..Start::default()
        },
    )
    .await
    .map(|_| ())
}

async fn serving(console: &Console, service: &ServiceName) -> Result<(), Problem> {
    for _ in 0..300 {
        let seen = console.platform.observe(service).await?;
        let stable = seen.traffic.roles.playing(deckwatch_domain::Role::Stable);
        if stable.is_some_and(|slot| seen.slots[slot].ready > 0) {
            return Ok(());
        }
        console.clock.sleep(Duration::from_millis(100)).await;
    }
    Err(Problem::new(
        "training",
        format!("{service} did not come up within 30 s"),
    ))
}

/// # Errors
/// What did not come up, and why.
pub async fn up(console: &Console, _: Nothing) -> Result<Ground, Problem> {
    let training = Arc::new(training_console(console)?);
    let agent = crate::Agent::start(&training, crate::AgentOptions::default()).await?;
    let stood = stand(&training).await;
    agent.stop().await;
    let services = stood?
        .into_iter()
        .map(|demo| GroundService {
            service: demo.name.into(),
            about: demo.about.into(),
            address: format!("http://127.0.0.1:{}", demo.port),
            releases: demo
                .releases
                .iter()
                .map(|r| format!("{}: {}", r.version, r.about))
                .collect(),
        })
        .collect();
    Ok(Ground {
        folder: training.folder.path().to_owned(),
        services,
    })
}

/// # Errors
/// That the node does not answer.
pub async fn down(console: &Console, _: Nothing) -> Result<Done, Problem> {
    let training = training_console(console)?;
    training.platform.shutdown().await?;
    for _ in 0..200 {
        if training.platform.node().await.is_err() {
            break;
        }
        training.clock.sleep(Duration::from_millis(50)).await;
    }
    Ok(Done::new("the training ground is empty"))
}

/// # Errors
/// That no instance of that version stands, or that it did not answer.
pub async fn fault(console: &Console, ask: Fault) -> Result<Done, Problem> {
    let training = training_console(console)?;
    training.known(&ask.service).await?;
    let seen = training.platform.observe(&ask.service).await?;
    let slots = deckwatch_domain::Slot::BOTH.map(|slot| &seen.slots[slot]);
    let ports: Vec<u16> = slots
        .into_iter()
        .filter(|s| {
            s.release
                .as_ref()
                .is_some_and(|r| r.version.as_str() == ask.version)
        })
        .flat_map(|s| s.instances.iter().filter_map(|i| i.port))
        .collect();
    if ports.is_empty() {
        return Err(Problem::new(
            "training",
            format!("no instance of {} {} stands", ask.service, ask.version),
        ));
    }
    for port in &ports {
        deckwatch_training::set_faults(*port, &ask.faults)
            .await
            .map_err(|e| Problem::new("training", e))?;
    }
    Ok(Done::new(format!(
        "{} instances of {} told",
        ports.len(),
        ask.version
    )))
}

/// A desk on the training ground: what a drill can do, done for real.
pub struct TrainingDesk {
    console: Mutex<Arc<Console>>,
    agent: tokio::sync::Mutex<Option<tokio::process::Child>>,
    load: Mutex<Option<LoadHandle>>,
    rate: f64,
    tell: Box<dyn Fn(&str) + Send + Sync>,
}

impl TrainingDesk {
    /// A desk in the training folder that belongs to `console`.
    ///
    /// # Errors
    /// That the folder cannot be made.
    pub fn new(
        console: &Console,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Problem> {
        Ok(TrainingDesk {
            console: Mutex::new(Arc::new(training_console(console)?)),
            agent: tokio::sync::Mutex::new(None),
            load: Mutex::new(None),
            rate: RATE,
            tell: Box::new(tell),
        })
    }

    /// Another load than the usual 1,000 requests a second.
    #[must_use]
    pub fn at_rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    pub fn console(&self) -> Arc<Console> {
        self.console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn folder(&self) -> DataFolder {
        self.console().folder.clone()
    }

    /// Leaves nothing running: load, agent, node and instances.
    pub async fn leave(&self) {
        let load = self
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(load) = load {
            load.stop().await;
        }
        if let Some(mut agent) = self.agent.lock().await.take() {
            let _ = agent.kill().await;
        }
        let console = self.console();
        if console.platform.node().await.is_ok() {
            let _ = console.platform.shutdown().await;
        }
        // It drains and ends what it runs; nothing is left once it no longer answers.
        for _ in 0..200 {
            if console.platform.node().await.is_err() {
                return;
            }
            console.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    fn service() -> Result<ServiceName, String> {
        ServiceName::new(SERVICE).map_err(|e| e.to_string())
    }

    /// Anything left of an earlier drill is ended first.
    async fn clear(&self) -> Result<(), Problem> {
        let console = self.console();
        let service =
            ServiceName::new(SERVICE).map_err(|e| Problem::new("training", e.to_string()))?;
        let state = console.rollouts(&service).await?;
        let live = state.current.as_ref().is_some_and(|r| r.is_live());
        if live {
            abort(
                &console,
                Noted {
                    service: service.clone(),
                    note: "a new drill begins".into(),
                },
            )
            .await?;
        }
        for _ in 0..200 {
            let state = console.rollouts(&service).await?;
            if state.current.as_ref().is_none_or(|r| r.phase.is_over()) {
                return Ok(());
            }
            console.clock.sleep(Duration::from_millis(100)).await;
        }
        Err(Problem::new(
            "training",
            "what was left of the last drill did not end",
        ))
    }
}

#[async_trait]
impl Desk for TrainingDesk {
    fn now(&self) -> Timestamp {
        self.console().clock.now().wall
    }

    async fn sleep(&self, duration: Duration) {
        self.console().clock.sleep(duration).await;
    }

    fn tell(&self, line: &str) {
        (self.tell)(line);
    }

    async fn begin(&self) -> Result<(), String> {
        let text = |p: Problem| p.to_string();
        let console = self.console();
        console.ensure_node().await.map_err(text)?;
        self.start_driver().await?;
        let demos = stand(&console).await.map_err(text)?;
        self.clear().await.map_err(text)?;
        let demo = demos
            .iter()
            .find(|d| d.name == SERVICE)
            .ok_or("no demo service")?;
        let target = std::net::SocketAddr::from(([127, 0, 0, 1], demo.port));
        let options = LoadOptions {
            rate: self.rate,
            ..LoadOptions::new(target)
        };
        let handle = deckwatch_training::load::start(options).map_err(|e| e.to_string())?;
        let before = self
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(handle);
        if let Some(before) = before {
            before.stop().await;
        }
        // A few scrapes, so that a plan can be held against today's traffic.
        self.sleep(Duration::from_secs(4)).await;
        Ok(())
    }

    fn load(&self) -> LoadReport {
        let load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        load.as_ref().map(LoadHandle::snapshot).unwrap_or_default()
    }

    async fn start(&self, version: &str) -> Result<(), String> {
        let console = self.console();
        let demos = ground(&console);
        let demo = demos
            .iter()
            .find(|d| d.name == SERVICE)
            .ok_or("no demo service")?;
        release(&console, demo, version, "training")
            .await
            .map_err(|p| p.to_string())
    }

    async fn status(&self) -> Result<RolloutStatus, String> {
        let by = ByService {
            service: Self::service()?,
        };
        let view = show::show(&self.console(), by)
            .await
            .map_err(|p| p.to_string())?;
        Ok(view.status)
    }

    async fn story(&self) -> Result<Vec<(Event, Timestamp)>, String> {
        let story = show::story(&self.console(), &Self::service()?)
            .await
            .map_err(|p| p.to_string())?;
        Ok(story
            .into_iter()
            .map(|(event, _, at)| (event, at))
            .collect())
    }

    async fn roll_back(&self, reason: &str) -> Result<Report, String> {
        let ask = RollBack {
            service: Self::service()?,
            reason: reason.into(),
            now: false,
            event_id: None,
        };
        let answer = roll_back(&self.console(), ask)
            .await
            .map_err(|p| p.to_string())?;
        Ok(answer.report)
    }

    async fn kill_driver(&self) -> Result<(), String> {
        match self.agent.lock().await.take() {
            // tokio's kill is SIGKILL: no farewell, as in a crash.
            Some(mut agent) => agent.kill().await.map_err(|e| e.to_string()),
            None => Err("no driver runs".into()),
        }
    }

    async fn start_driver(&self) -> Result<(), String> {
        let mut agent = self.agent.lock().await;
        let gone = match agent.as_mut() {
            Some(child) => child.try_wait().map_err(|e| e.to_string())?.is_some(),
            None => true,
        };
        if gone {
            let console = self.console();
            let child = tokio::process::Command::new(&console.program)
                .arg("--data")
                .arg(console.folder.path())
                .arg("agent")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .map_err(|e| format!("{}: {e}", console.program.display()))?;
            *agent = Some(child);
        }
        Ok(())
    }

    async fn lose_journal(&self) -> Result<(), String> {
        let console = self.console();
        // In place, as a bad disk would: every program that has it open sees the nonsense.
        let path = console.folder.journal();
        let length = std::fs::metadata(&path).map_err(|e| e.to_string())?.len();
        let nonsense = vec![0xA5u8; usize::try_from(length).unwrap_or(4096)];
        for file in [path.clone(), path.with_extension("db-wal")] {
            if file.exists() {
                std::fs::write(&file, &nonsense).map_err(|e| e.to_string())?;
            }
        }
        // A person who opens the console now finds the journal like that.
        let again =
            reopen(&console, console.folder.path().to_owned()).map_err(|p| p.to_string())?;
        *self.console.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(again);
        Ok(())
    }

    async fn new_journal(&self) -> Result<(), String> {
        if let Some(mut agent) = self.agent.lock().await.take() {
            let _ = agent.kill().await;
        }
        let console = self.console();
        crate::journal::set_aside(&console, Nothing {})
            .await
            .map_err(|p| p.to_string())?;
        let again =
            reopen(&console, console.folder.path().to_owned()).map_err(|p| p.to_string())?;
        again.absorb_waiting().await.map_err(|p| p.to_string())?;
        *self.console.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(again);
        Ok(())
    }
}
