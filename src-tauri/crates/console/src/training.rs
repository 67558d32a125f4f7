//! The training ground: a console of its own, in a folder of its own, so that nothing done here
//! can touch what is real.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::{ReleaseVersion, ServiceName};
use deckwatch_platform::local::ServiceDefinition;
use deckwatch_training::drills::{self, DRILLS};
use deckwatch_training::{DemoService, services as demo_services};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::console::{Console, ConsoleOptions};
use crate::problem::Problem;
use crate::rollouts::{Start, start};
use crate::route::{Done, Nothing};
use crate::settings::Class;

/// The first port of the training ground's services.
pub const FIRST_PORT: u16 = 17_701;
const RATE: f64 = 1000.0;

mod desk;
mod kept;
mod mend;
mod mishaps;
mod session;

pub use desk::TrainingDesk;
pub(crate) use session::Session;
pub use session::{PlayDrill, SetRate, TrainingView, load, open, play, stop, view};

/// A drill, as listed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct DrillRow {
    pub name: String,
    pub about: String,
    pub asks: Asks,
    /// What the one who plays does, in a sentence.
    pub you: String,
    /// About how long it takes.
    pub takes: String,
    pub by_hand: String,
}

/// What the one who plays has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Asks {
    /// To watch.
    Nothing,
    /// To take the release back.
    TakeBack,
    /// To let a step be watched anew.
    Retry,
}

/// The demo services that stand.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Ground {
    pub folder: PathBuf,
    /// Name, address and the releases there are.
    pub services: Vec<GroundService>,
}

/// One of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct GroundService {
    pub service: String,
    pub about: String,
    pub address: String,
    pub releases: Vec<String>,
}

/// Faults to switch, as the demo service's `/faults` takes them.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
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
            asks: match d.asks {
                drills::Asks::Nothing => Asks::Nothing,
                drills::Asks::TakeBack => Asks::TakeBack,
                drills::Asks::Retry => Asks::Retry,
            },
            you: d.you.into(),
            takes: d.takes.into(),
            by_hand: d.by_hand.into(),
        })
        .collect())
}

/// This console looks at the training ground.
pub(crate) fn is_training(console: &Console) -> bool {
    console.environment().class == Class::Training
}

/// A window has the ground open, or is about to.
pub(crate) fn is_open(console: &Console) -> bool {
    match console.session.try_lock() {
        Ok(session) => session.is_some(),
        Err(_) => true,
    }
}

/// Why nothing answers on the training ground, where that is so because nobody has opened it.
pub(crate) fn closed(console: &Console) -> Option<&'static str> {
    (is_training(console) && !is_open(console))
        .then_some("the training ground is closed; opening it starts its services again")
}

fn ground(console: &Console) -> Vec<DemoService> {
    let first = std::env::var("DECKWATCH_TRAINING_PORT")
        .ok()
        .and_then(|p| p.parse().ok())
        .unwrap_or(FIRST_PORT);
    demo_services(&console.program, console.folder.path(), first)
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
        display: console.actor().display.clone(),
        ..ConsoleOptions::default()
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
        console.local.define(&definition).await?;
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
        release(console, demo, "v1", By::Name("first")).await?;
    }
    for demo in &wanted {
        let service = name(demo)?;
        serving(console, &service).await?;
    }
    Ok(wanted)
}

/// What makes a release of a demo service what it is, for those who start one by hand.
pub(crate) fn environment_of(
    console: &Console,
    service: &ServiceName,
    version: &ReleaseVersion,
) -> BTreeMap<String, String> {
    if !console.folder.path().ends_with("training") {
        return BTreeMap::new();
    }
    ground(console)
        .iter()
        .filter(|demo| demo.name == service.as_str())
        .find_map(|demo| Some(demo.release(version.as_str())?.env.clone()))
        .unwrap_or_default()
}

fn name(demo: &DemoService) -> Result<ServiceName, Problem> {
    ServiceName::new(demo.name).map_err(|e| Problem::new("training", e.to_string()))
}

/// A built-in plan, or a plan's text.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    Name(&'a str),
    Text(&'a str),
}

/// Starts one release of a demo service.
///
/// # Errors
/// That there is no such release, or that it was refused.
pub(crate) async fn release(
    console: &Console,
    demo: &DemoService,
    version: &str,
    plan: By<'_>,
) -> Result<(), Problem> {
    let found = demo.release(version).ok_or_else(|| {
        Problem::new(
            "training",
            format!("{} has no release {version}", demo.name),
        )
    })?;
    let (plan, plan_yaml) = match plan {
        By::Name(name) => (Some(name.to_owned()), None),
        By::Text(text) => (None, Some(text.to_owned())),
    };
    start(
        console,
        Start {
            service: Some(name(demo)?),
            version: version.parse().ok(),
            plan,
            plan_yaml,
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
    if let Some(session) = console.session.lock().await.take() {
        session.leave().await;
        return Ok(Done::new("the training ground is empty"));
    }
    let training = training_console(console)?;
    training.local.shutdown().await?;
    for _ in 0..200 {
        if training.local.node().await.is_err() {
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
